//! Sums `Σ_i c_i·a_i` of field elements with small integer coefficients, without multiplications and reduced once.
//!
//! A field element is split in eight limbs of 32 bits ([`Limbs`]); a sum keeps eight signed 64-bit lanes ([`Lanes`]). Adding a
//! term is eight independent lane operations, no carries, which compilers turn into vector instructions. Carries and the
//! reduction happen once, in [`Lanes::finish`]. This is what makes a ternary linear layer cost one addition per non-zero
//! weight (SpaGKR-LS, eprint 2024/1018, section 4).
//!
//! Bound: as long as `Σ|c_i| < 2^31` no lane overflows (limbs are below 2^32).
//!
//! [`Products`] does the same for sums `Σ_i a_i·b_i` of full-width elements: multiplications, but one reduction.

use super::Fr;
use ark_ff::{BigInt, PrimeField};

/// The largest `Σ|c_i|` that one sum may hold.
pub const MAX_WEIGHT: u64 = 1 << 31;

/// A field element (in Montgomery form) as eight 32-bit limbs, least significant first, each in a 64-bit lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Limbs([i64; 8]);

impl Limbs {
    /// Splits an element.
    #[must_use]
    #[inline]
    pub fn new(value: &Fr) -> Self {
        let w = &value.0.0;
        let lo = |x: u64| (x & 0xffff_ffff) as i64;
        let hi = |x: u64| (x >> 32) as i64;
        Self([lo(w[0]), hi(w[0]), lo(w[1]), hi(w[1]), lo(w[2]), hi(w[2]), lo(w[3]), hi(w[3])])
    }
}

/// An unreduced sum of [`Limbs`] with small coefficients.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
pub struct Lanes([i64; 8]);

impl Lanes {
    /// Adds `a`.
    #[inline]
    pub fn add(&mut self, a: &Limbs) {
        for (s, l) in self.0.iter_mut().zip(&a.0) {
            *s += l;
        }
    }

    /// Subtracts `a`.
    #[inline]
    pub fn sub(&mut self, a: &Limbs) {
        for (s, l) in self.0.iter_mut().zip(&a.0) {
            *s -= l;
        }
    }

    /// Adds `c·a`.
    #[inline]
    pub fn add_multiple(&mut self, c: i32, a: &Limbs) {
        for (s, l) in self.0.iter_mut().zip(&a.0) {
            *s += i64::from(c) * l;
        }
    }

    /// Adds another sum.
    #[inline]
    pub fn merge(&mut self, other: &Self) {
        for (s, l) in self.0.iter_mut().zip(&other.0) {
            *s += l;
        }
    }

    /// The sum as a field element.
    #[must_use]
    pub fn finish(&self) -> Fr {
        // Propagate signed carries: value = Σ limb_i 2^{32 i} + carry 2^256 with 0 ≤ limb_i < 2^32.
        let (mut words, mut carry) = ([0u64; 4], 0i64);
        for (i, lane) in self.0.iter().enumerate() {
            let v = lane + carry;
            words[i / 2] |= ((v & 0xffff_ffff) as u64) << (32 * (i % 2));
            carry = v >> 32;
        }
        // Montgomery form means that carry·2^256 is the element `carry`.
        from_limbs(words) + super::fr::from_i64(carry)
    }
}

/// The element whose Montgomery form is a 256-bit number, which is below 6 times the order.
fn from_limbs(limbs: [u64; 4]) -> Fr {
    let mut out = BigInt(limbs);
    while out >= Fr::MODULUS {
        ark_ff::BigInteger::sub_with_borrow(&mut out, &Fr::MODULUS);
    }
    Fr::new_unchecked(out)
}

/// An unreduced sum of products of field elements: half of a multiplication is its reduction, which is done once.
///
/// Products of Montgomery forms are below 2^508, so 576 bits hold more terms than any memory.
#[derive(Clone, Copy, Debug, Default)]
pub struct Products([u64; 9]);

impl Products {
    /// Adds `a·b`.
    #[inline]
    pub fn add(&mut self, a: &Fr, b: &Fr) {
        let (a, b, sum) = (&a.0.0, &b.0.0, &mut self.0);
        // Row by row into the sum; `top` is what a row carries into the limb above its last.
        let mut top = 0;
        for i in 0..4 {
            let mut carry = 0;
            for j in 0..4 {
                let t = u128::from(a[i]) * u128::from(b[j]) + u128::from(sum[i + j]) + u128::from(carry);
                (sum[i + j], carry) = (t as u64, (t >> 64) as u64);
            }
            let t = u128::from(sum[i + 4]) + u128::from(carry) + u128::from(top);
            (sum[i + 4], top) = (t as u64, (t >> 64) as u64);
        }
        sum[8] += top;
    }

    /// The sum as a field element.
    #[must_use]
    pub fn finish(&self) -> Fr {
        // low + high·2^256 + top·2^512 times 2^-256, each reduced: `one` is the element 2^-256, as its Montgomery form is 1.
        let [l0, l1, l2, l3, h0, h1, h2, h3, top] = self.0;
        let one = Fr::new_unchecked(BigInt([1, 0, 0, 0]));
        from_limbs([l0, l1, l2, l3]) * one + from_limbs([h0, h1, h2, h3]) + Fr::from(top)
    }
}

