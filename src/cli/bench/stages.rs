//! `bench stages`: every verb of [`Compute`] on one device, at a size of choice.

use super::super::args;
use super::book::{Book, Times, time};
use super::memory;
use super::{Compute, Failure};
use crate::algebra::Fr;
use crate::algebra::eq::SplitEq;
use crate::commit::{Generators, Pedersen};
use crate::compute::{Fractions, Summand, Weights};
use crate::model::random::{self, Numbers, Shape};
use crate::sumcheck::Rounds;
use serde_json::{Map, json};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Sizes that make sense.
const LOGS: std::ops::RangeInclusive<usize> = 8..=26;

/// Refuses sizes that are out of range or do not fit in memory.
pub(super) fn check(args: &args::Bench) -> Result<(), Failure> {
    let k = args.log_size;
    if !LOGS.contains(&k) {
        let (from, to) = LOGS.into_inner();
        return Err(Failure::usage(format!("--log-size {k}: expected {from} to {to}")));
    }
    // Four tables of twice the length, once for keeping and once for working.
    let bytes = (1u64 << k) as f64 * 32.0 * 24.0;
    memory::require(bytes, &format!("bench stages --log-size {k}"), "use a smaller --log-size")
}

/// Field elements without structure.
fn elements(count: usize, seed: u64) -> Vec<Fr> {
    let mut numbers = Numbers::new(seed);
    let mut power = Fr::from(numbers.below(u64::MAX));
    let step = power + Fr::from(7u64);
    let next = |_| {
        power *= step;
        power
    };
    (0..count).map(next).collect()
}

/// What is measured on one device.
struct Verbs<'a, 'b, 'c> {
    device: String,
    /// Until the device has done all that it was given.
    wait: &'c dyn Fn() -> crate::compute::Result<()>,
    samples: usize,
    log: usize,
    book: &'a mut Book<'b>,
}

impl Verbs<'_, '_, '_> {
    /// One row: a verb, its units of work, and how it runs on what `prepare` makes, which is not timed.
    fn verb<S, T, E: Into<Failure>>(
        &mut self,
        verb: &str,
        units: usize,
        mut prepare: impl FnMut() -> Result<S, E>,
        mut run: impl FnMut(S) -> Result<T, E>,
    ) -> Result<(), Failure> {
        let mut times = Times::default();
        // The first run warms up caches, pools and pipelines.
        for sample in 0..=self.samples {
            let state = prepare().map_err(Into::into)?;
            (self.wait)()?;
            let start = Instant::now();
            let out = black_box(run(state)).map_err(Into::into)?;
            (self.wait)()?;
            let elapsed = start.elapsed();
            drop(out);
            if sample > 0 {
                times.push(elapsed.max(Duration::from_nanos(1)));
            }
        }
        let each = times.median() / units.max(1) as f64 * 1e9;
        self.book.line(format!("{verb:<38} {units:>10} {:>10} {each:>12.2} ns each", time(times.median())));
        let mut row = Map::new();
        for (key, value) in [
            ("suite", json!("stages")),
            ("model", json!(verb)),
            ("device", json!(self.device)),
            ("threads", json!(rayon::current_num_threads())),
            ("log", json!(self.log)),
            ("units", json!(units)),
            ("unit_ns", json!((each * 1e3).round() / 1e3)),
        ] {
            row.insert(key.into(), value);
        }
        times.insert(&mut row, "verb_s");
        self.book.row(row)
    }
}

pub(super) fn run<C: Compute + Clone>(compute: C, args: &args::Bench, book: &mut Book<'_>) -> Result<(), Failure> {
    let (k, samples) = (args.log_size, args.samples);
    let device = compute.describe();
    book.line(format!("stages     {device}, tables of 2^{k}, {samples} runs each, medians"));
    let wait = || compute.wait();
    let mut verbs = Verbs { device, wait: &wait, samples, log: k, book };
    tables(&compute, k, &mut verbs)?;
    rounds(&compute, k, &mut verbs)?;
    linear(&compute, k, &mut verbs)?;
    commitments(&compute, k, &mut verbs)
}

type Computed<T> = crate::compute::Result<T>;

/// Verbs on tables.
fn tables<C: Compute>(c: &C, k: usize, verbs: &mut Verbs<'_, '_, '_>) -> Result<(), Failure> {
    let n = 1usize << k;
    let (values, point) = (elements(n, 1), elements(k, 2));
    let table = c.upload(values.clone())?;
    let none = || Computed::Ok(());
    let fresh = || c.upload(values.clone());
    verbs.verb("map (empty tasks)", n, none, |()| Computed::Ok(c.map(n, |i| i)))?;
    verbs.verb("join (empty tasks)", 1, none, |()| Computed::Ok(c.join(|| 1, || 2)))?;
    verbs.verb("upload", n, || Computed::Ok(values.clone()), |v| c.upload(v))?;
    verbs.verb("download", n, none, |()| c.download(&table))?;
    verbs.verb("eq_table", n, none, |()| c.eq_table(&point, values[0]))?;
    let indices: Vec<u32> = (0..n as u32).map(|i| i.wrapping_mul(2_654_435_761) % n as u32).collect();
    verbs.verb("gather", n, none, |()| c.gather(&values, &indices))?;
    verbs.verb("assemble (two parts)", 2 * n, none, |()| c.assemble(2 * n, &[(0, &table), (n, &table)]))?;
    verbs.verb("inner_product", n, none, |()| c.inner_product(&table, &table))?;
    verbs.verb("halves", n, fresh, |t| c.halves(t, Some(values[1]), Some(values[2])))?;
    let below = Fractions { numerators: Some(fresh()?), denominators: fresh()? };
    verbs.verb("fraction_layer", n / 2, none, |()| c.fraction_layer(below.as_ref()))?;
    let leaves = Fractions { numerators: None, denominators: fresh()? };
    verbs.verb("fraction_layer (leaves)", n / 2, none, |()| c.fraction_layer(leaves.as_ref()))?;
    // Every layer of a tree, and its root read.
    verbs.verb("fraction_layers (leaves to root)", n - 1, none, |()| {
        let layers = c.fraction_layers(&leaves, k)?;
        layers.last().map(|root| c.download(&root.denominators)).transpose()
    })?;
    verbs.verb("bind (one table)", n / 2, fresh, |t| c.bind(&mut [t], values[3]))
}

