//! `random` and `commit`: making networks and keys.

use super::files::{self, Access, Target};
use super::output::{Output, human, model_keys, seconds, size};
use super::{Failure, OnDevice, args};
use crate::compute::Compute;
use crate::model::random::Shape;
use crate::model::{Architecture, random as generator};
use crate::protocol::plan::MAX_BATCH;
use crate::protocol::prove::fresh_entropy;
use crate::protocol::{key, ternarity};
use crate::transcript::digest;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// 32 bytes of randomness, or reproducible ones with a warning.
pub(super) fn entropy(insecure: Option<u64>, purpose: &str, out: &Output) -> Result<[u8; 32], Failure> {
    let Some(seed) = insecure else { return Ok(fresh_entropy()?) };
    out.warn(format!(
        "--insecure-seed {seed}: the {purpose} is reproducible and hides nothing; for tests and benchmarks only"
    ));
    let mut bytes = [0; 32];
    bytes.copy_from_slice(&digest([b"zktern/insecure-seed".as_slice(), purpose.as_bytes(), &seed.to_le_bytes()])[..32]);
    Ok(bytes)
}

/// A fraction above 0, at most 1: `1/16` or `0.3`.
pub(super) fn density(text: &str) -> Option<f64> {
    let value = match text.split_once('/') {
        Some((a, b)) => a.trim().parse::<f64>().ok()? / b.trim().parse::<f64>().ok()?,
        None => text.trim().parse().ok()?,
    };
    (value > 0.0 && value <= 1.0).then_some(value)
}

/// Most values that `random` writes (1 GiB of them).
const MAX_RANDOM_VALUES: usize = 1 << 28;

/// `zktern random`.
pub(super) fn random(args: &args::Random, out: &Output) -> Result<(), Failure> {
    let density = density(&args.density)
        .ok_or_else(|| Failure::usage(format!("--density {}: expected a fraction above 0, at most 1", args.density)))?;
    let widest = crate::model::architecture::MAX_WIDTH;
    if let Some(w) = args.shape.iter().find(|w| **w == 0 || **w > widest) {
        return Err(Failure::usage(format!("--shape: a width is {w}, expected 1 to {widest}")));
    }
    let most = MAX_BATCH.min(MAX_RANDOM_VALUES / args.shape.first().copied().unwrap_or(1));
    if args.count == 0 || args.count > most {
        return Err(Failure::usage(format!("--count {}: expected 1 to {most} inputs of this width", args.count)));
    }
    let outputs: Vec<&Path> = std::iter::once(&args.output).chain(&args.input).map(PathBuf::as_path).collect();
    files::distinct(&outputs, &[])?;
    let network = generator::network(&Shape { widths: args.shape.clone(), density, max: 255 }, args.seed)?;
    let model = network.to_bytes();
    let inputs = args.input.as_ref().map(|path| {
        let values = generator::inputs(&network, args.count, args.seed);
        (path, super::input::to_npy(&values, args.shape[0]))
    });
    let mut targets = vec![Target { path: &args.output, bytes: &model, access: Access::Public }];
    targets.extend(inputs.iter().map(|(path, bytes)| Target { path, bytes, access: Access::Public }));
    files::write_all(&targets)?;
    super::import::describe(&network, out);
    out.line(format!("wrote      {}", files::name(&args.output)));
    if let Some(path) = &args.input {
        out.line(format!("wrote      {} ({} inputs)", files::name(path), args.count));
    }
    out.document(&json!({ "model": network.name, "nnz": network.non_zeros(), "parameters": network.parameters() }));
    Ok(())
}

/// `zktern commit`.
pub(super) struct Commit<'a> {
    pub(super) args: &'a args::Commit,
    pub(super) out: &'a Output,
}

impl OnDevice for Commit<'_> {
    fn run<C: Compute + Clone>(self, compute: C) -> Result<(), Failure> {
        let Self { args, out } = self;
        files::distinct(&[&args.secret, &args.output], &[&args.network])?;
        let network = files::read_network(&args.network)?;
        let width = key::best_row_width(&network, args.profile.into());
        let architecture = Architecture::of(&network, width)?;
        let seed = key::key_blinds(&entropy(args.insecure_seed, "commitment", out)?, &network);
        let start = Instant::now();
        let bar = out.bar(network.layers.len(), "commit");
        let (mut verifying, secret) = key::commit(&compute, &network, &architecture, seed, |b| bar.step(b))?;
        drop(bar);
        let time = start.elapsed();
        let mut ternary_time = None;
        if args.prove_ternary {
            let start = Instant::now();
            let proof_seed = entropy(args.insecure_seed, "ternarity proof", out)?;
            let proof = ternarity::prove(&compute, &network, &verifying, &secret, proof_seed)?;
            verifying = verifying.with_ternarity(proof)?;
            ternary_time = Some(start.elapsed());
        }
        let bytes = verifying.to_bytes();
        // The secret first: a key whose secret is missing would be useless.
        files::write_all(&[
            Target { path: &args.secret, bytes: &secret.to_bytes(&verifying), access: Access::Owner },
            Target { path: &args.output, bytes: &bytes, access: Access::Public },
        ])?;
        out.line(format!("network    {} ({})", network.name, network.shape()));
        out.line(format!("digest     {}", verifying.short_digest()));
        out.line(format!("committed  {} rows of {width} in {}", verifying.rows().len(), human(time)));
        if let Some(t) = ternary_time {
            out.line(format!("ternary    proved and checked in {}", human(t)));
        }
        out.line(format!("wrote      {} ({}, public)", files::name(&args.output), size(bytes.len())));
        out.line(format!("wrote      {} (SECRET: keep it)", files::name(&args.secret)));
        let mut document = model_keys(&network, &verifying, &compute);
        document.insert("commit_s".into(), json!(seconds(time)));
        document.insert("ternarity_s".into(), json!(ternary_time.map(seconds)));
        document.insert("row_width".into(), json!(width));
        document.insert("key_bytes".into(), json!(bytes.len()));
        document.insert("peak_rss_bytes".into(), json!(super::output::peak_rss()));
        out.document(&document.into());
        Ok(())
    }
}
