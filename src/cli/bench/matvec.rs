//! `bench matvec`: one product `y = W·x` of a `2^k × 2^k` matrix, proved as a circuit and as one sumcheck.
//!
//! | configuration | what is proved with | entries of W |
//! | --- | --- | --- |
//! | `gkr-dense` | circuit of one multiplication per entry and a tree of additions (Libra) | 16 bits, all |
//! | `sumcheck-dense` | one sumcheck, a product per entry | the same |
//! | `gkr-sparse` | the same circuit without the gates that are zero (SpaGKR) | 16 bits, 1/16 |
//! | `sumcheck-sparse` | one sumcheck, a product per non-zero | the same |
//! | `ternary-D` | one sumcheck, an addition per non-zero | −1 and 1, density D |
//!
//! The first four treat entries as any field elements: 16 bits are a choice that makes their commitments affordable. All have
//! the same `x`, and the sparse ones the same zeros. Cases take turns, run by run, so that a ratio is one of neighbours in time.
//! `prove_s` ends with a claim about `W`, `open_s` opens it against commitments to the rows.

use super::super::args;
use super::book::{Book, Target, Times, rounded, time};
use super::memory::{self, Peak};
use super::opening::{self, Committed};
use super::{Compute, Failure};
use crate::algebra::fr::{encode, from_i64};
use crate::algebra::{Fr, eq, mle};
use crate::commit::Generators;
use crate::gkr::matvec::{self, Matrix};
use crate::gkr::{self, Circuit, EvalClaim, GkrError, Vector};
use crate::model::TernaryMatrix;
use crate::model::random::{self, Numbers, Shape};
use crate::transcript::{Blinds, Reader, Transcript, Writer};
use serde_json::{Map, json};
use std::time::Instant;

/// How entries are given, and what proves them.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Circuit,
    Sumcheck,
    Ternary,
}

