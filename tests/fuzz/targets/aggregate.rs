//! Aggregates and deferred proofs against a fixed small key: only the honest file is accepted, whatever else is in it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::OnceLock;
use zktern::aggregate::{Aggregate, Deferred};
use zktern::model::codec::{Kind, frame};
use zktern::protocol::VerifyingKey;

static KEY: &[u8] = include_bytes!("../../fixtures/v1/small.vk");
static HONEST: &[u8] = include_bytes!("../../fixtures/v1/three.proof");
static DEFERRED: &[u8] = include_bytes!("../../fixtures/v1/two.deferred");

fuzz_target!(|data: &[u8]| {
    static KEYS: OnceLock<VerifyingKey> = OnceLock::new();
    let key = KEYS.get_or_init(|| VerifyingKey::from_bytes(KEY, "small.vk").expect("the seed"));
    let framed = [frame(Kind::Aggregate, data), frame(Kind::Deferred, data)];
    for bytes in [data, framed[0].as_slice(), framed[1].as_slice()] {
        if let Ok(aggregate) = Aggregate::from_bytes(bytes, "fuzz") {
            assert!(aggregate.to_bytes() == bytes, "two encodings of one aggregate");
            if aggregate.verify(&[key], &aggregate.context).is_ok() {
                assert!(bytes == HONEST, "a forged aggregate is accepted");
            }
        }
        if let Ok(deferred) = Deferred::from_bytes(bytes, "fuzz") {
            assert!(*deferred.to_bytes() == bytes, "two encodings of one deferred proof");
            if deferred.check(&[key]).is_ok() {
                assert!(bytes == DEFERRED, "a false deferred proof passes its check");
            }
        }
    }
});
