//! Stage 2, LogUp-GKR (eprint 2022/1530 and 2023/1284): one lookup argument for the whole model and batch.
//!
//! ```text
//! key(t1, t2, table) = t1 + β·t2 + β²·table_id          Σ_i 1/(α − key_i) = Σ_t m_t/(α − key_t)
//! ```
//!
//! | module | duty |
//! | --- | --- |
//! | [`tables`] | which tuples are genuine: public tables, by formula |
//! | [`fraction_tree`] | the left sum, by a binary tree of fractions and one sumcheck a level |
//! | [`layers`] | the prover's tables of that tree: held, computed again, or made in pieces, as memory allows |
//!
//! The right sum `S` is proved by the linear sumcheck (stage 3), with the multiplicities as committed vectors.

pub mod fraction_tree;
#[cfg(feature = "prover")]
pub mod layers;
pub mod tables;

pub use tables::Table;
