//! Stage 5: one batch of sigma protocols under one challenge `c`.
//!
//! | protocol | first messages | responses | check |
//! | --- | --- | --- | --- |
//! | product `z = x·y` (Hyrax, section 4) | `A = Com(b0, b1)`, `B = Com(b2, b3)`, `D = b2·[x] + b4·H` | `z0 = b0 + c·x`, `z1 = b1 + c·ρx`, `z2 = b2 + c·y`, `z3 = b3 + c·ρy`, `z4 = b4 + c·(ρz − ρx·y)` | `A + c[x] = Com(z0, z1)`, `B + c[y] = Com(z2, z3)`, `D + c[z] = z2·[x] + z4·H` |
//! | opening `⟨w*, eq(t)⟩ = e` | `Δ = Com(δ)`, `E = [⟨eq(t), δ⟩]` | `z = δ + c·w*` in the clear, two blinds | `Δ + c·C* = Com(z)`, `E + c[e] = [⟨eq(t), z⟩]` |
//! | knowledge of every scalar sent | `K = Com(k0, k1)` | `k + c·Σ ε^i·(v_i, ρ_i)` | `K + c·Σ ε^i·[v_i] = Com(..)` |
//!
//! `ε` is drawn before the first message; the batched proof of knowledge makes every committed scalar independent of later
//! challenges. Responses are uniform, so they may be sent in the clear.

use super::claim::{Claim, Form, PointTable};
use super::opening::Opening;
use crate::algebra::{Fr, eq, mle};
use crate::protocol::{Check, VerifyError};
use crate::transcript::Reader;
use ark_ff::One;

/// `z = x·y`, still to be proved.
#[derive(Clone, Debug)]
#[must_use = "a product that is not proved means nothing"]
pub struct Product<C> {
    /// What it is called when it fails.
    pub check: Check,
    /// First factor.
    pub x: C,
    /// Second factor.
    pub y: C,
    /// Claimed product.
    pub z: C,
}

/// Words of a batch of `products` products and the proof of knowledge.
#[must_use]
pub const fn words(products: usize) -> usize {
    8 * products + 3
}

/// Words that an opening of a row of `row_width` entries adds.
#[must_use]
pub const fn opening_words(row_width: usize) -> usize {
    row_width + 4
}

/// `Σ_i ε^i·claim_i` over everything sent.
fn knowledge<'a, C: Claim + 'a>(zero: C, sent: impl Iterator<Item = &'a C>, epsilon: Fr) -> C {
    let mut power = Fr::one();
    sent.fold(zero, |sum, claim| {
        let term = claim.clone() * power;
        power *= epsilon;
        sum + term
    })
}

/// Reads the batch and returns the checks: every form must be the identity. Without an opening its messages are not there.
pub fn verify(
    reader: &mut Reader<'_>,
    points: &mut PointTable,
    products: &[&Product<Form>],
    sent: &[&Form],
    opening: Option<&Opening<Form, Form>>,
) -> Result<Vec<(Check, Form)>, VerifyError> {
    let epsilon = reader.challenge("epsilon");
    let pok = knowledge(Form::zero(), sent.iter().copied().chain(reader.sent()), epsilon);
    let mut first = Vec::with_capacity(products.len());
    for _ in products {
        first.push([reader.point("A", points)?, reader.point("B", points)?, reader.point("D", points)?].map(Form::point));
    }
    let masked = match opening {
        Some(opening) => Some((opening, reader.point("Delta", points)?, reader.point("E", points)?)),
        None => None,
    };
    let k = Form::point(reader.point("K", points)?);
    let c = reader.challenge("c");
    let mut checks = Vec::with_capacity(3 * products.len() + 3);
    for (product, [a, b, d]) in products.iter().zip(first) {
        let mut z = [Fr::default(); 5];
        for z in &mut z {
            *z = reader.field("z")?;
        }
        let Product { check, x, y, z: claimed } = (*product).clone();
        let blind = Form::term(PointTable::H, z[4]);
        checks.push((check, a + x.clone() * c - Form::commitment(z[0], z[1])));
        checks.push((check, b + y * c - Form::commitment(z[2], z[3])));
        checks.push((check, d + claimed * c - x * z[2] - blind));
    }
    if let Some((opening, delta, e)) = masked {
        let width = 1usize << opening.point.len();
        let mut z = Vec::with_capacity(width);
        for _ in 0..width {
            z.push(reader.field("open")?);
        }
        let (row_blind, value_blind) = (reader.field("open")?, reader.field("open")?);
        let mut row = Form::point(delta) + opening.row.clone() * c - Form::term(PointTable::H, row_blind);
        z.iter().enumerate().for_each(|(j, z)| row.push(points.generator(j), -*z));
        checks.push((Check::OpeningRow, row));
        let at_t = mle::inner_product(&eq::table(&opening.point), &z);
        checks.push((Check::OpeningValue, Form::point(e) + opening.value.clone() * c - Form::commitment(at_t, value_blind)));
    }
    let (k0, k1) = (reader.field("pok")?, reader.field("pok")?);
    checks.push((Check::Knowledge, k + pok * c - Form::commitment(k0, k1)));
    Ok(checks)
}

