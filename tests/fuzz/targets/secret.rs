//! `.key` files. What is read is written as the same bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zktern::model::codec::{Kind, frame};
use zktern::protocol::Secret;

fuzz_target!(|data: &[u8]| {
    let _ = Secret::from_bytes(data, "fuzz");
    let framed = frame(Kind::Secret, data);
    if let Ok((secret, key)) = Secret::from_bytes(&framed, "fuzz") {
        assert!(secret.to_bytes(&key) == framed, "two encodings of one secret");
    }
});
