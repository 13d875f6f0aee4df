//! Forgeries for challenges that are known in advance: each PASSES when one named challenge is known before the messages that it is meant to follow (or
//! when a message is not absorbed, or a mask is dropped), and is refused by the verifier as it is. So the rule is needed, and the
//! test tests something.

use super::lab::*;
use crate::algebra::{Fr, eq, fr};
use crate::model::random;
use crate::protocol::plan::Lookup;
use crate::protocol::witness::table_offsets;
use crate::protocol::{Check, Instance, verify};
use crate::transcript::{Tamper, oracle, oracle::Draw};
use ark_ff::{Field, One, Zero};
use std::cell::RefCell;

/// A challenge that is known in advance: the `nth` of a name in a transcript whose domain ends so.
pub(super) fn known(
    domain: &'static str,
    label: &'static str,
    nth: Option<usize>,
    value: Fr,
) -> impl Fn(&Draw<'_>) -> Option<Fr> {
    move |d| {
        let hit = d.domain.ends_with(domain) && d.label == label && nth.is_none_or(|n| n == d.nth);
        hit.then_some(value)
    }
}

pub(super) fn last(label: &str) -> Fr {
    *oracle::drawn(label).last().unwrap()
}

thread_local! {
    /// What a first run tells the second: both have the same blinds, and the same challenges up to where they differ.
    static NOTES: RefCell<Vec<(String, Fr)>> = const { RefCell::new(Vec::new()) };
}

/// Writes down every hidden scalar.
pub(super) fn taking_notes() -> Tamper {
    Box::new(|label, v| {
        NOTES.with_borrow_mut(|n| n.push((label.to_owned(), v)));
        v
    })
}

/// The last scalar of a name that was written down.
pub(super) fn noted(label: &str) -> Fr {
    NOTES.with_borrow(|n| n.iter().rev().find(|(l, _)| l == label).unwrap().1)
}

/// Proves a witness for claimed logits twice: once to see the scalars, once bent.
pub(super) fn in_two_runs(
    lab: &Lab,
    witness: &Witness,
    logits: &[i32],
    shifts: &[Shift],
    hook: impl Fn() -> Tamper + Sync,
) -> Vec<u8> {
    NOTES.with_borrow_mut(Vec::clear);
    oracle::forget();
    lab.words(witness, logits, shifts, taking_notes);
    oracle::forget();
    lab.words(witness, logits, shifts, hook)
}

/// Linear sumcheck rounds come after those of the tree.
fn linear_round(lab: &Lab, n: usize) -> usize {
    let k = lab.plan().lookup_bits;
    k * (k - 1) / 2 + n
}

pub(super) fn small_number(n: u64) -> Fr {
    Fr::from(n)
}

/// One input, one output: `Z̃` is the output itself.
pub(super) fn single() -> Lab {
    Lab::new(&[6, 5, 4, 1], 7, 1, 4, false)
}

/// The honest logits of a [`single`] lab, and wrong ones.
pub(super) fn off_by_one(lab: &Lab) -> (Witness, Vec<i32>) {
    let witness = lab.honest();
    let mut logits = witness.trace.logits().to_vec();
    logits[0] += if logits[0] > 0 { -1 } else { 1 };
    (witness, logits)
}

/// The public input is not absorbed: another input agrees with the true one where it is evaluated.
#[test]
fn another_input_that_agrees_at_the_point() {
    let lab = Lab::new(&[6, 5, 4, 3], 7, 1, 4, false);
    // With every coordinate 2, eq of index 0 is −1/2 of eq of index 1: twice the one and once the other cancel.
    let moved = |x: &[i32]| [&[x[0] + 2, x[1] + 1], &x[2..]].concat();
    let network = lab.session.network();
    let many = random::inputs(network, 40, 3);
    let mut pairs = many.chunks(6).map(|x| (x, moved(x))).filter(|(_, m)| m[0] <= 7 && m[1] <= 7);
    let (x, inputs) = pairs.find(|(x, m)| network.logits(x) != network.logits(m)).expect("a false statement");
    let witness = lab.witness(x);
    let logits = witness.trace.logits().to_vec();
    let honest = Instance::new(lab.key(), Some(&witness.inputs), &logits, CONTEXT).unwrap();
    let forged = Instance::new(lab.key(), Some(&inputs), &logits, CONTEXT).unwrap();
    let prove = || {
        let lab = Lab { inputs: witness.inputs.clone(), session: lab.session_again(), private: false };
        let words = lab.words(&witness, &logits, &[], as_it_is);
        verify(&honest, &words).unwrap();
        verify(&forged, &words)
    };
    let two = || known("proof", "r", None, small_number(2));
    assert_eq!(oracle::with(&["input"], two(), prove), Ok(()));
    assert_eq!(oracle::with(&["input"], |_| None, prove), failed(Check::OpeningValue), "an unknown point");
    assert_eq!(oracle::with(&[], two(), prove), failed(Check::LookupSum), "absorbed");
    assert_eq!(prove(), failed(Check::LookupSum));
}

