//! What messages are made of: 64-bit words, so that machines of either byte order understand each other.

use crate::algebra::{Fq, Fr, g1::Point};
use ark_ff::{BigInt, PrimeField};

/// A type whose values travel between ranks.
pub(super) trait Wire: Sized {
    /// Words of `count` values.
    fn words(count: usize) -> usize;
    /// Appends the words of all values.
    fn put(values: &[Self], out: &mut Vec<u64>);
    /// Reads `count` values; `None` when these words are none.
    fn get(words: &[u64], count: usize) -> Option<Vec<Self>>;
}

/// A field element from the words of its Montgomery form.
macro_rules! element {
    ($field:ty, $words:expr) => {{
        let value = BigInt::<4>(<[u64; 4]>::try_from($words).ok()?);
        (value < <$field>::MODULUS).then(|| <$field>::new_unchecked(value))
    }};
}

impl Wire for Fr {
    fn words(count: usize) -> usize {
        4 * count
    }

    fn put(values: &[Self], out: &mut Vec<u64>) {
        values.iter().for_each(|v| out.extend(v.0.0));
    }

    fn get(words: &[u64], count: usize) -> Option<Vec<Self>> {
        words.chunks_exact(4).take(count).map(|w| element!(Fr, w)).collect()
    }
}

impl Wire for Point {
    fn words(count: usize) -> usize {
        8 * count
    }

    fn put(values: &[Self], out: &mut Vec<u64>) {
        values.iter().for_each(|p| out.extend(p.x().0.0.into_iter().chain(p.y().0.0)));
    }

    fn get(words: &[u64], count: usize) -> Option<Vec<Self>> {
        let point = |w: &[u64]| Self::new(element!(Fq, &w[..4])?, element!(Fq, &w[4..])?);
        words.chunks_exact(8).take(count).map(point).collect()
    }
}

impl Wire for i32 {
    fn words(count: usize) -> usize {
        count.div_ceil(2)
    }

    fn put(values: &[Self], out: &mut Vec<u64>) {
        let low = |v: Self| u64::from(v as u32);
        out.extend(values.chunks(2).map(|pair| low(pair[0]) | pair.get(1).map_or(0, |v| low(*v) << 32)));
    }

    fn get(words: &[u64], count: usize) -> Option<Vec<Self>> {
        Some(words.iter().flat_map(|w| [*w as u32 as Self, (*w >> 32) as u32 as Self]).take(count).collect())
    }
}

impl Wire for u8 {
    fn words(count: usize) -> usize {
        count.div_ceil(8)
    }

    fn put(values: &[Self], out: &mut Vec<u64>) {
        out.extend(values.chunks(8).map(|bytes| bytes.iter().rev().fold(0, |word, b| word << 8 | u64::from(*b))));
    }

    fn get(words: &[u64], count: usize) -> Option<Vec<Self>> {
        Some(words.iter().flat_map(|w| w.to_le_bytes()).take(count).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commit::Generators;

    fn back<T: Wire + Clone + PartialEq + std::fmt::Debug>(values: &[T]) {
        for count in 0..=values.len() {
            let mut words = Vec::new();
            T::put(&values[..count], &mut words);
            assert_eq!(words.len(), T::words(count));
            assert_eq!(T::get(&words, count).unwrap(), values[..count]);
        }
    }

    #[test]
    fn values_come_back() {
        back(&[Fr::from(0u64), Fr::from(7u64), -Fr::from(1u64)]);
        back(&[0i32, -1, i32::MIN, i32::MAX, 5]);
        back(&(0..19u8).map(|b| b.wrapping_mul(37)).collect::<Vec<_>>());
        back(Generators::new(3).rows());
    }

    #[test]
    fn words_of_no_value_are_refused() {
        assert_eq!(Fr::get(&Fr::MODULUS.0, 1), None);
        assert_eq!(Fr::get(&[u64::MAX; 4], 1), None);
        let mut words = Vec::new();
        Point::put(&[Generators::g()], &mut words);
        words[0] ^= 1;
        assert_eq!(Point::get(&words, 1), None, "not on the curve");
    }
}
