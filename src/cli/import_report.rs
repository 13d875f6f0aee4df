//! What `import` says about a float network that became an integer one.

use super::args;
use super::foreign::FloatModel;
use super::output::Output;
use crate::model::float::InputCode;
use crate::model::quantise::Quantised;
use crate::protocol::Plan;
use serde_json::{Value, json};

/// Everything that is reported.
pub(super) struct Report<'a> {
    pub(super) model: &'a FloatModel,
    pub(super) made: &'a Quantised,
    pub(super) code: InputCode,
    /// Where the input code comes from.
    pub(super) why: &'static str,
    /// Of a proof of one input, and of the batch asked for if that is another.
    pub(super) plans: &'a [Plan],
    /// Samples that the float and the integer network classify correctly.
    pub(super) accuracy: Option<(usize, usize)>,
}

/// Sizes of the tables, as powers of two where they are.
fn tables(plan: &Plan) -> String {
    let size = |t: &crate::lookup::Table| {
        let n = t.len();
        if n.is_power_of_two() { format!("2^{}", n.ilog2()) } else { n.to_string() }
    };
    plan.tables.iter().map(size).collect::<Vec<_>>().join(", ")
}

fn modes(plan: &Plan) -> String {
    plan.modes.iter().map(|m| char::from(m.letter())).collect()
}

impl Report<'_> {
    /// For people.
    pub(super) fn print(&self, args: &args::Import, out: &Output) {
        let (network, code, agreement) = (&self.made.network, self.code, &self.made.agreement);
        out.line(format!("model      {} ({})", network.name, self.model.source));
        out.line(format!("network    {}, {} non-zero weights", network.shape(), network.non_zeros()));
        let (offset, back) = match code.offset {
            0.0 => (String::new(), "x".to_owned()),
            o => (format!(" + {o}"), format!("(x - {o})")),
        };
        let (scale, range) = (code.scale, code.range);
        out.line(format!(
            "input      real = {scale:.9} * integer{offset}, integers {}..={} ({})",
            range.min, range.max, self.why
        ));
        out.line(format!("           prove takes integers: round({back} / {scale:.9})"));
        out.line(
            "layer      outputs x inputs   density   signs       bits (seen)   shift  clamp      cut off   weight error",
        );
        for (b, l) in self.made.layers.iter().enumerate() {
            let after = l.requantise.map_or_else(
                || format!("{:>5}  {:<10} {:>7}", "-", "raw", "-"),
                |r| {
                    format!(
                        "{:>5}  {:<10} {:>6.2}%",
                        r.shift,
                        format!("{}..={}", r.clamp.min, r.clamp.max),
                        100.0 * l.saturated
                    )
                },
            );
            out.line(format!(
                "{b:<10} {:<18} {:<9.4} {:<11} {:>4} ({:>4})   {after}   {:.3}",
                format!("{} x {}", l.rows, l.columns),
                l.density(),
                if l.exact { "as they are" } else { "ternarised" },
                l.bound.bits + 1,
                l.observed_bits(),
                l.weight_error
            ));
        }
        for plan in self.plans {
            out.line(format!(
                "proofs     of {} input(s): lookup modes {}, tables of {} entries",
                plan.batch,
                modes(plan),
                tables(plan)
            ));
        }
        let source = if agreement.random {
            "random inputs (give --calibrate for a meaningful comparison)"
        } else {
            "calibration inputs"
        };
        let share = 100.0 * agreement.same_class as f64 / agreement.samples.max(1) as f64;
        out.line(format!(
            "agreement  {} of {} {source} in the same class ({share:.2}%)",
            agreement.same_class, agreement.samples
        ));
        out.line(format!(
            "logits     real = {:.9} * integer; error mean {:.4}, largest {:.4}, bound {:.4} on these inputs",
            self.made.logit_scale, agreement.mean_error, agreement.max_error, agreement.bound
        ));
        if let Some((float, integer)) = self.accuracy {
            let percent = |n: usize| 100.0 * n as f64 / agreement.samples.max(1) as f64;
            out.line(format!("accuracy   float {:.2}%, integer {:.2}%", percent(float), percent(integer)));
        }
        if self.made.layers.iter().any(|l| l.exact && l.column_spread > 1.001) {
            out.line("note       a ternary layer follows rows of different scales, which only its mean stands for: train with one scale for each matrix");
        }
        if !args.ternarize && agreement.random {
            out.line("note       shifts were chosen on random inputs; give --calibrate");
        }
    }

    /// For scripts.
    pub(super) fn document(&self) -> Value {
        let (network, code, agreement) = (&self.made.network, self.code, &self.made.agreement);
        let layer = |l: &crate::model::quantise::LayerReport| {
            json!({
                "name": l.name, "outputs": l.rows, "inputs": l.columns, "nnz": l.non_zeros, "density": l.density(),
                "widest_row": l.widest_row, "exact": l.exact, "weight_error": l.weight_error, "column_spread": l.column_spread,
                "accumulator_min": l.bound.min, "accumulator_max": l.bound.max, "accumulator_bits": l.bound.bits + 1,
                "observed_min": l.observed.0, "observed_max": l.observed.1, "observed_bits": l.observed_bits(),
                "shift": l.requantise.map(|r| r.shift), "clamp": l.requantise.map(|r| [r.clamp.min, r.clamp.max]),
                "saturated": l.saturated,
            })
        };
        let proofs = self.plans.iter().map(|plan| {
            let sizes: Vec<usize> = plan.tables.iter().map(crate::lookup::Table::len).collect();
            json!({ "inputs": plan.batch, "modes": modes(plan), "tables": sizes })
        });
        let share = |n: usize| n as f64 / agreement.samples.max(1) as f64;
        json!({
            "model": network.name, "source": self.model.source, "nnz": network.non_zeros(), "parameters": network.parameters(),
            "input": { "scale": code.scale, "offset": code.offset, "min": code.range.min, "max": code.range.max, "chosen": self.why },
            "layers": self.made.layers.iter().map(layer).collect::<Vec<_>>(),
            "proofs": proofs.collect::<Vec<_>>(),
            "logit_scale": self.made.logit_scale,
            "agreement": {
                "samples": agreement.samples, "random": agreement.random, "same_class": agreement.same_class,
                "top1": share(agreement.same_class), "mean_error": agreement.mean_error, "max_error": agreement.max_error,
                "bound": agreement.bound,
            },
            "accuracy": self.accuracy.map(|(float, integer)| json!({ "float": share(float), "integer": share(integer) })),
        })
    }
}
