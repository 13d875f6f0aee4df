//! The example networks against what an independent NumPy program says about them (`examples/numpy_inference.py`), and a proof.

#![cfg(feature = "cli")]

use flate2::read::GzDecoder;
use serde_json::Value;
use std::fs;
use std::io::Read;
use std::path::PathBuf;
use zktern::cli::input;
use zktern::compute::cpu::Cpu;
use zktern::model::infer::argmax;
use zktern::model::{Architecture, Network, import};
use zktern::protocol::{NoProgress, Plan, Proof, Session, key};

const PIXELS: usize = 784;
const CLASSES: usize = 10;
const IMAGES: usize = 10_000;
/// Images that run together: a chunk's activations stay small.
const CHUNK: usize = 500;

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples/mnist").join(name)
}

fn bytes(name: &str) -> Vec<u8> {
    fs::read(path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// Packages leave the test set out: a missing file skips a test, in the repository it fails it.
fn test_set() -> Option<(Vec<i32>, Vec<u8>)> {
    let unpack = |name: &str| {
        let mut out = Vec::new();
        GzDecoder::new(bytes(name).as_slice()).read_to_end(&mut out).unwrap();
        out
    };
    if !path("t10k-images.idx3.gz").exists() && !path("../../.git").exists() {
        println!("skipped: this copy has no MNIST test set");
        return None;
    }
    let range = zktern::model::Clamp { min: 0, max: 255 };
    let images = input::read_inputs(&unpack("t10k-images.idx3.gz"), "images", PIXELS, range).unwrap();
    let labels = input::labels(&unpack("t10k-labels.idx1.gz"), "labels").unwrap();
    assert_eq!((images.len(), labels.len()), (IMAGES * PIXELS, IMAGES));
    Some((images, labels))
}

fn network(name: &str) -> Network {
    let file = format!("{name}.safetensors");
    let network = import::safetensors(&bytes(&file), &file).unwrap();
    assert_eq!(network.name, name);
    network
}

fn expected(name: &str) -> Value {
    let all: Value = serde_json::from_slice(&bytes("expected.json")).unwrap();
    let models = all["models"].as_array().unwrap();
    models.iter().find(|m| m["model"] == name).unwrap_or_else(|| panic!("expected.json has no {name}")).clone()
}

fn sample_digits() -> Vec<i32> {
    let range = zktern::model::Clamp { min: 0, max: 255 };
    input::read_inputs(&bytes("digits.idx3"), "digits", PIXELS, range).unwrap()
}

fn logits_of(digit: &Value) -> Vec<i32> {
    digit["logits"].as_array().unwrap().iter().map(|v| v.as_i64().unwrap() as i32).collect()
}

/// Runs all images and compares everything that `expected.json` says; returns the predictions.
fn all_images(name: &str, images: &[i32], labels: &[u8]) -> Vec<u8> {
    let (network, expected) = (network(name), expected(name));
    let mut logits = Vec::with_capacity(IMAGES * CLASSES);
    let mut hidden: i64 = 0;
    for chunk in images.chunks(CHUNK * PIXELS) {
        let trace = network.run(chunk);
        hidden += trace.activations.iter().flatten().map(|v| i64::from(*v)).sum::<i64>();
        assert_eq!(*trace.accumulators.last().unwrap(), network.logits(chunk));
        logits.extend_from_slice(trace.accumulators.last().unwrap());
    }
    let predictions: Vec<u8> = logits.chunks(CLASSES).map(|z| argmax(z) as u8).collect();
    assert_eq!(predictions.len(), IMAGES);
    let correct = predictions.iter().zip(labels).filter(|(p, l)| p == l).count();
    assert_eq!(expected["test_images"], IMAGES);
    assert_eq!(expected["test_correct"], correct, "{name}");
    assert!(correct >= 9_800, "{name}: {correct}");
    assert_eq!(expected["hidden_checksum"], hidden, "{name}");
    for digit in expected["digits"].as_array().unwrap() {
        let i = digit["index"].as_u64().unwrap() as usize;
        assert_eq!(logits_of(digit), logits[i * CLASSES..(i + 1) * CLASSES], "{name}: image {i}");
        assert_eq!((&digit["label"], &digit["prediction"]), (&labels[i].into(), &predictions[i].into()));
    }
    predictions
}

#[test]
fn first_network_agrees_on_every_test_image() {
    let Some((images, labels)) = test_set() else { return };
    let predictions = all_images("mnist-784-512-10", &images, &labels);
    let wanted = bytes("test-predictions.bin");
    assert_eq!(wanted.len(), IMAGES);
    let differs = predictions.iter().zip(&wanted).position(|(a, b)| a != b);
    assert_eq!(differs, None, "the first image whose prediction differs");
}

#[test]
fn second_network_agrees_on_every_test_image() {
    let Some((images, labels)) = test_set() else { return };
    all_images("mnist-784-256-256-10", &images, &labels);
}

#[test]
fn sample_digits_are_those_of_the_expected_results() {
    let digits = sample_digits();
    let labels = input::labels(&bytes("digits-labels.idx1"), "labels").unwrap();
    assert_eq!((digits.len(), labels.len()), (20 * PIXELS, 20));
    for name in ["mnist-784-512-10", "mnist-784-256-256-10"] {
        let (network, expected) = (network(name), expected(name));
        let wanted = expected["digits"].as_array().unwrap();
        assert_eq!(wanted.len(), 20);
        for ((x, label), digit) in digits.chunks(PIXELS).zip(&labels).zip(wanted) {
            let z = network.logits(x);
            assert_eq!(z, logits_of(digit), "{name}: image {}", digit["index"]);
            assert_eq!(
                (digit["label"].as_u64(), digit["prediction"].as_u64()),
                (Some((*label).into()), Some(argmax(&z) as u64))
            );
        }
    }
}

#[test]
fn weights_are_as_sparse_as_documented() {
    /// Of a layer: outputs, inputs, most non-zeros in a row, one over the density.
    type Documented = (usize, usize, usize, usize);
    let documented: [(&str, &[Documented]); 2] = [
        ("mnist-784-512-10", &[(512, 784, 49, 16), (10, 512, 256, 2)]),
        ("mnist-784-256-256-10", &[(256, 784, 49, 16), (256, 256, 48, 2), (10, 256, 128, 2)]),
    ];
    for (name, layers) in documented {
        let network = network(name);
        assert_eq!(network.layers.len(), layers.len());
        for (layer, &(rows, columns, most, inverse)) in network.layers.iter().zip(layers) {
            let w = &layer.weights;
            assert_eq!((w.rows(), w.columns()), (rows, columns), "{name}");
            assert!(w.non_zeros() * inverse <= rows * columns, "{name}: density {}", w.density());
            for i in 0..rows {
                let (plus, minus) = w.by_row().get(i);
                assert!(plus.len() + minus.len() <= most, "{name}: row {i} has {} non-zeros", plus.len() + minus.len());
            }
        }
    }
}

#[test]
fn tables_for_one_input_are_small() {
    for name in ["mnist-784-512-10", "mnist-784-256-256-10"] {
        let network = network(name);
        let arch = Architecture::of(&network, key::best_row_width(&network, key::Profile::Balanced)).unwrap();
        let plan = Plan::new(&arch, 1, false).unwrap();
        assert!(!plan.tables.is_empty());
        for table in &plan.tables {
            assert!(table.len() <= 1024, "{name}: a table of {} entries", table.len());
        }
    }
}

#[test]
fn one_digit_is_proved_and_verified() {
    let network = network("mnist-784-512-10");
    let arch = Architecture::of(&network, key::best_row_width(&network, key::Profile::Balanced)).unwrap();
    let (verifying, secret) = key::commit(&Cpu, &network, &arch, [7; 32], |_| {}).unwrap();
    let session = Session::new(Cpu, network, verifying, secret).unwrap();
    let digits = sample_digits();
    let digit = &digits[4 * PIXELS..5 * PIXELS];
    for private in [false, true] {
        let (proof, _) = session.prove(digit, private, b"mnist", &[9; 32], &NoProgress).unwrap();
        let wanted = &expected("mnist-784-512-10")["digits"][4];
        assert_eq!(proof.logits, logits_of(wanted));
        assert_eq!(proof.inputs.as_deref(), (!private).then_some(digit));
        // Through the file, as a verifier gets it.
        let key = key::VerifyingKey::from_bytes(&session.key().to_bytes(), "key").unwrap();
        let read = Proof::from_bytes(&proof.to_bytes(), "proof").unwrap();
        assert_eq!(read, proof);
        read.verify(&key, b"mnist").unwrap();
        let mut other = read.clone();
        other.logits[0] += 1;
        assert!(other.verify(&key, b"mnist").is_err());
        let mut other = read.clone();
        other.context = b"else".to_vec();
        assert!(other.verify(&key, b"else").is_err());
        assert!(read.verify(&key, b"else").is_err());
        if let Some(x) = &mut other.inputs {
            other.context = b"mnist".to_vec();
            x[0] ^= 1;
            assert!(other.verify(&key, b"mnist").is_err());
        }
    }
}
