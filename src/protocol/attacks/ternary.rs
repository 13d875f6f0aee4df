//! Weights that are not ternary, in the committed rows themselves.

use super::lab::*;
use crate::algebra::mle::log2_ceil;
use crate::algebra::{Fr, fr, g1, g1::Point};
use crate::commit::Generators;
use crate::compute::cpu::Cpu;
use crate::protocol::plan::layout;
use crate::protocol::{Check, ProveError, VerifyError, VerifyingKey, ternarity};
use crate::transcript::oracle;
use ark_ff::{Field, One};

/// A key whose first row has one more `G_0`: a weight of 2, or a weight that the network does not have.
fn doubled(lab: &Lab) -> VerifyingKey {
    let generator = Generators::new(lab.arch().row_width).rows()[0];
    let mut rows = lab.key().rows().to_vec();
    rows[0] = Point::from_projective(&g1::sum([rows[0], generator])).unwrap();
    let mut key = lab.key().clone();
    key.set_rows(rows);
    key
}

/// Gains a network with other weights, said to be ternary.
#[test]
fn ternarity_is_about_the_committed_rows() {
    let lab = Lab::split();
    let network = lab.session.network();
    let honest = ternarity::prove(&Cpu, network, lab.key(), &secret_of(lab.key()), [8; 32]).unwrap();
    ternarity::verify(lab.key(), &honest).unwrap();
    let forged = doubled(&lab);
    let refused = ternarity::prove(&Cpu, network, &forged, &secret_of(&forged), [8; 32]);
    assert_eq!(refused, Err(ProveError::Internal("the ternarity proof just made is not valid")));
    assert_eq!(ternarity::verify(&forged, &honest), failed(Check::TernaritySquare), "replayed");
    assert_eq!(forged.with_ternarity(honest).map(|_| ()), failed(Check::TernaritySquare));
}

/// A key that truly commits to weights beyond −1, 0 and 1, and who made it. `extra` is added to weights of layer 0.
fn heavy_lab(changes: &[(usize, usize, i64)]) -> (Lab, VerifyingKey) {
    let lab = Lab::split();
    let arch = lab.arch();
    let bits = |b: usize| log2_ceil(arch.outputs(b)) + log2_ceil(arch.inputs(b));
    let (blocks, total) = layout((0..arch.layers()).map(|b| (b, bits(b))));
    let offset = blocks.iter().find(|b| b.kind == 0).unwrap().offset;
    let generators = Generators::new(arch.row_width);
    let mut rows = lab.key().rows().to_vec();
    let mut heavy = Vec::new();
    for &(row, column, extra) in changes {
        let (chunk, at) = (column / arch.row_width, column % arch.row_width);
        let n = arch.weight_row_start(0) + row * arch.chunks(arch.inputs(0)) + chunk;
        let times = generators.rows()[at].to_affine() * fr::from_i64(extra);
        rows[n] = Point::from_projective(&(times + rows[n].to_affine())).unwrap();
        let position = (offset + (row << log2_ceil(arch.inputs(0))) + column, 1 << total);
        heavy.push(Heavy { layer: (arch.outputs(0), arch.inputs(0)), row, column, position, extra });
    }
    *lab.session.compute().heavy.lock().unwrap() = heavy;
    let mut key = lab.key().clone();
    key.set_rows(rows);
    (lab, key)
}

/// What to add to a weight to make it another number.
fn to(lab: &Lab, row: usize, column: usize, weight: i64) -> (usize, usize, i64) {
    (row, column, weight - i64::from(lab.session.network().layers[0].weights.dense_row(row)[column]))
}

fn ternarity_of(changes: &[(usize, usize, i64)]) -> Result<(), VerifyError> {
    let (lab, key) = heavy_lab(changes);
    let proof = ternarity::write(lab.session.compute(), lab.session.network(), &key, &secret_of(&key), [8; 32]).unwrap();
    ternarity::verify(&key, &proof)
}

/// Gains a stronger network than the one that is announced: a weight of 2 or −2 that is truly committed.
#[test]
fn a_weight_beyond_one() {
    let lab = Lab::split();
    for (row, column, weight) in [(0, 0, 2), (0, 0, -2), (4, 5, 2), (2, 3, -2), (1, 4, 100)] {
        assert_eq!(ternarity_of(&[to(&lab, row, column, weight)]), failed(Check::TernarityCube), "{weight}");
    }
    // The machinery is right: the same prover with a weight that is ternary after all.
    assert_eq!(ternarity_of(&[to(&lab, 0, 0, 1)]), Ok(()));
    assert_eq!(ternarity_of(&[to(&lab, 0, 0, -1), to(&lab, 4, 5, 0)]), Ok(()));
    assert_eq!(ternarity_of(&[]), Ok(()));
}

/// Gains two wrong weights whose errors cancel where `τ` is known: 2 and −2 side by side, weighed alike.
#[test]
fn weights_whose_errors_cancel() {
    let lab = Lab::split();
    let changes = [to(&lab, 0, 0, 2), to(&lab, 0, 1, -2)];
    let half = Fr::from(2u64).inverse().unwrap();
    let alike = move |d: &oracle::Draw<'_>| (d.label == "tau").then_some(half);
    assert_eq!(oracle::with(&[], alike, || ternarity_of(&changes)), Ok(()));
    // One alone is hidden by a τ that does not look at it.
    let elsewhere = |d: &oracle::Draw<'_>| (d.label == "tau").then_some(Fr::one());
    assert_eq!(oracle::with(&[], elsewhere, || ternarity_of(&changes[..1])), Ok(()));
    assert_eq!(ternarity_of(&changes), failed(Check::TernarityCube));
    assert_eq!(ternarity_of(&changes[..1]), failed(Check::TernarityCube));
}

/// Gains the same by a claimed square or cube: `w2` that is not `w·w`.
#[test]
fn a_square_that_is_none() {
    let (lab, key) = heavy_lab(&[]);
    let proof = ternarity::write(lab.session.compute(), lab.session.network(), &key, &secret_of(&key), [8; 32]).unwrap();
    // The words before the closing end with [w] and [w2].
    let bits = (0..3).map(|b| log2_ceil(lab.arch().outputs(b)) + log2_ceil(lab.arch().inputs(b))).map(|k| 1usize << k);
    let rounds = log2_ceil(bits.sum());
    let other = swapped(&proof, 3 * rounds, 3 * rounds + 1);
    assert_eq!(ternarity::verify(&key, &other), failed(Check::TernaritySquare));
    let replaced = with_word(&proof, 3 * rounds + 1, Generators::g().encode());
    assert_eq!(ternarity::verify(&key, &replaced), failed(Check::TernaritySquare));
}
