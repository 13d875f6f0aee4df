//! Why a proof was refused, or could not be made.

use std::fmt;

/// The checks of a verification, by what they tie together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Check {
    /// `S·q_root = p_root`: the lookups' sum is the table's.
    LookupSum,
    /// `A = q1·(q0 + λ·p0)` in a level of the fraction tree.
    FractionFirst,
    /// `e − A = q0·λ·p1` in a level of the fraction tree.
    FractionSecond,
    /// `(q0 + λ)(q1 + λ) = e + λ²` at the leaves.
    FractionLeaf,
    /// `ŵ·x̂ = e`: the end of the linear sumcheck.
    Linear,
    /// `w·w = w2` in the ternarity proof.
    TernaritySquare,
    /// `w2·w = e + w` in the ternarity proof.
    TernarityCube,
    /// The opened row is the combination of committed rows.
    OpeningRow,
    /// The opened row has the claimed value.
    OpeningValue,
    /// Knowledge of every committed scalar.
    Knowledge,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LookupSum => "lookup sum (an activation is not in its table, or a multiplicity is wrong)",
            Self::FractionFirst | Self::FractionSecond => "fraction tree (a round message is wrong)",
            Self::FractionLeaf => "fraction tree's leaves",
            Self::Linear => "linear sumcheck (an output does not follow from weights and inputs)",
            Self::TernaritySquare | Self::TernarityCube => "ternarity (a weight is not -1, 0 or 1)",
            Self::OpeningRow => "opening: row",
            Self::OpeningValue => "opening: value (a claim does not agree with what was committed)",
            Self::Knowledge => "knowledge of the committed scalars",
        })
    }
}

/// Why a proof is not accepted. None of these can be caused by the machine; all mean "do not believe it".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The statement itself is unusable.
    #[error(transparent)]
    Instance(#[from] InstanceError),
    /// The proof ends too early.
    #[error("the proof ends at byte {position}, where `{label}` was expected")]
    TooShort {
        /// The message that is missing.
        label: &'static str,
        /// Where it would start.
        position: usize,
    },
    /// The proof goes on after its last message.
    #[error("the proof has {extra} bytes after its last message, expected none")]
    TrailingBytes {
        /// How many.
        extra: usize,
    },
    /// Not the encoding of a point.
    #[error("`{label}` at byte {position} is not a canonical point of the curve")]
    InvalidPoint {
        /// The message.
        label: &'static str,
        /// Where it starts.
        position: usize,
    },
    /// Not the encoding of a scalar.
    #[error("`{label}` at byte {position} is not a canonical scalar")]
    InvalidScalar {
        /// The message.
        label: &'static str,
        /// Where it starts.
        position: usize,
    },
    /// A challenge hit a table's key: probability about 2^-230 for an honest proof; ask for another proof.
    #[error("a challenge hits a key of a lookup table; ask for a new proof")]
    UnluckyChallenge,
    /// An equation does not hold.
    #[error("the check of the {0} fails")]
    CheckFailed(Check),
}

/// An unusable statement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InstanceError {
    /// No inputs, or too many.
    #[error("a proof is about {found} inputs, expected 1 to {max}")]
    Batch {
        /// Inputs found.
        found: usize,
        /// Largest batch.
        max: usize,
    },
    /// The number of input values is wrong.
    #[error("there are {found} input values, expected {expected} ({batch} inputs of {width})")]
    InputLength {
        /// Values found.
        found: usize,
        /// Values expected.
        expected: usize,
        /// Number of inputs.
        batch: usize,
        /// Values an input has.
        width: usize,
    },
    /// An input value out of range.
    #[error("input {input} has the value {value} at position {position}, expected {min} to {max}")]
    InputRange {
        /// Which input.
        input: usize,
        /// Which of its values.
        position: usize,
        /// What was found.
        value: i32,
        /// Smallest allowed.
        min: i32,
        /// Largest allowed.
        max: i32,
    },
    /// The number of output values is wrong.
    #[error("there are {found} output values, expected {expected}")]
    OutputLength {
        /// Values found.
        found: usize,
        /// Values expected.
        expected: usize,
    },
    /// An output beyond what the network can produce.
    #[error("output {value} of input {input} is beyond the network's bound of {bits} bits")]
    OutputRange {
        /// Which input.
        input: usize,
        /// The output.
        value: i32,
        /// The bound.
        bits: u32,
    },
    /// More lookups than one proof can hold.
    #[error("{lookups} lookups do not fit one proof, expected at most {max}; use a smaller batch")]
    TooLarge {
        /// Lookups wanted.
        lookups: u64,
        /// Lookups possible.
        max: u64,
    },
    /// Lookup tables that are too large together.
    #[error("the lookup tables have {entries} entries in all, expected at most {max}; use a smaller batch or other shifts")]
    Tables {
        /// Entries wanted.
        entries: usize,
        /// Entries possible.
        max: usize,
    },
    /// A context that is too long.
    #[error("the context has {found} bytes, expected at most {max}")]
    Context {
        /// Bytes found.
        found: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// The network and the verifying key do not belong together.
    #[error("the verifying key is of another network ({found}), expected {expected}")]
    OtherModel {
        /// What the key says.
        found: String,
        /// What the network says.
        expected: String,
    },
}

/// Why a proof could not be made.
#[cfg(feature = "prover")]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProveError {
    /// The statement is unusable.
    #[error(transparent)]
    Instance(#[from] InstanceError),
    /// The device failed.
    #[error(transparent)]
    Compute(#[from] crate::compute::ComputeError),
    /// A challenge hit a key; the prover starts again with fresh blinds.
    #[error("a challenge hits a key of a lookup table")]
    UnluckyChallenge,
    /// The operating system gave no randomness.
    #[error("the operating system's random generator failed: {0}")]
    Randomness(String),
    /// A mistake in this program.
    #[error("internal error: {0}; please report it")]
    Internal(&'static str),
}
