//! `import`: networks of other programs become `.tern` files.

use super::files::{self, Access, Target};
use super::foreign::{self, FloatModel, Foreign};
use super::import_report::Report;
use super::input::Reals;
use super::output::{Output, human, peak_rss, seconds, size};
use super::{Failure, args};
use crate::model::architecture::MAX_VALUE;
use crate::model::float::{FloatNetwork, InputCode};
use crate::model::quantise::{self, Bias, LayerSettings, Quantised, Samples, Selection, Settings, Weights};
use crate::model::{Architecture, Clamp, Network};
use crate::protocol::{Plan, key};
use serde_json::json;
use std::path::Path;
use std::time::Instant;

/// Random inputs that stand in for missing calibration data.
const RANDOM_SAMPLES: usize = 64;
/// Most values of a layer that are kept for calibration (1 GiB for each of floats, integers and accumulators).
const MAX_VALUES: usize = 1 << 28;

/// The network by its layers, as `random` shows it too.
pub(super) fn describe(network: &Network, out: &Output) {
    out.line(format!("network    {} ({}), {} non-zero weights", network.name, network.shape(), network.non_zeros()));
    for (b, layer) in network.layers.iter().enumerate() {
        let w = &layer.weights;
        out.line(format!("layer {b:<4} {} x {}, density {:.4}", w.rows(), w.columns(), w.density()));
    }
}

/// `zktern import`.
pub(super) fn run(args: &args::Import, out: &Output) -> Result<(), Failure> {
    let start = Instant::now();
    let inputs: Vec<&Path> =
        [Some(&args.model), args.calibrate.as_ref(), args.labels.as_ref()].iter().flatten().map(|p| p.as_path()).collect();
    let outputs: Vec<&Path> = std::iter::once(&args.output).chain(&args.write_inputs).map(|p| p.as_path()).collect();
    files::distinct(&outputs, &inputs)?;
    match foreign::read(&args.model)? {
        Foreign::Integer(network) => integer(&network, args, out, start),
        Foreign::Float(model) => float(&model, args, out, start),
    }
}

/// An exact integer network is taken as it is.
fn integer(network: &Network, args: &args::Import, out: &Output, start: Instant) -> Result<(), Failure> {
    if args.calibrate.is_some() || args.write_inputs.is_some() || args.labels.is_some() {
        let name = files::name(&args.model);
        let what = "is an integer network already, for which --calibrate, --labels and --write-inputs mean nothing";
        return Err(Failure::usage(format!("{name}: {what}; leave them out")));
    }
    let bytes = network.to_bytes();
    files::write(&args.output, &bytes, Access::Public)?;
    describe(network, out);
    out.line(format!("wrote      {} ({})", files::name(&args.output), size(bytes.len())));
    out.document(&json!({
        "model": network.name, "nnz": network.non_zeros(), "parameters": network.parameters(),
        "import_s": seconds(start.elapsed()), "peak_rss_bytes": peak_rss(),
    }));
    Ok(())
}

fn float(model: &FloatModel, args: &args::Import, out: &Output, start: Instant) -> Result<(), Failure> {
    let network = &model.network;
    let widths = network.widths();
    let width = widths.first().copied().unwrap_or(0);
    let data = args.calibrate.as_deref().map(|path| calibration(path, &widths)).transpose()?;
    let (code, why) = input_code(model, &args.coding, data.as_ref())?;
    let samples = match data {
        Some(data) if data.integers => Samples::decode(&code, integers(args, &data, code.range, width)?),
        Some(data) => Samples::encode(&code, data.values),
        None => Samples::random(&code, width, RANDOM_SAMPLES, 0),
    };
    let labels = labels(args, samples.integers.len() / width.max(1))?;
    let settings = settings(network, args, code)?;
    let bar = out.bar(network.layers.len(), "import");
    let named = |e: quantise::QuantiseError| Failure::usage(format!("{}: {e}", files::name(&args.model)));
    let made = quantise::quantise_with(network, &settings, &samples, &mut |b| bar.step(b)).map_err(named)?;
    drop(bar);
    let plans = plans(&made.network, args.count)?;
    let bytes = made.network.to_bytes();
    let written = args.write_inputs.as_ref().map(|path| (path, super::input::to_npy(&samples.integers, width)));
    let mut targets = vec![Target { path: &args.output, bytes: &bytes, access: Access::Public }];
    targets.extend(written.iter().map(|(path, bytes)| Target { path, bytes, access: Access::Public }));
    files::write_all(&targets)?;
    let accuracy = labels.map(|l| accuracy(&made, &l));
    let report = Report { model, made: &made, code, why, plans: &plans, accuracy };
    report.print(args, out);
    out.line(format!("wrote      {} ({}) in {}", files::name(&args.output), size(bytes.len()), human(start.elapsed())));
    if let Some(path) = &args.write_inputs {
        out.line(format!("wrote      {} ({} inputs as integers)", files::name(path), made.agreement.samples));
    }
    let mut document = report.document();
    document["import_s"] = json!(seconds(start.elapsed()));
    document["peak_rss_bytes"] = json!(peak_rss());
    out.document(&document);
    Ok(())
}

