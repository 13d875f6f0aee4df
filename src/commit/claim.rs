//! Hidden scalars, from both sides.
//!
//! The prover knows a value and a blind ([`Hidden`]); the verifier knows a linear form of points that commits to them
//! ([`Form`]). Every formula of the protocol that updates a claim is written ONCE, for any [`Claim`].

use super::generators::Generators;
use crate::algebra::{Fr, g1::Point};
use std::ops::{Add, Mul, Sub};

/// Affine arithmetic with public coefficients: all that may be done with a hidden scalar without a proof.
pub trait Claim: Clone + Add<Output = Self> + Sub<Output = Self> + Mul<Fr, Output = Self> {
    /// Adds a public constant.
    #[must_use]
    fn plus(self, public: Fr) -> Self;
}

/// The prover's side of `[v]`.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Hidden {
    /// The value.
    pub value: Fr,
    /// Its blind.
    pub blind: Fr,
}

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hidden(secret)")
    }
}

impl Add for Hidden {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self { value: self.value + other.value, blind: self.blind + other.blind }
    }
}

impl Sub for Hidden {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self { value: self.value - other.value, blind: self.blind - other.blind }
    }
}

impl Mul<Fr> for Hidden {
    type Output = Self;
    fn mul(self, k: Fr) -> Self {
        Self { value: self.value * k, blind: self.blind * k }
    }
}

/// A scalar that is not hidden at all.
impl Claim for Fr {
    fn plus(self, public: Fr) -> Self {
        self + public
    }
}

impl Claim for Hidden {
    fn plus(self, public: Fr) -> Self {
        Self { value: self.value + public, blind: self.blind }
    }
}

/// Position of a point in a [`PointTable`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PointId(u32);

/// All points that a verification speaks of: G, H, the row generators, the key's rows, then the proof's points.
#[derive(Clone, Debug)]
pub struct PointTable {
    points: Vec<Point>,
    row_generators: usize,
}

impl PointTable {
    /// `G`, the base of values.
    pub const G: PointId = PointId(0);
    /// `H`, the base of blinds.
    pub const H: PointId = PointId(1);

    /// A table with the generators and the rows of a key.
    #[must_use]
    pub fn new(generators: &Generators, key_rows: &[Point]) -> Self {
        let mut points = Vec::with_capacity(2 + generators.rows().len() + key_rows.len() + 1024);
        points.extend([Generators::g(), Generators::h()]);
        points.extend_from_slice(generators.rows());
        points.extend_from_slice(key_rows);
        Self { points, row_generators: generators.rows().len() }
    }

    /// The row generator `G_j`.
    #[must_use]
    pub const fn generator(&self, j: usize) -> PointId {
        PointId(2 + j as u32)
    }

    /// Row `n` of the key.
    #[must_use]
    pub const fn key_row(&self, n: usize) -> PointId {
        PointId((2 + self.row_generators + n) as u32)
    }

    /// Appends a point of the proof.
    pub fn push(&mut self, point: Point) -> PointId {
        self.points.push(point);
        PointId(self.points.len() as u32 - 1)
    }

    /// All points.
    #[must_use]
    pub fn points(&self) -> &[Point] {
        &self.points
    }
}

/// The verifier's side of `[v]`: `Σ coefficient·point`. Terms may repeat a point.
#[derive(Clone, Debug, Default)]
pub struct Form {
    terms: Vec<(PointId, Fr)>,
}

impl Form {
    /// The empty form, a commitment to zero.
    #[must_use]
    pub const fn zero() -> Self {
        Self { terms: Vec::new() }
    }

    /// One point.
    #[must_use]
    pub fn point(id: PointId) -> Self {
        Self::term(id, Fr::from(1u64))
    }

    /// `coefficient·point`.
    #[must_use]
    pub fn term(id: PointId, coefficient: Fr) -> Self {
        Self { terms: vec![(id, coefficient)] }
    }

    /// `value·G + blind·H`.
    #[must_use]
    pub fn commitment(value: Fr, blind: Fr) -> Self {
        Self { terms: vec![(PointTable::G, value), (PointTable::H, blind)] }
    }

    /// Appends a term.
    pub fn push(&mut self, id: PointId, coefficient: Fr) {
        self.terms.push((id, coefficient));
    }

    /// Adds `factor` times this form to dense coefficients, one per point of the table.
    pub fn accumulate(&self, factor: Fr, coefficients: &mut [Fr]) {
        for (id, k) in &self.terms {
            if let Some(c) = coefficients.get_mut(id.0 as usize) {
                *c += factor * k;
            }
        }
    }
}

impl Add for Form {
    type Output = Self;
    fn add(mut self, mut other: Self) -> Self {
        self.terms.append(&mut other.terms);
        self
    }
}

impl Sub for Form {
    type Output = Self;
    fn sub(mut self, other: Self) -> Self {
        self.terms.extend(other.terms.into_iter().map(|(id, k)| (id, -k)));
        self
    }
}

impl Mul<Fr> for Form {
    type Output = Self;
    fn mul(mut self, factor: Fr) -> Self {
        self.terms.iter_mut().for_each(|(_, k)| *k *= factor);
        self
    }
}

impl Claim for Form {
    fn plus(mut self, public: Fr) -> Self {
        self.push(PointTable::G, public);
        self
    }
}
