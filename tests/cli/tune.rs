//! `tune`: a small network, trained here by gradient descent, becomes a ternary one that is right about as often and is proved.

use super::{document, fail, names, npy, put, succeed};
use std::path::Path;
use tempfile::TempDir;

const WIDTH: usize = 24;
const HIDDEN: usize = 20;
const CLASSES: usize = 4;
const INPUTS: usize = 720;

/// Pseudorandom numbers in −1..1 (an LCG, its upper bits).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }
}

/// Two clusters for each class, in 0..255, so that no linear map separates them all; and the classes.
fn clusters(count: usize, seed: u64) -> (Vec<i32>, Vec<u8>) {
    let mut centres = Numbers(5);
    let centres: Vec<f32> = (0..2 * CLASSES * WIDTH).map(|_| 128.0 + 70.0 * centres.next()).collect();
    let mut noise = Numbers(seed);
    let mut inputs = Vec::with_capacity(count * WIDTH);
    for n in 0..count {
        let cluster = n % (2 * CLASSES);
        let value = |c: &f32| (c + 45.0 * (noise.next() + noise.next())).clamp(0.0, 255.0) as i32;
        inputs.extend(centres[cluster * WIDTH..(cluster + 1) * WIDTH].iter().map(value));
    }
    (inputs, (0..count).map(|n| (n % CLASSES) as u8).collect())
}

/// Weights and biases of 24-20-4 after some epochs of gradient descent on the cross entropy; inputs are divided by 255.
fn train(inputs: &[i32], labels: &[u8]) -> [Vec<f32>; 4] {
    let mut numbers = Numbers(11);
    let mut w: Vec<f32> = (0..HIDDEN * WIDTH).map(|_| 0.4 * numbers.next()).collect();
    let mut v: Vec<f32> = (0..CLASSES * HIDDEN).map(|_| 0.4 * numbers.next()).collect();
    let (mut b, mut c) = (vec![0.0f32; HIDDEN], vec![0.0f32; CLASSES]);
    for epoch in 0..60 {
        let rate = if epoch < 40 { 0.05 } else { 0.01 };
        for (x, label) in inputs.chunks_exact(WIDTH).zip(labels) {
            let x: Vec<f32> = x.iter().map(|v| *v as f32 / 255.0).collect();
            let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
            let h: Vec<f32> = (0..HIDDEN).map(|i| (dot(&w[i * WIDTH..][..WIDTH], &x) + b[i]).max(0.0)).collect();
            let z: Vec<f32> = (0..CLASSES).map(|k| (dot(&v[k * HIDDEN..][..HIDDEN], &h) + c[k]).exp()).collect();
            let total: f32 = z.iter().sum();
            let slope: Vec<f32> =
                (0..CLASSES).map(|k| z[k] / total - f32::from(u8::from(k == usize::from(*label)))).collect();
            for i in (0..HIDDEN).filter(|&i| h[i] > 0.0) {
                let back: f32 = (0..CLASSES).map(|k| slope[k] * v[k * HIDDEN + i]).sum();
                b[i] -= rate * back;
                w[i * WIDTH..][..WIDTH].iter_mut().zip(&x).for_each(|(w, x)| *w -= rate * back * x);
            }
            for k in 0..CLASSES {
                c[k] -= rate * slope[k];
                v[k * HIDDEN..][..HIDDEN].iter_mut().zip(&h).for_each(|(v, h)| *v -= rate * slope[k] * h);
            }
        }
    }
    [w, b, v, c]
}

/// A float network of two layers as safetensors.
fn safetensors(parts: &[Vec<f32>; 4], activation: &str) -> Vec<u8> {
    let shapes = [vec![HIDDEN, WIDTH], vec![HIDDEN], vec![CLASSES, HIDDEN], vec![CLASSES]];
    let names = ["layer0.weight", "layer0.bias", "layer1.weight", "layer1.bias"];
    let description = serde_json::json!({
        "format": 2, "name": "clusters", "input": { "scale": 1.0 / 255.0, "offset": 0, "min": 0, "max": 255 },
        "layers": [{ "activation": activation }, {}],
    });
    let mut header = serde_json::json!({ "__metadata__": { "zktern": description.to_string() } });
    let mut body = Vec::new();
    for ((name, shape), values) in names.iter().zip(shapes).zip(parts) {
        let start = body.len();
        values.iter().for_each(|v| body.extend(v.to_le_bytes()));
        header[*name] = serde_json::json!({ "dtype": "F32", "shape": shape, "data_offsets": [start, body.len()] });
    }
    let header = header.to_string().into_bytes();
    [&(header.len() as u64).to_le_bytes()[..], &header, &body].concat()
}

