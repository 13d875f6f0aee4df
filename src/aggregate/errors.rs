//! Why an aggregate was refused.

use crate::protocol::{InstanceError, VerifyError};
use std::fmt;

/// A part of an aggregate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// A leaf, counted from 0 over leaves.
    Leaf(usize),
    /// A merge, counted from 0 over merges.
    Merge(usize),
    /// The root.
    Decider,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leaf(n) => write!(f, "leaf {n}"),
            Self::Merge(n) => write!(f, "merge {n}"),
            Self::Decider => f.write_str("the decider"),
        }
    }
}

/// Why an aggregate is not accepted, or accumulators cannot be merged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AggregateError {
    /// Something in one of its parts.
    #[error("{part}: {source}")]
    Part {
        /// Which part.
        part: Part,
        /// What is wrong with it.
        source: VerifyError,
    },
    /// Its context is not the expected one.
    #[error(transparent)]
    Context(InstanceError),
    /// A leaf about a model that the verifier does not know.
    #[error("leaf {leaf} is about the model with digest {found}, expected one of the {expected} given keys; add its key")]
    UnknownModel {
        /// Which leaf.
        leaf: usize,
        /// Its model, shortened.
        found: String,
        /// Keys given.
        expected: usize,
    },
    /// Models whose rows have different widths.
    #[error("models with rows of {first} and of {second} entries cannot share an opening; aggregate them apart")]
    RowWidths {
        /// One width.
        first: usize,
        /// Another.
        second: usize,
    },
    /// The same proof counted twice.
    #[error("leaf {second} is leaf {first} once more; every proof counts once")]
    Repeated {
        /// The first.
        first: usize,
        /// The second.
        second: usize,
    },
    /// Entries that are no tree.
    #[error("its entries do not form a tree: {0}")]
    Shape(String),
    /// A deferred proof that does not hold what it says.
    #[error("the secret part does not belong to the public one; make the deferred proof again")]
    Secret,
}
