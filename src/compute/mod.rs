//! All heavy compute, behind one trait: few verbs, no transcript, no challenge, no protocol names.
//!
//! | backend | what it is |
//! | --- | --- |
//! | [`Reference`](reference::Reference) | the definitions, one thread, nothing clever: what the others are tested against |
//! | [`Cpu`](cpu::Cpu) | every core; lazy reduction, split eq tables, one pass per sumcheck round, batched point additions |
//! | `Gpu` (feature `gpu`) | large tables through wgpu, small ones on the CPU, by thresholds measured at start-up |
//! | [`Cluster`](cluster::Cluster) | one of these on every rank of a job, each with a slice of the large tables |
//!
//! Every backend gives the same field elements and points for the same arguments, so proofs are equal byte for byte.
//! Tables are bound from the top variable down; a table of `2h` entries is the pair of halves `t[..h]`, `t[h..]`.

pub mod ahead;
pub mod cluster;
pub mod cpu;
#[cfg(feature = "gpu")]
pub mod gpu;
pub mod reference;

pub use ahead::Ahead;

use crate::algebra::{Fr, eq::SplitEq, g1::Point};
use crate::model::TernaryMatrix;

/// What a backend could not do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ComputeError {
    /// Not enough memory.
    #[error("{device}: out of memory, {bytes} bytes were wanted; use a smaller batch")]
    OutOfMemory {
        /// The device.
        device: String,
        /// Bytes wanted.
        bytes: usize,
    },
    /// No such device.
    #[error("{why}")]
    NoDevice {
        /// What was looked for, what was found, and what to do.
        why: String,
    },
    /// The device went away, or stopped answering.
    #[error("{device}: the device was lost; use --device cpu")]
    DeviceLost {
        /// The device.
        device: String,
    },
    /// The device wrote something that is no field element.
    #[error("{device}: the device returned wrong values; use --device cpu and run zktern doctor")]
    Faulty {
        /// The device.
        device: String,
    },
    /// One of several ranks that compute together failed, or sent something that does not belong here.
    #[error("rank {rank}: {why}")]
    RankLost {
        /// Which rank, from 0.
        rank: usize,
        /// What it did, or said before it ended.
        why: String,
    },
    /// A sum of points that is the identity: negligible for honest blinds.
    #[error("a commitment is the identity")]
    Identity,
}

/// Result of a verb.
pub type Result<T> = std::result::Result<T, ComputeError>;

/// What a sumcheck round sums, entry by entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Summand {
    /// Tables a, b: `a·b`.
    Product,
    /// Tables p0, p1, q0, q1, the numerators already multiplied by λ: `q1·(q0 + p0) + q0·p1 = λ(p0·q1 + p1·q0) + q0·q1`.
    Fraction,
    /// Table w: `w³ − w`, zero exactly on {−1, 0, 1}.
    Cubic,
}

impl Summand {
    /// THE definition: the reference prover and the tests call it.
    #[must_use]
    pub fn eval(self, t: &[Fr]) -> Fr {
        match (self, t) {
            (Self::Product, [a, b]) => *a * b,
            (Self::Fraction, [p0, p1, q0, q1]) => *q1 * (*q0 + p0) + *q0 * p1,
            (Self::Cubic, [w]) => *w * w * w - w,
            _ => unreachable!("{self:?} of {} tables", t.len()),
        }
    }
}

/// How a round weighs its entries.
#[derive(Clone, Copy, Debug)]
pub enum Weights<'a> {
    /// All alike.
    Plain,
    /// By `eq(w[from..], ·)` of a split table.
    Eq(&'a SplitEq, usize),
}

impl Weights<'_> {
    /// What is left of them for the round after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Plain => Self::Plain,
            Self::Eq(split, from) => Self::Eq(split, from + 1),
        }
    }
}

/// A round polynomial `g(X) = Σ_x weight(x)·f(.., X, ..)` as `[g(0), g(1) − g(0), [X²]g, [X³]g]`.
pub type RoundValues = [Fr; 4];

/// Numerators and denominators of a layer of fractions; `None` stands for numerators that are all one.
#[derive(Clone, Debug)]
pub struct Fractions<T> {
    /// Numerators.
    pub numerators: Option<T>,
    /// Denominators.
    pub denominators: T,
}

impl<T> Fractions<T> {
    /// The same layer, borrowed.
    pub const fn as_ref(&self) -> Fractions<&T> {
        Fractions { numerators: self.numerators.as_ref(), denominators: &self.denominators }
    }
}

/// A device that computes. Verbs are deterministic; sizes are the caller's duty.
pub trait Compute: Send + Sync {
    /// The evaluations of one multilinear extension, resident on the device.
    type Table: Send + Sync;
    /// A ternary matrix, resident on the device.
    type Matrix: Send + Sync;

    /// Name and size of the device, for people.
    fn describe(&self) -> String;

    /// Bytes that the backend holds on a device of its own; `None` without one.
    fn device_bytes(&self) -> Option<u64> {
        None
    }

