//! Changed, swapped, missing and additional words; other encodings; other statements.

use super::lab::*;
use crate::algebra::{Fq, Fr, fr};
use crate::compute::cpu::Cpu;
use crate::model::{Architecture, Clamp, HiddenLayer};
use crate::protocol::{
    Check, Instance, InstanceError, NoProgress, Plan, Proof, VerifyError, VerifyingKey, commit, ternarity, verify,
};
use ark_ff::{BigInteger, One, PrimeField};

/// The check that a changed response breaks; `None` for words that challenges depend on.
pub(super) fn check_of_word(plan: &Plan, arch: &Architecture, k: usize) -> Option<Check> {
    let end = plan.proof_bytes(arch) / WORD;
    let opening = end - 4 - arch.row_width;
    let products = opening - 5 * plan.products();
    let of_product = |n: usize| match n {
        0 => Check::LookupSum,
        n if n == 2 * plan.lookup_bits => Check::Linear,
        n if n + 1 == 2 * plan.lookup_bits => Check::FractionLeaf,
        n if n % 2 == 1 => Check::FractionFirst,
        _ => Check::FractionSecond,
    };
    match k {
        k if k >= end - 2 => Some(Check::Knowledge),
        k if k == end - 3 => Some(Check::OpeningValue),
        k if k >= opening => Some(Check::OpeningRow),
        k if k >= products => Some(of_product((k - products) / 5)),
        _ => None,
    }
}

/// Gains a second proof from a first one: every word is bound, by a challenge or by its own check.
#[test]
fn every_word_is_bound() {
    let lab = small();
    let (logits, words) = lab.honest_words();
    let (instance, plan, arch) = (lab.instance(&logits), lab.plan(), lab.arch());
    let count = words.len() / WORD;
    assert_eq!(plan.proof_bytes(arch), words.len());
    for k in 0..count {
        let check = check_of_word(&plan, arch, k);
        let refused = |bytes: Vec<u8>| match verify(&instance, &bytes) {
            Err(VerifyError::CheckFailed(c)) => assert_eq!(c, check.unwrap_or(Check::LookupSum), "word {k}"),
            Err(VerifyError::InvalidPoint { position, .. }) => assert!(check.is_none() && position == k * WORD, "word {k}"),
            Err(VerifyError::InvalidScalar { position, .. }) => assert!(check.is_some() && position == k * WORD, "word {k}"),
            got => panic!("word {k}: {got:?}"),
        };
        for bit in [0, 7 * k % 248, 255] {
            let mut changed = word(&words, k);
            changed[31 - bit / 8] ^= 1 << (bit % 8);
            refused(with_word(&words, k, changed));
        }
        for other in [(k + 1) % count, (k + count / 2) % count, 0, count - 1] {
            if other != k {
                refused(with_word(&words, k, word(&words, other)));
            }
        }
    }
}

/// Gains nothing that is known, but order is part of what is said.
#[test]
fn words_swapped() {
    let lab = Lab::split();
    let (logits, words) = lab.honest_words();
    let root = lab.plan().witness_rows(lab.arch());
    for (a, b) in [(0, 1), (1, root - 1), (root, root + 2), (root, root + 1)] {
        assert_eq!(verify(&lab.instance(&logits), &swapped(&words, a, b)), failed(Check::LookupSum), "words {a}, {b}");
    }
}

/// Gains a wrong opening: one entry of the response is changed.
#[test]
fn opening_response_changed() {
    let lab = Lab::split();
    let (logits, words) = lab.honest_words();
    let end = words.len() / WORD;
    for (k, check) in [(end - 8, Check::OpeningRow), (end - 4, Check::OpeningRow), (end - 3, Check::OpeningValue)] {
        let value = fr::decode(&word(&words, k)).unwrap() + Fr::one();
        let changed = with_word(&words, k, fr::encode(&value));
        assert_eq!(verify(&lab.instance(&logits), &changed), failed(check), "word {k}");
    }
}

