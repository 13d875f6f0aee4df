//! Float networks to exact integer ternary ones.
//!
//! Layer by layer, on samples of the inputs: the weights become signs and scales ([`ternarise`](mod@ternarise)), the biases
//! integers in units of the accumulator, and the accumulators small integers by a shift and a clamp ([`requantise`]). What that
//! costs is measured and bounded ([`bound`]).
//!
//! # Scales of rows
//! A ternary row stands for `α_i·T[i, ·]` with a scale of its own, but the integer networks that are proved have no multipliers:
//! matrices are committed as they are, and requantisation divides by the same `2^s` in a whole layer. None is needed. ReLU is
//! positively homogeneous, `ReLU(α·z) = α·ReLU(z)`, so output `i` of a layer may stay in units of `α_i·2^s` when column `i` of
//! the next layer is multiplied by that unit before that layer becomes ternary (cross-layer equalisation, arXiv 1906.04721).
//! The units end up in the last layer, whose rows share one scale because logits are compared with each other. A layer whose
//! weights are ternary in the file keeps its signs; if the units of its columns differ, the scale of a row is their mean, and
//! [`LayerReport::column_spread`] says how far they are apart. Networks with one scale for each matrix, such as BitNet's and
//! Brevitas' by default, have a spread of 1 and lose nothing there.

pub mod bound;
mod errors;
mod measure;
pub mod requantise;
pub mod ternarise;

#[cfg(test)]
mod tests;

use super::architecture::MAX_TABLE_BITS;
use super::float::{Activation, FloatLayer, FloatNetwork, InputCode};
use super::random::Numbers;
use super::ranges::{self, ModelError};
use super::{Clamp, Layer, Network, TernaryMatrix};
pub use errors::QuantiseError;
pub use measure::{Agreement, LayerReport};
use measure::{Front, advance, compare, describe};
use requantise::Sums;
pub use ternarise::{RowScales, Rule, Selection, Ternarised};

/// How integer biases are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bias {
    /// The float bias in units of the accumulator, rounded.
    Rounded,
    /// That, plus what makes the mean of the sums on the samples that of the float network (arXiv 1906.04721, section 4.2). Not
    /// where weights were ternary already.
    Corrected,
}

/// How a layer is quantised.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LayerSettings {
    /// Which weights are kept.
    pub selection: Selection,
    /// How biases are found.
    pub bias: Bias,
    /// Bits of the layer's activations, 1 to 16; the last layer has none.
    pub activation_bits: u32,
}

/// Whether weights may be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weights {
    /// They must be ternary up to row scales.
    AsTheyAre,
    /// They are ternarised where they are not.
    Ternarise,
}

/// How a network is quantised.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// How real inputs become integers.
    pub input: InputCode,
    /// Whether weights may be changed.
    pub weights: Weights,
    /// One entry per layer.
    pub layers: Vec<LayerSettings>,
}

/// Inputs to calibrate on and to compare with: the same ones as real values and as integers, one input after the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Samples {
    /// What the float network gets.
    pub reals: Vec<f32>,
    /// What the integer network gets.
    pub integers: Vec<i32>,
    /// Whether they come from a random number generator and not from data.
    pub random: bool,
}

impl Samples {
    /// Real inputs.
    #[must_use]
    pub fn encode(code: &InputCode, reals: Vec<f32>) -> Self {
        let integers = reals.iter().map(|v| code.encode(*v)).collect();
        Self { reals, integers, random: false }
    }

    /// Integer inputs, which must lie in the code's range.
    #[must_use]
    pub fn decode(code: &InputCode, integers: Vec<i32>) -> Self {
        let reals = integers.iter().map(|v| code.decode(*v)).collect();
        Self { reals, integers, random: false }
    }

    /// `count` inputs of `width` integers each, uniform in the code's range, reproducible from a seed.
    #[must_use]
    pub fn random(code: &InputCode, width: usize, count: usize, seed: u64) -> Self {
        let mut numbers = Numbers::new(seed);
        let integer = |_| code.range.min + numbers.below(code.range.len() as u64) as i32;
        Self { random: true, ..Self::decode(code, (0..width * count).map(integer).collect()) }
    }
}

/// An integer network and how it came about.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantised {
    /// The network.
    pub network: Network,
    /// Real value of one step of the logits.
    pub logit_scale: f64,
    /// One report per layer.
    pub layers: Vec<LayerReport>,
    /// How well it does.
    pub agreement: Agreement,
    /// The class of every sample (the first of the largest logits): in the float network, and in the integer one.
    pub classes: Vec<(usize, usize)>,
}

/// Quantises a float network on samples of its inputs.
///
/// # Errors
/// One sentence: weights that must not be changed, settings that do not fit, or a network that cannot be proved.
pub fn quantise(float: &FloatNetwork, settings: &Settings, samples: &Samples) -> Result<Quantised, QuantiseError> {
    quantise_with(float, settings, samples, &mut |_| {})
}

