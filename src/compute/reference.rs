//! The definitions of all verbs, as plainly as they can be written.

use super::{Ahead, Compute, ComputeError, Fractions, Result, RoundValues, Summand, Weights};
use crate::algebra::{Fr, eq, fr::from_i64, g1, g1::Point, mle};
use crate::commit::Generators;
use crate::model::TernaryMatrix;
use ark_bn254::G1Projective;
use ark_ff::{One, Zero};

/// One thread, no tricks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reference;

fn point(sum: G1Projective) -> Result<Point> {
    Point::from_projective(&sum).ok_or(ComputeError::Identity)
}

/// The weight of entry `x` of what a round leaves.
fn weight(weights: Weights<'_>, x: usize) -> Fr {
    match weights {
        Weights::Plain => Fr::one(),
        Weights::Eq(split, from) => {
            let (high, low) = split.suffix(from);
            high[x / low.len()] * low[x % low.len()]
        }
    }
}

impl Compute for Reference {
    type Table = Vec<Fr>;
    type Matrix = TernaryMatrix;

    fn describe(&self) -> String {
        "reference (naive, 1 thread)".into()
    }

    fn map<T: Send>(&self, n: usize, f: impl Fn(usize) -> T + Send + Sync) -> Vec<T> {
        (0..n).map(f).collect()
    }

    fn join<A: Send, B: Send>(&self, a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B) {
        (a(), b())
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
        let rows: Vec<Vec<i8>> = (0..matrix.rows()).map(|i| matrix.dense_row(i)).collect();
        let dot = |row: &[i8], x: &[i32]| row.iter().zip(x).map(|(w, x)| i64::from(*w) * i64::from(*x)).sum::<i64>();
        let of_input = |x| rows.iter().map(move |row| dot(row, x) as i32);
        Ok(inputs.chunks_exact(matrix.columns()).take(batch).flat_map(of_input).collect())
    }

    fn eq_table(&self, r: &[Fr], scale: Fr) -> Result<Vec<Fr>> {
        Ok((0..1 << r.len()).map(|x| scale * eq::at(r, x)).collect())
    }

    fn fold_rows(&self, matrix: &TernaryMatrix, weights: &Vec<Fr>) -> Result<Vec<Fr>> {
        let mut out = vec![Fr::zero(); matrix.columns()];
        for (i, weight) in weights.iter().enumerate().take(matrix.rows()) {
            for (sum, w) in out.iter_mut().zip(matrix.dense_row(i)) {
                *sum += *weight * from_i64(i64::from(w));
            }
        }
        Ok(out)
    }

    fn combine_rows(&self, rows: &[i32], width: usize, weights: &Vec<Fr>) -> Result<Vec<Fr>> {
        let mut out = vec![Fr::zero(); width];
        for (row, weight) in rows.chunks_exact(width).zip(weights) {
            for (sum, v) in out.iter_mut().zip(row) {
                *sum += *weight * from_i64(i64::from(*v));
            }
        }
        Ok(out)
    }

    fn gather(&self, values: &[Fr], indices: &[u32]) -> Result<Vec<Fr>> {
        Ok(indices.iter().map(|i| values[*i as usize]).collect())
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
        Ok(mle::inner_product(a, b))
    }

    fn fraction_layer(&self, below: Fractions<&Vec<Fr>>) -> Result<Fractions<Vec<Fr>>> {
        let q = below.denominators;
        let h = q.len() / 2;
        let ones = vec![Fr::one(); q.len()];
        let p = below.numerators.unwrap_or(&ones);
        Ok(Fractions {
            numerators: Some((0..h).map(|i| p[i] * q[i + h] + p[i + h] * q[i]).collect()),
            denominators: (0..h).map(|i| q[i] * q[i + h]).collect(),
        })
    }

    fn halves(&self, table: Vec<Fr>, factor: Option<Fr>, offset: Option<Fr>) -> Result<[Vec<Fr>; 2]> {
        let all: Vec<Fr> =
            table.into_iter().map(|t| t * factor.unwrap_or(Fr::one()) + offset.unwrap_or(Fr::zero())).collect();
        let (low, high) = all.split_at(all.len() / 2);
        Ok([low.to_vec(), high.to_vec()])
    }

