//! The statement: a verifying key, inputs (public or hidden), outputs, and a context of the caller's choice.

use super::PROOF_DOMAIN;
use super::errors::InstanceError;
use super::key::VerifyingKey;
use super::plan::Plan;
use crate::commit::generators;
use crate::transcript::Transcript;

/// Longest context, in bytes.
pub const MAX_CONTEXT: usize = 1 << 16;

/// What a proof is about. Everything in it is absorbed before the first challenge, and every count comes from it.
#[derive(Clone, Debug)]
pub struct Instance<'a> {
    key: &'a VerifyingKey,
    plan: Plan,
    inputs: Option<&'a [i32]>,
    logits: &'a [i32],
    context: &'a [u8],
}

impl<'a> Instance<'a> {
    /// The statement "the network of `key` maps `inputs` to `logits`". `inputs` is `None` when they are hidden; both are given
    /// one input after the other. Ranges are checked here.
    ///
    /// # Errors
    /// The first thing that is out of shape or out of range.
    pub fn new(
        key: &'a VerifyingKey,
        inputs: Option<&'a [i32]>,
        logits: &'a [i32],
        context: &'a [u8],
    ) -> Result<Self, InstanceError> {
        let arch = key.architecture();
        let outputs = arch.logits();
        let batch = logits.len() / outputs;
        let plan = Plan::new(arch, batch, inputs.is_none())?;
        if logits.len() != batch * outputs {
            return Err(InstanceError::OutputLength { found: logits.len(), expected: (batch + 1) * outputs });
        }
        if let Some(inputs) = inputs {
            check_inputs(arch, inputs, batch)?;
        }
        let bound = 1i64 << arch.logit_bits;
        if let Some(at) = logits.iter().position(|z| !(-bound..bound).contains(&i64::from(*z))) {
            return Err(InstanceError::OutputRange { input: at / outputs, value: logits[at], bits: arch.logit_bits });
        }
        if context.len() > MAX_CONTEXT {
            return Err(InstanceError::Context { found: context.len(), max: MAX_CONTEXT });
        }
        Ok(Self { key, plan, inputs, logits, context })
    }

    /// The key.
    #[must_use]
    pub const fn key(&self) -> &'a VerifyingKey {
        self.key
    }

    /// The plan that follows from it.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Public inputs.
    #[must_use]
    pub const fn inputs(&self) -> Option<&'a [i32]> {
        self.inputs
    }

    /// Outputs.
    #[must_use]
    pub const fn logits(&self) -> &'a [i32] {
        self.logits
    }

    /// The caller's context.
    #[must_use]
    pub const fn context(&self) -> &'a [u8] {
        self.context
    }

    /// A transcript that has absorbed the whole statement.
    #[must_use]
    pub fn transcript(&self) -> Transcript {
        let mut t = Transcript::new(PROOF_DOMAIN);
        t.absorb("curve", b"BN254 G1");
        t.absorb("generators", generators::LABEL);
        t.absorb("key", self.key.digest());
        t.absorb("ternarity", self.key.ternarity_digest().as_ref().map_or(&[], |d| d.as_slice()));
        t.absorb("modes", &self.plan.modes.iter().map(|m| m.letter()).collect::<Vec<_>>());
        t.absorb("private", &[u8::from(self.plan.private)]);
        t.absorb("B", &(self.plan.batch as i64).to_be_bytes());
        let inputs = self.inputs.unwrap_or_default();
        t.absorb_pieces("input", 4 * inputs.len(), inputs.iter().map(|v| v.to_be_bytes()));
        t.absorb_pieces("logits", 8 * self.logits.len(), self.logits.iter().map(|v| i64::from(*v).to_be_bytes()));
        t.absorb("context", self.context);
        t
    }
}

/// Checks the number and the range of input values.
///
/// # Errors
/// The first thing that is wrong.
pub fn check_inputs(arch: &crate::model::Architecture, inputs: &[i32], batch: usize) -> Result<(), InstanceError> {
    let width = arch.inputs(0);
    if inputs.len() != batch * width {
        return Err(InstanceError::InputLength { found: inputs.len(), expected: batch * width, batch, width });
    }
    if let Some(at) = inputs.iter().position(|v| !arch.input.contains(*v)) {
        let (min, max) = (arch.input.min, arch.input.max);
        return Err(InstanceError::InputRange { input: at / width, position: at % width, value: inputs[at], min, max });
    }
    Ok(())
}
