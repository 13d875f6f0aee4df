//! Why a network cannot be tuned.

use crate::model::quantise::QuantiseError;
use crate::model::ranges::ModelError;

/// A network, or data, that cannot be used for tuning.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TuneError {
    /// A hidden layer without ReLU.
    #[error(
        "layer {layer} ({name}) is followed by {found}, expected ReLU, through which channels can be rescaled; use zktern import"
    )]
    Activation {
        /// Layer, from 0.
        layer: usize,
        /// Its name.
        name: String,
        /// What follows it.
        found: &'static str,
    },
    /// Calibration inputs that are all the same.
    #[error(
        "the calibration inputs do not differ from each other, so nothing can be learnt from them, expected a few hundred or more \
         that are typical of the network's use"
    )]
    Constant,
    /// Too few inputs.
    #[error(
        "{found} calibration input(s), expected at least {least}: most of them to calibrate on, the others to compare networks with"
    )]
    TooFew {
        /// Number of inputs.
        found: usize,
        /// Least number.
        least: usize,
    },
    /// Settings that make no sense.
    #[error("{0}")]
    Settings(String),
    /// From the quantiser.
    #[error(transparent)]
    Quantise(#[from] QuantiseError),
    /// A network that cannot be proved.
    #[error(transparent)]
    Model(#[from] ModelError),
}
