//! `verify`: needs the proof, the verifying key, and nothing else that the prover chose.

use super::files;
use super::output::{Output, human, seconds};
use super::{Failure, args};
use crate::model::infer::argmax;
use crate::protocol::key::hex;
use serde_json::json;
use std::time::Instant;

/// `zktern verify`.
pub(super) fn run(args: &args::Verify, out: &Output) -> Result<(), Failure> {
    let key = files::read_key(&args.key)?;
    let (proof, proof_bytes) = files::read_proof(&args.proof, &key)?;
    let arch = key.architecture();
    let context = files::context(args.context.as_deref())?;
    if let Some(path) = &args.input {
        let expected = files::read_inputs(path, arch)?;
        match &proof.inputs {
            None => {
                return Err(Failure::invalid(format!(
                    "{}: its input is hidden, so it cannot be compared with {}; leave --input out",
                    files::name(&args.proof),
                    files::name(path)
                )));
            }
            Some(found) if *found != expected => {
                return Err(Failure::invalid(format!(
                    "{}: the proof is about another input than {}",
                    files::name(&args.proof),
                    files::name(path)
                )));
            }
            Some(_) => {}
        }
    }
    let start = Instant::now();
    proof.verify(&key, &context).map_err(|e| Failure::invalid(format!("{}: NOT VALID: {e}", files::name(&args.proof))))?;
    let time = start.elapsed();
    out.line(format!("VALID      in {}", human(time)));
    out.line(format!("model      {} ({:?})", key.short_digest(), arch.widths));
    let ternary =
        if key.is_ternary() { "proved to be -1, 0 or 1" } else { "not proved to be ternary (commit --prove-ternary)" };
    out.line(format!("weights    hidden, {ternary}"));
    match &proof.inputs {
        None => out.line(format!("input      hidden, {} of {} values", proof.batch, arch.inputs(0))),
        Some(x) => {
            for (i, x) in x.chunks(arch.inputs(0)).enumerate().take(3) {
                out.line(format!("input {i:<4} {}", preview(x)));
            }
        }
    }
    for (i, z) in proof.logits.chunks(arch.logits()).enumerate().take(20) {
        out.line(format!("output {i:<3} class {} {}", argmax(z), preview(z)));
    }
    let document = json!({
        "digest": hex(key.digest()), "inputs": proof.batch, "verify_s": seconds(time), "valid": true,
        "proof_bytes": proof_bytes, "private_input": proof.inputs.is_none(), "ternary": key.is_ternary(),
        "context": hex(&proof.context), "outputs": super::prove::outputs(&proof.logits, arch.logits()),
        "peak_rss_bytes": super::output::peak_rss(),
    });
    out.document(&document);
    Ok(())
}

/// The first values, and a digest of all when there are many.
fn preview(values: &[i32]) -> String {
    if values.len() <= 16 {
        return format!("{values:?}");
    }
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let short = hex(&crate::transcript::digest([bytes])[..8]);
    format!("{} values, {:?}.., digest {short} (all with --json or the library)", values.len(), &values[..8])
}
