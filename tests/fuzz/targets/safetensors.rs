//! Networks in `.safetensors` files. What is imported can be written and read back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zktern::model::{Network, import};

fuzz_target!(|data: &[u8]| {
    if let Ok(network) = import::safetensors(data, "fuzz") {
        assert_eq!(Network::from_bytes(&network.to_bytes(), "again").as_ref(), Ok(&network));
    }
});
