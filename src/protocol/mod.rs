//! The proof of inference, end to end. Prover and verifier have the same headings in the same order.
//!
//! | stage | what happens | module |
//! | --- | --- | --- |
//! | | the statement, absorbed before anything is squeezed | [`instance`], [`plan`], [`key`] |
//! | | what many proofs share | `session` |
//! | 1 | witness rows are committed; α, β | [`prove`](mod@prove), [`verify`](mod@verify) |
//! | 2 | one lookup argument | [`lookup`](crate::lookup) |
//! | 3 | one linear sumcheck of all layers | [`linear`](crate::linear) |
//! | 4, 5 | one opening, one batch of sigma protocols | [`commit`](crate::commit) |
//!
//! [`memory`] says what a proof takes and how a batch is split when that is too much.
//! [`scope`] holds what both sides derive from public challenges, [`ternarity`] the proof that weights are ternary, [`proof`]
//! the proof file, and [`format`](mod@format) specifies all files, the transcript and every equation for other implementations.

pub mod errors;
pub mod format;
pub mod instance;
pub mod key;
pub mod plan;
pub mod proof;
pub mod scope;
#[cfg(feature = "prover")]
pub mod session;
pub mod ternarity;
pub mod verify;

#[cfg(all(test, feature = "prover"))]
mod attacks;
#[cfg(feature = "prover")]
mod checked;
#[cfg(feature = "prover")]
pub mod memory;
#[cfg(feature = "prover")]
pub mod progress;
#[cfg(feature = "prover")]
pub mod prove;
#[cfg(all(test, feature = "prover"))]
pub(crate) mod vectors;
#[cfg(feature = "prover")]
pub mod witness;

#[cfg(feature = "prover")]
pub use checked::Made;
#[cfg(feature = "prover")]
pub use errors::ProveError;
pub use errors::{Check, InstanceError, VerifyError};
pub use instance::Instance;
pub use key::VerifyingKey;
#[cfg(feature = "prover")]
pub use key::{Secret, commit};
pub use plan::{Mode, Plan};
#[cfg(feature = "prover")]
pub use progress::{NoProgress, Progress, Stage, StageTimes};
pub use proof::Proof;
#[cfg(feature = "prover")]
pub use session::{Session, fresh_entropy};
pub use verify::verify;

/// Domain of the proof's transcript.
pub(crate) const PROOF_DOMAIN: &str = "zktern/v1/proof";
/// Domain of the closing transcript.
pub(crate) const CLOSE_DOMAIN: &str = "zktern/v1/close";
/// Domain of the ternarity proof's transcript.
pub(crate) const TERNARITY_DOMAIN: &str = "zktern/v1/ternarity";

/// The closing transcript of proofs with the given end digests: the same for one proof and for many.
pub(crate) fn close_transcript(digests: &[[u8; crate::transcript::DIGEST]]) -> crate::transcript::Transcript {
    let mut transcript = crate::transcript::Transcript::new(CLOSE_DOMAIN);
    transcript.absorb("count", &(digests.len() as i64).to_be_bytes());
    digests.iter().for_each(|d| transcript.absorb("proof", d));
    transcript
}
