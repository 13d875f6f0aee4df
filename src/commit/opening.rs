//! Stage 4: all claims of all proofs that close together are reduced to one point.
//!
//! Claim number `i`, counted over all proofs, gets `ρ^i`, `ρ` squeezed after everything (a fixed coefficient, even 1, lets two
//! wrong claims cancel). A claim is a sum of functionals `⟨w_g, a_g⟩`, with `w_g` a public combination of committed rows and
//! `a_g` a public, width-masked column vector. `log2 M` plain rounds take all of them to one point `t`; then
//! `e = Σ_g a_g(t)·w_g(t)` is linear in committed rows, and `C* = Σ_g a_g(t)·C_g` is opened at `eq(t)`. The vectors `w_g` are
//! those that stage 3 made anyway: opening the weights costs no weight-sized work.

use super::claim::{Claim, Form, PointTable};
use super::functional::{Body, RowCombination, pad_column};
use crate::algebra::{Fr, eq};
use crate::protocol::VerifyError;
use crate::sumcheck;
use crate::transcript::Reader;
use ark_ff::One;

/// What stage 5 opens: the row `row` has the value `value` at `eq(point)`.
#[derive(Clone, Debug)]
#[must_use = "the opening is still to be proved"]
pub struct Opening<C, R> {
    /// The claimed value.
    pub value: C,
    /// `t`, `log2 M` coordinates.
    pub point: Vec<Fr>,
    /// The combined row.
    pub row: R,
}

/// `Σ_i ρ^i·claim_i`.
fn combine<'a, C: Claim + 'a>(claims: impl Iterator<Item = &'a C>, rho: Fr) -> Option<C> {
    let mut power = Fr::one();
    let mut total = None;
    for claim in claims {
        let term = claim.clone() * power;
        total = Some(match total {
            None => term,
            Some(sum) => sum + term,
        });
        power *= rho;
    }
    total
}

/// Reads the reduction; the result's row is a linear form of committed rows.
pub fn verify(
    reader: &mut Reader<'_>,
    points: &mut PointTable,
    bodies: &[Body<Form, RowCombination>],
    row_bits: usize,
) -> Result<Opening<Form, Form>, VerifyError> {
    let rho = reader.challenge("rho");
    let e = combine(bodies.iter().flat_map(|b| &b.claims).map(|(claim, _)| claim), rho).unwrap_or_default();
    let (value, point) = sumcheck::verify_plain(reader, points, row_bits, e)?;
    let mut row = Form::zero();
    let mut power = Fr::one();
    for body in bodies {
        // One factor per vector and chunk, over all claims; only then are they spread over rows.
        let mut factors: Vec<Vec<Fr>> = body.vectors.iter().map(|v| vec![Fr::default(); v.chunks.len()]).collect();
        for (_, functional) in &body.claims {
            for term in &functional.terms {
                for piece in term.pieces(row_bits) {
                    let at_t = eq::masked(&pad_column(piece.column, row_bits), &point, piece.width);
                    if let Some(f) = factors.get_mut(term.vector).and_then(|v| v.get_mut(piece.chunk)) {
                        *f += power * piece.coefficient * at_t;
                    }
                }
            }
            power *= rho;
        }
        for (vector, factors) in body.vectors.iter().zip(&factors) {
            vector.chunks.iter().zip(factors).for_each(|(rows, factor)| row.add_scaled(*factor, rows));
        }
    }
    Ok(Opening { value, point, row })
}

/// Reads the reduction of openings at different points to one point; the result's row is one factor per opening, by which its
/// row counts.
pub fn verify_merge<R>(
    reader: &mut Reader<'_>,
    points: &mut PointTable,
    openings: &[Opening<Form, R>],
    row_bits: usize,
) -> Result<Opening<Form, Vec<Fr>>, VerifyError> {
    let rho = reader.challenge("rho");
    let e = combine(openings.iter().map(|o| &o.value), rho).unwrap_or_default();
    let (value, point) = sumcheck::verify_plain(reader, points, row_bits, e)?;
    let mut power = Fr::one();
    let mut factor = |o: &Opening<Form, R>| {
        let factor = power * eq::masked(&o.point, &point, 1 << row_bits);
        power *= rho;
        factor
    };
    let row = openings.iter().map(&mut factor).collect();
    Ok(Opening { value, point, row })
}

#[cfg(feature = "prover")]
pub use prover::{Row, prove, prove_merge};

#[cfg(feature = "prover")]
mod prover {
    use super::{Body, Fr, Opening, combine, eq};
    use crate::commit::Hidden;
    use crate::commit::functional::{Combined, opened};
    use crate::compute::Compute;
    use crate::protocol::ProveError;
    use crate::sumcheck;
    use crate::transcript::Writer;
    use ark_ff::{One, Zero};

