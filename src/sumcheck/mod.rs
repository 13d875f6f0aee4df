//! Sumcheck rounds over hidden claims: prover and verifier side by side.
//!
//! Messages are hiding commitments, so a claim `e` is a [`Claim`] and every round updates it linearly. With `g` the round
//! polynomial and `r` the challenge:
//!
//! | round | sent | update |
//! | --- | --- | --- |
//! | plain, degree 2 | `a = g(0)`, `c = [X²]g` | `e' = (1 − 2r)·a + (r² − r)·c + r·e` |
//! | eq taken out (Gruen), `e = Σ eq(w, x)·f(x)` | `d = q(1) − q(0)`, `c = [X²]q` | `e' = e + (r − w)·d + r(r − 1)·c` |
//! | the same, degree 3 | `d`, `c2`, `c3` | `e' = e + (r − w)·d + r(r − 1)·c2 + r(r² − 1)·c3` |
//!
//! No division, and no consistency check: `g(0) + g(1) = e` holds by construction, since the update uses it.

use crate::algebra::Fr;
use crate::commit::{Claim, Form, PointTable};
use crate::protocol::VerifyError;
use crate::transcript::Reader;
use ark_ff::{Field, One};

/// `g(r)` from `g(0)`, `[X²]g` and the claim `g(0) + g(1) = e`.
pub fn plain_update<C: Claim>(e: C, a: C, c: C, r: Fr) -> C {
    a * (Fr::one() - r - r) + c * (r.square() - r) + e * r
}

/// The claim after a round whose eq factor at `w` is taken out.
pub fn normalised_update<C: Claim>(e: C, d: C, c: C, w: Fr, r: Fr) -> C {
    e + d * (r - w) + c * (r.square() - r)
}

/// The same for degree three.
pub fn normalised_cubic_update<C: Claim>(e: C, d: C, c2: C, c3: C, w: Fr, r: Fr) -> C {
    normalised_update(e, d, c2, w, r) + c3 * (r * (r.square() - Fr::one()))
}

/// `rounds` plain rounds, verifier.
pub fn verify_plain(
    reader: &mut Reader<'_>,
    points: &mut PointTable,
    rounds: usize,
    mut e: Form,
) -> Result<(Form, Vec<Fr>), VerifyError> {
    let mut point = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let [a, c] = reader.scalars(["a", "c"], points)?;
        let r = reader.challenge("r");
        e = plain_update(e, a, c, r);
        point.push(r);
    }
    Ok((e, point))
}

/// One normalised round per coordinate of `w`, verifier.
pub fn verify_normalised(
    reader: &mut Reader<'_>,
    points: &mut PointTable,
    w: &[Fr],
    mut e: Form,
) -> Result<(Form, Vec<Fr>), VerifyError> {
    let mut point = Vec::with_capacity(w.len());
    for w in w {
        let [d, c] = reader.scalars(["d", "c"], points)?;
        let r = reader.challenge("r");
        e = normalised_update(e, d, c, *w, r);
        point.push(r);
    }
    Ok((e, point))
}

#[cfg(feature = "prover")]
mod rounds;

#[cfg(feature = "prover")]
pub use prover::{prove_normalised, prove_plain};
#[cfg(feature = "prover")]
pub use rounds::Rounds;

#[cfg(feature = "prover")]
mod prover {
    use super::{Fr, Rounds, normalised_update, plain_update};
    use crate::algebra::eq::SplitEq;
    use crate::commit::Hidden;
    use crate::compute::{Compute, RoundValues, Summand, Weights};
    use crate::protocol::ProveError;
    use crate::transcript::Writer;

    /// Plain rounds of a product, prover. Two tables; `rounds` may leave more than one entry in each.
    pub fn prove_plain<C: Compute>(
        writer: &mut Writer<'_>,
        compute: &C,
        tables: &mut [C::Table; 2],
        rounds: usize,
        mut e: Hidden,
    ) -> Result<(Hidden, Vec<Fr>), ProveError> {
        let mut point = Vec::with_capacity(rounds);
        let mut passes = Rounds::default();
        for left in (1..=rounds).rev() {
            let [a, _, c, _] = passes.next(compute, Summand::Product, tables, Weights::Plain, left)?;
            let [a, c] = writer.scalars(["a", "c"], [a, c])?;
            let r = writer.challenge("r");
            e = plain_update(e, a, c, r);
            point.push(r);
            passes.challenge(r);
        }
        passes.finish(compute, tables)?;
        Ok((e, point))
    }

    /// One normalised round per coordinate of `w`, prover. `round` gives the values of the round that follows some challenges,
    /// weighted by the rest of the split table: it may hold its tables, or make them as it goes.
    pub fn prove_normalised(
        writer: &mut Writer<'_>,
        w: &[Fr],
        mut e: Hidden,
        mut round: impl FnMut(&SplitEq, &[Fr]) -> Result<RoundValues, ProveError>,
    ) -> Result<(Hidden, Vec<Fr>), ProveError> {
        let eq = SplitEq::new(w);
        let mut point = Vec::with_capacity(w.len());
        for w in w {
            let [_, d, c, _] = round(&eq, &point)?;
            let [d, c] = writer.scalars(["d", "c"], [d, c])?;
            let r = writer.challenge("r");
            e = normalised_update(e, d, c, *w, r);
            point.push(r);
        }
        Ok((e, point))
    }
}
