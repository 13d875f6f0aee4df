//! `verify`: needs the proof, the verifying key, and nothing else that the prover chose.

use super::output::{Output, human, seconds};
use super::{Failure, aggregate, args, files};
use crate::model::codec::Kind;
use crate::model::infer::argmax;
use crate::protocol::key::hex;
use serde_json::json;
use std::time::Instant;

/// `zktern verify`.
pub(super) fn run(args: &args::Verify, out: &Output) -> Result<(), Failure> {
    match files::kind(&args.proof)? {
        Some(Kind::Aggregate) => return aggregate::verify(args, out),
        Some(Kind::Deferred) => {
            return Err(Failure::invalid(format!(
                "{}: NOT VALID: it is a deferred proof, whose opening is still to be made; run zktern aggregate",
                files::name(&args.proof)
            )));
        }
        _ => {}
    }
    let [key] = &*args.key else {
        return Err(Failure::usage(format!("--key is given {} times, expected once: this is one proof", args.key.len())));
    };
    let key = files::read_key(key)?;
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
    out.line(format!("weights    hidden, {}", ternary_words(key.is_ternary())));
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

/// What is known about weights.
pub(super) const fn ternary_words(proved: bool) -> &'static str {
    if proved { "proved to be -1, 0 or 1" } else { "not proved to be ternary (commit --prove-ternary)" }
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
