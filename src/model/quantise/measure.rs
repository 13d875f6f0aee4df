//! What quantisation did: the values after every layer, and reports.

use super::super::float::{self, FloatLayer};
use super::super::{Clamp, Requantise, infer, ranges};
use super::ternarise::{self, Ternarised};
use super::{bound, requantise};

/// What became of a layer.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerReport {
    /// Its name in the file.
    pub name: String,
    /// Number of outputs.
    pub rows: usize,
    /// Number of inputs.
    pub columns: usize,
    /// Weights that are not zero.
    pub non_zeros: usize,
    /// Most of them in a row.
    pub widest_row: usize,
    /// Whether the float weights were ternary and all signs were taken as they were.
    pub exact: bool,
    /// `‖V − α·T‖ / ‖V‖`, the relative error of the weights.
    pub weight_error: f64,
    /// Largest unit of a column divided by the smallest.
    pub column_spread: f64,
    /// The accumulators' proved bound.
    pub bound: ranges::Bound,
    /// Smallest and largest accumulator on the samples (0 included).
    pub observed: (i32, i32),
    /// Shift and clamp; `None` for the last layer.
    pub requantise: Option<Requantise>,
    /// Fraction of the activations that the clamp cuts off on the samples although the float network does not.
    pub saturated: f64,
}

impl LayerReport {
    /// Fraction of the weights that are not zero.
    #[must_use]
    pub fn density(&self) -> f64 {
        self.non_zeros as f64 / (self.rows * self.columns).max(1) as f64
    }

    /// Bits of the largest accumulator on the samples, sign included.
    #[must_use]
    pub fn observed_bits(&self) -> u32 {
        requantise::observed_bits(self.observed, self.requantise.map_or(0, |r| r.shift)) + 1
    }
}

/// The integer network beside the float one, on the samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Agreement {
    /// Number of samples.
    pub samples: usize,
    /// Whether they are random.
    pub random: bool,
    /// How many have the same largest logit (the first of equals) in both.
    pub same_class: usize,
    /// Mean absolute difference of the logits, in the float network's units.
    pub mean_error: f64,
    /// Largest absolute difference.
    pub max_error: f64,
    /// A bound on it: see [`bound`].
    pub bound: f64,
}

/// Everything that is known before a layer.
pub(super) struct Front {
    /// Float values, `B × width`.
    pub(super) reals: Vec<f32>,
    /// Integer values, `B × width`.
    pub(super) integers: Vec<i32>,
    /// Real value of one step of every integer.
    pub(super) scales: Vec<f64>,
    /// Bounds on the difference of the two.
    pub(super) bounds: Vec<f64>,
    /// Range of the integers.
    pub(super) range: Clamp,
}

/// What can be said about a layer before its activation.
pub(super) fn describe(layer: &FloatLayer, ternary: &Ternarised, front: &Front) -> LayerReport {
    let (mut residual, mut square) = (0.0, 0.0);
    for i in 0..layer.rows {
        let row = ternarise::scaled_row(layer, i, &front.scales);
        let (plus, minus) = ternary.weights.by_row().get(i);
        // ‖v − αt‖² = ‖v‖² − 2α·⟨v, t⟩ + α²·n
        let norm: f64 = row.iter().map(|v| f64::from(*v).powi(2)).sum();
        let inner: f64 = plus.iter().map(|&j| f64::from(row[j as usize])).sum::<f64>()
            - minus.iter().map(|&j| f64::from(row[j as usize])).sum::<f64>();
        let scale = ternary.scales[i];
        residual += scale.mul_add(scale * (plus.len() + minus.len()) as f64 - 2.0 * inner, norm).max(0.0);
        square += norm;
    }
    let extremes = front.scales.iter().fold((f64::MAX, 0.0f64), |(lo, hi), s| (lo.min(*s), hi.max(*s)));
    let row_length = |i: usize| {
        let (plus, minus) = ternary.weights.by_row().get(i);
        plus.len() + minus.len()
    };
    LayerReport {
        name: layer.name.clone(),
        rows: layer.rows,
        columns: layer.columns,
        non_zeros: ternary.weights.non_zeros(),
        widest_row: (0..layer.rows).map(row_length).max().unwrap_or(0),
        exact: ternary.exact,
        weight_error: if square > 0.0 { (residual / square).sqrt() } else { 0.0 },
        column_spread: extremes.1 / extremes.0,
        bound: ranges::Bound { min: 0, max: 0, bits: 0 },
        observed: (0, 0),
        requantise: None,
        saturated: 0.0,
    }
}

/// The values after a layer; after the last, `reals` and `integers` are the logits.
pub(super) fn advance(
    layer: &FloatLayer,
    ternary: &Ternarised,
    (real_bias, bias): (&[f64], &[i32]),
    front: &Front,
    (z, sums): (Vec<i32>, Vec<f32>),
    found: Option<Requantise>,
) -> Front {
    let norms = bound::Norms {
        integers: bound::largest_norm(&front.integers, layer.columns),
        floats: bound::largest_norm(&front.reals, layer.columns),
    };
    let integers = bound::Integers { ternary, real_bias, bias, columns: &front.scales };
    let bounds = bound::sums(layer, &integers, &front.bounds, norms);
    let reals = layer.activate(&sums);
    let Some(r) = found else {
        // Logits stay as they are, apart from a grid that the file prescribes for them.
        let bounds = bound::activations(&bounds, reals.iter().zip(&sums).map(|(h, a)| f64::from((h - a).abs())));
        return Front { reals, integers: z, scales: ternary.scales.clone(), bounds, range: front.range };
    };
    let y = requantise::activate(&z, r);
    let scales: Vec<f64> = ternary.scales.iter().map(|s| s * (1u64 << r.shift) as f64).collect();
    let differences = z.iter().zip(&y).zip(reals.iter().zip(&sums)).enumerate().map(|(k, ((z, y), (h, a)))| {
        let i = k % layer.rows;
        let real = layer.activation.apply(f64::from(*z) * ternary.scales[i]);
        f64::from(*y).mul_add(-scales[i], real).abs() + f64::from((h - layer.activation.apply(*a)).abs())
    });
    let bounds = bound::activations(&bounds, differences);
    Front { reals, integers: y, scales, bounds, range: r.clamp }
}

/// The logits of both networks, and their classes.
pub(super) fn compare(last: &Front, scale: f64, random: bool) -> (Agreement, Vec<(usize, usize)>) {
    let width = last.bounds.len().max(1);
    let (mut sum, mut max_error) = (0.0, 0.0f64);
    let mut classes = Vec::with_capacity(last.integers.len() / width);
    for (a, z) in last.reals.chunks_exact(width).zip(last.integers.chunks_exact(width)) {
        classes.push((float::argmax(a), infer::argmax(z)));
        for (a, z) in a.iter().zip(z) {
            let difference = f64::from(*z).mul_add(-scale, f64::from(*a)).abs();
            sum += difference;
            max_error = max_error.max(difference);
        }
    }
    let same_class = classes.iter().filter(|(float, integer)| float == integer).count();
    let bound = last.bounds.iter().copied().fold(0.0, f64::max);
    let mean_error = sum / last.integers.len().max(1) as f64;
    (Agreement { samples: classes.len(), random, same_class, mean_error, max_error, bound }, classes)
}
