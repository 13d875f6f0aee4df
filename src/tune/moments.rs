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
        let mut gram = products(compute, &x, &x, Part::Lower);
        for j in 0..columns {
            for k in 0..j {
                gram[k * columns + j] = gram[j * columns + k];
            }
        }
        let cross = products(compute, &z, &x, Part::Whole);
        let energy = z.iter().map(|z| z.iter().map(|v| f64::from(*v).powi(2)).sum()).collect();
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

/// Which products are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Whole,
    /// Those of row `j` of the left with rows `k ≤ j` of the right; the others are left at any value.
    Lower,
}

/// Values of a row that are worked on together, and summed up as 32-bit floats: all rows of a layer then stay in the cache.
const BLOCK: usize = 256;
/// Rows of the left that share what is read of the right.
const TOGETHER: usize = 4;
/// Sums side by side.
const LANES: usize = 8;

/// `left · rightᵀ` of rows of equal lengths.
fn products<C: Compute>(compute: &C, left: &[Vec<f32>], right: &[Vec<f32>], part: Part) -> Vec<f64> {
    let count = left.first().map_or(0, Vec::len);
    let groups = compute.map(left.len().div_ceil(TOGETHER), |g| {
        // The last group repeats its last row.
        let rows: [usize; TOGETHER] = std::array::from_fn(|n| (g * TOGETHER + n).min(left.len() - 1));
        let last = if part == Part::Lower { rows[TOGETHER - 1] + 1 } else { right.len() };
        let mut out = [(); TOGETHER].map(|()| vec![0.0; right.len()]);
        for start in (0..count).step_by(BLOCK) {
            let span = start..(start + BLOCK).min(count);
            let a = rows.map(|i| &left[i][span.clone()]);
            for (k, row) in right[..last].iter().enumerate() {
                let sums = dots(a, &row[span.clone()]);
                out.iter_mut().zip(sums).for_each(|(out, sum)| out[k] += f64::from(sum));
            }
        }
        out.into_iter().take(left.len() - g * TOGETHER).flatten().collect::<Vec<f64>>()
    });
    groups.concat()
}

/// The inner products of some rows with one other, all of the same length.
fn dots(a: [&[f32]; TOGETHER], b: &[f32]) -> [f32; TOGETHER] {
    let mut sums = [[0.0f32; LANES]; TOGETHER];
    let whole = b.len() / LANES;
    let chunks = a.map(|a| a.as_chunks::<LANES>().0);
    for (n, b) in b.as_chunks::<LANES>().0.iter().enumerate().take(whole) {
        for (sums, a) in sums.iter_mut().zip(&chunks) {
            let a = &a[n];
            for l in 0..LANES {
                sums[l] += a[l] * b[l];
            }
        }
    }
    let mut out = sums.map(|s| s.iter().sum::<f32>());
    for (out, a) in out.iter_mut().zip(a) {
        *out += a[whole * LANES..].iter().zip(&b[whole * LANES..]).map(|(a, b)| a * b).sum::<f32>();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::cpu::Cpu;

    #[test]
    fn moments_are_those_of_the_centred_values() {
        let (columns, rows, count) = (7, 2, 601);
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
