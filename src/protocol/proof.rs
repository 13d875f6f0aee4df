//! The proof file: the statement's public parts, and the proof's words.
//!
//! ```text
//! key digest (64 bytes) ‖ private (u8) ‖ batch, inputs per item, outputs per item (u32 each) ‖ context (blob)
//!   ‖ inputs (i32 each; none when private) ‖ outputs (i32 each) ‖ proof words (blob)
//! ```
//!
//! Nothing in it is trusted: counts must agree with the verifying key before anything is checked.

use super::errors::{InstanceError, VerifyError};
use super::instance::{Instance, MAX_CONTEXT};
use super::key::{VerifyingKey, hex};
use super::plan::Plan;
use crate::model::codec::{self, FileError, Kind, put_blob, put_i32s};
use crate::transcript::DIGEST;

/// A proof with what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Digest of the key that it was made for.
    pub key_digest: [u8; DIGEST],
    /// Inputs, one after the other; `None` when they are hidden.
    pub inputs: Option<Vec<i32>>,
    /// Outputs, one input's after the other.
    pub logits: Vec<i32>,
    /// Number of inputs.
    pub batch: usize,
    /// The prover's context.
    pub context: Vec<u8>,
    /// 32-byte words.
    pub words: Vec<u8>,
}

impl Proof {
    /// A proof of an instance.
    #[must_use]
    pub fn new(instance: &Instance<'_>, words: Vec<u8>) -> Self {
        Self {
            key_digest: *instance.key().digest(),
            inputs: instance.inputs().map(<[i32]>::to_vec),
            logits: instance.logits().to_vec(),
            batch: instance.plan().batch,
            context: instance.context().to_vec(),
            words,
        }
    }

    /// Checks it against a key and the context that the verifier expects.
    ///
    /// # Errors
    /// Why it is not accepted.
    pub fn verify(&self, key: &VerifyingKey, context: &[u8]) -> Result<(), VerifyError> {
        if self.key_digest != *key.digest() {
            let name = |d: &[u8]| format!("digest {}", hex(&d[..16]));
            let (found, expected) = (name(key.digest()), name(&self.key_digest));
            return Err(InstanceError::OtherModel { found, expected }.into());
        }
        if self.context != context {
            let (found, expected) = (hex(&self.context), hex(context));
            return Err(InstanceError::OtherContext { found, expected }.into());
        }
        let instance = statement(key, self.batch, self.inputs.as_deref(), &self.logits, &self.context)?;
        super::verify(&instance, &self.words)
    }

    /// The length that the payload of a file must have, from its first bytes: what a proof for this key with these counts has.
    /// Nothing is allocated for what the rest may hold.
    ///
    /// # Errors
    /// When it is not the beginning of a proof for this key.
    pub fn payload_length(head: &[u8], key: &VerifyingKey, file: &str) -> Result<u64, FileError> {
        let mut input = codec::Input::new(head, file);
        let digest: [u8; DIGEST] = input.array()?;
        if digest != *key.digest() {
            return Err(input.bad(format!("it is about the model with digest {}", hex(&digest[..16]))));
        }
        let private = input.u8()? == 1;
        let [batch, width, outputs] = [input.u32()? as usize, input.u32()? as usize, input.u32()? as usize];
        let arch = key.architecture();
        let expected = (if private { 0 } else { arch.inputs(0) }, arch.logits());
        if (width, outputs) != expected {
            return Err(input.bad(format!("it has {width} inputs and {outputs} outputs, expected {expected:?}")));
        }
        let plan = Plan::new(arch, batch, private).map_err(|e| input.bad(e.to_string()))?;
        let context = input.u64()?;
        if context > MAX_CONTEXT as u64 {
            return Err(input.bad(format!("its context has {context} bytes, expected at most {MAX_CONTEXT}")));
        }
        let values = 4 * batch as u64 * (width + outputs) as u64;
        Ok((DIGEST + 1 + 12 + 8 + 8) as u64 + context + values + plan.proof_bytes(arch) as u64)
    }

