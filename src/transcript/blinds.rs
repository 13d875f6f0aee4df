//! Blinding scalars: a pseudo-random function of a seed, a stream name and a counter.
//!
//! ```text
//! blind(stream, n) = SHAKE256("zktern/v1/blinds" ‖ seed ‖ len8(stream) ‖ stream ‖ n as u64, big-endian), 64 bytes, mod order
//! ```
//!
//! Counters run per stream and are never reset, so one object never gives a blind twice; two proofs have different seeds
//! because the operating system's generator goes into each. Streams can be drawn ahead and in parallel.

use super::digest;
use crate::algebra::{Fr, fr};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// What a blind is used for. The names are part of the definition above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Rows of the model's matrices, in the order of the verifying key.
    Weight,
    /// Rows of the witness, in sending order.
    Row,
    /// Scalar commitments, in sending order.
    Scalar,
    /// First messages of product proofs, five each.
    Product,
    /// The mask of the opening: M entries, then the blinds of `Δ` and `E`.
    Mask,
    /// The proof of knowledge: two.
    Knowledge,
}

const STREAMS: [(Stream, &str); 6] = [
    (Stream::Weight, "weight"),
    (Stream::Row, "row"),
    (Stream::Scalar, "scalar"),
    (Stream::Product, "product"),
    (Stream::Mask, "mask"),
    (Stream::Knowledge, "knowledge"),
];

/// A source of blinding scalars. The seed is wiped when dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Blinds {
    seed: [u8; 32],
    counters: [u64; STREAMS.len()],
}

impl Blinds {
    /// Blinds from a secret seed, which must never serve two different proofs or models.
    #[must_use]
    pub const fn new(seed: [u8; 32]) -> Self {
        Self { seed, counters: [0; STREAMS.len()] }
    }

    /// The next blind of a stream.
    #[must_use]
    pub fn draw(&mut self, stream: Stream) -> Fr {
        let n = self.reserve(stream, 1);
        self.at(stream, n)
    }

    /// The next `N` blinds of a stream.
    #[must_use]
    pub fn draw_array<const N: usize>(&mut self, stream: Stream) -> [Fr; N] {
        std::array::from_fn(|_| self.draw(stream))
    }

    /// Takes the next `count` positions of a stream, to be computed with [`Blinds::at`], and returns the first.
    #[must_use]
    pub fn reserve(&mut self, stream: Stream, count: usize) -> u64 {
        let counter = &mut self.counters[stream as usize];
        let first = *counter;
        *counter += count as u64;
        first
    }

    /// The blind at a reserved position.
    #[must_use]
    pub fn at(&self, stream: Stream, n: u64) -> Fr {
        let name = STREAMS[stream as usize].1.as_bytes();
        let pieces: [&[u8]; 5] = [b"zktern/v1/blinds", &self.seed, &[name.len() as u8], name, &n.to_be_bytes()];
        fr::from_uniform(&digest(pieces))
    }
}

impl std::fmt::Debug for Blinds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Blinds(secret)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_distinct_and_never_repeat() {
        assert!(STREAMS.iter().enumerate().all(|(i, (s, _))| *s as usize == i), "the table is in the enum's order");
        let mut blinds = Blinds::new([7; 32]);
        let mut seen: Vec<Fr> = (0..5).flat_map(|_| STREAMS.map(|(s, _)| blinds.draw(s))).collect();
        assert_eq!(blinds.at(Stream::Row, 0), seen[1]);
        seen.extend((0..5).map(|_| Blinds::new([8; 32]).draw(Stream::Row)).take(1));
        let count = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), count);
        assert_eq!(format!("{blinds:?}"), "Blinds(secret)");
    }

    #[test]
    fn wiped_seeds_are_gone() {
        let mut blinds = Blinds::new([7; 32]);
        let _ = blinds.draw(Stream::Row);
        blinds.zeroize();
        assert_eq!((blinds.seed, blinds.counters), ([0; 32], [0; STREAMS.len()]));
    }
}
