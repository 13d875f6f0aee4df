//! How many non-zeros a row may have so that its accumulator stays within the reach of a table.
//!
//! A row with `p` entries `+1` and `n` entries `−1` on inputs in `[lo, hi]` adds up to between `p·lo − n·hi` and `p·hi − n·lo`.
//! A bound on the row's ℓ1 norm therefore bounds the accumulator (A2Q, arXiv 2308.13504), and for inputs that are never negative
//! only the larger of `p` and `n` counts (A2Q+, arXiv 2401.10432): a row of `K` non-zeros, half of either sign, reaches no
//! further than `K/2·hi`. A cap of `K` here means at most `⌈K/2⌉` entries of either sign on such inputs, so that `K` halves the
//! table at the same number of non-zeros; where inputs may be negative it is a cap on both signs together.

use crate::model::Clamp;
use crate::model::architecture::half;
use crate::model::ranges::MAX_BITS;

/// Part of a table's reach that is kept for the bias and the rounding constant.
const ROOM: i64 = 16;

/// The caps on a row, and the accumulator that they belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Most entries `+1`.
    pub plus: usize,
    /// Most entries `−1`.
    pub minus: usize,
    /// Most entries of both signs.
    pub both: usize,
    /// `k`: accumulators stay in `−2^k ≤ z + half(shift) < 2^k`.
    pub bits: u32,
}

impl Caps {
    /// The caps for rows of at most `cap` non-zeros among `columns`; without a `cap`, no more than the columns.
    ///
    /// `bits` leaves a sixteenth of the sums' own range for the bias.
    #[must_use]
    pub fn new(cap: Option<usize>, columns: usize, range: Clamp) -> Self {
        let both = cap.unwrap_or(2 * columns).min(2 * columns);
        let each = if range.min < 0 { both } else { both.div_ceil(2) };
        let largest = i64::from(range.max.max(-range.min)).max(1) * each.min(columns) as i64;
        let wanted = largest + largest / ROOM;
        let bits = (1..MAX_BITS).find(|k| wanted < 1 << k).unwrap_or(MAX_BITS);
        Self { plus: each.min(columns), minus: each.min(columns), both: both.min(columns), bits }
    }

    /// Whether one more entry of a sign fits to `plus` and `minus` that are there.
    #[must_use]
    pub const fn allow(&self, positive: bool, plus: usize, minus: usize) -> bool {
        plus + minus < self.both && if positive { plus < self.plus } else { minus < self.minus }
    }

    /// The bias nearest to `wanted` with which a row of `plus` and `minus` entries stays within [`Caps::bits`] at a shift.
    #[must_use]
    pub fn bias(&self, wanted: f64, (plus, minus): (usize, usize), range: Clamp, shift: u32) -> i32 {
        let (lo, hi, p, n) = (i64::from(range.min), i64::from(range.max), plus as i64, minus as i64);
        let (below, above) = (p * lo - n * hi + half(shift), p * hi - n * lo + half(shift));
        let reach = 1i64 << self.bits;
        let (least, most) = (-reach - below, reach - 1 - above);
        // A row that does not fit at all keeps a bias in the middle; the network's own range analysis then tells its true bits.
        let nearest = if least <= most { (wanted.round() as i64).clamp(least, most) } else { i64::midpoint(least, most) };
        nearest.clamp(i64::from(i32::MIN / 2), i64::from(i32::MAX / 2)) as i32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ranges;
    use crate::model::{Layer, Requantise, TernaryMatrix};

    #[test]
    fn rows_at_the_cap_stay_within_the_reach_whatever_the_bias() {
        for (range, cap) in [((0, 15), 64), ((0, 255), 49), ((0, 3), 7), ((-8, 7), 30), ((0, 1), 2)] {
            let range = Clamp { min: range.0, max: range.1 };
            let columns = 200;
            let caps = Caps::new(Some(cap), columns, range);
            for shift in 0..3.min(caps.bits + 1) {
                for wanted in [-1e9, -7.0, 0.0, 12.0, 1e9] {
                    let minus = caps.minus.min(caps.both - caps.plus);
                    let row = (0..columns).map(|j| match j {
                        j if j < caps.plus => 1i8,
                        j if j < caps.plus + minus => -1,
                        _ => 0,
                    });
                    let weights = TernaryMatrix::from_rows(columns, [row]).unwrap();
                    assert!(weights.non_zeros() <= cap + cap % 2);
                    let bias = vec![caps.bias(wanted, (caps.plus, minus), range, shift)];
                    let requantise = Some(Requantise { shift, clamp: range });
                    let bound = ranges::bound(0, &Layer { weights, bias, requantise }, range).unwrap();
                    assert!(bound.bits <= caps.bits, "{range:?} {cap} {shift} {wanted}: {} > {}", bound.bits, caps.bits);
                }
            }
        }
    }

    #[test]
    fn sixty_four_non_zeros_of_four_bit_inputs_fit_a_table_of_1024_entries() {
        assert_eq!(Caps::new(Some(64), 784, Clamp { min: 0, max: 15 }).bits + 1, 10);
        assert_eq!(Caps::new(Some(32), 784, Clamp { min: 0, max: 15 }).bits + 1, 9);
        assert_eq!(Caps::new(None, 10, Clamp { min: 0, max: 255 }), Caps { plus: 10, minus: 10, both: 10, bits: 12 });
    }

    #[test]
    fn a_bias_that_fits_is_kept() {
        let range = Clamp { min: 0, max: 15 };
        let caps = Caps::new(Some(64), 784, range);
        assert_eq!(caps.bias(-20.0, (32, 32), range, 3), -20);
        assert_eq!(caps.bias(100.0, (32, 32), range, 3), 511 - 480 - 4);
    }
}
