//! The sum of `2^K` fractions `Σ_i p_i/q_i`, by a tree: `p/q = p0/q0 + p1/q1`, so `p = p0·q1 + p1·q0` and `q = q0·q1`.
//!
//! The prover sends the root and `S`, with `S·q_root = p_root`; then level `k = 0..K−1` reduces the claim `(p, q)` at a point of
//! `k` coordinates to one of `k + 1`:
//!
//! ```text
//! λ;  e = [q] + λ[p];  k normalised rounds on f = λ(p0·q1 + p1·q0) + q0·q1
//! ends [p0], [p1], [q0], [q1], [A],  A = q1·(q0 + λ·p0);  products (q1, q0 + λ·p0, A) and (q0, λ·p1, e − A)
//! τ;  p ← p0 + τ(p1 − p0),  q ← q0 + τ(q1 − q0),  point ← (τ, r..)
//! ```
//!
//! At the leaves all numerators are one: `f = (q0 + λ)(q1 + λ) − λ²`, ends `[q0], [q1]`, one product `(q0 + λ, q1 + λ, e + λ²)`.

use crate::algebra::Fr;
use crate::commit::sigma::Product;
use crate::commit::{Claim, Form, PointTable};
use crate::protocol::{Check, VerifyError};
use crate::sumcheck;
use crate::transcript::Reader;

/// What is left to show after the tree.
#[must_use = "the claims about the sum and the leaves are still to be proved"]
pub struct Outcome<C> {
    /// The sum of all fractions.
    pub sum: C,
    /// The denominators' extension at `point`.
    pub leaf: C,
    /// `K` coordinates.
    pub point: Vec<Fr>,
}

/// Scalars sent by a tree of `2^bits` leaves.
#[must_use]
pub const fn scalars(bits: usize) -> usize {
    3 + bits * (bits - 1) + 5 * (bits - 1) + 2
}

/// `S·q_root = p_root`.
fn root_product<C: Claim>(sum: &C, q: &C, p: &C) -> Product<C> {
    Product { check: Check::LookupSum, x: sum.clone(), y: q.clone(), z: p.clone() }
}

/// The two products that end an inner level, for the claim `e`.
fn inner_products<C: Claim>(ends: &[C; 5], lambda: Fr, e: C) -> [Product<C>; 2] {
    let [p0, p1, q0, q1, a] = ends.clone();
    [
        Product { check: Check::FractionFirst, x: q1, y: q0.clone() + p0 * lambda, z: a.clone() },
        Product { check: Check::FractionSecond, x: q0, y: p1 * lambda, z: e - a },
    ]
}

/// The product that ends the leaf level.
fn leaf_product<C: Claim>(ends: &[C; 2], lambda: Fr, e: C) -> Product<C> {
    let [q0, q1] = ends.clone();
    Product { check: Check::FractionLeaf, x: q0.plus(lambda), y: q1.plus(lambda), z: e.plus(lambda * lambda) }
}

/// The value at `tau` of the line through two ends.
fn line<C: Claim>(v0: C, v1: C, tau: Fr) -> C {
    v0.clone() + (v1 - v0) * tau
}

/// Reads a tree of `2^bits` leaves.
pub fn verify(
    reader: &mut Reader<'_>,
    points: &mut PointTable,
    products: &mut Vec<Product<Form>>,
    bits: usize,
) -> Result<Outcome<Form>, VerifyError> {
    let [mut p, mut q, sum] = reader.scalars(["p_root", "q_root", "S"], points)?;
    products.push(root_product(&sum, &q, &p));
    let mut point = Vec::new();
    for level in 0..bits {
        let lambda = reader.challenge("lambda");
        let e = q + p.clone() * lambda;
        let (e, mut next) = sumcheck::verify_normalised(reader, points, &point, e)?;
        if level + 1 < bits {
            let ends = reader.scalars(["p0", "p1", "q0", "q1", "A"], points)?;
            products.extend(inner_products(&ends, lambda, e));
            let tau = reader.challenge("tau");
            let [p0, p1, q0, q1, _] = ends;
            (p, q) = (line(p0, p1, tau), line(q0, q1, tau));
            next.insert(0, tau);
        } else {
            let ends = reader.scalars(["q0", "q1"], points)?;
            products.push(leaf_product(&ends, lambda, e));
            let tau = reader.challenge("tau");
            let [q0, q1] = ends;
            q = line(q0, q1, tau);
            next.insert(0, tau);
        }
        point = next;
    }
    Ok(Outcome { sum, leaf: q, point })
}

