//! The verbs: each rank does its share, then all know the result.

use super::lockstep::Step;
use super::wire::Wire;
use super::{Cluster, Collective, Matrix, Place, Table};
use crate::algebra::Fr;
use crate::algebra::g1::{self, Point};
use crate::compute::{Compute, ComputeError, Fractions, Result, RoundValues, Summand, Weights};
use crate::model::TernaryMatrix;

/// Field multiplications that an addition of points is worth.
const POINT_ADDITION: usize = 12;
/// Additions of points in a multiplication by a full-width scalar: with buckets, and with tables.
const MULTIPLICATION: usize = 32;
/// Sparse additions, or terms with a small coefficient, that are worth a field multiplication.
const TERMS: usize = 8;

impl<C: Compute, L: Collective> Cluster<C, L> {
    /// The parts of a result that every rank has made of its range, end to end.
    fn join_ranges<T: Wire>(&self, step: Step, mine: &[T], n: usize, each: usize) -> Result<Vec<T>> {
        let parts = self.lockstep.all_gather(step, mine, |rank| each * self.range(n, rank).len())?;
        Ok(parts.into_iter().flatten().collect())
    }

    /// Numerators and denominators of the layer above a rank's own, at the same place.
    fn layer_above(
        &self,
        p: Option<&C::Table>,
        q: &C::Table,
        place: fn(C::Table) -> Place<C::Table>,
    ) -> Result<[Place<C::Table>; 2]> {
        let above = self.told(self.local.fraction_layer(Fractions { numerators: p, denominators: q }))?;
        let none = || ComputeError::Faulty { device: self.local.describe() };
        Ok([place(self.told(above.numerators.ok_or_else(none))?), place(above.denominators)])
    }

    /// Slices tables that will be large once their length is divided by `shrink`, and gathers the others; whether they are
    /// slices now.
    fn settle(&self, tables: &mut [Table<C::Table>], shrink: usize) -> Result<bool> {
        let large = tables.first().is_some_and(|t| self.sliced(t.len / shrink));
        if large {
            self.slice(tables)?
        } else {
            self.spread(tables)?
        }
        Ok(large)
    }

    /// This rank's slice of a table of parts that every rank has: the whole is nowhere.
    fn assemble_slice(&self, len: usize, parts: &[(usize, &Table<C::Table>)]) -> Result<Table<C::Table>> {
        if self.rank() >= self.slices {
            return Ok(Table { len, place: Place::Elsewhere });
        }
        let mut slice = vec![Fr::default(); len / self.slices];
        for (at, table) in parts {
            if let Place::Everywhere(t) = &table.place {
                let first = (self.rank() + self.slices - at % self.slices) % self.slices;
                let values = self.told(self.local.download(t))?;
                let mine = values.iter().skip(first).step_by(self.slices);
                slice[(at + first) / self.slices..].iter_mut().zip(mine).for_each(|(s, v)| *s = *v);
            }
        }
        Ok(Table { len, place: Place::Slice(self.told(self.local.upload(slice))?) })
    }

    /// The values of a rank's own table.
    fn download_local(&self, table: Result<C::Table>) -> Result<Vec<Fr>> {
        self.told(table.and_then(|t| self.local.download(&t)))
    }
}

impl<C: Compute, L: Collective> Compute for Cluster<C, L> {
    type Table = Table<C::Table>;
    type Matrix = Matrix<C::Matrix>;

    fn describe(&self) -> String {
        format!("{} ranks of {}", self.ranks(), self.local.describe())
    }

    fn device_bytes(&self) -> Option<u64> {
        self.local.device_bytes()
    }

    /// Never: the other ranks have gone on with what the device computed, so there is nothing to run again from.
    fn give_up_device(&self) -> bool {
        false
    }

    fn wait(&self) -> Result<()> {
        self.told(self.local.wait())
    }

    fn map<T: Send>(&self, n: usize, f: impl Fn(usize) -> T + Send + Sync) -> Vec<T> {
        self.local.map(n, f)
    }

    /// One after the other: steps have an order, the same on all ranks.
    fn join<A: Send, B: Send>(&self, a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B) {
        let first = a();
        (first, b())
    }

