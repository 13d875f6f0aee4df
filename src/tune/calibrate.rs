//! One layer after the other, on calibration data: rows, biases, shift, and what the next layer then gets.
//!
//! Every layer is fitted to the float network's sums, on the integers that the layers before it, already ternary, really give
//! (sequential calibration): what one layer gets wrong, the next can still correct. No scale is carried along. A hidden output
//! may be in any unit, because the next layer is regressed on it; that is the rescaling of channels through ReLU, with the
//! factors chosen by least squares.

use super::caps::Caps;
use super::compensate::{self, Row};
use super::errors::TuneError;
use super::moments::Moments;
use super::prune;
use crate::compute::Compute;
use crate::model::architecture::{MAX_TABLE_BITS, requantise};
use crate::model::float::{Activation, FloatLayer, FloatNetwork, FloatTrace, InputCode};
use crate::model::quantise::Samples;
use crate::model::quantise::requantise::{accumulators, activate};
use crate::model::quantise::ternarise::{TWN_THRESHOLD, keep, mean_magnitude, scaled_row};
use crate::model::{Architecture, Clamp, Layer, Network, Requantise, TernaryMatrix};

/// Fewest calibration inputs.
pub const LEAST_INPUTS: usize = 16;

/// What is chosen for a network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    /// `K`: most non-zeros of a row of a hidden layer ([`Caps`]); as many as help without one.
    pub row_cap: Option<usize>,
    /// Bits of the activations, 1 to 16.
    pub activation_bits: u32,
    /// Most non-zeros of every hidden layer, as a fraction of its matrix.
    pub density: Option<f64>,
}

impl Choice {
    /// Checks the ranges.
    ///
    /// # Errors
    /// The first value out of its range.
    pub fn check(&self) -> Result<(), TuneError> {
        let wrong = |what: String| Err(TuneError::Settings(what));
        if let Some(k) = self.row_cap.filter(|k| *k == 0) {
            return wrong(format!("a row cap of {k}, expected at least 1 non-zero a row"));
        }
        if !(1..=16).contains(&self.activation_bits) {
            return wrong(format!("{} activation bits, expected 1 to 16", self.activation_bits));
        }
        match self.density.filter(|d| !(*d > 0.0 && *d <= 1.0)) {
            Some(d) => wrong(format!("density {d}, expected above 0, at most 1")),
            None => Ok(()),
        }
    }
}

/// A float network and the data that it is tuned on.
#[derive(Clone, Debug)]
pub struct Calibration {
    float: FloatNetwork,
    code: InputCode,
    inputs: Vec<i32>,
    /// Float sums of every layer that are to be met; the logits of an input have mean zero.
    targets: Vec<Vec<f32>>,
    /// What a unit of each hidden output does to the next layer's sums.
    importance: Vec<Vec<f64>>,
    /// Moments of the first layer, which no choice changes.
    first: Moments,
}

/// A tuned network.
#[derive(Clone, Debug, PartialEq)]
pub struct Tuned {
    /// The network.
    pub network: Network,
    /// Calibration error of every layer, relative to the float values: activations, at the end logits.
    pub errors: Vec<f64>,
}

impl Calibration {
    /// Prepares a network on samples; with `width`, hidden layers keep no more than so many neurons.
    ///
    /// # Errors
    /// For layers without ReLU, too few samples, or samples that do not differ.
    pub fn new<C: Compute>(
        compute: &C,
        float: &FloatNetwork,
        code: &InputCode,
        samples: &Samples,
        width: Option<usize>,
    ) -> Result<Self, TuneError> {
        check(float)?;
        let count = samples.integers.len() / float.layers[0].columns.max(1);
        if count < LEAST_INPUTS {
            return Err(TuneError::TooFew { found: count, least: LEAST_INPUTS });
        }
        let trace = forward(compute, float, &samples.reals);
        let (mut narrowed, mut targets) = (float.clone(), trace.sums);
        if let Some(width) = width {
            let kept = prune::neurons(float, &trace.activations, width);
            narrowed = prune::narrow(float, &kept);
            for ((sums, layer), kept) in targets.iter_mut().zip(&float.layers).zip(&kept) {
                *sums = prune::select(sums, layer.rows, kept);
            }
        }
        if let (Some(logits), Some(last)) = (targets.last_mut(), float.layers.last()) {
            for z in logits.chunks_exact_mut(last.rows.max(1)) {
                let mean = z.iter().sum::<f32>() / z.len() as f32;
                z.iter_mut().for_each(|z| *z -= mean);
            }
        }
        let layer = &narrowed.layers[0];
        let first = Moments::gather(compute, &samples.integers, layer.columns, &targets[0], layer.rows);
        if (0..layer.columns).all(|j| first.gram[j * (layer.columns + 1)] <= 0.0) {
            return Err(TuneError::Constant);
        }
        let importance = narrowed.layers.iter().skip(1).map(prune::column_norms).collect();
        Ok(Self { float: narrowed, code: *code, inputs: samples.integers.clone(), targets, importance, first })
    }