#[cfg(feature = "prover")]
pub use prover::{Mask, prove};

#[cfg(feature = "prover")]
mod prover {
    use super::{Fr, Opening, Product, eq, knowledge, mle};
    use crate::algebra::g1::Point;
    use crate::commit::Hidden;
    use crate::commit::opening::Row;
    use crate::compute::{Compute, ComputeError};
    use crate::protocol::ProveError;
    use crate::transcript::{Blinds, Stream, Writer};
    use zeroize::{Zeroize, ZeroizeOnDrop};

    /// The mask of the opening. It depends on nothing, so it is committed while other stages run. Used once, then wiped.
    #[derive(Zeroize, ZeroizeOnDrop)]
    pub struct Mask {
        delta: Vec<Fr>,
        row_blind: Fr,
        value_blind: Fr,
    }

    impl Mask {
        /// Draws a mask for rows of `width` entries.
        pub fn draw<C: Compute>(compute: &C, blinds: &mut Blinds, width: usize) -> Self {
            let first = blinds.reserve(Stream::Mask, width + 2);
            let all = &*blinds;
            // SHAKE256 makes one in half a microsecond: worth spreading over cores in blocks.
            let blocks = compute.map(width.div_ceil(256), |b| {
                let range = b * 256..width.min(b * 256 + 256);
                range.map(|j| all.at(Stream::Mask, first + j as u64)).collect::<Vec<_>>()
            });
            let at = |j| all.at(Stream::Mask, first + j as u64);
            Self { delta: blocks.concat(), row_blind: at(width), value_blind: at(width + 1) }
        }

        /// `Δ`, the mask's commitment: the one multi-scalar multiplication of the prover.
        pub fn commit<C: Compute>(&self, compute: &C, generators: &[Point]) -> Result<Point, ComputeError> {
            compute.commit_dense(generators, &self.delta, self.row_blind)
        }
    }

    /// Proves the batch, with the opening and the mask and its commitment, where there is one.
    pub fn prove<C: Compute>(
        writer: &mut Writer<'_>,
        compute: &C,
        blinds: &mut Blinds,
        products: &[&Product<Hidden>],
        sent: &[&Hidden],
        opening: Option<(&Opening<Hidden, Row>, &Mask, &Point)>,
    ) -> Result<(), ProveError> {
        let epsilon = writer.challenge("epsilon");
        let pok = knowledge(Hidden::default(), sent.iter().copied().chain(writer.sent()), epsilon);
        let secrets: Vec<[Fr; 5]> = products.iter().map(|_| blinds.draw_array(Stream::Product)).collect();
        let [k0, k1] = blinds.draw_array(Stream::Knowledge);
        let mut pairs = Vec::with_capacity(3 * products.len() + 2);
        for (p, b) in products.iter().zip(&secrets) {
            pairs.extend([(b[0], b[1]), (b[2], b[3]), (b[2] * p.x.value, b[2] * p.x.blind + b[4])]);
        }
        pairs.push((k0, k1));
        pairs.extend(
            opening
                .map(|(opening, mask, _)| (mle::inner_product(&eq::table(&opening.point), &mask.delta), mask.value_blind)),
        );
        let first = compute.commit_scalars(&pairs)?;
        let (of_products, rest) = first.split_at(3 * products.len());
        for (i, point) in of_products.iter().enumerate() {
            writer.point(["A", "B", "D"][i % 3], point);
        }
        if let (Some((.., delta)), Some(e)) = (opening, rest.get(1)) {
            writer.point("Delta", delta);
            writer.point("E", e);
        }
        writer.point("K", &rest[0]);
        let c = writer.challenge("c");
        for (Product { x, y, z, .. }, b) in products.iter().zip(&secrets) {
            let responses = [
                b[0] + c * x.value,
                b[1] + c * x.blind,
                b[2] + c * y.value,
                b[3] + c * y.blind,
                b[4] + c * (z.blind - x.blind * y.value),
            ];
            responses.iter().for_each(|r| writer.field("z", r));
        }
        if let Some((opening, mask, _)) = opening {
            for (delta, w) in mask.delta.iter().zip(&opening.row.values) {
                writer.field("open", &(*delta + c * w));
            }
            writer.field("open", &(mask.row_blind + c * opening.row.blind));
            writer.field("open", &(mask.value_blind + c * opening.value.blind));
        }
        writer.field("pok", &(k0 + c * pok.value));
        writer.field("pok", &(k1 + c * pok.blind));
        Ok(())
    }
}