/// The same; `done` is told how many layers are done.
///
/// # Errors
/// As [`quantise`].
pub fn quantise_with(
    float: &FloatNetwork,
    settings: &Settings,
    samples: &Samples,
    done: &mut dyn FnMut(usize),
) -> Result<Quantised, QuantiseError> {
    let mut front = start(float, settings, samples)?;
    let count = float.layers.len();
    let (mut layers, mut reports, mut logit_scale) = (Vec::with_capacity(count), Vec::with_capacity(count), 1.0);
    for (b, (layer, chosen)) in float.layers.iter().zip(&settings.layers).enumerate() {
        let rows = if b + 1 < count { RowScales::Own } else { RowScales::Common };
        let mut ternary = ternarise::ternarise(layer, &front.scales, &chosen.selection, rows);
        if settings.weights == Weights::AsTheyAre && !ternary.exact {
            return Err(QuantiseError::NotTernary { layer: b, name: layer.name.clone() });
        }
        let shifted = with_offset(layer, if b == 0 { settings.input.offset } else { 0.0 });
        if rows == RowScales::Own && !ternary.exact {
            tame(&mut ternary, &shifted, front.range);
        }
        let bias = shifted.iter().zip(&ternary.scales).map(|(v, scale)| (v / scale).round() as i32).collect();
        let mut integer = Layer { weights: std::mem::take(&mut ternary.weights), bias, requantise: None };
        let mut bound = ranges::bound(b, &integer, front.range).map_err(|e| wide(e, b, layer, &integer, front.range))?;
        let mut z = requantise::accumulators(&integer, &front.integers);
        let sums = layer.sums(&front.reals);
        if let Some(bad) = sums.iter().find(|v| !v.is_finite()) {
            let what = format!("layer {b} ({}) has the sum {bad} on the samples, expected finite numbers", layer.name);
            return Err(QuantiseError::Settings(what));
        }
        if chosen.bias == Bias::Corrected && !ternary.exact {
            correct(&mut integer.bias, &mut z, &sums, &ternary.scales);
            bound = ranges::bound(b, &integer, front.range).map_err(|e| wide(e, b, layer, &integer, front.range))?;
        }
        ternary.weights = std::mem::take(&mut integer.weights);
        let after = Sums { values: &z, scales: &ternary.scales };
        let found = (rows == RowScales::Own)
            .then(|| after.choose(layer.activation, layer.grid, chosen.activation_bits, bound.bits))
            .flatten();
        let mut report = describe(layer, &ternary, &front);
        (report.requantise, report.observed) = (found, after.observed());
        report.saturated = found.map_or(0.0, |r| after.saturated(layer.activation, r));
        let next = advance(layer, &ternary, (&shifted, &integer.bias), &front, (z, sums), found);
        integer.weights = ternary.weights;
        integer.requantise = found;
        // With the shift's rounding constant.
        report.bound = ranges::bound(b, &integer, front.range).map_err(|e| wide(e, b, layer, &integer, front.range))?;
        layers.push(integer);
        reports.push(report);
        logit_scale = next.scales.first().copied().unwrap_or(1.0);
        front = next;
        done(b + 1);
    }
    let network = Network { name: float.name.clone(), input: settings.input.range, layers };
    super::Architecture::of(&network, 1)?;
    let (agreement, classes) = compare(&front, logit_scale, samples.random);
    Ok(Quantised { network, logit_scale, layers: reports, agreement, classes })
}

/// Checks shapes, settings and samples.
fn start(float: &FloatNetwork, settings: &Settings, samples: &Samples) -> Result<Front, QuantiseError> {
    let wrong = |what: String| Err(QuantiseError::Settings(what));
    if settings.layers.len() != float.layers.len() {
        return wrong(format!("settings for {} layers, expected {}", settings.layers.len(), float.layers.len()));
    }
    if float.layers.len() < 2 {
        let found = float.layers.len();
        return wrong(format!(
            "the network has {found} linear layer(s), expected at least 2: one with an activation, one without"
        ));
    }
    if let Some(last) = float.layers.last().filter(|l| l.activation != Activation::None) {
        let (name, found) = (&last.name, last.activation);
        return wrong(format!(
            "the last layer ({name}) ends with {found:?}, expected logits as they are; remove its activation"
        ));
    }
    for (b, pair) in float.layers.windows(2).enumerate() {
        if pair[0].rows != pair[1].columns {
            return Err(ModelError::Shape { layer: b + 1, found: pair[1].columns, expected: pair[0].rows }.into());
        }
    }
    for (b, (layer, s)) in float.layers.iter().zip(&settings.layers).enumerate() {
        if layer.rows == 0 || layer.columns == 0 || layer.weights.len() != layer.rows * layer.columns {
            let found = layer.weights.len();
            return wrong(format!("layer {b} has {found} weights, expected {} x {}", layer.rows, layer.columns));
        }
        if layer.bias.len() != layer.rows {
            return Err(ModelError::Bias { layer: b, found: layer.bias.len(), expected: layer.rows }.into());
        }
        if let Some(bad) = layer.weights.iter().chain(&layer.bias).find(|v| !v.is_finite()) {
            return wrong(format!("layer {b} ({}) has the weight {bad}, expected finite numbers", layer.name));
        }
        if let Some(d) = s.selection.density.filter(|d| !(*d > 0.0 && *d <= 1.0)) {
            return wrong(format!("layer {b} is to have density {d}, expected above 0, at most 1"));
        }
        if s.selection.row_cap == Some(0) {
            return wrong(format!("layer {b} is to have at most 0 non-zeros a row, expected at least 1"));
        }
        if !(1..=16).contains(&s.activation_bits) {
            return wrong(format!("layer {b} is to have {} activation bits, expected 1 to 16", s.activation_bits));
        }
    }
    let (width, range) = (float.layers[0].columns, settings.input.range);
    if samples.integers.is_empty() || !samples.integers.len().is_multiple_of(width) {
        let found = samples.integers.len();
        return wrong(format!("{found} values of samples, expected a whole number of inputs of {width} each, at least one"));
    }
    if samples.reals.len() != samples.integers.len() || !samples.integers.iter().all(|v| range.contains(*v)) {
        return wrong(format!("the samples do not lie in the input range {}..={}", range.min, range.max));
    }
    let reals = float.take(&samples.reals);
    let differences = reals.iter().zip(&samples.integers).map(|(r, i)| {
        let exact = f64::from(*i).mul_add(settings.input.scale, settings.input.offset);
        (f64::from(*r) - exact).abs()
    });
    let bounds = bound::activations(&vec![0.0; width], differences);
    Ok(Front { reals, integers: samples.integers.clone(), scales: vec![settings.input.scale; width], bounds, range })
}

