//! The files of aggregates.
//!
//! ```text
//! aggregate: number of keys (u32) ‖ their digests (64 bytes each) ‖ context (blob) ‖ number of entries (u32) ‖ entries
//! leaf:      0 (u8) ‖ key number (u32) ‖ private (u8) ‖ batch, inputs per item, outputs per item (u32 each)
//!              ‖ inputs (i32 each; none when private) ‖ outputs (i32 each) ‖ words (blob)
//! merge:     1 (u8) ‖ k (u32) ‖ words (blob)
//! deferred:  the same, without a decider ‖ log2 M (u8) ‖ w* (M scalars) ‖ its blind ‖ e ‖ its blind ‖ t (log2 M scalars)
//!              ‖ end digest (64 bytes)
//! ```
//!
//! Entries are in postfix order: a leaf adds an accumulator, a merge takes the last `k` (oldest first) and leaves one. The last
//! entry of an aggregate is its decider. Nothing in it is trusted: every length must be the one that key and statement imply.

use super::errors::AggregateError;
use super::{MAX_DEPTH, MAX_ENTRIES, MAX_LEAVES};
use crate::model::codec::{self, FileError, Input, Kind, put_blob, put_i32s};
use crate::protocol::instance::MAX_CONTEXT;
use crate::protocol::{Instance, InstanceError, VerifyingKey, proof};
use crate::transcript::DIGEST;
use std::collections::BTreeSet;

/// A proof without its opening, with what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Which of the aggregate's models.
    pub key: usize,
    /// Number of inputs.
    pub batch: usize,
    /// Inputs, one after the other; `None` when they are hidden.
    pub inputs: Option<Vec<i32>>,
    /// Outputs, one input's after the other.
    pub logits: Vec<i32>,
    /// 32-byte words.
    pub words: Vec<u8>,
}

impl Leaf {
    /// Its statement.
    ///
    /// # Errors
    /// When its counts or values do not fit the key.
    pub fn instance<'a>(&'a self, key: &'a VerifyingKey, context: &'a [u8]) -> Result<Instance<'a>, InstanceError> {
        proof::statement(key, self.batch, self.inputs.as_deref(), &self.logits, context)
    }
}

/// A leaf or a merge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Adds an accumulator.
    Leaf(Leaf),
    /// Takes the last `children` accumulators and leaves one.
    Merge {
        /// How many.
        children: usize,
        /// 32-byte words.
        words: Vec<u8>,
    },
}

/// Many proofs with one opening.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aggregate {
    /// Digests of the keys of its models, each once, in the order of their first use.
    pub keys: Vec<[u8; DIGEST]>,
    /// The context of all leaves.
    pub context: Vec<u8>,
    /// Leaves and merges in postfix order.
    pub entries: Vec<Entry>,
}