    /// The row that is opened.
    #[derive(Clone)]
    pub struct Row {
        /// `M` values.
        pub values: Vec<Fr>,
        /// The blind of its commitment.
        pub blind: Fr,
    }

    impl std::fmt::Debug for Row {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("Row(secret)")
        }
    }

    /// All functionals with one column vector, summed up: `⟨values, eq(column) masked to width⟩`.
    struct Group<'a> {
        column: &'a [Fr],
        width: usize,
        values: Vec<Fr>,
        blind: Fr,
    }

    fn groups<'a>(bodies: &'a [Body<Hidden, Combined>], rho: Fr, row_bits: usize) -> Vec<Group<'a>> {
        let mut groups: Vec<Group<'a>> = Vec::new();
        let mut power = Fr::one();
        for body in bodies {
            for (_, functional) in &body.claims {
                for term in &functional.terms {
                    let vector = &body.vectors[term.vector];
                    for piece in term.pieces(row_bits) {
                        let known = groups.iter().position(|g| g.width == piece.width && g.column == piece.column);
                        let at = known.unwrap_or_else(|| {
                            let values = vec![Fr::zero(); opened(piece.width, piece.column)];
                            groups.push(Group { column: piece.column, width: piece.width, values, blind: Fr::zero() });
                            groups.len() - 1
                        });
                        let factor = power * piece.coefficient;
                        let opened = opened(piece.width, piece.column);
                        let source = &vector.values[piece.chunk << row_bits..][..opened];
                        groups[at].values.iter_mut().zip(source).for_each(|(g, v)| *g += factor * v);
                        groups[at].blind += factor * vector.blinds[piece.chunk];
                    }
                }
                power *= rho;
            }
        }
        groups
    }

    /// Proves the reduction.
    pub fn prove<C: Compute>(
        writer: &mut Writer<'_>,
        compute: &C,
        bodies: &[Body<Hidden, Combined>],
        row_bits: usize,
    ) -> Result<Opening<Hidden, Row>, ProveError> {
        let rho = writer.challenge("rho");
        let e = combine(bodies.iter().flat_map(|b| &b.claims).map(|(claim, _)| claim), rho);
        reduce(writer, compute, e, &groups(bodies, rho, row_bits), row_bits)
    }

    /// Proves the reduction of openings at different points to one point.
    pub fn prove_merge<C: Compute>(
        writer: &mut Writer<'_>,
        compute: &C,
        openings: &[Opening<Hidden, Row>],
        row_bits: usize,
    ) -> Result<Opening<Hidden, Row>, ProveError> {
        let rho = writer.challenge("rho");
        let e = combine(openings.iter().map(|o| &o.value), rho);
        let powers = std::iter::successors(Some(Fr::one()), |power| Some(*power * rho));
        let powers: Vec<Fr> = powers.take(openings.len()).collect();
        let groups = compute.map(openings.len(), |i| {
            let Opening { point, row, .. } = &openings[i];
            let values = row.values.iter().map(|v| powers[i] * v).collect();
            Group { column: point, width: 1 << row_bits, values, blind: powers[i] * row.blind }
        });
        reduce(writer, compute, e, &groups, row_bits)
    }

    /// Takes the claim `e` that the groups' functionals sum to `e` to one point.
    fn reduce<C: Compute>(
        writer: &mut Writer<'_>,
        compute: &C,
        e: Option<Hidden>,
        groups: &[Group<'_>],
        row_bits: usize,
    ) -> Result<Opening<Hidden, Row>, ProveError> {
        let e = e.ok_or(ProveError::Internal("nothing to open"))?;
        let (width, count) = (1usize << row_bits, groups.len());
        // Column bits on top, group number below: binding the top variables leaves one value per group.
        let columns: Vec<Vec<Fr>> = compute.map(count, |g| eq::table(groups[g].column));
        let spread = |pick: &(dyn Fn(usize, usize) -> Option<Fr> + Sync)| -> Vec<Fr> {
            (0..width * count).map(|i| pick(i % count, i / count).unwrap_or_default()).collect()
        };
        let left = spread(&|g, j| groups[g].values.get(j).copied());
        let right = spread(&|g, j| columns[g].get(j).copied().filter(|_| j < groups[g].width));
        let mut tables = [compute.upload(left)?, compute.upload(right)?];
        let (value, point) = sumcheck::prove_plain(writer, compute, &mut tables, row_bits, e)?;
        let at_t = compute.download(&tables[1])?;
        let mut row = Row { values: vec![Fr::zero(); width], blind: Fr::zero() };
        for (group, factor) in groups.iter().zip(&at_t) {
            row.values.iter_mut().zip(&group.values).for_each(|(w, v)| *w += *factor * v);
            row.blind += *factor * group.blind;
        }
        Ok(Opening { value, point, row })
    }
}
