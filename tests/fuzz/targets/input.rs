//! Inputs in every format, for several widths and ranges; labels. What is read has the width and the range that was asked for.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zktern::cli::input::{labels, read_inputs};
use zktern::model::Clamp;

fuzz_target!(|data: &[u8]| {
    for (width, range) in [(6, Clamp { min: 0, max: 255 }), (1, Clamp { min: -8, max: 7 }), (784, Clamp { min: 0, max: 255 })] {
        if let Ok(values) = read_inputs(data, "fuzz", width, range) {
            assert!(!values.is_empty() && values.len() % width == 0);
            assert!(values.iter().all(|v| range.contains(*v)));
        }
    }
    let _ = labels(data, "fuzz");
});
