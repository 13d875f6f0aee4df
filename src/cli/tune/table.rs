//! What people and scripts read about a search.

use super::super::output::{Output, human, seconds, size};
use super::super::{args, files};
use super::candidates::Candidate;
use super::data::Data;
use crate::lookup;
use crate::model::float::FloatNetwork;
use serde_json::{Value, json};

/// Everything about a search.
pub(super) struct Table<'a> {
    pub(super) args: &'a args::Tune,
    pub(super) float: &'a FloatNetwork,
    pub(super) data: &'a Data,
    pub(super) all: &'a [Candidate],
    pub(super) front: &'a [bool],
    pub(super) chosen: usize,
    pub(super) wanted: f64,
    pub(super) steps: &'a [(&'static str, f64)],
}

fn percent(fraction: f64) -> String {
    format!("{:.2} %", 100.0 * fraction)
}

impl Table<'_> {
    /// Prints the untuned network, the front, the choice and the steps; the document has every network that was tried.
    pub(super) fn print(&self, out: &Output) {
        let Self { args, float, data, .. } = self;
        let kind = if args.labels.is_some() { "accuracy" } else { "agreement" };
        let (fit, held) = (self.fitted(), data.held.expected.len());
        let range = data.code.range;
        out.line(format!("network    {} ({}), inputs {}..={}", float.name, float.shape(), range.min, range.max));
        out.line(format!(
            "data       {fit} inputs to calibrate on, {held} others to compare with, {} in one proof",
            args.count
        ));
        out.line(format!("float      {kind} {}, at least {} wanted", percent(data.held.float), percent(self.wanted)));
        let evaluated = if data.evaluate.is_some() { "evaluated" } else { "" };
        out.line(format!(
            "  {:<8} {:>4} {:>8} {:>9} {evaluated:>9} {:>9} {:>8} {:>10} {:>13} {:>9} {:>9}",
            "row cap", "bits", "density", kind, "tables", "lookups", "estimate", "commit+lookup", "prove", "memory"
        ));
        for (n, candidate) in self.all.iter().enumerate().filter(|(n, _)| self.front[*n] || *n == self.chosen) {
            out.line(self.row(n, candidate));
        }
        for (name, accuracy) in self.steps {
            out.line(format!("step       {name}: {}", percent(*accuracy)));
        }
        let chosen = &self.all[self.chosen];
        out.line(format!(
            "chosen     > {} of the {} tried, {} {}",
            self.name(chosen),
            self.all.len() - 1,
            kind,
            percent(chosen.accuracy)
        ));
        out.document(&self.document(kind));
    }

    fn fitted(&self) -> usize {
        self.data.fit.integers.len() / self.float.layers.first().map_or(1, |l| l.columns.max(1))
    }

    fn name(&self, candidate: &Candidate) -> String {
        let Some(choice) = candidate.choice else { return "untuned".into() };
        let cap = choice.row_cap.map_or_else(|| "no".into(), |k| k.to_string());
        format!("row cap {cap}, {} bits, density {:.4}", choice.activation_bits, density(candidate))
    }

    fn row(&self, n: usize, candidate: &Candidate) -> String {
        let (cap, bits) = match candidate.choice {
            Some(c) => (c.row_cap.map_or_else(|| "-".into(), |k| k.to_string()), c.activation_bits.to_string()),
            None => ("untuned".into(), args::ACTIVATION_BITS.to_string()),
        };
        let measured = candidate.measured;
        let or = |value: Option<String>| value.unwrap_or_else(|| "-".into());
        format!(
            "{} {cap:<8} {bits:>4} {:>8.4} {:>9} {:>9} {:>9} {:>8} {:>10} {:>13} {:>9} {:>9}",
            if n == self.chosen { '>' } else { ' ' },
            density(candidate),
            percent(candidate.accuracy),
            if self.data.evaluate.is_some() { or(candidate.evaluated.map(percent)) } else { String::new() },
            candidate.largest_table(),
            format!("2^{}", candidate.plan.lookup_bits),
            human(std::time::Duration::from_secs_f64(candidate.cost)),
            or(measured.map(|m| human(m.commit_and_lookup))),
            or(measured.map(|m| human(m.prove))),
            size(candidate.memory as usize),
        )
    }

    fn document(&self, kind: &str) -> Value {
        let row = |(n, c): (usize, &Candidate)| {
            let modes: String = c.plan.modes.iter().map(|m| char::from(m.letter())).collect();
            json!({
                "tuned": c.choice.is_some(),
                "row_cap": c.choice.and_then(|c| c.row_cap),
                "activation_bits": c.choice.map_or(args::ACTIVATION_BITS, |c| c.activation_bits),
                "density_limit": c.choice.and_then(|c| c.density),
                "density": density(c),
                "nnz": c.network.non_zeros(),
                kind: c.accuracy,
                "evaluated": c.evaluated,
                "tables": c.plan.tables.iter().map(lookup::Table::len).collect::<Vec<_>>(),
                "modes": modes,
                "lookup_bits": c.plan.lookup_bits,
                "estimate_s": c.cost,
                "host_bytes": c.memory as u64,
                "commit_and_lookup_s": c.measured.map(|m| seconds(m.commit_and_lookup)),
                "prove_s": c.measured.map(|m| seconds(m.prove)),
                "front": self.front[n],
                "chosen": n == self.chosen,
            })
        };
        let steps: serde_json::Map<String, Value> = self.steps.iter().map(|(k, v)| ((*k).to_owned(), json!(v))).collect();
        json!({
            "model": self.float.name,
            "shape": self.all[self.chosen].network.shape(),
            "input_max": self.data.code.range.max,
            "calibration_inputs": self.fitted(),
            "compared_inputs": self.data.held.expected.len(),
            "inputs": self.args.count,
            "float": { kind: self.data.held.float, "evaluated": self.data.evaluate.as_ref().map(|e| e.float) },
            "wanted": self.wanted,
            "networks": self.all.iter().enumerate().map(row).collect::<Vec<_>>(),
            "steps": steps,
            "wrote": files::name(&self.args.output),
        })
    }
}

/// Fraction of the weights that are not zero.
fn density(candidate: &Candidate) -> f64 {
    let entries: usize = candidate.network.layers.iter().map(|l| l.weights.rows() * l.weights.columns()).sum();
    candidate.network.non_zeros() as f64 / entries.max(1) as f64
}
