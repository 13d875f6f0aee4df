//! Many machines, one proof: the same prover runs on every rank of a job, and the verbs share the work.
//!
//! All ranks run the same protocol code in lockstep, on the same statement, with the same seed of blinds: every rank writes the
//! whole transcript and derives every challenge itself, so nothing but results of verbs is sent. A [`Cluster`] wraps a rank's
//! own backend, and its verbs return what that backend alone would return: sums of field elements are exact and canonical, sums
//! of points are normalised. The proof is therefore that of a single process, byte for byte.
//!
//! | file | duty |
//! | --- | --- |
//! | `collective` | [`Collective`]: what carries messages; [`Threads`]: the ranks of a job in one process |
//! | `mpi` (feature `mpi`) | the ranks of an MPI job |
//! | `lockstep` | [`Lockstep`]: numbered steps; a rank that fails or is out of step is named |
//! | `wire` | field elements, points and integers as 64-bit words |
//! | `verbs` | the verbs |
//!
//! # Who does what
//! A table of at least [`Grain::entries`] entries a rank is sliced by its LOWEST index bits: of `S = 2^k` slices, rank `w`
//! holds the entries `w, w + S, w + 2S, ..`. The lowest bits of a lookup leaf are the input's number, so a slice is a part of
//! the batch; and since tables are bound from the top variable down, layers, halves and rounds need no entry of another rank. A
//! round weighs by `eq`, whose lowest `k` coordinates are fixed on a rank; the ranks' four values are then added up. A table
//! that has become small is gathered and is the same everywhere from then on. `S` is the largest power of two that is at most
//! the number of ranks; ranks beyond it have no slices, but their share of everything else.
//!
//! With `R` ranks, `B` inputs, a layer of `n` outputs and `m` inputs, `2^K` lookups, rows of width `M`, `e` = [`Grain::entries`]:
//!
//! | verb | shared by | a rank sends | times a proof |
//! | --- | --- | --- | --- |
//! | `gather` | slices | nothing | 1 |
//! | `fraction_layer`, `halves`, `bind` | slices | nothing | |
//! | `round`, sliced | slices | 4 field elements (128 bytes) | about `(K − log2(S·e))²/2` |
//! | slices that are gathered | | up to `4·2e` field elements (32 KiB) | once a sumcheck: `K − log2(S·e)` |
//! | `apply` | rows of the matrix | `4·B·n/R` bytes | once a layer |
//! | `fold_rows`, `combine_rows` | columns | `32·m/R`, `32·n/R` bytes | once a layer |
//! | `commit_rows` | rows | `64/R` bytes a row | once in 4,096 rows |
//! | `commit_scalars` | pairs | `64/R` bytes a pair, some `K²` pairs | 3 |
//! | `commit_dense` | ranges of the row | one point (64 bytes) | 1 |
//!
//! A message has a head of 8 bytes; MPI's first part of it is a block of 256 bytes, in which a round's values fit. Work below
//! [`Grain::work`] is done by all ranks alike: a message would take longer.
//!
//! # What to expect
//! Steps wait for each other: a proof takes `T_alike + T_shared/R + steps·L + bytes/bandwidth`, with `L ≈ log2(R)·latency` of a
//! gathering of small messages. With `K = 20` there are some 100 rounds, 20 gatherings of slices and 20 other steps. Within a
//! machine (`L` of a few µs) they cost below 1 ms; over 10 GbE (some 30 µs a hop, 180 µs for 64 ranks) about 30 ms; over
//! InfiniBand (2 µs a hop) about 2 ms. Most bytes are those of `apply`, whose results all ranks need: `4·B·Σn` in all, 2 MB for
//! `B = 64` and 8,192 hidden neurons, 2 ms at 10 Gbit/s.
//!
//! `T_alike` is what every rank does: hashing the statement (10 ms a million input values), finding table entries, tables and
//! their inverses, the last `log2(S·e)` rounds of every sumcheck, and the commitments to a round's messages. Processor time of a
//! rank, in ms, of proofs that take one thread about 0.7 s (ranks as threads of one process, on a busy machine):
//!
//! | network, batch | 1 | 2 | 4 | 8 | 16 ranks |
//! | --- | --- | --- | --- | --- | --- |
//! | 784-512-10, 1024 | 733 | 427 | 292 | 226 | 190 |
//! | 784-4096-4096-10, 64 | 665 | 420 | 263 | 196 | 160 |
//!
//! Two processes under `mpirun --bind-to core`, one thread each, take 0.41 s for either where one takes 0.68 s and 0.72 s (medians
//! of eight): 1.67 and 1.76 times faster.
//!
//! The table shows a `T_alike` of 130 to 155 ms, a fifth of the whole, so that no number of ranks makes these proofs more than five
//! times faster: 64 ranks are expected to take 140 to 165 ms. It grows with the statement, the tables and `K²`, but not with
//! the number of activations or weights: where these are a hundred times as many (`K = 26`), the shared part is a hundred
//! times as large. A proof of a minute is expected to have 2 to 4 % that is done alike, and 64 ranks to make it 20 to 30 times
//! faster; this extrapolates, nobody has measured it.
//!
//! Memory: a rank holds its slices of the tables and its parts of matrices, but all inputs, activations and table positions.
//! Proofs are verified and written by rank 0 alone.

