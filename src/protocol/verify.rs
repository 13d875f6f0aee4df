//! The verifier. One multi-scalar multiplication; no parallelism, no backend, no panic.
//!
//! Headings and order are those of [`prove`](super::prove).

use super::close_transcript;
use super::errors::{Check, VerifyError};
use super::instance::Instance;
use super::plan::{Plan, Vector};
use super::scope::Scope;
use crate::algebra::fr::WORD;
use crate::algebra::mle::log2_ceil;
use crate::algebra::{Fr, msm};
use crate::commit::functional::{Body, RowCombination};
use crate::commit::{Form, Generators, KeyRows, PointId, PointTable, opening, sigma};
use crate::linear;
use crate::lookup::fraction_tree;
use crate::model::Architecture;
use crate::transcript::{DIGEST, Reader};
use ark_ff::{One, Zero};

/// Checks a proof of a statement.
///
/// # Errors
/// The check that fails. Anything but `Ok` means that the statement is not proved.
pub fn verify(instance: &Instance<'_>, proof: &[u8]) -> Result<(), VerifyError> {
    let row_width = instance.key().architecture().row_width;
    let mut points = PointTable::new(&Generators::new(row_width));
    let rows = points.push_key(instance.key().rows());
    let (body, digest, position) = verify_body(instance, proof, &mut points, rows)?;
    verify_close(&[body], &[digest], row_width, proof, position, points)
}

/// A proof up to stage 3: its end state, its digest, and where its words end.
type ReadBody = (Body<Form, RowCombination>, [u8; DIGEST], usize);

/// Stages 1 to 3.
pub(crate) fn verify_body(
    instance: &Instance<'_>,
    proof: &[u8],
    points: &mut PointTable,
    key: KeyRows,
) -> Result<ReadBody, VerifyError> {
    let (plan, arch) = (instance.plan(), instance.key().architecture());
    // The rows are the one part whose number a short statement can make large: they must be there before room is made for them.
    let words = proof.len() / WORD;
    if words < plan.witness_rows(arch) {
        return Err(VerifyError::TooShort { label: "row", position: words * WORD });
    }
    let mut reader = Reader::new(instance.transcript(), proof, 0);
    let mut products = Vec::with_capacity(plan.products());

    // Stage 1: witness rows.
    let mut rows: Vec<(Vector, Vec<PointId>)> = Vec::new();
    for (vector, width) in plan.witness_vectors(arch) {
        let ids = (0..arch.chunks(width)).map(|_| reader.point("row", points)).collect::<Result<_, _>>()?;
        rows.push((vector, ids));
    }
    let (alpha, beta) = (reader.challenge("alpha"), reader.challenge("beta"));
    let mut scope = Scope::new(instance, alpha, beta);

    // Stage 2: lookups.
    let tree = fraction_tree::verify(&mut reader, points, &mut products, plan.lookup_bits)?;
    scope.set_leaf(tree.point);
    let [u] = reader.scalars(["u"], points)?;
    let logit_point = (0..log2_ceil(arch.logits())).map(|_| reader.challenge("r'")).collect();
    let gamma = reader.challenge("gamma");
    scope.set_logits(logit_point, gamma);

    // Stage 3: linear.
    let claim = scope.linear_claim(u.clone(), tree.sum);
    let linear = linear::verify(&mut reader, points, &mut products, plan.linear_bits, claim)?;
    scope.set_linear(linear.point);

    let claims = scope.claims(linear.weights, linear.inputs, tree.leaf, u)?;
    let vectors = row_combinations(plan, arch, &scope, key, rows);
    let (digest, sent, position) = reader.finish();
    Ok((Body { claims, products, sent, vectors }, digest, position))
}

