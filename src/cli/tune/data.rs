//! Inputs to calibrate on, to compare networks with, and to evaluate the choice on.

use super::super::foreign::FloatModel;
use super::super::import::input_code;
use super::super::input::{self, Reals};
use super::super::{Failure, args, files};
use crate::compute::Compute;
use crate::model::Clamp;
use crate::model::float::{FloatNetwork, InputCode};
use crate::model::quantise::Samples;
use crate::tune::calibrate::LEAST_INPUTS;
use crate::tune::{accuracy, float_classes};
use std::path::Path;

/// One input of so many is kept from calibration, to compare networks with.
const KEPT_FROM: usize = 6;

/// Inputs and what a network is to say about them.
pub(super) struct Judged {
    /// As the file has them.
    pub(super) raw: Vec<i32>,
    /// As tuned networks take them.
    pub(super) coded: Vec<i32>,
    /// The classes: labels, or what the float network says.
    pub(super) expected: Vec<usize>,
    /// Fraction of the expected classes that the float network says.
    pub(super) float: f64,
}

/// Everything that is read.
pub(super) struct Data {
    /// The code of the file's integers.
    pub(super) raw: InputCode,
    /// The code of tuned networks' inputs.
    pub(super) code: InputCode,
    /// Calibration inputs in the code of tuned networks.
    pub(super) fit: Samples,
    /// The same in the file's.
    pub(super) raw_fit: Samples,
    /// Inputs to compare networks with.
    pub(super) held: Judged,
    /// Inputs that decide nothing.
    pub(super) evaluate: Option<Judged>,
}

/// The code with `bits` bits of the same real range.
fn narrowed(raw: InputCode, bits: Option<u32>) -> Result<InputCode, Failure> {
    let Some(bits) = bits else { return Ok(raw) };
    let Clamp { min, max } = raw.range;
    if !(1..=16).contains(&bits) || min != 0 || (1 << bits) - 1 > max {
        return Err(Failure::usage(format!(
            "--input-bits {bits}: inputs are integers in {min}..={max}, expected a range from 0 and 1 to 16 bits that fit into it"
        )));
    }
    let steps = (1 << bits) - 1;
    let scale = raw.scale * f64::from(max) / f64::from(steps);
    Ok(InputCode { scale, range: Clamp { min: 0, max: steps }, ..raw })
}

impl Data {
    /// Reads all files.
    pub(super) fn read<C: Compute>(compute: &C, args: &args::Tune, model: &FloatModel) -> Result<Self, Failure> {
        let float = &model.network;
        let width = float.layers.first().map_or(1, |l| l.columns.max(1));
        let found = input::read_reals(&files::read_foreign(&args.calibrate)?, &files::name(&args.calibrate), width)?;
        let (raw, _) = input_code(model, &args.coding, Some(&found))?;
        let code = narrowed(raw, args.input_bits)?;
        let reader = Reader { compute, float, width, raw, code };
        let inputs = reader.reals(&args.calibrate, found)?;
        let labels = reader.labels(args.labels.as_deref(), &args.calibrate, &inputs)?;
        let count = inputs.len() / width;
        let least = LEAST_INPUTS * KEPT_FROM / (KEPT_FROM - 1) + 1;
        if count < least {
            let name = files::name(&args.calibrate);
            return Err(Failure::usage(format!(
                "{name}: holds {count} input(s), expected at least {least}: most of them to calibrate on, the others to compare \
                 networks with; a few thousand are better"
            )));
        }
        let part = |held: bool| {
            let chosen = (0..count).filter(move |n| (n % KEPT_FROM == KEPT_FROM - 1) == held);
            let values = chosen.clone().flat_map(|n| inputs[n * width..(n + 1) * width].iter().copied()).collect();
            let labels = labels.as_ref().map(|l| chosen.map(|n| l[n]).collect());
            (values, labels)
        };
        let (reals, _): (Vec<f32>, Option<Vec<u8>>) = part(false);
        let (held, labels) = part(true);
        let raw_fit = Samples::encode(&raw, reals.clone());
        let fit = Samples::encode(&code, reals);
        let held = reader.judge(held, labels);
        let evaluate = match &args.evaluate {
            Some(path) => {
                let found = input::read_reals(&files::read_foreign(path)?, &files::name(path), width)?;
                let inputs = reader.reals(path, found)?;
                let labels = reader.labels(args.evaluate_labels.as_deref(), path, &inputs)?;
                Some(reader.judge(inputs, labels))
            }
            None => None,
        };
        Ok(Self { raw, code, fit, raw_fit, held, evaluate })
    }
}

struct Reader<'a, C> {
    compute: &'a C,
    float: &'a FloatNetwork,
    width: usize,
    raw: InputCode,
    code: InputCode,
}

impl<C: Compute> Reader<'_, C> {
    /// Real inputs: those of the file, or what its integers stand for.
    fn reals(&self, path: &Path, found: Reals) -> Result<Vec<f32>, Failure> {
        let Clamp { min, max } = self.raw.range;
        if !found.integers {
            return Ok(found.values);
        }
        match found.values.iter().position(|v| !self.raw.range.contains(*v as i32)) {
            Some(i) => Err(Failure::usage(format!(
                "{}: input {}, value {} is {}, expected {min}..={max}; see --input-range",
                files::name(path),
                i / self.width,
                i % self.width,
                found.values[i]
            ))),
            None => Ok(found.values.iter().map(|v| self.raw.decode(*v as i32)).collect()),
        }
    }

    /// One label for each input.
    fn labels(&self, path: Option<&Path>, inputs: &Path, values: &[f32]) -> Result<Option<Vec<u8>>, Failure> {
        let Some(path) = path else { return Ok(None) };
        let name = files::name(path);
        let labels = input::labels(&files::read_foreign(path)?, &name)?;
        let (found, count) = (labels.len(), values.len() / self.width);
        if found != count {
            let inputs = files::name(inputs);
            return Err(Failure::usage(format!("{name}: {found} labels, expected {count}, one for each input of {inputs}")));
        }
        let classes = self.float.layers.last().map_or(0, |l| l.rows);
        match labels.iter().position(|l| usize::from(*l) >= classes) {
            Some(n) => Err(Failure::usage(format!(
                "{name}: label {n} is {}, expected a class of the network, 0 to {}",
                labels[n],
                classes.saturating_sub(1)
            ))),
            None => Ok(Some(labels)),
        }
    }

    fn judge(&self, reals: Vec<f32>, labels: Option<Vec<u8>>) -> Judged {
        let said = float_classes(self.compute, self.float, &reals);
        let expected = labels.map_or_else(|| said.clone(), |l| l.into_iter().map(usize::from).collect());
        let float = accuracy(&said, &expected);
        let integers = |code: InputCode| reals.iter().map(|v| code.encode(*v)).collect();
        Judged { raw: integers(self.raw), coded: integers(self.code), expected, float }
    }
}
