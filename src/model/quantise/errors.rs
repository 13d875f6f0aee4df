//! Why a network cannot be quantised.

use super::super::ranges::ModelError;

/// A network that cannot be quantised as asked.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum QuantiseError {
    /// Weights that may not be changed but have to be.
    #[error(
        "layer {layer} ({name}) has float weights, expected -1, 0 and 1 times a scale of the row; ternarise them with --ternarize"
    )]
    NotTernary {
        /// Layer, from 0.
        layer: usize,
        /// Its name.
        name: String,
    },
    /// Settings or samples that do not belong to the network.
    #[error("{0}")]
    Settings(String),
    /// An accumulator that no table covers.
    #[error(
        "layer {layer} ({name}): accumulators need {bits} bits, expected at most {max_bits}; keep at most {row_cap} non-zeros a \
         row (--row-cap), or have values of magnitude at most {max_value} before it (fewer --activation-bits, or a smaller \
         --input-range for the first layer)"
    )]
    TooWide {
        /// Layer, from 0.
        layer: usize,
        /// Its name.
        name: String,
        /// Bits needed.
        bits: u32,
        /// Bits available.
        max_bits: u32,
        /// Non-zeros a row that fit.
        row_cap: i64,
        /// Values that fit with the non-zeros there are.
        max_value: i64,
    },
    /// A network that cannot be proved for another reason.
    #[error(transparent)]
    Model(#[from] ModelError),
}
