//! `inspect`: what a file holds.

use super::files;
use super::foreign::{self, FloatModel, Foreign};
use super::output::{Output, size};
use super::{Failure, args};
use crate::model::codec::{self, Kind};
use crate::model::float::Activation;
use crate::model::quantise::ternarise::is_ternary;
use crate::model::{Architecture, Network, ranges};
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
        None => match foreign::parse(&bytes, &args.file)? {
            Foreign::Integer(n) => network(&n, out)?,
            Foreign::Float(model) => float(&model, out),
        },
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

/// A float network: shapes, operators, parameters, and whether its weights are ternary as they are.
fn float(model: &FloatModel, out: &Output) -> Value {
    let network = &model.network;
    out.line(format!("float      {} ({}), {} parameters", network.name, network.shape(), network.parameters()));
    out.line(format!("source     {}", model.source));
    if let Some(code) = model.code {
        out.line(format!(
            "input      real = {} * integer + {}, integers {}..={}",
            code.scale, code.offset, code.range.min, code.range.max
        ));
    }
    let mut layers = Vec::new();
    for (b, l) in network.layers.iter().enumerate() {
        let activation = match l.activation {
            Activation::None => "no activation".to_owned(),
            Activation::Relu => "ReLU".to_owned(),
            Activation::Clip { min, max } => format!("clip {min}..={max}"),
        };
        let grid = l.grid.map_or_else(String::new, |g| format!(", rounded to {} * {}..={}", g.scale, g.min, g.max));
        let ternary = is_ternary(l);
        let weights = if ternary { "ternary up to row scales" } else { "float weights" };
        out.line(format!("layer {b:<4} {:?} {} x {}, {weights}, {activation}{grid}", l.name, l.rows, l.columns));
        let non_zeros = l.weights.iter().filter(|w| **w != 0.0).count();
        layers.push(json!({
            "name": l.name, "outputs": l.rows, "inputs": l.columns, "nnz": non_zeros, "ternary": ternary, "activation": activation,
            "grid": l.grid.map(|g| json!({ "scale": g.scale, "min": g.min, "max": g.max })),
        }));
    }
    let operators: Vec<String> = model.operators.iter().map(|(op, n)| format!("{op} {n}")).collect();
    if !operators.is_empty() {
        out.line(format!("operators  {}", operators.join(", ")));
    }
    json!({
        "kind": "float network", "model": network.name, "source": model.source, "parameters": network.parameters(), "layers": layers,
        "operators": model.operators.iter().map(|(op, n)| (op.clone(), json!(n))).collect::<serde_json::Map<_, _>>(),
    })
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
