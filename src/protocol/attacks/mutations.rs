//! Every message of small proofs changed in every way that keeps it well formed, and in many that do not. None is accepted, none
//! panics, and every refusal names the check of the first word that was changed.
//!
//! `ZKTERN_MUTATIONS=N` tries `N` of them (or all there are); without it a sample that takes a few seconds. Recorded:
//!
//! ```text
//! ZKTERN_MUTATIONS=104000 cargo test --release --lib no_mutation_is_accepted -- --nocapture
//! 103942 mutations of 48 proofs refused, of 268546 there are
//! ```

use super::lab::*;
use super::words::check_of_word;
use crate::algebra::{Fr, fr};
use crate::commit::Generators;
use crate::compute::{Compute, cpu::Cpu};
use crate::model::codec::{self, Kind};
use crate::model::random::Numbers;
use crate::protocol::{Check, NoProgress, Proof, VerifyError, VerifyingKey, ternarity, verify};
use crate::transcript::digest;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Mutations that are tried without being asked for.
const SAMPLE: usize = 3000;

/// Widths, largest activation, batch, row width. Sizes around powers of two.
const SHAPES: [(&[usize], i32, usize, usize); 16] = [
    (&[1, 1, 1], 1, 1, 1),
    (&[1, 1, 1], 3, 2, 2),
    (&[1, 2, 1], 1, 3, 1),
    (&[2, 1, 2], 1, 5, 2),
    (&[3, 2, 2], 1, 1, 4),
    (&[2, 3, 1], 3, 2, 2),
    (&[4, 3, 3], 1, 3, 4),
    (&[3, 4, 5], 1, 5, 4),
    (&[5, 4, 3], 3, 1, 8),
    (&[4, 5, 2], 1, 2, 2),
    (&[7, 8, 1], 1, 3, 4),
    (&[8, 7, 2], 1, 1, 16),
    (&[9, 2, 2], 1, 5, 8),
    (&[3, 3, 3, 2], 1, 2, 4),
    (&[1, 5, 1, 5], 1, 1, 2),
    (&[2, 2, 2, 2, 2], 1, 3, 2),
];

/// What a mutation does to the words.
#[derive(Clone, Copy, Debug)]
enum Change {
    /// Word `k` becomes a generator, the identity's would-be encodings, another word, a point or scalar from nowhere, its
    /// neighbour, its negative or its successor.
    Word(usize, Other),
    /// One bit of a byte.
    Byte(usize),
    /// The first bytes only.
    Prefix(usize),
    /// More bytes.
    Longer(usize),
    /// A bit of the file's payload, in a frame that is right.
    Payload(usize),
    /// A word left out, a word twice.
    Without(usize),
    Twice(usize),
}

#[derive(Clone, Copy, Debug)]
enum Other {
    Generator,
    Zeros,
    Ones,
    WordOf(usize),
    Point,
    Scalar,
    SwappedWithNext,
    Negated,
}

/// A proof of either kind.
struct Subject {
    what: String,
    key: VerifyingKey,
    words: Vec<u8>,
    /// The file, for a proof of inference; `None` for one of ternarity.
    file: Option<Proof>,
    /// What a changed word breaks.
    checks: Vec<Option<Check>>,
    first: Check,
}

