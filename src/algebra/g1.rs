//! Points of BN254's first group, `y² = x³ + 3`, cofactor one.
//!
//! A [`Point`] is affine and never the identity: commitments are never the identity except with negligible probability, and
//! the wire format has no encoding for it, so the type rules it out. On the wire a point is 32 bytes: the x coordinate,
//! big-endian, with the parity of y in the top bit.

use super::Fq;
use super::fr::{WORD, big_int};
use ark_bn254::{G1Affine, G1Projective};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{BigInteger, Field, PrimeField, Zero};

/// An affine point that is not the identity.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct Point {
    x: Fq,
    y: Fq,
}

const SIGN: u8 = 0x80;

impl Point {
    /// A point from its coordinates; `None` when they are not on the curve.
    #[must_use]
    pub fn new(x: Fq, y: Fq) -> Option<Self> {
        (y.square() == curve_rhs(x)).then_some(Self { x, y })
    }

    /// Trusted coordinates: for sums of points that are on the curve by construction.
    pub(crate) const fn new_unchecked(x: Fq, y: Fq) -> Self {
        Self { x, y }
    }

    /// The point with the given x and the parity of y; `None` when there is none.
    #[must_use]
    pub fn from_x(x: Fq, odd: bool) -> Option<Self> {
        let y = curve_rhs(x).sqrt()?;
        let y = if y.into_bigint().is_odd() == odd { y } else { -y };
        Some(Self { x, y })
    }

    /// The x coordinate.
    #[must_use]
    pub const fn x(&self) -> Fq {
        self.x
    }

    /// The y coordinate.
    #[must_use]
    pub const fn y(&self) -> Fq {
        self.y
    }

    /// The affine form of a projective point; `None` for the identity.
    #[must_use]
    pub fn from_projective(p: &G1Projective) -> Option<Self> {
        Self::from_affine(&p.into_affine())
    }

    /// Affine forms of many points with one inversion; `None` when one of them is the identity.
    #[must_use]
    pub fn normalise(points: &[G1Projective]) -> Option<Vec<Self>> {
        G1Projective::normalize_batch(points).iter().map(Self::from_affine).collect()
    }

    fn from_affine(a: &G1Affine) -> Option<Self> {
        a.xy().map(|(x, y)| Self { x, y })
    }

    /// The same point as arkworks writes it.
    pub const fn to_affine(self) -> G1Affine {
        G1Affine::new_unchecked(self.x, self.y)
    }

    /// 32 bytes: x big-endian, the parity of y in the top bit.
    #[must_use]
    pub fn encode(&self) -> [u8; WORD] {
        let mut out = coordinate(&self.x);
        if self.y.into_bigint().is_odd() {
            out[0] |= SIGN;
        }
        out
    }

    /// Reads 32 bytes; `None` when x is not below the field's order or is not on the curve.
    #[must_use]
    pub fn decode(bytes: &[u8; WORD]) -> Option<Self> {
        let mut x = *bytes;
        x[0] &= !SIGN;
        Self::from_x(Fq::from_bigint(big_int(&x))?, bytes[0] & SIGN != 0)
    }

    /// 64 bytes: both coordinates, big-endian. Costs no square root to read: for keys of many rows.
    #[must_use]
    pub fn encode_uncompressed(&self) -> [u8; 2 * WORD] {
        let mut out = [0; 2 * WORD];
        out[..WORD].copy_from_slice(&coordinate(&self.x));
        out[WORD..].copy_from_slice(&coordinate(&self.y));
        out
    }

    /// Reads 64 bytes; `None` when a coordinate is not canonical or the point is not on the curve.
    #[must_use]
    pub fn decode_uncompressed(bytes: &[u8; 2 * WORD]) -> Option<Self> {
        let (x, y) = bytes.split_first_chunk::<WORD>()?;
        let y: &[u8; WORD] = y.try_into().ok()?;
        Self::new(Fq::from_bigint(big_int(x))?, Fq::from_bigint(big_int(y))?)
    }
}

impl std::ops::Neg for Point {
    type Output = Self;
    fn neg(self) -> Self {
        Self { x: self.x, y: -self.y }
    }
}

fn curve_rhs(x: Fq) -> Fq {
    x.square() * x + Fq::from(3u64)
}

fn coordinate(value: &Fq) -> [u8; WORD] {
    let mut out = [0; WORD];
    out.copy_from_slice(&value.into_bigint().to_bytes_be());
    out
}

/// The sum of affine points, some possibly negated, by mixed additions: for a handful of points.
pub fn sum(points: impl IntoIterator<Item = Point>) -> G1Projective {
    points.into_iter().fold(G1Projective::zero(), |acc, p| acc + p.to_affine())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ec::PrimeGroup;

    #[test]
    fn encodings_round_trip_and_refuse_the_rest() {
        for k in 1..20u64 {
            let p = Point::from_projective(&(G1Projective::generator() * ark_bn254::Fr::from(k))).unwrap();
            assert_eq!(Point::decode(&p.encode()), Some(p));
            assert_eq!(Point::decode(&(-p).encode()), Some(-p));
            assert_eq!(Point::decode_uncompressed(&p.encode_uncompressed()), Some(p));
            let mut off = p.encode_uncompressed();
            off[63] ^= 1;
            assert_eq!(Point::decode_uncompressed(&off), None);
        }
        assert_eq!(Point::from_projective(&G1Projective::zero()), None);
        assert_eq!(Point::decode(&[0x7f; WORD]), None, "x not below the field's order");
        assert_eq!(Point::decode_uncompressed(&[0; 64]), None, "the origin is not on the curve");
        let off = (0..200u64).filter(|&x| Point::from_x(Fq::from(x), false).is_none()).count();
        assert!((60..140).contains(&off), "about half of all x are not on the curve");
    }

    #[test]
    fn agrees_with_arkworks() {
        let g = G1Affine::generator();
        let p = Point::new(g.x, g.y).unwrap();
        assert_eq!(sum([p, p, -p]), G1Projective::generator());
    }
}