/// Gains a proof with a check left out, or one that hides data.
#[test]
fn proofs_have_exactly_one_length() {
    let lab = small();
    let (logits, words) = lab.honest_words();
    let instance = lab.instance(&logits);
    for k in 0..words.len() / WORD {
        for cut in [0, 1, WORD - 1] {
            let verdict = verify(&instance, &words[..k * WORD + cut]);
            assert!(matches!(verdict, Err(VerifyError::TooShort { position, .. }) if position == k * WORD), "{verdict:?}");
        }
    }
    for extra in [1, 31, 32, 64] {
        let longer = [words.clone(), vec![0; extra]].concat();
        assert_eq!(verify(&instance, &longer), Err(VerifyError::TrailingBytes { extra }));
    }
}

/// `word + modulus`, big-endian.
fn plus_modulus(word: [u8; WORD], modulus: &[u8]) -> [u8; WORD] {
    let (mut out, mut carry) = ([0; WORD], 0);
    for i in (0..WORD).rev() {
        let sum = u16::from(word[i]) + u16::from(modulus[i]) + carry;
        (out[i], carry) = (sum as u8, sum >> 8);
    }
    assert_eq!(carry, 0);
    out
}

/// Gains a second encoding of the same proof.
#[test]
fn encodings_are_canonical() {
    let lab = small();
    let (logits, words) = lab.honest_words();
    let instance = lab.instance(&logits);
    let last = words.len() / WORD - 1;
    let scalar = with_word(&words, last, plus_modulus(word(&words, last), &Fr::MODULUS.to_bytes_be()));
    assert_eq!(verify(&instance, &scalar), Err(VerifyError::InvalidScalar { label: "pok", position: last * WORD }));
    let mut first = word(&words, 0);
    let sign = first[0] & 0x80;
    first[0] &= 0x7f;
    let mut first = plus_modulus(first, &Fq::MODULUS.to_bytes_be());
    first[0] |= sign;
    let point = with_word(&words, 0, first);
    assert_eq!(verify(&instance, &point), Err(VerifyError::InvalidPoint { label: "row", position: 0 }));
    for identity in [[0; WORD], [0xff; WORD]] {
        let verdict = verify(&instance, &with_word(&words, 0, identity));
        assert_eq!(verdict, Err(VerifyError::InvalidPoint { label: "row", position: 0 }));
    }
}

/// Gains a replay: the proof of one statement for another.
#[test]
fn proofs_are_about_one_statement() {
    let lab = Lab::split();
    let (logits, words) = lab.honest_words();
    let (arch, inputs) = (lab.arch(), lab.inputs.as_slice());
    let (width, outputs) = (arch.inputs(0), arch.logits());
    let verdict = |key, inputs, logits, context| verify(&Instance::new(key, inputs, logits, context).unwrap(), &words);
    let other_challenges = failed(Check::LookupSum);
    assert_eq!(verdict(lab.key(), Some(inputs), &logits, b"other"), other_challenges, "context");
    assert_eq!(verdict(lab.key(), Some(inputs), &logits, b""), other_challenges, "no context");

    let (key, _) = commit(&Cpu, lab.session.network(), arch, [4; 32], |_| {}).unwrap();
    assert_eq!(verdict(&key, Some(inputs), &logits, CONTEXT), other_challenges, "key of the same model");
    let mut key = lab.key().clone();
    let mut rows = key.rows().to_vec();
    rows.swap(0, 1);
    key.set_rows(rows);
    assert_eq!(verdict(&key, Some(inputs), &logits, CONTEXT), other_challenges, "rows of the key swapped");
    let seed = [8; 32];
    let proof = ternarity::prove(&Cpu, lab.session.network(), lab.key(), &secret_of(lab.key()), seed).unwrap();
    let key = lab.key().clone().with_ternarity(proof).unwrap();
    assert_eq!(verdict(&key, Some(inputs), &logits, CONTEXT), other_challenges, "key with a ternarity proof");

    let mut changed = inputs.to_vec();
    changed[0] = other(changed[0], 7);
    assert_eq!(verdict(lab.key(), Some(&changed), &logits, CONTEXT), other_challenges, "input");
    let (mut turned, mut turned_logits) = (inputs.to_vec(), logits.clone());
    turned.rotate_left(width);
    turned_logits.rotate_left(outputs);
    assert_eq!(verdict(lab.key(), Some(&turned), &turned_logits, CONTEXT), other_challenges, "batch reordered");

    let misread = |verdict| {
        use VerifyError::{InvalidPoint, InvalidScalar, TooShort, TrailingBytes};
        assert!(
            matches!(verdict, Err(InvalidPoint { .. } | InvalidScalar { .. } | TooShort { .. } | TrailingBytes { .. })),
            "{verdict:?}"
        );
    };
    misread(verdict(lab.key(), Some(&inputs[..2 * width]), &logits[..2 * outputs], CONTEXT));
    misread(verdict(lab.key(), Some(&inputs[width..]), &logits[outputs..], CONTEXT));
    misread(verdict(lab.key(), None, &logits, CONTEXT));
    let private = Lab::new(&[6, 5, 4, 3], 7, 3, 4, true);
    let (_, hidden) = private.honest_words();
    misread(verify(&lab.instance(&logits), &hidden));
}

