//! ONNX models and float networks in `.safetensors` files. What is read has layers that chain, and runs.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zktern::model::float::FloatNetwork;
use zktern::model::import::{onnx, safetensors_float};

fn run(network: &FloatNetwork) {
    let widths = network.widths();
    let outputs = network.logits(&vec![0.5; 2 * widths[0]]);
    assert_eq!(outputs.len(), 2 * widths[widths.len() - 1]);
}

fuzz_target!(|data: &[u8]| {
    if let Ok(model) = onnx(data, "fuzz", &|_| Err("is not there".into())) {
        run(&model.network);
    }
    if let Ok(model) = safetensors_float(data, "fuzz") {
        run(&model.network);
    }
});
