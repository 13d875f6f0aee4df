//! `estimate`: what a proof will cost, from counts of operations and their unit costs measured here and now.

use super::files;
use super::memory::Budget;
use super::output::{Output, human, seconds, size};
use super::{Failure, args};
use crate::algebra::{Fr, msm};
use crate::commit::Generators;
use crate::model::Architecture;
use crate::protocol::memory::Memory;
use crate::protocol::{Mode, Plan, key};
use serde_json::json;
use std::time::{Duration, Instant};

/// Seconds per operation on one core.
pub(super) struct Units {
    /// A field multiplication.
    pub(super) multiplication: f64,
    /// A term of a lazily reduced sum.
    pub(super) addition: f64,
    /// A batched affine point addition.
    pub(super) point_addition: f64,
}

/// Measures unit costs, in about 20 ms.
pub(super) fn measure() -> Units {
    let per = |n: usize, time: Duration| time.as_secs_f64() / n as f64;
    let values: Vec<Fr> = (1..4097u64).map(Fr::from).collect();
    // Independent products, as in a table: a chain of them would measure latency.
    let mut products = values.clone();
    let start = Instant::now();
    for _ in 0..16 {
        products.iter_mut().zip(&values).for_each(|(p, v)| *p *= v);
        std::hint::black_box(&mut products);
    }
    let multiplication = per(16 * values.len(), start.elapsed());
    let limbs: Vec<_> = values.iter().map(crate::algebra::wide::Limbs::new).collect();
    let start = Instant::now();
    let mut sum = crate::algebra::wide::Lanes::default();
    for _ in 0..64 {
        limbs.iter().for_each(|l| sum.add(l));
    }
    std::hint::black_box(sum.finish());
    let addition = per(64 * limbs.len(), start.elapsed());
    let generators = Generators::new(4096);
    let small: Vec<i32> = (0..4096).map(|i| i % 256).collect();
    let start = Instant::now();
    let _ = std::hint::black_box(msm::msm_small(generators.rows(), &small));
    let point_addition = per(4096 + 2 * 256, start.elapsed());
    Units { multiplication, addition, point_addition }
}

/// The smallest unit costs of `runs` measurements: what the machine can do when nothing disturbs it.
pub(super) fn measure_best(runs: usize) -> Units {
    (1..runs).map(|_| measure()).fold(measure(), |best, units| Units {
        multiplication: best.multiplication.min(units.multiplication),
        addition: best.addition.min(units.addition),
        point_addition: best.point_addition.min(units.point_addition),
    })
}

/// Operations that a proof needs, whatever makes it.
pub(super) struct Work {
    /// Field multiplications.
    pub(super) multiplications: f64,
    /// Additions of the sparse folds.
    pub(super) additions: f64,
    /// Point additions.
    pub(super) point_additions: f64,
}

impl Work {
    /// The operations of a proof that commits to `committed` values which are not zero.
    pub(super) fn new(plan: &Plan, row_width: usize, non_zeros: usize, committed: f64) -> Self {
        let leaves = (1u64 << plan.lookup_bits) as f64;
        let entries = (1u64 << plan.linear_bits) as f64;
        let m = row_width as f64;
        // The mask of the opening is the one row of full-width scalars; a scalar's commitment is two walks through tables.
        let full_width = 32.0 * m;
        Self {
            multiplications: 11.0 * leaves + 4.0 * entries + 30.0 * m,
            additions: non_zeros as f64,
            point_additions: committed + full_width + 64.0 * messages(plan),
        }
    }

    /// Time on one core.
    pub(super) fn seconds(&self, units: &Units) -> f64 {
        units.point_addition * self.point_additions
            + units.multiplication * self.multiplications
            + units.addition * self.additions
    }
}

/// Scalar commitments of a proof.
pub(super) fn messages(plan: &Plan) -> f64 {
    plan.body_scalars() as f64 + 3.0 * plan.products() as f64
}

/// All values that a proof commits to, zeros included.
pub(super) fn committed(plan: &Plan, arch: &Architecture) -> f64 {
    plan.witness_vectors(arch).iter().map(|(_, w)| *w as f64).sum()
}

