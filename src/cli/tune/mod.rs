//! `tune`: a float network becomes the ternary one whose proofs are cheapest within a loss of accuracy.

mod candidates;
mod data;
mod table;

use super::files::{self, Access, Target};
use super::foreign::{self, Foreign};
use super::output::Output;
use super::{Failure, OnDevice, args, bench::memory, commit, estimate};
use crate::compute::Compute;
use crate::model::float::FloatNetwork;
use crate::protocol::plan::MAX_BATCH;
use crate::tune::{Calibration, Choice, search};
use candidates::{Candidate, Trials};
use data::Data;
use std::path::{Path, PathBuf};

/// Caps that are tried where none is given.
const ROW_CAPS: [usize; 4] = [32, 64, 128, 256];
/// Activation bits that are tried where none are given.
const ACTIVATION_BITS: [u32; 4] = [2, 3, 4, 8];
/// Densities that are tried where none is given; the first is none.
const DENSITIES: [Option<f64>; 2] = [None, Some(1.0 / 16.0)];
/// Measurements of unit costs, of which the smallest count.
const UNIT_RUNS: usize = 5;

/// All choices, those with the same first layer after each other.
fn choices(args: &args::Tune) -> Result<Vec<Choice>, Failure> {
    let density = args.density.as_ref().map(|text| {
        commit::density(text)
            .ok_or_else(|| Failure::usage(format!("--density {text}: expected a fraction above 0, at most 1")))
    });
    let densities = density.transpose()?.map_or_else(|| DENSITIES.to_vec(), |d| vec![Some(d)]);
    let caps = args.row_cap.map_or_else(|| ROW_CAPS.to_vec(), |k| vec![k]);
    let bits = args.activation_bits.map_or_else(|| ACTIVATION_BITS.to_vec(), |a| vec![a]);
    let mut out = Vec::with_capacity(caps.len() * bits.len() * densities.len());
    for row_cap in &caps {
        for density in &densities {
            out.extend(bits.iter().map(|a| Choice { row_cap: Some(*row_cap), activation_bits: *a, density: *density }));
        }
    }
    out.iter().try_for_each(Choice::check)?;
    Ok(out)
}

fn check(args: &args::Tune) -> Result<(), Failure> {
    if args.count == 0 || args.count > MAX_BATCH {
        return Err(Failure::usage(format!("--count {}: expected 1 to {MAX_BATCH} inputs in one proof", args.count)));
    }
    if args.max_width == Some(0) {
        return Err(Failure::usage("--max-width 0: expected at least 1 neuron a hidden layer"));
    }
    if !(0.0..=100.0).contains(&args.max_loss) {
        return Err(Failure::usage(format!("--max-loss {}: expected 0 to 100 points", args.max_loss)));
    }
    match (&args.evaluate, &args.evaluate_labels, &args.write_inputs) {
        (None, Some(path), _) => Err(without_inputs("--evaluate-labels", path)),
        (None, None, Some(path)) => Err(without_inputs("--write-inputs", path)),
        _ => Ok(()),
    }
}

fn without_inputs(option: &str, path: &Path) -> Failure {
    Failure::usage(format!(
        "{option} {}: given without --evaluate, expected the inputs that it belongs to",
        files::name(path)
    ))
}

/// `zktern tune`.
pub(super) struct Tune<'a> {
    pub(super) args: &'a args::Tune,
    pub(super) out: &'a Output,
}