/// The committed rows that every vector of the functionals stands for.
fn row_combinations(
    plan: &Plan,
    arch: &Architecture,
    scope: &Scope<'_>,
    key: KeyRows,
    witness: Vec<(Vector, Vec<PointId>)>,
) -> Vec<RowCombination> {
    let layers = arch.layers();
    let mut vectors = vec![RowCombination::default(); Vector::count(layers, plan.tables.len())];
    for b in 0..layers {
        let chunks = arch.chunks(arch.inputs(b));
        let first = |c| key.row(arch.weight_row_start(b) + c);
        let of_chunk = |c| Form::run(first(c), chunks, arch.outputs(b), &scope.points[b], scope.factors[b]);
        vectors[Vector::Weights(b).index(layers)].chunks = (0..chunks).map(of_chunk).collect();
        let start = arch.bias_row_start(b);
        let biases = (0..arch.chunks(arch.outputs(b))).map(|c| Form::point(key.row(start + c)));
        vectors[Vector::Bias(b).index(layers)].chunks = biases.collect();
    }
    // Vectors of the batch come input by input, in order; multiplicities once.
    let mut seen = vec![0usize; vectors.len()];
    for (vector, ids) in witness {
        let at = vector.index(layers);
        let weight = match vector {
            Vector::Multiplicity(_) => Fr::one(),
            _ => scope.batch_weights.get(seen[at]).copied().unwrap_or_default(),
        };
        seen[at] += 1;
        let chunks = &mut vectors[at].chunks;
        chunks.resize(ids.len(), Form::zero());
        chunks.iter_mut().zip(ids).for_each(|(chunk, id)| chunk.push(id, weight));
    }
    vectors
}

/// (tests only) All checks of a proof, each a form that must be the identity, and the points that they speak of.
#[cfg(test)]
pub(super) fn checks(instance: &Instance<'_>, proof: &[u8]) -> Result<(Vec<(Check, Form)>, PointTable), VerifyError> {
    let row_width = instance.key().architecture().row_width;
    let mut points = PointTable::new(&Generators::new(row_width));
    let rows = points.push_key(instance.key().rows());
    let (body, digest, position) = verify_body(instance, proof, &mut points, rows)?;
    let (_, checks) = read_close(&[body], &[digest], row_width, proof, position, &mut points)?;
    Ok((checks, points))
}

/// Reads stages 4 and 5, for one proof or many, to the end: the channel, and everything that is to be checked.
fn read_close<'a>(
    bodies: &[Body<Form, RowCombination>],
    digests: &[[u8; DIGEST]],
    row_width: usize,
    proof: &'a [u8],
    position: usize,
    points: &mut PointTable,
) -> Result<(Reader<'a>, Vec<(Check, Form)>), VerifyError> {
    let mut reader = Reader::new(close_transcript(digests), proof, position);

    // Stage 4: opening reduction.
    let opening = opening::verify(&mut reader, points, bodies, log2_ceil(row_width))?;

    // Stage 5: close.
    let products: Vec<_> = bodies.iter().flat_map(|b| &b.products).collect();
    let sent: Vec<_> = bodies.iter().flat_map(|b| &b.sent).collect();
    let checks = sigma::verify(&mut reader, points, &products, &sent, Some(&opening))?;
    if reader.position() != proof.len() {
        return Err(VerifyError::TrailingBytes { extra: proof.len().saturating_sub(reader.position()) });
    }
    Ok((reader, checks))
}

/// Stages 4 and 5, for one proof or many.
pub(super) fn verify_close(
    bodies: &[Body<Form, RowCombination>],
    digests: &[[u8; DIGEST]],
    row_width: usize,
    proof: &[u8],
    position: usize,
    mut points: PointTable,
) -> Result<(), VerifyError> {
    let (mut reader, checks) = read_close(bodies, digests, row_width, proof, position, &mut points)?;

    all_hold(&mut reader, &points, &checks)
}

/// All checks at once, weighted by powers of a last challenge: every form must be the identity.
pub(crate) fn all_hold(reader: &mut Reader<'_>, points: &PointTable, checks: &[(Check, Form)]) -> Result<(), VerifyError> {
    if sum_to_identity(reader.challenge("xi"), points, checks.iter().map(|(_, form)| form)) {
        return Ok(());
    }
    // Each on its own, only after all together have failed.
    let wrong = checks.iter().find(|(_, form)| !form.is_identity(points));
    Err(VerifyError::CheckFailed(wrong.map_or(Check::Knowledge, |(check, _)| *check)))
}

/// Whether the sum of the forms, weighted by powers of `xi`, is the identity: ONE multi-scalar multiplication.
pub(crate) fn sum_to_identity<'a>(xi: Fr, points: &PointTable, forms: impl Iterator<Item = &'a Form>) -> bool {
    let mut coefficients = vec![Fr::zero(); points.points().len()];
    let mut power = Fr::one();
    for form in forms {
        form.accumulate(power, &mut coefficients);
        power *= xi;
    }
    msm::msm(points.points(), &coefficients).is_zero()
}
