//! What calibration needs to know about a layer: second moments of its inputs and of the sums that it should have.
//!
//! With centred integer inputs `X` (`B × columns`) and centred float sums `Z` (`B × rows`), the error of a row `α·t` is
//!
//! ```text
//! ‖α·X·t − z‖² = α²·tᵀG·t − 2α·c·t + ‖z‖²          G = XᵀX, c = zᵀX
//! ```
//!
//! so that no later step looks at the inputs again. Centring takes the bias out: the best one makes the means equal, whatever
//! `t` and `α` are. `G` is the Hessian of optimal brain compression (arXiv 2208.11580) and of OPTQ (arXiv 2210.17323).

use crate::compute::Compute;

/// Second moments of a layer's integer inputs and float sums.
#[derive(Clone, Debug)]
pub struct Moments {
    /// Number of inputs of the layer.
    pub columns: usize,
    /// Mean of every input.
    pub input_means: Vec<f64>,
    /// Mean of every float sum.
    pub target_means: Vec<f64>,
    /// `G`, `columns × columns`.
    pub gram: Vec<f64>,
    /// `c` of every row, `rows × columns`.
    pub cross: Vec<f64>,
    /// `‖z‖²` of every row.
    pub energy: Vec<f64>,
}

impl Moments {
    /// The moments of `inputs` (`B × columns`) and `targets` (`B × rows`, `rows` of them an input).
    #[must_use]
    pub fn gather<C: Compute>(compute: &C, inputs: &[i32], columns: usize, targets: &[f32], rows: usize) -> Self {
        let (x, input_means) = centred(inputs, columns, |v| f64::from(*v));
        let (z, target_means) = centred(targets, rows, |v| f64::from(*v));
        let half = compute.map(columns, |j| (0..=j).map(|k| dot(&x[j], &x[k])).collect::<Vec<f64>>());
        let mut gram = vec![0.0; columns * columns];
        for (j, row) in half.iter().enumerate() {
            for (k, v) in row.iter().enumerate() {
                gram[j * columns + k] = *v;
                gram[k * columns + j] = *v;
            }
        }
        let cross = compute.map(rows, |i| x.iter().map(|x| dot(&z[i], x)).collect::<Vec<f64>>()).concat();
        let energy = z.iter().map(|z| dot(z, z)).collect();
        Self { columns, input_means, target_means, gram, cross, energy }
    }

    /// Number of sums.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.energy.len()
    }

    /// `c` of row `i`.
    ///
    /// # Panics
    /// When there is no such row.
    #[must_use]
    pub fn cross_row(&self, i: usize) -> &[f64] {
        &self.cross[i * self.columns..(i + 1) * self.columns]
    }
}

/// The columns of a batch less their means, and the means.
fn centred<T>(batch: &[T], width: usize, real: impl Fn(&T) -> f64) -> (Vec<Vec<f32>>, Vec<f64>) {
    let count = (batch.len() / width.max(1)).max(1);
    let mut means = vec![0.0; width];
    for v in batch.chunks_exact(width.max(1)) {
        means.iter_mut().zip(v).for_each(|(m, v)| *m += real(v));
    }
    means.iter_mut().for_each(|m| *m /= count as f64);
    let column = |j: usize| batch.iter().skip(j).step_by(width).map(|v| (real(v) - means[j]) as f32).collect();
    ((0..width).map(column).collect(), means)
}

/// Values that are summed up as 32-bit floats before their sum goes into a 64-bit one.
const BLOCK: usize = 1024;
/// Sums side by side.
const LANES: usize = 16;

fn dot(a: &[f32], b: &[f32]) -> f64 {
    let mut total = 0.0;
    for (a, b) in a.chunks(BLOCK).zip(b.chunks(BLOCK)) {
        let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
        total += a.remainder().iter().zip(b.remainder()).map(|(a, b)| f64::from(a * b)).sum::<f64>();
        let mut lanes = [0.0f32; LANES];
        for (a, b) in a.zip(b) {
            lanes.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (a, b))| *sum += a * b);
        }
        total += lanes.iter().map(|v| f64::from(*v)).sum::<f64>();
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::cpu::Cpu;

    #[test]
    fn moments_are_those_of_the_centred_values() {
        let (columns, rows, count) = (3, 2, 37);
        let x: Vec<i32> = (0..columns * count).map(|i| (i * i % 17) as i32).collect();
        let z: Vec<f32> = (0..rows * count).map(|i| (i * 7 % 23) as f32 - 4.0).collect();
        let m = Moments::gather(&Cpu, &x, columns, &z, rows);
        let mean = |j: usize| (0..count).map(|s| f64::from(x[s * columns + j])).sum::<f64>() / count as f64;
        let target = |i: usize| (0..count).map(|s| f64::from(z[s * rows + i])).sum::<f64>() / count as f64;
        for j in 0..columns {
            assert!((m.input_means[j] - mean(j)).abs() < 1e-9);
            for k in 0..columns {
                let exact: f64 = (0..count)
                    .map(|s| (f64::from(x[s * columns + j]) - mean(j)) * (f64::from(x[s * columns + k]) - mean(k)))
                    .sum();
                assert!((m.gram[j * columns + k] - exact).abs() < 1e-3 * exact.abs().max(1.0));
            }
            for i in 0..rows {
                let exact: f64 = (0..count)
                    .map(|s| (f64::from(z[s * rows + i]) - target(i)) * (f64::from(x[s * columns + j]) - mean(j)))
                    .sum();
                assert!((m.cross_row(i)[j] - exact).abs() < 1e-3 * exact.abs().max(1.0));
            }
        }
    }
}
