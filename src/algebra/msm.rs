//! Multi-scalar multiplication `Σ_i k_i·P_i` by buckets (Pippenger) over signed digits.
//!
//! A window of `c` bits puts every point in the bucket of its digit's magnitude, sums all buckets with
//! [`sum_lists`], and weighs them in two levels: with `b − 1 = u·W + v`,
//! `Σ_b b·B_b = W·Σ_u u·R_u + Σ_v (v + 1)·C_v`, R and C being sums of buckets by row and by column, again batched.
//! The parts are exposed so that a parallel caller can run windows side by side; [`msm`] runs them one after the other.

use super::Fr;
use super::batch_add::{Entry, Lists, sum_lists};
use super::g1::Point;
use ark_bn254::G1Projective;
use ark_ff::{AdditiveGroup, PrimeField, Zero};

/// Signed base-`2^c` digits of a list of scalars, window by window, least significant first.
#[derive(Clone, Debug)]
pub struct Digits {
    bits: usize,
    windows: Vec<Vec<i32>>,
}

/// Cost of one window in point additions: every point once, every bucket in a row and in a column sum.
const fn window_cost(points: usize, bits: usize) -> usize {
    points + (1 << bits)
}

fn best_bits(points: usize, scalar_bits: usize) -> usize {
    (2..=14).min_by_key(|&c| (scalar_bits + 1).div_ceil(c) * (window_cost(points, c) + 40)).unwrap_or(8)
}

impl Digits {
    /// Digits of full-width scalars.
    #[must_use]
    pub fn full_width(scalars: &[Fr]) -> Self {
        let scalar_bits = Fr::MODULUS_BIT_SIZE as usize;
        let bits = best_bits(scalars.len(), scalar_bits);
        let mut windows = vec![vec![0; scalars.len()]; (scalar_bits + 1).div_ceil(bits)];
        for (i, scalar) in scalars.iter().enumerate() {
            signed_digits(&scalar.into_bigint().0, bits, &mut windows, |window, digit| window[i] = digit);
        }
        Self { bits, windows }
    }

    /// Digits of small signed integers: a single window while their range is short.
    #[must_use]
    pub fn small(values: &[i32]) -> Self {
        let magnitude = values.iter().map(|v| v.unsigned_abs()).max().unwrap_or(0);
        let scalar_bits = (u32::BITS - magnitude.leading_zeros()) as usize;
        // One unsigned window of b bits has the buckets of a signed one of b + 1.
        if scalar_bits < 12
            && window_cost(values.len(), scalar_bits + 1) <= 2 * window_cost(values.len(), scalar_bits / 2 + 1)
        {
            return Self { bits: scalar_bits + 1, windows: vec![values.to_vec()] };
        }
        let bits = best_bits(values.len(), scalar_bits);
        let count = (scalar_bits + 1).div_ceil(bits);
        let mut windows = vec![vec![0; values.len()]; count];
        for (i, value) in values.iter().enumerate() {
            // Digits of the magnitude, then the sign: the digit set (−2^{c−1}, 2^{c−1}] is not symmetric.
            let limbs = [u64::from(value.unsigned_abs()), 0, 0, 0];
            signed_digits(&limbs, bits, &mut windows, |window, digit| window[i] = digit * value.signum());
        }
        Self { bits, windows }
    }

    /// Buckets of a window: magnitudes from 1 on.
    #[must_use]
    pub const fn buckets(&self) -> usize {
        1 << (self.bits - 1)
    }

    /// The digits of every window.
    #[must_use]
    pub fn windows(&self) -> &[Vec<i32>] {
        &self.windows
    }

    /// `Σ_w 2^{c·w}·sums[w]`: the result from every window's sum.
    pub fn recompose(&self, sums: &[G1Projective]) -> G1Projective {
        let mut total = G1Projective::zero();
        for sum in sums.iter().rev() {
            for _ in 0..self.bits {
                total.double_in_place();
            }
            total += sum;
        }
        total
    }
}

/// Hands every window its digit of `limbs`, from the least significant on.
fn signed_digits(limbs: &[u64; 4], bits: usize, windows: &mut [Vec<i32>], mut put: impl FnMut(&mut Vec<i32>, i32)) {
    let mut carry = 0;
    for (w, window) in windows.iter_mut().enumerate() {
        let digit = extract(limbs, w * bits, bits) + carry;
        carry = i64::from(digit > 1 << (bits - 1));
        put(window, (digit - (carry << bits)) as i32);
    }
}

/// `count` bits of a 256-bit number from bit `from` on.
fn extract(limbs: &[u64; 4], from: usize, count: usize) -> i64 {
    let (word, shift) = (from / 64, from % 64);
    let low = limbs.get(word).map_or(0, |l| l >> shift);
    let high = if shift == 0 { 0 } else { limbs.get(word + 1).map_or(0, |l| l << (64 - shift)) };
    ((low | high) & ((1 << count) - 1)) as i64
}

/// Points by the magnitude of their digits: list `b` has those of `b + 1`, up to `top`; digits of zero drop out.
pub(crate) fn sort(digits: &[i32], top: usize) -> Lists {
    // Counting sort.
    let mut ends = vec![0usize; top + 1];
    for d in digits.iter().filter(|d| **d != 0) {
        ends[d.unsigned_abs() as usize] += 1;
    }
    let mut total = 0;
    for end in &mut ends {
        let n = *end;
        *end = total;
        total += n;
    }
    let mut entries = vec![Entry::new(0, false); total];
    for (i, d) in digits.iter().enumerate().filter(|(_, d)| **d != 0) {
        let at = &mut ends[d.unsigned_abs() as usize];
        entries[*at] = Entry::new(i, *d < 0);
        *at += 1;
    }
    ends.remove(0);
    Lists::from_parts(entries, ends)
}

