//! All weights are −1, 0 or 1: a proof made once per model, for verifiers who do not trust the committer.
//!
//! ```text
//! Σ_x eq(τ, x)·(W³ − W)(x) = 0        x over all matrices, entry (i, j) of layer b at i·2^⌈log2 n_in⌉ + j of its block
//! ```
//!
//! Rounds of degree 3 with the eq factor taken out, from the claim 0: `[d], [c2], [c3]`. They end with `[w]` and `[w2]`,
//! products `w·w = w2` and `w2·w = e + w`, and one opening of `w`, masked to `n_in` columns (biases are vectors of their own).

use super::errors::{Check, VerifyError};
use super::key::VerifyingKey;
use super::plan::Block;
use super::{TERNARITY_DOMAIN, verify::verify_close};
use crate::algebra::mle::log2_ceil;
use crate::algebra::{Fr, fr::WORD};
use crate::commit::functional::{Body, Functional, RowCombination};
use crate::commit::sigma::{self, Product};
use crate::commit::{Claim, Form, Generators, PointTable};
use crate::model::Architecture;
use crate::sumcheck;
use crate::transcript::{Reader, Transcript};

fn transcript(key: &VerifyingKey) -> Transcript {
    let mut t = Transcript::new(TERNARITY_DOMAIN);
    t.absorb("key", key.digest());
    t
}

/// One block per layer, and the bits of the whole.
fn layout(arch: &Architecture) -> (Vec<Block<usize>>, usize) {
    let bits = |b: usize| log2_ceil(arch.outputs(b)) + log2_ceil(arch.inputs(b));
    super::plan::layout((0..arch.layers()).map(|b| (b, bits(b))))
}

/// The functional that `w` is claimed to be, over one vector per layer, and the points that weigh the rows of these vectors.
fn claim(arch: &Architecture, blocks: &[Block<usize>], x: &[Fr]) -> (Functional, Vec<Vec<Fr>>) {
    let mut functional = Functional::default();
    let mut row_points = vec![Vec::new(); arch.layers()];
    for block in blocks {
        let (selector, local) = block.split(x);
        let (rows, columns) = local.split_at(log2_ceil(arch.outputs(block.kind)));
        row_points[block.kind] = rows.to_vec();
        functional.add(block.kind, arch.inputs(block.kind), columns, selector);
    }
    (functional, row_points)
}

fn products<C: Claim>(w: C, w2: C, e: C) -> Vec<Product<C>> {
    vec![
        Product { check: Check::TernaritySquare, x: w.clone(), y: w.clone(), z: w2.clone() },
        Product { check: Check::TernarityCube, x: w2, y: w.clone(), z: e + w },
    ]
}

/// Bytes of the ternarity proof of a key.
#[must_use]
pub fn proof_bytes(arch: &Architecture) -> usize {
    let scalars = 3 * layout(arch).1 + 2 + 2 * log2_ceil(arch.row_width);
    WORD * (scalars + sigma::words(2) + sigma::opening_words(arch.row_width))
}

/// Checks a ternarity proof of a key.
///
/// # Errors
/// The check that fails.
pub fn verify(key: &VerifyingKey, proof: &[u8]) -> Result<(), VerifyError> {
    let arch = key.architecture();
    let (blocks, bits) = layout(arch);
    let mut points = PointTable::new(&Generators::new(arch.row_width));
    let rows = points.push_key(key.rows());
    let mut reader = Reader::new(transcript(key), proof, 0);
    let tau: Vec<Fr> = (0..bits).map(|_| reader.challenge("tau")).collect();
    let (mut e, mut x) = (Form::zero(), Vec::with_capacity(bits));
    for t in &tau {
        let [d, c2, c3] = reader.scalars(["d", "c2", "c3"], &mut points)?;
        let r = reader.challenge("r");
        e = sumcheck::normalised_cubic_update(e, d, c2, c3, *t, r);
        x.push(r);
    }
    let [w, w2] = reader.scalars(["w", "w2"], &mut points)?;
    let (functional, row_points) = claim(arch, &blocks, &x);
    let vectors = row_points.iter().enumerate().map(|(b, point)| {
        let chunks = arch.chunks(arch.inputs(b));
        let first = |c| rows.row(arch.weight_row_start(b) + c);
        let of_chunk = |c| Form::run(first(c), chunks, arch.outputs(b), point, Fr::from(1u64));
        RowCombination { chunks: (0..chunks).map(of_chunk).collect() }
    });
    let vectors = vectors.collect();
    let (digest, sent, position) = reader.finish();
    let body = Body { claims: vec![(w.clone(), functional)], products: products(w, w2, e), sent, vectors };
    verify_close(&[body], &[digest], arch.row_width, proof, position, points)
}

#[cfg(feature = "prover")]
pub use prover::prove;
#[cfg(all(test, feature = "prover"))]
pub(super) use prover::write;

#[cfg(feature = "prover")]
mod prover {
    use super::{Body, Fr, VerifyingKey, claim, layout, products, sumcheck, transcript};
    use crate::algebra::eq::{self, SplitEq};
    use crate::algebra::mle::log2_ceil;
    use crate::commit::functional::Combined;
    use crate::commit::{Generators, Hidden};
    use crate::compute::{Compute, Summand, Weights};
    use crate::model::{Architecture, Network};
    use crate::protocol::close_transcript;
    use crate::protocol::key::Secret;
    use crate::protocol::prove::prove_close;
    use crate::protocol::{ProveError, VerifyError};
    use crate::transcript::{Blinds, Writer};

