//! Linear layers: sums of field elements with coefficients ±1 or small integers, without multiplications.

use crate::algebra::Fr;
use crate::algebra::wide::{Combination, Lanes, Limbs, TILE};
use crate::model::TernaryMatrix;
use rayon::prelude::*;

/// `W·x` for every input.
pub(super) fn apply(matrix: &TernaryMatrix, inputs: &[i32], batch: usize) -> Vec<i32> {
    let (rows, columns) = (matrix.rows(), matrix.columns());
    let lists = matrix.by_row();
    let per_row = (matrix.non_zeros() / rows.max(1)).max(1);
    let mut out = vec![0; rows * batch];
    out.par_chunks_mut(rows).zip(inputs.par_chunks(columns)).for_each(|(z, x)| {
        // Sums fit 32 bits by the range analysis; wrapping keeps a caller's mistake from becoming a panic.
        let sum = |list: &[u32]| list.iter().fold(0i32, |acc, &j| acc.wrapping_add(x[j as usize]));
        let grain = (16 * super::GRAIN / per_row).max(1);
        z.par_iter_mut().with_min_len(grain).enumerate().for_each(|(i, z)| {
            let (plus, minus) = lists.get(i);
            *z = sum(plus).wrapping_sub(sum(minus));
        });
    });
    out
}

/// `Σ_i weights[i]·W[i, ·]`: every column has one owner; additions stay inside their lanes, and each column is reduced once.
pub(super) fn fold_rows(matrix: &TernaryMatrix, weights: &[Fr]) -> Vec<Fr> {
    let limbs: Vec<Limbs> = weights.iter().take(matrix.rows()).map(Limbs::new).collect();
    let columns = matrix.by_column();
    let per_column = (matrix.non_zeros() / matrix.columns().max(1)).max(1);
    let grain = (8 * super::GRAIN / per_column).max(1);
    (0..matrix.columns())
        .into_par_iter()
        .with_min_len(grain)
        .map(|j| {
            let (plus, minus) = columns.get(j);
            let mut sum = Lanes::default();
            plus.iter().for_each(|&i| sum.add(&limbs[i as usize]));
            minus.iter().for_each(|&i| sum.sub(&limbs[i as usize]));
            sum.finish()
        })
        .collect()
}

/// `Σ_β weights[β]·rows[β, ·]` of small integers.
pub(super) fn combine_rows(rows: &[i32], width: usize, weights: &[Fr]) -> Vec<Fr> {
    let combination = Combination::new(rows, width, weights);
    let mut out = vec![Fr::default(); width];
    out.par_chunks_mut(TILE).enumerate().for_each(|(t, out)| combination.tile(t * TILE, out));
    out
}
