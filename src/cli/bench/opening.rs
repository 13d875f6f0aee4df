//! The claim about a committed matrix that a product's proof ends in, opened: Hyrax, with the program's own sigma protocol.

use crate::algebra::{Fr, eq, g1::Point};
use crate::commit::opening::{Opening, Row};
use crate::commit::sigma::{self, Mask};
use crate::commit::{Form, Generators, Hidden, PointTable};
use crate::compute::Compute;
use crate::gkr::EvalClaim;
use crate::protocol::verify::all_hold;
use crate::protocol::{ProveError, VerifyError};
use crate::transcript::{Blinds, Reader, Stream, Writer};

/// A matrix's committed rows.
pub(super) struct Committed {
    pub(super) generators: Generators,
    pub(super) rows: Vec<Point>,
    pub(super) blinds: Vec<Fr>,
}

/// Blinds of the rows of a matrix. Reproducible: a benchmark hides nothing.
pub(super) fn row_blinds(rows: usize) -> Vec<Fr> {
    let mut blinds = Blinds::new([3; 32]);
    (0..rows).map(|_| blinds.draw(Stream::Weight)).collect()
}

/// Row and column coordinates of a claim.
fn split(claim: &EvalClaim, rows: usize) -> (&[Fr], &[Fr]) {
    claim.point.split_at(rows.trailing_zeros() as usize)
}

/// The row coordinates, which the fold needs.
pub(super) fn row_point(claim: &EvalClaim, rows: usize) -> &[Fr] {
    split(claim, rows).0
}

/// Opens the claim; `folded` is the combination of rows at the claim's row coordinates.
pub(super) fn prove<C: Compute>(
    writer: &mut Writer<'_>,
    compute: &C,
    committed: &Committed,
    claim: &EvalClaim,
    folded: Vec<Fr>,
) -> Result<(), ProveError> {
    let mut blinds = Blinds::new([4; 32]);
    let (rows, columns) = split(claim, committed.rows.len());
    let mask = Mask::draw(compute, &mut blinds, folded.len());
    let delta = mask.commit(compute, committed.generators.rows())?;
    let blind = eq::table(rows).iter().zip(&committed.blinds).map(|(k, b)| *k * b).sum();
    let value = Hidden { value: claim.value, blind: Fr::from(0u64) };
    let opening = Opening { value, point: columns.to_vec(), row: Row { values: folded, blind } };
    sigma::prove(writer, compute, &mut blinds, &[], &[], Some((&opening, &mask, &delta)))
}

/// Checks the opening of a claim.
pub(super) fn verify(reader: &mut Reader<'_>, committed: &Committed, claim: &EvalClaim) -> Result<(), VerifyError> {
    let mut points = PointTable::new(&committed.generators);
    let key = points.push_key(&committed.rows);
    let (rows, columns) = split(claim, committed.rows.len());
    let row = Form::run(key.row(0), 1, committed.rows.len(), rows, Fr::from(1u64));
    let value = Form::commitment(claim.value, Fr::from(0u64));
    let opening = Opening { value, point: columns.to_vec(), row };
    let checks = sigma::verify(reader, &mut points, &[], &[], Some(&opening))?;
    all_hold(reader, &points, &checks)
}
