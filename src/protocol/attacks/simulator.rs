//! The simulator: proofs without a witness, which convince whoever lets them choose the last challenge.

use super::lab::*;
use crate::algebra::{Fr, fr, g1::Point, msm};
use crate::commit::Pedersen;
use crate::model::Architecture;
use crate::protocol::verify::checks;
use crate::protocol::{Check, Instance, NoProgress, Plan, verify};
use crate::transcript::{Blinds, Stream, digest, oracle};
use ark_ff::{One, Zero};

/// A proof without a witness: random messages, and first messages of the sigma protocols computed backwards from the challenge
/// `c` and random responses. Only a verifier whose oracle answers `c` believes it.
fn simulate(instance: &Instance<'_>, c: Fr, seed: u64) -> Vec<u8> {
    let (plan, arch) = (instance.plan(), instance.key().architecture());
    let count = plan.proof_bytes(arch) / WORD;
    let scalars = 5 * plan.products() + arch.row_width + 4;
    let mut blinds = Blinds::new(digest([b"simulator".as_slice(), &seed.to_le_bytes()])[..32].try_into().unwrap());
    let mut words = Vec::with_capacity(count * WORD);
    for n in 0..count {
        let value = blinds.draw(Stream::Mask);
        let point = || Point::from_projective(&Pedersen::get().h.mul(&value)).unwrap().encode();
        words.extend(if n < count - scalars { point() } else { fr::encode(&value) });
    }
    let (checks, points) = oracle::with(&[], programmed(c), || checks(instance, &words)).unwrap();
    // Every check holds one first message, with coefficient one, and they come in the order of the checks.
    let first = count - scalars - checks.len();
    for (n, (_, form)) in checks.iter().enumerate() {
        let mut coefficients = vec![Fr::zero(); points.points().len()];
        form.accumulate(Fr::one(), &mut coefficients);
        let random = Point::decode(&word(&words, first + n)).unwrap();
        let wrong = msm::msm(points.points(), &coefficients);
        let right = Point::from_projective(&(-wrong + random.to_affine())).unwrap();
        words[(first + n) * WORD..][..WORD].copy_from_slice(&right.encode());
    }
    words
}

/// The oracle of the simulator.
fn programmed(c: Fr) -> impl Fn(&oracle::Draw<'_>) -> Option<Fr> {
    move |d| (d.domain.ends_with("close") && d.label == "c").then_some(c)
}

/// Whoever cannot program the oracle learns nothing from a proof that he could not have made himself, without the witness; even
/// of a false statement, so it is only the oracle that convinces.
#[test]
fn simulated_proofs_verify_with_their_oracle_alone() {
    for (private, batch) in [(false, 1), (true, 3)] {
        let lab = Lab::new(&[6, 5, 4, 3], 7, batch, 4, private);
        let logits = lab.honest().trace.logits().to_vec();
        let mut wrong = logits.clone();
        wrong[0] += if wrong[0] > 0 { -1 } else { 1 };
        for (n, logits) in [logits, wrong].iter().enumerate() {
            let instance = lab.instance(logits);
            let c = fr::from_uniform(&digest([[n as u8]]));
            let words = simulate(&instance, c, n as u64);
            assert_eq!(oracle::with(&[], programmed(c), || verify(&instance, &words)), Ok(()));
            assert_eq!(verify(&instance, &words), failed(Check::LookupSum), "the real oracle");
        }
    }
}

/// Bytes of points (below the top one, which the field's order bounds) and of scalars: 256 counts, and the signs of points.
fn counts(proofs: &[Vec<u8>], plan: &Plan, arch: &Architecture) -> ([Vec<f64>; 2], f64) {
    let mut bytes = [vec![0.0; 256], vec![0.0; 256]];
    let (mut signs, mut points) = (0.0, 0.0);
    let scalars = 5 * plan.products() + arch.row_width + 4;
    for words in proofs {
        let count = words.len() / WORD;
        for (n, word) in words.chunks(WORD).enumerate() {
            let kind = usize::from(n >= count - scalars);
            word[1..].iter().for_each(|b| bytes[kind][usize::from(*b)] += 1.0);
            if kind == 0 {
                points += 1.0;
                signs += f64::from(word[0] >> 7);
            }
        }
    }
    (bytes, signs / points)
}

/// Real and simulated proofs look alike: byte frequencies of both kinds of words, and signs of points.
#[test]
fn real_and_simulated_proofs_look_alike() {
    let lab = Lab::new(&[2, 2, 1], 1, 1, 2, true);
    let logits = lab.honest().trace.logits().to_vec();
    let instance = lab.instance(&logits);
    let real: Vec<Vec<u8>> =
        (0u8..60).map(|n| lab.session.prove(&lab.inputs, true, CONTEXT, &[n; 32], &NoProgress).unwrap().0.words).collect();
    let fake: Vec<Vec<u8>> = (0..60).map(|n| simulate(&instance, Fr::from(n + 1), n)).collect();
    let (plan, arch) = (lab.plan(), lab.arch());
    let (a, b) = (counts(&real, &plan, arch), counts(&fake, &plan, arch));
    for kind in 0..2 {
        // Two samples of equal size: Σ (x − y)²/(x + y) has 255 degrees of freedom, mean 255 and standard deviation 22.6.
        let chi: f64 = a.0[kind].iter().zip(&b.0[kind]).map(|(x, y)| (x - y).powi(2) / (x + y)).sum();
        assert!((150.0..380.0).contains(&chi), "kind {kind}: {chi}");
    }
    assert!((a.1 - 0.5).abs() < 0.03 && (b.1 - 0.5).abs() < 0.03, "{} {}", a.1, b.1);
}
