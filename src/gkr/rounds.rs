//! One sumcheck `e = Σ_i left(i)·right(i)` in the clear: two field elements a round, as in [`sumcheck`](crate::sumcheck).

use super::GkrError;
use crate::algebra::Fr;
use crate::sumcheck::plain_update;
use crate::transcript::Reader;

/// `rounds` rounds, verifier: the claim that is left, and its point.
///
/// # Errors
/// When a message is missing or not canonical.
pub fn verify(reader: &mut Reader<'_>, rounds: usize, mut e: Fr) -> Result<(Fr, Vec<Fr>), GkrError> {
    let mut point = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let (a, c) = (reader.field("a")?, reader.field("c")?);
        let r = reader.challenge("r");
        e = plain_update(e, a, c, r);
        point.push(r);
    }
    Ok((e, point))
}

#[cfg(feature = "prover")]
pub use prover::prove;

#[cfg(feature = "prover")]
mod prover {
    use super::Fr;
    use crate::compute::{Compute, Summand, Weights};
    use crate::gkr::circuit::{Support, Vector};
    use crate::protocol::ProveError;
    use crate::sumcheck::Rounds;
    use crate::transcript::Writer;
    use ark_ff::{One, Zero};

    /// Entries that a task merges at least.
    const GRAIN: usize = 1 << 11;
    /// Most tasks of a round.
    const TASKS: usize = 64;

    /// Both tables on their common support, in ascending order of positions.
    struct Sparse {
        bits: usize,
        positions: Vec<u32>,
        left: Vec<Fr>,
        right: Vec<Fr>,
    }

    /// What stands for an entry that is not on the support.
    const NONE: u32 = u32::MAX;

    /// A position of the lower half that has an entry there or half the table above: which entries these are.
    #[derive(Clone, Copy)]
    struct Pair {
        position: u32,
        low: u32,
        high: u32,
    }

    impl Sparse {
        /// Whether lists still pay: a dense round has four multiplications for every pair of positions, a sparse one about
        /// four and the lists for every pair with an entry.
        fn pays(&self) -> bool {
            self.bits > 0 && 3 * self.positions.len() < 1 << self.bits
        }

        /// Merges the entries of both halves, ranges of positions side by side.
        fn pairs<C: Compute>(&self, compute: &C) -> Vec<Pair> {
            let half = 1u32 << (self.bits - 1);
            let middle = self.positions.partition_point(|p| *p < half);
            let tasks = (self.positions.len() / GRAIN).clamp(1, TASKS).min(half as usize);
            let bound = |t: usize| (u64::from(half) * t as u64 / tasks as u64) as u32;
            let range = |from: usize, to: usize, offset: u32, t: usize| {
                let at = |p: u32| from + self.positions[from..to].partition_point(|q| q - offset < p);
                (at(bound(t)), at(bound(t + 1)))
            };
            let parts = compute.map(tasks, |t| {
                let (mut low, low_end) = range(0, middle, 0, t);
                let (mut high, high_end) = range(middle, self.positions.len(), half, t);
                let mut out = Vec::with_capacity(low_end - low + high_end - high);
                while low < low_end || high < high_end {
                    let of = |i: usize, end: usize, offset| if i < end { self.positions[i] - offset } else { NONE };
                    let (p, q) = (of(low, low_end, 0), of(high, high_end, half));
                    let entry = |here: bool, i: usize| if here { i as u32 } else { NONE };
                    out.push(Pair { position: p.min(q), low: entry(p <= q, low), high: entry(q <= p, high) });
                    low += usize::from(p <= q);
                    high += usize::from(q <= p);
                }
                out
            });
            parts.concat()
        }

