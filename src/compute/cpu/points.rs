//! Commitments: sums of generators by batched affine additions, full-width scalars by buckets.

use crate::algebra::Fr;
use crate::algebra::batch_add::{Entry, Lists, sum_lists};
use crate::algebra::g1::Point;
use crate::algebra::msm::{self, Digits};
use crate::commit::Pedersen;
use crate::compute::{ComputeError, Result};
use crate::model::TernaryMatrix;
use ark_bn254::G1Projective;
use rayon::prelude::*;

/// Point additions in one task: enough to share inversions, few enough to balance cores and to stay in a cache.
const ADDITIONS: usize = 1 << 14;

fn normalise(sums: &[G1Projective]) -> Result<Vec<Point>> {
    Point::normalise(sums).ok_or(ComputeError::Identity)
}

/// `ρ·H` for every blind.
fn blinding(blinds: &[Fr]) -> Vec<Option<Point>> {
    let h = &Pedersen::get().h;
    blinds.par_chunks(64).flat_map_iter(|b| h.mul_many(b)).collect()
}

/// Adds `ρ·H` to sums, and normalises.
pub(in crate::compute) fn add_blinds(sums: impl Iterator<Item = G1Projective>, blinds: &[Fr]) -> Result<Vec<Point>> {
    let blinded: Vec<G1Projective> =
        sums.zip(blinding(blinds)).map(|(sum, mask)| mask.map_or(sum, |m| sum + m.to_affine())).collect();
    normalise(&blinded)
}

pub(super) fn commit_rows(generators: &[Point], rows: &[&[i32]], blinds: &[Fr]) -> Result<Vec<Point>> {
    let sums: Vec<G1Projective> = rows.par_iter().map(|row| msm::msm_small(generators, row)).collect();
    add_blinds(sums.into_iter(), blinds)
}

/// Hands out row `i` of a matrix cut in chunks of `width`: for every non-zero its place in the chunk and whether it is −1, and
/// `None` after every chunk.
pub(in crate::compute) fn cut_rows(
    matrix: &TernaryMatrix,
    i: usize,
    width: usize,
    mut put: impl FnMut(Option<(usize, bool)>),
) {
    let (mut plus, mut minus) = matrix.by_row().get(i);
    for c in 0..matrix.columns().div_ceil(width) {
        for (list, negative) in [(&mut plus, false), (&mut minus, true)] {
            let (now, later) = list.split_at(list.partition_point(|&j| (j as usize) < (c + 1) * width));
            now.iter().for_each(|&j| put(Some((j as usize - c * width, negative))));
            *list = later;
        }
        put(None);
    }
}

pub(super) fn commit_matrix(generators: &[Point], matrix: &TernaryMatrix, blinds: &[Fr]) -> Result<Vec<Point>> {
    let width = generators.len();
    let chunks = matrix.columns().div_ceil(width);
    let per_row = (matrix.non_zeros() / matrix.rows().max(1)).max(1);
    let rows_per_task = (ADDITIONS / per_row).clamp(1, matrix.rows().max(1));
    let rows: Vec<usize> = (0..matrix.rows()).collect();
    let sums: Vec<Option<Point>> = rows
        .par_chunks(rows_per_task)
        .flat_map_iter(|rows| {
            let mut lists = Lists::with_capacity(rows.len() * chunks, rows.len() * per_row);
            for &i in rows {
                cut_rows(matrix, i, width, |entry| match entry {
                    Some((j, negative)) => lists.push(Entry::new(j, negative)),
                    None => lists.close(),
                });
            }
            sum_lists(generators, &lists)
        })
        .collect();
    let sums = sums.into_iter().map(|p| p.map_or_else(G1Projective::default, |p| p.to_affine().into()));
    add_blinds(sums, blinds)
}

pub(super) fn commit_dense(generators: &[Point], row: &[Fr], blind: Fr) -> Result<Point> {
    let digits = Digits::full_width(row);
    let sums: Vec<G1Projective> = digits.windows().par_iter().map(|w| msm::window_sum(generators, w)).collect();
    blinded(digits.recompose(&sums), &blind)
}

/// `sum + ρ·H`.
pub(in crate::compute) fn blinded(sum: G1Projective, blind: &Fr) -> Result<Point> {
    Point::from_projective(&Pedersen::get().h.add_to(sum, blind)).ok_or(ComputeError::Identity)
}

pub(super) fn commit_scalars(pairs: &[(Fr, Fr)]) -> Result<Vec<Point>> {
    let tables = Pedersen::get();
    let sums: Vec<G1Projective> = pairs
        .par_chunks(64)
        .flat_map_iter(|pairs| {
            let (values, blinds): (Vec<Fr>, Vec<Fr>) = pairs.iter().copied().unzip();
            let both = tables.g.mul_many(&values).into_iter().zip(tables.h.mul_many(&blinds));
            both.map(|(g, h)| crate::algebra::g1::sum(g.into_iter().chain(h))).collect::<Vec<_>>()
        })
        .collect();
    normalise(&sums)
}
