//! `prove` and `infer`.

use super::files::{self, Access, Pending, Target};
use super::foreign::{self, Foreign};
use super::memory::Budget;
use super::output::{Output, human, model_keys, seconds, size, stages};
use super::ranks::Team;
use super::{Failure, OnDevice, args, commit::entropy};
use crate::compute::Compute;
use crate::model::codec::Kind;
use crate::model::float::{self, FloatNetwork};
use crate::model::infer::argmax;
use crate::model::{Architecture, Network};
use crate::protocol::memory::Memory;
use crate::protocol::{Made, NoProgress, Secret, Session, Stage, StageTimes};
use crate::transcript::digest;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

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
    /// The ranks that make the proof together.
    pub(super) team: &'a dyn Team,
}

impl OnDevice for Prove<'_> {
    fn run<C: Compute + Clone>(self, compute: C) -> Result<(), Failure> {
        let Self { args, out, team } = self;
        let secret = args.secret.clone().unwrap_or_else(|| args.network.with_extension("key"));
        let sources = files::input_files(&args.inputs)?;
        let read: Vec<&Path> = [&args.network, &secret].into_iter().chain(&sources).map(PathBuf::as_path).collect();
        files::distinct(&[&args.output], &read)?;
        let context = files::context(args.context.as_deref())?;
        let session = self.session(compute, &secret)?;
        let arch = session.key().architecture();
        // Standard input is rank 0's alone.
        let read_one = |path: &Path| match path.as_os_str() == "-" {
            true => team.share(&|| files::read_foreign(path)),
            false => files::read_foreign(path),
        };
        let inputs = files::read_all_inputs(&sources, arch, &read_one)?;
        let batch = inputs.len() / arch.inputs(0);
        if batch > 1 && !args.batch {
            let held = if let [file] = &sources[..] { format!("{}: holds", files::name(file)) } else { "there are".into() };
            return Err(Failure::usage(format!("{held} {batch} inputs; add --batch to prove them together")));
        }
        let options = format!("{} {} {} {batch}", env!("CARGO_PKG_VERSION"), args.private_input, args.defer);
        team.same("version or options", &|| [options.as_bytes(), &context].concat())?;
        team.same("input", &|| inputs.iter().flat_map(|v| v.to_le_bytes()).collect())?;

        let non_zeros = session.network().non_zeros();
        // The same on all ranks, so that all split the batch alike.
        let threads = team.numbers(rayon::current_num_threads() as u64)?.into_iter().max().unwrap_or(1) as usize;
        let file = team.numbers(files::largest(&sources))?.into_iter().max().unwrap_or(0);
        let memory = Memory { arch, non_zeros, private: args.private_input, threads, file };
        let budget = Budget::of_team(args.memory, team)?;
        let parts = budget.parts(&memory, batch)?;
        let split = budget.why_split(&memory, batch, &parts);
        let count = parts.sizes.len();
        let targets: Vec<PathBuf> = (1..=count).map(|n| files::part(&args.output, n, count)).collect();
        files::distinct(&targets.iter().map(PathBuf::as_path).collect::<Vec<_>>(), &read)?;
        if let Some(split) = &split {
            out.line(format!("split      {split}"));
        }

        let entropy = shared_entropy(team, args.insecure_seed, out)?;
        let (_, infer) = if team.rank() == 0 { timed_inference(session.network(), &inputs) } else { Default::default() };
        let (session, width) = (session.with_holding(parts.holding), inputs.len() / batch.max(1));
        if args.defer {
            return super::aggregate::defer(&session, &inputs, &parts.sizes, &context, &entropy, self);
        }
        let mut proved = Proved::default();
        let mut rest = inputs.as_slice();
        for (n, (size, path)) in parts.sizes.iter().zip(&targets).enumerate() {
            let (some, later) = rest.split_at(size * width);
            rest = later;
            let entropy = part_entropy(&entropy, n);
            if team.rank() > 0 {
                session.prove(some, args.private_input, &context, &entropy, &NoProgress)?;
                continue;
            }
            let what = if count > 1 { format!("prove {}/{count}", n + 1) } else { "prove".into() };
            let bar = out.bar(Stage::ALL.len(), what);
            proved.add(session.prove_and_verify(some, args.private_input, &context, &entropy, &bar)?, path)?;
        }
        team.done()?;
        if team.rank() > 0 {
            return Ok(());
        }
        // Nothing has its name before everything is proved, verified and on the disk.
        std::mem::take(&mut proved.files).commit()?;
        let mut document = model_keys(session.network(), session.key(), session.compute());
        document.insert("ranks".into(), json!(team.ranks()));
        document.insert("infer_s".into(), json!(seconds(infer)));
        document.insert("split".into(), json!(split));
        let depth = parts.holding.depth();
        document
            .insert("memory".into(), json!({ "budget_bytes": budget.bytes, "at_most_bytes": parts.bytes, "depth": depth }));
        document.insert("gpu_bytes".into(), json!(session.compute().device_bytes().unwrap_or(0)));
        out.line(format!("digest     {}", session.key().short_digest()));
        proved.report(session.key().architecture().logits(), document, out);
        Ok(())
    }
}