    /// Stops using a device whose results turned out to be wrong; whether there was one. What follows runs on the CPU.
    fn give_up_device(&self) -> bool {
        false
    }

    /// Waits until the device has done all that it was given: for measurements.
    ///
    /// # Errors
    /// When the device was lost.
    fn wait(&self) -> Result<()> {
        Ok(())
    }

    /// `f(0), .., f(n − 1)`, side by side: host-side bookkeeping.
    fn map<T: Send>(&self, n: usize, f: impl Fn(usize) -> T + Send + Sync) -> Vec<T>;

    /// Both, side by side.
    fn join<A: Send, B: Send>(&self, a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B);

    /// Places a matrix on the device.
    fn load(&self, matrix: &TernaryMatrix) -> Result<Self::Matrix>;

    /// Places values on the device.
    fn upload(&self, values: Vec<Fr>) -> Result<Self::Table>;

    /// Reads values back.
    fn download(&self, table: &Self::Table) -> Result<Vec<Fr>>;

    /// `W·x` for every input of a batch, one after the other: `B × rows`. Exact integers.
    fn apply(&self, matrix: &Self::Matrix, inputs: &[i32], batch: usize) -> Result<Vec<i32>>;

    /// `scale·eq(point, ·)`.
    fn eq_table(&self, point: &[Fr], scale: Fr) -> Result<Self::Table>;

    /// `Σ_i weights[i]·W[i, ·]`, one value per column: one addition per non-zero.
    fn fold_rows(&self, matrix: &Self::Matrix, weights: &Self::Table) -> Result<Self::Table>;

    /// `Σ_β weights[β]·rows[β, ·]` of small integers, `rows` being `B × width`.
    fn combine_rows(&self, rows: &[i32], width: usize, weights: &Self::Table) -> Result<Self::Table>;

    /// `values[indices[i]]`.
    fn gather(&self, values: &[Fr], indices: &[u32]) -> Result<Self::Table>;

    /// A table of `len` zeros with the parts copied to their offsets.
    fn assemble(&self, len: usize, parts: &[(usize, &Self::Table)]) -> Result<Self::Table>;

    /// Copies a table into another, from entry `at` on.
    fn place(&self, into: &mut Self::Table, at: usize, part: &Self::Table) -> Result<()>;

    /// `Σ_i a_i·b_i`.
    fn inner_product(&self, a: &Self::Table, b: &Self::Table) -> Result<Fr>;

    /// The layer above: `p0·q1 + p1·q0` over `q0·q1`.
    fn fraction_layer(&self, below: Fractions<&Self::Table>) -> Result<Fractions<Self::Table>>;

    /// The `count` layers above, the nearest first.
    fn fraction_layers(&self, below: &Fractions<Self::Table>, count: usize) -> Result<Vec<Fractions<Self::Table>>> {
        let mut layers = Vec::with_capacity(count);
        while layers.len() < count {
            layers.push(self.fraction_layer(layers.last().unwrap_or(below).as_ref())?);
        }
        Ok(layers)
    }

    /// Both halves of a table, as `factor·t + offset`.
    fn halves(&self, table: Self::Table, factor: Option<Fr>, offset: Option<Fr>) -> Result<[Self::Table; 2]>;

    /// Binds the tables' top variable first, where one is given, then evaluates the round polynomial: one pass.
    fn round(&self, f: Summand, tables: &mut [Self::Table], weights: Weights<'_>, bind: Option<Fr>) -> Result<RoundValues>;

    /// Binds the tables' top variables to `bind`, none to two of them, then evaluates this round and the next in one pass.
    /// `weights` are those that both rounds leave. `None`, with the tables untouched, where two rounds are as well made one by
    /// one: on a backend without a wait for every round, and for summands that are not [served](Ahead::serves).
    fn rounds_ahead(
        &self,
        f: Summand,
        tables: &mut [Self::Table],
        weights: Weights<'_>,
        bind: &[Fr],
    ) -> Result<Option<Ahead>> {
        let _ = (f, tables, weights, bind);
        Ok(None)
    }

    /// Binds the top variable of every table.
    fn bind(&self, tables: &mut [Self::Table], r: Fr) -> Result<()>;

    /// `Com(row; blind)` for rows of small integers.
    fn commit_rows(&self, generators: &[Point], rows: &[&[i32]], blinds: &[Fr]) -> Result<Vec<Point>>;

    /// `Com(row; blind)` for the rows of a ternary matrix, cut in chunks of the generators' number, by row then chunk.
    fn commit_matrix(&self, generators: &[Point], matrix: &TernaryMatrix, blinds: &[Fr]) -> Result<Vec<Point>>;

    /// `Com(row; blind)` for one row of full-width scalars.
    fn commit_dense(&self, generators: &[Point], row: &[Fr], blind: Fr) -> Result<Point>;

    /// `v·G + ρ·H` for many pairs.
    fn commit_scalars(&self, pairs: &[(Fr, Fr)]) -> Result<Vec<Point>>;
}