/// Bytes that a proof takes on a GPU, if one is used: leaves, tree and indices; the tables of the linear stage; the multiples
/// of generators; the lists of the matrices.
fn gpu_bytes(plan: &Plan, arch: &Architecture, non_zeros: usize) -> f64 {
    let (leaves, entries) = ((1u64 << plan.lookup_bits) as f64, (1u64 << plan.linear_bits) as f64);
    leaves * 100.0 + entries * 64.0 + arch.row_width as f64 * (255.0 * 64.0) + non_zeros as f64 * 12.0
}

/// `zktern estimate`.
pub(super) fn run(args: &args::Estimate, out: &Output) -> Result<(), Failure> {
    let network = files::read_network(&args.network)?;
    let arch = Architecture::of(&network, key::best_row_width(&network, key::Profile::Balanced))?;
    let threads = rayon::current_num_threads();
    // Inputs as .npy of 32-bit integers.
    let file = 4 * (args.count as u64).saturating_mul(arch.inputs(0) as u64);
    let memory = Memory { arch: &arch, non_zeros: network.non_zeros(), private: false, threads, file };
    let budget = Budget::given(args.memory);
    let parts = budget.parts(&memory, args.count)?;
    // Everything below is about one proof, the largest.
    let count = parts.sizes.first().copied().unwrap_or_default();
    let plan = Plan::new(&arch, count, false)?;
    let units = measure();
    let threads = threads as f64;
    let work = Work::new(&plan, arch.row_width, network.non_zeros(), committed(&plan, &arch));
    let sequential = messages(&plan) * 33.0 * 2.4 * units.point_addition;
    let time = Duration::from_secs_f64(work.seconds(&units) / threads + sequential);
    let msm_points = arch.key_rows() + arch.row_width;
    let verify = Duration::from_secs_f64(28.0 * units.point_addition * msm_points as f64);
    let gpu = gpu_bytes(&plan, &arch, network.non_zeros());
    let dominant = (0..arch.layers())
        .max_by_key(|&b| {
            let lookups = plan.modes.get(b).map_or(0, |m| if *m == Mode::Split { 2 } else { 1 });
            network.layers[b].weights.non_zeros() / 4 + 12 * lookups * arch.outputs(b) * count
        })
        .unwrap_or(0);
    let bytes = plan.proof_bytes(&arch);
    let modes: String = plan.modes.iter().map(|m| char::from(m.letter())).collect();
    let tables: Vec<usize> = plan.tables.iter().map(crate::lookup::Table::len).collect();
    out.line(format!("network    {} ({}), {count} input(s) in one proof", network.name, network.shape()));
    if let Some(split) = budget.why_split(&memory, args.count, &parts) {
        out.line(format!("split      {split}; what follows is about one of them"));
    }
    out.line(format!("lookups    2^{} leaves, modes {modes}, tables of {tables:?} entries", plan.lookup_bits));
    out.line(format!("prove      about {} on {} threads", human(time), rayon::current_num_threads()));
    out.line(format!("verify     about {} on one thread", human(verify)));
    out.line(format!("proof      {} (exact, without inputs and outputs)", size(bytes)));
    out.line(format!(
        "memory     at most {} (host, lookups held to depth {}), {} more on a GPU if one is used",
        size(parts.bytes as usize),
        parts.holding.depth(),
        size(gpu as usize)
    ));
    out.line(format!("dominant   layer {dominant} ({} x {})", arch.outputs(dominant), arch.inputs(dominant)));
    out.document(&json!({
        "model": network.name, "inputs": args.count, "parts": parts.sizes, "prove_s": seconds(time), "verify_s": seconds(verify), "proof_bytes": bytes,
        "host_bytes": parts.bytes, "depth": parts.holding.depth(), "gpu_bytes": gpu as u64, "dominant_layer": dominant, "modes": modes, "tables": tables,
        "lookup_bits": plan.lookup_bits, "linear_bits": plan.linear_bits,
    }));
    Ok(())
}
