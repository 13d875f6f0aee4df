//! What the prover knows: activations, quotients, and which table entry every lookup hits.

use super::errors::{InstanceError, ProveError};
use super::plan::{Lookup, Mode, Plan, Vector};
use crate::compute::Compute;
use crate::lookup::Table;
use crate::model::architecture::{half, requantise};
use crate::model::{Architecture, Network};

/// The intermediate values of a batch that a proof wants; vectors hold one input after the other, `B × width`.
#[derive(Clone)]
pub struct Trace {
    /// `z` of every layer; the last is the logits.
    pub accumulators: Vec<Vec<i32>>,
    /// `q'` of every hidden layer; empty where no lookup wants it (mode (a)).
    pub quotients: Vec<Vec<i32>>,
    /// `y` of every hidden layer.
    pub activations: Vec<Vec<i32>>,
}

impl std::fmt::Debug for Trace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Trace(secret)")
    }
}

impl Trace {
    /// Runs the network on a device.
    ///
    /// # Errors
    /// When the device fails.
    pub fn run<C: Compute>(
        compute: &C,
        network: &Network,
        matrices: &[C::Matrix],
        plan: &Plan,
        inputs: &[i32],
    ) -> Result<Self, ProveError> {
        let mut trace = Self { accumulators: Vec::new(), quotients: Vec::new(), activations: Vec::new() };
        for (b, (layer, matrix)) in network.layers.iter().zip(matrices).enumerate() {
            let current = trace.activations.last().map_or(inputs, Vec::as_slice);
            let mut z = compute.apply(matrix, current, plan.batch)?;
            for row in z.chunks_exact_mut(layer.bias.len().max(1)) {
                row.iter_mut().zip(&layer.bias).for_each(|(z, b)| *z = z.wrapping_add(*b));
            }
            if let Some(r) = layer.requantise {
                let quotient = |z: &i32| requantise(i64::from(*z), r.shift);
                trace.activations.push(z.iter().map(|z| r.clamp.apply(quotient(z)) as i32).collect());
                let wanted = if plan.modes[b] == Mode::Split { z.as_slice() } else { &[] };
                trace.quotients.push(wanted.iter().map(|z| quotient(z) as i32).collect());
            }
            trace.accumulators.push(z);
        }
        Ok(trace)
    }

    /// Takes the outputs, and lets go of the accumulators: once the lookups are found nothing else wants them.
    #[must_use]
    pub fn take_logits(&mut self) -> Vec<i32> {
        std::mem::take(&mut self.accumulators).pop().unwrap_or_default()
    }

    /// The outputs.
    #[must_use]
    pub fn logits(&self) -> &[i32] {
        self.accumulators.last().map_or(&[], Vec::as_slice)
    }
}

/// The table entries that the lookups hit.
#[derive(Clone)]
pub struct Lookups {
    /// Position of every leaf's entry in the tables laid end to end, padding included.
    pub indices: Vec<u32>,
    /// How often every entry of every table is hit.
    pub multiplicities: Vec<Vec<i32>>,
}

impl std::fmt::Debug for Lookups {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Lookups(secret)")
    }
}

/// Where every table starts when they are laid end to end.
#[must_use]
pub fn table_offsets(tables: &[Table]) -> Vec<u32> {
    let starts = tables.iter().scan(0, |end, t| {
        let start = *end;
        *end += t.len() as u32;
        Some(start)
    });
    starts.collect()
}

/// Neurons that one task of [`Lookups::find`] handles: their values of one input fill a cache line.
const NEURONS: usize = 16;
/// Leaves that [`Lookups::find`] makes before it appends them.
const WINDOW: usize = 1 << 20;
/// Tasks that it runs side by side at least, however large they are.
const TASKS: usize = 8;

impl Lookups {
    /// How many tasks find the leaves of a block of `2^bits`, and how many of them run side by side.
    const fn windows(bits: usize, batch_bits: usize) -> (usize, usize) {
        let leaves = NEURONS << batch_bits;
        let window = WINDOW / leaves;
        ((1usize << bits).div_ceil(leaves), if window < TASKS { TASKS } else { window })
    }

    /// Bytes that finding the leaves of a plan takes beside the leaves.
    #[must_use]
    pub fn window_bytes(plan: &Plan) -> u64 {
        let largest = plan.lookups.first().map_or(0, |b| 1u64 << b.bits);
        4 * largest.min((WINDOW.max(TASKS * (NEURONS << plan.batch_bits))) as u64)
    }

