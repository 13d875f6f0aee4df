//! `y = W·x` for a matrix of `2^m × 2^n` field elements, as a circuit and as one sumcheck.
//!
//! ```text
//! circuit    one multiplication W[i,j]·x[j] per entry, then a binary tree of n layers of additions per row
//! sumcheck   ỹ(τ) = Σ_j w[j]·x[j],  w[j] = Σ_i eq(τ, i)·W[i, j]                        (Thaler 2013)
//! ```
//!
//! Both leave a claim about `W̃` at one point, row coordinates first. The circuit is the usual one with gates of two inputs.
//! The fold `w` is where the entries matter: a dense matrix costs a product per entry, a sparse one a product per non-zero, a
//! ternary one an addition per non-zero ([`Compute::fold_rows`](crate::compute::Compute::fold_rows)). Sums of products are
//! reduced once ([`Products`](crate::algebra::wide::Products)).

use super::circuit::{Circuit, CircuitError, Gate, Vector};
use super::{EvalClaim, GkrError, rounds};
use crate::algebra::{Fr, eq, mle};
use crate::transcript::Reader;

/// The circuit over inputs 0, `W` by rows, with a support of its own, and 1, the vector `x`.
///
/// # Errors
/// When the matrix is too large.
pub fn circuit(row_bits: usize, matrix: Vector) -> Result<Circuit, CircuitError> {
    let bits = matrix.bits();
    let column_bits = bits.saturating_sub(row_bits);
    let mask = (1u32 << column_bits) - 1;
    let positions = (0..matrix.len()).map(|rank| matrix.position(rank));
    let multiply = |p: u32| Gate::Multiply { out: p, left: p, right: p & mask };
    let gates: Vec<Gate> = positions.map(multiply).collect();
    let mut circuit = Circuit::new(vec![matrix, Vector::dense(column_bits)])?;
    let mut below = circuit.layer(bits, [0, 1], gates)?;
    for level in 1..=column_bits {
        let add = |out: u32| Gate::Add { out, inputs: [2 * out, 2 * out + 1] };
        let gates = match circuit.output().support() {
            super::Support::Dense => (0..1 << (bits - level)).map(add).collect(),
            super::Support::Sparse(inputs) => {
                let mut outs: Vec<u32> = inputs.iter().map(|p| p / 2).collect();
                outs.dedup();
                outs.into_iter().map(add).collect()
            }
        };
        below = circuit.layer(bits - level, [below; 2], gates)?;
    }
    Ok(circuit)
}

/// Reads a proof by one sumcheck that a matrix takes `x` to `y`; what remains is a claim about the matrix. Lengths are powers
/// of two; both vectors must have been absorbed.
///
/// # Errors
/// A message that is wrong, or the end of the sumcheck.
pub fn verify(reader: &mut Reader<'_>, x: &[Fr], y: &[Fr]) -> Result<EvalClaim, GkrError> {
    let tau: Vec<Fr> = (0..mle::log2_ceil(y.len())).map(|_| reader.challenge("tau")).collect();
    let e = mle::inner_product(&eq::table(&tau), y);
    let (found, r) = rounds::verify(reader, mle::log2_ceil(x.len()), e)?;
    let value = reader.field("w")?;
    let expected = value * mle::inner_product(&eq::table(&r), x);
    if found != expected {
        return Err(GkrError::Layer { layer: 0, expected, found });
    }
    Ok(EvalClaim { input: 0, point: [tau, r].concat(), value })
}

#[cfg(feature = "prover")]
pub use prover::{Matrix, prove};

#[cfg(feature = "prover")]
mod prover {
    use super::{EvalClaim, Fr, Vector, eq, rounds};
    use crate::algebra::mle;
    use crate::algebra::wide::Products;
    use crate::compute::Compute;
    use crate::protocol::ProveError;
    use crate::transcript::Writer;

    /// Columns that a task folds together: their sums stay in a first-level cache.
    const TILE: usize = 64;