impl Aggregate {
    /// The leaves, in order.
    pub fn leaves(&self) -> impl Iterator<Item = &Leaf> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Leaf(leaf) => Some(leaf),
            Entry::Merge { .. } => None,
        })
    }

    /// Inputs of all leaves.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.leaves().map(|leaf| leaf.batch).sum()
    }

    /// Bytes of all words: what is not public values or counts.
    #[must_use]
    pub fn word_bytes(&self) -> usize {
        let words = |entry: &Entry| match entry {
            Entry::Leaf(Leaf { words, .. }) | Entry::Merge { words, .. } => words.len(),
        };
        self.entries.iter().map(words).sum()
    }

    /// Checks that the entries make a tree of at most [`MAX_LEAVES`] leaves of exactly the listed models, and returns the number
    /// of accumulators that they leave.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check_tree(&self) -> Result<usize, AggregateError> {
        let wrong = |what: String| Err(AggregateError::Shape(what));
        let leaves = self.leaves().count();
        if leaves == 0 || leaves > MAX_LEAVES || self.entries.len() > MAX_ENTRIES {
            let found = self.entries.len();
            return wrong(format!(
                "{leaves} leaves in {found} entries, expected 1 to {MAX_LEAVES} leaves and at most {MAX_ENTRIES} entries"
            ));
        }
        // How deep the tree below every accumulator is.
        let mut open: Vec<usize> = Vec::new();
        let mut used = 0;
        for (n, entry) in self.entries.iter().enumerate() {
            match entry {
                Entry::Leaf(leaf) if leaf.key >= self.keys.len() => {
                    return wrong(format!("entry {n} is about model {}, but {} are listed", leaf.key, self.keys.len()));
                }
                Entry::Leaf(leaf) if leaf.key > used => {
                    return wrong(format!(
                        "entry {n} is about model {}, expected at most {used}: the order of first use",
                        leaf.key
                    ));
                }
                Entry::Leaf(leaf) => {
                    open.push(0);
                    used = used.max(leaf.key + 1);
                }
                Entry::Merge { children, .. } if *children == 0 || *children > open.len() => {
                    return wrong(format!("entry {n} merges {children} accumulators where {} are left", open.len()));
                }
                Entry::Merge { children, .. } => {
                    let below = open.split_off(open.len() - children);
                    let depth = 1 + below.into_iter().max().unwrap_or_default();
                    if depth > MAX_DEPTH {
                        return wrong(format!(
                            "entry {n} is {depth} merges deep, expected at most {MAX_DEPTH}; merge more at once"
                        ));
                    }
                    open.push(depth);
                }
            }
        }
        // No transcript covers the list, only the leaves' own digests: one list, and no other, says what they say.
        let distinct = self.keys.iter().collect::<BTreeSet<_>>().len();
        if (used, distinct) != (self.keys.len(), self.keys.len()) {
            let listed = self.keys.len();
            return wrong(format!("{listed} models are listed, {distinct} of them different, and {used} used"));
        }
        Ok(open.len())
    }

    fn put(&self, out: &mut Vec<u8>) {
        put_u32(out, self.keys.len());
        self.keys.iter().for_each(|digest| out.extend_from_slice(digest));
        put_blob(out, &self.context);
        put_u32(out, self.entries.len());
        for entry in &self.entries {
            match entry {
                Entry::Leaf(leaf) => {
                    out.push(0);
                    put_u32(out, leaf.key);
                    proof::put_counts(out, leaf.batch, leaf.inputs.as_deref(), &leaf.logits);
                    put_i32s(out, leaf.inputs.as_deref().unwrap_or_default());
                    put_i32s(out, &leaf.logits);
                    put_blob(out, &leaf.words);
                }
                Entry::Merge { children, words } => {
                    out.push(1);
                    put_u32(out, *children);
                    put_blob(out, words);
                }
            }
        }
    }

    fn get(input: &mut Input<'_>) -> Result<Self, FileError> {
        let count = input.u32()? as usize;
        if count == 0 || count > MAX_LEAVES {
            return Err(input.bad(format!("it lists {count} models, expected 1 to {MAX_LEAVES}")));
        }
        let keys = (0..count).map(|_| input.array()).collect::<Result<_, _>>()?;
        let context = input.blob()?;
        if context.len() > MAX_CONTEXT {
            return Err(input.bad(format!("its context has {} bytes, expected at most {MAX_CONTEXT}", context.len())));
        }
        let context = context.to_vec();
        let count = input.u32()? as usize;
        if count == 0 || count > MAX_ENTRIES {
            return Err(input.bad(format!("it has {count} entries, expected 1 to {MAX_ENTRIES}")));
        }
        let mut entries = Vec::new();
        for n in 0..count {
            entries.push(match input.u8()? {
                0 => {
                    let key = input.u32()? as usize;
                    let counts = proof::get_counts(input)?;
                    let (inputs, logits) = proof::get_values(input, counts)?;
                    Entry::Leaf(Leaf { key, batch: counts.batch, inputs, logits, words: input.blob()?.to_vec() })
                }
                1 => Entry::Merge { children: input.u32()? as usize, words: input.blob()?.to_vec() },
                other => return Err(input.bad(format!("entry {n} has the tag {other}, expected 0 (leaf) or 1 (merge)"))),
            });
        }
        let out = Self { keys, context, entries };
        out.check_tree().map_err(|e| input.bad(e.to_string()))?;
        Ok(out)
    }

    /// The file's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.put(&mut out);
        codec::frame(Kind::Aggregate, &out)
    }

    /// Reads a file's bytes; `file` is a name for messages.
    ///
    /// # Errors
    /// One sentence about what is wrong with the file.
    pub fn from_bytes(bytes: &[u8], file: &str) -> Result<Self, FileError> {
        let mut input = codec::unframe(Kind::Aggregate, bytes, file)?;
        let out = Self::get(&mut input)?;
        input.end()?;
        Ok(out)
    }
}