/// The outputs are not absorbed: others agree with the true ones where they are evaluated.
#[test]
fn other_outputs_that_agree_at_the_point() {
    let lab = Lab::new(&[6, 5, 4, 3], 7, 1, 4, false);
    let witness = lab.honest();
    let logits = witness.trace.logits().to_vec();
    let mut others = logits.clone();
    others[0] += if logits[0] > 0 { -2 } else { 2 };
    others[1] += if logits[0] > 0 { -1 } else { 1 };
    let prove = || verify(&lab.instance(&others), &lab.words(&witness, &logits, &[], as_it_is));
    let two = || known("proof", "r'", None, small_number(2));
    assert_eq!(oracle::with(&["logits"], two(), prove), Ok(()));
    assert_eq!(oracle::with(&["logits"], |_| None, prove), failed(Check::Linear), "an unknown point");
    assert_eq!(oracle::with(&[], two(), prove), failed(Check::LookupSum), "absorbed");
    assert_eq!(prove(), failed(Check::LookupSum));
}

/// The claim about the input, and that about the activations, are never opened (`ρ = 0` drops all claims but the first).
#[test]
fn claims_that_nobody_opens() {
    for lab in [Lab::split(), Lab::accumulator()] {
        let mut inputs = lab.inputs.clone();
        inputs[1] = other(inputs[1], lab.arch().input.max);
        let witness = lab.witness(&inputs);
        let verdict = || lab.verdict(&witness, &[], as_it_is);
        assert_eq!(oracle::with(&[], known("close", "rho", None, Fr::zero()), verdict), Ok(()));
        assert_eq!(verdict(), failed(Check::OpeningValue));
    }
}

/// The lookups' sum is never compared with the table (`γ = 0` drops the table side): any activation goes, and any quotient.
#[test]
fn a_lookup_sum_that_nobody_compares() {
    let lab = Lab::split();
    let witness = lab.honest();
    let width = lab.arch().outputs(1);
    for (kind, t1, t2) in [(Lookup::Activation(1), 0, 1), (Lookup::Activation(1), 2, -1), (Lookup::Remainder(1), 5, 0)] {
        let mut witness = witness.clone();
        let at = width + 2;
        match kind {
            Lookup::Activation(b) => {
                witness.trace.activations[b][at] += t2 as i32;
                witness.trace.quotients[b][at] += t1;
                rerun(lab.session.network(), &mut witness.trace, b);
            }
            // Accumulator and output stay; the remainder is outside of its table, the quotient follows.
            _ => witness.trace.quotients[1][at] += 1,
        }
        let quotient = i64::from(witness.trace.quotients[1][at] - lab.honest().trace.quotients[1][at]);
        let shift = lab.arch().hidden[1].shift;
        let shifts = [
            Shift { leaf: lab.leaf(Lookup::Remainder(1), 2, 1), t1: -(quotient << shift), t2: 0 },
            Shift { leaf: lab.leaf(Lookup::Activation(1), 2, 1), t1: quotient, t2 },
        ];
        let verdict = || lab.verdict(&witness, &shifts, root_fits);
        let logits = witness.trace.logits() != lab.honest().trace.logits();
        assert_eq!(oracle::with(&[], known("proof", "gamma", None, Fr::zero()), verdict), Ok(()), "{kind:?} {logits}");
        assert_eq!(verdict(), failed(Check::Linear));
    }
}

