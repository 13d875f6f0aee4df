//! What is hidden stays hidden: no blind twice, no row without one, nothing in debug output.

use super::lab::*;
use crate::algebra::{Fr, fr, g1::Point};
use crate::commit::functional::Combined;
use crate::commit::opening::Row;
use crate::commit::sigma::Mask;
use crate::commit::{Generators, Hidden};
use crate::protocol::fresh_entropy;
use crate::protocol::{NoProgress, Secret};
use crate::transcript::{Blinds, Stream};
use std::collections::HashSet;

fn shares_a_word(a: &[u8], b: &[u8]) -> bool {
    a.chunks(WORD).any(|x| b.chunks(WORD).any(|y| x == y))
}

/// Gains the witness: two proofs with a common blind tell the difference of what they hide.
#[test]
fn proofs_share_no_word() {
    for private in [false, true] {
        let lab = Lab::new(&[6, 5, 4, 3], 7, 2, 4, private);
        let prove = |entropy: [u8; 32]| lab.session.prove(&lab.inputs, private, CONTEXT, &entropy, &NoProgress).unwrap().0;
        let (a, b) = (prove(fresh_entropy().unwrap()), prove(fresh_entropy().unwrap()));
        a.verify(lab.key(), CONTEXT).unwrap();
        b.verify(lab.key(), CONTEXT).unwrap();
        assert!(!shares_a_word(&a.words, &b.words));
        let words: HashSet<&[u8]> = a.words.chunks(WORD).collect();
        assert_eq!(words.len() * WORD, a.words.len(), "no word twice");
        assert_eq!(prove([1; 32]), prove([1; 32]), "the same entropy gives the same proof");
        // Even with a broken random generator, another statement has other blinds.
        let other = lab.session.prove(&lab.inputs, private, b"other", &[1; 32], &NoProgress).unwrap().0;
        assert!(!shares_a_word(&prove([1; 32]).words, &other.words));
    }
}

/// Gains rows by guessing them, if they were committed without a blind: none is, neither in the key nor in a proof.
#[test]
fn every_row_is_blinded() {
    let lab = Lab::new(&[6, 5, 4, 3], 7, 2, 4, true);
    let (_, words) = lab.honest_words();
    let witness = lab.honest();
    let lists = [vec![witness.inputs.clone()], witness.trace.activations, witness.trace.quotients].concat();
    let widths = [6, 5, 4, 5, 4];
    let batches = lists.iter().zip(widths).flat_map(|(all, width)| all.chunks(width));
    let counts = witness.lookups.multiplicities.iter().map(Vec::as_slice);
    let generators = Generators::new(4);
    let mut bare = 0;
    for row in batches.chain(counts).flat_map(|v| v.chunks(4)).filter(|r| r.iter().any(|v| *v != 0)) {
        let sum = row.iter().zip(generators.rows()).map(|(v, g)| g.to_affine() * Fr::from(*v)).sum();
        let point = Point::from_projective(&sum).unwrap().encode();
        assert!(words.chunks(WORD).all(|w| w != point), "a row without a blind");
        bare += 1;
    }
    assert!(bare >= 10);
    let zero = |row: &[i8]| row.iter().all(|w| *w == 0);
    for layer in &lab.session.network().layers {
        for i in 0..layer.weights.rows() {
            for part in layer.weights.dense_row(i).chunks(4).filter(|p| !zero(p)) {
                let sum = part.iter().zip(generators.rows()).map(|(v, g)| g.to_affine() * Fr::from(*v)).sum();
                assert!(!lab.key().rows().contains(&Point::from_projective(&sum).unwrap()));
            }
        }
    }
}

/// Thousands of seeds, all streams: no blind twice.
#[test]
fn blinds_of_thousands_of_proofs_are_distinct() {
    let streams = [Stream::Weight, Stream::Row, Stream::Scalar, Stream::Product, Stream::Mask, Stream::Knowledge];
    let mut seen = HashSet::new();
    for proof in 0u32..4000 {
        let mut seed = [0; 32];
        seed[..4].copy_from_slice(&proof.to_le_bytes());
        let mut blinds = Blinds::new(seed);
        for stream in streams {
            for _ in 0..2 {
                assert!(seen.insert(fr::encode(&blinds.draw(stream))), "proof {proof}, {stream:?}");
            }
        }
    }
    assert_eq!(seen.len(), 4000 * 12);
}

/// Hundreds of proofs of one statement, with entropy that differs in one bit: no word twice.
#[test]
fn words_of_hundreds_of_proofs_are_distinct() {
    let lab = Lab::new(&[2, 2, 1], 1, 1, 2, true);
    let mut seen = HashSet::new();
    for n in 0u16..200 {
        let mut entropy = [0; 32];
        entropy[..2].copy_from_slice(&n.to_le_bytes());
        let (proof, _) = lab.session.prove(&lab.inputs, true, CONTEXT, &entropy, &NoProgress).unwrap();
        for word in proof.words.chunks(WORD) {
            assert!(seen.insert(word.to_vec()), "proof {n}");
        }
    }
}

/// Nothing secret in debug output, whatever is printed by mistake.
#[test]
fn debug_output_tells_no_secret() {
    let lab = Lab::new(&[6, 5, 4, 3], 7, 2, 4, true);
    let witness = lab.honest();
    let seed: String = KEY_SEED.iter().map(|b| format!("{b}, ")).collect();
    let secret = secret_of(lab.key());
    let hidden = Hidden { value: Fr::from(123_456_789u64), blind: Fr::from(987_654_321u64) };
    let combined = Combined { values: vec![hidden.value], blinds: vec![hidden.blind] };
    let row = Row { values: vec![hidden.value], blind: hidden.blind };
    let shown = [
        format!("{secret:?} {:?}", Blinds::new(KEY_SEED)),
        format!("{hidden:?} {combined:?} {row:?}"),
        format!("{:?} {:?}", witness.trace, witness.lookups),
        format!("{:?}", lab.session.network()),
    ];
    for text in shown {
        for part in [seed.as_str(), "123456789", "987654321", "[0,", "[1,", "[-1", "0, 0", "1, 0", "0, 1"] {
            assert!(!text.contains(part), "{part:?} in {text}");
        }
        assert!(text.len() < 400, "{text}");
    }
    let error = lab.session.prove(&[300; 12], true, CONTEXT, &[1; 32], &NoProgress).unwrap_err().to_string();
    assert!(!error.contains("123") && error.len() < 200, "{error}");
}

/// Whatever holds a seed or a mask is wiped when it is dropped; a type that forgets it does not compile here.
#[test]
fn seeds_and_masks_are_wiped() {
    fn wiped<T: zeroize::ZeroizeOnDrop>() {}
    wiped::<Blinds>();
    wiped::<Mask>();
    wiped::<Secret>();
    wiped::<zeroize::Zeroizing<Vec<Fr>>>();
}
