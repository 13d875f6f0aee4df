//! `doctor`: what this machine has, and whether it computes correctly.

use super::output::{Output, human};
use super::{Failure, estimate};
use crate::commit::generators::{EMBEDDED, Generators, derive_row};
use crate::compute::{Compute, cpu::Cpu, reference::Reference};
use crate::model::random::{self, Shape};
use crate::model::{Architecture, Network};
use crate::protocol::{NoProgress, Proof, ProveError, Session, key};
use serde_json::{Value, json};
use std::time::Instant;

fn small_proof<C: Compute>(compute: C, network: &Network) -> Result<Proof, ProveError> {
    let arch = Architecture::of(network, 8).map_err(|_| ProveError::Internal("the self-test's network"))?;
    let (verifying, secret) = key::commit(&compute, network, &arch, [1; 32], |_| {})?;
    let session = Session::new(compute, network.clone(), verifying, secret)?;
    let inputs = random::inputs(network, 3, 5);
    let (proof, _) = session.prove(&inputs, true, b"doctor", &[2; 32], &NoProgress)?;
    proof.verify(session.key(), b"doctor").map_err(|_| ProveError::Internal("the self-test's proof is not valid"))?;
    Ok(proof)
}

/// `zktern doctor`.
pub(super) fn run(out: &Output) -> Result<(), Failure> {
    out.line(format!("version    {}", env!("CARGO_PKG_VERSION")));
    out.line(format!("device     {}: the default", Cpu.describe()));
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
    let mpi = library();
    out.line(match &mpi {
        Some(name) => format!("mpi        {name}: prove shares its work among the processes of mpirun"),
        None => "mpi        this program was built without the feature `mpi`; prove --ranks needs none".into(),
    });
    let adapters = gpus(out)?;
    out.document(&json!({
        "version": env!("CARGO_PKG_VERSION"), "device": Cpu.describe(), "threads": rayon::current_num_threads(), "gpu": adapters, "mpi": mpi,
        "multiplication_ns": units.multiplication * 1e9, "addition_ns": units.addition * 1e9,
        "point_addition_ns": units.point_addition * 1e9, "valid": true,
    }));
    Ok(())
}

/// The MPI library that this program was built with.
#[cfg(feature = "mpi")]
fn library() -> Option<String> {
    Some(crate::compute::cluster::Mpi::library())
}

#[cfg(not(feature = "mpi"))]
const fn library() -> Option<String> {
    None
}

/// Every adapter with its self-test; fails when one that would be used computes wrongly.
#[cfg(feature = "gpu")]
fn gpus(out: &Output) -> Result<Value, Failure> {
    use crate::compute::gpu::{self, field::Arithmetic};
    let adapters = gpu::adapters();
    if adapters.is_empty() {
        out.line(
            "gpu        none found: install a Vulkan driver (Linux: the vendor's, or mesa-vulkan-drivers, and libvulkan1)",
        );
    }
    let mut documents = Vec::new();
    let mut wrong = None;
    for adapter in &adapters {
        let kind = if adapter.software { "software: slow, used only when named" } else { "hardware" };
        out.line(format!("gpu        {} ({}, {}): {kind}", adapter.name, adapter.backend, adapter.driver));
        let integers = if adapter.native {
            "64-bit integers"
        } else {
            "no 64-bit integers: multiplications take about three times as long"
        };
        out.line(format!("             {integers}; tables of up to 2^{} entries", (adapter.binding / 32).max(1).ilog2()));
        let mut document = json!({
            "name": adapter.name, "driver": adapter.driver, "backend": adapter.backend, "software": adapter.software,
            "int64": adapter.native, "binding_bytes": adapter.binding,
        });
        for arithmetic in Arithmetic::ALL.into_iter().filter(|a| adapter.native || *a == Arithmetic::Portable) {
            let start = Instant::now();
            let result = self_test(adapter, arithmetic);
            let verdict = result.as_ref().map_or_else(String::clone, |()| format!("passed in {}", human(start.elapsed())));
            out.line(format!("             self-test, {arithmetic:?} arithmetic: {verdict}"));
            document[format!("{arithmetic:?}").to_lowercase()] = json!(result.is_ok());
            if let (Err(e), false) = (result, adapter.software) {
                wrong = Some(format!("{}: {e}; update its driver, and use --device cpu", adapter.name));
            }
        }
        let opened = gpu::Gpu::open(named(adapter, None, None)).ok();
        if let Some((_, t)) = opened.as_ref().and_then(gpu::Gpu::opened) {
            let from = |n: usize| if n == usize::MAX { "never".into() } else { format!("from {n}") };
            let (pairs, terms, points, scalars) = (from(t.pairs), from(t.terms), from(t.points), from(t.scalars));
            out.line(format!(
                "             used for sumcheck pairs {pairs}, sparse terms {terms}, committed values {points}, full-width scalars {scalars}"
            ));
            let number = |n: usize| (n != usize::MAX).then_some(n);
            let ahead = (t.ahead != gpu::Span::NEVER).then_some([t.ahead.from, t.ahead.until - 1]);
            let rounds = ahead.map_or_else(|| "never".into(), |[from, to]| format!("for {from} to {to} pairs"));
            out.line(format!(
                "             two rounds in one pass {rounds}; layers of fractions {} at once, {}",
                t.at_once,
                number(t.layers).map_or_else(|| "on the CPU".into(), |n| format!("down to {n}"))
            ));
            document["thresholds"] = json!({
                "pairs": number(t.pairs), "terms": number(t.terms), "points": number(t.points),
                "scalars": number(t.scalars), "ahead": ahead, "layers": number(t.layers), "layers_at_once": t.at_once,
            });
        }
        documents.push(document);
    }
    wrong.map_or(Ok(documents.into()), |e| Err(Failure::machine(e)))
}

#[cfg(feature = "gpu")]
fn named(
    adapter: &crate::compute::gpu::AdapterSummary,
    arithmetic: Option<crate::compute::gpu::field::Arithmetic>,
    thresholds: Option<crate::compute::gpu::Thresholds>,
) -> crate::compute::gpu::Options {
    use crate::compute::gpu::{Choice, Options};
    let choice = Choice { name: Some(adapter.name.clone()), arithmetic, ..Choice::default() };
    Options { choice, thresholds, ..Options::default() }
}

/// Every verb, then a small proof, with everything on the device.
#[cfg(feature = "gpu")]
fn self_test(
    adapter: &crate::compute::gpu::AdapterSummary,
    arithmetic: crate::compute::gpu::field::Arithmetic,
) -> Result<(), String> {
    use crate::compute::gpu::{Gpu, Thresholds};
    let gpu = Gpu::open(named(adapter, Some(arithmetic), Some(Thresholds::ALWAYS))).map_err(|e| e.to_string())?;
    gpu.self_test()?;
    let shape = Shape { widths: vec![40, 33, 20, 5], density: 0.3, max: 255 };
    let network = random::network(&shape, 2).map_err(|e| e.to_string())?;
    let proof = |e: Result<Proof, ProveError>| e.map_err(|e| e.to_string());
    if proof(small_proof(gpu, &network))? == proof(small_proof(Cpu, &network))? {
        Ok(())
    } else {
        Err("its proof differs from the CPU's".into())
    }
}

#[cfg(not(feature = "gpu"))]
fn gpus(out: &Output) -> Result<Value, Failure> {
    out.line("gpu        this program was built without the feature `gpu`");
    Ok(Value::Null)
}
