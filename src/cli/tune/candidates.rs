//! Networks that are tried: how right they are, and what their proofs cost, estimated and measured.

use super::super::estimate::{self, Units, Work};
use super::super::{Failure, args, output::Bar};
use super::data::{Data, Judged};
use crate::compute::Compute;
use crate::lookup::{Table, layers::Holding};
use crate::model::float::{FloatNetwork, InputCode};
use crate::model::quantise::{Bias, LayerSettings, Rule, Samples, Selection, Settings, Weights, quantise};
use crate::model::{Architecture, Network};
use crate::protocol::memory::Memory;
use crate::protocol::{NoProgress, Plan, Session, Stage, key};
use crate::tune::compensate::Row;
use crate::tune::search::Point;
use crate::tune::teleport::{Energies, teleport};
use crate::tune::{Calibration, Choice, accuracy, classes, equalise::equalise};
use std::time::Duration;

/// What proofs were measured to take, medians.
#[derive(Clone, Copy)]
pub(super) struct Measured {
    /// Commitments and lookups.
    pub(super) commit_and_lookup: Duration,
    /// The whole proof.
    pub(super) prove: Duration,
}

/// A network that was tried.
pub(super) struct Candidate {
    /// `None`: the float network as `zktern import` rounds it, in the file's input code.
    pub(super) choice: Option<Choice>,
    pub(super) network: Network,
    pub(super) plan: Plan,
    /// Estimated time of a proof on one core, in seconds.
    pub(super) cost: f64,
    /// Estimated memory of a proof, in bytes.
    pub(super) memory: f64,
    /// On the inputs that networks are compared with.
    pub(super) accuracy: f64,
    pub(super) evaluated: Option<f64>,
    pub(super) measured: Option<Measured>,
}

impl Candidate {
    pub(super) fn point(&self) -> Point {
        Point { cost: self.cost, accuracy: self.accuracy }
    }

    /// Entries of the largest table.
    pub(super) fn largest_table(&self) -> usize {
        self.plan.tables.iter().map(Table::len).max().unwrap_or(0)
    }

    fn inputs<'a>(&self, judged: &'a Judged) -> &'a [i32] {
        if self.choice.is_some() { &judged.coded } else { &judged.raw }
    }

    /// Finds out how right the network is on inputs that decide nothing.
    pub(super) fn evaluate<C: Compute>(&mut self, compute: &C, judged: &Judged) {
        self.evaluated = Some(accuracy(&classes(compute, &self.network, self.inputs(judged)), &judged.expected));
    }
}

/// Makes and judges candidates.
pub(super) struct Trials<'a, C> {
    pub(super) compute: &'a C,
    pub(super) float: &'a FloatNetwork,
    pub(super) data: &'a Data,
    pub(super) units: Units,
    /// Inputs in one proof.
    pub(super) batch: usize,
}

