//! Canonical encodings of scalars.
//!
//! A scalar is 32 bytes, big-endian, strictly below the group order; anything else is refused, so that a proof has exactly
//! one encoding. A challenge is 64 uniform bytes reduced modulo the order (bias below 2^-250).

use super::Fr;
use ark_ff::{BigInteger, PrimeField};

/// Length of an encoded scalar or point.
pub const WORD: usize = 32;

/// The canonical big-endian encoding.
#[must_use]
pub fn encode(value: &Fr) -> [u8; WORD] {
    let mut out = [0; WORD];
    let bytes = value.into_bigint().to_bytes_be();
    out.copy_from_slice(&bytes);
    out
}

/// Reads a canonical scalar; `None` when the value is not below the group order.
#[must_use]
pub fn decode(bytes: &[u8; WORD]) -> Option<Fr> {
    Fr::from_bigint(big_int(bytes))
}

/// A field element from 64 uniform bytes, big-endian.
#[must_use]
pub fn from_uniform(bytes: &[u8; 64]) -> Fr {
    Fr::from_be_bytes_mod_order(bytes)
}

/// A field element from a signed integer.
#[must_use]
pub fn from_i64(value: i64) -> Fr {
    let magnitude = Fr::from(value.unsigned_abs());
    if value < 0 { -magnitude } else { magnitude }
}

/// Reads 32 big-endian bytes as four little-endian limbs.
pub(crate) fn big_int(bytes: &[u8; WORD]) -> ark_ff::BigInt<4> {
    let mut limbs = [0u64; 4];
    for (limb, chunk) in limbs.iter_mut().rev().zip(bytes.chunks_exact(8)) {
        *limb = chunk.iter().fold(0, |acc, &b| acc << 8 | u64::from(b));
    }
    ark_ff::BigInt(limbs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ff::{Field, Zero};

    #[test]
    fn encoding_is_canonical() {
        for value in [Fr::zero(), Fr::ONE, -Fr::ONE, from_i64(-77)] {
            assert_eq!(decode(&encode(&value)), Some(value));
        }
        let mut order = [0; WORD];
        order.copy_from_slice(&Fr::MODULUS.to_bytes_be());
        assert_eq!(decode(&order), None, "the order itself is a second encoding of zero");
        assert_eq!(decode(&[0xff; WORD]), None);
    }

    #[test]
    fn uniform_bytes_reduce_like_integers() {
        let mut bytes = [0; 64];
        bytes[63] = 5;
        assert_eq!(from_uniform(&bytes), Fr::from(5u64));
        bytes[31] = 1; // 2^256
        assert_eq!(from_uniform(&bytes), Fr::from(2u64).pow([256u64]) + Fr::from(5u64));
    }
}
