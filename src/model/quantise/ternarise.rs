//! Float matrices to ternary ones: which entries are kept, and the scale of every row.
//!
//! | rule | keeps `v` of a row when | scale |
//! | --- | --- | --- |
//! | [`Rule::Twn`] | `|v| > 0.7·mean|row|` (ternary weight networks, arXiv 1605.04711) | mean of the kept `|v|` of the row |
//! | [`Rule::Absmean`] | `|v| > 0.5·mean|matrix|` (BitNet b1.58, arXiv 2402.17764) | `mean|matrix|`, one for all rows |
//!
//! The mean of the kept magnitudes is the scale with the least squared error for those signs. With a density or a row cap the
//! largest entries are kept instead, and an absmean scale is the mean of what is kept in the whole matrix.

use super::super::TernaryMatrix;
use super::super::float::FloatLayer;

/// How weights become −1, 0 or 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// A threshold and a scale for every row.
    Twn,
    /// One threshold and one scale for the matrix.
    Absmean,
}

/// Whether the rows of a layer may have scales of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowScales {
    /// They may: the next layer takes them into its columns.
    Own,
    /// They may not: outputs are compared with each other (logits).
    Common,
}

/// What is kept of a matrix.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Selection {
    /// The rule.
    pub rule: Rule,
    /// Most non-zeros of a row; the largest are kept.
    pub row_cap: Option<usize>,
    /// Fraction of the matrix that is kept, in (0, 1], instead of the rule's threshold: the largest entries, measured in their
    /// row's mean magnitude where rows have scales of their own.
    pub density: Option<f64>,
}

/// A ternary matrix that stands for a float one: `V[i, ·] ≈ scales[i]·weights[i, ·]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Ternarised {
    /// The signs.
    pub weights: TernaryMatrix,
    /// One positive scale per row.
    pub scales: Vec<f64>,
    /// Whether the float weights were ternary up to row scales, so that every sign was taken as it was.
    pub exact: bool,
}

/// Threshold of ternary weight networks, in mean magnitudes of a row.
pub const TWN_THRESHOLD: f32 = 0.7;

/// Relative difference up to which two magnitudes of a row count as the same: a few roundings of 32-bit floats.
const SAME: f32 = 1.0 / (1 << 20) as f32;

/// Positions of the positive and of the negative entries that are kept of a row.
pub type Signs = (Vec<u32>, Vec<u32>);

/// Whether every row takes only the values `−a`, 0 and `a` for an `a` of its own.
#[must_use]
pub fn is_ternary(layer: &FloatLayer) -> bool {
    layer.weights.chunks_exact(layer.columns.max(1)).all(|row| {
        let largest = row.iter().fold(0.0f32, |m, w| m.max(w.abs()));
        row.iter().all(|w| *w == 0.0 || largest - w.abs() <= SAME * largest)
    })
}

/// The entries of a row above a threshold, at most `cap` of them (the largest; of equals the first).
#[must_use]
pub fn keep(row: &[f32], threshold: f32, cap: Option<usize>) -> Signs {
    let mut kept: Vec<u32> = (0..row.len() as u32).filter(|&j| row[j as usize].abs() > threshold).collect();
    if let Some(cap) = cap.filter(|cap| *cap < kept.len()) {
        let magnitude = |j: &u32| row[*j as usize].abs();
        if cap > 0 {
            kept.select_nth_unstable_by(cap - 1, |a, b| magnitude(b).total_cmp(&magnitude(a)).then(a.cmp(b)));
        }
        kept.truncate(cap);
        kept.sort_unstable();
    }
    kept.into_iter().partition(|&j| row[j as usize] > 0.0)
}

/// Sum of the magnitudes of a row at the positions that are kept, and their number.
#[must_use]
pub fn kept_mass(row: &[f32], signs: &Signs) -> (f64, usize) {
    let at = |list: &[u32]| list.iter().map(|&j| f64::from(row[j as usize].abs())).sum::<f64>();
    (at(&signs.0) + at(&signs.1), signs.0.len() + signs.1.len())
}

