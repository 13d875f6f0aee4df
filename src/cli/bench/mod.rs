//! `bench`: measurements of this machine, with baselines in the same run.
//!
//! | suite | what |
//! | --- | --- |
//! | `matvec` | one product of a matrix and a vector, as a circuit (GKR) and as one sumcheck, dense, sparse and ternary |
//! | `mlp` | whole proofs of random networks, by stage, with the arithmetic that they cannot do without |
//! | `aggregate` | many inferences: lock-step batches, and proofs that share one opening |
//! | `stages` | every verb of [`Compute`](crate::compute::Compute) on every device |
//!
//! Every row is written to the JSON file as soon as it is measured, so an interrupted run keeps what it finished.

mod aggregate;
mod book;
mod html;
mod matvec;
pub(super) mod memory;
mod mlp;
mod opening;
mod stages;

use super::args::{self, Common};
use super::output::Output;
use super::{Failure, OnDevice, files, on_device};
use crate::compute::Compute;
use book::Book;
use std::path::Path;

/// Names of the suites; `all` runs every other.
pub(super) const SUITES: [&str; 5] = ["matvec", "mlp", "aggregate", "stages", "all"];

/// Most runs of one case.
const MAX_SAMPLES: usize = 1000;

/// One suite on one device.
struct Run<'a, 'b> {
    suite: &'static str,
    args: &'a args::Bench,
    book: &'a mut Book<'b>,
}

impl OnDevice for Run<'_, '_> {
    fn run<C: Compute + Clone>(self, compute: C) -> Result<(), Failure> {
        match self.suite {
            "matvec" => matvec::run(compute, self.args, self.book),
            "mlp" => mlp::run(compute, self.args, self.book),
            "aggregate" => aggregate::run(compute, self.args, self.book),
            _ => stages::run(compute, self.args, self.book),
        }
    }
}

/// Whether there is such a device.
struct Probe;

impl OnDevice for Probe {
    fn run<C: Compute + Clone>(self, _: C) -> Result<(), Failure> {
        Ok(())
    }
}

/// `zktern bench`.
pub(super) fn run(args: &args::Bench, common: &Common, out: &Output) -> Result<(), Failure> {
    let Some(chosen) = SUITES.iter().position(|s| *s == args.suite) else {
        let known = SUITES.join(", ");
        return Err(Failure::usage(format!("bench {}: unknown suite, expected one of {known}", args.suite)));
    };
    if args.samples == 0 || args.samples > MAX_SAMPLES {
        return Err(Failure::usage(format!("--samples {}: expected 1 to {MAX_SAMPLES}", args.samples)));
    }
    let suites = if SUITES[chosen] == "all" { &SUITES[..SUITES.len() - 1] } else { &SUITES[chosen..=chosen] };
    let outputs: Vec<&Path> = args.json_file.iter().chain(&args.html).map(AsRef::as_ref).collect();
    files::distinct(&outputs, &[])?;
    let devices: Vec<Common> = common.device.split(',').map(|d| Common { device: d.to_owned(), ..common.clone() }).collect();
    devices.iter().try_for_each(|device| on_device(device, 0, Probe))?;
    // What cannot be run is refused before anything is.
    for suite in suites {
        match *suite {
            "matvec" => matvec::check(args)?,
            "mlp" => mlp::check(args)?,
            "aggregate" => aggregate::check(args)?,
            _ => stages::check(args)?,
        }
    }
    let mut book = Book::new(args, out);
    for suite in suites {
        for device in &devices {
            on_device(device, 0, Run { suite, args, book: &mut book })?;
        }
    }
    book.close()
}