    /// A matrix by what is known of its entries. Rows and columns are powers of two.
    pub enum Matrix<C: Compute> {
        /// Any field elements, by rows.
        Dense {
            /// Length of a row.
            columns: usize,
            /// All entries.
            entries: Vec<Fr>,
        },
        /// Few field elements: for every column its rows and their entries.
        Sparse {
            /// Where every column starts, and the end.
            starts: Vec<u32>,
            /// Rows, ascending in a column.
            rows: Vec<u32>,
            /// Their entries.
            entries: Vec<Fr>,
        },
        /// −1, 0 and 1, on the device.
        Ternary(C::Matrix),
    }

    impl<C: Compute> Matrix<C> {
        /// From `(row, column, entry)`, in order of rows.
        #[must_use]
        pub fn sparse(columns: usize, all: &[(u32, u32, Fr)]) -> Self {
            let mut starts = vec![0; columns + 1];
            all.iter().for_each(|(_, j, _)| starts[*j as usize + 1] += 1);
            (0..columns).for_each(|j| starts[j + 1] += starts[j]);
            let mut next = starts.clone();
            let (mut rows, mut entries) = (vec![0; all.len()], vec![Fr::default(); all.len()]);
            for (i, j, entry) in all {
                let at = next[*j as usize] as usize;
                next[*j as usize] += 1;
                (rows[at], entries[at]) = (*i, *entry);
            }
            Self::Sparse { starts, rows, entries }
        }

        /// `Σ_i eq(point, i)·W[i, ·]`.
        ///
        /// # Errors
        /// When the device fails.
        pub fn fold(&self, compute: &C, point: &[Fr]) -> Result<Vec<Fr>, ProveError> {
            match self {
                Self::Dense { columns, entries } => {
                    let weights = eq::table(point);
                    let tiles = compute.map(columns.div_ceil(TILE), |t| {
                        let range = t * TILE..(t * TILE + TILE).min(*columns);
                        let mut sums = vec![Products::default(); range.len()];
                        for (weight, row) in weights.iter().zip(entries.chunks_exact(*columns)) {
                            sums.iter_mut().zip(&row[range.clone()]).for_each(|(s, w)| s.add(weight, w));
                        }
                        sums.iter().map(Products::finish).collect::<Vec<_>>()
                    });
                    Ok(tiles.concat())
                }
                Self::Sparse { starts, rows, entries } => {
                    let weights = eq::table(point);
                    let column = |j: usize| {
                        let range = starts[j] as usize..starts[j + 1] as usize;
                        let mut sum = Products::default();
                        let entries = rows[range.clone()].iter().zip(&entries[range]);
                        entries.for_each(|(i, w)| sum.add(&weights[*i as usize], w));
                        sum.finish()
                    };
                    Ok(compute.map(starts.len() - 1, column))
                }
                Self::Ternary(matrix) => {
                    let weights = compute.eq_table(point, Fr::from(1u64))?;
                    Ok(compute.download(&compute.fold_rows(matrix, &weights)?)?)
                }
            }
        }
    }

    /// Proves `y = W·x` by one sumcheck. Also returns the fold `w`, which is the row that an opening of the claim needs.
    ///
    /// # Errors
    /// When the device fails.
    pub fn prove<C: Compute>(
        writer: &mut Writer<'_>,
        compute: &C,
        matrix: &Matrix<C>,
        x: &[Fr],
        rows: usize,
    ) -> Result<(EvalClaim, Vec<Fr>), ProveError> {
        let tau: Vec<Fr> = (0..mle::log2_ceil(rows)).map(|_| writer.challenge("tau")).collect();
        let folded = matrix.fold(compute, &tau)?;
        let vector = Vector::dense(mle::log2_ceil(x.len()));
        let (r, [value, _]) = rounds::prove(writer, compute, &vector, [folded.clone(), x.to_vec()])?;
        writer.field("w", &value);
        Ok((EvalClaim { input: 0, point: [tau, r].concat(), value }, folded))
    }
}