    fn round(&self, f: Summand, tables: &mut [Vec<Fr>], weights: Weights<'_>, bind: Option<Fr>) -> Result<RoundValues> {
        if let Some(r) = bind {
            self.bind(tables, r)?;
        }
        let h = tables[0].len() / 2;
        // g(0), g(1), g(2), g(3), then differences.
        let g: [Fr; 4] = [0u64, 1, 2, 3].map(|at| {
            let entry = |x: usize| {
                let bound: Vec<Fr> = tables.iter().map(|t| t[x] + Fr::from(at) * (t[x + h] - t[x])).collect();
                weight(weights, x) * f.eval(&bound)
            };
            (0..h).map(entry).sum()
        });
        let two = Fr::from(2u64);
        let three = Fr::from(3u64);
        let third = g[3] - three * g[2] + three * g[1] - g[0];
        let cubic = third / Fr::from(6u64);
        let square = (g[2] - two * g[1] + g[0]) / two - three * cubic;
        Ok([g[0], g[1] - g[0], square, cubic])
    }

    fn rounds_ahead(&self, f: Summand, tables: &mut [Vec<Fr>], weights: Weights<'_>, bind: &[Fr]) -> Result<Option<Ahead>> {
        if !Ahead::serves(f) {
            return Ok(None);
        }
        for r in bind {
            self.bind(tables, *r)?;
        }
        let n = tables[0].len() / 4;
        // G at {0, 1, 2}², then differences for the coefficients of squares.
        let at = |x: u64, y: u64| -> Fr {
            let entry = |i: usize| {
                let bound = tables.iter().map(|t| {
                    let line = |from: usize| t[from] + Fr::from(y) * (t[from + n] - t[from]);
                    line(i) + Fr::from(x) * (line(i + 2 * n) - line(i))
                });
                weight(weights, i) * f.eval(&bound.collect::<Vec<_>>())
            };
            (0..n).map(entry).sum()
        };
        let two = Fr::from(2u64);
        let with_square = |[g0, g1, g2]: [Fr; 3]| [g0, g1, (g2 - two * g1 + g0) / two];
        let rows = [0, 1, 2].map(|x| with_square([0, 1, 2].map(|y| at(x, y))));
        let columns = [0, 1, 2].map(|j| with_square(rows.map(|row| row[j])));
        Ok(Some(Ahead([0, 1, 2].map(|i| columns.map(|column| column[i])))))
    }

    fn bind(&self, tables: &mut [Vec<Fr>], r: Fr) -> Result<()> {
        tables.iter_mut().for_each(|t| mle::bind_top(t, r));
        Ok(())
    }

    fn commit_rows(&self, generators: &[Point], rows: &[&[i32]], blinds: &[Fr]) -> Result<Vec<Point>> {
        let dense = |row: &[i32]| row.iter().map(|v| from_i64(i64::from(*v))).collect::<Vec<_>>();
        rows.iter().zip(blinds).map(|(row, blind)| self.commit_dense(generators, &dense(row), *blind)).collect()
    }

    fn commit_matrix(&self, generators: &[Point], matrix: &TernaryMatrix, blinds: &[Fr]) -> Result<Vec<Point>> {
        let rows: Vec<Vec<i32>> =
            (0..matrix.rows()).map(|i| matrix.dense_row(i).into_iter().map(i32::from).collect()).collect();
        let chunks: Vec<&[i32]> = rows.iter().flat_map(|r| r.chunks(generators.len())).collect();
        self.commit_rows(generators, &chunks, blinds)
    }

    fn commit_dense(&self, generators: &[Point], row: &[Fr], blind: Fr) -> Result<Point> {
        let sum: G1Projective = generators.iter().zip(row).map(|(g, w)| g.to_affine() * w).sum();
        point(sum + Generators::h().to_affine() * blind)
    }

    fn commit_scalars(&self, pairs: &[(Fr, Fr)]) -> Result<Vec<Point>> {
        let g = g1::sum([Generators::g()]);
        let h = g1::sum([Generators::h()]);
        pairs.iter().map(|(v, r)| point(g * v + h * r)).collect()
    }
}