/// Columns that are summed together: their lanes fill half of a first-level cache.
pub const TILE: usize = 256;

/// A matrix of small integers with one weight per row, for `Σ_β weights[β]·rows[β, ·]`.
pub struct Combination<'a> {
    rows: &'a [i32],
    width: usize,
    weights: Vec<Limbs>,
    /// Rows that one unreduced sum may hold.
    block: usize,
}

impl<'a> Combination<'a> {
    /// `rows` is `B × width`, `weights` has `B` entries.
    #[must_use]
    pub fn new(rows: &'a [i32], width: usize, weights: &[Fr]) -> Self {
        let largest = rows.iter().map(|v| v.unsigned_abs()).max().unwrap_or(0);
        let block = ((MAX_WEIGHT - 1) / u64::from(largest).max(1)).max(1) as usize;
        Self { rows, width, weights: weights.iter().map(Limbs::new).collect(), block }
    }

    /// Columns `from..from + out.len()`, at most [`TILE`].
    pub fn tile(&self, from: usize, out: &mut [Fr]) {
        let rows = self.rows.chunks(self.width.saturating_mul(self.block).max(1));
        for (rows, weights) in rows.zip(self.weights.chunks(self.block)) {
            let mut sums = [Lanes::default(); TILE];
            for (row, weight) in rows.chunks_exact(self.width).zip(weights) {
                for (sum, v) in sums.iter_mut().zip(&row[from..from + out.len()]) {
                    sum.add_multiple(*v, weight);
                }
            }
            out.iter_mut().zip(&sums).for_each(|(o, s)| *o += s.finish());
        }
    }
}

/// `Σ_β weights[β]·rows[β, ·]` of small integers, `rows` being `B × width`.
#[must_use]
pub fn combine_rows(rows: &[i32], width: usize, weights: &[Fr]) -> Vec<Fr> {
    let combination = Combination::new(rows, width, weights);
    let mut out = vec![Fr::default(); width];
    out.chunks_mut(TILE).enumerate().for_each(|(t, out)| combination.tile(t * TILE, out));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algebra::fr::from_i64;
    use ark_ff::{Field, Zero};
    use proptest::prelude::*;

    fn element(seed: u64) -> Fr {
        (Fr::from(seed) + Fr::from(2u64)).pow([11u64])
    }

    proptest! {
        #[test]
        fn agrees_with_field_arithmetic(terms in prop::collection::vec((any::<u64>(), -70_000i32..70_000), 0..60)) {
            let mut sum = Lanes::default();
            let mut expected = Fr::zero();
            for (seed, c) in &terms {
                let a = element(*seed);
                sum.add_multiple(*c, &Limbs::new(&a));
                expected += a * from_i64(i64::from(*c));
            }
            prop_assert_eq!(sum.finish(), expected);
        }
    }

    #[test]
    fn sums_of_products() {
        assert_eq!(Products::default().finish(), Fr::zero());
        let mut sum = Products::default();
        let mut expected = Fr::zero();
        // −1 and the largest Montgomery form, often enough to reach the ninth limb.
        let largest = Fr::new_unchecked(BigInt({
            let mut limbs = Fr::MODULUS.0;
            limbs[0] -= 1;
            limbs
        }));
        for i in 0..200 {
            for (a, b) in [(element(i), element(i + 7)), (-Fr::ONE, element(i)), (largest, largest)] {
                sum.add(&a, &b);
                expected += a * b;
                assert_eq!(sum.finish(), expected);
            }
        }
        assert!(sum.0[8] > 0);
    }

    #[test]
    fn combinations_of_extreme_values() {
        let weights: Vec<Fr> = (0..9).map(element).collect();
        for extreme in [1, 1 << 20, i32::MAX, i32::MIN] {
            let rows: Vec<i32> = (0..9 * 300).map(|i| if i % 3 == 0 { extreme } else { i % 7 - 3 }).collect();
            let expected: Vec<Fr> =
                (0..300).map(|j| (0..9).map(|b| weights[b] * from_i64(i64::from(rows[b * 300 + j]))).sum()).collect();
            assert_eq!(combine_rows(&rows, 300, &weights), expected, "{extreme}");
        }
    }

    #[test]
    fn extreme_sums_do_not_overflow() {
        // −1 in Montgomery form and the largest raw limbs, at the documented limit.
        for a in [-Fr::ONE, Fr::new_unchecked(BigInt::<4>([u64::MAX, u64::MAX, u64::MAX, 0x2fff_ffff_ffff_ffff]))] {
            for c in [i32::MAX, -i32::MAX] {
                let mut sum = Lanes::default();
                sum.add_multiple(c, &Limbs::new(&a));
                assert_eq!(sum.finish(), a * from_i64(i64::from(c)));
            }
        }
        let mut sum = Lanes::default();
        let a = Limbs::new(&element(3));
        (0..1000).for_each(|_| sum.sub(&a));
        (0..999).for_each(|_| sum.add(&a));
        assert_eq!(sum.finish(), -element(3));
    }
}