        /// `g(0)` and `[X²]g`. An entry without a partner costs one multiplication.
        fn round<C: Compute>(&self, compute: &C, pairs: &[Pair]) -> [Fr; 2] {
            let entry = |i: u32| (self.left[i as usize], self.right[i as usize]);
            let add = |[a, c]: [Fr; 2], pair: &Pair| match (pair.low, pair.high) {
                (i, NONE) => {
                    let (l, r) = entry(i);
                    let at_zero = l * r;
                    [a + at_zero, c + at_zero]
                }
                (NONE, i) => {
                    let (l, r) = entry(i);
                    [a, c + l * r]
                }
                (i, j) => {
                    let ((l0, r0), (l1, r1)) = (entry(i), entry(j));
                    [a + l0 * r0, c + (l1 - l0) * (r1 - r0)]
                }
            };
            let zero = [Fr::zero(); 2];
            let sums = compute.map(pairs.len().div_ceil(GRAIN), |t| {
                pairs[t * GRAIN..pairs.len().min((t + 1) * GRAIN)].iter().fold(zero, add)
            });
            sums.into_iter().fold(zero, |[a, c], [x, y]| [a + x, c + y])
        }

        /// Binds the top variable.
        fn bind<C: Compute>(&self, compute: &C, pairs: &[Pair], r: Fr) -> Self {
            let without = Fr::one() - r;
            let line = |table: &[Fr], pair: &Pair| match (pair.low, pair.high) {
                (i, NONE) => table[i as usize] * without,
                (NONE, i) => table[i as usize] * r,
                (i, j) => table[i as usize] + r * (table[j as usize] - table[i as usize]),
            };
            let bound = |table: &[Fr]| compute.map(pairs.len(), |i| line(table, &pairs[i]));
            Self {
                bits: self.bits - 1,
                positions: pairs.iter().map(|p| p.position).collect(),
                left: bound(&self.left),
                right: bound(&self.right),
            }
        }
    }

    /// Both tables in full.
    fn spread(bits: usize, positions: Vec<u32>, tables: [Vec<Fr>; 2]) -> [Vec<Fr>; 2] {
        let vector = Vector::sparse(bits, positions);
        tables.map(|t| vector.spread(&t))
    }

    /// The sumcheck over `vector`'s positions, prover: the point, and both tables' extensions there.
    ///
    /// Neither the claim nor its updates are needed: a round's messages follow from the tables.
    ///
    /// # Errors
    /// When the device fails.
    pub fn prove<C: Compute>(
        writer: &mut Writer<'_>,
        compute: &C,
        vector: &Vector,
        tables: [Vec<Fr>; 2],
    ) -> Result<(Vec<Fr>, [Fr; 2]), ProveError> {
        let mut point = Vec::with_capacity(vector.bits());
        let mut send = |writer: &mut Writer<'_>, a: Fr, c: Fr| {
            writer.field("a", &a);
            writer.field("c", &c);
            let r = writer.challenge("r");
            point.push(r);
            r
        };
        let tables = match vector.support() {
            Support::Dense => tables,
            Support::Sparse(positions) => {
                let [left, right] = tables;
                let mut sparse = Sparse { bits: vector.bits(), positions: positions.clone(), left, right };
                while sparse.pays() {
                    let pairs = sparse.pairs(compute);
                    let [a, c] = sparse.round(compute, &pairs);
                    let r = send(writer, a, c);
                    sparse = sparse.bind(compute, &pairs, r);
                }
                spread(sparse.bits, sparse.positions, [sparse.left, sparse.right])
            }
        };
        let [left, right] = tables;
        let rounds = left.len().trailing_zeros();
        let mut tables = [compute.upload(left)?, compute.upload(right)?];
        let mut passes = Rounds::default();
        for left in (1..=rounds as usize).rev() {
            let [a, _, c, _] = passes.next(compute, Summand::Product, &mut tables, Weights::Plain, left)?;
            passes.challenge(send(writer, a, c));
        }
        passes.finish(compute, &mut tables)?;
        let value = |t| -> Result<Fr, ProveError> {
            compute.download(t)?.first().copied().ok_or(ProveError::Internal("an empty table"))
        };
        let ends = [value(&tables[0])?, value(&tables[1])?];
        Ok((point, ends))
    }
}