fn put_u32(out: &mut Vec<u8>, n: usize) {
    out.extend_from_slice(&(n as u32).to_le_bytes());
}

#[cfg(feature = "prover")]
pub use deferred::Deferred;

#[cfg(feature = "prover")]
mod deferred {
    use super::{Aggregate, DIGEST, FileError, Input, Kind, codec};
    use crate::algebra::{Fr, fr, mle::log2_ceil};
    use crate::commit::Hidden;
    use crate::commit::opening::{Opening, Row};
    use crate::model::architecture::MAX_ROW_WIDTH;
    use zeroize::Zeroizing;

    /// Proofs whose opening is still to be made: what is public, and the secret that opens it.
    #[derive(Clone, Debug)]
    #[must_use = "a deferred proof proves nothing until it is aggregated"]
    pub struct Deferred {
        /// Leaves and merges, no decider; one accumulator is left.
        pub parts: Aggregate,
        /// The row that is still to be opened, with its point and value.
        pub(in crate::aggregate) opening: Opening<Hidden, Row>,
        /// The end digest of the last entry.
        pub(in crate::aggregate) digest: [u8; DIGEST],
    }

    impl Deferred {
        /// `M`.
        #[must_use]
        pub const fn row_width(&self) -> usize {
            self.opening.row.values.len()
        }

        /// The file's bytes: SECRET.
        #[must_use]
        pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
            let Opening { value, point, row } = &self.opening;
            let mut public = Vec::new();
            self.parts.put(&mut public);
            let scalars = row.values.iter().chain([&row.blind, &value.value, &value.blind]).chain(point);
            // Room for all of it at once: a buffer that grows would leave secrets behind.
            let length = public.len() + 1 + 32 * (row.values.len() + 3 + point.len()) + DIGEST;
            let mut out = Zeroizing::new(Vec::with_capacity(length));
            out.extend_from_slice(&public);
            out.push(log2_ceil(row.values.len()) as u8);
            scalars.for_each(|s| out.extend_from_slice(&fr::encode(s)));
            out.extend_from_slice(&self.digest);
            Zeroizing::new(codec::frame(Kind::Deferred, &out))
        }

        /// Reads a file's bytes; `file` is a name for messages.
        ///
        /// # Errors
        /// One sentence about what is wrong with the file.
        pub fn from_bytes(bytes: &[u8], file: &str) -> Result<Self, FileError> {
            let mut input = codec::unframe(Kind::Deferred, bytes, file)?;
            let parts = Aggregate::get(&mut input)?;
            let left = parts.check_tree().map_err(|e| input.bad(e.to_string()))?;
            if left != 1 {
                return Err(input.bad(format!("its entries leave {left} accumulators, expected 1")));
            }
            let row_bits = usize::from(input.u8()?);
            if row_bits > log2_ceil(MAX_ROW_WIDTH) {
                return Err(input.bad(format!("its row has 2^{row_bits} entries, expected at most {MAX_ROW_WIDTH}")));
            }
            let values = scalars(&mut input, 1 << row_bits)?;
            let [blind, e, e_blind] = [scalar(&mut input)?, scalar(&mut input)?, scalar(&mut input)?];
            let point = scalars(&mut input, row_bits)?;
            let digest = input.array()?;
            input.end()?;
            let opening = Opening { value: Hidden { value: e, blind: e_blind }, point, row: Row { values, blind } };
            Ok(Self { parts, opening, digest })
        }
    }

    fn scalar(input: &mut Input<'_>) -> Result<Fr, FileError> {
        let word = input.array()?;
        fr::decode(&word).ok_or_else(|| input.bad("a scalar is not canonical"))
    }

    fn scalars(input: &mut Input<'_>, n: usize) -> Result<Vec<Fr>, FileError> {
        (0..n).map(|_| scalar(input)).collect()
    }
}