    /// The file's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let values = 4 * (self.inputs.as_ref().map_or(0, Vec::len) + self.logits.len());
        codec::frame_with(Kind::Proof, DIGEST + 1 + 12 + 16 + self.context.len() + values + self.words.len(), |out| {
            out.extend_from_slice(&self.key_digest);
            put_counts(out, self.batch, self.inputs.as_deref(), &self.logits);
            put_blob(out, &self.context);
            put_i32s(out, self.inputs.as_deref().unwrap_or_default());
            put_i32s(out, &self.logits);
            put_blob(out, &self.words);
        })
    }

    /// Reads a file's bytes.
    ///
    /// # Errors
    /// One sentence about what is wrong with the file.
    pub fn from_bytes(bytes: &[u8], file: &str) -> Result<Self, FileError> {
        let mut input = codec::unframe(Kind::Proof, bytes, file)?;
        let key_digest = input.array()?;
        let counts = get_counts(&mut input)?;
        let context = input.blob()?.to_vec();
        let (inputs, logits) = get_values(&mut input, counts)?;
        let words = input.blob()?.to_vec();
        input.end()?;
        Ok(Self { key_digest, inputs, logits, batch: counts.batch, context, words })
    }
}

/// The statement of a file. The file repeats what the key says; one that says anything else is refused, so that nobody is told a
/// wrong count.
pub(crate) fn statement<'a>(
    key: &'a VerifyingKey,
    batch: usize,
    inputs: Option<&'a [i32]>,
    logits: &'a [i32],
    context: &'a [u8],
) -> Result<Instance<'a>, InstanceError> {
    let arch = key.architecture();
    let count = |what, found: usize, width: usize| {
        let expected = batch.saturating_mul(width);
        if found == expected { Ok(()) } else { Err(InstanceError::Count { batch, what, found, expected }) }
    };
    count("outputs", logits.len(), arch.logits())?;
    if let Some(inputs) = inputs {
        count("input values", inputs.len(), arch.inputs(0))?;
    }
    Instance::new(key, inputs, logits, context)
}

/// How many values a file has: `private (u8) ‖ batch, inputs per item, outputs per item (u32 each)`.
#[derive(Clone, Copy)]
pub(crate) struct Counts {
    private: bool,
    pub(crate) batch: usize,
    inputs: usize,
    outputs: usize,
}

pub(crate) fn put_counts(out: &mut Vec<u8>, batch: usize, inputs: Option<&[i32]>, logits: &[i32]) {
    let per_item = |n: usize| (n / batch.max(1)) as u32;
    out.push(u8::from(inputs.is_none()));
    for n in [batch as u32, per_item(inputs.map_or(0, <[i32]>::len)), per_item(logits.len())] {
        out.extend_from_slice(&n.to_le_bytes());
    }
}

pub(crate) fn get_counts(input: &mut codec::Input<'_>) -> Result<Counts, FileError> {
    let private = match input.u8()? {
        0 => false,
        1 => true,
        other => return Err(input.bad(format!("the flag of private input is {other}, expected 0 or 1"))),
    };
    let [batch, width, outputs] = [input.u32()? as usize, input.u32()? as usize, input.u32()? as usize];
    if batch == 0 || private != (width == 0) {
        return Err(input.bad(format!("{batch} inputs of {width} values do not make a statement")));
    }
    let count = |n: usize| batch.checked_mul(n).ok_or_else(|| input.bad("a count is too large"));
    Ok(Counts { private, batch, inputs: count(width)?, outputs: count(outputs)? })
}

/// Inputs (`None` when they are hidden) and outputs.
pub(crate) fn get_values(input: &mut codec::Input<'_>, counts: Counts) -> Result<(Option<Vec<i32>>, Vec<i32>), FileError> {
    let inputs = input.i32s(counts.inputs)?;
    let logits = input.i32s(counts.outputs)?;
    Ok(((!counts.private).then_some(inputs), logits))
}
