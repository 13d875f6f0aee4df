//! Making leaves, merging accumulators, opening the root. Headings and order are those of [`verify`](mod@super::verify).

use super::errors::AggregateError;
use super::file::{Aggregate, Deferred, Entry, Leaf};
use super::verify::common_width;
use super::{MAX_LEAVES, Role, leaf_transcript, merge_transcript};
use crate::algebra::{fr, mle::log2_ceil};
use crate::commit::opening::{self, Opening};
use crate::commit::sigma::{self, Mask};
use crate::commit::{Generators, Hidden, opening::Row};
use crate::compute::Compute;
use crate::protocol::progress::Clock;
use crate::protocol::prove::resume;
use crate::protocol::session::Prepared;
use crate::protocol::{Progress, ProveError, Session, Stage, StageTimes};
use crate::transcript::{Blinds, DIGEST, Transcript, Writer, digest};
use zeroize::Zeroizing;

impl<C: Compute> Session<C> {
    /// Proves the outputs of a batch of inputs, all but the opening. Arguments are those of [`Session::prove`].
    ///
    /// # Errors
    /// As for [`Session::prove`].
    pub fn defer(
        &self,
        inputs: &[i32],
        private: bool,
        context: &[u8],
        entropy: &[u8; 32],
        progress: &dyn Progress,
    ) -> Result<(Deferred, StageTimes), ProveError> {
        self.retry(|attempt| {
            let seed = |statement: &Transcript| self.seed("zktern/v1/leaf-blinds", statement, inputs, entropy, attempt);
            self.defer_once(inputs, private, context, &seed, progress)
        })
    }

    pub(super) fn defer_once(
        &self,
        inputs: &[i32],
        private: bool,
        context: &[u8],
        seed: &dyn Fn(&Transcript) -> [u8; 32],
        progress: &dyn Progress,
    ) -> Result<(Deferred, StageTimes), ProveError> {
        self.prepared(inputs, private, context, seed, progress, |prepared, blinds, clock| {
            self.leaf(prepared, blinds, clock, |_| {})
        })
    }