impl OnDevice for Tune<'_> {
    fn run<C: Compute + Clone>(self, compute: C) -> Result<(), Failure> {
        let Self { args, out } = self;
        let choices = choices(args)?;
        check(args)?;
        let read = [Some(&args.model), Some(&args.calibrate)].into_iter();
        let read = read.chain([args.labels.as_ref(), args.evaluate.as_ref(), args.evaluate_labels.as_ref()]);
        let read: Vec<&Path> = read.flatten().map(PathBuf::as_path).collect();
        let written: Vec<&Path> = std::iter::once(&args.output).chain(&args.write_inputs).map(PathBuf::as_path).collect();
        files::distinct(&written, &read)?;
        let Foreign::Float(model) = foreign::read(&args.model)? else {
            let name = files::name(&args.model);
            let what = "is an integer network already, expected float weights; use zktern import";
            return Err(Failure::usage(format!("{name}: {what}")));
        };
        let float = &model.network;
        let data = Data::read(&compute, args, &model)?;
        memory::require(bytes(float, &data), "tuning on these inputs", "calibrate on fewer of them")?;
        let calibration = Calibration::new(&compute, float, &data.code, &data.fit, args.max_width)?;
        let units = estimate::measure_best(UNIT_RUNS);
        let trials = Trials { compute: &compute, float, data: &data, units, batch: args.count };
        let mut all = tried(&trials, &calibration, &choices, out)?;

        let points: Vec<search::Point> = all.iter().skip(1).map(Candidate::point).collect();
        let front: Vec<bool> = std::iter::once(true).chain(search::front(&points)).collect();
        let wanted = data.held.float - args.max_loss / 100.0;
        let chosen = 1 + search::choose(&points, wanted).unwrap_or(0);
        let mut shown: Vec<&mut Candidate> =
            all.iter_mut().zip(&front).filter(|(_, front)| **front).map(|(c, _)| c).collect();
        if args.proofs > 0 {
            let bar = out.bar(args.proofs * shown.len(), "prove");
            trials.prove(&mut shown, args.proofs, &bar)?;
        }
        if let Some(judged) = &data.evaluate {
            shown.iter_mut().for_each(|c| c.evaluate(&compute, judged));
        }
        let steps = all[chosen].choice.map_or_else(|| Ok(Vec::new()), |choice| trials.steps(&choice))?;

        let network = all[chosen].network.to_bytes();
        let inputs = args.write_inputs.as_ref().zip(data.evaluate.as_ref()).map(|(path, judged)| {
            let width = float.layers.first().map_or(1, |l| l.columns);
            (path, super::input::to_npy(&judged.coded, width))
        });
        let mut targets = vec![Target { path: &args.output, bytes: &network, access: Access::Public }];
        targets.extend(inputs.iter().map(|(path, bytes)| Target { path, bytes, access: Access::Public }));
        files::write_all(&targets)?;
        let table = table::Table { args, float, data: &data, all: &all, front: &front, chosen, wanted, steps: &steps };
        table.print(out);
        if all[chosen].accuracy < wanted {
            out.warn(format!(
                "no network tried is within {} points of the float one; the most accurate was written; try a larger --row-cap, \
                 more --activation-bits or more calibration inputs",
                args.max_loss
            ));
        }
        out.line(format!("wrote      {}", files::name(&args.output)));
        inputs.iter().for_each(|(path, _)| out.line(format!("wrote      {}", files::name(path))));
        Ok(())
    }
}

/// Memory of a search: every layer's values as floats, integers and centred floats, and the moments of two layers.
fn bytes(float: &FloatNetwork, data: &Data) -> f64 {
    let widths = float.widths();
    let widest = widths.iter().copied().max().unwrap_or(0) as f64;
    let count = (data.fit.integers.len() / widths.first().map_or(1, |w| (*w).max(1))) as f64;
    count * (8.0 * widths.iter().sum::<usize>() as f64 + 24.0 * widest) + 48.0 * widest * widest
}

/// The untuned network, and one for every choice.
fn tried<C: Compute + Clone>(
    trials: &Trials<'_, C>,
    calibration: &Calibration,
    choices: &[Choice],
    out: &Output,
) -> Result<Vec<Candidate>, Failure> {
    let bar = out.bar(choices.len(), "tune");
    let mut all = Vec::with_capacity(choices.len() + 1);
    all.push(trials.untuned()?);
    let mut first = None;
    for (n, choice) in choices.iter().enumerate() {
        // Neighbours that differ in bits only have the same first layer.
        let same = |c: &Choice| (c.row_cap, c.density) == (choice.row_cap, choice.density);
        let rows = match first.take() {
            Some((before, rows)) if same(&before) => rows,
            _ => calibration.first_rows(trials.compute, choice),
        };
        all.push(trials.tuned(calibration, choice, &rows)?);
        first = Some((*choice, rows));
        bar.step(n + 1);
    }
    Ok(all)
}
