//! `.proof` files against a fixed small key: only the honest files are accepted, whatever else is in it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::OnceLock;
use zktern::model::codec::{Kind, frame};
use zktern::protocol::{Proof, VerifyingKey};

static KEY: &[u8] = include_bytes!("../../fixtures/v1/small.vk");
static HONEST: [&[u8]; 2] =
    [include_bytes!("../../fixtures/v1/small.proof"), include_bytes!("../../fixtures/v1/hidden.proof")];

fuzz_target!(|data: &[u8]| {
    static KEYS: OnceLock<VerifyingKey> = OnceLock::new();
    let key = KEYS.get_or_init(|| VerifyingKey::from_bytes(KEY, "small.vk").expect("the seed"));
    let framed = frame(Kind::Proof, data);
    for bytes in [data, framed.as_slice()] {
        let Ok(proof) = Proof::from_bytes(bytes, "fuzz") else { continue };
        assert!(proof.to_bytes() == bytes, "two encodings of one proof");
        if proof.verify(key, &proof.context).is_ok() {
            assert!(HONEST.contains(&bytes), "a forged proof is accepted");
        }
    }
});
