//! How far an integer network can be from the float one: a bound carried from layer to layer.
//!
//! Let `h` be the float activations before a layer, `ĥ = c ⊙ y` what the integers `y` stand for, and `|h − ĥ| ≤ E` entry by
//! entry. With `V = W·diag(c)`, `V ≈ diag(α)·T` and the integer bias `β`, the sums differ by
//!
//! ```text
//! a − α·z = W·(h − ĥ) + (V − α·T)·y + (b − α·β)
//! |a − α·z| ≤ |W|·E + ‖V − α·T‖·‖y‖ + |b − α·β| + float rounding          row by row (Cauchy-Schwarz)
//! ```
//!
//! and activations add what requantisation does to them: `|T(α·z) − c'·y'|`, rounding and saturation, whose largest value on the
//! samples is measured row by row. ReLU and clips never stretch a difference. The bound therefore holds for every input whose
//! integers `y` have no larger norm in any layer, and whose requantisation errs by no more, than those of the samples; it grows
//! with `|W|` from layer to layer and is loose for deep networks.

use super::super::float::FloatLayer;
use super::ternarise::Ternarised;

/// The unit roundoff of 32-bit floats.
const ROUNDOFF: f64 = f32::EPSILON as f64 / 2.0;

/// Largest Euclidean norm of the vectors of a batch of `width` values each.
#[must_use]
pub fn largest_norm<T: Copy + Into<f64>>(batch: &[T], width: usize) -> f64 {
    let norm = |v: &[T]| v.iter().map(|x| (*x).into() * (*x).into()).sum::<f64>().sqrt();
    batch.chunks_exact(width.max(1)).map(norm).fold(0.0, f64::max)
}

/// Largest norms of the samples before a layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Norms {
    /// Of the integers `y`.
    pub integers: f64,
    /// Of the floats `h`.
    pub floats: f64,
}

/// The integer side of a layer.
#[derive(Clone, Copy, Debug)]
pub struct Integers<'a> {
    /// `T` and `α`.
    pub ternary: &'a Ternarised,
    /// `b`, with the inputs' offset in it.
    pub real_bias: &'a [f64],
    /// `β`.
    pub bias: &'a [i32],
    /// `c`: one scale per column.
    pub columns: &'a [f64],
}

/// Bounds on `|a − α·z|`, row by row, from those on `|h − ĥ|`.
#[must_use]
pub fn sums(layer: &FloatLayer, integers: &Integers<'_>, before: &[f64], norms: Norms) -> Vec<f64> {
    let Integers { ternary, real_bias, bias, columns } = integers;
    // The standard bound for a sum of n products in floats, n·u / (1 − n·u), times the magnitudes that are added up.
    let n = (layer.columns + 2) as f64 * ROUNDOFF;
    let rounding = n / (1.0 - n).max(ROUNDOFF);
    let mut signs = vec![0.0; layer.columns];
    let row = |i: usize| {
        let (plus, minus) = ternary.weights.by_row().get(i);
        let scale = ternary.scales[i];
        plus.iter().for_each(|&j| signs[j as usize] = scale);
        minus.iter().for_each(|&j| signs[j as usize] = -scale);
        let (mut carried, mut residual, mut square) = (0.0, 0.0, 0.0);
        for (((w, c), e), t) in layer.row(i).iter().zip(*columns).zip(before).zip(&signs) {
            let w = f64::from(*w);
            carried += w.abs() * e;
            residual += w.mul_add(*c, -t).powi(2);
            square += w * w;
        }
        plus.iter().chain(minus).for_each(|&j| signs[j as usize] = 0.0);
        let b = real_bias[i];
        let float = rounding * (square.sqrt() * norms.floats + b.abs());
        carried + residual.sqrt() * norms.integers + (b - scale * f64::from(bias[i])).abs() + float
    };
    (0..layer.rows).map(row).collect()
}

/// Adds to bounds on sums (`B × rows` samples behind them) what is left of them after activation and requantisation: the largest
/// `|T(α·z) − α·2^s·y|` and the largest `|h − T(a)|` (a prescribed grid) of every row.
#[must_use]
pub fn activations(bounds: &[f64], differences: impl Iterator<Item = f64>) -> Vec<f64> {
    let rows = bounds.len().max(1);
    let mut largest = vec![0.0f64; rows];
    differences.enumerate().for_each(|(k, d)| largest[k % rows] = largest[k % rows].max(d));
    bounds.iter().zip(largest).map(|(b, l)| b + l).collect()
}
