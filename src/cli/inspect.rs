//! `inspect`: what a file holds.

use super::output::{Output, size};
use super::{Failure, args};
use super::{aggregate, files};
use crate::aggregate::{Aggregate, Deferred};
use crate::model::codec::{self, Kind};
use crate::model::{Architecture, Network, import, ranges};
use crate::protocol::key::hex;
use crate::protocol::{Proof, Secret, VerifyingKey};
use serde_json::{Value, json};

/// `zktern inspect`.
pub(super) fn run(args: &args::Inspect, out: &Output) -> Result<(), Failure> {
    let bytes = files::read_foreign(&args.file)?;
    let name = files::name(&args.file);
    let document = match codec::kind_of(&bytes) {
        Some(Kind::Model) => network(&Network::from_bytes(&bytes, &name)?, out)?,
        Some(Kind::VerifyingKey) => key(&VerifyingKey::from_bytes(&bytes, &name)?, out),
        Some(Kind::Secret) => {
            let (secret, verifying) = Secret::from_bytes(&bytes, &name)?;
            out.line(format!("prover's secret (keep it private), of the key {}", verifying.short_digest()));
            json!({ "kind": "secret", "digest": hex(secret.digest()) })
        }
        Some(Kind::Proof) => proof(&Proof::from_bytes(&bytes, &name)?, bytes.len(), out),
        Some(Kind::Aggregate) => aggregate::inspect(&Aggregate::from_bytes(&bytes, &name)?, "aggregate", bytes.len(), out),
        Some(Kind::Deferred) => {
            aggregate::inspect(&Deferred::from_bytes(&bytes, &name)?.parts, "deferred", bytes.len(), out)
        }
        None => network(&import::safetensors(&bytes, &name)?, out)?,
    };
    out.line(format!("file       {}", size(bytes.len())));
    out.document(&document);
    Ok(())
}

fn network(network: &Network, out: &Output) -> Result<Value, Failure> {
    out.line(format!(
        "network    {} ({}), inputs {}..={}",
        network.name,
        network.shape(),
        network.input.min,
        network.input.max
    ));
    let bounds = ranges::analyse(network)?;
    let mut layers = Vec::new();
    for (b, (layer, bound)) in network.layers.iter().zip(&bounds).enumerate() {
        let w = &layer.weights;
        let after = layer
            .requantise
            .map_or("raw outputs".into(), |r| format!("shift {}, clamp {}..={}", r.shift, r.clamp.min, r.clamp.max));
        out.line(format!(
            "layer {b:<4} {} x {}, {} non-zeros (density {:.4}), accumulators {}..={} ({} bits), {after}",
            w.rows(),
            w.columns(),
            w.non_zeros(),
            w.density(),
            bound.min,
            bound.max,
            bound.bits + 1
        ));
        layers.push(json!({
            "outputs": w.rows(), "inputs": w.columns(), "nnz": w.non_zeros(), "density": w.density(),
            "accumulator_min": bound.min, "accumulator_max": bound.max, "accumulator_bits": bound.bits + 1,
            "shift": layer.requantise.map(|r| r.shift),
        }));
    }
    Ok(json!({
        "kind": "network", "model": network.name, "nnz": network.non_zeros(), "parameters": network.parameters(), "layers": layers,
    }))
}

fn architecture(arch: &Architecture, out: &Output) -> Value {
    out.line(format!(
        "shape      {:?}, rows of {} entries, inputs {}..={}",
        arch.widths, arch.row_width, arch.input.min, arch.input.max
    ));
    for (b, h) in arch.hidden.iter().enumerate() {
        out.line(format!(
            "layer {b:<4} shift {}, clamp {}..={}, accumulators within {} bits",
            h.shift,
            h.clamp.min,
            h.clamp.max,
            h.bits + 1
        ));
    }
    json!({ "widths": arch.widths, "row_width": arch.row_width, "logit_bits": arch.logit_bits })
}

fn key(key: &VerifyingKey, out: &Output) -> Value {
    out.line(format!("key        digest {}", hex(key.digest())));
    let arch = architecture(key.architecture(), out);
    let ternary = if key.is_ternary() { "proved (checked just now)" } else { "not proved" };
    out.line(format!("ternary    {ternary}"));
    json!({
        "kind": "verifying key", "digest": hex(key.digest()), "rows": key.rows().len(), "ternary": key.is_ternary(),
        "architecture": arch,
    })
}

fn proof(proof: &Proof, bytes: usize, out: &Output) -> Value {
    out.line(format!("proof      for the key {}.. (not verified here: use zktern verify)", hex(&proof.key_digest[..16])));
    out.line(format!("inputs     {}, {}", proof.batch, if proof.inputs.is_none() { "hidden" } else { "public" }));
    out.line(format!("context    \"{}\"", hex(&proof.context)));
    json!({
        "kind": "proof", "digest": hex(&proof.key_digest), "inputs": proof.batch, "private_input": proof.inputs.is_none(),
        "context": hex(&proof.context), "proof_bytes": bytes,
    })
}