/// Gains nothing yet: statements that no proof can be about are refused before the proof is read.
#[test]
fn unusable_statements() {
    let lab = Lab::split();
    let (logits, _) = lab.honest_words();
    let new = |inputs, logits| Instance::new(lab.key(), inputs, logits, CONTEXT).map(|_| ());
    assert!(matches!(new(Some(&[9; 18]), &logits), Err(InstanceError::InputRange { input: 0, position: 0, .. })));
    assert!(matches!(new(Some(&lab.inputs[1..]), &logits), Err(InstanceError::InputLength { found: 17, expected: 18, .. })));
    let beyond = vec![1 << lab.arch().logit_bits; logits.len()];
    assert!(matches!(new(Some(&lab.inputs), &beyond), Err(InstanceError::OutputRange { input: 0, .. })));
    assert!(matches!(new(Some(&lab.inputs), &logits[1..]), Err(InstanceError::OutputLength { found: 8, expected: 9 })));
    assert!(matches!(new(None, &[]), Err(InstanceError::Batch { found: 0, .. })));
}

/// Gains a file that says something else about its batch: one proof, two descriptions.
#[test]
fn a_file_says_how_many_inputs_it_is_about() {
    for private in [false, true] {
        let lab = Lab::new(&[6, 5, 3], 7, 2, 4, private);
        let (proof, _) = lab.session.prove(&lab.inputs, private, CONTEXT, &[1; 32], &NoProgress).unwrap();
        let relabelled = Proof { batch: 1, ..proof };
        let read = Proof::from_bytes(&relabelled.to_bytes(), "f").unwrap();
        let wrong = InstanceError::Count { batch: 1, what: "outputs", found: 6, expected: 3 };
        assert_eq!(read.verify(lab.key(), CONTEXT), Err(VerifyError::Instance(wrong)), "one input of twice the width");
    }
}

/// Gains the verifier's memory: a key of a kilobyte that asks for tables of 2^31 entries.
#[test]
fn tables_are_bounded_before_they_are_made() {
    let lab = Lab::split();
    for (bits, shift) in [(30, 0), (30, 5), (24, 0), (30, 30), (25, 25)] {
        let mut arch = lab.arch().clone();
        (arch.hidden[1].bits, arch.hidden[1].shift) = (bits, shift);
        let key = VerifyingKey::new(arch, lab.key().rows().to_vec());
        let error = VerifyingKey::from_bytes(&key.to_bytes(), "big.vk").unwrap_err().to_string();
        assert!(error.starts_with("big.vk: unusable architecture: layer 1 ") && error.contains("2^24"), "{error}");
    }
    // Each is small enough, all together are not.
    let clamp = lab.arch().hidden[0].clamp;
    let hidden = |b: usize| HiddenLayer { shift: 0, clamp: Clamp { max: b as i32 + 1, ..clamp }, bits: 23 };
    let many = Architecture { widths: vec![1; 12], hidden: (0..10).map(hidden).collect(), ..lab.arch().clone() };
    many.validate().unwrap();
    assert!(matches!(Plan::new(&many, 1, false), Err(InstanceError::Tables { .. })));
}