/// Mean magnitude.
#[must_use]
pub fn mean_magnitude(values: &[f32]) -> f64 {
    values.iter().map(|v| f64::from(v.abs())).sum::<f64>() / values.len().max(1) as f64
}

/// Row `i` of the weights on the integers of the layer before: every column times its scale.
#[must_use]
pub fn scaled_row(layer: &FloatLayer, i: usize, columns: &[f64]) -> Vec<f32> {
    layer.row(i).iter().zip(columns).map(|(w, c)| (f64::from(*w) * c) as f32).collect()
}

/// Ternarises the weights of a layer on the integers before it, whose real values are `columns[j]` times the integer.
///
/// Weights that are ternary already keep all their signs, whatever the selection asks for.
#[must_use]
pub fn ternarise(layer: &FloatLayer, columns: &[f64], selection: &Selection, rows: RowScales) -> Ternarised {
    let exact = is_ternary(layer);
    let row = |i: usize| scaled_row(layer, i, columns);
    let thresholds = if exact { vec![0.0; layer.rows] } else { thresholds(layer, columns, selection, rows) };
    let cap = if exact { None } else { selection.row_cap };
    let mut masses = Vec::with_capacity(layer.rows);
    let weights = TernaryMatrix::from_positions(
        layer.columns,
        thresholds.iter().enumerate().map(|(i, threshold)| {
            let row = row(i);
            let signs = keep(&row, *threshold, cap);
            masses.push(kept_mass(&row, &signs));
            signs
        }),
    );
    let own = rows == RowScales::Own && (exact || selection.rule == Rule::Twn);
    let (mass, count) = masses.iter().fold((0.0, 0), |(m, n), (mass, count)| (m + mass, n + count));
    let mean = if count > 0 && mass > 0.0 { mass / count as f64 } else { 1.0 };
    let plain = selection.row_cap.is_none() && selection.density.is_none();
    let common = match selection.rule {
        Rule::Absmean if plain && !exact => {
            let total: f64 = (0..layer.rows).map(|i| mean_magnitude(&row(i))).sum();
            Some(total / layer.rows.max(1) as f64).filter(|m| *m > 0.0).unwrap_or(mean)
        }
        _ => mean,
    };
    let scale = |(mass, count): (f64, usize)| if own && mass > 0.0 { mass / count as f64 } else { common };
    Ternarised { weights, scales: masses.into_iter().map(scale).collect(), exact }
}

/// The threshold of every row.
fn thresholds(layer: &FloatLayer, columns: &[f64], selection: &Selection, rows: RowScales) -> Vec<f32> {
    let means: Vec<f64> = (0..layer.rows).map(|i| mean_magnitude(&scaled_row(layer, i, columns))).collect();
    let total = means.iter().sum::<f64>() / layer.rows.max(1) as f64;
    let own = rows == RowScales::Own && selection.rule == Rule::Twn;
    let unit = |i: usize| if own { means[i] } else { total } as f32;
    let relative = match (selection.density, selection.rule) {
        (Some(density), _) => quantile(layer, columns, density, unit),
        (None, Rule::Twn) => TWN_THRESHOLD,
        (None, Rule::Absmean) => 0.5,
    };
    (0..layer.rows).map(|i| relative * unit(i)).collect()
}

/// The magnitude, in units of each row, above which a fraction `density` of all entries lies.
fn quantile(layer: &FloatLayer, columns: &[f64], density: f64, unit: impl Fn(usize) -> f32) -> f32 {
    let mut all: Vec<f32> = Vec::with_capacity(layer.weights.len());
    for i in 0..layer.rows {
        let unit = unit(i).max(f32::MIN_POSITIVE);
        all.extend(scaled_row(layer, i, columns).iter().map(|v| v.abs() / unit));
    }
    let wanted = (density * all.len() as f64).round() as usize;
    if wanted >= all.len() {
        return 0.0;
    }
    // The largest magnitude that is not kept.
    let (_, magnitude, _) = all.select_nth_unstable_by(wanted, |a, b| b.total_cmp(a));
    *magnitude
}
