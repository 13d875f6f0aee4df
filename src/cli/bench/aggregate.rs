//! `bench aggregate`: what many inferences cost, in one proof and in many with one opening.
//!
//! | part | compared |
//! | --- | --- |
//! | lock-step | batches of 1, 16 and `--largest` inputs: time of an input, size and verification of the proof |
//! | deferred | `--leaves` proofs, each on its own, against the same without openings, aggregated |

use super::super::args;
use super::super::output::{model_keys, size, stages};
use super::book::{Book, Target, Times, time};
use super::memory;
use super::{Compute, Failure};
use crate::aggregate;
use crate::model::random::{self, Shape};
use crate::model::{Architecture, Network};
use crate::protocol::plan::MAX_BATCH;
use crate::protocol::{NoProgress, Plan, Session, key};
use serde_json::{Map, Value, json};
use std::time::Instant;

const INPUTS: usize = 784;
const OUTPUTS: usize = 10;
/// Hidden widths of the two parts.
const LOCK_STEP: &[usize] = &[512];
const DEFERRED: &[usize] = &[4096, 4096];
/// The batch with which the largest is compared.
const MIDDLE: usize = 16;

/// Refuses counts that no aggregate or proof can have.
pub(super) fn check(args: &args::Bench) -> Result<(), Failure> {
    if args.leaves == 0 || args.leaves > aggregate::MAX_LEAVES {
        return Err(Failure::usage(format!("--leaves {}: expected 1 to {}", args.leaves, aggregate::MAX_LEAVES)));
    }
    if args.largest == 0 || args.largest > MAX_BATCH {
        return Err(Failure::usage(format!("--largest {}: expected 1 to {MAX_BATCH}", args.largest)));
    }
    let values = (args.largest * (LOCK_STEP[0] + INPUTS)) as f64;
    let deferred = (args.leaves * (1 << 18)) as f64;
    memory::require(values * 400.0 + deferred + 256e6, "bench aggregate", "choose smaller --largest or --leaves")
}

pub(super) fn run<C: Compute + Clone>(compute: C, args: &args::Bench, book: &mut Book<'_>) -> Result<(), Failure> {
    book.line(format!("aggregate  {}, {} runs each, medians", compute.describe(), args.samples));
    let hidden = super::mlp::hidden(args)?;
    let of = |default: &[usize]| hidden.clone().unwrap_or_else(|| vec![default.to_vec()]);
    for hidden in of(LOCK_STEP) {
        lock_step(&session(&compute, &hidden)?, args, book)?;
    }
    for hidden in of(DEFERRED) {
        deferred(&session(&compute, &hidden)?, args, book)?;
    }
    Ok(())
}

fn session<C: Compute + Clone>(compute: &C, hidden: &[usize]) -> Result<Session<C>, Failure> {
    let widths = [&[INPUTS], hidden, &[OUTPUTS]].concat();
    let network: Network = random::network(&Shape { widths, density: 1.0 / 16.0, max: 255 }, 1)?;
    let arch = Architecture::of(&network, key::best_row_width(&network, key::Profile::Balanced))?;
    let (key, secret) = key::commit(compute, &network, &arch, [1; 32], |_| ())?;
    Ok(Session::new(compute.clone(), network, key, secret)?)
}

/// What one way of proving took.
#[derive(Default)]
struct Case {
    prove: Times,
    verify: Times,
    /// Bytes without the public values that the file lists.
    words: usize,
    file: usize,
}

impl Case {
    fn row<C: Compute>(&self, session: &Session<C>, case: &str, inputs: usize) -> Map<String, Value> {
        let mut row = model_keys(session.network(), session.key(), session.compute());
        row.insert("suite".into(), json!("aggregate"));
        row.insert("case".into(), json!(case));
        row.insert("shape".into(), json!(session.network().shape()));
        row.insert("inputs".into(), json!(inputs));
        self.prove.insert(&mut row, "prove_s");
        self.verify.insert(&mut row, "verify_s");
        row.insert("proof_bytes".into(), json!(self.file));
        row.insert("word_bytes".into(), json!(self.words));
        row.insert("valid".into(), json!(true));
        row
    }

    fn line(&self, case: &str, inputs: usize) -> String {
        format!(
            "{case:<26} {inputs:>5} {:>10} {:>10} {:>10} {:>10} {:>10}",
            time(self.prove.median()),
            time(self.prove.median() / inputs as f64),
            time(self.verify.median()),
            size(self.words),
            size(self.file)
        )
    }
}

fn header(book: &mut Book<'_>, shape: &str) {
    book.line(format!(
        "{shape:<26} {:>5} {:>10} {:>10} {:>10} {:>10} {:>10}",
        "B", "prove", "an input", "verify", "words", "file"
    ));
}

