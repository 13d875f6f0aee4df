//! Multiples of a fixed point by a table: `k·P` for full-width `k` in 32 additions and no doublings.
//!
//! The table holds `d·2^{8w}·P` for `1 ≤ d ≤ 128` and every window `w` of eight bits (256 KiB); digits are signed.

use super::Fr;
use super::batch_add::{Entry, Lists, sum_lists};
use super::g1::Point;
use ark_bn254::G1Projective;
use ark_ff::{AdditiveGroup, PrimeField, Zero};

const BITS: usize = 8;
const WINDOWS: usize = 32;
const PER_WINDOW: usize = 1 << (BITS - 1);

/// Multiples of one point.
#[derive(Clone, Debug)]
pub struct FixedBase {
    multiples: Vec<Point>,
}

impl FixedBase {
    /// The table of a point: about 4,000 additions.
    #[must_use]
    pub fn new(base: Point) -> Self {
        let mut all = Vec::with_capacity(WINDOWS * PER_WINDOW);
        let mut power = G1Projective::from(base.to_affine());
        for _ in 0..WINDOWS {
            let mut multiple = power;
            for _ in 0..PER_WINDOW {
                all.push(multiple);
                multiple += &power;
            }
            for _ in 0..BITS {
                power.double_in_place();
            }
        }
        // No multiple below the group's order is the identity, so nothing is dropped here.
        Self { multiples: Point::normalise(&all).unwrap_or_default() }
    }

    /// Positions in the table, and signs, of the terms of `k·P`.
    fn terms(scalar: &Fr) -> impl Iterator<Item = (usize, bool)> + use<> {
        let bytes: [u8; 32] = bytemuck::cast(scalar.into_bigint().0.map(u64::to_le_bytes));
        let mut carry = 0;
        (0..WINDOWS).filter_map(move |w| {
            let digit = i32::from(bytes[w]) + carry;
            carry = i32::from(digit > PER_WINDOW as i32);
            let digit = digit - (carry << BITS);
            (digit != 0).then(|| (w * PER_WINDOW + digit.unsigned_abs() as usize - 1, digit < 0))
        })
    }

    /// `scalar·P`.
    pub fn mul(&self, scalar: &Fr) -> G1Projective {
        self.add_to(G1Projective::zero(), scalar)
    }

    /// `start + scalar·P`.
    pub fn add_to(&self, start: G1Projective, scalar: &Fr) -> G1Projective {
        Self::terms(scalar).fold(start, |acc, (at, negative)| {
            let p = self.multiples[at];
            acc + if negative { -p } else { p }.to_affine()
        })
    }

    /// `scalar·P` for many scalars, batched; `None` for a zero scalar.
    #[must_use]
    pub fn mul_many(&self, scalars: &[Fr]) -> Vec<Option<Point>> {
        let mut lists = Lists::with_capacity(scalars.len(), scalars.len() * WINDOWS);
        for scalar in scalars {
            Self::terms(scalar).for_each(|(at, negative)| lists.push(Entry::new(at, negative)));
            lists.close();
        }
        sum_lists(&self.multiples, &lists)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ec::PrimeGroup;
    use ark_ff::{Field, One};

    #[test]
    fn agrees_with_arkworks() {
        let g = G1Projective::generator();
        let table = FixedBase::new(Point::from_projective(&g).unwrap());
        let mut scalars: Vec<Fr> = (1..40u64).map(|k| Fr::from(k).pow([77u64])).collect();
        scalars.extend([Fr::zero(), Fr::one(), -Fr::one(), Fr::from(128u64), Fr::from(129u64), Fr::from(255u64)]);
        let many = table.mul_many(&scalars);
        for (k, p) in scalars.iter().zip(many) {
            assert_eq!(table.mul(k), g * k);
            assert_eq!(p, Point::from_projective(&(g * k)));
        }
    }
}
