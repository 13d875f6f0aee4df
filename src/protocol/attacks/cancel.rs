//! Forgeries whose errors cancel: several wrong claims that are right in one combination. Each passes when the factor of the
//! combination is known (or fixed) before what it combines.

use super::known::{in_two_runs, known, last, noted, off_by_one, single, small_number};
use super::lab::*;
use crate::algebra::{Fr, fr};
use crate::protocol::plan::Lookup;
use crate::protocol::{Check, Instance, verify};
use crate::transcript::{Tamper, oracle};
use ark_ff::{Field, One};

/// `λ` is known before `p` and `q`: only `q + λp` has to be right, so the fraction `p/q` is free.
#[test]
fn roots_that_are_right_in_one_combination() {
    let lab = Lab::split();
    let mut witness = lab.honest();
    let at = lab.arch().outputs(1) + 2;
    let before = witness.trace.activations[1][at];
    witness.trace.activations[1][at] = other(before, 7);
    let moved = i64::from(witness.trace.activations[1][at] - before);
    rerun(lab.session.network(), &mut witness.trace, 1);
    let logits = witness.trace.logits().to_vec();
    let shifts = [Shift { leaf: lab.leaf(Lookup::Activation(1), 2, 1), t1: 0, t2: moved }];
    let lambda = small_number(7);
    let hook: Hook = || {
        let lambda = small_number(7);
        let (p, q, sum) = (noted("p_root"), noted("q_root"), noted("S"));
        let root = (q + lambda * p) * (Fr::one() + lambda * sum).inverse().unwrap();
        Box::new(move |label, v| match label {
            "p_root" => sum * root,
            "q_root" => root,
            _ => v,
        })
    };
    let verdict = || verify(&lab.instance(&logits), &in_two_runs(&lab, &witness, &logits, &shifts, hook));
    assert_eq!(oracle::with(&[], known("proof", "lambda", Some(0), lambda), verdict), Ok(()));
    assert_eq!(oracle::with(&[], |_| None, verdict), failed(Check::FractionSecond));
}

/// Claims that are added with a known factor, 1 or any other: ŵ and x̂ are wrong, but so that the sum is right.
#[test]
fn opening_claims_that_cancel() {
    for rho in [1, 7] {
        let mut forged = 0;
        for by in 1..=8 {
            let lab = single();
            let (witness, mut logits) = off_by_one(&lab);
            logits[0] = witness.trace.logits()[0] + if witness.trace.logits()[0] > 0 { -by } else { by };
            let moved = fr::from_i64(i64::from(logits[0] - witness.trace.logits()[0]));
            let bits = lab.plan().linear_bits;
            let hook = || -> Tamper {
                Box::new(move |label, v| {
                    if !matches!(label, "w_hat" | "x_hat") {
                        return v;
                    }
                    let rho = small_number(rho);
                    let rounds = oracle::drawn("r");
                    let factor: Fr = rounds[rounds.len() - bits..].iter().product();
                    let (w, x) = (noted("w_hat"), noted("x_hat"));
                    let e = w * x + last("gamma") * moved * factor;
                    // w' + ρx' = w + ρx and w'x' = e.
                    let sum = w + rho * x;
                    let Some(root) = (sum * sum - Fr::from(4u64) * rho * e).sqrt() else { return v };
                    let first = (sum + root) * Fr::from(2u64).inverse().unwrap();
                    if label == "w_hat" { first } else { (sum - first) * rho.inverse().unwrap() }
                })
            };
            let verdict = || verify(&lab.instance(&logits), &in_two_runs(&lab, &witness, &logits, &[], hook));
            let got = oracle::with(&[], known("close", "rho", None, small_number(rho)), verdict);
            assert!(got == Ok(()) || got == failed(Check::Linear), "{got:?}");
            if got.is_ok() {
                forged += 1;
                assert_eq!(oracle::with(&[], |_| None, verdict), failed(Check::OpeningValue));
            }
        }
        assert!(forged >= 1, "half of all quadratics have a root");
    }
}