/// `Σ_i digits[i]·points[i]`.
pub fn window_sum(points: &[Point], digits: &[i32]) -> G1Projective {
    let top = digits.iter().map(|d| d.unsigned_abs() as usize).max().unwrap_or(0);
    if top == 0 {
        return G1Projective::zero();
    }
    weighted_sum(&sum_lists(points, &sort(digits, top)))
}

/// `Σ_b (b + 1)·buckets[b]`.
fn weighted_sum(buckets: &[Option<Point>]) -> G1Projective {
    if buckets.len() <= 32 {
        return running_sum(buckets, 1);
    }
    let width = 1usize << (usize::BITS - buckets.len().leading_zeros()).div_ceil(2);
    let height = buckets.len().div_ceil(width);
    let (points, positions): (Vec<Point>, Vec<usize>) =
        buckets.iter().enumerate().filter_map(|(b, p)| p.map(|p| (p, b))).unzip();
    let mut rows: Vec<Vec<usize>> = vec![Vec::new(); height];
    let mut columns: Vec<Vec<usize>> = vec![Vec::new(); width];
    for (i, b) in positions.iter().enumerate() {
        rows[b / width].push(i);
        columns[b % width].push(i);
    }
    let mut lists = Lists::with_capacity(height + width, 2 * points.len());
    for list in rows.iter().chain(&columns) {
        list.iter().for_each(|&i| lists.push(Entry::new(i, false)));
        lists.close();
    }
    let sums = sum_lists(&points, &lists);
    let (row_sums, column_sums) = sums.split_at(height);
    let mut total = running_sum(row_sums, 0);
    for _ in 0..width.trailing_zeros() {
        total.double_in_place();
    }
    total + running_sum(column_sums, 1)
}

/// `Σ_b (b + first)·buckets[b]`, `first` 0 or 1, by running sums from the top.
fn running_sum(buckets: &[Option<Point>], first: usize) -> G1Projective {
    let (mut running, mut total) = (G1Projective::zero(), G1Projective::zero());
    for bucket in buckets.iter().skip(1 - first).rev() {
        if let Some(p) = bucket {
            running += p.to_affine();
        }
        total += &running;
    }
    total
}

/// `Σ_i scalars[i]·points[i]` over the shorter of the two.
pub fn msm(points: &[Point], scalars: &[Fr]) -> G1Projective {
    let digits = Digits::full_width(scalars);
    let sums: Vec<_> = digits.windows().iter().map(|w| window_sum(points, w)).collect();
    digits.recompose(&sums)
}

/// `Σ_i values[i]·points[i]` for small integers.
pub fn msm_small(points: &[Point], values: &[i32]) -> G1Projective {
    let digits = Digits::small(values);
    let sums: Vec<_> = digits.windows().iter().map(|w| window_sum(points, w)).collect();
    digits.recompose(&sums)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algebra::fr::from_i64;
    use ark_bn254::G1Affine;
    use ark_ec::{PrimeGroup, VariableBaseMSM};
    use ark_ff::{Field, One};

    fn points(n: u64) -> Vec<Point> {
        let g = G1Projective::generator();
        let all: Vec<_> = (1..=n).map(|k| g * Fr::from(k * k + 5).pow([7u64])).collect();
        Point::normalise(&all).unwrap()
    }

    fn arkworks(points: &[Point], scalars: &[Fr]) -> G1Projective {
        let bases: Vec<G1Affine> = points.iter().map(|p| p.to_affine()).collect();
        G1Projective::msm(&bases, scalars).unwrap()
    }

    #[test]
    fn full_width_agrees_with_arkworks() {
        let p = points(700);
        let mut k: Vec<Fr> = (0..700u64).map(|i| (Fr::from(i) + Fr::from(3u64)).inverse().unwrap()).collect();
        (k[0], k[1], k[2]) = (Fr::zero(), Fr::one(), -Fr::one());
        for n in [0, 1, 2, 3, 17, 100, 700] {
            assert_eq!(msm(&p[..n], &k[..n]), arkworks(&p[..n], &k[..n]), "{n} points");
        }
    }

    #[test]
    fn repeated_and_opposite_points() {
        let p = vec![points(1)[0]; 50];
        let k: Vec<Fr> = (0..50u64).map(|i| if i % 2 == 0 { Fr::from(i) } else { -Fr::from(i) }).collect();
        assert_eq!(msm(&p, &k), arkworks(&p, &k));
        assert!(msm(&[p[0], -p[0]], &[Fr::from(9u64), Fr::from(9u64)]).is_zero());
    }

    #[test]
    fn small_values_agree_with_arkworks() {
        let p = points(600);
        for bound in [1i32, 2, 127, 255, 256, 5000, 1 << 20, i32::MAX] {
            let v: Vec<i32> =
                (0..600i64).map(|i| ((i * 7_654_321 + 11) % (2 * i64::from(bound) + 1) - i64::from(bound)) as i32).collect();
            let k: Vec<Fr> = v.iter().map(|v| from_i64(i64::from(*v))).collect();
            let naive: G1Projective = p.iter().zip(&k).map(|(p, k)| p.to_affine() * k).sum();
            assert_eq!(msm_small(&p, &v), naive, "bound {bound}");
            assert_eq!(msm(&p, &k), naive, "bound {bound}, full-width digits");
        }
        assert!(msm_small(&p, &[0; 600]).is_zero());
    }
}
