//! What people and scripts read: lines on standard output, or one JSON document; progress and warnings on standard error.

use super::Failure;
use crate::compute::Compute;
use crate::model::Network;
use crate::protocol::{Progress, Stage, StageTimes, VerifyingKey};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::OnceLock;
use std::time::Duration;

/// Where output goes.
pub(super) struct Output {
    json: bool,
    quiet: bool,
    /// Why standard output took no more; from then on nothing is written there.
    lost: OnceLock<io::Error>,
}

impl Output {
    pub(super) const fn new(json: bool, quiet: bool) -> Self {
        Self { json, quiet, lost: OnceLock::new() }
    }

    fn put(&self, text: impl std::fmt::Display) {
        if self.lost.get().is_none() {
            let mut stdout = io::stdout().lock();
            if let Err(error) = writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
                let _ = self.lost.set(error);
            }
        }
    }

    /// Fails when standard output did not take all (a full disk). A reader that went away, as in `zktern .. | head -1`, has
    /// read what it wanted.
    pub(super) fn finish(&self) -> Result<(), Failure> {
        match self.lost.get() {
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::machine(format!(
                "standard output: cannot write to it ({error}); the command itself was done; send its output elsewhere"
            ))),
            _ => Ok(()),
        }
    }

    /// A line for people.
    pub(super) fn line(&self, text: impl std::fmt::Display) {
        if !self.json && !self.quiet {
            self.put(text);
        }
    }

    /// The document for scripts.
    pub(super) fn document(&self, value: &Value) {
        if self.json {
            self.put(format_args!("{value:#}"));
        }
    }

    /// A warning, on standard error.
    pub(super) fn warn(&self, text: impl std::fmt::Display) {
        let _ = writeln!(io::stderr(), "warning: {text}");
    }

    /// The sentence that a failed run ends with.
    pub(super) fn failure(&self, message: &str, code: u8) {
        if self.json {
            let mut document = json!({ "error": message });
            if code == 1 {
                document["valid"] = json!(false);
            }
            self.put(format_args!("{document:#}"));
        }
        let _ = writeln!(io::stderr(), "error: {message}");
    }

    /// A bar over `length` steps, shown only on a terminal.
    pub(super) fn bar(&self, length: usize, what: impl Into<Cow<'static, str>>) -> Bar {
        let bar = if self.json || self.quiet { ProgressBar::hidden() } else { ProgressBar::new(length as u64) };
        if let Ok(style) = ProgressStyle::with_template("{prefix:10} {bar:30} {pos}/{len} {msg} (left: {eta})") {
            bar.set_style(style);
        }
        bar.set_prefix(what);
        Bar(bar)
    }
}

/// Progress on standard error; cleared when dropped.
pub(super) struct Bar(ProgressBar);

impl Bar {
    pub(super) fn step(&self, done: usize) {
        self.0.set_position(done as u64);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

impl Progress for Bar {
    fn begin(&self, stage: Stage) {
        self.0.set_position(stage as u64);
        self.0.set_message(stage.key().trim_end_matches("_s"));
    }
}

/// Seconds with enough digits.
pub(super) fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e6
}

/// `12.3 ms`.
pub(super) fn human(time: Duration) -> String {
    let s = time.as_secs_f64();
    if s < 1e-3 {
        format!("{:.0} µs", s * 1e6)
    } else if s < 1.0 {
        format!("{:.1} ms", s * 1e3)
    } else {
        format!("{s:.2} s")
    }
}

/// `12.3 KB`.
pub(super) fn size(bytes: usize) -> String {
    match bytes {
        0..1000 => format!("{bytes} B"),
        1000..1_000_000 => format!("{:.1} KB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}

/// The keys that every command about a model prints.
pub(super) fn model_keys<C: Compute>(network: &Network, key: &VerifyingKey, compute: &C) -> Map<String, Value> {
    let mut out = Map::new();
    out.insert("model".into(), json!(network.name));
    out.insert("digest".into(), json!(crate::protocol::key::hex(key.digest())));
    out.insert("device".into(), json!(compute.describe()));
    out.insert("threads".into(), json!(rayon::current_num_threads()));
    out.insert("nnz".into(), json!(network.non_zeros()));
    out.insert("parameters".into(), json!(network.parameters()));
    out
}

/// `stages` of the JSON document.
pub(super) fn stages(times: &StageTimes) -> Value {
    Stage::ALL.iter().map(|s| (s.key().to_owned(), json!(seconds(times.get(*s))))).collect::<Map<_, _>>().into()
}

/// Peak memory of this process, where the system tells.
pub(super) fn peak_rss() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<usize>().ok().map(|kib| kib * 1024)
}
