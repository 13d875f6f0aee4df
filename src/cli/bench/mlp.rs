//! `bench mlp`: whole proofs of random networks of 784 inputs and 10 outputs.
//!
//! `floor_s` is what the protocol's arithmetic takes if all cores did nothing else: additions, multiplications and point
//! additions ([`Work`]) times their unit costs, the smallest measured in the same run, over the number of threads.

use super::super::args;
use super::super::commit::density;
use super::super::estimate::{self, Units, Work};
use super::super::output::{model_keys, size, stages};
use super::book::{Book, Target, Times, rounded, time};
use super::memory::{self, Peak};
use super::{Compute, Failure};
use crate::lookup::layers::Holding;
use crate::model::random::{self, Shape};
use crate::model::{Architecture, Network};
use crate::protocol::memory::Memory;
use crate::protocol::plan::MAX_BATCH;
use crate::protocol::witness::{Lookups, Trace};
use crate::protocol::{Mode, NoProgress, Plan, Session, key};
use serde_json::json;
use std::time::Instant;

const INPUTS: usize = 784;
const OUTPUTS: usize = 10;
const HIDDEN: [&[usize]; 7] = [&[512], &[1024], &[512, 512], &[1024, 1024], &[2048, 2048], &[4096], &[4096, 4096]];

/// Measurements of unit costs, of which the smallest count: a floor is not raised by what else the machine did.
const UNIT_RUNS: usize = 15;

/// Hidden widths, densities and batches that are asked for.
struct Cases {
    hidden: Vec<Vec<usize>>,
    densities: Vec<(String, f64)>,
}

/// The hidden widths that are asked for, if any are.
pub(super) fn hidden(args: &args::Bench) -> Result<Option<Vec<Vec<usize>>>, Failure> {
    let widest = crate::model::architecture::MAX_WIDTH;
    let parse = |text: &String| {
        let widths: Result<Vec<usize>, _> = text.split('x').map(str::parse).collect();
        widths.ok().filter(|w| w.iter().all(|w| (1..=widest).contains(w))).ok_or_else(|| {
            Failure::usage(format!("--hidden {text}: expected widths of 1 to {widest} with x between, as 1024x1024"))
        })
    };
    let hidden = args.hidden.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    Ok((!hidden.is_empty()).then_some(hidden))
}

impl Cases {
    fn new(args: &args::Bench) -> Result<Self, Failure> {
        let hidden = hidden(args)?.unwrap_or_else(|| HIDDEN.iter().map(|h| h.to_vec()).collect());
        let densities = args.density.iter().map(|text| {
            let value = density(text)
                .ok_or_else(|| Failure::usage(format!("--density {text}: expected a fraction above 0, at most 1")));
            Ok((text.clone(), value?))
        });
        Ok(Self { hidden, densities: densities.collect::<Result<_, Failure>>()? })
    }
}

/// Refuses what cannot be parsed, batches that no proof can have, and networks that do not fit in memory.
pub(super) fn check(args: &args::Bench) -> Result<(), Failure> {
    let cases = Cases::new(args)?;
    if let Some(count) = args.count.iter().find(|c| **c == 0 || **c > MAX_BATCH) {
        return Err(Failure::usage(format!("--count {count}: expected 1 to {MAX_BATCH}")));
    }
    let most = args.count.iter().max().copied().unwrap_or(1);
    for hidden in &cases.hidden {
        for (text, density) in &cases.densities {
            let widths = widths(hidden);
            let entries: f64 = widths.windows(2).map(|w| (w[0] * w[1]) as f64).sum();
            // Lists of non-zeros by row and by column, twice (host and device); values and lookups of the batch.
            let bytes = entries * density * 20.0 + (most * widths.iter().sum::<usize>()) as f64 * 400.0 + 64e6;
            let what = format!("bench mlp with hidden widths {hidden:?}, density {text} and {most} inputs");
            memory::require(bytes, &what, "choose smaller --hidden or --count")?;
        }
    }
    Ok(())
}

fn widths(hidden: &[usize]) -> Vec<usize> {
    [&[INPUTS], hidden, &[OUTPUTS]].concat()
}

pub(super) fn run<C: Compute + Clone>(compute: C, args: &args::Bench, book: &mut Book<'_>) -> Result<(), Failure> {
    let cases = Cases::new(args)?;
    book.line(format!("mlp        {}, {} runs each, medians", compute.describe(), args.samples));
    book.line(format!(
        "{:<20} {:>7} {:>3} {:>10} {:>10} {:>10} {:>10} {:>10} {:>10} {:>6} {:>10}",
        "network", "density", "B", "commit", "prove", "an input", "verify", "proof", "floor", "ratio", "memory"
    ));
    let units = estimate::measure_best(UNIT_RUNS);
    let mut ratios = Vec::new();
    for hidden in &cases.hidden {
        for (text, density) in &cases.densities {
            let shape = Shape { widths: widths(hidden), density: *density, max: 255 };
            network(&compute, &random::network(&shape, 1)?, text, args, book, &units, &mut ratios)?;
        }
    }
    let target = Some(Target::AtMost(3.0));
    ratios.into_iter().try_for_each(|(what, density, spread)| book.compare("mlp", &what, &density, spread, target))
}

/// What is compared with its floor, at which density, and the ratio's spread.
type Ratio = (String, String, [f64; 3]);

