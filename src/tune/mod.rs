//! Networks that are cheap to prove: ranges made small, on calibration data, once for a model.
//!
//! A sumcheck prover pays for the non-linear layers by their lookups, and for a lookup argument by the size of its table. Narrow
//! accumulators make tables small; a small table is looked up once an activation, a large one in two parts (see
//! [`Plan`](crate::protocol::Plan)). So the accumulators' ranges decide what a proof costs, and weights are committed: what is
//! done about ranges is done before the commitment, not for every input.
//!
//! | module | duty | source |
//! | --- | --- | --- |
//! | [`caps`] | non-zeros a row, from the reach of a table | A2Q, arXiv 2308.13504; A2Q+, 2401.10432 |
//! | [`equalise`](mod@equalise) | channels of equal size through ReLU | arXiv 1906.04721 |
//! | [`teleport`](mod@teleport) | channels rescaled by gradients for the least rounding error | TeleSparse, arXiv 2504.19274 |
//! | [`prune`] | saliency of entries and of neurons on calibration data | Wanda, arXiv 2306.11695 |
//! | [`moments`] | what calibration has to know about a layer | OBC, arXiv 2208.11580 |
//! | [`compensate`] | rows that make up for their own rounding | OPTQ, arXiv 2210.17323 |
//! | [`calibrate`] | all layers, each on the integers before it | |
//! | [`search`] | the Pareto front, and the choice | |

pub mod calibrate;
pub mod caps;
pub mod compensate;
pub mod equalise;
mod errors;
pub mod moments;
pub mod prune;
pub mod search;
pub mod teleport;

#[cfg(test)]
mod tests;

pub use calibrate::{Calibration, Choice, Tuned};
pub use errors::TuneError;

use crate::compute::Compute;
use crate::model::Network;
use crate::model::float::{self, FloatNetwork};
use crate::model::infer::argmax;
use crate::model::quantise::requantise::{accumulators, activate};

/// Inputs that are worked on at a time.
const BLOCK: usize = 512;

/// The class of every input: the largest logit, of equals the first.
#[must_use]
pub fn classes<C: Compute>(compute: &C, network: &Network, inputs: &[i32]) -> Vec<usize> {
    let Some(first) = network.layers.first() else { return Vec::new() };
    let blocks: Vec<&[i32]> = inputs.chunks(BLOCK * first.weights.columns().max(1)).collect();
    let classes = compute.map(blocks.len(), |n| {
        let mut values = blocks[n].to_vec();
        let mut width = 1;
        for layer in &network.layers {
            let z = accumulators(layer, &values);
            values = layer.requantise.map_or_else(|| z.clone(), |r| activate(&z, r));
            width = layer.weights.rows();
        }
        values.chunks_exact(width.max(1)).map(argmax).collect::<Vec<usize>>()
    });
    classes.concat()
}

/// The class that the float network gives every input: the largest logit, of equals the first.
#[must_use]
pub fn float_classes<C: Compute>(compute: &C, network: &FloatNetwork, inputs: &[f32]) -> Vec<usize> {
    let Some((first, last)) = network.layers.first().zip(network.layers.last()) else { return Vec::new() };
    let blocks: Vec<&[f32]> = inputs.chunks(BLOCK * first.columns.max(1)).collect();
    let of = |n: usize| network.logits(blocks[n]).chunks_exact(last.rows.max(1)).map(float::argmax).collect::<Vec<usize>>();
    compute.map(blocks.len(), of).concat()
}

/// Fraction of the classes that are as expected.
#[must_use]
pub fn accuracy(found: &[usize], expected: &[usize]) -> f64 {
    let same = found.iter().zip(expected).filter(|(a, b)| a == b).count();
    same as f64 / expected.len().max(1) as f64
}