    /// Proves that a committed network is ternary. `seed` must be fresh.
    ///
    /// # Errors
    /// When the device fails.
    pub fn prove<C: Compute>(
        compute: &C,
        network: &Network,
        key: &VerifyingKey,
        secret: &Secret,
        seed: [u8; 32],
    ) -> Result<Vec<u8>, ProveError> {
        let proof = write(compute, network, key, secret, seed)?;
        match super::verify(key, &proof) {
            Ok(()) => Ok(proof),
            Err(VerifyError::UnluckyChallenge) => Err(ProveError::UnluckyChallenge),
            Err(e) if compute.give_up_device() => {
                tracing::warn!("the device's results are wrong ({e}); proving again on the CPU; run zktern doctor");
                prove(compute, network, key, secret, seed)
            }
            Err(_) => Err(ProveError::Internal("the ternarity proof just made is not valid")),
        }
    }

    /// The proof's words, not yet verified.
    pub(in crate::protocol) fn write<C: Compute>(
        compute: &C,
        network: &Network,
        key: &VerifyingKey,
        secret: &Secret,
        seed: [u8; 32],
    ) -> Result<Vec<u8>, ProveError> {
        secret.check(key)?;
        match attempt(compute, network, key, secret, seed) {
            Err(ProveError::Compute(e)) if compute.give_up_device() => {
                tracing::warn!("{e}; the ternarity proof runs again on the CPU");
                attempt(compute, network, key, secret, seed)
            }
            done => done,
        }
    }

    fn attempt<C: Compute>(
        compute: &C,
        network: &Network,
        key: &VerifyingKey,
        secret: &Secret,
        seed: [u8; 32],
    ) -> Result<Vec<u8>, ProveError> {
        let arch = key.architecture();
        let mut blinds = Blinds::new(seed);
        let (blocks, bits) = layout(arch);
        let mut writer = Writer::new(transcript(key), 3 * bits + 2, &mut blinds, compute)?;
        let tau: Vec<Fr> = (0..bits).map(|_| writer.challenge("tau")).collect();
        let eq = SplitEq::new(&tau);
        let mut tables = [compute.upload(entries(network, &blocks, bits))?];
        let (mut e, mut x) = (Hidden::default(), Vec::with_capacity(bits));
        for (i, t) in tau.iter().enumerate() {
            let [_, d, c2, c3] = compute.round(Summand::Cubic, &mut tables, Weights::Eq(&eq, i + 1), x.last().copied())?;
            let [d, c2, c3] = writer.scalars(["d", "c2", "c3"], [d, c2, c3])?;
            let r = writer.challenge("r");
            e = sumcheck::normalised_cubic_update(e, d, c2, c3, *t, r);
            x.push(r);
        }
        if let Some(r) = x.last() {
            compute.bind(&mut tables, *r)?;
        }
        let value = compute.download(&tables[0])?.first().copied().unwrap_or_default();
        let [w, w2] = writer.scalars(["w", "w2"], [value, value * value])?;
        let (functional, row_points) = claim(arch, &blocks, &x);
        let vectors = combined(compute, network, arch, secret, &row_points)?;
        let (digest, sent, bytes) = writer.finish()?;
        let body = Body { claims: vec![(w, functional)], products: products(w, w2, e), sent, vectors };
        let generators = Generators::new(arch.row_width);
        let mask = crate::commit::sigma::Mask::draw(compute, &mut blinds, arch.row_width);
        let delta = mask.commit(compute, generators.rows())?;
        let writer = Writer::new(close_transcript(&[digest]), 2 * log2_ceil(arch.row_width), &mut blinds, compute)?;
        let closing = prove_close(writer, compute, &mut blinds, &[body], arch.row_width, (&mask, &delta), |_| {})?;
        Ok([bytes, closing].concat())
    }

    /// All weights as field elements at their places.
    fn entries(network: &Network, blocks: &[super::Block<usize>], bits: usize) -> Vec<Fr> {
        let mut out = vec![Fr::from(0u64); 1 << bits];
        let one = Fr::from(1u64);
        for block in blocks {
            let matrix = &network.layers[block.kind].weights;
            let column_bits = log2_ceil(matrix.columns());
            for i in 0..matrix.rows() {
                let (plus, minus) = matrix.by_row().get(i);
                let start = block.offset + (i << column_bits);
                plus.iter().for_each(|&j| out[start + j as usize] = one);
                minus.iter().for_each(|&j| out[start + j as usize] = -one);
            }
        }
        out
    }

    /// `Σ_i eq(point, i)·row_i` of every layer, with the blinds of its chunks.
    fn combined<C: Compute>(
        compute: &C,
        network: &Network,
        arch: &Architecture,
        secret: &Secret,
        row_points: &[Vec<Fr>],
    ) -> Result<Vec<Combined>, ProveError> {
        let blinds = secret.blinds(arch);
        let mut out = Vec::with_capacity(row_points.len());
        for (b, point) in row_points.iter().enumerate() {
            let weights = eq::table(point);
            let chunks = arch.chunks(arch.inputs(b));
            let rows = &blinds[arch.weight_row_start(b)..][..arch.weight_rows(b)];
            let blind = |c| weights.iter().enumerate().take(arch.outputs(b)).map(|(i, k)| *k * rows[i * chunks + c]).sum();
            let blinds = (0..chunks).map(blind).collect();
            let matrix = compute.load(&network.layers[b].weights)?;
            let table = compute.upload(weights)?;
            out.push(Combined { values: compute.download(&compute.fold_rows(&matrix, &table)?)?, blinds });
        }
        Ok(out)
    }
}
