//! `prove --defer` and `aggregate`, and what `verify` says of an aggregate.

use super::commit::entropy;
use super::files::{self, Access};
use super::output::{Output, human, model_keys, seconds, size, stages};
use super::prove::{Prove, part_entropy};
use super::{Failure, OnDevice, args};
use crate::aggregate::{self, Aggregate, AggregateError, Deferred, prove::MergeError};
use crate::compute::Compute;
use crate::model::codec::Kind;
use crate::model::infer::argmax;
use crate::protocol::key::hex;
use crate::protocol::{Session, Stage, StageTimes, VerifyingKey};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

impl From<MergeError> for Failure {
    fn from(error: MergeError) -> Self {
        match error {
            MergeError::Prove(e) => e.into(),
            other => Self::usage(other),
        }
    }
}

/// Proves all but the opening, checks that, and writes it. A batch that was split for want of memory becomes one file all the same.
pub(super) fn defer<C: Compute>(
    session: &Session<C>,
    inputs: &[i32],
    sizes: &[usize],
    context: &[u8],
    entropy: &[u8; 32],
    Prove { args, out, team }: Prove<'_>,
) -> Result<(), Failure> {
    let (mut prove, mut verify) = (Duration::ZERO, Duration::ZERO);
    let (mut parts, mut times) = (Vec::with_capacity(sizes.len()), StageTimes::default());
    let mut rest = inputs;
    for (n, size) in sizes.iter().enumerate() {
        let (some, later) = rest.split_at(size * session.key().architecture().inputs(0));
        rest = later;
        let what = if sizes.len() > 1 { format!("prove {}/{}", n + 1, sizes.len()) } else { "prove".into() };
        let bar = out.bar(Stage::ALL.len(), what);
        let entropy = part_entropy(entropy, n);
        let (made, took) = timed(|| session.defer(some, args.private_input, context, &entropy, &bar));
        let (part, stages) = made?;
        prove += took;
        times += &stages;
        if team.rank() == 0 {
            let (checked, checking) = timed(|| part.check(&[session.key()]));
            checked.map_err(not_valid)?;
            verify += checking;
        }
        parts.push(part);
    }
    let deferred = match <[Deferred; 1]>::try_from(parts) {
        Ok([one]) => one,
        Err(several) => {
            let (merged, took) = timed(|| aggregate::merge(session.compute(), several, entropy));
            prove += took;
            let merged = merged?;
            if team.rank() == 0 {
                let (checked, checking) = timed(|| merged.check(&[session.key()]));
                checked.map_err(not_valid)?;
                verify += checking;
            }
            merged
        }
    };
    team.done()?;
    if team.rank() > 0 {
        return Ok(());
    }
    let bytes = deferred.to_bytes();
    files::write(&args.output, &bytes, Access::Owner)?;
    let name = files::name(&args.output);
    let count = deferred.parts.inputs();
    out.line(format!("proved     {count} input(s) in {}, all but the opening; checked in {}", human(prove), human(verify)));
    out.line(format!("wrote      {name} ({}, keep it private: it holds the opening's secret)", size(bytes.len())));
    out.line(format!("next       zktern aggregate {name} .. --key NET.vk -o ALL.proof"));
    let mut document = model_keys(session.network(), session.key(), session.compute());
    document.insert("inputs".into(), json!(count));
    document.insert("ranks".into(), json!(team.ranks()));
    document.insert("prove_s".into(), json!(seconds(prove)));
    document.insert("verify_s".into(), json!(seconds(verify)));
    document.insert("stages".into(), stages(&times));
    document.insert("deferred_bytes".into(), json!(bytes.len()));
    document.insert("peak_rss_bytes".into(), json!(super::output::peak_rss()));
    document.insert("leaves".into(), leaves(&deferred.parts, &[session.key()]));
    document.insert("valid".into(), Value::Null);
    out.document(&document.into());
    Ok(())
}

fn not_valid(error: impl std::fmt::Display) -> Failure {
    Failure::machine(format!("what was just made is not valid ({error}); nothing was written; run zktern doctor"))
}

/// `zktern aggregate`.
pub(super) struct Run<'a> {
    pub(super) args: &'a args::Aggregate,
    pub(super) out: &'a Output,
}

