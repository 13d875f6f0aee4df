//! Networks from other programs. Only with the feature `cli`, which has the `safetensors` and `serde_json` crates.
//!
//! | module | reads | into |
//! | --- | --- | --- |
//! | [`integer`] | `.safetensors` with integer ternary weights, shifts and clamps | a [`Network`](super::Network), as it is |
//! | [`floats`] | `.safetensors` with float weights and a small description | a [`FloatNetwork`](super::float::FloatNetwork) |
//! | [`onnx`](mod@onnx) | `.onnx` with linear layers | a [`FloatNetwork`](super::float::FloatNetwork) |
//!
//! Float networks become integer ones in [`quantise`](mod@super::quantise).

pub mod floats;
pub mod integer;
mod numbers;
pub mod onnx;

use super::codec::brief;
use super::ranges::ModelError;
pub use floats::{FloatModel, safetensors_float};
pub use integer::safetensors;
pub use onnx::{OnnxModel, looks_like_onnx, onnx};

/// A file that is not a usable network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// Not a whole safetensors file.
    #[error("{file}: not a usable .safetensors file: {what}")]
    Container {
        /// Which file.
        file: String,
        /// What was found and what was expected.
        what: String,
    },
    /// A network that has not been ternarised.
    #[error(
        "{file}: tensor {tensor} holds {found}, expected integers: float networks need ternarising first, and metadata that \
         describes their layers (see examples/export_numpy.py)"
    )]
    Float {
        /// Which file.
        file: String,
        /// Name of the first such tensor, quoted.
        tensor: String,
        /// Its element type.
        found: String,
    },
    /// A description that is missing or wrong.
    #[error("{file}: metadata {key} {what}")]
    Metadata {
        /// Which file.
        file: String,
        /// Path of the key, `zktern.layers[0].shift`.
        key: String,
        /// What was found and what was expected.
        what: String,
    },
    /// A tensor that is missing, unknown or wrong.
    #[error("{file}: tensor {tensor} {what}")]
    Tensor {
        /// Which file.
        file: String,
        /// Name of the tensor, quoted.
        tensor: String,
        /// What was found and what was expected.
        what: String,
    },
    /// Layers that do not make up a network that can be proved.
    #[error("{file}: {source}")]
    Network {
        /// Which file.
        file: String,
        /// What is wrong with it.
        source: ModelError,
    },
    /// Not a usable ONNX model.
    #[error("{file}: {what}")]
    Onnx {
        /// Which file.
        file: String,
        /// Which node or tensor, what was found and what was expected.
        what: String,
    },
}

/// Text from a file, quoted and short enough for a message.
fn quote(text: &str) -> String {
    format!("{:?}", brief(text))
}
