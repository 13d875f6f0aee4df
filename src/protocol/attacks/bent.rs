//! A backend that lies where it is told to.

use super::polynomial;
use crate::algebra::{Fr, fr, g1::Point};
use crate::compute::{self, Compute, Fractions, RoundValues, Summand, Weights, cpu::Cpu};
use crate::lookup::Table;
use crate::model::TernaryMatrix;
use ark_ff::{Field, One};
use std::sync::{Arc, Mutex};

/// Moves the tuple of one leaf by `(t1, t2)`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shift {
    pub(super) leaf: usize,
    pub(super) t1: i64,
    pub(super) t2: i64,
}

/// A weight that is `extra` more than the network says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heavy {
    /// Outputs and inputs of its layer.
    pub(super) layer: (usize, usize),
    pub(super) row: usize,
    pub(super) column: usize,
    /// Position among all weights of the ternarity proof, of as many.
    pub(super) position: (usize, usize),
    pub(super) extra: i64,
}

/// The CPU, with leaves that may hold tuples outside of every table.
#[derive(Debug, Default)]
pub(super) struct Bent {
    pub(super) shifts: Mutex<(Vec<Table>, Vec<Shift>)>,
    /// Multiplicities, tables end to end: all leaves are shifted so that the sum is right if `S` had the factor 1.
    pub(super) all: Mutex<Option<Vec<i32>>>,
    /// That shift, once it is found.
    pub(super) shift: Arc<Mutex<Option<Fr>>>,
    /// Weights that are not what the network says.
    pub(super) heavy: Mutex<Vec<Heavy>>,
}

/// β, from two neighbouring denominators of different `t2`.
fn beta(tables: &[Table], denominators: &[Fr]) -> Fr {
    let mut start = 0;
    for table in tables {
        for n in 1..table.len() {
            let step = table.entry(n).1 - table.entry(n - 1).1;
            if step != 0 {
                let fall = denominators[start + n - 1] - denominators[start + n] - Fr::one();
                return fall * fr::from_i64(step).inverse().unwrap();
            }
        }
        start += table.len();
    }
    panic!("no table has two values")
}

impl Compute for Bent {
    type Table = Vec<Fr>;
    type Matrix = TernaryMatrix;

    fn describe(&self) -> String {
        "bent".into()
    }

    fn map<T: Send>(&self, n: usize, f: impl Fn(usize) -> T + Send + Sync) -> Vec<T> {
        Cpu.map(n, f)
    }

    // On the caller's thread, which is where a test's oracle answers.
    fn join<A: Send, B: Send>(&self, a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B) {
        (a(), b())
    }

    fn load(&self, matrix: &TernaryMatrix) -> compute::Result<TernaryMatrix> {
        Cpu.load(matrix)
    }

    fn upload(&self, values: Vec<Fr>) -> compute::Result<Vec<Fr>> {
        let mut values = Cpu.upload(values)?;
        // A table of weights holds nothing else; an eq table of that length never does.
        let (len, ternary) = (values.len(), values.iter().all(|v| *v * *v * *v == *v));
        for h in self.heavy.lock().unwrap().iter().filter(|h| ternary && h.position.1 == len) {
            values[h.position.0] += fr::from_i64(h.extra);
        }
        Ok(values)
    }

    fn download(&self, table: &Vec<Fr>) -> compute::Result<Vec<Fr>> {
        Cpu.download(table)
    }

    fn apply(&self, matrix: &TernaryMatrix, inputs: &[i32], batch: usize) -> compute::Result<Vec<i32>> {
        Cpu.apply(matrix, inputs, batch)
    }

    fn eq_table(&self, point: &[Fr], scale: Fr) -> compute::Result<Vec<Fr>> {
        Cpu.eq_table(point, scale)
    }

    fn fold_rows(&self, matrix: &TernaryMatrix, weights: &Vec<Fr>) -> compute::Result<Vec<Fr>> {
        let mut out = Cpu.fold_rows(matrix, weights)?;
        for h in self.heavy.lock().unwrap().iter().filter(|h| h.layer == (matrix.rows(), matrix.columns())) {
            out[h.column] += weights[h.row] * fr::from_i64(h.extra);
        }
        Ok(out)
    }

    fn combine_rows(&self, rows: &[i32], width: usize, weights: &Vec<Fr>) -> compute::Result<Vec<Fr>> {
        Cpu.combine_rows(rows, width, weights)
    }

    fn gather(&self, values: &[Fr], indices: &[u32]) -> compute::Result<Vec<Fr>> {
        let mut leaves = Cpu.gather(values, indices)?;
        let (tables, shifts) = &*self.shifts.lock().unwrap();
        if !shifts.is_empty() {
            let (beta, small) = (beta(tables, values), fr::from_i64);
            shifts.iter().for_each(|s| leaves[s.leaf] -= small(s.t1) + beta * small(s.t2));
        }
        if let Some(counts) = &*self.all.lock().unwrap() {
            let sum = counts.iter().zip(values).map(|(m, v)| Fr::from(*m) * v.inverse().unwrap()).sum();
            let found = polynomial::common_shift(&leaves, sum);
            leaves.iter_mut().for_each(|q| *q -= found.unwrap_or_default());
            *self.shift.lock().unwrap() = found;
        }
        Ok(leaves)
    }

    fn assemble(&self, len: usize, parts: &[(usize, &Vec<Fr>)]) -> compute::Result<Vec<Fr>> {
        Cpu.assemble(len, parts)
    }

    fn place(&self, into: &mut Vec<Fr>, at: usize, part: &Vec<Fr>) -> compute::Result<()> {
        Cpu.place(into, at, part)
    }

    fn inner_product(&self, a: &Vec<Fr>, b: &Vec<Fr>) -> compute::Result<Fr> {
        Cpu.inner_product(a, b)
    }

    fn fraction_layer(&self, below: Fractions<&Vec<Fr>>) -> compute::Result<Fractions<Vec<Fr>>> {
        Cpu.fraction_layer(below)
    }

    fn halves(&self, table: Vec<Fr>, factor: Option<Fr>, offset: Option<Fr>) -> compute::Result<[Vec<Fr>; 2]> {
        Cpu.halves(table, factor, offset)
    }

    fn round(&self, f: Summand, t: &mut [Vec<Fr>], w: Weights<'_>, bind: Option<Fr>) -> compute::Result<RoundValues> {
        Cpu.round(f, t, w, bind)
    }

    fn bind(&self, tables: &mut [Vec<Fr>], r: Fr) -> compute::Result<()> {
        Cpu.bind(tables, r)
    }

    fn commit_rows(&self, generators: &[Point], rows: &[&[i32]], blinds: &[Fr]) -> compute::Result<Vec<Point>> {
        Cpu.commit_rows(generators, rows, blinds)
    }

    fn commit_matrix(&self, generators: &[Point], matrix: &TernaryMatrix, blinds: &[Fr]) -> compute::Result<Vec<Point>> {
        Cpu.commit_matrix(generators, matrix, blinds)
    }

    fn commit_dense(&self, generators: &[Point], row: &[Fr], blind: Fr) -> compute::Result<Point> {
        Cpu.commit_dense(generators, row, blind)
    }

    fn commit_scalars(&self, pairs: &[(Fr, Fr)]) -> compute::Result<Vec<Point>> {
        Cpu.commit_scalars(pairs)
    }
}