    /// Rows of the first layer: they depend on the choice's cap and density only, and are worth keeping for other bits.
    #[must_use]
    pub fn first_rows<C: Compute>(&self, compute: &C, choice: &Choice) -> Vec<Row> {
        let units = vec![self.code.scale; self.first.columns];
        self.hidden_rows(compute, 0, choice, &self.first, &units, self.code.range)
    }

    /// Rows of hidden layer `b`, whose inputs are worth `units` each.
    fn hidden_rows<C: Compute>(
        &self,
        compute: &C,
        b: usize,
        choice: &Choice,
        moments: &Moments,
        units: &[f64],
        range: Clamp,
    ) -> Vec<Row> {
        let layer = &self.float.layers[b];
        let caps = Caps::new(choice.row_cap, layer.columns, range);
        let counts = choice.density.map(|density| {
            let total = (density * (layer.rows * layer.columns) as f64).round() as usize;
            let gains = compute.map(layer.rows, |i| compensate::gains(moments, i, &caps));
            prune::allot(&gains, &self.importance[b], total.max(1))
        });
        compute.map(layer.rows, |i| {
            let both = counts.as_ref().map_or(caps.both, |c| c[i]);
            compensate::row(moments, i, &rounded(layer, i, units, both), &Caps { both, ..caps })
        })
    }

    /// The network for a choice, whose first layer has the given [rows](Self::first_rows).
    ///
    /// # Errors
    /// For a choice out of range, or a network that cannot be proved.
    pub fn tune<C: Compute>(&self, compute: &C, choice: &Choice, first: &[Row]) -> Result<Tuned, TuneError> {
        choice.check()?;
        let last = self.float.layers.len() - 1;
        let (mut layers, mut errors) = (Vec::with_capacity(last + 1), Vec::with_capacity(last + 1));
        let (mut inputs, mut range) = (self.inputs.clone(), self.code.range);
        let mut units = vec![self.code.scale; self.first.columns];
        for (b, layer) in self.float.layers.iter().enumerate() {
            let moments;
            let moments = if b == 0 {
                &self.first
            } else {
                moments = Moments::gather(compute, &inputs, layer.columns, &self.targets[b], layer.rows);
                &moments
            };
            if b == last {
                let caps = Caps::new(None, layer.columns, range);
                let starts: Vec<Vec<i8>> = (0..layer.rows).map(|i| rounded(layer, i, &units, layer.columns)).collect();
                let rows = compensate::rows_of_one_scale(compute, moments, &starts, &caps);
                let energy = moments.energy.iter().sum::<f64>().max(f64::MIN_POSITIVE);
                errors.push(rows.iter().map(|r| r.error).sum::<f64>() / energy);
                let bias = biases(&rows, moments, &caps, range, 0);
                layers.push(Layer { weights: matrix(&rows, layer.columns), bias, requantise: None });
                break;
            }
            let rows = if b == 0 { first.to_vec() } else { self.hidden_rows(compute, b, choice, moments, &units, range) };
            let caps = Caps::new(choice.row_cap, layer.columns, range);
            let clamp = Clamp { min: 0, max: (1 << choice.activation_bits) - 1 };
            let bias = |shift: u32| biases(&rows, moments, &caps, range, shift);
            let mut integer = Layer { weights: matrix(&rows, layer.columns), bias: vec![0; layer.rows], requantise: None };
            let sums = accumulators(&integer, &inputs);
            let shifts: Vec<u32> = (0..=caps.bits).filter(|s| caps.bits + 1 - s < MAX_TABLE_BITS).collect();
            let fits = compute.map(shifts.len(), |s| {
                let r = Requantise { shift: shifts[s], clamp };
                Fit::measure(&sums, &bias(r.shift), &self.targets[b], &self.importance[b], r)
            });
            let Some(best) = fits.into_iter().min_by(|a, b| a.error.total_cmp(&b.error)) else {
                let what = format!("layer {b} has no shift whose tables can be built; use a smaller --row-cap");
                return Err(TuneError::Settings(what));
            };
            integer.bias = bias(best.requantise.shift);
            inputs = activate(&accumulators(&integer, &inputs), best.requantise);
            integer.requantise = Some(best.requantise);
            layers.push(integer);
            errors.push(best.error);
            (units, range) = (best.units, clamp);
        }
        let network = Network { name: self.float.name.clone(), input: self.code.range, layers };
        Architecture::of(&network, 1)?;
        Ok(Tuned { network, errors })
    }
}

/// Inputs that are worked on at a time.
const BLOCK: usize = 256;

/// [`FloatNetwork::forward`], blocks of inputs side by side.
fn forward<C: Compute>(compute: &C, float: &FloatNetwork, inputs: &[f32]) -> FloatTrace {
    let blocks: Vec<&[f32]> = inputs.chunks(BLOCK * float.layers[0].columns.max(1)).collect();
    let traces = compute.map(blocks.len(), |n| float.forward(blocks[n]));
    let mut all = FloatTrace { sums: vec![Vec::new(); float.layers.len()], activations: Vec::new() };
    all.activations.resize(float.layers.len() - 1, Vec::new());
    for trace in traces {
        all.sums.iter_mut().zip(trace.sums).for_each(|(to, from)| to.extend(from));
        all.activations.iter_mut().zip(trace.activations).for_each(|(to, from)| to.extend(from));
    }
    all
}

