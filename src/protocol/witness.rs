//! What the prover knows: activations, quotients, and which table entry every lookup hits.

use super::errors::{InstanceError, ProveError};
use super::plan::{Lookup, Plan};
use crate::compute::Compute;
use crate::lookup::Table;
use crate::model::architecture::{half, requantise};
use crate::model::{Architecture, Network};

/// All intermediate values of a batch; vectors hold one input after the other, `B × width`.
#[derive(Clone)]
pub struct Trace {
    /// `z` of every layer; the last is the logits.
    pub accumulators: Vec<Vec<i32>>,
    /// `q'` of every hidden layer.
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
        inputs: &[i32],
        batch: usize,
    ) -> Result<Self, ProveError> {
        let mut trace = Self { accumulators: Vec::new(), quotients: Vec::new(), activations: Vec::new() };
        for (layer, matrix) in network.layers.iter().zip(matrices) {
            let current = trace.activations.last().map_or(inputs, Vec::as_slice);
            let mut z = compute.apply(matrix, current, batch)?;
            for row in z.chunks_exact_mut(layer.bias.len().max(1)) {
                row.iter_mut().zip(&layer.bias).for_each(|(z, b)| *z = z.wrapping_add(*b));
            }
            if let Some(r) = layer.requantise {
                let q: Vec<i32> = z.iter().map(|z| requantise(i64::from(*z), r.shift) as i32).collect();
                trace.activations.push(q.iter().map(|q| r.clamp.apply(i64::from(*q)) as i32).collect());
                trace.quotients.push(q);
            }
            trace.accumulators.push(z);
        }
        Ok(trace)
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

/// Rows of neurons that one task of [`Lookups::find`] handles.
const NEURONS: usize = 256;

impl Lookups {
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
            let neurons = 1usize << (block.bits - plan.batch_bits);
            let pieces = compute.map(neurons.div_ceil(NEURONS), |piece| {
                let rows = piece * NEURONS..neurons.min((piece + 1) * NEURONS);
                let leaf = |i: usize, beta: usize| {
                    if i < width && beta < plan.batch {
                        table.position(first(beta * width + i)).map(|n| n + offset)
                    } else {
                        Some(padding)
                    }
                };
                rows.flat_map(|i| (0..1 << plan.batch_bits).map(move |beta| leaf(i, beta))).collect::<Option<Vec<u32>>>()
            });
            for piece in pieces {
                indices.extend(piece.ok_or_else(outside)?);
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
