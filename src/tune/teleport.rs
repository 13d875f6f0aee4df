//! Teleportation: channels rescaled so that ternary weights fit the network best.
//!
//! Rescalings through ReLU (see [`equalise`](super::equalise)) are a group that acts on the weights and leaves the function
//! alone; TeleSparse (arXiv 2504.19274) moves along it by gradients to make activations' ranges small. The raw range is no
//! objective here: it goes to zero with the scale, and a ternary layer takes its scale out again. What counts is what rounding to
//! `α·t` with one `α` a matrix does to the layer's sums. With `τ` the factors of the rows and `τ'` those of the layer before,
//!
//! ```text
//! E = Σ_ij e_j·(W_ij − α·t_ij·τ'_j / τ_i)² / v_i      t: signs of the entries above half the mean, α: least squares
//! ```
//!
//! where `e_j` is the mean square of input `j` and `v_i` that of sum `i` on calibration data, both of the original network. `α`
//! minimises `E` and `t` is held fixed in a step, so that the gradient in `log τ` is that of the square alone; a step is kept
//! when `E`, with new signs, falls, and made smaller when not. `E` does not change when all `τ` of a layer are multiplied by the
//! same number.

use super::equalise::rescale;
use crate::model::float::{Activation, FloatLayer, FloatNetwork};

/// Most steps.
const STEPS: usize = 60;

/// Mean squares on calibration data.
#[derive(Clone, Debug, PartialEq)]
pub struct Energies {
    /// Of the inputs of every layer.
    pub inputs: Vec<Vec<f64>>,
    /// Of the sums of every layer.
    pub sums: Vec<Vec<f64>>,
}

impl Energies {
    /// Those of a network on a batch of inputs.
    #[must_use]
    pub fn measure(network: &FloatNetwork, inputs: &[f32]) -> Self {
        let trace = network.forward(inputs);
        let widths = network.widths();
        let mut before = vec![mean_squares(&network.take(inputs), widths[0])];
        let hidden = trace.activations.iter().zip(&widths[1..]).take(network.layers.len().saturating_sub(1));
        before.extend(hidden.map(|(a, w)| mean_squares(a, *w)));
        Self { inputs: before, sums: trace.sums.iter().zip(&widths[1..]).map(|(a, w)| mean_squares(a, *w)).collect() }
    }
}

/// The mean square of every column of a batch.
fn mean_squares(batch: &[f32], width: usize) -> Vec<f64> {
    let mut out = vec![0.0; width];
    for v in batch.chunks_exact(width.max(1)) {
        out.iter_mut().zip(v).for_each(|(m, v)| *m += f64::from(*v).powi(2));
    }
    let count = (batch.len() / width.max(1)).max(1) as f64;
    out.into_iter().map(|v| v / count).collect()
}

/// The objective of a layer, its gradients in the logarithms of the rows' factors and of the columns' ones.
fn layer_error(layer: &FloatLayer, e: &[f64], v: &[f64], rows: &[f64], columns: &[f64]) -> (f64, Vec<f64>, Vec<f64>) {
    let factor = |i: usize, j: usize| columns[j] / rows[i];
    let scaled = |i: usize, j: usize| f64::from(layer.row(i)[j]) / factor(i, j);
    let entries = || (0..layer.rows).flat_map(|i| (0..layer.columns).map(move |j| (i, j)));
    let mean = entries().map(|(i, j)| scaled(i, j).abs()).sum::<f64>() / (layer.rows * layer.columns).max(1) as f64;
    let floor = v.iter().fold(0.0f64, |m, v| m.max(*v)) * 1e-9 + f64::MIN_POSITIVE;
    let weight = |i: usize, j: usize| e[j] / v[i].max(floor);
    let sign = |i: usize, j: usize| {
        let value = scaled(i, j);
        if value.abs() > 0.5 * mean { value.signum() } else { 0.0 }
    };
    let (mut inner, mut square) = (0.0, 0.0);
    for (i, j) in entries() {
        let unit = sign(i, j) * factor(i, j);
        inner += weight(i, j) * unit * f64::from(layer.row(i)[j]);
        square += weight(i, j) * unit * unit;
    }
    let alpha = if square > 0.0 { inner / square } else { 0.0 };
    let (mut error, mut by_row, mut by_column) = (0.0, vec![0.0; layer.rows], vec![0.0; layer.columns]);
    for (i, j) in entries() {
        let stands_for = alpha * sign(i, j) * factor(i, j);
        let residual = f64::from(layer.row(i)[j]) - stands_for;
        error += weight(i, j) * residual * residual;
        let slope = 2.0 * weight(i, j) * residual * stands_for;
        by_row[i] += slope;
        by_column[j] -= slope;
    }
    (error, by_row, by_column)
}

