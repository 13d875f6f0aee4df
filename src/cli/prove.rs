//! `prove` and `infer`.

use super::files::{self, Access};
use super::foreign::{self, Foreign};
use super::output::{Output, human, model_keys, seconds, size, stages};
use super::{Failure, OnDevice, args, commit::entropy};
use crate::compute::Compute;
use crate::model::codec::Kind;
use crate::model::float::{self, FloatNetwork};
use crate::model::infer::argmax;
use crate::model::{Architecture, Network};
use crate::protocol::{Made, Secret, Session, Stage};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Proves, verifies, and shows how far it is.
pub(super) fn make<C: Compute>(
    session: &Session<C>,
    inputs: &[i32],
    private: bool,
    context: &[u8],
    entropy: &[u8; 32],
    out: &Output,
) -> Result<Made, Failure> {
    let bar = out.bar(Stage::ALL.len(), "prove");
    Ok(session.prove_and_verify(inputs, private, context, entropy, &bar)?)
}

/// The outputs, one list per input.
pub(super) fn outputs(logits: &[i32], width: usize) -> Value {
    logits.chunks(width).map(|z| json!(z)).collect::<Vec<_>>().into()
}

/// Inference and its time.
pub(super) fn timed_inference(network: &Network, inputs: &[i32]) -> (Vec<i32>, Duration) {
    let start = Instant::now();
    let logits = network.logits(inputs);
    (logits, start.elapsed())
}

/// `zktern prove`.
pub(super) struct Prove<'a> {
    pub(super) args: &'a args::Prove,
    pub(super) out: &'a Output,
}

impl OnDevice for Prove<'_> {
    fn run<C: Compute + Clone>(self, compute: C) -> Result<(), Failure> {
        let Self { args, out } = self;
        let path = args.secret.clone().unwrap_or_else(|| args.network.with_extension("key"));
        files::distinct(&[&args.output], &[&args.network, &args.input, &path])?;
        let network = files::read_network(&args.network)?;
        if args.secret.is_none() && !path.exists() {
            return Err(Failure::usage(format!(
                "{}: no such secret; run `zktern commit {} -o NET.vk --secret {}` first, or give --secret",
                files::name(&path),
                files::name(&args.network),
                files::name(&path)
            )));
        }
        let (secret, key) = Secret::from_bytes(&files::read(&path, Kind::Secret)?, &files::name(&path))?;
        let context = files::context(args.context.as_deref())?;
        let session = Session::new(compute, network, key, secret)?;
        let arch = session.key().architecture().clone();
        let inputs = files::read_inputs(&args.input, &arch)?;
        let batch = inputs.len() / arch.inputs(0);
        if batch > 1 && !args.batch {
            return Err(Failure::usage(format!(
                "{}: holds {batch} inputs; add --batch to prove them in one proof",
                files::name(&args.input)
            )));
        }
        let entropy = entropy(args.insecure_seed, "proof", out)?;
        let (_, infer) = timed_inference(session.network(), &inputs);
        let made = make(&session, &inputs, args.private_input, &context, &entropy, out)?;
        let bytes = made.proof.to_bytes();
        files::write(&args.output, &bytes, Access::Public)?;
        out.line(format!("digest     {}", session.key().short_digest()));
        for (i, z) in made.proof.logits.chunks(arch.logits()).enumerate().take(20) {
            out.line(format!("output {i:<3} class {} {z:?}", argmax(z)));
        }
        out.line(format!("proved     {batch} input(s) in {}, verified in {}", human(made.prove), human(made.verify)));
        out.line(format!("wrote      {} ({})", files::name(&args.output), size(bytes.len())));
        let mut document = model_keys(session.network(), session.key(), session.compute());
        document.insert("inputs".into(), json!(batch));
        document.insert("infer_s".into(), json!(seconds(infer)));
        document.insert("prove_s".into(), json!(seconds(made.prove)));
        document.insert("verify_s".into(), json!(seconds(made.verify)));
        document.insert("stages".into(), stages(&made.times));
        document.insert("proof_bytes".into(), json!(bytes.len()));
        document.insert("peak_rss_bytes".into(), json!(super::output::peak_rss()));
        document.insert("gpu_bytes".into(), json!(session.compute().device_bytes().unwrap_or(0)));
        document.insert("outputs".into(), outputs(&made.proof.logits, arch.logits()));
        document.insert("valid".into(), json!(true));
        out.document(&document.into());
        Ok(())
    }
}

/// `zktern infer`.
pub(super) fn infer(args: &args::Infer, out: &Output) -> Result<(), Failure> {
    let network = if files::is_foreign(&args.network) {
        match foreign::read(&args.network)? {
            Foreign::Float(model) => return infer_float(&model.network, args, out),
            Foreign::Integer(network) => network,
        }
    } else {
        files::read_network(&args.network)?
    };
    let arch = Architecture::of(&network, 1)?;
    let inputs = files::read_inputs(&args.input, &arch)?;
    let (logits, time) = timed_inference(&network, &inputs);
    for (i, z) in logits.chunks(arch.logits()).enumerate() {
        out.line(format!("input {i:<4} class {} {z:?}", argmax(z)));
    }
    let batch = inputs.len() / arch.inputs(0);
    let outputs = outputs(&logits, arch.logits());
    out.document(&json!({ "model": network.name, "inputs": batch, "infer_s": seconds(time), "outputs": outputs }));
    Ok(())
}

/// Inference of a float network on real inputs, in 32-bit floats.
fn infer_float(network: &FloatNetwork, args: &args::Infer, out: &Output) -> Result<(), Failure> {
    let widths = network.widths();
    let (width, classes) = (widths.first().copied().unwrap_or(1), widths.last().copied().unwrap_or(1));
    let inputs = super::input::read_reals(&files::read_foreign(&args.input)?, &files::name(&args.input), width)?.values;
    let start = Instant::now();
    let logits = network.logits(&inputs);
    let time = start.elapsed();
    for (i, a) in logits.chunks(classes).enumerate() {
        out.line(format!("input {i:<4} class {} {a:?}", float::argmax(a)));
    }
    let outputs: Vec<&[f32]> = logits.chunks(classes).collect();
    let batch = inputs.len() / width;
    out.document(&json!({ "model": network.name, "inputs": batch, "infer_s": seconds(time), "outputs": outputs }));
    Ok(())
}
