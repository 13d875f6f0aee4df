//! Float networks of other programs against what onnxruntime says about them: models made by the `onnx` package with
//! onnxruntime's outputs beside them, written by `tests/onnx/fidelity.py --fixtures tests/fixtures/onnx`.

#![cfg(feature = "cli")]

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use zktern::model::Clamp;
use zktern::model::float::{Activation, InputCode};
use zktern::model::import::onnx;
use zktern::model::quantise::{Bias, LayerSettings, Rule, Samples, Selection, Settings, Weights, quantise};

/// A model with inputs and onnxruntime's outputs for them, one after the other.
struct Fixture {
    path: PathBuf,
    model: Vec<u8>,
    inputs: Vec<f32>,
    expected: Vec<f32>,
}

fn fixtures() -> Vec<Fixture> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/onnx");
    let mut models: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    models.retain(|p| p.extension().is_some_and(|e| e == "onnx"));
    models.sort();
    let flat = |value: &Value| -> Vec<f32> {
        let rows = value.as_array().unwrap().iter().flat_map(|row| row.as_array().unwrap());
        rows.map(|v| v.as_f64().unwrap() as f32).collect()
    };
    let read = |path: PathBuf| {
        let expected: Value = serde_json::from_slice(&fs::read(path.with_extension("json")).unwrap()).unwrap();
        let model = fs::read(&path).unwrap();
        Fixture { path, model, inputs: flat(&expected["inputs"]), expected: flat(&expected["outputs"]) }
    };
    models.into_iter().map(read).collect()
}

#[test]
fn float_networks_compute_what_onnxruntime_does() {
    let mut operators = std::collections::BTreeSet::new();
    for Fixture { path, model, inputs, expected } in fixtures() {
        let read = onnx(&model, "model", &|_| Err("is not there".into())).unwrap();
        let found = read.network.logits(&inputs);
        assert_eq!(found.len(), expected.len(), "{path:?}");
        let size = expected.iter().fold(1.0f32, |m, v| m.max(v.abs()));
        for (a, b) in found.iter().zip(&expected) {
            assert!((a - b).abs() <= 1e-4 * size, "{path:?}: {a} {b}");
        }
        operators.extend(read.operators.into_iter().map(|(op, _)| op));
    }
    assert!(operators.len() >= 17, "every operator: {operators:?}");
}

#[test]
fn integer_networks_stay_within_their_bound_of_it() {
    for Fixture { path, model, inputs, expected } in fixtures() {
        let float = onnx(&model, "model", &|_| Err("is not there".into())).unwrap().network;
        if float.layers.len() < 2 || float.layers.last().unwrap().activation != Activation::None {
            continue;
        }
        let code = InputCode { scale: 1.0 / 127.0, offset: 0.0, range: Clamp { min: -127, max: 127 } };
        let selection = Selection { rule: Rule::Twn, row_cap: None, density: None };
        let each = LayerSettings { selection, bias: Bias::Corrected, activation_bits: 8 };
        let settings = Settings { input: code, weights: Weights::Ternarise, layers: vec![each; float.layers.len()] };
        let samples = Samples::encode(&code, inputs);
        let made = quantise(&float, &settings, &samples).unwrap();
        let logits = made.network.logits(&samples.integers);
        for (z, a) in logits.iter().zip(&expected) {
            let difference = (f64::from(*z) * made.logit_scale - f64::from(*a)).abs();
            // The expected outputs are those of another program, as far from ours as floats are.
            assert!(difference <= made.agreement.bound + 1e-4 * f64::from(a.abs()).max(1.0), "{path:?}: {z} {a}");
        }
    }
}
