//! Roots of polynomials over Fr: what a forger needs to solve for a shift.

use crate::algebra::{Fr, fr};
use crate::transcript::digest;
use ark_ff::{Field, One, PrimeField, Zero};

/// Coefficients, lowest first, without leading zeros.
type Poly = Vec<Fr>;

fn trim(mut a: Poly) -> Poly {
    while a.last().is_some_and(Zero::is_zero) {
        a.pop();
    }
    a
}

fn mul(a: &[Fr], b: &[Fr]) -> Poly {
    let mut out = vec![Fr::zero(); (a.len() + b.len()).saturating_sub(1)];
    for (i, x) in a.iter().enumerate() {
        b.iter().enumerate().for_each(|(j, y)| out[i + j] += *x * y);
    }
    trim(out)
}

fn rem(mut a: Poly, m: &[Fr]) -> Poly {
    let lead = m.last().unwrap().inverse().unwrap();
    while a.len() >= m.len() {
        let k = *a.last().unwrap() * lead;
        let at = a.len() - m.len();
        m.iter().enumerate().for_each(|(i, y)| a[at + i] -= k * y);
        a.pop();
    }
    trim(a)
}

fn gcd(mut a: Poly, mut b: Poly) -> Poly {
    while !b.is_empty() {
        (a, b) = (b.clone(), rem(a, &b));
    }
    a
}

fn power(base: &[Fr], exponent: impl AsRef<[u64]>, m: &[Fr]) -> Poly {
    let mut out = vec![Fr::one()];
    for bit in ark_ff::BitIteratorBE::without_leading_zeros(exponent) {
        out = rem(mul(&out, &out), m);
        if bit {
            out = rem(mul(&out, base), m);
        }
    }
    out
}

fn minus(mut a: Poly, b: &[Fr]) -> Poly {
    a.resize(a.len().max(b.len()), Fr::zero());
    b.iter().enumerate().for_each(|(i, v)| a[i] -= v);
    trim(a)
}

/// A root, where there is one (Cantor-Zassenhaus).
pub(super) fn root(f: &[Fr]) -> Option<Fr> {
    let x = [Fr::zero(), Fr::one()];
    let mut g = gcd(f.to_vec(), minus(power(&x, Fr::MODULUS, f), &x));
    for n in 0u64.. {
        if g.len() <= 2 {
            break;
        }
        let h = power(&[fr::from_uniform(&digest([n.to_be_bytes()])), Fr::one()], Fr::MODULUS_MINUS_ONE_DIV_TWO, &g);
        let d = gcd(g.clone(), minus(h, &[Fr::one()]));
        if (2..g.len()).contains(&d.len()) {
            g = d;
        }
    }
    (g.len() == 2).then(|| -g[0] * g[1].inverse().unwrap())
}

/// The shift `δ` with `Σ_i 1/(q_i − δ) = sum − δ`.
pub(super) fn common_shift(leaves: &[Fr], sum: Fr) -> Option<Fr> {
    let mut distinct: Vec<(Fr, u64)> = Vec::new();
    for q in leaves {
        match distinct.iter_mut().find(|(d, _)| d == q) {
            Some((_, n)) => *n += 1,
            None => distinct.push((*q, 1)),
        }
    }
    let without = |skip: Option<usize>| {
        let factors = distinct.iter().enumerate().filter(|(i, _)| Some(*i) != skip);
        factors.fold(vec![Fr::one()], |p, (_, (q, _))| mul(&p, &[*q, -Fr::one()]))
    };
    let mut f = mul(&without(None), &[-sum, Fr::one()]);
    for (i, (_, n)) in distinct.iter().enumerate() {
        let term = mul(&without(Some(i)), &[-Fr::from(*n)]);
        f = minus(f, &term);
    }
    root(&f).filter(|r| !r.is_zero())
}

#[test]
fn roots_are_found() {
    let linear = |r: u64| [-Fr::from(r), Fr::one()];
    let f = mul(&mul(&linear(5), &linear(7)), &mul(&linear(11), &[Fr::one(), Fr::zero(), Fr::one()]));
    let found = root(&f).unwrap();
    assert!(f.iter().rev().fold(Fr::zero(), |s, c| s * found + c).is_zero());
    let leaves = [3u64, 8, 8, 20].map(Fr::from);
    if let Some(d) = common_shift(&leaves, Fr::from(77u64)) {
        let sum: Fr = leaves.iter().map(|q| (*q - d).inverse().unwrap()).sum();
        assert_eq!(sum, Fr::from(77u64) - d);
    }
}