/// Randomness for a command's proofs: rank 0 draws it.
pub(super) fn shared_entropy(team: &dyn Team, insecure: Option<u64>, out: &Output) -> Result<[u8; 32], Failure> {
    let drawn = team.share(&|| Ok(entropy(insecure, "proof", out)?.to_vec()))?;
    <[u8; 32]>::try_from(drawn).map_err(|_| Failure::machine("rank 0 sent no 32 bytes of randomness"))
}

/// Randomness of part `n` of a command's proofs; two parts may be about the same inputs.
pub(super) fn part_entropy(entropy: &[u8; 32], n: usize) -> [u8; 32] {
    let mut out = *entropy;
    if n > 0 {
        out.copy_from_slice(&digest([entropy.as_slice(), &(n as u64).to_be_bytes()])[..32]);
    }
    out
}

impl Prove<'_> {
    fn session<C: Compute>(&self, compute: C, secret: &Path) -> Result<Session<C>, Failure> {
        let network = files::read_network(&self.args.network)?;
        self.team.same("network", &|| network.to_bytes())?;
        let name = files::name(secret);
        if self.args.secret.is_none() && !secret.exists() {
            return Err(Failure::usage(format!(
                "{name}: no such secret; run `zktern commit {} -o NET.vk --secret {name}` first, or give --secret",
                files::name(&self.args.network)
            )));
        }
        let bytes = Zeroizing::new(files::read(secret, Kind::Secret)?);
        self.team.same("secret", &|| bytes.to_vec())?;
        let (secret, key) = Secret::from_bytes(&bytes, &name)?;
        Ok(Session::new(compute, network, key, secret)?)
    }
}

/// What the proofs of a command have come to.
#[derive(Default)]
struct Proved {
    files: Pending,
    logits: Vec<i32>,
    documents: Vec<Value>,
    prove: Duration,
    verify: Duration,
    times: StageTimes,
    bytes: usize,
}

impl Proved {
    /// Takes a verified proof: its file waits on the disk under a temporary name.
    fn add(&mut self, made: Made, path: &Path) -> Result<(), Failure> {
        let Made { proof, times, prove, verify } = made;
        let bytes = proof.to_bytes();
        self.files.add(&Target { path, bytes: &bytes, access: Access::Public })?;
        self.documents.push(json!({
            "file": files::name(path), "inputs": proof.batch, "prove_s": seconds(prove), "verify_s": seconds(verify),
            "stages": stages(&times), "proof_bytes": bytes.len(), "words_bytes": proof.words.len(),
        }));
        self.prove += prove;
        self.verify += verify;
        self.times += &times;
        self.bytes += bytes.len();
        self.logits.extend(proof.logits);
        Ok(())
    }

    /// Says what was proved, in lines and as the rest of the document.
    fn report(self, width: usize, mut document: Map<String, Value>, out: &Output) {
        for (i, z) in self.logits.chunks(width).enumerate().take(20) {
            out.line(format!("output {i:<3} class {} {z:?}", argmax(z)));
        }
        let batch = self.logits.len() / width.max(1);
        let (prove, verify) = (human(self.prove), human(self.verify));
        out.line(format!("proved     {batch} input(s) in {prove}, verified in {verify}"));
        for proof in &self.documents {
            let (file, bytes) = (proof["file"].as_str(), proof["proof_bytes"].as_u64());
            out.line(format!("wrote      {} ({})", file.unwrap_or_default(), size(bytes.unwrap_or_default() as usize)));
        }
        document.insert("inputs".into(), json!(batch));
        document.insert("prove_s".into(), json!(seconds(self.prove)));
        document.insert("verify_s".into(), json!(seconds(self.verify)));
        document.insert("stages".into(), stages(&self.times));
        document.insert("proof_bytes".into(), json!(self.bytes));
        document.insert("proofs".into(), self.documents.into());
        document.insert("outputs".into(), outputs(&self.logits, width));
        document.insert("valid".into(), json!(true));
        document.insert("peak_rss_bytes".into(), json!(super::output::peak_rss()));
        out.document(&document.into());
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
