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
    use crate::transcript::Writer;
    use ark_ff::Zero;

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

    /// An entry of both tables.
    type Both = (Fr, Fr);

    impl Sparse {
        /// Whether lists still pay: a dense round touches every position, a sparse one the support only.
        fn pays(&self) -> bool {
            self.bits > 0 && self.positions.len() < 1 << (self.bits - 1)
        }

        /// For every position of the lower half: the entries there and half the table above, zero where there is none. Runs
        /// over slices of the positions side by side.
        fn pairs<C: Compute, T: Send>(
            &self,
            compute: &C,
            empty: impl Fn() -> T + Sync + Send,
            each: impl Fn(&mut T, u32, Both, Both) + Sync + Send,
        ) -> Vec<T> {
            let half = 1u32 << (self.bits - 1);
            let middle = self.positions.partition_point(|p| *p < half);
            let tasks = (self.positions.len() / GRAIN).clamp(1, TASKS).min(half as usize);
            let bound = |t: usize| (u64::from(half) * t as u64 / tasks as u64) as u32;
            let range = |from: usize, to: usize, offset: u32, t: usize| {
                let at = |p: u32| from + self.positions[from..to].partition_point(|q| q - offset < p);
                (at(bound(t)), at(bound(t + 1)))
            };
            let entry = |i: usize| (self.left[i], self.right[i]);
            compute.map(tasks, |t| {
                let mut out = empty();
                let (mut low, low_end) = range(0, middle, 0, t);
                let (mut high, high_end) = range(middle, self.positions.len(), half, t);
                let none = (Fr::zero(), Fr::zero());
                while low < low_end || high < high_end {
                    let of = |i: usize, end: usize, offset| if i < end { self.positions[i] - offset } else { u32::MAX };
                    let (p, q) = (of(low, low_end, 0), of(high, high_end, half));
                    let first = if p <= q { entry(low) } else { none };
                    let second = if q <= p { entry(high) } else { none };
                    low += usize::from(p <= q);
                    high += usize::from(q <= p);
                    each(&mut out, p.min(q), first, second);
                }
                out
            })
        }

        /// `g(0)` and `[X²]g`. An entry without a partner gives to one of them only.
        fn round<C: Compute>(&self, compute: &C) -> [Fr; 2] {
            let sums = self.pairs(
                compute,
                || [Fr::zero(); 2],
                |[a, c], _, (l0, r0), (l1, r1)| {
                    let at_zero = l0 * r0;
                    *a += at_zero;
                    let only_low = l1.is_zero() && r1.is_zero();
                    *c += if only_low { at_zero } else { (l1 - l0) * (r1 - r0) };
                },
            );
            sums.into_iter().fold([Fr::zero(); 2], |[a, c], [x, y]| [a + x, c + y])
        }

        /// Binds the top variable.
        fn bind<C: Compute>(self, compute: &C, r: Fr) -> Self {
            let line = |v0: Fr, v1: Fr| v0 + r * (v1 - v0);
            let parts = self.pairs(
                compute,
                || (Vec::new(), Vec::new(), Vec::new()),
                |(positions, left, right), p, (l0, r0), (l1, r1)| {
                    positions.push(p);
                    left.push(line(l0, l1));
                    right.push(line(r0, r1));
                },
            );
            let mut out = Self { bits: self.bits - 1, positions: Vec::new(), left: Vec::new(), right: Vec::new() };
            for (positions, left, right) in parts {
                out.positions.extend(positions);
                out.left.extend(left);
                out.right.extend(right);
            }
            out
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
                    let [a, c] = sparse.round(compute);
                    let r = send(writer, a, c);
                    sparse = sparse.bind(compute, r);
                }
                spread(sparse.bits, sparse.positions, [sparse.left, sparse.right])
            }
        };
        let [left, right] = tables;
        let rounds = left.len().trailing_zeros();
        let mut tables = [compute.upload(left)?, compute.upload(right)?];
        let mut last = None;
        for _ in 0..rounds {
            let [a, _, c, _] = compute.round(Summand::Product, &mut tables, Weights::Plain, last)?;
            last = Some(send(writer, a, c));
        }
        if let Some(r) = last {
            compute.bind(&mut tables, r)?;
        }
        let value = |t| -> Result<Fr, ProveError> {
            compute.download(t)?.first().copied().ok_or(ProveError::Internal("an empty table"))
        };
        let ends = [value(&tables[0])?, value(&tables[1])?];
        Ok((point, ends))
    }
}
