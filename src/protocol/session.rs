//! A loaded model: what many proofs share, and what comes before their first commitment.

use super::Proof;
use super::errors::ProveError;
use super::instance::{self, Instance};
use super::key::{Secret, VerifyingKey};
use super::plan::Plan;
use super::progress::{Clock, Progress, StageTimes};
use super::witness::{self, Lookups, Trace};
use crate::algebra::Fr;
use crate::commit::{Generators, Pedersen};
use crate::compute::Compute;
use crate::lookup::layers::Holding;
use crate::model::Network;
use crate::transcript::{Blinds, Transcript, digest};
use zeroize::Zeroizing;

/// A loaded model, key and backend: everything that many proofs share. May be used from several threads.
pub struct Session<C: Compute> {
    pub(super) compute: C,
    pub(super) network: Network,
    pub(super) key: VerifyingKey,
    /// Blinds of the key's rows, in order.
    pub(super) key_blinds: Zeroizing<Vec<Fr>>,
    secret: Secret,
    pub(super) matrices: Vec<C::Matrix>,
    pub(super) generators: Generators,
    pub(super) holding: Holding,
}

/// A statement and its witness.
pub(crate) struct Prepared<'a> {
    pub(crate) instance: &'a Instance<'a>,
    /// That has absorbed the statement.
    pub(crate) transcript: Transcript,
    pub(crate) inputs: &'a [i32],
    pub(crate) trace: Trace,
    pub(crate) lookups: Lookups,
}

/// Attempts before a prover gives up; one fails with probability about 2^-230.
const ATTEMPTS: u8 = 3;

impl<C: Compute> Session<C> {
    /// Loads a model onto a device.
    ///
    /// # Errors
    /// When network, key and secret do not belong together, or the device fails.
    pub fn new(compute: C, network: Network, key: VerifyingKey, secret: Secret) -> Result<Self, ProveError> {
        secret.check(&key)?;
        witness::check_architecture(&network, key.architecture())?;
        let key_blinds = Zeroizing::new(secret.blinds(key.architecture()));
        let matrices = network.layers.iter().map(|l| compute.load(&l.weights)).collect::<Result<_, _>>()?;
        let generators = Generators::new(key.architecture().row_width);
        let _ = Pedersen::get();
        Ok(Self { compute, network, key, key_blinds, secret, matrices, generators, holding: Holding::ALL })
    }

    /// The same with another holding of the lookups' tables: less memory, more time, the same proofs.
    #[must_use]
    pub fn with_holding(self, holding: Holding) -> Self {
        Self { holding, ..self }
    }

    /// The verifying key.
    #[must_use]
    pub const fn key(&self) -> &VerifyingKey {
        &self.key
    }

    /// (tests only) The blinds that the prover believes its key to have.
    #[cfg(test)]
    pub(super) fn key_blinds_mut(&mut self) -> &mut [Fr] {
        &mut self.key_blinds
    }

    /// The network.
    #[must_use]
    pub const fn network(&self) -> &Network {
        &self.network
    }

    /// The backend.
    #[must_use]
    pub const fn compute(&self) -> &C {
        &self.compute
    }

    /// Proves the outputs of a batch of inputs, given one after the other. With `private` the inputs stay hidden.
    ///
    /// `entropy` is 32 bytes from the operating system ([`fresh_entropy`]); it is mixed with the secret and the statement.
    ///
    /// # Errors
    /// When an input is out of shape or range, or the device fails.
    pub fn prove(
        &self,
        inputs: &[i32],
        private: bool,
        context: &[u8],
        entropy: &[u8; 32],
        progress: &dyn Progress,
    ) -> Result<(Proof, StageTimes), ProveError> {
        self.retry(|attempt| {
            let seed = |statement: &Transcript| self.seed("zktern/v1/proof-blinds", statement, inputs, entropy, attempt);
            self.attempt(inputs, private, context, &seed, progress)
        })
    }

    /// Starts again, with the next number, when a challenge hits a key.
    pub(crate) fn retry<T>(&self, prove: impl Fn(u8) -> Result<T, ProveError>) -> Result<T, ProveError> {
        let mut attempt = 0;
        loop {
            match prove(attempt) {
                Err(ProveError::UnluckyChallenge) if attempt + 1 < ATTEMPTS => attempt += 1,
                done => return done,
            }
        }
    }

    /// The seed of a proof's blinds: the operating system's randomness, the key's secret, the witness, the statement, and what
    /// the blinds are for. Should the randomness ever repeat, a proof and a leaf of one statement still have blinds of their own:
    /// the same first messages under two challenges would give the scalars away.
    pub(crate) fn seed(
        &self,
        purpose: &str,
        statement: &Transcript,
        inputs: &[i32],
        entropy: &[u8; 32],
        attempt: u8,
    ) -> [u8; 32] {
        let statement = statement.clone().squeeze("seed");
        let pieces: [&[u8]; 5] = [purpose.as_bytes(), entropy, self.secret.seed(), &statement, &[attempt]];
        // Some values at a time: a batch has many.
        let values = inputs.chunks(1 << 10).map(|v| v.iter().flat_map(|v| v.to_be_bytes()).collect());
        let pieces = pieces.into_iter().map(|p| Zeroizing::new(p.to_vec()));
        let mut seed = [0; 32];
        seed.copy_from_slice(&digest(pieces.chain(values.map(Zeroizing::new)))[..32]);
        seed
    }

    pub(super) fn attempt(
        &self,
        inputs: &[i32],
        private: bool,
        context: &[u8],
        seed: &dyn Fn(&Transcript) -> [u8; 32],
        progress: &dyn Progress,
    ) -> Result<(Proof, StageTimes), ProveError> {
        self.prepared(inputs, private, context, seed, progress, |prepared, blinds, clock| {
            let bytes = self.run(&prepared, blinds, clock, |_| {})?;
            let Prepared { instance, trace, lookups, .. } = prepared;
            drop((trace, lookups));
            Ok(Proof::new(instance, bytes))
        })
    }

    /// Statement and witness of a proof, and then what is to be done with them.
    pub(crate) fn prepared<T>(
        &self,
        inputs: &[i32],
        private: bool,
        context: &[u8],
        seed: &dyn Fn(&Transcript) -> [u8; 32],
        progress: &dyn Progress,
        then: impl FnOnce(Prepared<'_>, &mut Blinds, &mut Clock<'_>) -> Result<T, ProveError>,
    ) -> Result<(T, StageTimes), ProveError> {
        let mut clock = Clock::start(progress);
        let arch = self.key.architecture();
        let batch = inputs.len() / arch.inputs(0);
        instance::check_inputs(arch, inputs, batch.max(1))?;
        let plan = Plan::new(arch, batch, private)?;
        let mut trace = Trace::run(&self.compute, &self.network, &self.matrices, &plan, inputs)?;
        let lookups = Lookups::find(&self.compute, &plan, arch, &trace, inputs)?;
        let logits = trace.take_logits();
        let instance = Instance::new(&self.key, (!private).then_some(inputs), &logits, context)?;
        // Hashed once: the inputs of a large batch are megabytes.
        let transcript = instance.transcript();
        let mut blinds = Blinds::new(seed(&transcript));
        let prepared = Prepared { instance: &instance, transcript, inputs, trace, lookups };
        let made = then(prepared, &mut blinds, &mut clock)?;
        Ok((made, clock.finish()))
    }
}

/// 32 bytes from the operating system.
///
/// # Errors
/// When it has none to give.
pub fn fresh_entropy() -> Result<[u8; 32], ProveError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|e| ProveError::Randomness(e.to_string()))?;
    Ok(bytes)
}