/// Checks that a network can be tuned.
fn check(float: &FloatNetwork) -> Result<(), TuneError> {
    if float.layers.len() < 2 {
        let found = float.layers.len();
        return Err(TuneError::Settings(format!(
            "the network has {found} linear layer(s), expected at least 2: one with an activation, one without"
        )));
    }
    for (layer, l) in float.layers.iter().enumerate().take(float.layers.len() - 1) {
        let found = match (l.activation, l.grid) {
            (Activation::Relu, None) => continue,
            (Activation::Relu, Some(_)) => "ReLU on a prescribed grid",
            (Activation::None, _) => "no activation",
            (Activation::Clip { .. }, _) => "a clip",
        };
        return Err(TuneError::Activation { layer, name: l.name.clone(), found });
    }
    match float.layers.last() {
        Some(l) if l.activation != Activation::None || l.grid.is_some() => Err(TuneError::Settings(format!(
            "the last layer ({}) ends with an activation, expected logits as they are; remove its activation",
            l.name
        ))),
        _ => Ok(()),
    }
}

/// The plain rounding of a row: signs of the largest entries above the threshold of ternary weight networks, at most `cap`.
fn rounded(layer: &FloatLayer, i: usize, units: &[f64], cap: usize) -> Vec<i8> {
    let row = scaled_row(layer, i, units);
    let (plus, minus) = keep(&row, TWN_THRESHOLD * mean_magnitude(&row) as f32, Some(cap));
    let mut signs = vec![0; layer.columns];
    plus.iter().for_each(|&j| signs[j as usize] = 1);
    minus.iter().for_each(|&j| signs[j as usize] = -1);
    signs
}

/// Biases that make the means of the sums those of the float network, within the reach of the table.
fn biases(rows: &[Row], moments: &Moments, caps: &Caps, range: Clamp, shift: u32) -> Vec<i32> {
    let bias = |(row, target): (&Row, &f64)| {
        let mean: f64 = row.signs.iter().zip(&moments.input_means).map(|(s, m)| f64::from(*s) * m).sum();
        // A row that explains nothing is a constant, which the next layer's biases take up.
        let wanted = if row.scale > 0.0 { target / row.scale - mean } else { 0.0 };
        let count = |sign: i8| row.signs.iter().filter(|s| **s == sign).count();
        caps.bias(wanted, (count(1), count(-1)), range, shift)
    };
    rows.iter().zip(&moments.target_means).map(bias).collect()
}

/// The signs of rows as a matrix.
fn matrix(rows: &[Row], columns: usize) -> TernaryMatrix {
    TernaryMatrix::from_positions(
        columns,
        rows.iter().map(|row| {
            let of = |sign: i8| row.signs.iter().zip(0u32..).filter(|(s, _)| **s == sign).map(|(_, j)| j).collect();
            (of(1), of(-1))
        }),
    )
}

/// Most accumulators that a choice of shift looks at.
const MOST: usize = 1 << 20;

/// A shift, and how well its activations stand for the float ones.
struct Fit {
    requantise: Requantise,
    /// `Σ w_i·‖h_i − u_i·y_i‖² / Σ w_i·‖h_i‖²` with the best unit for every row and the rows' importance as weights.
    error: f64,
    /// `u_i`: what a step of each output is worth.
    units: Vec<f64>,
}

impl Fit {
    /// Measures a shift on `sums` and their biases against the float sums `targets`.
    fn measure(sums: &[i32], bias: &[i32], targets: &[f32], importance: &[f64], requantised: Requantise) -> Self {
        let rows = bias.len().max(1);
        let step = sums.len() / MOST + 1;
        let mut moments = vec![(0.0, 0.0, 0.0); rows];
        for (z, a) in sums.chunks_exact(rows).zip(targets.chunks_exact(rows)).step_by(step) {
            for (((z, m), a), (hh, hy, yy)) in z.iter().zip(bias).zip(a).zip(&mut moments) {
                let y = requantised.clamp.apply(requantise(i64::from(*z) + i64::from(*m), requantised.shift)) as f64;
                let h = f64::from(a.max(0.0));
                (*hh, *hy, *yy) = (*hh + h * h, *hy + h * y, *yy + y * y);
            }
        }
        let (mut error, mut energy) = (0.0, f64::MIN_POSITIVE);
        let unit = |(((hh, hy, yy), weight), _): (((f64, f64, f64), &f64), usize)| {
            let unit = if yy > 0.0 { hy / yy } else { 0.0 };
            error += weight * (hh - unit * hy).max(0.0);
            energy += weight * hh;
            unit
        };
        let units = moments.into_iter().zip(importance).zip(0..).map(unit).collect();
        Self { requantise: requantised, error: error / energy, units }
    }
}