/// The bias of a layer whose inputs are `offset` more than what their integers stand for.
fn with_offset(layer: &FloatLayer, offset: f64) -> Vec<f64> {
    let plain = layer.bias.iter().map(|b| f64::from(*b));
    if offset == 0.0 {
        return plain.collect();
    }
    plain.enumerate().map(|(i, b)| b + offset * layer.row(i).iter().map(|w| f64::from(*w)).sum::<f64>()).collect()
}

/// Outputs whose bias is beyond all that their weights can add up to are constants: they get a scale that keeps the bias in the
/// range of the other accumulators, and weights that are too small to count on it go.
fn tame(ternary: &mut Ternarised, bias: &[f64], range: Clamp) {
    let largest = f64::from(range.max.max(-range.min).max(1));
    let limit = largest * ternary.weights.columns() as f64;
    let constant: Vec<bool> = bias.iter().zip(&ternary.scales).map(|(b, scale)| b.abs() > limit * scale).collect();
    if !constant.contains(&true) {
        return;
    }
    let lists = ternary.weights.by_row();
    let rows = constant.iter().enumerate().map(|(i, c)| {
        let (plus, minus) = if *c { ([].as_slice(), [].as_slice()) } else { lists.get(i) };
        (plus.to_vec(), minus.to_vec())
    });
    let weights = TernaryMatrix::from_positions(ternary.weights.columns(), rows);
    ternary.weights = weights;
    for ((scale, b), _) in ternary.scales.iter_mut().zip(bias).zip(&constant).filter(|(_, c)| **c) {
        *scale = b.abs() / limit;
    }
}

/// Moves biases, and the accumulators with them, so that the means of the sums on the samples are those of the float network.
fn correct(bias: &mut [i32], z: &mut [i32], sums: &[f32], scales: &[f64]) {
    let rows = bias.len();
    let mut means = vec![0.0; rows];
    for (a, z) in sums.chunks_exact(rows).zip(z.chunks_exact(rows)) {
        for (((m, a), z), scale) in means.iter_mut().zip(a).zip(z).zip(scales) {
            *m += f64::from(*a) / scale - f64::from(*z);
        }
    }
    let inputs = (sums.len() / rows).max(1) as f64;
    let steps: Vec<i32> = means.iter().map(|m| (m / inputs).round() as i32).collect();
    bias.iter_mut().zip(&steps).for_each(|(b, s)| *b = b.saturating_add(*s));
    for z in z.chunks_exact_mut(rows) {
        z.iter_mut().zip(&steps).for_each(|(z, s)| *z = z.saturating_add(*s));
    }
}

/// The error of a layer that is too wide, with what would fit.
fn wide(error: ModelError, b: usize, layer: &FloatLayer, integer: &Layer, range: Clamp) -> QuantiseError {
    let ModelError::TooWide { bits, max_bits, .. } = error else { return error.into() };
    let row = |i: usize| {
        let (plus, minus) = integer.weights.by_row().get(i);
        (plus.len() + minus.len()) as i64
    };
    let longest = (0..integer.weights.rows()).map(row).max().unwrap_or(0).max(1);
    let bias = integer.bias.iter().map(|b| i64::from(b.unsigned_abs())).max().unwrap_or(0);
    // What biases and the largest rounding constant leave.
    let left = ((1i64 << max_bits) - (1 << (MAX_TABLE_BITS - 1)) - bias - 1).max(0);
    let largest = i64::from(range.max.max(-range.min).max(1));
    let name = layer.name.clone();
    QuantiseError::TooWide { layer: b, name, bits, max_bits, row_cap: left / largest, max_value: left / longest }
}
