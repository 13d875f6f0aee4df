//! Stage 3: one sumcheck for all linear layers, all biases and the table side of the lookups.
//!
//! ```text
//! e = [u] + γ·Z̃(r', r_B) + γ²·[S] = Σ_blocks Σ_j left(j)·right(j)
//! ```
//!
//! | block | left | right |
//! | --- | --- | --- |
//! | layer b, `n_in` entries | `c_b·Σ_i eq(r_b, i)·W_b[i, j]` (the sparse fold) | `Σ_β eq(r_B, β)·x_b[β][j]` |
//! | bias b, one entry | `c_b·Σ_i eq(r_b, i)·bias_b[i]` | `Σ_{β<B} eq(r_B, β)` |
//! | table t | `γ²/(α − key_t)` | multiplicities |
//!
//! `c_b` is the selector of the layer's lookup block, γ for the last layer, whose point is `r'`. Three independent statements
//! have three powers of γ: with `S` added at coefficient 1 all leaves could be shifted by a root of a known polynomial.
//! `log2 J` plain rounds, then `[ŵ]`, `[x̂]` and one product. Both are linear functionals of committed rows once the public
//! parts are subtracted.

use crate::algebra::Fr;
use crate::commit::sigma::Product;
use crate::commit::{Form, PointTable};
use crate::protocol::{Check, VerifyError};
use crate::sumcheck;
use crate::transcript::Reader;

/// What is left to show after the linear sumcheck.
#[must_use = "the claims about weights and inputs are still to be proved"]
pub struct Outcome<C> {
    /// The left table's extension at `point`.
    pub weights: C,
    /// The right table's extension at `point`.
    pub inputs: C,
    /// `log2 J` coordinates.
    pub point: Vec<Fr>,
}

/// Scalars sent by a sumcheck over `2^bits` entries.
#[must_use]
pub const fn scalars(bits: usize) -> usize {
    2 * bits + 2
}

/// Reads the sumcheck for the claim `e`.
pub fn verify(
    reader: &mut Reader<'_>,
    points: &mut PointTable,
    products: &mut Vec<Product<Form>>,
    bits: usize,
    e: Form,
) -> Result<Outcome<Form>, VerifyError> {
    let (e, point) = sumcheck::verify_plain(reader, points, bits, e)?;
    let [weights, inputs] = reader.scalars(["w_hat", "x_hat"], points)?;
    products.push(Product { check: Check::Linear, x: weights.clone(), y: inputs.clone(), z: e });
    Ok(Outcome { weights, inputs, point })
}

#[cfg(feature = "prover")]
pub use prover::prove;

#[cfg(feature = "prover")]
mod prover {
    use super::{Check, Outcome, Product};
    use crate::commit::Hidden;
    use crate::compute::Compute;
    use crate::protocol::ProveError;
    use crate::sumcheck;
    use crate::transcript::Writer;

    /// Proves `e = Σ left·right`.
    pub fn prove<C: Compute>(
        writer: &mut Writer<'_>,
        compute: &C,
        products: &mut Vec<Product<Hidden>>,
        mut tables: [C::Table; 2],
        bits: usize,
        e: Hidden,
    ) -> Result<Outcome<Hidden>, ProveError> {
        let (e, point) = sumcheck::prove_plain(writer, compute, &mut tables, bits, e)?;
        let [left, right] = &tables;
        let value = |t| -> Result<_, ProveError> {
            compute.download(t)?.first().copied().ok_or(ProveError::Internal("an empty table"))
        };
        let [weights, inputs] = writer.scalars(["w_hat", "x_hat"], [value(left)?, value(right)?])?;
        products.push(Product { check: Check::Linear, x: weights, y: inputs, z: e });
        Ok(Outcome { weights, inputs, point })
    }
}