/// Commits to a network, then proves every batch.
fn network<C: Compute + Clone>(
    compute: &C,
    network: &Network,
    density: &str,
    args: &args::Bench,
    book: &mut Book<'_>,
    units: &Units,
    ratios: &mut Vec<Ratio>,
) -> Result<(), Failure> {
    let width = key::best_row_width(network, key::Profile::Balanced);
    let arch = Architecture::of(network, width)?;
    let mut commit = Times::default();
    let mut made = None;
    for _ in 0..args.samples {
        let start = Instant::now();
        made = Some(key::commit(compute, network, &arch, [1; 32], |_| ())?);
        commit.push(start.elapsed());
    }
    let Some((key, secret)) = made else { return Ok(()) };
    let key_bytes = key.to_bytes().len();
    let session = Session::new(compute.clone(), network.clone(), key, secret)?;
    for batch in &args.count {
        let inputs = random::inputs(network, *batch, 2);
        let plan = Plan::new(&arch, *batch, false)?;
        let threads = rayon::current_num_threads();
        let model = Memory { arch: &arch, non_zeros: network.non_zeros(), private: false, threads, file: 0 };
        let bytes = model.bytes(*batch, *batch, Holding::ALL)? as f64;
        memory::require(bytes, &format!("{} with {batch} inputs", network.name), "use a smaller --count")?;
        let start = Instant::now();
        let expected = network.logits(&inputs);
        let infer_s = start.elapsed().as_secs_f64();
        let floor = floor(compute, network, &arch, &plan, &inputs, units)?;
        let peak = Peak::start();
        let (mut prove, mut verify, mut times, mut bytes) = (Times::default(), Times::default(), Vec::new(), 0);
        for _ in 0..args.samples {
            let start = Instant::now();
            // A fixed seed in place of randomness: a benchmark hides nothing.
            let (proof, stages) = session.prove(&inputs, false, b"", &[2; 32], &NoProgress)?;
            prove.push(start.elapsed());
            times.push(stages);
            bytes = proof.to_bytes().len();
            let start = Instant::now();
            proof.verify(session.key(), b"").map_err(Failure::machine)?;
            verify.push(start.elapsed());
            if proof.logits != expected {
                return Err(Failure::machine("the device's inference differs from the CPU's; run zktern doctor"));
            }
        }
        let peak = peak.bytes();
        let ratio = prove.median() / floor;
        let mut row = model_keys(network, session.key(), compute);
        for (key, value) in [
            ("suite", json!("mlp")),
            ("density", json!(density)),
            ("inputs", json!(batch)),
            ("infer_s", json!(rounded(infer_s))),
            ("stages", stages(&times[prove.median_run()])),
            ("proof_bytes", json!(bytes)),
            ("key_bytes", json!(key_bytes)),
            ("peak_rss_bytes", json!(peak)),
            ("gpu_bytes", json!(0)),
            ("floor_s", json!(rounded(floor))),
            ("floor_ratio", json!(rounded(ratio))),
            (
                "units_ns",
                json!({
                    "multiplication": units.multiplication * 1e9, "addition": units.addition * 1e9,
                    "point_addition": units.point_addition * 1e9,
                }),
            ),
            ("valid", json!(true)),
        ] {
            row.insert(key.into(), value);
        }
        commit.insert(&mut row, "commit_s");
        prove.insert(&mut row, "prove_s");
        verify.insert(&mut row, "verify_s");
        book.line(format!(
            "{:<20} {density:>7} {batch:>3} {:>10} {:>10} {:>10} {:>10} {:>10} {:>10} {ratio:>6.2} {:>10}",
            network.shape(),
            time(commit.median()),
            time(prove.median()),
            time(prove.median() / *batch as f64),
            time(verify.median()),
            size(bytes),
            time(floor),
            peak.map_or_else(|| "?".into(), size)
        ));
        book.row(row)?;
        let what = format!("{} {density} B={batch}: prove / floor", network.shape());
        ratios.push((what, density.to_owned(), prove.spread().map(|s| s / floor)));
    }
    Ok(())
}

/// Seconds of the arithmetic of one proof, on all threads. Values that are zero are not counted: they cost no addition.
fn floor<C: Compute>(
    compute: &C,
    network: &Network,
    arch: &Architecture,
    plan: &Plan,
    inputs: &[i32],
    units: &Units,
) -> Result<f64, Failure> {
    let matrices = network.layers.iter().map(|l| compute.load(&l.weights)).collect::<Result<Vec<_>, _>>()?;
    let trace = Trace::run(compute, network, &matrices, plan, inputs)?;
    let lookups = Lookups::find(compute, plan, arch, &trace, inputs)?;
    let count = |values: &[i32]| values.iter().filter(|v| **v != 0).count();
    let split = |b: &usize| plan.modes.get(*b) == Some(&Mode::Split);
    let committed: usize = trace.activations.iter().map(|v| count(v)).sum::<usize>()
        + (0..plan.modes.len()).filter(split).map(|b| count(&trace.quotients[b])).sum::<usize>()
        + lookups.multiplicities.iter().map(|v| count(v)).sum::<usize>();
    let work = Work::new(plan, arch.row_width, network.non_zeros(), committed as f64);
    Ok(work.seconds(units) / rayon::current_num_threads() as f64)
}
