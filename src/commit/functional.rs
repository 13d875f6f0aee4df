//! Linear functionals of committed vectors.
//!
//! A committed vector of logical width `n` is `v[0..n)` only, cut in chunks of `M` entries. Every functional of it,
//! `coefficient·Σ_{i<n} eq(point, i)·v[i]`, is taken over `i < n`, whatever else the committed rows hold: without this mask a
//! prover could hide values in the padding (tested as an attack in `tests/reference` and in `protocol::attacks`).
//!
//! What a "vector" is differs by side. The prover holds its values and the blinds of its chunks ([`Combined`]); the verifier
//! holds, for every chunk, the linear combination of committed rows that it stands for ([`RowCombination`]).

use super::claim::Form;
use super::sigma::Product;
use crate::algebra::{Fr, eq};

/// `coefficient·Σ_{i<width} eq(point, i)·v[i]` for the vector number `vector` of a proof.
#[derive(Clone, Debug)]
pub struct Term {
    /// Which vector.
    pub vector: usize,
    /// Its logical width.
    pub width: usize,
    /// A point of at least `⌈log2 width⌉` coordinates.
    pub point: Vec<Fr>,
    /// Factor.
    pub coefficient: Fr,
}

/// A sum of terms.
#[derive(Clone, Debug, Default)]
pub struct Functional {
    /// The terms.
    pub terms: Vec<Term>,
}

/// The part of a term that falls on one chunk: `coefficient·Σ_{j<width} eq(column, j)·v[chunk·M + j]`.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'a> {
    /// Which chunk of the vector.
    pub chunk: usize,
    /// Entries of this chunk that belong to the vector.
    pub width: usize,
    /// The column point: at most `log2 M` coordinates.
    pub column: &'a [Fr],
    /// Factor.
    pub coefficient: Fr,
}

impl Functional {
    /// Adds a term.
    pub fn add(&mut self, vector: usize, width: usize, point: &[Fr], coefficient: Fr) {
        self.terms.push(Term { vector, width, point: point.to_vec(), coefficient });
    }
}

impl Term {
    /// The term cut into chunks of `2^row_bits` entries. A point longer than `row_bits` splits as (chunk, column).
    pub fn pieces(&self, row_bits: usize) -> impl Iterator<Item = Piece<'_>> {
        let (high, column) = self.point.split_at(self.point.len().saturating_sub(row_bits));
        (0..self.width.div_ceil(1 << row_bits)).map(move |chunk| Piece {
            chunk,
            width: mask((self.width - (chunk << row_bits)).min(1 << row_bits), column),
            column,
            coefficient: self.coefficient * eq::at(high, chunk),
        })
    }
}

/// Entries of a chunk that count.
#[cfg(not(test))]
const fn mask(width: usize, _: &[Fr]) -> usize {
    width
}

/// Entries of a chunk that the prover opens: no more than count.
#[cfg(all(not(test), feature = "prover"))]
pub(super) const fn opened(width: usize, _: &[Fr]) -> usize {
    width
}

#[cfg(test)]
fn mask(width: usize, column: &[Fr]) -> usize {
    if MASK.get() == Mask::Dropped { 1 << column.len() } else { width }
}

#[cfg(test)]
pub(super) fn opened(width: usize, column: &[Fr]) -> usize {
    if MASK.get() == Mask::Right { width } else { 1 << column.len() }
}

/// (tests only) What is masked.
#[cfg(test)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mask {
    /// Everything beyond the width.
    Right,
    /// Nothing, on either side: what is gained without the mask.
    Dropped,
    /// Everything, but the prover opens all that he has committed to.
    Kept,
}

#[cfg(test)]
thread_local! {
    /// (tests only) The mask of this thread.
    pub(crate) static MASK: std::cell::Cell<Mask> = const { std::cell::Cell::new(Mask::Right) };
}

/// A column point with leading zeros up to `row_bits` coordinates: a short one lives in the first entries of a row.
#[must_use]
pub fn pad_column(column: &[Fr], row_bits: usize) -> Vec<Fr> {
    let mut out = vec![Fr::from(0u64); row_bits - column.len().min(row_bits)];
    out.extend_from_slice(column);
    out
}

/// The prover's side of a vector.
#[derive(Clone, Default)]
pub struct Combined {
    /// The values, as many as the vector is wide.
    pub values: Vec<Fr>,
    /// The blind of every chunk's commitment.
    pub blinds: Vec<Fr>,
}

impl std::fmt::Debug for Combined {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Combined(secret)")
    }
}

/// The verifier's side of a vector.
#[derive(Clone, Debug, Default)]
pub struct RowCombination {
    /// For every chunk the combination of rows that commits to it.
    pub chunks: Vec<Form>,
}

/// The end state of a proof before stage 4: everything that is still to be shown.
#[derive(Clone, Debug)]
#[must_use = "claims that are not closed prove nothing"]
pub struct Body<C, V> {
    /// Hidden values and the functionals that they are claimed to be.
    pub claims: Vec<(C, Functional)>,
    /// Products of hidden values.
    pub products: Vec<Product<C>>,
    /// All scalar commitments sent, in order.
    pub sent: Vec<C>,
    /// The vectors that the functionals speak of.
    pub vectors: Vec<V>,
}
