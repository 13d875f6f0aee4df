//! The generators: nobody knows a relation between them, because each is hashed to the curve from a public label.
//!
//! ```text
//! x = SHAKE256(label ‖ len8(name) ‖ name ‖ counter), 64 bytes, mod p; the first counter for which x is on the curve; even y
//! names: "G", "H", "row" ‖ j as u32, big-endian
//! ```
//!
//! Finding one takes some 15 µs, so the first [`EMBEDDED`] rows are embedded in the crate (`generators.bin`, 64 bytes each); a
//! test and `zktern doctor` derive them again.

use crate::algebra::{Fq, fixed_base::FixedBase, g1::Point};
use crate::transcript::digest;
use ark_ff::PrimeField;
use std::sync::OnceLock;

/// The label that all generators are hashed from; absorbed into every transcript.
pub const LABEL: &[u8] = b"zktern/v1/bn254/generators";

/// How many row generators are embedded.
pub const EMBEDDED: usize = 4096;

static EMBEDDED_BYTES: &[u8] = include_bytes!("generators.bin");

/// Hashes a name to the curve.
#[must_use]
pub fn hash_to_curve(name: &[u8]) -> Point {
    (0..=u8::MAX)
        .find_map(|counter| {
            let pieces: [&[u8]; 4] = [LABEL, &[name.len() as u8], name, &[counter]];
            Point::from_x(Fq::from_be_bytes_mod_order(&digest(pieces)), false)
        })
        // Probability 2^-256 for a name; our names are fixed and a test walks through them.
        .expect("one of 256 candidates is on the curve")
}

/// The row generator `G_j`, derived.
#[must_use]
pub fn derive_row(j: usize) -> Point {
    hash_to_curve(&[b"row".as_slice(), &(j as u32).to_be_bytes()].concat())
}

/// `G`, `H` and the first `M` row generators.
#[derive(Clone, Debug)]
pub struct Generators {
    rows: Vec<Point>,
}

impl Generators {
    /// The generators for rows of width `width`.
    #[must_use]
    pub fn new(width: usize) -> Self {
        let embedded = EMBEDDED_BYTES.chunks_exact(64).take(width).map_while(|bytes| {
            let coordinate = |b: &[u8]| Fq::from_be_bytes_mod_order(b);
            Some(Point::new_unchecked(coordinate(bytes.get(..32)?), coordinate(bytes.get(32..)?)))
        });
        let mut rows: Vec<Point> = embedded.collect();
        rows.extend((rows.len()..width).map(derive_row));
        Self { rows }
    }

    /// `G_0..G_{M−1}`.
    #[must_use]
    pub fn rows(&self) -> &[Point] {
        &self.rows
    }

    /// `G`, the generator of values.
    #[must_use]
    pub fn g() -> Point {
        static G: OnceLock<Point> = OnceLock::new();
        *G.get_or_init(|| hash_to_curve(b"G"))
    }

    /// `H`, the generator of blinds.
    #[must_use]
    pub fn h() -> Point {
        static H: OnceLock<Point> = OnceLock::new();
        *H.get_or_init(|| hash_to_curve(b"H"))
    }
}

/// Tables of multiples of G and H, for the prover's scalar commitments.
#[derive(Debug)]
pub struct Pedersen {
    /// Multiples of `G`.
    pub g: FixedBase,
    /// Multiples of `H`.
    pub h: FixedBase,
}

impl Pedersen {
    /// The tables, built on first use (a few milliseconds).
    pub fn get() -> &'static Self {
        static TABLES: OnceLock<Pedersen> = OnceLock::new();
        TABLES.get_or_init(|| Self { g: FixedBase::new(Generators::g()), h: FixedBase::new(Generators::h()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every embedded generator is what the label gives. With `ZKTERN_WRITE_GENERATORS=1` the file is written instead.
    #[test]
    fn embedded_generators_are_derived_from_the_label() {
        let derived: Vec<u8> = (0..EMBEDDED).flat_map(|j| derive_row(j).encode_uncompressed()).collect();
        if std::env::var_os("ZKTERN_WRITE_GENERATORS").is_some() {
            std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/src/commit/generators.bin"), &derived).unwrap();
            return;
        }
        assert!(EMBEDDED_BYTES == derived, "generators.bin differs from the derivation");
    }

    #[test]
    fn wider_rows_are_derived() {
        let all = Generators::new(EMBEDDED + 2);
        assert_eq!(all.rows()[EMBEDDED + 1], derive_row(EMBEDDED + 1));
        assert_eq!(Generators::new(3).rows(), [derive_row(0), derive_row(1), derive_row(2)]);
    }
}