fn subjects() -> Vec<Subject> {
    let mut out = Vec::new();
    for (n, (widths, max, batch, row_width)) in SHAPES.into_iter().enumerate() {
        for private in [false, true] {
            let lab = Lab::of(network(widths, max, n as u64), batch, row_width, private);
            let (proof, _) = lab.session.prove(&lab.inputs, private, CONTEXT, &[7; 32], &NoProgress).unwrap();
            proof.verify(lab.key(), CONTEXT).unwrap();
            let (plan, count) = (lab.plan(), proof.words.len() / WORD);
            out.push(Subject {
                what: format!("{widths:?} B={batch} M={row_width} private={private}"),
                key: lab.key().clone(),
                words: proof.words.clone(),
                checks: (0..count).map(|k| check_of_word(&plan, lab.arch(), k)).collect(),
                first: Check::LookupSum,
                file: Some(proof),
            });
            if !private {
                let network = lab.session.network();
                let words = ternarity::prove(&Cpu, network, lab.key(), &secret_of(lab.key()), [8; 32]).unwrap();
                let count = words.len() / WORD;
                let of_word = |k: usize| match count - k {
                    1 | 2 => Some(Check::Knowledge),
                    3 => Some(Check::OpeningValue),
                    n if n <= 4 + row_width => Some(Check::OpeningRow),
                    n if n <= 9 + row_width => Some(Check::TernarityCube),
                    n if n <= 14 + row_width => Some(Check::TernaritySquare),
                    _ => None,
                };
                out.push(Subject {
                    what: format!("ternarity of {widths:?} M={row_width}"),
                    key: lab.key().clone(),
                    checks: (0..count).map(of_word).collect(),
                    first: Check::TernaritySquare,
                    file: None,
                    words,
                });
            }
        }
    }
    out
}

impl Subject {
    fn changes(&self, numbers: &mut Numbers) -> Vec<Change> {
        let count = self.checks.len();
        let mut out = Vec::new();
        for k in 0..count {
            let far = numbers.below(count as u64) as usize;
            let others = [Other::Generator, Other::Zeros, Other::Ones, Other::Point, Other::Scalar, Other::SwappedWithNext];
            out.extend(others.map(|o| Change::Word(k, o)));
            out.extend([Other::WordOf(far), Other::WordOf(0), Other::Negated].map(|o| Change::Word(k, o)));
            out.extend([Change::Without(k), Change::Twice(k)]);
            out.extend([0, 1, WORD - 1].map(|cut| Change::Prefix(k * WORD + cut)));
        }
        out.extend((0..self.words.len()).map(Change::Byte));
        out.extend([1, 31, 32, 33, 64].map(Change::Longer));
        if let Some(file) = &self.file {
            let len = file.to_bytes().len() - codec::PREFIX - 32;
            out.extend((0..len - self.words.len()).map(Change::Payload));
        }
        out
    }

    fn verdict(&self, words: &[u8]) -> Result<(), VerifyError> {
        match &self.file {
            Some(file) => Proof { words: words.to_vec(), ..file.clone() }.verify(&self.key, CONTEXT),
            None => ternarity::verify(&self.key, words),
        }
    }