    fn load(&self, matrix: &TernaryMatrix) -> Result<Self::Matrix> {
        let (rows, columns, non_zeros) = (matrix.rows(), matrix.columns(), matrix.non_zeros());
        let load = |rows: std::ops::Range<usize>, columns: std::ops::Range<usize>| {
            let some = !rows.is_empty() && !columns.is_empty();
            some.then(|| self.told(self.local.load(&matrix.part(rows, columns)))).transpose()
        };
        let small = !self.shared(non_zeros / TERMS);
        Ok(Matrix {
            whole: small.then(|| self.told(self.local.load(matrix))).transpose()?,
            rows: load(self.mine(rows), 0..columns)?,
            columns: load(0..rows, self.mine(columns))?,
            shape: (rows, columns),
            non_zeros,
        })
    }

    fn upload(&self, values: Vec<Fr>) -> Result<Self::Table> {
        self.everywhere(values)
    }

    fn download(&self, table: &Self::Table) -> Result<Vec<Fr>> {
        Ok(self.values(&[table])?.swap_remove(0))
    }

    fn apply(&self, matrix: &Self::Matrix, inputs: &[i32], batch: usize) -> Result<Vec<i32>> {
        let rows = matrix.shape.0;
        if let Some(whole) = matrix.whole.as_ref().filter(|_| !self.shared(matrix.non_zeros * batch / TERMS)) {
            return self.told(self.local.apply(whole, inputs, batch));
        }
        let mine = matrix.rows.as_ref().map(|m| self.told(self.local.apply(m, inputs, batch)));
        let mine = mine.transpose()?.unwrap_or_default();
        let parts = self.lockstep.all_gather(Step::Apply, &mine, |rank| batch * self.range(rows, rank).len())?;
        let mut out = vec![0; rows * batch];
        for (rank, part) in parts.iter().enumerate() {
            let range = self.range(rows, rank);
            if !range.is_empty() {
                let of_input = out.chunks_exact_mut(rows).zip(part.chunks_exact(range.len()));
                of_input.for_each(|(z, part)| z[range.clone()].copy_from_slice(part));
            }
        }
        Ok(out)
    }

    fn eq_table(&self, point: &[Fr], scale: Fr) -> Result<Self::Table> {
        let table = self.told(self.local.eq_table(point, scale))?;
        Ok(Table { len: 1 << point.len(), place: Place::Everywhere(table) })
    }

    fn fold_rows(&self, matrix: &Self::Matrix, weights: &Self::Table) -> Result<Self::Table> {
        let Place::Everywhere(weights) = &weights.place else {
            let weights = self.everywhere(self.download(weights)?)?;
            return self.fold_rows(matrix, &weights);
        };
        let values = if let Some(whole) = &matrix.whole {
            self.download_local(self.local.fold_rows(whole, weights))?
        } else {
            let mine = matrix.columns.as_ref().map(|m| self.download_local(self.local.fold_rows(m, weights)));
            self.join_ranges(Step::Fold, &mine.transpose()?.unwrap_or_default(), matrix.shape.1, 1)?
        };
        self.everywhere(values)
    }

    fn combine_rows(&self, rows: &[i32], width: usize, weights: &Self::Table) -> Result<Self::Table> {
        let Place::Everywhere(weights) = &weights.place else {
            let weights = self.everywhere(self.download(weights)?)?;
            return self.combine_rows(rows, width, &weights);
        };
        if !self.shared(rows.len() / TERMS) {
            return self.everywhere(self.download_local(self.local.combine_rows(rows, width, weights))?);
        }
        // By columns: nothing has to be added up, and a batch of one is shared as well.
        let range = self.mine(width);
        let mine = if range.is_empty() {
            Vec::new()
        } else {
            let part: Vec<i32> = rows.chunks_exact(width).flat_map(|row| row[range.clone()].iter().copied()).collect();
            self.download_local(self.local.combine_rows(&part, range.len(), weights))?
        };
        self.everywhere(self.join_ranges(Step::Combine, &mine, width, 1)?)
    }

    fn gather(&self, values: &[Fr], indices: &[u32]) -> Result<Self::Table> {
        let len = indices.len();
        let place = if !self.sliced(len) {
            Place::Everywhere(self.told(self.local.gather(values, indices))?)
        } else if self.rank() < self.slices {
            Place::Slice(self.told(self.local.gather(values, &self.stride(indices)))?)
        } else {
            Place::Elsewhere
        };
        Ok(Table { len, place })
    }