fn put_inputs(folder: &Path, name: &str, values: &[i32]) {
    let data: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    put(folder, name, npy("<i4", &format!("({}, {WIDTH})", values.len() / WIDTH), &data));
}

fn put_labels(folder: &Path, name: &str, labels: &[u8]) {
    put(folder, name, npy("|u1", &format!("({},)", labels.len()), labels));
}

/// A folder with a trained network, its calibration data and other inputs, with labels.
fn trained() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (inputs, labels) = clusters(INPUTS, 1);
    let (others, other_labels) = clusters(64, 2);
    put(folder.path(), "net.safetensors", safetensors(&train(&inputs, &labels), "relu"));
    put_inputs(folder.path(), "x.npy", &inputs);
    put_labels(folder.path(), "y.npy", &labels);
    put_inputs(folder.path(), "others.npy", &others);
    put_labels(folder.path(), "other-labels.npy", &other_labels);
    folder
}

const TUNE: [&str; 8] = ["tune", "net.safetensors", "-o", "net.tern", "--calibrate", "x.npy", "--labels", "y.npy"];

#[test]
fn a_trained_network_is_searched_and_its_choice_proved() {
    let folder = trained();
    let extra = ["--evaluate", "others.npy", "--evaluate-labels", "other-labels.npy", "--write-inputs", "coded.npy"];
    let more = ["--input-bits", "4", "--count", "16", "--proofs", "1", "--max-loss", "3"];
    let found = document(folder.path(), &[&TUNE[..], &extra, &more].concat());
    let float = found["float"]["accuracy"].as_f64().unwrap();
    assert!(float > 0.9, "the float network learnt too little: {float}");
    assert!((found["wanted"].as_f64().unwrap() - (float - 0.03)).abs() < 1e-9);
    let all = found["networks"].as_array().unwrap();
    assert_eq!(all.len(), 33, "the untuned one, and 4 caps by 4 bits by 2 densities");
    let chosen: Vec<_> = all.iter().filter(|n| n["chosen"] == true).collect();
    let [chosen] = chosen[..] else { panic!("one choice: {found:#}") };
    let (cost, accuracy) = (|n: &serde_json::Value| n["estimate_s"].as_f64().unwrap(), "accuracy");
    let right = |n: &serde_json::Value| n[accuracy].as_f64().unwrap();
    assert!(right(chosen) >= float - 0.03, "{chosen:#}");
    assert!(chosen["front"] == true && chosen["prove_s"].as_f64().unwrap() > 0.0, "{chosen:#}");
    for other in all.iter().filter(|n| n["tuned"] == true && right(n) >= float - 0.03) {
        assert!(cost(chosen) <= cost(other), "{chosen:#} {other:#}");
    }
    // What was written is what was chosen, and its proof verifies on the inputs that were written with it.
    let inspected = document(folder.path(), &["inspect", "net.tern"]);
    assert_eq!(inspected["nnz"], chosen["nnz"], "{inspected:#}");
    succeed(folder.path(), &["commit", "net.tern", "-o", "net.vk", "--secret", "net.key"]);
    let proof = document(folder.path(), &["prove", "net.tern", "coded.npy", "-o", "out.proof", "--batch"]);
    succeed(folder.path(), &["verify", "out.proof", "--key", "net.vk", "--input", "coded.npy"]);
    let outputs = proof["outputs"].as_array().unwrap();
    let class = |z: &serde_json::Value| {
        let z: Vec<i64> = z.as_array().unwrap().iter().map(|v| v.as_i64().unwrap()).collect();
        z.iter().position(|v| Some(v) == z.iter().max()).unwrap()
    };
    let good = outputs.iter().enumerate().filter(|(n, z)| class(z) == n % CLASSES).count();
    let evaluated = chosen["evaluated"].as_f64().unwrap();
    assert!((good as f64 / 64.0 - evaluated).abs() < 1e-9, "{good} {evaluated}");
}