    /// Tries a change; `false` when it changes nothing.
    fn refuses(&self, change: Change) -> bool {
        let count = self.checks.len();
        let message = |got: &dyn std::fmt::Debug| panic!("{}: {change:?}: {got:?}", self.what);
        let (words, changed) = match change {
            Change::Word(k, other) => {
                let here = word(&self.words, k);
                let salt = fr::from_uniform(&digest([b"mutation".as_slice(), &k.to_le_bytes()]));
                let next = (k + 1).min(count - 1);
                let new = match other {
                    Other::Generator => Generators::new(1).rows()[0].encode(),
                    Other::Zeros => [0; WORD],
                    Other::Ones => [0xff; WORD],
                    Other::WordOf(j) => word(&self.words, j),
                    Other::Point => crate::algebra::g1::Point::from_projective(&crate::commit::Pedersen::get().g.mul(&salt))
                        .unwrap()
                        .encode(),
                    Other::Scalar => fr::encode(&salt),
                    Other::SwappedWithNext => word(&self.words, next),
                    Other::Negated if self.checks[k].is_some() => fr::encode(&-fr::decode(&here).unwrap_or(Fr::from(1u64))),
                    Other::Negated => std::array::from_fn(|i| if i == 0 { here[0] ^ 0x80 } else { here[i] }),
                };
                let swap = matches!(other, Other::SwappedWithNext);
                let words = with_word(&self.words, k, new);
                let words = if swap { with_word(&words, next, here) } else { words };
                (words, if swap { k..next + 1 } else { k..k + 1 })
            }
            Change::Byte(at) => {
                let mut words = self.words.clone();
                words[at] ^= 1 << (at * 5 % 8);
                (words, at / WORD..at / WORD + 1)
            }
            Change::Prefix(len) => {
                match self.verdict(&self.words[..len]) {
                    Err(VerifyError::TooShort { position, .. }) if position == len / WORD * WORD => {}
                    got => message(&got),
                }
                return true;
            }
            Change::Longer(extra) => {
                let longer = [self.words.as_slice(), &vec![0; extra]].concat();
                assert_eq!(self.verdict(&longer), Err(VerifyError::TrailingBytes { extra }), "{}", self.what);
                return true;
            }
            Change::Payload(at) => {
                let file = self.file.as_ref().unwrap().to_bytes();
                let mut payload = file[codec::PREFIX..file.len() - 32].to_vec();
                payload[at] ^= 1 << (at * 5 % 8);
                if let Ok(proof) = Proof::from_bytes(&codec::frame(Kind::Proof, &payload), "f") {
                    match proof.verify(&self.key, &proof.context) {
                        Ok(()) => message(&"accepted"),
                        Err(e) => assert!(!e.to_string().is_empty()),
                    }
                }
                return true;
            }
            Change::Without(k) | Change::Twice(k) => {
                let (head, tail) = self.words.split_at(k * WORD);
                let words = match change {
                    Change::Without(_) => [head, &tail[WORD..]].concat(),
                    _ => [head, &tail[..WORD], tail].concat(),
                };
                match self.verdict(&words) {
                    Err(VerifyError::TooShort { .. }) if words.len() < self.words.len() => {}
                    Err(VerifyError::TrailingBytes { extra: WORD }) if words.len() > self.words.len() => {}
                    Err(VerifyError::InvalidPoint { .. } | VerifyError::InvalidScalar { .. }) => {}
                    got => message(&got),
                }
                return true;
            }
        };
        if words == self.words {
            return false;
        }
        let first_changed = changed.clone().find(|k| word(&words, *k) != word(&self.words, *k)).unwrap();
        let point = |position: usize| changed.contains(&(position / WORD)) && self.checks[position / WORD].is_none();
        let scalar = |position: usize| changed.contains(&(position / WORD)) && self.checks[position / WORD].is_some();
        match self.verdict(&words) {
            Err(VerifyError::CheckFailed(c)) if c == self.checks[first_changed].unwrap_or(self.first) => {}
            Err(VerifyError::InvalidPoint { position, .. }) if point(position) => {}
            Err(VerifyError::InvalidScalar { position, .. }) if scalar(position) => {}
            got => message(&got),
        }
        true
    }
}

#[test]
fn no_mutation_is_accepted() {
    let wanted = std::env::var("ZKTERN_MUTATIONS").ok().map_or(SAMPLE, |n| n.parse().expect("a number of mutations"));
    let subjects = subjects();
    let mut numbers = Numbers::new(1);
    let all: Vec<(usize, Change)> = subjects
        .iter()
        .enumerate()
        .flat_map(|(i, s)| s.changes(&mut numbers).into_iter().map(move |c| (i, c)).collect::<Vec<_>>())
        .collect();
    let wanted = wanted.min(all.len());
    let tried = AtomicUsize::new(0);
    Cpu.map(wanted, |n| {
        let (subject, change) = all[(n as u128 * all.len() as u128 / wanted as u128) as usize];
        tried.fetch_add(usize::from(subjects[subject].refuses(change)), Ordering::Relaxed);
    });
    let tried = tried.into_inner();
    println!("{tried} mutations of {} proofs refused, of {} there are", subjects.len(), all.len());
    assert!(tried * 100 >= wanted * 98, "{tried} of {wanted}");
}

/// What the sweep leaves out because it would take too long for all: every prefix of the smallest proof, byte by byte.
#[test]
fn every_prefix_of_a_small_proof() {
    let lab = small();
    let (logits, words) = lab.honest_words();
    let instance = lab.instance(&logits);
    for len in (0..words.len()).step_by(7) {
        let position = len / WORD * WORD;
        assert!(matches!(verify(&instance, &words[..len]), Err(VerifyError::TooShort { position: p, .. }) if p == position));
    }
}
