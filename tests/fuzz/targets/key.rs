//! `.vk` files, ternarity proofs in them included. What is read is written as the same bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zktern::model::codec::{Kind, frame};
use zktern::protocol::VerifyingKey;

fuzz_target!(|data: &[u8]| {
    let _ = VerifyingKey::from_bytes(data, "fuzz");
    let framed = frame(Kind::VerifyingKey, data);
    if let Ok(key) = VerifyingKey::from_bytes(&framed, "fuzz") {
        assert!(key.to_bytes() == framed, "two encodings of one key");
    }
});