#[test]
fn given_values_are_kept_and_the_result_is_the_same_every_time() {
    let folder = trained();
    let given = ["--row-cap", "6", "--activation-bits", "5", "--density", "1/8", "--max-width", "16", "--proofs", "0"];
    let found = document(folder.path(), &[&TUNE[..], &given].concat());
    assert_eq!(found["shape"], "24-16-4");
    let all = found["networks"].as_array().unwrap();
    assert_eq!(all.len(), 2);
    assert_eq!((&all[1]["row_cap"], &all[1]["activation_bits"]), (&6.into(), &5.into()));
    assert!(all[1]["prove_s"].is_null() && all[1]["evaluated"].is_null());
    let first = super::bytes(folder.path(), "net.tern");
    let lines = succeed(folder.path(), &[&TUNE[..], &given, &["--threads", "1"]].concat());
    assert_eq!(super::bytes(folder.path(), "net.tern"), first);
    for word in ["untuned", "row cap 6, 5 bits", "wrote      net.tern"] {
        assert!(lines.contains(word), "{word}: {lines}");
    }
}

#[test]
fn what_cannot_be_tuned_is_refused_and_nothing_is_written() {
    let folder = trained();
    let (inputs, labels) = clusters(INPUTS, 1);
    put_labels(folder.path(), "short.npy", &labels[1..]);
    put_labels(folder.path(), "high.npy", &vec![CLASSES as u8; INPUTS]);
    put_inputs(folder.path(), "zeros.npy", &vec![0; 30 * WIDTH]);
    put_inputs(folder.path(), "few.npy", &inputs[..5 * WIDTH]);
    put(folder.path(), "wide.npy", npy("<i4", "(2, 25)", &[0; 200]));
    let before = names(folder.path());
    let tune = |replaced: &[(usize, &str)], more: &[&str]| {
        let mut args = TUNE.to_vec();
        replaced.iter().for_each(|(n, with)| args[*n] = with);
        args.extend(more);
        fail(folder.path(), 2, &args)
    };
    let cases: [(String, &[&str]); 14] = [
        (tune(&[], &["--row-cap", "0"]), &["row", "at least 1"]),
        (tune(&[], &["--activation-bits", "0"]), &["0 activation bits", "1 to 16"]),
        (tune(&[], &["--density", "2"]), &["--density 2", "at most 1"]),
        (tune(&[], &["--max-loss", "101"]), &["--max-loss 101"]),
        (tune(&[], &["--max-width", "0"]), &["--max-width 0"]),
        (tune(&[], &["--count", "0"]), &["--count 0"]),
        (tune(&[], &["--input-bits", "9"]), &["--input-bits 9", "0..=255"]),
        (tune(&[], &["--evaluate-labels", "y.npy"]), &["--evaluate-labels y.npy", "--evaluate"]),
        (tune(&[(7, "short.npy")], &[]), &["short.npy: 719 labels, expected 720"]),
        (tune(&[(7, "high.npy")], &[]), &["high.npy: label 0 is 4", "0 to 3"]),
        (tune(&[(5, "few.npy"), (6, "--count"), (7, "2")], &[]), &["few.npy: holds 5 input(s)"]),
        (tune(&[(5, "wide.npy")], &[]), &["wide.npy", "24"]),
        (tune(&[(1, "none.safetensors")], &[]), &["none.safetensors"]),
        (tune(&[(3, "x.npy")], &[]), &["x.npy", "is read by this command"]),
    ];
    for (sentence, parts) in &cases {
        parts.iter().for_each(|p| assert!(sentence.contains(p), "{p}: {sentence}"));
    }
    let constant = fail(folder.path(), 2, &["tune", "net.safetensors", "-o", "n.tern", "--calibrate", "zeros.npy"]);
    assert!(constant.contains("do not differ"), "{constant}");
    assert_eq!(names(folder.path()), before);
}