impl OnDevice for Run<'_> {
    fn run<C: Compute + Clone>(self, compute: C) -> Result<(), Failure> {
        let Self { args, out } = self;
        let read: Vec<&Path> = args.proofs.iter().chain(&args.key).map(AsRef::as_ref).collect();
        files::distinct(&[&args.output], &read)?;
        let keys = args.key.iter().map(|path| files::read_key(path)).collect::<Result<Vec<_>, _>>()?;
        let keys: Vec<&VerifyingKey> = keys.iter().collect();
        let parts = args.proofs.iter().map(|path| read_deferred(path)).collect::<Result<Vec<_>, _>>()?;
        let entropy = entropy(args.insecure_seed, "aggregate", out)?;
        let bar = out.bar(3, "aggregate");
        let start = Instant::now();
        let (bytes, made, merge, verify) = if args.defer {
            let merged = aggregate::merge(&compute, parts, &entropy)?;
            let merge = start.elapsed();
            bar.step(1);
            let (checked, verify) = timed(|| merged.check(&keys));
            checked.map_err(|e| name_culprit(&args.proofs, &keys, &e))?;
            (merged.to_bytes().to_vec(), merged.parts, merge, verify)
        } else {
            let context = parts.first().map(|p| p.parts.context.clone()).unwrap_or_default();
            let made = aggregate::decide(&compute, parts, &entropy)?;
            let merge = start.elapsed();
            bar.step(1);
            let (checked, verify) = timed(|| made.verify(&keys, &context));
            checked.map_err(|e| name_culprit(&args.proofs, &keys, &e))?;
            (made.to_bytes(), made, merge, verify)
        };
        bar.step(2);
        let access = if args.defer { Access::Owner } else { Access::Public };
        files::write(&args.output, &bytes, access)?;
        drop(bar);
        let (leaves_count, inputs) = (made.leaves().count(), made.inputs());
        out.line(format!(
            "aggregated {leaves_count} proof(s) about {inputs} input(s) in {}, checked in {}",
            human(merge),
            human(verify)
        ));
        let secret = if args.defer { ", keep it private: it is still to be opened" } else { "" };
        out.line(format!("wrote      {} ({}{secret})", files::name(&args.output), size(bytes.len())));
        out.document(&json!({
            "device": compute.describe(), "threads": rayon::current_num_threads(), "leaves": leaves(&made, &keys),
            "inputs": inputs, "aggregate_s": seconds(merge), "verify_s": seconds(verify),
            (if args.defer { "deferred_bytes" } else { "proof_bytes" }): bytes.len(),
            "peak_rss_bytes": super::output::peak_rss(), "valid": if args.defer { Value::Null } else { json!(true) },
        }));
        Ok(())
    }
}

fn timed<T>(run: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    (run(), start.elapsed())
}

fn read_deferred(path: &Path) -> Result<Deferred, Failure> {
    Ok(Deferred::from_bytes(&files::read(path, Kind::Deferred)?, &files::name(path))?)
}

/// The first of the given files that does not hold, now that together they do not.
fn name_culprit(paths: &[std::path::PathBuf], keys: &[&VerifyingKey], error: &AggregateError) -> Failure {
    for path in paths {
        let checked = read_deferred(path).map(|part| part.check(keys));
        match checked {
            Err(failure) => return failure,
            Ok(Err(e)) => return Failure::usage(format!("{}: it cannot be aggregated: {e}", files::name(path))),
            Ok(Ok(())) => {}
        }
    }
    match error {
        AggregateError::Part { .. } => not_valid(error),
        other => Failure::usage(other),
    }
}

