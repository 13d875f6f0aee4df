//! The CPU backend: rayon over all cores, with a grain below which a task is not worth sending to another core.
//!
//! | file | verbs |
//! | --- | --- |
//! | `linear` | `apply`, `fold_rows`, `combine_rows`: additions in carry-free lanes, reduced once per output |
//! | `round` | `round`, `bind`: one pass binds the last challenge and evaluates the next round, in place |
//! | `points` | `commit_*`: batched affine additions, buckets for small values |

mod linear;
pub(super) mod points;
mod round;

use super::{Compute, Fractions, Result, RoundValues, Summand, Weights};
use crate::algebra::{Fr, eq, g1::Point};
use crate::model::TernaryMatrix;
use ark_ff::Zero;
use rayon::prelude::*;

/// Field multiplications that are worth a task of their own: about 20 µs, ten times what handing it over costs.
const GRAIN: usize = 1 << 10;

/// All cores of this machine, or as many as its rayon pool has.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cpu;

/// `out[i] = f(i)` in parallel when there is enough to do.
fn fill(len: usize, f: impl Fn(usize) -> Fr + Send + Sync) -> Vec<Fr> {
    (0..len).into_par_iter().with_min_len(GRAIN).map(f).collect()
}

/// The layer above, of borrowed parts.
pub(super) fn fraction_layer(numerators: Option<&[Fr]>, denominators: &[Fr]) -> Fractions<Vec<Fr>> {
    let (q0, q1) = denominators.split_at(denominators.len() / 2);
    let numerators = match numerators {
        None => fill(q0.len(), |i| q0[i] + q1[i]),
        Some(p) => {
            let (p0, p1) = p.split_at(q0.len());
            fill(q0.len(), |i| p0[i] * q1[i] + p1[i] * q0[i])
        }
    };
    Fractions { numerators: Some(numerators), denominators: fill(q0.len(), |i| q0[i] * q1[i]) }
}

impl Compute for Cpu {
    type Table = Vec<Fr>;
    type Matrix = TernaryMatrix;

    fn describe(&self) -> String {
        format!("cpu ({} threads)", rayon::current_num_threads())
    }

    fn map<T: Send>(&self, n: usize, f: impl Fn(usize) -> T + Send + Sync) -> Vec<T> {
        (0..n).into_par_iter().map(f).collect()
    }

    fn join<A: Send, B: Send>(&self, a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B) {
        rayon::join(a, b)
    }

    fn load(&self, matrix: &TernaryMatrix) -> Result<TernaryMatrix> {
        Ok(matrix.clone())
    }

    fn upload(&self, values: Vec<Fr>) -> Result<Vec<Fr>> {
        Ok(values)
    }

    fn download(&self, table: &Vec<Fr>) -> Result<Vec<Fr>> {
        Ok(table.clone())
    }

    fn apply(&self, matrix: &TernaryMatrix, inputs: &[i32], batch: usize) -> Result<Vec<i32>> {
        Ok(linear::apply(matrix, inputs, batch))
    }

    fn eq_table(&self, point: &[Fr], scale: Fr) -> Result<Vec<Fr>> {
        if point.len() < 12 {
            return Ok(eq::scaled_table(point, scale));
        }
        // The outer product of two small tables: one multiplication an entry, in parallel.
        let (first, second) = point.split_at(point.len() / 2);
        let (high, low) = (eq::scaled_table(first, scale), eq::table(second));
        Ok(high.par_iter().flat_map_iter(|h| low.iter().map(move |l| *h * l)).collect())
    }

    fn fold_rows(&self, matrix: &TernaryMatrix, weights: &Vec<Fr>) -> Result<Vec<Fr>> {
        Ok(linear::fold_rows(matrix, weights))
    }

    fn combine_rows(&self, rows: &[i32], width: usize, weights: &Vec<Fr>) -> Result<Vec<Fr>> {
        Ok(linear::combine_rows(rows, width, weights))
    }

    fn gather(&self, values: &[Fr], indices: &[u32]) -> Result<Vec<Fr>> {
        Ok(fill(indices.len(), |i| values[indices[i] as usize]))
    }

    fn assemble(&self, len: usize, parts: &[(usize, &Vec<Fr>)]) -> Result<Vec<Fr>> {
        let mut out = vec![Fr::zero(); len];
        for (offset, part) in parts {
            out[*offset..offset + part.len()].copy_from_slice(part);
        }
        Ok(out)
    }

    fn place(&self, into: &mut Vec<Fr>, at: usize, part: &Vec<Fr>) -> Result<()> {
        into[at..at + part.len()].copy_from_slice(part);
        Ok(())
    }

    fn inner_product(&self, a: &Vec<Fr>, b: &Vec<Fr>) -> Result<Fr> {
        Ok(a.par_iter().zip(b).with_min_len(GRAIN).map(|(a, b)| *a * b).sum())
    }

    fn fraction_layer(&self, below: Fractions<&Vec<Fr>>) -> Result<Fractions<Vec<Fr>>> {
        Ok(fraction_layer(below.numerators.map(Vec::as_slice), below.denominators))
    }

    fn halves(&self, mut table: Vec<Fr>, factor: Option<Fr>, offset: Option<Fr>) -> Result<[Vec<Fr>; 2]> {
        let half = table.len() / 2;
        let high = table.split_off(half);
        let mut both = [table, high];
        for t in &mut both {
            t.par_iter_mut().with_min_len(GRAIN).for_each(|v| {
                if let Some(k) = factor {
                    *v *= k;
                }
                if let Some(k) = offset {
                    *v += k;
                }
            });
        }
        Ok(both)
    }

    fn round(&self, f: Summand, tables: &mut [Vec<Fr>], weights: Weights<'_>, bind: Option<Fr>) -> Result<RoundValues> {
        Ok(round::round(f, tables, weights, bind))
    }

    fn bind(&self, tables: &mut [Vec<Fr>], r: Fr) -> Result<()> {
        tables.iter_mut().for_each(|t| round::bind(t, r));
        Ok(())
    }

    fn commit_rows(&self, generators: &[Point], rows: &[&[i32]], blinds: &[Fr]) -> Result<Vec<Point>> {
        points::commit_rows(generators, rows, blinds)
    }

    fn commit_matrix(&self, generators: &[Point], matrix: &TernaryMatrix, blinds: &[Fr]) -> Result<Vec<Point>> {
        points::commit_matrix(generators, matrix, blinds)
    }

    fn commit_dense(&self, generators: &[Point], row: &[Fr], blind: Fr) -> Result<Point> {
        points::commit_dense(generators, row, blind)
    }

    fn commit_scalars(&self, pairs: &[(Fr, Fr)]) -> Result<Vec<Point>> {
        points::commit_scalars(pairs)
    }
}
