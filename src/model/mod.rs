//! Integer ternary networks: what they compute, what is public about them, how they are stored.
//!
//! ```text
//! z  = W·x + bias                     W ∈ {−1, 0, 1}^{n_out × n_in}, exact integers
//! q' = ⌊(z + half(s)) / 2^s⌋          half(s) = (1 << s) >> 1: rounds to nearest, ties upwards
//! y  = T(q') = clamp(q', min, max)    min ≤ 0 ≤ max; ReLU when min = 0
//! ```
//!
//! The last layer outputs its raw `z` (logits). This integer function IS what a proof is about: no float appears anywhere.
//!
//! | module | duty |
//! | --- | --- |
//! | [`graph`] | [`Network`]: the layers, with weights (secret) |
//! | [`architecture`] | [`Architecture`]: shapes, shifts, clamps, bounds (public) |
//! | [`ternary`] | [`TernaryMatrix`]: sparse ±1 by row and by column, 2-bit packed form |
//! | [`ranges`] | bounds on every accumulator, proved row by row |
//! | [`infer`] | exact integer inference, the ground truth |
//! | [`float`] | trained float networks, the reference that an imported network is compared with |
//! | [`quantise`](mod@quantise) | float networks to integer ternary ones, and what that costs |
//! | [`float`] | float networks, their inference, how inputs are coded |
//! | [`quantise`] | from a float network to an exact integer ternary one |
//! | `import` | networks from ONNX and safetensors (feature `cli`) |
//! | [`codec`] | bounded reading of all our files, digests |
//! | [`mod@file`] | the `.tern` format |
//! | [`random`] | random networks and inputs for tests and benchmarks |

pub mod architecture;
pub mod codec;
pub mod file;
pub mod float;
pub mod graph;
#[cfg(feature = "cli")]
pub mod import;
pub mod infer;
pub mod quantise;
pub mod random;
pub mod ranges;
pub mod ternary;

pub use architecture::{Architecture, Clamp, HiddenLayer};
pub use graph::{Layer, Network, Requantise};
pub use ternary::TernaryMatrix;
