//! The rows of a run: as lines for people, as a JSON document that is renewed after each, as a report at the end.

use super::super::args;
use super::super::files::{self, Access};
use super::super::output::{Output, human};
use super::{Failure, html};
use serde_json::{Map, Value, json};
use std::time::{Duration, SystemTime};

/// Times of the runs of one case, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Times(pub(super) Vec<f64>);

impl Times {
    pub(super) fn push(&mut self, time: Duration) {
        self.0.push(time.as_secs_f64());
    }

    /// Median, smallest and largest.
    pub(super) fn spread(&self) -> [f64; 3] {
        spread(&self.0)
    }

    pub(super) fn median(&self) -> f64 {
        self.spread()[0]
    }

    /// Sum of two parts, run by run.
    pub(super) fn plus(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a + b).collect())
    }

    /// Ratios, run by run.
    pub(super) fn over(&self, other: &Self) -> [f64; 3] {
        spread(&self.0.iter().zip(&other.0).map(|(a, b)| a / b).collect::<Vec<_>>())
    }

    /// The number of the run whose time is the median.
    pub(super) fn median_run(&self) -> usize {
        let mut order: Vec<usize> = (0..self.0.len()).collect();
        order.sort_by(|a, b| self.0[*a].total_cmp(&self.0[*b]));
        order.get(order.len() / 2).copied().unwrap_or(0)
    }

    /// `key`, `key_min` and `key_max` of a row, in seconds.
    pub(super) fn insert(&self, row: &mut Map<String, Value>, key: &str) {
        for (suffix, value) in ["", "_min", "_max"].iter().zip(self.spread()) {
            row.insert(format!("{key}{suffix}"), json!(rounded(value)));
        }
    }
}

/// Median (the upper of two), smallest and largest.
fn spread(values: &[f64]) -> [f64; 3] {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |i: usize| sorted.get(i).copied().unwrap_or(0.0);
    [at(sorted.len() / 2), at(0), at(sorted.len().saturating_sub(1))]
}

/// Four significant digits and a few more for small times: nanoseconds.
pub(super) fn rounded(value: f64) -> f64 {
    (value * 1e9).round() / 1e9
}

/// `12.3 ms` of seconds.
pub(super) fn time(seconds: f64) -> String {
    human(Duration::from_secs_f64(seconds.max(0.0)))
}

/// All that a run has measured.
pub(super) struct Book<'a> {
    args: &'a args::Bench,
    out: &'a Output,
    document: Map<String, Value>,
    rows: Vec<Value>,
    comparisons: Vec<Value>,
}

impl<'a> Book<'a> {
    pub(super) fn new(args: &'a args::Bench, out: &'a Output) -> Self {
        let mut document = Map::new();
        let mut command: Vec<String> = std::env::args().skip(1).collect();
        command.insert(0, "zktern".into());
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        document.insert("command".into(), json!(command.join(" ")));
        document.insert("version".into(), json!(env!("CARGO_PKG_VERSION")));
        document.insert("date".into(), json!(date(since.as_secs() / 86_400)));
        document.insert("machine".into(), json!(processor()));
        document.insert("system".into(), json!(format!("{} {}", std::env::consts::OS, std::env::consts::ARCH)));
        document.insert("cores".into(), json!(std::thread::available_parallelism().map_or(1, usize::from)));
        document.insert("threads".into(), json!(rayon::current_num_threads()));
        document.insert("samples".into(), json!(args.samples));
        Self { args, out, document, rows: Vec::new(), comparisons: Vec::new() }
    }

    /// A line for people.
    pub(super) fn line(&self, text: impl std::fmt::Display) {
        self.out.line(text);
    }

    /// A row that is done.
    pub(super) fn row(&mut self, row: Map<String, Value>) -> Result<(), Failure> {
        self.rows.push(row.into());
        self.save()
    }

    /// How two rows compare: a ratio with its spread, and what it should be, where something is expected.
    pub(super) fn compare(
        &mut self,
        suite: &str,
        what: &str,
        at: &str,
        [median, min, max]: [f64; 3],
        target: Option<Target>,
    ) -> Result<(), Failure> {
        let verdict = target.map(|t| (t, t.met(median)));
        let note = verdict.map_or_else(String::new, |(t, met)| format!("  ({t}: {})", if met { "met" } else { "MISSED" }));
        self.line(format!("{what:<58} {median:>9.2}  [{min:.2} .. {max:.2}]{note}"));
        self.comparisons.push(json!({
            "suite": suite, "what": what, "at": at, "ratio": rounded(median), "ratio_min": rounded(min),
            "ratio_max": rounded(max), "target": target.map(|t| t.to_string()), "met": verdict.map(|(_, met)| met),
        }));
        self.save()
    }

    fn document(&self) -> Value {
        let mut document = self.document.clone();
        document.insert("rows".into(), self.rows.clone().into());
        document.insert("comparisons".into(), self.comparisons.clone().into());
        document.into()
    }

    fn save(&self) -> Result<(), Failure> {
        let Some(path) = &self.args.json_file else { return Ok(()) };
        files::write(path, format!("{:#}\n", self.document()).as_bytes(), Access::Public)
    }

    /// The document and the report.
    pub(super) fn close(self) -> Result<(), Failure> {
        self.save()?;
        let document = self.document();
        if let Some(path) = &self.args.html {
            files::write(path, html::report(&document).as_bytes(), Access::Public)?;
            self.line(format!("wrote      {}", files::name(path)));
        }
        if let Some(path) = &self.args.json_file {
            self.line(format!("wrote      {}", files::name(path)));
        }
        self.out.document(&document);
        Ok(())
    }
}

/// What a ratio should be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    AtLeast(f64),
    AtMost(f64),
}

impl Target {
    fn met(self, ratio: f64) -> bool {
        match self {
            Self::AtLeast(t) => ratio >= t,
            Self::AtMost(t) => ratio <= t,
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AtLeast(t) => write!(f, "at least {t}"),
            Self::AtMost(t) => write!(f, "at most {t}"),
        }
    }
}

/// The processor's name, where the system tells.
fn processor() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|l| l.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// `2026-11-21` of the days since 1970 (Howard Hinnant's civil-from-days).
fn date(days: u64) -> String {
    let z = days + 719_468;
    let (era, of_era) = (z / 146_097, z % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    format!("{:04}-{month:02}-{day:02}", year + era * 400 + carry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        let known = [(0, "1970-01-01"), (59, "1970-03-01"), (11_016, "2000-02-29"), (20_778, "2026-11-21")];
        assert!(known.iter().all(|(days, text)| date(*days) == *text));
    }

    #[test]
    fn medians_and_ratios_are_taken_run_by_run() {
        let (a, b) = (Times(vec![3.0, 10.0, 4.0]), Times(vec![1.0, 2.0, 4.0]));
        assert_eq!(a.spread(), [4.0, 3.0, 10.0]);
        assert_eq!(a.over(&b), [3.0, 1.0, 5.0]);
        assert_eq!((a.median_run(), a.plus(&b).0), (2, vec![4.0, 12.0, 8.0]));
        assert!(Target::AtLeast(3.0).met(3.0) && !Target::AtMost(2.1).met(2.2));
    }
}
