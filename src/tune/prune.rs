//! Pruning by saliency on calibration data: which entries of a matrix, and which neurons, are worth having.
//!
//! * **Entries.** What an entry is worth is what it adds to a row that is built entry by entry
//!   ([`compensate::gains`](super::compensate::gains)): the drop of the calibration error, correlations included, where
//!   magnitude pruning sees one weight alone and Wanda (arXiv 2306.11695) one weight times the size of its input. Rows are
//!   weighted by what their error does to the next layer's sums. The entries that are worth most are kept in the whole matrix
//!   together, so that some rows get more than others.
//! * **Neurons.** What a neuron is worth is the variance of its activation times the squared norm of its column in the next
//!   layer: what its loss does to the next layer's sums before the other neurons make up for it. The widths of a network are
//!   public, and its lookups are padded to powers of two: going from 512 to 256 neurons halves the lookups, going to 384 only
//!   the commitments.

use crate::model::float::{FloatLayer, FloatNetwork};

/// How many entries each row may have so that a matrix has `total` of them: those that add most. `gains` are those of the rows
/// in the order in which entries were added.
#[must_use]
pub fn allot(gains: &[Vec<f64>], importance: &[f64], total: usize) -> Vec<usize> {
    // An entry is not worth less than one that only its presence makes worth having: what counts is the least so far.
    let mut all: Vec<(f64, usize)> = Vec::new();
    for (i, (row, weight)) in gains.iter().zip(importance).enumerate() {
        let mut least = f64::INFINITY;
        for gain in row {
            least = least.min(gain * weight);
            all.push((least, i));
        }
    }
    all.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut counts = vec![0; gains.len()];
    all.iter().take(total).for_each(|(_, i)| counts[*i] += 1);
    counts
}

/// Squared norm of every column: what a unit of the input does to all sums.
#[must_use]
pub fn column_norms(layer: &FloatLayer) -> Vec<f64> {
    let mut out = vec![0.0; layer.columns];
    for row in layer.weights.chunks_exact(layer.columns.max(1)) {
        out.iter_mut().zip(row).for_each(|(n, w)| *n += f64::from(*w).powi(2));
    }
    out
}

/// Variance of every column of a batch.
fn variances(batch: &[f32], width: usize) -> Vec<f64> {
    let count = (batch.len() / width.max(1)).max(1) as f64;
    let mut sums = vec![(0.0, 0.0); width];
    for v in batch.chunks_exact(width.max(1)) {
        for ((sum, square), v) in sums.iter_mut().zip(v) {
            *sum += f64::from(*v);
            *square += f64::from(*v).powi(2);
        }
    }
    sums.into_iter().map(|(sum, square)| (square - sum * sum / count).max(0.0) / count).collect()
}

/// The neurons of every hidden layer that are kept when none may have more than `width`, in order; `activations` are those of
/// the calibration data, layer by layer.
#[must_use]
pub fn neurons(network: &FloatNetwork, activations: &[Vec<f32>], width: usize) -> Vec<Vec<usize>> {
    let keep = |(b, a): (usize, &Vec<f32>)| {
        let rows = network.layers[b].rows;
        let norms = column_norms(&network.layers[b + 1]);
        let saliency: Vec<f64> = variances(a, rows).iter().zip(norms).map(|(v, n)| v * n).collect();
        let mut order: Vec<usize> = (0..rows).collect();
        order.sort_by(|a, b| saliency[*b].total_cmp(&saliency[*a]).then(a.cmp(b)));
        order.truncate(width);
        order.sort_unstable();
        order
    };
    activations.iter().take(network.layers.len().saturating_sub(1)).enumerate().map(keep).collect()
}

/// The network with the given neurons of every hidden layer only.
#[must_use]
pub fn narrow(network: &FloatNetwork, kept: &[Vec<usize>]) -> FloatNetwork {
    let mut out = network.clone();
    for (b, layer) in out.layers.iter_mut().enumerate() {
        let whole = &network.layers[b];
        let rows: Vec<usize> = kept.get(b).cloned().unwrap_or_else(|| (0..whole.rows).collect());
        let columns: Vec<usize> =
            b.checked_sub(1).and_then(|a| kept.get(a)).cloned().unwrap_or_else(|| (0..whole.columns).collect());
        layer.weights = rows.iter().flat_map(|&i| columns.iter().map(move |&j| whole.row(i)[j])).collect();
        layer.bias = rows.iter().map(|&i| whole.bias[i]).collect();
        (layer.rows, layer.columns) = (rows.len(), columns.len());
    }
    out
}

/// The given columns of a batch.
#[must_use]
pub fn select(batch: &[f32], width: usize, columns: &[usize]) -> Vec<f32> {
    batch.chunks_exact(width.max(1)).flat_map(|v| columns.iter().map(|&j| v[j])).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::small_network;
    use super::*;

    #[test]
    fn entries_that_add_most_are_kept() {
        let gains = [vec![5.0, 1.0, 2.0], vec![4.0, 3.0], vec![]];
        assert_eq!(allot(&gains, &[1.0; 3], 3), [1, 2, 0]);
        // Weighted rows; the third entry of the first row is worth no more than the second, before which it cannot come.
        assert_eq!(allot(&gains, &[10.0, 1.0, 1.0], 3), [3, 0, 0]);
        assert_eq!(allot(&gains, &[1.0; 3], 4), [2, 2, 0]);
        assert_eq!(allot(&gains, &[1.0; 3], 99), [3, 2, 0]);
    }

    #[test]
    fn neurons_that_say_nothing_go_first() {
        let mut network = small_network(7);
        // Neuron 3 never speaks; nobody listens to neuron 5.
        let columns = network.layers[0].columns;
        network.layers[0].weights[3 * columns..4 * columns].fill(0.0);
        network.layers[0].bias[3] = -1.0;
        let width = network.layers[1].columns;
        (0..network.layers[1].rows).for_each(|k| network.layers[1].weights[k * width + 5] = 0.0);
        let inputs: Vec<f32> = (0..columns * 50).map(|i| (i * 37 % 61) as f32 / 4.0).collect();
        let trace = network.forward(&inputs);
        let kept = neurons(&network, &trace.activations, width - 2);
        assert_eq!(kept[0], (0..width).filter(|i| ![3, 5].contains(i)).collect::<Vec<_>>());
        let narrowed = narrow(&network, &[kept[0].clone(), (0..network.layers[1].rows).collect()]);
        let logits = narrowed.logits(&inputs);
        assert_eq!(narrowed.widths()[1], width - 2);
        let largest = logits.iter().fold(1.0f32, |m, v| m.max(v.abs()));
        assert!(logits.iter().zip(network.logits(&inputs)).all(|(a, b)| (a - b).abs() <= 1e-5 * largest));
        assert_eq!(select(&[1.0, 2.0, 3.0, 4.0], 2, &[1]), [2.0, 4.0]);
    }
}