/// A round message is written when its challenge is known: one free coefficient makes any claim come out right.
#[test]
fn a_linear_round_with_a_known_challenge() {
    let lab = single();
    let (witness, logits) = off_by_one(&lab);
    let r = small_number(5);
    let moved = fr::from_i64(i64::from(logits[0] - witness.trace.logits()[0]));
    let hook = || -> Tamper {
        let mut done = false;
        Box::new(move |label, a| {
            let linear = !oracle::drawn("gamma").is_empty() && oracle::drawn("rho").is_empty();
            if label != "a" || done || !linear {
                return a;
            }
            done = true;
            a - r * last("gamma") * moved * (Fr::one() - r - r).inverse().unwrap()
        })
    };
    let verdict = || verify(&lab.instance(&logits), &lab.words(&witness, &logits, &[], hook));
    let first = known("proof", "r", Some(linear_round(&lab, 0)), r);
    assert_eq!(oracle::with(&[], first, verdict), Ok(()));
    assert_eq!(oracle::with(&[], |_| None, verdict), failed(Check::Linear));
}

/// The same in the opening: its point is known before the message.
#[test]
fn an_opening_round_with_a_known_challenge() {
    for lab in [Lab::split(), Lab::accumulator()] {
        let witness = lab.honest();
        let (r, k) = (small_number(9), small_number(5));
        let hook = || -> Tamper {
            let mut done = false;
            Box::new(move |label, v| {
                let closing = !oracle::drawn("rho").is_empty();
                match label {
                    "w_hat" | "x_hat" => {
                        NOTES.with_borrow_mut(|n| n.push((label.to_owned(), v)));
                        if label == "w_hat" { v * k } else { v * k.inverse().unwrap() }
                    }
                    "a" if closing && !done => {
                        done = true;
                        let weights = noted("w_hat") * (k - Fr::one());
                        let inputs = noted("x_hat") * (k.inverse().unwrap() - Fr::one());
                        let wrong = weights + last("rho") * inputs;
                        v - r * wrong * (Fr::one() - r - r).inverse().unwrap()
                    }
                    _ => v,
                }
            })
        };
        let verdict = || lab.verdict(&witness, &[], hook);
        assert_eq!(oracle::with(&[], known("close", "r", Some(0), r), verdict), Ok(()));
        assert_eq!(oracle::with(&[], |_| None, verdict), failed(Check::OpeningValue));
    }
}

/// `τ` is known before the leaves' two ends: their product is right, and so is the point on their line, but not they.
#[test]
fn ends_that_are_right_on_their_line() {
    let tau = small_number(3);
    let mut forged = 0;
    for seed in 0..8 {
        let lab = Lab::of(network(&[6, 5, 4, 3], 7, seed), 3, 4, false);
        let mut witness = lab.honest();
        let at = lab.arch().outputs(1) + 2;
        let before = witness.trace.activations[1][at];
        witness.trace.activations[1][at] = other(before, 7);
        let moved = fr::from_i64(i64::from(witness.trace.activations[1][at] - before));
        rerun(lab.session.network(), &mut witness.trace, 1);
        let bound = 1 << lab.arch().logit_bits;
        let logits = witness.trace.logits().to_vec();
        if logits.iter().any(|z| !(-bound..bound).contains(z)) {
            continue;
        }
        let (bits, leaf) = (lab.plan().lookup_bits, lab.leaf(Lookup::Activation(1), 2, 1));
        let hook = move || -> Tamper {
            Box::new(move |label, v| {
                if oracle::drawn("lambda").len() < bits || !matches!(label, "q0" | "q1") {
                    return v;
                }
                let mut point = vec![tau];
                let rounds = oracle::drawn("r");
                point.extend(&rounds[rounds.len() - (bits - 1)..]);
                let lambda = last("lambda");
                let ends = [noted("q0") + lambda, noted("q1") + lambda];
                let honest = ends[0] + (ends[1] - ends[0]) * tau;
                let target = honest - last("beta") * moved * eq::at(&point, leaf);
                // τ·b² − target·b + (1 − τ)·product = 0, with a = (target − τ·b)/(1 − τ).
                let product = ends[0] * ends[1];
                let (one, four) = (Fr::one(), Fr::from(4u64));
                let Some(root) = (target * target - four * tau * (one - tau) * product).sqrt() else { return v };
                let b = (target + root) * (tau + tau).inverse().unwrap();
                let a = (target - tau * b) * (one - tau).inverse().unwrap();
                if label == "q0" { a - lambda } else { b - lambda }
            })
        };
        let verdict = || verify(&lab.instance(&logits), &in_two_runs(&lab, &witness, &logits, &[], hook));
        assert_eq!(oracle::with(&[], |_| None, || lab.verdict(&witness, &[], as_it_is)), failed(Check::OpeningValue));
        let got = oracle::with(&[], known("proof", "tau", Some(bits - 1), tau), verdict);
        assert!(got == Ok(()) || got == failed(Check::OpeningValue), "{got:?}");
        forged += usize::from(got.is_ok());
        assert_ne!(oracle::with(&[], |_| None, verdict), Ok(()));
    }
    assert!(forged >= 2, "half of all quadratics have a root: {forged}");
}

