//! `demo`: a trained network, real digits, a commitment, a proof, a verification.

use super::output::{Output, human, model_keys, seconds, size, stages};
use super::prove::{outputs, timed_inference};
use super::{Failure, OnDevice, args, input};
use crate::compute::Compute;
use crate::model::infer::argmax;
use crate::model::{Architecture, import};
use crate::protocol::fresh_entropy;
use crate::protocol::{Made, Session, Stage, key};
use serde_json::json;
use std::time::Instant;

/// The trained network, 784-512-10.
const NETWORK: &[u8] = include_bytes!("../../examples/mnist/mnist-784-512-10.safetensors");
/// Two digits of each class from the MNIST test set.
const DIGITS: &[u8] = include_bytes!("../../examples/mnist/digits.idx3");
const LABELS: &[u8] = include_bytes!("../../examples/mnist/digits-labels.idx1");

/// `zktern demo`.
pub(super) struct Demo<'a> {
    pub(super) args: &'a args::Demo,
    pub(super) out: &'a Output,
}

impl OnDevice for Demo<'_> {
    fn run<C: Compute + Clone>(self, compute: C) -> Result<(), Failure> {
        let Self { args, out } = self;
        let network = import::safetensors(NETWORK, "the embedded network")?;
        let width = network.widths()[0];
        let digits = input::read_inputs(DIGITS, "the embedded digits", width, network.input)?;
        let labels = input::labels(LABELS, "the embedded labels")?;
        if args.count == 0 || args.count > labels.len() {
            return Err(Failure::usage(format!("--count {}: expected 1 to {}", args.count, labels.len())));
        }
        let digits = &digits[..args.count * width];
        out.line(format!(
            "network    {} ({}), {} of {} weights are not zero",
            network.name,
            network.shape(),
            network.non_zeros(),
            network.parameters()
        ));
        out.line("");
        draw(&digits[..width], out);

        let (logits, infer) = timed_inference(&network, digits);
        let classes: Vec<usize> = logits.chunks(10).map(argmax).collect();
        out.line(format!("labels     {}", join(labels.iter().take(args.count))));
        out.line(format!("predicted  {}   ({} inference)", join(&classes), human(infer)));
        out.line("");

        let architecture = Architecture::of(&network, key::best_row_width(&network, key::Profile::Balanced))?;
        let start = Instant::now();
        let seed = key::key_blinds(&fresh_entropy()?, &network);
        let (verifying, secret) = key::commit(&compute, &network, &architecture, seed, |_| {})?;
        let commit = start.elapsed();
        let key_bytes = verifying.to_bytes().len();
        out.line(format!(
            "committed  to the weights in {}; verifying key {}, digest {}",
            human(commit),
            size(key_bytes),
            verifying.short_digest()
        ));

        let session = Session::new(compute, network, verifying, secret)?;
        let prove = |digits: &[i32]| -> Result<Made, Failure> {
            let bar = out.bar(Stage::ALL.len(), "prove");
            Ok(session.prove_and_verify(digits, false, b"", &fresh_entropy()?, &bar)?)
        };
        let one = prove(&digits[..width])?;
        let one_bytes = one.proof.to_bytes().len();
        out.line(format!(
            "proved     one digit in {}, verified in {}, proof {}",
            human(one.prove),
            human(one.verify),
            size(one_bytes)
        ));
        let all = prove(digits)?;
        let all_bytes = all.proof.to_bytes().len();
        out.line(format!(
            "proved     {} digits together in {} ({} each), verified in {}, proof {}",
            args.count,
            human(all.prove),
            human(all.prove / args.count as u32),
            human(all.verify),
            size(all_bytes)
        ));
        let parts: Vec<String> =
            Stage::ALL.iter().map(|s| format!("{} {}", s.key().trim_end_matches("_s"), human(all.times.get(*s)))).collect();
        out.line(format!("stages     {}", parts.join(", ")));
        out.line("");
        out.line("VALID: the committed network gives these outputs for these digits; its weights stay hidden.");

        let mut document = model_keys(session.network(), session.key(), session.compute());
        document.insert("inputs".into(), json!(args.count));
        document.insert("infer_s".into(), json!(seconds(infer)));
        document.insert("commit_s".into(), json!(seconds(commit)));
        document.insert("prove_s".into(), json!(seconds(all.prove)));
        document.insert("verify_s".into(), json!(seconds(all.verify)));
        document.insert("stages".into(), stages(&all.times));
        document.insert("proof_bytes".into(), json!(all_bytes));
        document.insert("key_bytes".into(), json!(key_bytes));
        let single = json!({ "prove_s": seconds(one.prove), "verify_s": seconds(one.verify), "proof_bytes": one_bytes, "stages": stages(&one.times) });
        document.insert("single".into(), single);
        document.insert("labels".into(), json!(labels[..args.count]));
        document.insert("predictions".into(), json!(classes));
        document.insert("outputs".into(), outputs(&logits, 10));
        document.insert("peak_rss_bytes".into(), json!(super::output::peak_rss()));
        document.insert("gpu_bytes".into(), json!(session.compute().device_bytes().unwrap_or(0)));
        document.insert("valid".into(), json!(true));
        out.document(&document.into());
        Ok(())
    }
}

fn join<T: std::fmt::Display>(values: impl IntoIterator<Item = T>) -> String {
    values.into_iter().map(|v| v.to_string()).collect::<Vec<_>>().join(" ")
}

/// A 28 x 28 digit in characters, two rows to a line.
fn draw(pixels: &[i32], out: &Output) {
    let rows: Vec<&[i32]> = pixels.chunks(28).collect();
    for pair in rows.chunks(2) {
        let at = |r: usize, x: usize| pair.get(r).and_then(|row| row.get(x)).is_some_and(|v| *v > 96);
        let line: String = (0..28)
            .map(|x| match (at(0, x), at(1, x)) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            })
            .collect();
        if !line.trim().is_empty() {
            out.line(format!("           {}", line.trim_end()));
        }
    }
    out.line("");
}