fn lock_step<C: Compute>(session: &Session<C>, args: &args::Bench, book: &mut Book<'_>) -> Result<(), Failure> {
    let batches = [1, MIDDLE.min(args.largest), args.largest];
    let shape = session.network().shape();
    header(book, &shape);
    let mut cases: [Case; 3] = std::array::from_fn(|_| Case::default());
    let mut times = [const { None }; 3];
    // Batches take turns, so that what else the machine does falls on all of them.
    for _ in 0..args.samples {
        for ((case, batch), times) in cases.iter_mut().zip(batches).zip(&mut times) {
            let inputs = random::inputs(session.network(), batch, 2);
            let start = Instant::now();
            let (proof, stages) = session.prove(&inputs, false, b"", &[2; 32], &NoProgress)?;
            case.prove.push(start.elapsed());
            let start = Instant::now();
            proof.verify(session.key(), b"").map_err(Failure::machine)?;
            case.verify.push(start.elapsed());
            (case.words, case.file, *times) = (proof.words.len(), proof.to_bytes().len(), Some(stages));
        }
    }
    for ((case, batch), times) in cases.iter().zip(batches).zip(&times) {
        book.line(case.line("lock-step", batch));
        let mut row = case.row(session, "lock-step", batch);
        row.insert("stages".into(), times.as_ref().map_or(Value::Null, stages));
        book.row(row)?;
    }
    let [one, middle, largest] = &cases;
    let n = args.largest;
    let per_input = one.prove.over(&largest.prove).map(|ratio| ratio * n as f64);
    let target = |t| (n == 1024).then_some(t);
    let what = |text: &str| format!("{shape}: {text}");
    book.compare(
        "aggregate",
        &what("an input alone / one of the largest batch"),
        "",
        per_input,
        target(Target::AtLeast(20.0)),
    )?;
    let verify = largest.verify.over(&middle.verify);
    book.compare("aggregate", &what("verify the largest batch / 16 inputs"), "", verify, target(Target::AtMost(3.0)))?;
    let words = [largest.words as f64 / middle.words as f64; 3];
    book.compare("aggregate", &what("proof of the largest batch / 16 inputs"), "", words, target(Target::AtMost(3.0)))
}

fn deferred<C: Compute>(session: &Session<C>, args: &args::Bench, book: &mut Book<'_>) -> Result<(), Failure> {
    let shape = session.network().shape();
    let leaves = args.leaves;
    let all = random::inputs(session.network(), leaves, 2);
    let each: Vec<&[i32]> = all.chunks(all.len() / leaves).collect();
    Plan::new(session.key().architecture(), 1, false)?;
    header(book, &shape);
    let (mut alone, mut together) = (Case::default(), Case::default());
    let mut aggregation = Times::default();
    for _ in 0..args.samples {
        let start = Instant::now();
        let prove = |x: &&[i32]| session.prove(x, false, b"", &[2; 32], &NoProgress);
        let proofs = each.iter().map(prove).collect::<Result<Vec<_>, _>>()?;
        alone.prove.push(start.elapsed());
        let start = Instant::now();
        proofs.iter().try_for_each(|(proof, _)| proof.verify(session.key(), b"")).map_err(Failure::machine)?;
        alone.verify.push(start.elapsed());
        alone.words = proofs.iter().map(|(proof, _)| proof.words.len()).sum();
        alone.file = proofs.iter().map(|(proof, _)| proof.to_bytes().len()).sum();

        let start = Instant::now();
        let defer = |x: &&[i32]| Ok(session.defer(x, false, b"", &[2; 32], &NoProgress)?.0);
        let parts = each.iter().map(defer).collect::<Result<Vec<_>, Failure>>()?;
        let merging = Instant::now();
        let whole = aggregate::decide(session.compute(), parts, &[3; 32])?;
        aggregation.push(merging.elapsed());
        together.prove.push(start.elapsed());
        let start = Instant::now();
        whole.verify(&[session.key()], b"").map_err(Failure::machine)?;
        together.verify.push(start.elapsed());
        (together.words, together.file) = (whole.word_bytes(), whole.to_bytes().len());
    }
    for (case, name) in [(&alone, "each with its opening"), (&together, "aggregated")] {
        book.line(case.line(name, leaves));
        let mut row = case.row(session, name, leaves);
        row.insert("leaves".into(), json!(leaves));
        if name == "aggregated" {
            aggregation.insert(&mut row, "aggregate_s");
        }
        book.row(row)?;
    }
    let target = |t| (leaves == 64).then_some(Target::AtMost(t));
    let what = |text: &str| format!("{shape}: {text}");
    let file = [together.file as f64 / alone.file as f64; 3];
    book.compare("aggregate", &what("size, aggregated / each"), "", file, target(0.25))?;
    let verify = together.verify.over(&alone.verify);
    book.compare("aggregate", &what("verify, aggregated / each"), "", verify, target(0.25))?;
    let cost = aggregation.over(&alone.prove);
    book.compare("aggregate", &what("aggregation / proving each"), "", cost, target(0.10))
}