mod collective;
mod lockstep;
#[cfg(feature = "mpi")]
mod mpi;
#[cfg(test)]
mod tests;
mod verbs;
mod wire;

pub use collective::{Collective, Threads};
pub use lockstep::{Lockstep, Step};
#[cfg(feature = "mpi")]
pub use mpi::Mpi;

use super::{Compute, Result};
use crate::algebra::Fr;
use std::ops::Range;
use std::sync::Arc;

/// From which size on work is shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grain {
    /// Entries of a table on each rank below which it is gathered, at least 2.
    pub entries: usize,
    /// Field multiplications (some 25 ns each) below which all ranks do the same.
    pub work: usize,
}

impl Default for Grain {
    /// A gathering takes as long as a few hundred multiplications on one machine, as some thousand over a network.
    fn default() -> Self {
        Self { entries: 128, work: 1 << 12 }
    }
}

/// One rank's backend and its place among the others. Clones share the place.
pub struct Cluster<C, L: Collective> {
    local: C,
    lockstep: Arc<Lockstep<L>>,
    grain: Grain,
    /// A power of two; ranks from here on have no slices.
    slices: usize,
}

impl<C: Clone, L: Collective> Clone for Cluster<C, L> {
    fn clone(&self) -> Self {
        let Self { local, lockstep, grain, slices } = self;
        Self { local: local.clone(), lockstep: Arc::clone(lockstep), grain: *grain, slices: *slices }
    }
}

/// A table of a [`Cluster`].
#[derive(Debug)]
pub struct Table<T> {
    /// Entries on all ranks together.
    len: usize,
    place: Place<T>,
}

#[derive(Debug)]
enum Place<T> {
    /// The same on every rank.
    Everywhere(T),
    /// This rank's slice.
    Slice(T),
    /// Sliced, and this rank has no slice.
    Elsewhere,
}

/// A matrix of a [`Cluster`].
#[derive(Debug)]
pub struct Matrix<M> {
    /// All of it, where it is small enough that a single input or fold is not worth sharing.
    whole: Option<M>,
    /// This rank's rows, for products; `None` where it has none.
    rows: Option<M>,
    /// This rank's columns, for folds; `None` where it has none.
    columns: Option<M>,
    /// Rows and columns of the whole.
    shape: (usize, usize),
    /// Non-zeros of the whole.
    non_zeros: usize,
}

impl<C: Compute, L: Collective> Cluster<C, L> {
    /// A rank's place, with its own backend.
    pub fn new(local: C, lockstep: Arc<Lockstep<L>>, grain: Grain) -> Self {
        let ranks = lockstep.ranks().max(1);
        let grain = Grain { entries: grain.entries.max(2), ..grain };
        Self { local, grain, slices: 1 << ranks.ilog2(), lockstep }
    }

    fn rank(&self) -> usize {
        self.lockstep.rank()
    }

    fn ranks(&self) -> usize {
        self.lockstep.ranks()
    }

    /// Whether work of so many field multiplications is shared.
    fn shared(&self, multiplications: usize) -> bool {
        self.ranks() > 1 && multiplications >= self.grain.work
    }

    /// Whether a table of so many entries is sliced.
    fn sliced(&self, len: usize) -> bool {
        // As many entries on a rank as there are slices: the coordinates that a rank fixes are in the low half of a split table.
        self.slices > 1 && len.is_power_of_two() && len / self.slices >= self.grain.entries.max(self.slices)
    }