/// Multiplicities are committed when α and β are known: `1/12 = 1/3 − 1/4`, so two genuine entries stand for one that is not.
#[test]
fn multiplicities_for_known_challenges() {
    let lab = Lab::new(&[6, 5, 3], 7, 2, 4, true);
    let table = lab.plan().tables.len() - 1;
    let beta = fr::from_uniform(&[77; 64]);
    let alpha = small_number(10) + beta * beta * small_number(table as u64 + 1);
    let mut inputs = lab.inputs.clone();
    let before = inputs[0];
    inputs[0] = -2;
    let mut witness = lab.witness(&lab.inputs);
    witness.trace = of_run(lab.session.network(), &inputs);
    witness.lookups = lab.lookups(&witness.trace, &lab.inputs);
    witness.inputs = inputs;
    let counts = &mut witness.lookups.multiplicities[table];
    counts[before as usize] -= 1;
    counts[7] += 1;
    counts[6] -= 1;
    let shifts = [Shift { leaf: lab.leaf(Lookup::Input, 0, 0), t1: i64::from(-2 - before), t2: 0 }];
    let verdict = || lab.verdict(&witness, &shifts, as_it_is);
    let both = move |d: &Draw<'_>| known("proof", "alpha", None, alpha)(d).or(known("proof", "beta", None, beta)(d));
    assert_eq!(oracle::with(&[], both, verdict), Ok(()));
    assert_eq!(verdict(), failed(Check::LookupSum));
}

/// A tuple packed into one integer, `z + k·y`: another pair gives the same number. It is what a known small β amounts to.
#[test]
fn tuples_packed_into_one_integer() {
    let lab = Lab::accumulator();
    let table = lab.plan().tables[0];
    let mut forged = 0;
    for (beta_index, i) in [(0, 0), (0, 3), (1, 2), (2, 5)] {
        let mut witness = lab.honest();
        let at = beta_index * 8 + i;
        let z = i64::from(witness.trace.accumulators[0][at]);
        // z + 3·y' = (z + 3) + 3·T(z + 3).
        let Some(position) = table.position(z + 3) else { continue };
        let y = 1 + table.entry(position as usize).1 as i32;
        let moved = i64::from(y - witness.trace.activations[0][at]);
        witness.trace.activations[0][at] = y;
        rerun(lab.session.network(), &mut witness.trace, 0);
        let bound = 1 << lab.arch().logit_bits;
        if moved == 0 || witness.trace.logits().iter().any(|z| !(-bound..bound).contains(z)) {
            continue;
        }
        let leaf = lab.leaf(Lookup::Accumulator(0), i, beta_index);
        let offset = table_offsets(&lab.plan().tables)[0];
        let old = std::mem::replace(&mut witness.lookups.indices[leaf], offset + position) - offset;
        witness.lookups.multiplicities[0][old as usize] -= 1;
        witness.lookups.multiplicities[0][position as usize] += 1;
        let three = known("proof", "beta", None, small_number(3));
        assert_eq!(oracle::with(&[], three, || lab.verdict(&witness, &[], as_it_is)), Ok(()));
        assert_eq!(lab.verdict(&witness, &[], as_it_is), failed(Check::OpeningValue));
        let committed = [Shift { leaf, t1: -3, t2: i64::from(y) - table.entry(position as usize).1 }];
        assert_eq!(lab.verdict(&witness, &committed, as_it_is), failed(Check::LookupSum));
        assert_eq!(lab.verdict(&witness, &committed, root_fits), failed(Check::Linear));
        forged += 1;
    }
    assert!(forged > 0);
}