/// `E` of all layers for given logarithms of factors, and its gradient in them.
fn objective(network: &FloatNetwork, energies: &Energies, logs: &[Vec<f64>]) -> (f64, Vec<Vec<f64>>) {
    let mut gradient: Vec<Vec<f64>> = logs.iter().map(|l| vec![0.0; l.len()]).collect();
    let mut total = 0.0;
    let ones = |n: usize| vec![1.0; n];
    let exp = |l: &Vec<f64>| l.iter().map(|v| v.exp()).collect::<Vec<f64>>();
    for (b, layer) in network.layers.iter().enumerate() {
        let rows = logs.get(b).map_or_else(|| ones(layer.rows), exp);
        let columns = b.checked_sub(1).map_or_else(|| ones(layer.columns), |a| exp(&logs[a]));
        let (error, by_row, by_column) = layer_error(layer, &energies.inputs[b], &energies.sums[b], &rows, &columns);
        total += error;
        if let Some(g) = gradient.get_mut(b) {
            g.iter_mut().zip(by_row).for_each(|(g, v)| *g += v);
        }
        if let Some(g) = b.checked_sub(1).and_then(|a| gradient.get_mut(a)) {
            g.iter_mut().zip(by_column).for_each(|(g, v)| *g += v);
        }
    }
    (total, gradient)
}

/// The quantisation error `E` of a network as it is.
#[must_use]
pub fn error(network: &FloatNetwork, energies: &Energies) -> f64 {
    objective(network, energies, &start(network)).0
}

fn start(network: &FloatNetwork) -> Vec<Vec<f64>> {
    network.layers.iter().rev().skip(1).rev().map(|l| vec![0.0; l.rows]).collect()
}

/// Rescales channels to lower the quantisation error; `energies` are those of `network` on calibration data.
#[must_use]
pub fn teleport(network: &FloatNetwork, energies: &Energies) -> FloatNetwork {
    let mut logs = start(network);
    let (mut value, mut gradient) = objective(network, energies, &logs);
    let mut length = 0.3;
    for _ in 0..STEPS {
        let largest = gradient.iter().flatten().fold(0.0f64, |m, g| m.max(g.abs()));
        if largest <= 0.0 || length < 1e-3 {
            break;
        }
        let step = |(b, (logs, g)): (usize, (&Vec<f64>, &Vec<f64>))| {
            let moves = network.layers[b].activation == Activation::Relu && network.layers[b].grid.is_none();
            let rate = if moves { length / largest } else { 0.0 };
            logs.iter().zip(g).map(|(l, g)| l - rate * g).collect::<Vec<f64>>()
        };
        let next: Vec<Vec<f64>> = logs.iter().zip(&gradient).enumerate().map(step).collect();
        let (there, slope) = objective(network, energies, &next);
        if there < value {
            (logs, value, gradient) = (next, there, slope);
            length *= 1.2;
        } else {
            length *= 0.5;
        }
    }
    let mut out = network.clone();
    for (b, logs) in logs.iter().enumerate() {
        rescale(&mut out, b, &logs.iter().map(|l| l.exp()).collect::<Vec<f64>>());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::tests::small_network;
    use super::*;

    fn inputs() -> Vec<f32> {
        (0..12 * 60).map(|i| (i * 29 % 101) as f32 / 8.0).collect()
    }

    #[test]
    fn the_function_stays_and_the_error_falls() {
        let (network, inputs) = (small_network(2), inputs());
        let energies = Energies::measure(&network, &inputs);
        let moved = teleport(&network, &energies);
        let before = network.logits(&inputs);
        let largest = before.iter().fold(1.0f32, |m, v| m.max(v.abs()));
        for (a, b) in before.iter().zip(moved.logits(&inputs)) {
            assert!((a - b).abs() <= 1e-4 * largest, "{a} {b}");
        }
        let (from, to) = (error(&network, &energies), error(&moved, &Energies::measure(&moved, &inputs)));
        assert!(to < 0.99 * from, "{from} -> {to}");
    }

    #[test]
    fn the_gradient_is_that_of_the_error_and_scale_is_free() {
        let (network, inputs) = (small_network(4), inputs());
        let energies = Energies::measure(&network, &inputs);
        let mut logs = start(&network);
        let (value, gradient) = objective(&network, &energies, &logs);
        // Signs are constant between thresholds, so a small enough step sees the gradient alone.
        let h = 1e-7;
        let mut agree = 0;
        for i in 0..logs[0].len() {
            logs[0][i] += h;
            let slope = (objective(&network, &energies, &logs).0 - value) / h;
            logs[0][i] -= h;
            agree += usize::from((slope - gradient[0][i]).abs() <= 1e-3 * gradient[0][i].abs().max(1e-3));
        }
        assert!(agree + 1 >= logs[0].len(), "{agree} of {}", logs[0].len());
        // All channels together: the first layer's error does not change, since α takes the factor up.
        let all: f64 = gradient[0].iter().sum();
        let size: f64 = gradient[0].iter().map(|g| g.abs()).sum();
        assert!(all.abs() < 1e-6 * size.max(1.0), "{all} {size}");
    }
}