    /// Looks up everything that a trace says.
    ///
    /// # Errors
    /// Never for a trace of the network that the plan was made for: the range analysis covers every accumulator.
    pub fn find<C: Compute>(
        compute: &C,
        plan: &Plan,
        arch: &Architecture,
        trace: &Trace,
        inputs: &[i32],
    ) -> Result<Self, ProveError> {
        let offsets = table_offsets(&plan.tables);
        let zero = |t: usize| plan.tables[t].position(plan.tables[t].zero_pattern()).map(|n| n + offsets[t]);
        let outside = || ProveError::Internal("a value is outside of its lookup table");
        let mut indices = Vec::with_capacity(1 << plan.lookup_bits);
        for (block, t) in plan.lookups() {
            let (table, offset) = (&plan.tables[t], offsets[t]);
            let padding = zero(t).ok_or_else(outside)?;
            let (width, first): (usize, Box<dyn Fn(usize) -> i64 + Send + Sync>) = match block.kind {
                Lookup::Accumulator(b) => {
                    let z = &trace.accumulators[b];
                    (arch.outputs(b), Box::new(move |at| i64::from(z[at])))
                }
                Lookup::Remainder(b) => {
                    let (z, q, shift) = (&trace.accumulators[b], &trace.quotients[b], arch.hidden[b].shift);
                    (arch.outputs(b), Box::new(move |at| i64::from(z[at]) + half(shift) - (i64::from(q[at]) << shift)))
                }
                Lookup::Activation(b) => {
                    let q = &trace.quotients[b];
                    (arch.outputs(b), Box::new(move |at| i64::from(q[at])))
                }
                Lookup::Input => (arch.inputs(0), Box::new(move |at| i64::from(inputs[at]))),
            };
            let (tasks, window) = Self::windows(block.bits, plan.batch_bits);
            let find = |task: usize| {
                let neurons = task * NEURONS..width.min((task + 1) * NEURONS);
                let mut leaves = vec![padding; NEURONS.min(1 << (block.bits - plan.batch_bits)) << plan.batch_bits];
                for beta in 0..plan.batch {
                    for (row, i) in neurons.clone().enumerate() {
                        leaves[row << plan.batch_bits | beta] = table.position(first(beta * width + i))? + offset;
                    }
                }
                Some(leaves)
            };
            for start in (0..tasks).step_by(window) {
                let found = compute.map(window.min(tasks - start), |n| find(start + n));
                for leaves in found {
                    indices.extend(leaves.ok_or_else(outside)?);
                }
            }
        }
        let padding = zero(plan.padding_table()).ok_or_else(outside)?;
        indices.resize(1 << plan.lookup_bits, padding);
        Ok(Self { multiplicities: count(plan, &offsets, &indices), indices })
    }
}

fn count(plan: &Plan, offsets: &[u32], indices: &[u32]) -> Vec<Vec<i32>> {
    let total: usize = plan.tables.iter().map(Table::len).sum();
    let mut counts = vec![0i32; total];
    indices.iter().for_each(|i| counts[*i as usize] += 1);
    plan.tables.iter().zip(offsets).map(|(t, start)| counts[*start as usize..][..t.len()].to_vec()).collect()
}

/// The integers of every witness vector, in sending order.
#[must_use]
pub fn values<'a>(
    plan: &Plan,
    arch: &Architecture,
    inputs: &'a [i32],
    trace: &'a Trace,
    lookups: &'a Lookups,
) -> Vec<(Vector, &'a [i32])> {
    let mut seen = vec![0; Vector::count(arch.layers(), plan.tables.len())];
    let mut out = Vec::new();
    for (vector, width) in plan.witness_vectors(arch) {
        let beta = &mut seen[vector.index(arch.layers())];
        let all: &[i32] = match vector {
            Vector::Input => inputs,
            Vector::Activation(b) => &trace.activations[b],
            Vector::Quotient(b) => &trace.quotients[b],
            Vector::Multiplicity(t) => &lookups.multiplicities[t],
            Vector::Weights(_) | Vector::Bias(_) => &[],
        };
        out.push((vector, &all[*beta * width..][..width]));
        *beta += 1;
    }
    out
}

/// Checks that a network is the one that a public description is about.
///
/// # Errors
/// What differs.
pub fn check_architecture(network: &Network, arch: &Architecture) -> Result<(), InstanceError> {
    let own = Architecture::of(network, arch.row_width);
    if own.as_ref().is_ok_and(|own| own == arch) {
        return Ok(());
    }
    let shape = |widths: &[usize]| widths.iter().map(usize::to_string).collect::<Vec<_>>().join("-");
    let (found, expected) = (shape(&arch.widths), network.shape());
    let hint = if found == expected { " with other shifts, clamps or bounds" } else { "" };
    Err(InstanceError::OtherModel { found: format!("{found}{hint}"), expected })
}
