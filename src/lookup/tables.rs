//! The public tables. None is stored: entries follow from the architecture.

use crate::algebra::{Fr, eq, fr::from_i64};
use crate::model::Clamp;
use crate::model::architecture::{half, requantise};
use ark_ff::Zero;

/// A table of pairs `(t1, t2)`; every pair has a different `t1`, consecutive from the first on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// Mode (a): `(z, T(q'(z)))` for `−2^k ≤ z + half < 2^k`.
    Accumulator {
        /// `k`.
        bits: u32,
        /// Right shift.
        shift: u32,
        /// `T`.
        clamp: Clamp,
    },
    /// Mode (b): remainders `(r, 0)` for `0 ≤ r < 2^shift`.
    Remainder {
        /// Right shift.
        shift: u32,
    },
    /// Mode (b): `(q', T(q'))` for `−2^bits ≤ q' < 2^bits`.
    Activation {
        /// `k − shift`.
        bits: u32,
        /// `T`.
        clamp: Clamp,
    },
    /// Private inputs: `(x, 0)` over the input range.
    Input {
        /// The range.
        range: Clamp,
    },
}

impl Table {
    /// Number of entries.
    #[must_use]
    pub const fn len(&self) -> usize {
        match *self {
            Self::Accumulator { bits, .. } | Self::Activation { bits, .. } => 1 << (bits + 1),
            Self::Remainder { shift } => 1 << shift,
            Self::Input { range } => range.len(),
        }
    }

    /// Never.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// `t1` of the first entry.
    const fn first(&self) -> i64 {
        match *self {
            Self::Accumulator { bits, shift, .. } => -(1 << bits) - half(shift),
            Self::Remainder { .. } => 0,
            Self::Activation { bits, .. } => -(1 << bits),
            Self::Input { range } => range.min as i64,
        }
    }

    fn second(&self, t1: i64) -> i64 {
        match *self {
            Self::Accumulator { shift, clamp, .. } => clamp.apply(requantise(t1, shift)),
            Self::Activation { clamp, .. } => clamp.apply(t1),
            Self::Remainder { .. } | Self::Input { .. } => 0,
        }
    }

    /// Entry `n`.
    #[must_use]
    pub fn entry(&self, n: usize) -> (i64, i64) {
        let t1 = self.first() + n as i64;
        (t1, self.second(t1))
    }

    /// Position of the entry with this `t1`; `None` outside the table.
    #[must_use]
    pub fn position(&self, t1: i64) -> Option<u32> {
        let n = t1 - self.first();
        (0..self.len() as i64).contains(&n).then_some(n as u32)
    }

    /// `t1` of the lookup that padding makes: the row of zeros, `z = q' = y = x = 0`, whose remainder is `half(s)`.
    #[must_use]
    pub const fn zero_pattern(&self) -> i64 {
        match *self {
            Self::Remainder { shift } => half(shift),
            _ => 0,
        }
    }
}

/// `α − key(t1, t2, id)`: the denominator of a tuple.
#[must_use]
pub fn denominator(alpha: Fr, beta: Fr, id: u64, (t1, t2): (i64, i64)) -> Fr {
    alpha - from_i64(t1) - beta * (from_i64(t2) + beta * Fr::from(id))
}

/// All denominators of a table, `id` being its number from 1: two additions an entry where `t2` repeats.
#[must_use]
pub fn denominators(table: &Table, id: u64, alpha: Fr, beta: Fr) -> Vec<Fr> {
    let one = Fr::from(1u64);
    let Some((mut t1, mut t2)) = (!table.is_empty()).then(|| table.entry(0)) else { return Vec::new() };
    let mut current = denominator(alpha, beta, id, (t1, t2));
    (0..table.len())
        .map(|_| {
            let out = current;
            t1 += 1;
            current -= one;
            let next = table.second(t1);
            if next != t2 {
                current -= beta * from_i64(next - t2);
                t2 = next;
            }
            out
        })
        .collect()
}

/// `Σ_n eq(point, n)/(α − key_n)`: the table's public side at a point; `None` when a challenge hits a key.
#[must_use]
pub fn evaluate_inverses(table: &Table, id: u64, alpha: Fr, beta: Fr, point: &[Fr]) -> Option<Fr> {
    let inverses = eq::invert_all(&denominators(table, id, alpha, beta))?;
    Some(inverses.iter().zip(eq::table(point)).fold(Fr::zero(), |sum, (v, e)| sum + e * v))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_positions_and_denominators_agree() {
        let clamp = Clamp { min: -1, max: 5 };
        let tables = [
            Table::Accumulator { bits: 5, shift: 2, clamp },
            Table::Accumulator { bits: 3, shift: 0, clamp },
            Table::Remainder { shift: 3 },
            Table::Remainder { shift: 0 },
            Table::Activation { bits: 3, clamp },
            Table::Input { range: Clamp { min: -2, max: 4 } },
        ];
        let (alpha, beta) = (Fr::from(1_234_567u64), Fr::from(891_011u64));
        for table in tables {
            let all = denominators(&table, 3, alpha, beta);
            assert_eq!(all.len(), table.len());
            for (n, d) in all.iter().enumerate() {
                let entry = table.entry(n);
                assert_eq!(table.position(entry.0), Some(n as u32));
                assert_eq!(*d, denominator(alpha, beta, 3, entry));
            }
            let first = table.entry(0).0;
            assert_eq!(table.position(first - 1), None);
            assert_eq!(table.position(first + table.len() as i64), None);
            assert!(table.position(table.zero_pattern()).is_some());
            let n = table.position(table.zero_pattern()).unwrap();
            assert_eq!(table.entry(n as usize).1, 0, "T(0) = 0");
        }
    }
}