/// `zktern verify` of an aggregate.
pub(super) fn verify(args: &args::Verify, out: &Output) -> Result<(), Failure> {
    let name = files::name(&args.proof);
    let keys = args.key.iter().map(|path| files::read_key(path)).collect::<Result<Vec<_>, _>>()?;
    let keys: Vec<&VerifyingKey> = keys.iter().collect();
    let bytes = files::read(&args.proof, Kind::Aggregate)?;
    let aggregate = Aggregate::from_bytes(&bytes, &name)?;
    let context = files::context(args.context.as_deref())?;
    if let Some(path) = &args.input {
        compare_inputs(&aggregate, &keys, path, &name)?;
    }
    let (checked, time) = timed(|| aggregate.verify(&keys, &context));
    checked.map_err(|e| Failure::invalid(format!("{name}: NOT VALID: {e}")))?;
    out.line(format!("VALID      in {}", human(time)));
    out.line(format!("aggregate  {} proofs about {} inputs", aggregate.leaves().count(), aggregate.inputs()));
    for (n, leaf) in aggregate.leaves().enumerate().take(20) {
        let Some(key) = keys.iter().find(|k| k.digest() == &aggregate.keys[leaf.key]) else { continue };
        let hidden = if leaf.inputs.is_some() { "public" } else { "hidden" };
        let outputs = leaf.logits.chunks(key.architecture().logits());
        let classes: Vec<usize> = outputs.map(argmax).take(8).collect();
        let more = if leaf.batch > classes.len() { ".." } else { "" };
        out.line(format!(
            "leaf {n:<5} model {}, {} {hidden} input(s), classes {classes:?}{more}",
            key.short_digest(),
            leaf.batch
        ));
    }
    let ternary = keys.iter().all(|key| key.is_ternary());
    out.line(format!("weights    hidden, {}", super::verify::ternary_words(ternary)));
    out.document(&json!({
        "digest": aggregate.keys.iter().map(|d| hex(d)).collect::<Vec<_>>(), "inputs": aggregate.inputs(), "verify_s": seconds(time),
        "valid": true, "proof_bytes": bytes.len(), "ternary": ternary, "context": hex(&aggregate.context),
        "leaves": leaves(&aggregate, &keys), "peak_rss_bytes": super::output::peak_rss(),
    }));
    Ok(())
}

/// The inputs of all leaves, one after the other, must be those of the file.
fn compare_inputs(aggregate: &Aggregate, keys: &[&VerifyingKey], path: &Path, name: &str) -> Result<(), Failure> {
    let [key] = keys else {
        return Err(Failure::usage("--input: the proofs are about several models; leave it out, and compare with --json"));
    };
    let expected = files::read_inputs(path, key.architecture())?;
    let found: Option<Vec<&[i32]>> = aggregate.leaves().map(|leaf| leaf.inputs.as_deref()).collect();
    let path = files::name(path);
    match found {
        None => Err(Failure::invalid(format!(
            "{name}: an input is hidden, so it cannot be compared with {path}; leave --input out"
        ))),
        Some(found) if found.concat() != expected => {
            Err(Failure::invalid(format!("{name}: the proofs are about other inputs than {path}")))
        }
        Some(_) => Ok(()),
    }
}

/// What every leaf is about.
pub(super) fn leaves(aggregate: &Aggregate, keys: &[&VerifyingKey]) -> Value {
    let of_leaf = |leaf: &aggregate::Leaf| {
        let digest = &aggregate.keys[leaf.key];
        let width = keys.iter().find(|k| k.digest() == digest).map(|k| k.architecture().logits());
        let outputs = super::prove::outputs(&leaf.logits, width.unwrap_or(leaf.logits.len()).max(1));
        json!({ "digest": hex(digest), "inputs": leaf.batch, "private_input": leaf.inputs.is_none(), "outputs": outputs })
    };
    aggregate.leaves().map(of_leaf).collect::<Vec<_>>().into()
}

/// What `inspect` says of an aggregate or a deferred proof.
pub(super) fn inspect(parts: &Aggregate, kind: &str, bytes: usize, out: &Output) -> Value {
    let (count, entries) = (parts.leaves().count(), parts.entries.len());
    out.line(format!("{kind:<10} {count} proofs in {entries} entries (not verified here: use zktern verify)"));
    parts.keys.iter().for_each(|digest| out.line(format!("model      {}..", hex(&digest[..16]))));
    out.line(format!("inputs     {}", parts.inputs()));
    out.line(format!("context    \"{}\"", hex(&parts.context)));
    json!({
        "kind": kind, "digest": parts.keys.iter().map(|d| hex(d)).collect::<Vec<_>>(), "inputs": parts.inputs(),
        "entries": entries, "context": hex(&parts.context), "file_bytes": bytes, "leaves": leaves(parts, &[]),
    })
}
