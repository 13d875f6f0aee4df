//! GKR for layered circuits over `Fr`, with messages in the clear: the baseline that the linear stage is measured against,
//! and a general block for irregular layers.
//!
//! ```text
//! V_out(z) = Σ_{multiply (z,x,y)} V_left(x)·V_right(y) + Σ_{wire (z,x)} V_left(x)        an Add is two wires, a Relay is one
//! e        = Σ_i ρ^i·Ṽ_out(p_i) = Σ_z c_z·V_out(z),   c_z = Σ_i ρ^i·eq(p_i, z)          all claims about V_out at once
//! ```
//!
//! | phase | sumcheck over | claim | ends with |
//! | --- | --- | --- | --- |
//! | 1 | x | `e = Σ_x V_left(x)·A(x)`, `A(x) = Σ_multiply c_z·V_right(y) + Σ_wire c_z` | `v = Ṽ_left(u)`, sent |
//! | 2 | y | `e − v·Ã_wire(u) = Σ_y v·M(y)·V_right(y)`, `M(y) = Σ_multiply c_z·eq(u, x)` | `v' = Ṽ_right(w)`, sent |
//!
//! The two phases and their bookkeeping tables are Libra's (eprint 2019/317): a number of multiplications that is linear in
//! the gates. Two things make it faster than the paper. Addition gates are linear in ONE variable, so a layer without
//! multiplications has no second phase and leaves one claim. And `Ã_wire(u)` is computed by the verifier, so phase 2 is about
//! multiplication gates alone.
//!
//! # Sparsity
//! A vector has a [`Support`]: the positions that may differ from zero. It is a public part of the circuit. A gate with an
//! input outside of its vector's support is dropped (`Add` becomes a relay) when the circuit is built, the layer's output has
//! the support that is left, and so on upwards: what is zero costs nothing anywhere. The prover keeps supports as sorted lists
//! and merges them round by round until they are dense (SpaGKR, eprint 2024/1018). With dense supports the same
//! code is dense Libra. Zeros that the witness happens to have in a right operand are skipped too, but only zeros of the
//! support save whole gates: the wiring is public, so a prover may not leave out what the verifier counts.
//!
//! # What is not hidden, and what the caller does
//! Nothing is hidden: messages are field elements in the clear. The circuit's digest and the outputs are absorbed here; what
//! fixes the inputs (the values, or commitments to them) must be absorbed by the caller BEFORE. The claims about inputs that
//! remain ([`EvalClaim`]) are the caller's to prove. The verifier's work is linear in the gates: wiring is arbitrary.
//!
//! | module | duty |
//! | --- | --- |
//! | [`circuit`] | gates, supports, pruning, evaluation |
//! | [`verify`](mod@verify), `prove` | the protocol, same order |
//! | `rounds` | one sumcheck of a product of two tables, sparse as long as that pays |
//! | [`matvec`] | the same statement `y = W·x` as a circuit and as one sumcheck |

pub mod circuit;
pub mod matvec;
#[cfg(feature = "prover")]
pub mod prove;
pub mod rounds;
pub mod verify;

#[cfg(test)]
#[cfg(feature = "prover")]
mod tests;

pub use circuit::{Circuit, CircuitError, Gate, Support, Vector};
#[cfg(feature = "prover")]
pub use prove::prove;
pub use verify::verify;

use crate::algebra::{Fr, eq};
use crate::protocol::VerifyError;
use crate::transcript::Transcript;

/// What is left to show: the extension of an input vector at a point.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a claim about an input that is not checked proves nothing"]
pub struct EvalClaim {
    /// Which input vector.
    pub input: usize,
    /// One coordinate per index bit, top bit first.
    pub point: Vec<Fr>,
    /// The claimed value.
    pub value: Fr,
}

/// Why a proof is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GkrError {
    /// A message is missing or not canonical.
    #[error(transparent)]
    Message(#[from] VerifyError),
    /// The outputs do not have the circuit's length.
    #[error("there are {found} outputs, expected {expected}")]
    OutputLength {
        /// Outputs given.
        found: usize,
        /// Outputs of the circuit.
        expected: usize,
    },
    /// A layer's sumcheck does not end in what its wiring and the values sent give.
    #[error("layer {layer}: the sumcheck ends in {found}, but the wiring and the values sent give {expected}")]
    Layer {
        /// Which layer, counted from the inputs.
        layer: usize,
        /// What the wiring gives.
        expected: Fr,
        /// What the rounds end in.
        found: Fr,
    },
}

/// A claim `Ṽ(point) = value` about one of a circuit's vectors.
#[derive(Clone, Debug)]
struct Claim {
    point: Vec<Fr>,
    value: Fr,
}

/// `c(i) = Σ_k factor_k·eq(point_k, i)`, as outer products of two tables of square-root size.
struct Weights {
    low_bits: usize,
    parts: Vec<(Vec<Fr>, Vec<Fr>)>,
}

impl Weights {
    fn new<'a>(bits: usize, terms: impl IntoIterator<Item = (&'a [Fr], Fr)>) -> Self {
        let low_bits = bits / 2;
        let split = |(point, factor): (&[Fr], Fr)| {
            let (high, low) = point.split_at(point.len() - low_bits);
            (eq::scaled_table(high, factor), eq::table(low))
        };
        Self { low_bits, parts: terms.into_iter().map(split).collect() }
    }

    /// One multiplication a term. `index` is below `2^bits`.
    #[inline]
    fn at(&self, index: u32) -> Fr {
        let (high, low) = (index as usize >> self.low_bits, index as usize & ((1 << self.low_bits) - 1));
        match self.parts.as_slice() {
            [(h, l)] => h[high] * l[low],
            parts => parts.iter().map(|(h, l)| h[high] * l[low]).sum(),
        }
    }
}

/// The claims of a vector as one: weights, and the value that they claim. More than one costs a challenge.
fn combine(bits: usize, claims: &[Claim], challenge: impl FnOnce() -> Fr) -> (Weights, Fr) {
    let rho = if claims.len() > 1 { challenge() } else { Fr::from(1u64) };
    let powers = std::iter::successors(Some(Fr::from(1u64)), |p| Some(*p * rho));
    let terms: Vec<(&Claim, Fr)> = claims.iter().zip(powers).collect();
    let value = terms.iter().map(|(c, k)| c.value * k).sum();
    (Weights::new(bits, terms.iter().map(|(c, k)| (c.point.as_slice(), *k))), value)
}

/// Binds the circuit and its outputs, and returns the point that the outputs are checked at.
fn begin(transcript: &mut Transcript, circuit: &Circuit, outputs: &[Fr]) -> Vec<Fr> {
    transcript.absorb("circuit", circuit.digest());
    let words = outputs.iter().map(crate::algebra::fr::encode);
    transcript.absorb_pieces("outputs", crate::algebra::fr::WORD * outputs.len(), words);
    (0..circuit.output().bits()).map(|_| transcript.challenge("tau")).collect()
}