/// `S` is added with the factor 1 (`γ = 1`): all leaves are shifted by a root of a polynomial, and `u` with them.
#[test]
fn leaves_all_shifted_by_a_root() {
    let mut forged = 0;
    for seed in 0..6 {
        let lab = Lab::of(network(&[2, 8, 3], 1, seed), 3, 4, false);
        let mut witness = lab.honest();
        let y = &mut witness.trace.activations[0][8 + 2];
        let moved = 1 - 2 * i64::from(*y);
        *y = 1 - *y;
        rerun(lab.session.network(), &mut witness.trace, 0);
        let bound = 1 << lab.arch().logit_bits;
        if witness.trace.logits().iter().any(|z| !(-bound..bound).contains(z)) {
            continue;
        }
        let leaf = lab.leaf(Lookup::Accumulator(0), 2, 1);
        let compute = lab.session.compute();
        *compute.all.lock().unwrap() = Some(witness.lookups.multiplicities.concat());
        let verdict = || {
            let hook = || -> Tamper {
                let mut fits = root_fits();
                let shift = compute.shift.clone();
                Box::new(move |label, v| {
                    let shift = shift.lock().unwrap().unwrap_or_default();
                    if label == "u" { v + shift } else { fits(label, v) }
                })
            };
            lab.verdict(&witness, &[Shift { leaf, t1: 0, t2: moved }], hook)
        };
        let got = oracle::with(&[], known("proof", "gamma", None, Fr::one()), verdict);
        if compute.shift.lock().unwrap().is_some() {
            assert_eq!(got, Ok(()));
            forged += 1;
        }
        assert_eq!(verdict(), failed(Check::Linear), "powers of γ");
    }
    assert!(forged >= 1, "two of three polynomials have a root");
}

/// The factor of the checks is known before the responses: two that fail add up to none.
#[test]
fn responses_whose_errors_cancel() {
    let lab = small();
    let witness = lab.honest();
    let logits = witness.trace.logits().to_vec();
    let xi = small_number(11);
    let verdict = || {
        let mut words = lab.words(&witness, &logits, &[], as_it_is);
        let (plan, count) = (lab.plan(), words.len() / WORD);
        let (first, pok) = (count - 4 - lab.arch().row_width - 5 * plan.products(), count - 2);
        let mut add = |k: usize, by: Fr| {
            let value = fr::decode(&word(&words, k)).unwrap() + by;
            words = with_word(&words, k, fr::encode(&value));
        };
        let last_check = 3 * plan.products() as u64 + 2;
        add(first, Fr::one());
        add(pok, -xi.pow([last_check]).inverse().unwrap());
        verify(&lab.instance(&logits), &words)
    };
    assert_eq!(oracle::with(&[], known("close", "xi", None, xi), verdict), Ok(()));
    assert_eq!(verdict(), failed(Check::LookupSum));
}

/// Wrong outputs in ONE element of a batch, for every batch size: nothing that is added up hides it.
#[test]
fn one_wrong_claim_in_a_batch() {
    for batch in [1, 2, 3, 5] {
        for private in [false, true] {
            let lab = Lab::new(&[5, 4, 3], 3, batch, 4, private);
            let witness = lab.honest();
            for at in [0, 3 * batch - 1] {
                let mut logits = witness.trace.logits().to_vec();
                logits[at] += if logits[at] > 0 { -1 } else { 1 };
                let words = lab.words(&witness, &logits, &[], as_it_is);
                assert_eq!(verify(&lab.instance(&logits), &words), failed(Check::Linear));
            }
            let scaled: Hook = || {
                let k = small_number(5);
                Box::new(move |label, v| match label {
                    "w_hat" => v * k,
                    "x_hat" => v * k.inverse().unwrap(),
                    _ => v,
                })
            };
            assert_eq!(lab.verdict(&witness, &[], scaled), failed(Check::OpeningValue), "B = {batch}");
            assert_eq!(lab.verdict(&witness, &[], plus_one!("u")), failed(Check::Linear));
            // Weights opened that are not the key's.
            let mut rows = lab.key().rows().to_vec();
            rows.swap(0, 1);
            let mut key = lab.key().clone();
            key.set_rows(rows);
            let instance = Instance::new(&key, (!private).then_some(&lab.inputs), witness.trace.logits(), CONTEXT).unwrap();
            let words = lab.words_of(&instance, &witness, &[], as_it_is);
            assert_eq!(verify(&instance, &words), failed(Check::OpeningRow), "B = {batch}");
        }
    }
}
