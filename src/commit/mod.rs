//! Pedersen commitments to rows and to scalars, and the claims that are made of them.
//!
//! ```text
//! [v]        = v·G + ρ·H                       a hidden scalar
//! Com(w; ρ)  = Σ_j w_j·G_j + ρ·H               a hidden row of width M (Hyrax, eprint 2017/1132)
//! ```
//!
//! | module | duty |
//! | --- | --- |
//! | [`generators`] | G, H and G_0.., hashed to the curve from a public label |
//! | [`claim`] | what both sides do with hidden scalars: [`Hidden`] (value and blind) against [`Form`] (linear form of points) |
//! | [`functional`] | linear functionals of committed vectors, masked to their logical width |
//! | [`sigma`] | the final batch of sigma protocols (stage 5) |
//! | [`opening`] | reduction of all claims to one point (stage 4) |

pub mod claim;
pub mod functional;
pub mod generators;
pub mod opening;
pub mod sigma;

pub use claim::{Claim, Form, Hidden, KeyRows, PointId, PointTable};
pub use generators::{Generators, Pedersen};