#[cfg(feature = "prover")]
pub use prover::prove;

#[cfg(feature = "prover")]
mod prover {
    use super::{Fr, Outcome, Product, inner_products, leaf_product, line, root_product};
    use crate::commit::Hidden;
    use crate::compute::{Compute, Fractions, Summand};
    use crate::protocol::ProveError;
    use crate::sumcheck;
    use crate::transcript::Writer;
    use ark_ff::Field;

    /// Proves the tree over the given leaves, whose fractions (numerators one) sum to `sum`.
    pub fn prove<C: Compute>(
        writer: &mut Writer<'_>,
        compute: &C,
        products: &mut Vec<Product<Hidden>>,
        leaves: C::Table,
        bits: usize,
        sum: Fr,
    ) -> Result<Outcome<Hidden>, ProveError> {
        // tree[k] has 2^{bits − k} entries: leaves first, root last.
        let mut tree = vec![Fractions { numerators: None, denominators: leaves }];
        for k in 0..bits {
            tree.push(compute.fraction_layer(tree[k].as_ref())?);
        }
        let root = tree.pop().ok_or(ProveError::Internal("a tree without leaves"))?;
        let value = |t: Option<&C::Table>| -> Result<Fr, ProveError> {
            let values = t.map(|t| compute.download(t)).transpose()?;
            values.and_then(|v| v.first().copied()).ok_or(ProveError::Internal("an empty table"))
        };
        let roots = [value(root.numerators.as_ref())?, value(Some(&root.denominators))?, sum];
        let [mut p, mut q, sum] = writer.scalars(["p_root", "q_root", "S"], roots)?;
        products.push(root_product(&sum, &q, &p));
        let mut point: Vec<Fr> = Vec::new();
        while let Some(Fractions { numerators, denominators }) = tree.pop() {
            let lambda = writer.challenge("lambda");
            let e = q + p * lambda;
            let mut next;
            if let Some(numerators) = numerators {
                // Numerators are scaled by λ once; their ends are scaled back.
                let inverse = lambda.inverse().ok_or(ProveError::UnluckyChallenge)?;
                let [p0, p1] = compute.halves(numerators, Some(lambda), None)?;
                let [q0, q1] = compute.halves(denominators, None, None)?;
                let mut tables = [p0, p1, q0, q1];
                let e_next;
                (e_next, next) = sumcheck::prove_normalised(writer, compute, Summand::Fraction, &mut tables, &point, e)?;
                let [p0, p1, q0, q1] = tables;
                let (p0, p1, q0, q1) = (value(Some(&p0))?, value(Some(&p1))?, value(Some(&q0))?, value(Some(&q1))?);
                let values = [p0 * inverse, p1 * inverse, q0, q1, q1 * (q0 + p0)];
                let ends = writer.scalars(["p0", "p1", "q0", "q1", "A"], values)?;
                products.extend(inner_products(&ends, lambda, e_next));
                let tau = writer.challenge("tau");
                let [p0, p1, q0, q1, _] = ends;
                (p, q) = (line(p0, p1, tau), line(q0, q1, tau));
                next.insert(0, tau);
            } else {
                // (q0 + λ)(q1 + λ): the constant −λ² drops out of every round message.
                let mut tables = compute.halves(denominators, None, Some(lambda))?;
                let e_next;
                (e_next, next) = sumcheck::prove_normalised(writer, compute, Summand::Product, &mut tables, &point, e)?;
                let [q0, q1] = tables;
                let values = [value(Some(&q0))? - lambda, value(Some(&q1))? - lambda];
                let ends = writer.scalars(["q0", "q1"], values)?;
                products.push(leaf_product(&ends, lambda, e_next));
                let tau = writer.challenge("tau");
                let [q0, q1] = ends;
                q = line(q0, q1, tau);
                next.insert(0, tau);
            }
            point = next;
        }
        Ok(Outcome { sum, leaf: q, point })
    }
}