/// Reads calibration data, as many inputs as may be kept.
fn calibration(path: &Path, widths: &[usize]) -> Result<Reals, Failure> {
    let width = widths.first().copied().unwrap_or(0);
    let mut values = super::input::read_reals(&files::read_foreign(path)?, &files::name(path), width)?;
    let widest = widths.iter().copied().max().unwrap_or(1).max(1);
    values.values.truncate(MAX_VALUES / widest * width);
    let first = values.values.first().copied();
    if values.values.iter().all(|v| Some(*v) == first) {
        let shown = first.unwrap_or_default();
        return Err(Failure::usage(format!(
            "{}: all values are {shown}, expected inputs as the network gets them in use",
            files::name(path)
        )));
    }
    Ok(values)
}

/// Calibration data that are integers already.
fn integers(args: &args::Import, data: &Reals, range: Clamp, width: usize) -> Result<Vec<i32>, Failure> {
    let fits = |(i, v): (usize, &f32)| {
        let found = *v as i32;
        range.contains(found).then_some(found).ok_or_else(|| {
            let path = args.calibrate.as_deref().map(files::name).unwrap_or_default();
            let (input, position) = (i / width.max(1), i % width.max(1));
            let Clamp { min, max } = range;
            Failure::usage(format!(
                "{path}: input {input}, value {position} is {found}, expected {min}..={max}; see --input-range"
            ))
        })
    };
    data.values.iter().enumerate().map(fits).collect()
}

/// How real inputs become integers, and why so.
pub(super) fn input_code(
    model: &FloatModel,
    args: &args::InputCoding,
    data: Option<&Reals>,
) -> Result<(InputCode, &'static str), Failure> {
    let range = args.input_range.as_deref().map(input_range).transpose()?;
    if let Some(scale) = args.input_scale.filter(|s| !(*s > 0.0 && s.is_finite())) {
        return Err(Failure::usage(format!("--input-scale {scale}: expected a number above 0")));
    }
    if !args.input_offset.is_finite() {
        return Err(Failure::usage(format!("--input-offset {}: expected a number", args.input_offset)));
    }
    let asked = args.input_scale.is_some() || args.input_offset != 0.0;
    if let Some(code) = model.code.filter(|_| !asked) {
        return Ok((InputCode { range: range.unwrap_or(code.range), ..code }, "from the file"));
    }
    let extremes =
        data.map(|d| d.values.iter().fold((0.0f64, 0.0f64), |(lo, hi), v| (lo.min(f64::from(*v)), hi.max(f64::from(*v)))));
    let offset = args.input_offset;
    let (code, why) = match (data, extremes) {
        // Integers are taken as they are.
        (Some(d), Some((lo, hi))) if d.integers => {
            let observed = if lo >= 0.0 { Clamp { min: 0, max: (hi as i32).max(255) } } else { symmetric(lo, hi) };
            let scale = args.input_scale.unwrap_or(1.0);
            (InputCode { scale, offset, range: range.unwrap_or(observed) }, "integers of the calibration data")
        }
        (Some(_), Some((lo, hi))) => {
            let (lo, hi) = (lo - offset, hi - offset);
            let range = range.unwrap_or(if lo >= 0.0 { Clamp { min: 0, max: 255 } } else { Clamp { min: -127, max: 127 } });
            // Both ends of what was observed can be written.
            let step = |real: f64, steps: i32| if steps == 0 { 0.0 } else { real / f64::from(steps) };
            let scale = step(hi, range.max).max(step(lo, range.min));
            let scale = args.input_scale.unwrap_or(scale);
            (InputCode { scale, offset, range }, "from the range of the calibration data")
        }
        _ => {
            let range = range.unwrap_or(Clamp { min: 0, max: 255 });
            let scale = args.input_scale.unwrap_or_else(|| 1.0 / f64::from(range.max.max(-range.min).max(1)));
            (InputCode { scale, offset, range }, "assumed: real inputs up to 1")
        }
    };
    if !(code.scale > 0.0 && code.scale.is_finite()) {
        let shown = code.scale;
        return Err(Failure::usage(format!("--input-range: the input scale would be {shown}; give --input-scale")));
    }
    Ok((code, why))
}

