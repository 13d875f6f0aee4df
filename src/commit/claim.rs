//! Hidden scalars, from both sides.
//!
//! The prover knows a value and a blind ([`Hidden`]); the verifier knows a linear form of points that commits to them
//! ([`Form`]). Every formula of the protocol that updates a claim is written ONCE, for any [`Claim`].

use super::generators::Generators;
use crate::algebra::{Fr, eq, g1::Point, msm};
use ark_ff::Zero;
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

/// The rows of a verifying key in a [`PointTable`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRows(u32);

impl KeyRows {
    /// Row `n` of the key.
    #[must_use]
    pub const fn row(self, n: usize) -> PointId {
        PointId(self.0 + n as u32)
    }
}

/// All points that a verification speaks of: G, H, the row generators, the rows of keys, then the proof's points.
#[derive(Clone, Debug)]
pub struct PointTable {
    points: Vec<Point>,
}

impl PointTable {
    /// `G`, the base of values.
    pub const G: PointId = PointId(0);
    /// `H`, the base of blinds.
    pub const H: PointId = PointId(1);

    /// A table with the generators.
    #[must_use]
    pub fn new(generators: &Generators) -> Self {
        let mut points = Vec::with_capacity(2 + generators.rows().len() + 1024);
        points.extend([Generators::g(), Generators::h()]);
        points.extend_from_slice(generators.rows());
        Self { points }
    }

    /// Appends the rows of a key.
    pub fn push_key(&mut self, rows: &[Point]) -> KeyRows {
        let first = self.points.len() as u32;
        self.points.extend_from_slice(rows);
        KeyRows(first)
    }

    /// The row generator `G_j`.
    #[must_use]
    pub const fn generator(&self, j: usize) -> PointId {
        PointId(2 + j as u32)
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

/// `factor·Σ_{i<count} eq(point, i)·P[first + i·stride]`: a combination of many rows in a few words.
#[derive(Clone, Debug)]
struct Run {
    first: PointId,
    stride: usize,
    count: usize,
    point: Vec<Fr>,
    factor: Fr,
}

impl Run {
    /// Its terms, `factor` times.
    fn terms(&self, factor: Fr) -> impl Iterator<Item = (PointId, Fr)> {
        let id = |i: usize| PointId(self.first.0 + (i * self.stride) as u32);
        let table = eq::scaled_table(&self.point, factor * self.factor);
        table.into_iter().take(self.count).enumerate().map(move |(i, k)| (id(i), k))
    }
}

/// The verifier's side of `[v]`: `Σ coefficient·point`. Terms may repeat a point.
#[derive(Clone, Debug, Default)]
pub struct Form {
    terms: Vec<(PointId, Fr)>,
    runs: Vec<Run>,
}

impl Form {
    /// The empty form, a commitment to zero.
    #[must_use]
    pub const fn zero() -> Self {
        Self { terms: Vec::new(), runs: Vec::new() }
    }

    /// One point.
    #[must_use]
    pub fn point(id: PointId) -> Self {
        Self::term(id, Fr::from(1u64))
    }

    /// `coefficient·point`.
    #[must_use]
    pub fn term(id: PointId, coefficient: Fr) -> Self {
        Self { terms: vec![(id, coefficient)], runs: Vec::new() }
    }

    /// `value·G + blind·H`.
    #[must_use]
    pub fn commitment(value: Fr, blind: Fr) -> Self {
        Self { terms: vec![(PointTable::G, value), (PointTable::H, blind)], runs: Vec::new() }
    }

    /// `factor·Σ_{i<count} eq(point, i)·P[first + i·stride]`.
    #[must_use]
    pub fn run(first: PointId, stride: usize, count: usize, point: &[Fr], factor: Fr) -> Self {
        Self { terms: Vec::new(), runs: vec![Run { first, stride, count, point: point.to_vec(), factor }] }
    }

    /// Appends a term.
    pub fn push(&mut self, id: PointId, coefficient: Fr) {
        self.terms.push((id, coefficient));
    }

    /// Adds `factor` times another form.
    pub fn add_scaled(&mut self, factor: Fr, other: &Self) {
        self.terms.extend(other.terms.iter().map(|(id, k)| (*id, factor * k)));
        self.runs.extend(other.runs.iter().map(|run| Run { factor: factor * run.factor, ..run.clone() }));
    }

    /// Adds `factor` times this form to dense coefficients, one per point of the table.
    pub fn accumulate(&self, factor: Fr, coefficients: &mut [Fr]) {
        let mut add = |id: PointId, k: Fr| {
            if let Some(c) = coefficients.get_mut(id.0 as usize) {
                *c += k;
            }
        };
        self.terms.iter().for_each(|(id, k)| add(*id, factor * k));
        self.runs.iter().flat_map(|run| run.terms(factor)).for_each(|(id, k)| add(id, k));
    }

    /// Whether the sum is the identity.
    #[must_use]
    pub fn is_identity(&self, table: &PointTable) -> bool {
        let runs = self.runs.iter().flat_map(|run| run.terms(Fr::from(1u64)));
        let terms = self.terms.iter().copied().chain(runs);
        let (points, scalars): (Vec<_>, Vec<_>) =
            terms.filter_map(|(id, k)| table.points.get(id.0 as usize).map(|p| (*p, k))).unzip();
        msm::msm(&points, &scalars).is_zero()
    }
}

impl Add for Form {
    type Output = Self;
    fn add(mut self, mut other: Self) -> Self {
        self.terms.append(&mut other.terms);
        self.runs.append(&mut other.runs);
        self
    }
}

impl Sub for Form {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self + other * -Fr::from(1u64)
    }
}

impl Mul<Fr> for Form {
    type Output = Self;
    fn mul(mut self, factor: Fr) -> Self {
        self.terms.iter_mut().for_each(|(_, k)| *k *= factor);
        self.runs.iter_mut().for_each(|run| run.factor *= factor);
        self
    }
}

impl Claim for Form {
    fn plus(mut self, public: Fr) -> Self {
        self.push(PointTable::G, public);
        self
    }
}
