//! Cross-layer equalisation: the same float network with channels of comparable size.
//!
//! ReLU is positively homogeneous, so output `i` of a hidden layer may be multiplied by any `s_i > 0` when column `i` of the
//! next layer is divided by it. With `r1_i` and `r2_i` the largest magnitudes of that row and that column,
//! `s_i = √(r2_i / r1_i)` makes them equal (arXiv 1906.04721, equation 11). Pairs of layers are swept until nothing moves.

use crate::model::float::{Activation, FloatNetwork};

/// Most sweeps over all pairs of layers.
const SWEEPS: usize = 20;

/// Multiplies output `i` of hidden layer `layer` by `factors[i]`, and column `i` of the next layer by its inverse: for layers with
/// ReLU the network computes what it did.
///
/// # Panics
/// When `layer` is not followed by another.
pub fn rescale(network: &mut FloatNetwork, layer: usize, factors: &[f64]) {
    let (first, rest) = network.layers.split_at_mut(layer + 1);
    let (this, next) = (&mut first[layer], &mut rest[0]);
    let columns = this.columns;
    for (row, f) in this.weights.chunks_exact_mut(columns).zip(factors) {
        row.iter_mut().for_each(|w| *w = (f64::from(*w) * f) as f32);
    }
    this.bias.iter_mut().zip(factors).for_each(|(b, f)| *b = (f64::from(*b) * f) as f32);
    for row in next.weights.chunks_exact_mut(next.columns) {
        row.iter_mut().zip(factors).for_each(|(w, f)| *w = (f64::from(*w) / f) as f32);
    }
}

/// Equalises every layer with ReLU and the one after it.
#[must_use]
pub fn equalise(network: &FloatNetwork) -> FloatNetwork {
    let mut out = network.clone();
    for _ in 0..SWEEPS {
        let mut moved = 0.0f64;
        for b in 0..out.layers.len().saturating_sub(1) {
            if out.layers[b].activation != Activation::Relu || out.layers[b].grid.is_some() {
                continue;
            }
            let (this, next) = (&out.layers[b], &out.layers[b + 1]);
            let largest = |m: f32, w: &f32| m.max(w.abs());
            let mut columns = vec![0.0f32; next.columns];
            for row in next.weights.chunks_exact(next.columns) {
                columns.iter_mut().zip(row).for_each(|(m, w)| *m = largest(*m, w));
            }
            let factor = |i: usize| {
                let row = this.row(i).iter().fold(0.0, largest);
                // A dead channel has nothing to equalise.
                if row > 0.0 && columns[i] > 0.0 { (f64::from(columns[i]) / f64::from(row)).sqrt() } else { 1.0 }
            };
            let factors: Vec<f64> = (0..this.rows).map(factor).collect();
            moved = factors.iter().fold(moved, |m, f| m.max(f.ln().abs()));
            rescale(&mut out, b, &factors);
        }
        if moved < 1e-3 {
            break;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::tests::small_network;
    use super::*;

    #[test]
    fn the_function_stays_and_ranges_become_equal() {
        let network = small_network(5);
        let inputs: Vec<f32> = (0..12 * 40).map(|i| (i * 31 % 97) as f32 / 8.0).collect();
        let (before, equalised) = (network.logits(&inputs), equalise(&network));
        assert_ne!(equalised, network);
        let largest = before.iter().fold(1.0f32, |m, v| m.max(v.abs()));
        for (a, b) in before.iter().zip(equalised.logits(&inputs)) {
            assert!((a - b).abs() <= 1e-4 * largest, "{a} {b}");
        }
        let (this, next) = (&equalised.layers[0], &equalised.layers[1]);
        for i in 0..this.rows {
            let row = this.row(i).iter().fold(0.0f32, |m, w| m.max(w.abs()));
            let column = (0..next.rows).fold(0.0f32, |m, k| m.max(next.row(k)[i].abs()));
            assert!((row / column).ln().abs() < 0.01, "{i}: {row} {column}");
        }
    }
}