fn symmetric(lo: f64, hi: f64) -> Clamp {
    let largest = hi.max(-lo).max(127.0) as i32;
    Clamp { min: -largest, max: largest }
}

/// `MIN,MAX`.
fn input_range(text: &str) -> Result<Clamp, Failure> {
    let parsed =
        text.split_once(',').and_then(|(a, b)| Some(Clamp { min: a.trim().parse().ok()?, max: b.trim().parse().ok()? }));
    match parsed {
        Some(c) if c.min <= 0 && c.max >= 0 && c.min < c.max && c.min >= -MAX_VALUE && c.max <= MAX_VALUE => Ok(c),
        _ => Err(Failure::usage(format!(
            "--input-range {text}: expected MIN,MAX, two integers within ±{MAX_VALUE} with MIN at most 0 and MAX at least 0"
        ))),
    }
}

fn settings(network: &FloatNetwork, args: &args::Import, input: InputCode) -> Result<Settings, Failure> {
    let density = |text: &String| {
        super::commit::density(text)
            .ok_or_else(|| Failure::usage(format!("--density {text}: expected a fraction above 0, at most 1")))
    };
    let density = args.density.as_ref().map(density).transpose()?;
    let selection = Selection { rule: args.rule.into(), row_cap: args.row_cap.map(|k| k as usize), density };
    // Means over random inputs are not those of real ones.
    let bias = if args.calibrate.is_some() { Bias::Corrected } else { Bias::Rounded };
    let each = LayerSettings { selection, bias, activation_bits: args.activation_bits };
    let weights = if args.ternarize { Weights::Ternarise } else { Weights::AsTheyAre };
    Ok(Settings { input, weights, layers: vec![each; network.layers.len()] })
}

/// What proofs of one input, and of as many as asked, look up.
fn plans(network: &Network, count: usize) -> Result<Vec<Plan>, Failure> {
    let arch = Architecture::of(network, key::best_row_width(network, key::Profile::Balanced))?;
    let mut batches = vec![1, count];
    batches.dedup();
    Ok(batches.into_iter().map(|batch| Plan::new(&arch, batch, false)).collect::<Result<_, _>>()?)
}

/// One label for each calibration input.
fn labels(args: &args::Import, inputs: usize) -> Result<Option<Vec<u8>>, Failure> {
    let Some(path) = &args.labels else { return Ok(None) };
    let labels = super::input::labels(&files::read_foreign(path)?, &files::name(path))?;
    if labels.len() != inputs {
        let found = labels.len();
        return Err(Failure::usage(format!("{}: {found} labels, expected {inputs}, one for each input", files::name(path))));
    }
    Ok(Some(labels))
}

/// How many samples the float and the integer network classify as their labels say.
fn accuracy(made: &Quantised, labels: &[u8]) -> (usize, usize) {
    let right = |of: fn(&(usize, usize)) -> usize| {
        made.classes.iter().zip(labels).filter(|(c, label)| of(c) == usize::from(**label)).count()
    };
    (right(|c| c.0), right(|c| c.1))
}
