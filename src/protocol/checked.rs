//! Proofs that their maker verifies before anybody sees them.

use super::errors::ProveError;
use super::progress::{Progress, StageTimes};
use super::{Proof, Session};
use crate::compute::Compute;
use std::time::{Duration, Instant};

/// A proof that its maker has verified, and what that took.
#[derive(Clone, Debug)]
pub struct Made {
    /// The proof.
    pub proof: Proof,
    /// Time of every stage.
    pub times: StageTimes,
    /// Time of the whole proof.
    pub prove: Duration,
    /// Time of its verification.
    pub verify: Duration,
}

impl<C: Compute> Session<C> {
    /// [`Session::prove`], then the verification that anybody would make: nothing leaves that is not accepted. When a device's
    /// results turn out to be wrong it is given up, with a warning, and the CPU proves.
    ///
    /// # Errors
    /// As for [`Session::prove`]; a proof of the CPU that is not valid is a mistake in this program.
    pub fn prove_and_verify(
        &self,
        inputs: &[i32],
        private: bool,
        context: &[u8],
        entropy: &[u8; 32],
        progress: &dyn Progress,
    ) -> Result<Made, ProveError> {
        let attempt = || {
            let start = Instant::now();
            let (proof, times) = self.prove(inputs, private, context, entropy, progress)?;
            let prove = start.elapsed();
            let start = Instant::now();
            proof.verify(self.key(), context).map_err(ProveError::NotValid)?;
            let verify = start.elapsed();
            if proof.logits != self.network().logits(inputs) {
                return Err(ProveError::Internal("the proof is about other outputs than the network's"));
            }
            Ok(Made { proof, times, prove, verify })
        };
        match attempt() {
            Err(e @ (ProveError::NotValid(_) | ProveError::Internal(_))) if self.compute().give_up_device() => {
                tracing::warn!("the device's results are wrong ({e}); proving again on the CPU; run zktern doctor");
                attempt()
            }
            done => done,
        }
    }
}
