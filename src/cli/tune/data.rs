//! Inputs to calibrate on, to compare networks with, and to evaluate the choice on.

use super::super::{Failure, args, files, input};
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
    pub(super) fn read<C: Compute>(compute: &C, args: &args::Tune, float: &FloatNetwork) -> Result<Self, Failure> {
        let raw = args.input.code();
        let code = narrowed(raw, args.input_bits)?;
        let reader = Reader { compute, float, raw, code };
        let (inputs, labels) = reader.files(&args.calibrate, args.labels.as_deref())?;
        let width = reader.width();
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
        let (fit, _): (Vec<i32>, Option<Vec<u8>>) = part(false);
        let (held, labels) = part(true);
        let raw_fit = Samples::decode(&raw, fit);
        let coded = raw_fit.reals.iter().map(|v| code.encode(*v)).collect();
        let fit = Samples { integers: coded, ..raw_fit.clone() };
        let held = reader.judge(held, labels);
        let evaluate = match &args.evaluate {
            Some(path) => {
                let (inputs, labels) = reader.files(path, args.evaluate_labels.as_deref())?;
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
    raw: InputCode,
    code: InputCode,
}

impl<C: Compute> Reader<'_, C> {
    fn width(&self) -> usize {
        self.float.layers.first().map_or(1, |l| l.columns.max(1))
    }

    /// Inputs, and labels that belong to them.
    fn files(&self, inputs: &Path, labels: Option<&Path>) -> Result<(Vec<i32>, Option<Vec<u8>>), Failure> {
        let name = files::name(inputs);
        let values = input::read_inputs(&files::read_foreign(inputs)?, &name, self.width(), self.raw.range)?;
        let Some(path) = labels else { return Ok((values, None)) };
        let label_file = files::name(path);
        let labels = input::labels(&files::read_foreign(path)?, &label_file)?;
        let count = values.len() / self.width();
        if labels.len() != count {
            return Err(Failure::usage(format!(
                "{label_file}: {} labels, expected {count}, one for each input of {name}",
                labels.len()
            )));
        }
        let classes = self.float.layers.last().map_or(0, |l| l.rows);
        match labels.iter().position(|l| usize::from(*l) >= classes) {
            Some(n) => Err(Failure::usage(format!(
                "{label_file}: label {n} is {}, expected a class of the network, 0 to {}",
                labels[n],
                classes.saturating_sub(1)
            ))),
            None => Ok((values, Some(labels))),
        }
    }

    fn judge(&self, raw: Vec<i32>, labels: Option<Vec<u8>>) -> Judged {
        let Samples { reals, integers: raw, .. } = Samples::decode(&self.raw, raw);
        let said = float_classes(self.compute, self.float, &reals);
        let expected = labels.map_or_else(|| said.clone(), |l| l.into_iter().map(usize::from).collect());
        let float = accuracy(&said, &expected);
        let coded = reals.iter().map(|v| self.code.encode(*v)).collect();
        Judged { raw, coded, expected, float }
    }
}