    fn assemble(&self, len: usize, parts: &[(usize, &Self::Table)]) -> Result<Self::Table> {
        let here = parts.iter().all(|(_, table)| matches!(table.place, Place::Everywhere(_)));
        if here && self.sliced(len) {
            return self.assemble_slice(len, parts);
        }
        let local: Option<Vec<(usize, &C::Table)>> = parts
            .iter()
            .map(|(at, table)| if let Place::Everywhere(t) = &table.place { Some((*at, t)) } else { None })
            .collect();
        if let Some(parts) = local {
            return Ok(Table { len, place: Place::Everywhere(self.told(self.local.assemble(len, &parts))?) });
        }
        let values = self.values(&parts.iter().map(|(_, t)| *t).collect::<Vec<_>>())?;
        let spread = values.into_iter().map(|v| self.everywhere(v)).collect::<Result<Vec<_>>>()?;
        self.assemble(len, &parts.iter().zip(&spread).map(|((at, _), t)| (*at, t)).collect::<Vec<_>>())
    }

    fn place(&self, into: &mut Self::Table, at: usize, part: &Self::Table) -> Result<()> {
        let whole = match (&mut into.place, &part.place) {
            (Place::Everywhere(into), Place::Everywhere(part)) => return self.told(self.local.place(into, at, part)),
            (Place::Slice(into), Place::Slice(part)) if at.is_multiple_of(self.slices) => {
                return self.told(self.local.place(into, at / self.slices, part));
            }
            (Place::Elsewhere, Place::Elsewhere) if at.is_multiple_of(self.slices) => return Ok(()),
            (Place::Everywhere(_), _) => [self.everywhere(self.download(part)?)?],
            (_, Place::Everywhere(part_of_all))
                if at.is_multiple_of(self.slices) && part.len.is_multiple_of(self.slices) =>
            {
                let values = self.told(self.local.download(part_of_all))?;
                let mut slice = [self.everywhere(values)?];
                self.slice(&mut slice)?;
                slice
            }
            _ => {
                self.spread(std::slice::from_mut(into))?;
                [self.everywhere(self.download(part)?)?]
            }
        };
        self.place(into, at, &whole[0])
    }

    fn inner_product(&self, a: &Self::Table, b: &Self::Table) -> Result<Fr> {
        let part = match (&a.place, &b.place) {
            (Place::Everywhere(a), Place::Everywhere(b)) => return self.told(self.local.inner_product(a, b)),
            (Place::Slice(a), Place::Slice(b)) => self.told(self.local.inner_product(a, b))?,
            (Place::Elsewhere, Place::Elsewhere) => Fr::default(),
            _ => {
                let mut values = self.values(&[a, b])?.into_iter().map(|v| self.everywhere(v));
                let (Some(a), Some(b)) = (values.next(), values.next()) else { return Ok(Fr::default()) };
                return self.inner_product(&a?, &b?);
            }
        };
        Ok(self.lockstep.all_reduce(Step::InnerProduct, [part])?[0])
    }

    fn fraction_layer(&self, below: Fractions<&Self::Table>) -> Result<Fractions<Self::Table>> {
        let len = below.denominators.len / 2;
        let [p, q] = match (below.numerators.map(|p| &p.place), &below.denominators.place) {
            (None | Some(Place::Elsewhere), Place::Elsewhere) => [Place::Elsewhere, Place::Elsewhere],
            (None, Place::Slice(q)) => self.layer_above(None, q, Place::Slice)?,
            (Some(Place::Slice(p)), Place::Slice(q)) => self.layer_above(Some(p), q, Place::Slice)?,
            (None, Place::Everywhere(q)) => self.layer_above(None, q, Place::Everywhere)?,
            (Some(Place::Everywhere(p)), Place::Everywhere(q)) => self.layer_above(Some(p), q, Place::Everywhere)?,
            _ => {
                let p = below.numerators.map(|p| self.everywhere(self.download(p)?)).transpose()?;
                let q = self.everywhere(self.download(below.denominators)?)?;
                return self.fraction_layer(Fractions { numerators: p.as_ref(), denominators: &q });
            }
        };
        let mut layer = [Table { len, place: p }, Table { len, place: q }];
        if !self.sliced(len) {
            self.spread(&mut layer)?;
        }
        let [numerators, denominators] = layer;
        Ok(Fractions { numerators: Some(numerators), denominators })
    }

    fn halves(&self, table: Self::Table, factor: Option<Fr>, offset: Option<Fr>) -> Result<[Self::Table; 2]> {
        let len = table.len / 2;
        let places = match table.place {
            Place::Everywhere(t) => self.told(self.local.halves(t, factor, offset))?.map(Place::Everywhere),
            Place::Slice(t) => self.told(self.local.halves(t, factor, offset))?.map(Place::Slice),
            Place::Elsewhere => [Place::Elsewhere, Place::Elsewhere],
        };
        Ok(places.map(|place| Table { len, place }))
    }

