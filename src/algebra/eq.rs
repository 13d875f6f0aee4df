//! The multilinear Lagrange basis `eq(r, x) = Π_i (r_i x_i + (1 − r_i)(1 − x_i))`.
//!
//! [`table`] writes all `2^k` values by doubling, one multiplication each. [`SplitEq`] keeps two tables of `2^{k/2}` whose
//! outer product is the whole (Dao-Thaler, eprint 2024/1210): a sumcheck that has bound its first `i` variables reads the
//! suffix tables of what is left, and nothing has to be rescaled (Gruen, eprint 2024/108).

use super::Fr;
use ark_ff::{Field, One, Zero};

/// All values `eq(point, x)`, `x` with coordinate 0 as the top bit.
#[must_use]
pub fn table(point: &[Fr]) -> Vec<Fr> {
    scaled_table(point, Fr::one())
}

/// All values `scale·eq(point, x)`.
#[must_use]
pub fn scaled_table(point: &[Fr], scale: Fr) -> Vec<Fr> {
    let mut out = vec![Fr::zero(); 1 << point.len()];
    out[0] = scale;
    let mut len = 1;
    // Coordinates from the last to the first: the entry's existing index bits are the low ones.
    for r in point.iter().rev() {
        let (low, high) = out.split_at_mut(len);
        for (a, b) in low.iter_mut().zip(high) {
            *b = *a * r;
            *a -= *b;
        }
        len *= 2;
    }
    out
}

/// `eq(point, index)` for one index of `point.len()` bits, coordinate 0 first.
#[must_use]
pub fn at(point: &[Fr], index: usize) -> Fr {
    let mut out = Fr::one();
    for (i, r) in point.iter().rev().enumerate() {
        out *= if index >> i & 1 == 1 { *r } else { Fr::one() - r };
    }
    out
}

/// `Σ_{j < width} eq(a, j)·eq(b, j)` in `O(k)` multiplications, for points of `k` coordinates each.
///
/// This is the evaluation at `b` of the column vector of a functional at `a` that is ZERO beyond the logical width of what
/// was committed. Without the mask a prover could hide values in the padding.
///
/// # Panics
/// When the points have different lengths.
#[must_use]
pub fn masked(a: &[Fr], b: &[Fr], width: usize) -> Fr {
    assert_eq!(a.len(), b.len(), "points of one space");
    let k = a.len();
    // suffix[i] = Π_{l ≥ i} (a_l b_l + (1 − a_l)(1 − b_l))
    let mut suffix = vec![Fr::one(); k + 1];
    for i in (0..k).rev() {
        suffix[i] = suffix[i + 1] * (a[i] * b[i] + (Fr::one() - a[i]) * (Fr::one() - b[i]));
    }
    if k >= usize::BITS as usize || width >= 1 << k {
        return suffix[0];
    }
    // Indices below `width` split by the first bit in which they leave its prefix downwards.
    let (mut total, mut prefix) = (Fr::zero(), Fr::one());
    for i in 0..k {
        let zero = (Fr::one() - a[i]) * (Fr::one() - b[i]);
        if width >> (k - 1 - i) & 1 == 1 {
            total += prefix * zero * suffix[i + 1];
            prefix *= a[i] * b[i];
        } else {
            prefix *= zero;
        }
    }
    total
}

/// `eq(w[i..], ·)` for every suffix `i` of a point, as outer products of two small tables.
#[derive(Clone, Debug)]
pub struct SplitEq {
    point: Vec<Fr>,
    /// `high[i]` = table of `w[i..middle]`, for `i ≤ middle`.
    high: Vec<Vec<Fr>>,
    /// `low[i − middle]` = table of `w[i..]`, for `i ≥ middle`.
    low: Vec<Vec<Fr>>,
}

impl SplitEq {
    /// The suffix tables of `point`; about `4·2^{k/2}` multiplications.
    #[must_use]
    pub fn new(point: &[Fr]) -> Self {
        let (first, second) = point.split_at(point.len() / 2);
        Self { point: point.to_vec(), high: suffix_tables(first), low: suffix_tables(second) }
    }