    /// What this rank's own backend returned; a failure is told to the others.
    fn told<T>(&self, result: Result<T>) -> Result<T> {
        result.inspect_err(|e| self.lockstep.abandon(&e.to_string()))
    }

    /// A rank's part of `0..n`.
    fn range(&self, n: usize, rank: usize) -> Range<usize> {
        let at = |r: usize| (n as u128 * r as u128 / self.ranks() as u128) as usize;
        at(rank)..at(rank + 1)
    }

    /// This rank's part of `0..n`.
    fn mine(&self, n: usize) -> Range<usize> {
        self.range(n, self.rank())
    }

    /// This rank's entries of a table.
    fn stride<T: Copy>(&self, values: &[T]) -> Vec<T> {
        values.iter().skip(self.rank()).step_by(self.slices).copied().collect()
    }

    /// The same values on every rank, from every rank's.
    fn everywhere(&self, values: Vec<Fr>) -> Result<Table<C::Table>> {
        let len = values.len();
        Ok(Table { len, place: Place::Everywhere(self.told(self.local.upload(values))?) })
    }

    /// The values of tables, gathered in one step where they are sliced.
    fn values(&self, tables: &[&Table<C::Table>]) -> Result<Vec<Vec<Fr>>> {
        let mut mine = Vec::new();
        let mut total = 0;
        let mut out = Vec::with_capacity(tables.len());
        for table in tables {
            out.push(match &table.place {
                Place::Everywhere(t) => self.told(self.local.download(t))?,
                Place::Slice(t) => {
                    mine.extend(self.told(self.local.download(t))?);
                    Vec::new()
                }
                Place::Elsewhere => Vec::new(),
            });
            total += if let Place::Everywhere(_) = table.place { 0 } else { table.len / self.slices };
        }
        if total == 0 {
            return Ok(out);
        }
        let all = self.lockstep.all_gather(Step::Tables, &mine, |rank| if rank < self.slices { total } else { 0 })?;
        let mut from = 0;
        for (table, values) in tables.iter().zip(&mut out) {
            if !matches!(table.place, Place::Everywhere(_)) {
                let each = table.len / self.slices;
                *values = (0..table.len).map(|i| all[i % self.slices][from + i / self.slices]).collect();
                from += each;
            }
        }
        Ok(out)
    }

    /// Makes tables the same on every rank.
    fn spread(&self, tables: &mut [Table<C::Table>]) -> Result<()> {
        let away: Vec<&Table<C::Table>> = tables.iter().filter(|t| !matches!(t.place, Place::Everywhere(_))).collect();
        if away.is_empty() {
            return Ok(());
        }
        let mut values = self.values(&away)?.into_iter();
        for table in tables.iter_mut().filter(|t| !matches!(t.place, Place::Everywhere(_))) {
            *table = self.everywhere(values.next().unwrap_or_default())?;
        }
        Ok(())
    }

    /// Keeps this rank's slice of tables only.
    fn slice(&self, tables: &mut [Table<C::Table>]) -> Result<()> {
        for table in tables {
            if let Place::Everywhere(t) = &table.place {
                table.place = if self.rank() < self.slices {
                    let values = self.stride(&self.told(self.local.download(t))?);
                    Place::Slice(self.told(self.local.upload(values))?)
                } else {
                    Place::Elsewhere
                };
            }
        }
        Ok(())
    }

    /// The rank's own tables of which all are everywhere, or all are slices; runs `f` on them and puts them back.
    fn on_local<T>(
        &self,
        tables: &mut [Table<C::Table>],
        f: impl FnOnce(&mut [C::Table]) -> Result<T>,
    ) -> Result<Option<T>> {
        let lens: Vec<usize> = tables.iter().map(|t| t.len).collect();
        let is_slice = matches!(tables.first().map(|t| &t.place), Some(Place::Slice(_)));
        let take = |t: &mut Table<C::Table>| match std::mem::replace(&mut t.place, Place::Elsewhere) {
            Place::Everywhere(t) | Place::Slice(t) => Some(t),
            Place::Elsewhere => None,
        };
        let Some(mut local) = tables.iter_mut().map(take).collect::<Option<Vec<_>>>() else { return Ok(None) };
        let result = self.told(f(&mut local))?;
        for ((table, len), t) in tables.iter_mut().zip(lens).zip(local) {
            *table = Table { len, place: if is_slice { Place::Slice(t) } else { Place::Everywhere(t) } };
        }
        Ok(Some(result))
    }
}
