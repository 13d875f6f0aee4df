//! Float networks of other programs, from their files to a proof.

use super::*;
use serde_json::json;

/// A folder with `net.onnx` (18-3-5-9), its real inputs `x.npy` (four) and what onnxruntime says about them.
fn model() -> (TempDir, Vec<Vec<f64>>) {
    let folder = tempfile::tempdir().unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/onnx");
    fs::copy(fixtures.join("1.onnx"), folder.path().join("net.onnx")).unwrap();
    let document: Value = serde_json::from_slice(&fs::read(fixtures.join("1.json")).unwrap()).unwrap();
    let rows = |key: &str| -> Vec<Vec<f64>> { serde_json::from_value(document[key].clone()).unwrap() };
    put(folder.path(), "x.npy", floats(&rows("inputs").concat(), "(4, 18)"));
    (folder, rows("outputs"))
}

fn floats(values: &[f64], shape: &str) -> Vec<u8> {
    npy("<f4", shape, &values.iter().flat_map(|v| (*v as f32).to_le_bytes()).collect::<Vec<_>>())
}

const CALIBRATED: [&str; 7] = ["import", "net.onnx", "--ternarize", "--calibrate", "x.npy", "-o", "net.tern"];

#[test]
fn an_onnx_model_becomes_a_proof() {
    let (folder, expected) = model();
    let at = folder.path();
    let float = document(at, &["infer", "net.onnx", "x.npy"]);
    let outputs: Vec<Vec<f64>> = serde_json::from_value(float["outputs"].clone()).unwrap();
    for (a, b) in outputs.concat().iter().zip(expected.concat()) {
        assert!((a - b).abs() < 1e-4, "{a} {b}");
    }
    let report = document(at, &[&CALIBRATED[..], &["--write-inputs", "coded.npy", "--count", "4"]].concat());
    for key in ["model", "nnz", "parameters", "logit_scale", "import_s", "peak_rss_bytes"] {
        assert!(!report[key].is_null(), "{key}: {report}");
    }
    assert_eq!((&report["model"], report["layers"].as_array().unwrap().len()), (&json!("net"), 3));
    assert_eq!(
        report["proofs"].as_array().unwrap().iter().map(|p| p["inputs"].as_u64().unwrap()).collect::<Vec<_>>(),
        [1, 4]
    );
    let agreement = &report["agreement"];
    let number = |v: &Value| v.as_f64().unwrap();
    assert!(number(&agreement["max_error"]) <= number(&agreement["bound"]), "{agreement}");

    // The integer network, run by itself on the inputs that were written, errs as much as reported.
    let integer = document(at, &["infer", "net.tern", "coded.npy"]);
    let logits: Vec<Vec<f64>> = serde_json::from_value(integer["outputs"].clone()).unwrap();
    let errors =
        logits.concat().into_iter().zip(outputs.concat()).map(|(z, a)| (z * number(&report["logit_scale"]) - a).abs());
    assert!((errors.fold(0.0, f64::max) - number(&agreement["max_error"])).abs() < 1e-4);

    succeed(at, &["commit", "net.tern", "-o", "net.vk", "--secret", "net.key"]);
    let proved = document(at, &["prove", "net.tern", "coded.npy", "-o", "out.proof", "--batch"]);
    assert_eq!(proved["outputs"], integer["outputs"]);
    succeed(at, &["verify", "out.proof", "--key", "net.vk", "--input", "coded.npy"]);
}

#[test]
fn reports_are_for_people_too() {
    let (folder, _) = model();
    put(folder.path(), "labels.npy", npy("|u1", "(4,)", &[0, 1, 2, 3]));
    let text = succeed(folder.path(), &[&CALIBRATED[..], &["--labels", "labels.npy"]].concat());
    for part in [
        "layer ",
        "density",
        "agreement  ",
        "bound",
        "accuracy   float",
        "prove takes integers: round(x /",
        "wrote      net.tern",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(succeed(folder.path(), &[&CALIBRATED[..], &["--quiet"]].concat()), "");
    let inspected = document(folder.path(), &["inspect", "net.onnx"]);
    assert_eq!(inspected["kind"], "float network");
    assert_eq!(inspected["layers"][0]["inputs"], 18);
    assert_eq!(inspected["operators"]["Gemm"], 2);
}

#[test]
fn settings_change_the_network() {
    let (folder, _) = model();
    let layers = |options: &[&str]| document(folder.path(), &[&CALIBRATED[..], options].concat())["layers"].clone();
    for (options, key, value) in [
        (&["--row-cap", "2"][..], "widest_row", json!(2)),
        (&["--activation-bits", "4"], "clamp", json!([0, 15])),
        (&["--density", "1/3"], "nnz", json!(18)),
    ] {
        assert_eq!(layers(options)[0][key], value, "{options:?}");
    }
    assert_ne!(layers(&["--rule", "absmean"])[0]["nnz"], layers(&[])[0]["nnz"]);
    let coded = document(folder.path(), &[&CALIBRATED[..], &["--input-range", "-7,7", "--input-offset", "0.5"]].concat());
    assert_eq!(
        (&coded["input"]["min"], &coded["input"]["max"], &coded["input"]["offset"]),
        (&json!(-7), &json!(7), &json!(0.5))
    );
    let without = document(folder.path(), &["import", "net.onnx", "--ternarize", "-o", "net.tern"]);
    assert_eq!(without["agreement"]["random"], true);
}

/// A float `.safetensors` file: two layers of the given weights.
fn safetensors(first: f32, activation: &str) -> Vec<u8> {
    let weights: Vec<u8> = [first, 1.0, -1.0, 0.0, 2.0, -2.0].iter().flat_map(|v| v.to_le_bytes()).collect();
    let metadata = format!(
        r#"{{\"format\":2,\"name\":\"t\",\"layers\":[{{\"weight\":\"a\",\"activation\":\"{activation}\"}},{{\"weight\":\"b\"}}]}}"#
    );
    let header = format!(
        r#"{{"__metadata__":{{"zktern":"{metadata}"}},"a":{{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}},"b":{{"dtype":"F32","shape":[1,2],"data_offsets":[16,24]}}}}"#
    );
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &weights].concat()
}