/// Name, kind, density.
type Configuration = (&'static str, Kind, f64);

const CONFIGURATIONS: [Configuration; 8] = [
    ("gkr-dense", Kind::Circuit, 1.0),
    ("sumcheck-dense", Kind::Sumcheck, 1.0),
    ("gkr-sparse", Kind::Circuit, SPARSE),
    ("sumcheck-sparse", Kind::Sumcheck, SPARSE),
    ("ternary-1/16", Kind::Ternary, SPARSE),
    ("ternary-0.3", Kind::Ternary, 0.3),
    ("ternary-0.58", Kind::Ternary, 0.58),
    ("ternary-1", Kind::Ternary, 1.0),
];

const SPARSE: f64 = 1.0 / 16.0;

/// Sizes that make sense: below, nothing can be measured; above, positions do not fit 32 bits.
const LOGS: std::ops::RangeInclusive<usize> = 4..=15;

/// Bytes that a configuration takes at its peak, with the matrix itself. Measured as `peak_rss_bytes` in the same rows.
fn estimate((_, kind, density): Configuration, k: usize) -> f64 {
    let entries = (1u64 << (2 * k)) as f64;
    let non_zeros = entries * density;
    match kind {
        // Values of all vectors, a second copy of the matrix, two tables; lists of gates; gates while they are made.
        Kind::Circuit if density == 1.0 => entries * 280.0,
        // The same for every position that some row reaches (about five layers of them), and the bitmap of supports.
        Kind::Circuit => non_zeros * 1000.0 + entries / 4.0,
        Kind::Sumcheck if density == 1.0 => entries * 44.0,
        Kind::Sumcheck => non_zeros * 120.0 + entries * 8.0,
        Kind::Ternary => non_zeros * 24.0,
    }
}

fn chosen(args: &args::Bench) -> Vec<Configuration> {
    CONFIGURATIONS.into_iter().filter(|(n, ..)| args.only.is_empty() || args.only.iter().any(|o| o == n)).collect()
}

/// Refuses unknown configurations, and sizes that are out of range or do not fit in memory.
pub(super) fn check(args: &args::Bench) -> Result<(), Failure> {
    let names: Vec<&str> = CONFIGURATIONS.iter().map(|(n, ..)| *n).collect();
    if let Some(name) = args.only.iter().find(|o| !names.contains(&o.as_str())) {
        return Err(Failure::usage(format!("--only {name}: unknown, expected some of {}", names.join(", "))));
    }
    if !LOGS.contains(&args.min_log) || !LOGS.contains(&args.max_log) || args.min_log > args.max_log {
        let (from, to) = LOGS.into_inner();
        return Err(Failure::usage(format!(
            "--min-log {} --max-log {}: expected an ascending range within {from} to {to}",
            args.min_log, args.max_log
        )));
    }
    // Cases of one size take turns, so their matrices are there at the same time.
    let bytes: f64 = chosen(args).into_iter().map(|c| estimate(c, args.max_log)).sum();
    let instead = "use a smaller --max-log, or --only with configurations that need less (all but gkr-dense)";
    memory::require(bytes, &format!("bench matvec --max-log {}", args.max_log), instead)
}

/// What a configuration proves with.
enum Prover {
    Circuit { circuit: Box<Circuit>, entries: Vec<Fr> },
    Sumcheck,
}

/// A configuration at one size, ready to run.
struct Case<C: Compute> {
    configuration: Configuration,
    prover: Prover,
    /// For the fold, which is the proof's work for a sumcheck and the opening's for a circuit.
    matrix: Matrix<C>,
    committed: Committed,
    commit_s: f64,
    non_zeros: usize,
    y: Vec<Fr>,
    peak: Option<usize>,
    prove: Times,
    open: Times,
    verify: Times,
    verify_open: Times,
    bytes: [usize; 2],
}

/// A ternary matrix of a density. The sparse configurations share the one of density 1/16.
fn ternary(k: usize, density: f64) -> Result<TernaryMatrix, Failure> {
    let shape = Shape { widths: vec![1 << k, 1 << k, 2], density, max: 255 };
    Ok(random::network(&shape, 1)?.layers.remove(0).weights)
}

impl<C: Compute> Case<C> {
    fn new(compute: &C, configuration: Configuration, k: usize, x: &[Fr]) -> Result<Self, Failure> {
        let (_, kind, density) = configuration;
        let n = 1usize << k;
        let signs = ternary(k, density)?;
        let generators = Generators::new(n);
        let blinds = opening::row_blinds(n);
        let peak = Peak::start();
        let start;
        let (prover, matrix, rows, y);
        if kind == Kind::Ternary {
            start = Instant::now();
            rows = compute.commit_matrix(generators.rows(), &signs, &blinds)?;
            let sum = |list: &[u32]| list.iter().map(|j| x[*j as usize]).sum::<Fr>();
            y = (0..n).map(|i| signs.by_row().get(i)).map(|(p, m)| sum(p) - sum(m)).collect();
            (prover, matrix) = (Prover::Sumcheck, Matrix::Ternary(compute.load(&signs)?));
        } else {
            let (support, values) = general(&signs, n);
            start = Instant::now();
            rows = commit(compute, &generators, (&support, &values), n, &blinds)?;
            let mut sums = vec![Fr::default(); n];
            let triples =
                || support.iter().zip(&values).map(|(p, v)| (*p as usize / n, *p as usize % n, from_i64((*v).into())));
            triples().for_each(|(i, j, v)| sums[i] += v * x[j]);
            y = sums;
            matrix = if density == 1.0 {
                Matrix::Dense { columns: n, entries: triples().map(|t| t.2).collect() }
            } else {
                Matrix::sparse(n, &triples().map(|(i, j, v)| (i as u32, j as u32, v)).collect::<Vec<_>>())
            };
            prover = if kind == Kind::Circuit {
                let entries = triples().map(|t| t.2).collect();
                let circuit = matvec::circuit(k, Vector::sparse(2 * k, support));
                Prover::Circuit { circuit: Box::new(circuit.map_err(Failure::usage)?), entries }
            } else {
                Prover::Sumcheck
            };
        }
        let commit_s = start.elapsed().as_secs_f64();
        Ok(Self {
            configuration,
            prover,
            matrix,
            committed: Committed { generators, rows, blinds },
            commit_s,
            non_zeros: signs.non_zeros(),
            y,
            peak: peak.bytes(),
            prove: Times::default(),
            open: Times::default(),
            verify: Times::default(),
            verify_open: Times::default(),
            bytes: [0; 2],
        })
    }

    /// Absorbs what the proof is about: commitments, then both vectors.
    fn transcript(&self, x: &[Fr]) -> Transcript {
        let mut t = Transcript::new("zktern/v1/bench-matvec");
        let rows = &self.committed.rows;
        t.absorb_pieces("W", 32 * rows.len(), rows.iter().map(crate::algebra::g1::Point::encode));
        t.absorb_pieces("x", 32 * x.len(), x.iter().map(encode));
        t.absorb_pieces("y", 32 * self.y.len(), self.y.iter().map(encode));
        t
    }

    /// One proof, opened and verified.
    fn run(&mut self, compute: &C, x: &[Fr]) -> Result<(), Failure> {
        let peak = Peak::start();
        let n = self.y.len();
        let transcript = self.transcript(x);
        // Values of a circuit are the witness, made before.
        let values = match &self.prover {
            Prover::Circuit { circuit, entries } => circuit.evaluate(vec![entries.clone(), x.to_vec()]),
            Prover::Sumcheck => Vec::new(),
        };
        let start = Instant::now();
        let mut writer = Writer::new(transcript.clone(), 0, &mut Blinds::new([5; 32]), compute)?;
        let (claim, folded) = match &self.prover {
            Prover::Circuit { circuit, .. } => {
                let claims = gkr::prove(&mut writer, compute, circuit, values)?;
                (
                    matrix_claim(claims, x).ok_or_else(|| Failure::machine("a circuit without a claim about its matrix"))?,
                    None,
                )
            }
            Prover::Sumcheck => {
                let (claim, folded) = matvec::prove(&mut writer, compute, &self.matrix, x, n)?;
                (claim, Some(folded))
            }
        };
        self.prove.push(start.elapsed());
        let start = Instant::now();
        // A sumcheck has made the row that is opened; a circuit ends at another point.
        let folded = folded.map_or_else(|| self.matrix.fold(compute, opening::row_point(&claim, n)), Ok)?;
        opening::prove(&mut writer, compute, &self.committed, &claim, folded)?;
        self.open.push(start.elapsed());
        let (_, _, bytes) = writer.finish()?;
        self.peak = self.peak.max(peak.bytes());

        let start = Instant::now();
        let mut reader = Reader::new(transcript, &bytes, 0);
        let checked = self.verify(&mut reader, x).map_err(Failure::machine)?;
        self.verify.push(start.elapsed());
        self.bytes = [reader.position(), bytes.len()];
        let start = Instant::now();
        opening::verify(&mut reader, &self.committed, &checked).map_err(Failure::machine)?;
        self.verify_open.push(start.elapsed());
        Ok(())
    }

    fn verify(&self, reader: &mut Reader<'_>, x: &[Fr]) -> Result<EvalClaim, GkrError> {
        match &self.prover {
            Prover::Sumcheck => matvec::verify(reader, x, &self.y),
            Prover::Circuit { circuit, .. } => {
                let claims = gkr::verify(reader, circuit, &self.y)?;
                let wrong = GkrError::Layer { layer: 0, expected: Fr::from(0u64), found: Fr::from(1u64) };
                matrix_claim(claims, x).ok_or(wrong)
            }
        }
    }

    fn row(&self, device: &str, k: usize) -> Map<String, serde_json::Value> {
        let (name, _, density) = self.configuration;
        let mut row = Map::new();
        let gates = match &self.prover {
            Prover::Circuit { circuit, .. } => json!(circuit.gates()),
            Prover::Sumcheck => json!(null),
        };
        for (key, value) in [
            ("suite", json!("matvec")),
            ("model", json!(format!("{name} 2^{k} x 2^{k}"))),
            ("configuration", json!(name)),
            ("device", json!(device)),
            ("threads", json!(rayon::current_num_threads())),
            ("log", json!(k)),
            ("density", json!(density)),
            ("nnz", json!(self.non_zeros)),
            ("gates", gates),
            ("commit_s", json!(rounded(self.commit_s))),
            ("proof_bytes", json!(self.bytes[0])),
            ("proof_with_opening_bytes", json!(self.bytes[1])),
            ("peak_rss_bytes", json!(self.peak)),
            ("estimate_bytes", json!(estimate(self.configuration, k))),
            ("valid", json!(true)),
        ] {
            row.insert(key.into(), value);
        }
        self.prove.insert(&mut row, "prove_s");
        self.open.insert(&mut row, "open_s");
        self.prove.plus(&self.open).insert(&mut row, "prove_with_opening_s");
        self.verify.insert(&mut row, "verify_s");
        self.verify_open.insert(&mut row, "verify_opening_s");
        row
    }
}

/// Positions and 16-bit entries where a matrix is not zero: small integers, none of them zero.
fn general(signs: &TernaryMatrix, n: usize) -> (Vec<u32>, Vec<i32>) {
    let mut numbers = Numbers::new(7);
    let mut support = Vec::with_capacity(signs.non_zeros());
    for i in 0..n {
        let (plus, minus) = signs.by_row().get(i);
        let from = support.len();
        support.extend(plus.iter().chain(minus).map(|j| (i * n) as u32 + j));
        support[from..].sort_unstable();
    }
    let values = support.iter().map(|_| (1 + numbers.below(1 << 15) as i32) * (1 - 2 * numbers.below(2) as i32)).collect();
    (support, values)
}

/// Commitments to the rows of a general matrix, a block of rows at a time.
fn commit<C: Compute>(
    compute: &C,
    generators: &Generators,
    (support, values): (&[u32], &[i32]),
    n: usize,
    blinds: &[Fr],
) -> Result<Vec<crate::algebra::g1::Point>, Failure> {
    const BLOCK: usize = 256;
    let mut out = Vec::with_capacity(n);
    for (block, blinds) in blinds.chunks(BLOCK).enumerate() {
        let first = block * BLOCK * n;
        let mut dense = vec![0i32; blinds.len() * n];
        let below = |end: usize| support.partition_point(|p| (*p as usize) < end);
        let range = below(first)..below(first + dense.len());
        support[range.clone()].iter().zip(&values[range]).for_each(|(p, v)| dense[*p as usize - first] = *v);
        let rows: Vec<&[i32]> = dense.chunks(n).collect();
        out.extend(compute.commit_rows(generators.rows(), &rows, blinds)?);
    }
    Ok(out)
}

/// The claim about the matrix, when the one about the public vector holds.
fn matrix_claim(claims: Vec<EvalClaim>, x: &[Fr]) -> Option<EvalClaim> {
    let (vector, mut matrix): (Vec<_>, Vec<_>) = claims.into_iter().partition(|c| c.input == 1);
    let holds = |c: &EvalClaim| mle::inner_product(&eq::table(&c.point), x) == c.value;
    matrix.pop().filter(|_| matrix.is_empty() && vector.iter().all(holds))
}

pub(super) fn run<C: Compute>(compute: C, args: &args::Bench, book: &mut Book<'_>) -> Result<(), Failure> {
    let device = compute.describe();
    book.line(format!("matvec     {device}, {} runs each, medians", args.samples));
    book.line(format!(
        "{:<14} {:>3} {:>10} {:>10} {:>10} {:>10} {:>10} {:>10}",
        "", "k", "non-zeros", "prove", "open", "verify", "+ opening", "commit"
    ));
    let mut before: Vec<Case<C>> = Vec::new();
    for k in args.min_log..=args.max_log {
        let mut numbers = Numbers::new(11);
        let x: Vec<Fr> = (0..1 << k).map(|_| Fr::from(numbers.below(256))).collect();
        // The last size's matrices go before this one's come; its times stay.
        before.iter_mut().for_each(Case::forget);
        let cases = chosen(args).into_iter().map(|c| Case::new(&compute, c, k, &x)).collect::<Result<Vec<_>, _>>();
        let mut cases = cases?;
        for _ in 0..args.samples {
            cases.iter_mut().try_for_each(|case| case.run(&compute, &x))?;
        }
        for case in &cases {
            book.line(format!(
                "{:<14} {k:>3} {:>10} {:>10} {:>10} {:>10} {:>10} {:>10}",
                case.configuration.0,
                case.non_zeros,
                time(case.prove.median()),
                time(case.open.median()),
                time(case.verify.median()),
                time(case.verify_open.median()),
                time(case.commit_s)
            ));
            book.row(case.row(&device, k))?;
        }
        compare(&cases, &before, k, book)?;
        before = cases;
    }
    Ok(())
}

impl<C: Compute> Case<C> {
    /// Drops what takes memory.
    fn forget(&mut self) {
        self.prover = Prover::Sumcheck;
        self.matrix = Matrix::Dense { columns: 1, entries: Vec::new() };
        self.committed.rows = Vec::new();
    }
}

/// Slower over faster, with what is expected at 2^12.
const PAIRS: [(&str, &str, Option<f64>); 6] = [
    ("gkr-dense", "sumcheck-dense", Some(50.0)),
    ("gkr-dense", "gkr-sparse", None),
    ("gkr-dense", "ternary-1/16", Some(3000.0)),
    ("gkr-sparse", "ternary-1/16", None),
    ("sumcheck-dense", "ternary-1/16", None),
    ("sumcheck-sparse", "ternary-1/16", Some(4.0)),
];

fn compare<C: Compute>(cases: &[Case<C>], before: &[Case<C>], k: usize, book: &mut Book<'_>) -> Result<(), Failure> {
    fn find<'a, C: Compute>(cases: &'a [Case<C>], name: &str) -> Option<&'a Case<C>> {
        cases.iter().find(|c| c.configuration.0 == name)
    }
    let at = format!("k = {k}");
    for (slow, fast, target) in PAIRS {
        let (Some(a), Some(b)) = (find(cases, slow), find(cases, fast)) else { continue };
        let target = target.filter(|_| k == 12).map(Target::AtLeast);
        book.compare("matvec", &format!("{slow} / {fast}, 2^{k}"), &at, a.prove.over(&b.prove), target)?;
        let (a, b) = (a.prove.plus(&a.open), b.prove.plus(&b.open));
        book.compare("matvec", &format!("  the same with openings, 2^{k}"), &at, a.over(&b), None)?;
    }
    // Growth per doubling of the non-zeros at one size.
    let ternary: Vec<&Case<C>> = cases.iter().filter(|c| c.configuration.1 == Kind::Ternary).collect();
    if let [first, .., last] = ternary.as_slice() {
        let doublings = (last.non_zeros as f64 / first.non_zeros as f64).log2();
        let growth = last.prove.over(&first.prove).map(|r| r.powf(1.0 / doublings));
        let target = Some(Target::AtMost(2.1)).filter(|_| k == 12);
        book.compare("matvec", &format!("ternary, per doubling of non-zeros, 2^{k}"), &at, growth, target)?;
    }
    // Growth per doubling of the dimension: four times the entries.
    for case in cases {
        let name = case.configuration.0;
        if let Some(half) = find(before, name) {
            let what = format!("{name}, 2^{k} over 2^{} (4x the entries)", k - 1);
            book.compare("matvec", &what, &at, case.prove.over(&half.prove), None)?;
        }
    }
    Ok(())
}
