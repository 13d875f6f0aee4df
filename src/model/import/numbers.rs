//! Little-endian numbers of files as 32-bit floats.

/// Types of elements that become 32-bit floats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    /// 32-bit float.
    F32,
    /// 64-bit float.
    F64,
    /// 16-bit float of IEEE 754.
    F16,
    /// The upper half of a 32-bit float.
    Bf16,
    /// Signed integer of so many bytes.
    Signed(usize),
    /// Unsigned integer of so many bytes.
    Unsigned(usize),
}

impl Element {
    /// Bytes of an element.
    pub(super) const fn size(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F64 => 8,
            Self::F16 | Self::Bf16 => 2,
            Self::Signed(n) | Self::Unsigned(n) => n,
        }
    }

    /// Smallest and largest integer of a small integer type.
    pub(super) const fn range(self) -> Option<(i32, i32)> {
        match self {
            Self::Signed(1) => Some((-128, 127)),
            Self::Unsigned(1) => Some((0, 255)),
            Self::Signed(2) => Some((-32_768, 32_767)),
            Self::Unsigned(2) => Some((0, 65_535)),
            _ => None,
        }
    }

    /// Values of whole elements; a rest that is shorter than one is left out.
    pub(super) fn values(self, bytes: &[u8]) -> Vec<f32> {
        match self {
            Self::F32 => bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
            Self::F64 => bytes.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b) as f32).collect(),
            Self::F16 => bytes.as_chunks().0.iter().map(|b| half(u16::from_le_bytes(*b))).collect(),
            Self::Bf16 => bytes.as_chunks().0.iter().map(|b| bfloat(u16::from_le_bytes(*b))).collect(),
            Self::Signed(1) => bytes.iter().map(|b| f32::from(b.cast_signed())).collect(),
            Self::Unsigned(1) => bytes.iter().map(|b| f32::from(*b)).collect(),
            Self::Signed(n) => bytes.chunks_exact(n).map(|b| signed(b) as f32).collect(),
            Self::Unsigned(n) => bytes.chunks_exact(n).map(|b| word(b) as f32).collect(),
        }
    }
}

/// Up to eight bytes as a number.
fn word(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

/// The same with a sign: moved to the top and back, which copies it over the unused bits.
fn signed(bytes: &[u8]) -> i64 {
    let unused = 64 - 8 * bytes.len().clamp(1, 8) as u32;
    (word(bytes) << unused).cast_signed() >> unused
}

/// A 16-bit float from its bits.
pub(super) fn half(bits: u16) -> f32 {
    let sign = u32::from(bits >> 15) << 31;
    let (exponent, fraction) = (u32::from(bits >> 10 & 0x1f), u32::from(bits & 0x3ff));
    match exponent {
        // Subnormal: a multiple of 2^-24, which a 32-bit float has as a normal number.
        0 => f32::from_bits((fraction as f32 * (1.0 / 16_777_216.0)).to_bits() | sign),
        31 => f32::from_bits(sign | 0x7f80_0000 | fraction << 13),
        _ => f32::from_bits(sign | (exponent + 112) << 23 | fraction << 13),
    }
}

/// A bfloat16 from its bits.
pub(super) fn bfloat(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_floats() {
        let values = [(0x3c00, 1.0), (0xc000, -2.0), (0x7bff, 65504.0), (0x0400, 6.103_515_6e-5), (0x0001, 5.960_464_5e-8)];
        for (bits, value) in values {
            assert_eq!(half(bits), value);
        }
        assert_eq!(half(0x8000).to_bits(), (-0.0f32).to_bits());
        assert!(half(0x7c00).is_infinite() && half(0x7e00).is_nan() && half(0xfc00) == f32::NEG_INFINITY);
        assert_eq!(bfloat(0xc049), -3.140_625);
    }

    #[test]
    fn integers_of_all_sizes() {
        assert_eq!(Element::Signed(1).values(&[255, 127]), [-1.0, 127.0]);
        assert_eq!(Element::Unsigned(2).values(&[255, 255, 1, 0, 9]), [65535.0, 1.0]);
        assert_eq!(Element::Signed(4).values(&(-70_000i32).to_le_bytes()), [-70_000.0]);
        assert_eq!(Element::Signed(8).values(&(-5i64).to_le_bytes()), [-5.0]);
        assert_eq!(Element::F64.values(&0.1f64.to_le_bytes()), [0.1]);
        assert_eq!(Element::F32.values(&0.1f32.to_le_bytes()), [0.1]);
    }
}