#[test]
fn weights_are_changed_only_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    put(at, "ternary.safetensors", safetensors(1.0, "relu"));
    put(at, "float.safetensors", safetensors(0.5, "relu"));
    let report = document(at, &["import", "ternary.safetensors", "-o", "net.tern"]);
    assert_eq!((&report["layers"][0]["exact"], &report["nnz"]), (&json!(true), &json!(5)));
    let text = fail(at, 2, &["import", "float.safetensors", "-o", "other.tern"]);
    assert_eq!(
        text,
        "float.safetensors: layer 0 (a) has float weights, expected -1, 0 and 1 times a scale of the row; ternarise them with \
         --ternarize"
    );
    succeed(at, &["import", "float.safetensors", "--ternarize", "-o", "other.tern"]);
    put(at, "gelu.safetensors", safetensors(1.0, "gelu"));
    assert!(fail(at, 2, &["import", "gelu.safetensors", "-o", "a.tern"]).contains("activation is \"gelu\""));
    put(at, "one.json", "[2, 1]");
    assert_eq!(document(at, &["infer", "float.safetensors", "one.json"])["outputs"], json!([[4.0]]));
}

#[test]
fn unusable_models_and_data_are_refused() {
    let (folder, _) = model();
    let at = folder.path();
    let whole = bytes(at, "net.onnx");
    put(at, "cut.onnx", &whole[..whole.len() / 2]);
    put(at, "text.onnx", "this is no model");
    put(at, "empty.onnx", "");
    put(at, "ours.onnx", "zkternM");
    put(at, "wide.npy", floats(&[0.5; 38], "(2, 19)"));
    put(at, "zero.npy", floats(&[0.0; 36], "(2, 18)"));
    put(at, "nan.npy", floats(&[&[f64::NAN][..], &[0.5; 35]].concat(), "(2, 18)"));
    put(at, "large.npy", npy("<i4", "(18,)", &(0..18).flat_map(|v: i32| (v * 100).to_le_bytes()).collect::<Vec<_>>()));
    put(at, "labels.npy", npy("|u1", "(3,)", &[0, 1, 2]));
    let before = names(at);
    let base = ["import", "net.onnx", "--ternarize", "-o", "a.tern"];
    let cases: [(&[&str], &str); 19] = [
        (&["--count", "0"], "0 inputs"),
        (&["import", "cut.onnx", "-o", "a.tern"], "cut.onnx: cut off"),
        (&["import", "text.onnx", "-o", "a.tern"], "text.onnx: "),
        (
            &["import", "ours.onnx", "-o", "a.tern"],
            "ours.onnx: this is a network (.tern), expected a model of another program",
        ),
        (&["import", "empty.onnx", "-o", "a.tern"], "empty.onnx: it names no operator set"),
        (&["import", "net.onnx", "-o", "net.onnx"], "net.onnx: is read by this command"),
        (&["import", "net.onnx", "-o", "a.tern"], "net.onnx: layer 0 (MatMul_11) has float weights"),
        (&["--calibrate", "wide.npy"], "wide.npy: .npy: found an array of shape [2, 19], expected [18]"),
        (&["--calibrate", "zero.npy"], "zero.npy: all values are 0, expected inputs as the network gets them"),
        (&["--calibrate", "nan.npy"], "nan.npy: .npy: input 0, value 0 is NaN, expected a finite number"),
        (&["--calibrate", "missing.npy"], "missing.npy: cannot read it"),
        (&["--calibrate", "large.npy", "--input-range", "0,255"], "large.npy: input 0, value 3 is 300, expected 0..=255"),
        (&["--calibrate", "x.npy", "--labels", "labels.npy"], "labels.npy: 3 labels, expected 4"),
        (&["--activation-bits", "3"], "--activation-bits"),
        (&["--density", "0"], "--density 0: expected a fraction"),
        (&["--input-range", "1,5"], "--input-range 1,5: expected MIN,MAX"),
        (&["--input-scale", "0"], "--input-scale 0: expected a number above 0"),
        (&["--row-cap", "0"], "--row-cap"),
        (&["--write-inputs", "a.tern"], "a.tern: is named for two outputs"),
    ];
    for (args, part) in cases {
        let args = if args[0] == "import" { args.to_vec() } else { [&base[..], args].concat() };
        let text = fail(at, 2, &args);
        assert!(text.contains(part), "{args:?}: {text}");
        assert_eq!(names(at), before, "{args:?}");
    }
}