    /// All stages but the opening. `prepare` sees the closing's channel before it is used.
    pub(super) fn leaf(
        &self,
        prepared: Prepared<'_>,
        blinds: &mut Blinds,
        clock: &mut Clock<'_>,
        prepare: impl FnOnce(&mut Writer<'_>),
    ) -> Result<Deferred, ProveError> {
        let (compute, instance) = (self.compute(), prepared.instance);
        let row_bits = log2_ceil(instance.key().architecture().row_width);
        clock.begin(Stage::Commit);
        let (body, digest, mut words) = self.body(&prepared, blinds, clock, &|_| {})?;
        drop(prepared);
        let mut writer = Writer::new(leaf_transcript(&digest), 2 * row_bits, blinds, compute)?;
        prepare(&mut writer);

        // Stage 4: opening reduction.
        clock.begin(Stage::Opening);
        let bodies = [body];
        let opening =
            resume(compute, &mut writer, &mut Vec::new(), |writer, _| opening::prove(writer, compute, &bodies, row_bits))?;

        // Stage 5: close, but for the opening.
        clock.begin(Stage::Close);
        let [body] = bodies;
        let (products, sent): (Vec<_>, Vec<_>) = (body.products.iter().collect(), body.sent.iter().collect());
        sigma::prove(&mut writer, compute, blinds, &products, &sent, None)?;
        let (digest, _, closing) = writer.finish()?;
        words.extend_from_slice(&closing);
        let leaf = Leaf {
            key: 0,
            batch: instance.plan().batch,
            inputs: instance.inputs().map(<[i32]>::to_vec),
            logits: instance.logits().to_vec(),
            words,
        };
        let keys = vec![*instance.key().digest()];
        let parts = Aggregate { keys, context: instance.context().to_vec(), entries: vec![Entry::Leaf(leaf)] };
        Ok(Deferred { parts, opening, digest })
    }
}

/// Merges deferred proofs into one that is still to be opened. `entropy` is fresh randomness from the operating system.
///
/// # Errors
/// When they do not fit together, or the device fails.
pub fn merge<C: Compute>(compute: &C, parts: Vec<Deferred>, entropy: &[u8; 32]) -> Result<Deferred, MergeError> {
    let seed = seed(Role::Inner, &parts, entropy);
    merge_with(compute, parts, seed)
}

/// The same with the seed of its blinds.
pub(super) fn merge_with<C: Compute>(compute: &C, parts: Vec<Deferred>, seed: [u8; 32]) -> Result<Deferred, MergeError> {
    let Joined { mut parts, openings, digests } = join(parts)?;
    let mut blinds = Blinds::new(seed);
    let row_bits = openings.first().map_or(0, |o| o.point.len());
    let mut writer = Writer::new(merge_transcript(Role::Inner, &digests), 2 * row_bits, &mut blinds, compute)?;
    let opening = reduce(compute, &mut writer, &openings, row_bits)?;
    sigma::prove(&mut writer, compute, &mut blinds, &[], &[], None)?;
    let (digest, _, words) = writer.finish()?;
    parts.entries.push(Entry::Merge { children: openings.len(), words });
    Ok(Deferred { parts, opening, digest })
}

/// Merges deferred proofs and opens what is left: the aggregate. `entropy` is fresh randomness from the operating system.
///
/// # Errors
/// When they do not fit together, or the device fails.
pub fn decide<C: Compute>(compute: &C, parts: Vec<Deferred>, entropy: &[u8; 32]) -> Result<Aggregate, MergeError> {
    let seed = seed(Role::Decider, &parts, entropy);
    decide_with(compute, parts, seed)
}

/// The same with the seed of its blinds.
pub(super) fn decide_with<C: Compute>(compute: &C, parts: Vec<Deferred>, seed: [u8; 32]) -> Result<Aggregate, MergeError> {
    let Joined { mut parts, openings, digests } = join(parts)?;
    let mut blinds = Blinds::new(seed);
    let row_bits = openings.first().map_or(0, |o| o.point.len());
    let generators = Generators::new(1 << row_bits);
    let mask = Mask::draw(compute, &mut blinds, 1 << row_bits);
    let mut writer = Writer::new(merge_transcript(Role::Decider, &digests), 2 * row_bits, &mut blinds, compute)?;
    let delta = mask.commit(compute, generators.rows()).map_err(ProveError::from)?;
    let opening = reduce(compute, &mut writer, &openings, row_bits)?;
    sigma::prove(&mut writer, compute, &mut blinds, &[], &[], Some((&opening, &mask, &delta)))?;
    let (_, _, words) = writer.finish()?;
    parts.entries.push(Entry::Merge { children: openings.len(), words });
    Ok(parts)
}

/// Takes openings to one point.
fn reduce<C: Compute>(
    compute: &C,
    writer: &mut Writer<'_>,
    openings: &[Opening<Hidden, Row>],
    row_bits: usize,
) -> Result<Opening<Hidden, Row>, ProveError> {
    resume(compute, writer, &mut Vec::new(), |writer, _| opening::prove_merge(writer, compute, openings, row_bits))
}

/// Why deferred proofs were not merged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// They do not fit together.
    #[error(transparent)]
    Parts(#[from] AggregateError),
    /// They are bound to different contexts.
    #[error("deferred proof {other} is bound to another context than the first; aggregate proofs of one context at a time")]
    Contexts {
        /// Which, counted from 0.
        other: usize,
    },
    /// The prover failed.
    #[error(transparent)]
    Prove(#[from] ProveError),
}

/// Everything public one after the other, and what is to be merged.
struct Joined {
    parts: Aggregate,
    openings: Vec<Opening<Hidden, Row>>,
    digests: Vec<[u8; DIGEST]>,
}

fn join(parts: Vec<Deferred>) -> Result<Joined, MergeError> {
    common_width(parts.iter().map(Deferred::row_width))?;
    let context = parts.first().map(|p| p.parts.context.clone()).unwrap_or_default();
    let mut all = Aggregate { keys: Vec::new(), context, entries: Vec::new() };
    let (mut openings, mut digests) = (Vec::with_capacity(parts.len()), Vec::with_capacity(parts.len()));
    for (other, Deferred { parts, opening, digest }) in parts.into_iter().enumerate() {
        if parts.context != all.context {
            return Err(MergeError::Contexts { other });
        }
        // Models are listed once.
        let number = |digest: &[u8; DIGEST]| {
            all.keys.iter().position(|k| k == digest).unwrap_or_else(|| {
                all.keys.push(*digest);
                all.keys.len() - 1
            })
        };
        let numbers: Vec<usize> = parts.keys.iter().map(number).collect();
        all.entries.extend(parts.entries.into_iter().map(|entry| match entry {
            Entry::Leaf(leaf) => Entry::Leaf(Leaf { key: numbers[leaf.key], ..leaf }),
            merge @ Entry::Merge { .. } => merge,
        }));
        openings.push(opening);
        digests.push(digest);
    }
    if all.leaves().count() > MAX_LEAVES {
        let found = all.leaves().count();
        return Err(AggregateError::Shape(format!("{found} leaves, expected at most {MAX_LEAVES}")).into());
    }
    Ok(Joined { parts: all, openings, digests })
}

/// The seed of a merge's blinds: the operating system's randomness, what is merged and whether it is opened, and the blinds of its
/// rows, which nobody else knows. A merge and a decider of the same parts never share blinds, whatever the randomness.
fn seed(role: Role, parts: &[Deferred], entropy: &[u8; 32]) -> [u8; 32] {
    let purpose = match role {
        Role::Inner => "zktern/v1/merge-blinds",
        Role::Decider => "zktern/v1/decide-blinds",
    };
    let mut all = Zeroizing::new([purpose.as_bytes(), entropy].concat());
    for Deferred { opening, digest, .. } in parts {
        all.extend_from_slice(digest);
        all.extend_from_slice(&fr::encode(&opening.row.blind));
    }
    let mut seed = [0; 32];
    seed.copy_from_slice(&digest([&*all])[..32]);
    seed
}
