//! `doctor`: what this machine has, and whether it computes correctly.

use super::output::{Output, human};
use super::{Failure, estimate};
use crate::commit::generators::{EMBEDDED, Generators, derive_row};
use crate::compute::{Compute, cpu::Cpu, reference::Reference};
use crate::model::random::{self, Shape};
use crate::model::{Architecture, Network};
use crate::protocol::{NoProgress, Proof, ProveError, Session, key};
use serde_json::json;
use std::time::Instant;

fn small_proof<C: Compute>(compute: C, network: &Network) -> Result<Proof, ProveError> {
    let arch = Architecture::of(network, 8).map_err(|_| ProveError::Internal("the self-test's network"))?;
    let (verifying, secret) = key::commit(&compute, network, &arch, [1; 32], |_| {})?;
    let session = Session::new(compute, network.clone(), verifying, secret)?;
    let inputs = random::inputs(network, 3, 5);
    let (proof, _) = session.prove(&inputs, true, b"doctor", &[2; 32], &NoProgress)?;
    proof.verify(session.key()).map_err(|_| ProveError::Internal("the self-test's proof is not valid"))?;
    Ok(proof)
}

/// `zktern doctor`.
pub(super) fn run(out: &Output) -> Result<(), Failure> {
    out.line(format!("version    {}", env!("CARGO_PKG_VERSION")));
    out.line(format!("device     {}: the default", Cpu.describe()));
    out.line("device     gpu: not in this release; proofs run on the CPU");
    let units = estimate::measure();
    out.line(format!(
        "speed      field multiplication {:.1} ns, sparse-fold addition {:.1} ns, point addition {:.0} ns (one core)",
        units.multiplication * 1e9,
        units.addition * 1e9,
        units.point_addition * 1e9
    ));
    let start = Instant::now();
    let generators = Generators::new(EMBEDDED);
    let derived = Cpu.map(EMBEDDED, derive_row);
    if generators.rows() != derived.as_slice() {
        return Err(Failure::machine(
            "the embedded generators differ from their derivation: this copy of zktern is damaged",
        ));
    }
    out.line(format!("generators {EMBEDDED} derived again, all as embedded ({})", human(start.elapsed())));
    let network = random::network(&Shape { widths: vec![13, 9, 5, 3], density: 0.5, max: 15 }, 1)?;
    let start = Instant::now();
    if small_proof(Cpu, &network)? != small_proof(Reference, &network)? {
        return Err(Failure::machine("the CPU backend disagrees with the reference backend: do not trust this machine"));
    }
    out.line(format!("self-test  proofs of both backends are equal byte for byte, and valid ({})", human(start.elapsed())));
    out.document(&json!({
        "version": env!("CARGO_PKG_VERSION"), "device": Cpu.describe(), "threads": rayon::current_num_threads(), "gpu": null,
        "multiplication_ns": units.multiplication * 1e9, "addition_ns": units.addition * 1e9,
        "point_addition_ns": units.point_addition * 1e9, "valid": true,
    }));
    Ok(())
}