    fn round(&self, f: Summand, tables: &mut [Self::Table], weights: Weights<'_>, bind: Option<Fr>) -> Result<RoundValues> {
        let shrink = if bind.is_some() { 2 } else { 1 };
        let large = self.settle(tables, shrink)?;
        // The lowest coordinates of the weights are this rank's number.
        let own = match weights {
            Weights::Eq(split, from) if large => Some(split.strided(from, self.rank() % self.slices, self.slices)),
            _ => None,
        };
        let weights = own.as_ref().map_or(weights, |split| Weights::Eq(split, 0));
        let mine = self.on_local(tables, |local| self.local.round(f, local, weights, bind))?.unwrap_or_default();
        tables.iter_mut().for_each(|t| t.len /= shrink);
        if large { self.lockstep.all_reduce(Step::Round, mine) } else { Ok(mine) }
    }

    fn bind(&self, tables: &mut [Self::Table], r: Fr) -> Result<()> {
        self.settle(tables, 2)?;
        self.on_local(tables, |local| self.local.bind(local, r))?;
        tables.iter_mut().for_each(|t| t.len /= 2);
        Ok(())
    }

    fn commit_rows(&self, generators: &[Point], rows: &[&[i32]], blinds: &[Fr]) -> Result<Vec<Point>> {
        let values: usize = rows.iter().map(|r| r.len()).sum();
        if !self.shared((values + MULTIPLICATION * rows.len()) * POINT_ADDITION) {
            return self.told(self.local.commit_rows(generators, rows, blinds));
        }
        // In turn: rows of one kind, which cost about the same, follow each other.
        let (rank, ranks) = (self.rank(), self.ranks());
        let my_rows: Vec<&[i32]> = rows.iter().skip(rank).step_by(ranks).copied().collect();
        let my_blinds: Vec<Fr> = blinds.iter().skip(rank).step_by(ranks).copied().collect();
        let mine = self.told(self.local.commit_rows(generators, &my_rows, &my_blinds))?;
        let count = |rank: usize| (rows.len() + ranks - 1 - rank) / ranks;
        let all = self.lockstep.all_gather(Step::Commit, &mine, count)?;
        Ok((0..rows.len()).map(|i| all[i % ranks][i / ranks]).collect())
    }

    fn commit_matrix(&self, generators: &[Point], matrix: &TernaryMatrix, blinds: &[Fr]) -> Result<Vec<Point>> {
        if !self.shared((matrix.non_zeros() + MULTIPLICATION * blinds.len()) * POINT_ADDITION) {
            return self.told(self.local.commit_matrix(generators, matrix, blinds));
        }
        let (rows, columns) = (self.mine(matrix.rows()), matrix.columns());
        let chunks = columns.div_ceil(generators.len());
        let blinds = &blinds[rows.start * chunks..rows.end * chunks];
        let mine = if rows.is_empty() {
            Vec::new()
        } else {
            self.told(self.local.commit_matrix(generators, &matrix.part(rows, 0..columns), blinds))?
        };
        self.join_ranges(Step::Commit, &mine, matrix.rows(), chunks)
    }

    fn commit_dense(&self, generators: &[Point], row: &[Fr], blind: Fr) -> Result<Point> {
        let len = row.len().min(generators.len());
        if !self.shared(len * MULTIPLICATION * POINT_ADDITION) {
            return self.told(self.local.commit_dense(generators, row, blind));
        }
        // Blinds that add up to the blind, none of them zero: a part of a row may be all zeros, and no point is the identity.
        let (range, ranks) = (self.mine(len), self.ranks() as u64);
        let share = match self.rank() as u64 {
            0 => blind - Fr::from(ranks * (ranks - 1) / 2),
            rank => Fr::from(rank),
        };
        let mine = self.told(self.local.commit_dense(&generators[range.clone()], &row[range], share))?;
        let all = self.lockstep.all_gather(Step::Commit, &[mine], |_| 1)?;
        Point::from_projective(&g1::sum(all.into_iter().flatten())).ok_or(ComputeError::Identity)
    }

    fn commit_scalars(&self, pairs: &[(Fr, Fr)]) -> Result<Vec<Point>> {
        if !self.shared(2 * pairs.len() * MULTIPLICATION * POINT_ADDITION) {
            return self.told(self.local.commit_scalars(pairs));
        }
        let mine = self.told(self.local.commit_scalars(&pairs[self.mine(pairs.len())]))?;
        self.join_ranges(Step::Commit, &mine, pairs.len(), 1)
    }
}
