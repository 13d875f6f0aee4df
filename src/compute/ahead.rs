//! Two rounds in one: the polynomial `G(X, Y)` in the top two variables, from which the host makes this round's message, and
//! after its challenge the next one's, without asking the device again.

use super::{RoundValues, Summand, Weights};
use crate::algebra::Fr;
use ark_ff::{AdditiveGroup, Field};

/// `G(X, Y) = Σ_x weight(x)·f(.., X, Y, ..)` of degree two in each variable: row `i`, column `j` is the value at
/// `(X, Y) = (i, j)`, the third place of either standing for the coefficient of the square (the "value at infinity").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ahead(pub [[Fr; 3]; 3]);

impl Ahead {
    /// Whether a summand has degree two, so that nine numbers are enough.
    #[must_use]
    pub const fn serves(f: Summand) -> bool {
        matches!(f, Summand::Product | Summand::Fraction)
    }

    /// The values of the first round: `Σ_Y weight(Y)·G(X, Y)` over `Y ∈ {0, 1}`, `weights` being the first round's.
    #[must_use]
    pub fn first(&self, weights: Weights<'_>) -> RoundValues {
        let [g0, g1, square] = self.0.map(|[low, high, _]| match weights {
            Weights::Plain => low + high,
            // (1 − w)·low + w·high
            Weights::Eq(split, from) => low + split.coordinate(from) * (high - low),
        });
        [g0, g1 - g0, square, Fr::ZERO]
    }

    /// The values of the second round: `G(r, Y)`, weighted by what the second round leaves.
    #[must_use]
    pub fn second(&self, r: Fr) -> RoundValues {
        let [at_0, at_1, square] = &self.0;
        let at = |j: usize| at_0[j] + r * (at_1[j] - at_0[j]) + (r.square() - r) * square[j];
        [at(0), at(1) - at(0), at(2), Fr::ZERO]
    }
}