    /// Coordinate `i` of the point.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn coordinate(&self, i: usize) -> Fr {
        self.point[i]
    }

    /// Tables `(H, L)` with `eq(w[from..], (h, l)) = H[h]·L[l]`, `l` the low index bits.
    ///
    /// # Panics
    /// When `from` exceeds the number of coordinates.
    #[must_use]
    pub fn suffix(&self, from: usize) -> (&[Fr], &[Fr]) {
        let middle = self.high.len() - 1;
        if from <= middle { (&self.high[from], &self.low[0]) } else { (&self.high[middle], &self.low[from - middle]) }
    }

    /// The entries `first, first + step, ..` of `eq(w[from..], ·)`, as a split table to be read from 0 on. `step` is a power of
    /// two of at most as many entries as there are.
    ///
    /// # Panics
    /// When `from` exceeds the number of coordinates.
    #[must_use]
    pub fn strided(&self, from: usize, first: usize, step: usize) -> Self {
        let every = |values: &[Fr], first: usize, step: usize| values.iter().skip(first).step_by(step).copied().collect();
        let (high, low) = self.suffix(from);
        let (high, low): (Vec<Fr>, Vec<Fr>) = if step <= low.len() {
            (high.to_vec(), every(low, first, step))
        } else {
            // One entry of the low table belongs to all of them.
            let factor = low[first % low.len()];
            let high: Vec<Fr> = every(high, first / low.len(), step / low.len());
            (high.into_iter().map(|h| h * factor).collect(), vec![Fr::one()])
        };
        let coordinates = self.point.len() - step.trailing_zeros() as usize;
        Self { point: self.point[from..coordinates].to_vec(), high: vec![high], low: vec![low] }
    }
}

fn suffix_tables(point: &[Fr]) -> Vec<Vec<Fr>> {
    (0..=point.len()).map(|i| table(&point[i..])).collect()
}

/// Inverts every element with one field inversion; `None` when one of them is zero.
#[must_use]
pub fn invert_all(values: &[Fr]) -> Option<Vec<Fr>> {
    let mut out = Vec::with_capacity(values.len());
    let mut product = Fr::one();
    for v in values {
        out.push(product);
        product *= v;
    }
    let mut inverse = product.inverse()?;
    for (o, v) in out.iter_mut().zip(values).rev() {
        *o *= inverse;
        inverse *= v;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(k: u64) -> Vec<Fr> {
        (0..k).map(|i| Fr::from(i * 7919 + 13).pow([5u64])).collect()
    }

    #[test]
    fn table_is_the_definition() {
        let r = point(5);
        let t = table(&r);
        for (x, v) in t.iter().enumerate() {
            assert_eq!(*v, at(&r, x));
        }
        assert_eq!(t.iter().sum::<Fr>(), Fr::one());
        assert_eq!(table(&[]), [Fr::one()]);
    }

    #[test]
    fn masked_sum_is_the_definition() {
        let (a, b) = (point(4), point(5)[1..].to_vec());
        let (ta, tb) = (table(&a), table(&b));
        for width in 0..=17 {
            let expected: Fr = ta.iter().zip(&tb).take(width).map(|(x, y)| *x * y).sum();
            assert_eq!(masked(&a, &b, width), expected, "width {width}");
        }
    }

    #[test]
    fn split_tables_multiply_to_the_whole() {
        for k in 0..7 {
            let w = point(k);
            let split = SplitEq::new(&w);
            for from in 0..=w.len() {
                let (h, l) = split.suffix(from);
                let product: Vec<Fr> = h.iter().flat_map(|a| l.iter().map(move |b| *a * b)).collect();
                assert_eq!(product, table(&w[from..]), "k {k}, from {from}");
            }
        }
    }

    #[test]
    fn strided_tables_are_every_nth_entry() {
        for k in 0..7 {
            let w = point(k);
            let split = SplitEq::new(&w);
            for from in 0..=w.len() {
                let whole = table(&w[from..]);
                for (step, first) in [(1, 0), (2, 0), (2, 1), (4, 3), (8, 5), (16, 9)] {
                    if step <= whole.len() {
                        let strided = split.strided(from, first, step);
                        let (h, l) = strided.suffix(0);
                        let product: Vec<Fr> = h.iter().flat_map(|a| l.iter().map(move |b| *a * b)).collect();
                        let expected: Vec<Fr> = whole.iter().skip(first).step_by(step).copied().collect();
                        assert_eq!(product, expected, "k {k}, from {from}, every {step}th from {first}");
                    }
                }
            }
        }
    }

    #[test]
    fn inverts() {
        let values = point(9);
        let inverses = invert_all(&values).unwrap();
        assert!(values.iter().zip(&inverses).all(|(v, i)| (*v * i).is_one()));
        assert_eq!(invert_all(&[Fr::one(), Fr::zero()]), None);
    }
}
