//! `.tern` files: the frame as it is, and its payload in a frame that is right. What is read can be written, and is then the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zktern::model::Network;
use zktern::model::codec::{Kind, frame};

fuzz_target!(|data: &[u8]| {
    let _ = Network::from_bytes(data, "fuzz");
    let framed = frame(Kind::Model, data);
    if let Ok(network) = Network::from_bytes(&framed, "fuzz") {
        assert_eq!(Network::from_bytes(&network.to_bytes(), "again").as_ref(), Ok(&network));
    }
});
