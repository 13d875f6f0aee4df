//! Many inferences, one opening: leaves, merges, the decider.
//!
//! A proof's largest part is its opening: `M` scalars, and the multi-scalar multiplication over the model's rows that checks them.
//! A **leaf** is a proof without it. What it leaves open is an **accumulator** `(C*, t, [e])`: the row that is committed in `C*` has
//! the value `[e]` at `eq(t)`. Both are linear in committed rows, so accumulators merge, of any models with rows of equal width:
//!
//! ```text
//! ρ;  e = Σ_i ρ^i·e_i;  log2 M plain rounds on Σ_x Σ_i ρ^i·w_i(x)·eq(t_i, x), to a point t'
//! C' = Σ_i ρ^i·eq(t_i, t')·C_i,   e' as the rounds leave it
//! ```
//!
//! Any tree of merges will do, so they can be made in parallel and in any order; the root, the **decider**, merges and opens. The
//! verifier replays the tree with field arithmetic alone and ends with ONE multi-scalar multiplication over everything.
//!
//! ρ is drawn after the digests of all children, which cover every word below them: with a fixed coefficient, even 1, two false
//! accumulators could cancel. There is no error term and no trusted setup, and nothing is checked approximately.
//!
//! | module | duty |
//! | --- | --- |
//! | [`mod@file`] | the two files: an aggregate (public), and a deferred proof (secret, since it holds what is still to be opened) |
//! | [`mod@verify`] | replaying the tree, all checks at once |
//! | `prove` | leaves, merges, the decider (feature `prover`) |
//!
//! # Why leaves reduce their own claims
//! One could stop before stage 4 and reduce the claims of all proofs at once (Hyrax, section 6; the specification's first
//! version). Here every leaf takes its claims to one point itself: that work runs where its vectors are at hand and in parallel,
//! a deferred proof is `M` scalars instead of all its vectors, whoever aggregates needs neither weights nor the key's secret and
//! does `T·M` work, and leaves of different models and batches merge. Rows are committed linearly, so the reduction over rows is
//! the sum `C'` and costs no rounds. The price is `2·log2 M` words a leaf.

#[cfg(all(test, feature = "prover"))]
mod attacks;
pub mod errors;
pub mod file;
#[cfg(feature = "prover")]
pub mod prove;
#[cfg(all(test, feature = "prover"))]
mod vectors;
pub mod verify;

pub use errors::{AggregateError, Part};
#[cfg(feature = "prover")]
pub use file::Deferred;
pub use file::{Aggregate, Entry, Leaf};
#[cfg(feature = "prover")]
pub use prove::{decide, merge};

use crate::transcript::{DIGEST, Transcript};

/// Domain of a leaf's closing.
const LEAF_DOMAIN: &str = "zktern/v1/leaf";
/// Domain of a merge.
const MERGE_DOMAIN: &str = "zktern/v1/merge";
/// Domain of the decider.
const DECIDE_DOMAIN: &str = "zktern/v1/decide";

/// Most leaves of an aggregate.
pub const MAX_LEAVES: usize = 1 << 12;
/// Most entries: leaves, and at most as many merges.
pub const MAX_ENTRIES: usize = 2 * MAX_LEAVES;

/// Most merges on the way from a leaf to the root. Forms are made anew at every merge, so a verifier's work is at most this many times
/// that of a flat tree; and an extractor that separates the children of every merge runs once per path, not without end.
pub const MAX_DEPTH: usize = 32;

/// What a merge does with what it makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// An accumulator, to be merged further.
    Inner,
    /// It opens it: the root.
    Decider,
}

/// The closing transcript of a leaf with the given body.
fn leaf_transcript(body: &[u8; DIGEST]) -> Transcript {
    let mut transcript = Transcript::new(LEAF_DOMAIN);
    transcript.absorb("proof", body);
    transcript
}

/// The transcript of a merge of accumulators with the given end digests.
fn merge_transcript(role: Role, children: &[[u8; DIGEST]]) -> Transcript {
    let domain = match role {
        Role::Inner => MERGE_DOMAIN,
        Role::Decider => DECIDE_DOMAIN,
    };
    let mut transcript = Transcript::new(domain);
    transcript.absorb("count", &(children.len() as i64).to_be_bytes());
    children.iter().for_each(|d| transcript.absorb("accumulator", d));
    transcript
}

/// Words of a merge of rows of `2^row_bits` entries.
fn merge_words(role: Role, row_bits: usize) -> usize {
    let inner = 2 * row_bits + crate::commit::sigma::words(0);
    match role {
        Role::Inner => inner,
        Role::Decider => inner + crate::commit::sigma::opening_words(1 << row_bits),
    }
}
