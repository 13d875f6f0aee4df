//! Zero-knowledge proofs of inference for ternary neural networks.
//!
//! # What is proved
//! A network's weights are committed once, in a public [`VerifyingKey`](protocol::VerifyingKey). A proof shows that the
//! committed network maps given inputs (public or hidden) to given outputs, exactly, in integers, and tells nothing else.
//!
//! # Walking order
//! [`model`] (what a network computes, what is public about it) → [`commit`] (commitments and claims) → [`transcript`]
//! (Fiat-Shamir) → [`protocol`] (the statement, prover and verifier) with its stages [`lookup`], [`linear`] and [`sumcheck`] →
//! `compute` (the backends that do the work) → [`algebra`]. Above it, [`aggregate`] gives many proofs one opening. Beside it stand
//! `tune` (float networks made cheap to prove) and [`gkr`] (circuits with any wiring, and the baseline).
//!
//! # Notation
//! | symbol | meaning |
//! | --- | --- |
//! | `Fr` | scalar field of BN254; `G1` its first group, written additively |
//! | `ṽ(r)` | multilinear extension of a vector; coordinate 0 of `r` is the top index bit |
//! | `[v]` | `v·G + ρ·H`, a hiding commitment to a scalar |
//! | `M` | width of committed rows, a power of two |
//! | `B`, `lb` | inputs in a proof, and `⌈log2 B⌉` |
//! | `z, q', y` | accumulator, requantised value, activation |
//! | `r_b, r_B` | points that select a layer's outputs, and the inputs of a batch |
//!
//! # Features
//! `cli` (default: the command line), `gpu` (default: the GPU backend), `mpi` (ranks of an MPI job), `prover` (prover and compute
//! backends). Without features the crate is the verifier alone: no threads, no backend.

pub mod aggregate;
pub mod algebra;
#[cfg(feature = "cli")]
pub mod cli;
pub mod commit;
#[cfg(feature = "prover")]
pub mod compute;
pub mod gkr;
pub mod linear;
pub mod lookup;
pub mod model;
pub mod protocol;
pub mod sumcheck;
pub mod transcript;
#[cfg(feature = "prover")]
pub mod tune;
