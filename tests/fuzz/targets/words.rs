//! An honest proof with some of its words replaced by others that are just as well formed, so that the verifier gets past the
//! decoding and has to refuse by its equations. Every five bytes of the data are one change.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::OnceLock;
use zktern::algebra::{Fr, fr, g1};
use zktern::commit::Pedersen;
use zktern::protocol::{Proof, VerifyingKey};

static KEY: &[u8] = include_bytes!("../../fixtures/v1/small.vk");
static PROOF: &[u8] = include_bytes!("../../fixtures/v1/small.proof");
const WORD: usize = 32;
/// Words that any change may put anywhere.
const OTHERS: usize = 64;

struct Base {
    key: VerifyingKey,
    proof: Proof,
    points: Vec<[u8; WORD]>,
}

fn base() -> &'static Base {
    static BASE: OnceLock<Base> = OnceLock::new();
    BASE.get_or_init(|| {
        let key = VerifyingKey::from_bytes(KEY, "small.vk").expect("the seed");
        let proof = Proof::from_bytes(PROOF, "small.proof").expect("the seed");
        proof.verify(&key, &proof.context).expect("the seed is an honest proof");
        let point = |k: usize| g1::Point::from_projective(&Pedersen::get().g.mul(&Fr::from(k as u64 + 1))).expect("not zero").encode();
        Base { key, proof, points: (0..OTHERS).map(point).collect() }
    })
}

fuzz_target!(|data: &[u8]| {
    let base = base();
    let mut proof = base.proof.clone();
    let count = proof.words.len() / WORD;
    for change in data.chunks_exact(5).take(16) {
        let at = usize::from(u16::from_le_bytes([change[1], change[2]])) % count;
        let other = usize::from(u16::from_le_bytes([change[3], change[4]]));
        let here: [u8; WORD] = proof.words[at * WORD..][..WORD].try_into().expect("a word");
        let new = match change[0] % 6 {
            // Another word of the proof; the two swapped.
            kind @ (0 | 1) => {
                let from = other % count;
                let word: [u8; WORD] = proof.words[from * WORD..][..WORD].try_into().expect("a word");
                if kind == 1 {
                    proof.words[from * WORD..][..WORD].copy_from_slice(&here);
                }
                word
            }
            2 => base.points[other % OTHERS],
            3 => fr::encode(&Fr::from(other as u64)),
            // A scalar moved a little; a point negated.
            4 => fr::decode(&here).map_or(here, |v| fr::encode(&(v + Fr::from(other as u64)))),
            _ => std::array::from_fn(|i| if i == 0 { here[0] ^ 0x80 } else { here[i] }),
        };
        proof.words[at * WORD..][..WORD].copy_from_slice(&new);
    }
    let same = proof == base.proof;
    assert_eq!(proof.verify(&base.key, &proof.context).is_ok(), same, "a forged proof is accepted, or the honest one is not");
});