/// Sumcheck rounds: units are pairs of entries after binding.
fn rounds<C: Compute>(c: &C, k: usize, verbs: &mut Verbs<'_, '_, '_>) -> Result<(), Failure> {
    let n = 1usize << k;
    let values: Vec<Vec<Fr>> = (0..4).map(|i| elements(n, 20 + i)).collect();
    let point = elements(k, 30);
    let (eq, r) = (SplitEq::new(&point), point[0]);
    for (name, summand, count, weighted) in [
        ("round: product", Summand::Product, 2, false),
        ("round: product, eq", Summand::Product, 2, true),
        ("round: fraction, eq", Summand::Fraction, 4, true),
        ("round: cubic, eq", Summand::Cubic, 1, true),
    ] {
        for bind in [None, Some(r)] {
            let bound = usize::from(bind.is_some());
            let label = if bind.is_some() { format!("{name}, with bind") } else { name.to_owned() };
            let prepare = || values[..count].iter().map(|v| c.upload(v.clone())).collect::<Result<Vec<_>, _>>();
            verbs.verb(&label, n >> (1 + bound), prepare, |mut t| {
                let weights = if weighted { Weights::Eq(&eq, 1 + bound) } else { Weights::Plain };
                c.round(summand, &mut t, weights, bind).map(|v| (v, t))
            })?;
        }
    }
    // Whole sumchecks, as the prover runs them: two rounds in one pass where the backend does that.
    for (name, summand, count) in [("product", Summand::Product, 2), ("fraction", Summand::Fraction, 4)] {
        let prepare = || values[..count].iter().map(|v| c.upload(v.clone())).collect::<Result<Vec<_>, _>>();
        verbs.verb(&format!("all rounds: {name}, eq"), n - 1, prepare, |mut t| {
            let mut passes = Rounds::default();
            for (i, r) in point.iter().enumerate() {
                black_box(passes.next(c, summand, &mut t, Weights::Eq(&eq, i + 1), k - i)?);
                passes.challenge(*r);
            }
            passes.finish(c, &mut t)
        })?;
    }
    Ok(())
}

/// Verbs on matrices and small integers. The matrix has about 2^k non-zeros at density 1/16.
fn linear<C: Compute>(c: &C, k: usize, verbs: &mut Verbs<'_, '_, '_>) -> Result<(), Failure> {
    let width = 1usize << (k + 4).div_ceil(2);
    let shape = Shape { widths: vec![width, width, 2], density: 1.0 / 16.0, max: 255 };
    let network = random::network(&shape, 1)?;
    let ternary = &network.layers[0].weights;
    let matrix = c.load(ternary)?;
    let weights = c.upload(elements(width, 40))?;
    let none = || Computed::Ok(());
    let non_zeros = ternary.non_zeros();
    verbs.verb("load", non_zeros, none, |()| c.load(ternary))?;
    for batch in [1, 64] {
        let inputs = random::inputs(&network, batch, 3);
        verbs.verb(&format!("apply, B = {batch}"), non_zeros * batch, none, |()| c.apply(&matrix, &inputs, batch))?;
    }
    verbs.verb("fold_rows", non_zeros, none, |()| c.fold_rows(&matrix, &weights))?;
    let rows = random::inputs(&network, 64, 4);
    let batch = c.upload(elements(64, 41))?;
    verbs.verb("combine_rows, B = 64", rows.len(), none, |()| c.combine_rows(&rows, width, &batch))
}

/// Commitments, of rows as wide as embedded generators allow.
fn commitments<C: Compute>(c: &C, k: usize, verbs: &mut Verbs<'_, '_, '_>) -> Result<(), Failure> {
    let width = (1usize << k).min(4096);
    let generators = Generators::new(width);
    let _ = Pedersen::get();
    let mut numbers = Numbers::new(50);
    let small: Vec<i32> = (0..width).map(|_| numbers.below(256) as i32).collect();
    let rows: Vec<&[i32]> = vec![&small; 8];
    let (dense, blinds) = (elements(width, 51), elements(width, 52));
    let pairs: Vec<(Fr, Fr)> = dense.iter().copied().zip(blinds.iter().copied()).take(256).collect();
    let shape = Shape { widths: vec![width, 256, 2], density: 1.0 / 16.0, max: 255 };
    let ternary = random::network(&shape, 2)?.layers.remove(0).weights;
    let (g, none) = (generators.rows(), || Computed::Ok(()));
    verbs.verb("commit_rows, 8 rows of 8 bits", 8 * width, none, |()| c.commit_rows(g, &rows, &blinds[..8]))?;
    verbs.verb("commit_matrix, 256 rows", ternary.non_zeros(), none, |()| c.commit_matrix(g, &ternary, &blinds[..256]))?;
    verbs.verb("commit_dense", width, none, |()| c.commit_dense(g, &dense, blinds[0]))?;
    verbs.verb("commit_scalars", pairs.len(), none, |()| c.commit_scalars(&pairs))
}
