//! Field and curve arithmetic: thin aliases over arkworks, and the few routines that proving speed depends on.
//!
//! | module | what it computes |
//! | --- | --- |
//! | [`fr`] | canonical 32-byte scalars, challenges from 64 bytes |
//! | [`g1`] | [`Point`](g1::Point): affine points that are never the identity, 32-byte encoding |
//! | [`batch_add`] | many sums of affine points at once, one inversion for hundreds of additions |
//! | [`msm`] | multi-scalar multiplication `Σ k_i·P_i`, full-width or small scalars |
//! | [`fixed_base`] | `v·G` by a table of multiples |
//! | [`eq`] | the multilinear Lagrange basis `eq(r, x)`: tables, split tables, masked sums |
//! | [`mle`] | multilinear extensions: evaluation and binding |
//! | [`wide`] | sums of small multiples of field elements, reduced once at the end |
//!
//! Nothing here knows about transcripts, models or backends.

pub mod batch_add;
pub mod eq;
pub mod fixed_base;
pub mod fr;
pub mod g1;
pub mod mle;
pub mod msm;
pub mod wide;

/// The scalar field of BN254, of about 2^253.6 elements: the field of every claim, challenge and table.
pub use ark_bn254::Fr;

/// The base field of BN254: coordinates of points.
pub use ark_bn254::Fq;