impl<C: Compute + Clone> Trials<'_, C> {
    fn candidate(&self, network: Network, choice: Option<Choice>) -> Result<Candidate, Failure> {
        let arch = Architecture::of(&network, key::best_row_width(&network, key::Profile::Balanced))?;
        let plan = Plan::new(&arch, self.batch, false)?;
        let work = Work::new(&plan, arch.row_width, network.non_zeros(), estimate::committed(&plan, &arch));
        let memory = Memory {
            arch: &arch,
            non_zeros: network.non_zeros(),
            private: false,
            threads: rayon::current_num_threads(),
            file: 0,
        };
        let (cost, memory) = (work.seconds(&self.units), memory.bytes(self.batch, self.batch, Holding::ALL)? as f64);
        let new = Candidate { choice, network, plan, cost, memory, accuracy: 0.0, evaluated: None, measured: None };
        let held = &self.data.held;
        let accuracy = accuracy(&classes(self.compute, &new.network, new.inputs(held)), &held.expected);
        Ok(Candidate { accuracy, ..new })
    }

    /// The network as it is imported without tuning.
    pub(super) fn untuned(&self) -> Result<Candidate, Failure> {
        let few = few(&self.data.raw_fit, self.float);
        let network = rounded(self.float, &few, self.data.raw, Rule::Twn, args::ACTIVATION_BITS)?;
        self.candidate(network, None)
    }

    /// A tuned network; `first` are rows of the first layer from a choice that differs in activation bits only.
    pub(super) fn tuned(&self, calibration: &Calibration, choice: &Choice, first: &[Row]) -> Result<Candidate, Failure> {
        let network = calibration.tune(self.compute, choice, first)?.network;
        self.candidate(network, Some(*choice))
    }

    /// How right networks are that are made by rounding every weight for itself, with a choice's activation bits but any number
    /// of non-zeros: what caps alone would leave is of no use.
    pub(super) fn steps(&self, choice: &Choice) -> Result<Vec<(&'static str, f64)>, Failure> {
        let few = few(&self.data.fit, self.float);
        let equalised = equalise(self.float);
        let moved = teleport(&equalised, &Energies::measure(&equalised, &few.reals));
        let steps = [
            ("one scale a matrix", self.float, Rule::Absmean),
            ("equalised, one scale a matrix", &equalised, Rule::Absmean),
            ("equalised and teleported, one scale a matrix", &moved, Rule::Absmean),
            ("one scale a row", self.float, Rule::Twn),
        ];
        let held = &self.data.held;
        let made = self.compute.map(steps.len(), |n| {
            let (name, float, rule) = &steps[n];
            let network = rounded(float, &few, self.data.code, *rule, choice.activation_bits)?;
            Ok((*name, accuracy(&classes(self.compute, &network, &held.coded), &held.expected)))
        });
        made.into_iter().collect()
    }

    /// Proves with every given candidate, `runs` times in turns, so that what else the machine does falls on all.
    pub(super) fn prove(&self, candidates: &mut [&mut Candidate], runs: usize, bar: &Bar) -> Result<(), Failure> {
        let mut sessions = Vec::with_capacity(candidates.len());
        for candidate in candidates.iter() {
            let width = key::best_row_width(&candidate.network, key::Profile::Balanced);
            let arch = Architecture::of(&candidate.network, width)?;
            // Fixed seeds in place of randomness: nothing of these proofs leaves this command.
            let (key, secret) = key::commit(self.compute, &candidate.network, &arch, [1; 32], |_| ())?;
            let session = Session::new(self.compute.clone(), candidate.network.clone(), key, secret)?;
            let values = candidate.inputs(&self.data.held);
            let inputs: Vec<i32> = values.iter().copied().cycle().take(arch.inputs(0) * self.batch).collect();
            sessions.push((session, inputs, Vec::new()));
        }
        for run in 0..runs {
            for (n, (session, inputs, times)) in sessions.iter_mut().enumerate() {
                let made = session.prove_and_verify(inputs, false, b"", &[2; 32], &NoProgress)?;
                times.push((made.times.get(Stage::Commit) + made.times.get(Stage::Lookup), made.prove));
                bar.step(run * candidates.len() + n + 1);
            }
        }
        for (candidate, (_, _, times)) in candidates.iter_mut().zip(sessions) {
            let median = |part: fn(&(Duration, Duration)) -> Duration| {
                let mut all: Vec<Duration> = times.iter().map(part).collect();
                all.sort_unstable();
                all.get(all.len() / 2).copied().unwrap_or_default()
            };
            candidate.measured = Some(Measured { commit_and_lookup: median(|t| t.0), prove: median(|t| t.1) });
        }
        Ok(())
    }
}

/// Inputs that are enough for means, shifts and energies.
const FEW: usize = 1000;

fn few(samples: &Samples, float: &FloatNetwork) -> Samples {
    let most = FEW * float.layers.first().map_or(1, |l| l.columns);
    let mut out = samples.clone();
    out.reals.truncate(most);
    out.integers.truncate(most);
    out
}

/// A network by rounding every weight for itself.
fn rounded(
    float: &FloatNetwork,
    samples: &Samples,
    input: InputCode,
    rule: Rule,
    activation_bits: u32,
) -> Result<Network, Failure> {
    let selection = Selection { rule, row_cap: None, density: None };
    let each = LayerSettings { selection, bias: Bias::Corrected, activation_bits };
    let settings = Settings { input, weights: Weights::Ternarise, layers: vec![each; float.layers.len()] };
    Ok(quantise(float, &settings, samples)?.network)
}
