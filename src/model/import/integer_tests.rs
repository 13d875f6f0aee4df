use super::*;
use ::safetensors::tensor::TensorView;
use proptest::prelude::*;
use std::collections::HashMap;

const SMALL: &[u8] = include_bytes!("../../../examples/mnist/mnist-784-512-10.safetensors");
const DEEP: &[u8] = include_bytes!("../../../examples/mnist/mnist-784-256-256-10.safetensors");
const DIGITS: &[u8] = include_bytes!("../../../examples/mnist/digits.idx3");
const EXPECTED: &str = include_str!("../../../examples/mnist/expected.json");

const GOOD: &str = r#"{"format":1,"name":"t","input":{"min":0,"max":3},"layers":[{"shift":1,"min":0,"max":7},{}]}"#;

type Tensor<'a> = (&'a str, Dtype, &'a [usize], Vec<u8>);

fn file(description: Option<&str>, tensors: &[Tensor<'_>]) -> Vec<u8> {
    let views =
        tensors.iter().map(|(name, kind, shape, data)| (*name, TensorView::new(*kind, shape.to_vec(), data).unwrap()));
    let metadata = description.map(|d| HashMap::from([(KEY.to_owned(), d.to_owned())]));
    ::safetensors::serialize(views, metadata).unwrap()
}

/// 2 inputs, 3 hidden, 1 logit; no second bias.
fn tensors() -> Vec<Tensor<'static>> {
    vec![
        ("layer0.weight", Dtype::I8, &[3, 2], vec![1, 0, 255, 1, 0, 0]),
        ("layer0.bias", Dtype::I32, &[3], [1i32, -2, 300].iter().flat_map(|v| v.to_le_bytes()).collect()),
        ("layer1.weight", Dtype::I8, &[1, 3], vec![1, 255, 1]),
    ]
}

fn refusal(description: Option<&str>, tensors: &[Tensor<'_>]) -> String {
    safetensors(&file(description, tensors), "net.safetensors").unwrap_err().to_string()
}

fn with(name: &str, kind: Dtype, shape: &'static [usize], data: Vec<u8>) -> String {
    let mut all = tensors();
    let place = all.iter_mut().find(|t| t.0 == name).unwrap();
    (place.1, place.2, place.3) = (kind, shape, data);
    refusal(Some(GOOD), &all)
}

#[test]
fn real_networks_compute_the_expected_logits() {
    let expected: Value = serde_json::from_str(EXPECTED).unwrap();
    let digits: Vec<i32> = DIGITS[16..].iter().map(|b| i32::from(*b)).collect();
    for (bytes, shape, non_zeros) in [(SMALL, "784-512-10", 27_648), (DEEP, "784-256-256-10", 26_112)] {
        let network = safetensors(bytes, "net").unwrap();
        assert_eq!((network.shape().as_str(), network.non_zeros()), (shape, non_zeros));
        assert_eq!(network.input, Clamp { min: 0, max: 255 });
        let model = expected["models"].as_array().unwrap().iter().find(|m| m["model"] == network.name.as_str()).unwrap();
        let rows = model["digits"].as_array().unwrap().iter();
        let logits: Vec<i32> =
            rows.flat_map(|d| d["logits"].as_array().unwrap()).map(|v| v.as_i64().unwrap() as i32).collect();
        assert_eq!(network.logits(&digits), logits);
        assert_eq!(Network::from_bytes(&network.to_bytes(), "net").unwrap(), network);
    }
}

#[test]
fn a_missing_bias_is_zero() {
    let network = safetensors(&file(Some(GOOD), &tensors()), "net").unwrap();
    assert_eq!(network.layers[0].bias, [1, -2, 300]);
    assert_eq!(network.layers[0].weights.dense_row(1), [-1, 1]);
    assert_eq!(network.layers[1].bias, [0]);
    assert_eq!(network.layers[0].requantise, Some(Requantise { shift: 1, clamp: Clamp { min: 0, max: 7 } }));
    assert_eq!(network.layers[1].requantise, None);
}

#[test]
fn wrong_tensors_are_named() {
    let all = tensors();
    let cases = [
        (refusal(Some(GOOD), &all[..2]), "tensor \"layer1.weight\" is missing"),
        (with("layer0.weight", Dtype::I16, &[3, 2], vec![0; 12]), "tensor \"layer0.weight\" holds I16, expected I8"),
        (with("layer0.bias", Dtype::I64, &[3], vec![0; 24]), "tensor \"layer0.bias\" holds I64, expected I32"),
        (with("layer0.weight", Dtype::I8, &[6], vec![0; 6]), "\"layer0.weight\" has shape [6], expected [outputs, inputs]"),
        (with("layer0.weight", Dtype::I8, &[0, 1 << 50], vec![]), "\"layer0.weight\" has shape [0, 1125899906842624]"),
        (with("layer0.bias", Dtype::I32, &[2], vec![0; 8]), "\"layer0.bias\" has shape [2], expected [3]"),
        (
            with("layer0.weight", Dtype::I8, &[3, 2], vec![0, 0, 0, 2, 0, 0]),
            "has the entry 2 at [1, 1], expected -1, 0 or 1",
        ),
        (with("layer0.weight", Dtype::BF16, &[3, 2], vec![0; 12]), "holds BF16, expected integers: float networks need"),
        (with("layer1.weight", Dtype::I8, &[1, 2], vec![1, 1]), "layer 1 takes 2 inputs but the layer before it has 3"),
    ];
    for (text, part) in cases {
        assert!(text.starts_with("net.safetensors: ") && text.contains(part), "{text} | {part}");
    }
    for name in ["layer2.weight", "layer0.scale", "layer00.weight", "layer+0.bias", "head\u{7}"] {
        let mut more = tensors();
        more.push((name, Dtype::I8, &[1], vec![0]));
        let text = refusal(Some(GOOD), &more);
        assert!(text.contains("is unknown, expected only") && !text.contains('\u{7}'), "{text}");
    }
    let float = refusal(None, &[("fc1.weight", Dtype::F32, &[1, 1], vec![0; 4])]);
    assert!(float.contains("tensor \"fc1.weight\" holds F32") && float.contains("ternarising first"), "{float}");
}

#[test]
fn wrong_metadata_is_named() {
    assert!(refusal(None, &tensors()).contains("metadata zktern is missing"));
    let cases = [
        ("{", GOOD, "metadata zktern is not JSON: "),
        ("[]", GOOD, "metadata zktern is [], expected an object"),
        ("\"format\":2", "\"format\":1", "metadata zktern.format is 2, this program reads 1"),
        ("\"form\":1", "\"format\":1", "metadata zktern.format is missing"),
        ("\"extra\":0,\"format\":1", "\"format\":1", "metadata zktern has the unknown key \"extra\""),
        ("\"name\":7", "\"name\":\"t\"", "metadata zktern.name is 7"),
        ("\"name\":\"a\\nb\"", "\"name\":\"t\"", "metadata zktern.name is "),
        ("\"input\":{\"min\":0}", "\"input\":{\"min\":0,\"max\":3}", "metadata zktern.input.max is missing"),
        ("\"max\":3.5", "\"max\":3", "metadata zktern.input.max is 3.5, expected a 32-bit integer"),
        ("\"max\":3000000000", "\"max\":3", "metadata zktern.input.max is 3000000000, expected a 32-bit integer"),
        ("\"shift\":-1", "\"shift\":1", "metadata zktern.layers[0].shift is -1, expected an integer, at least 0"),
        ("\"shfit\":1", "\"shift\":1", "metadata zktern.layers[0] has the unknown key \"shfit\", expected shift, min, max"),
        ("\"min\":0,\"max\":7", "\"shift\":1,\"min\":0,\"max\":7", "metadata zktern.layers[0].shift is missing"),
        ("3}", "{}]}", "metadata zktern is not JSON"),
        (
            "\"layers\":3}",
            "\"layers\":[{\"shift\":1,\"min\":0,\"max\":7},{}]}",
            "metadata zktern.layers is 3, expected an array",
        ),
        ("7]}", "{}]}", "metadata zktern.layers[1] is 7, expected an object"),
        ("{\"shift\":1,\"min\":0,\"max\":7}]}", "{}]}", "layer 1 of 2 requantises"),
        ("\"shift\":4000000000", "\"shift\":1", "expected at most 30"),
        ("\"min\":1", "\"min\":0", "expected one that contains 0"),
    ];
    for (new, old, part) in cases {
        assert!(GOOD.contains(old));
        let text = refusal(Some(&GOOD.replacen(old, new, 1)), &tensors());
        assert!(text.starts_with("net.safetensors: ") && text.contains(part), "{text} | {part}");
    }
    let deep = GOOD.replace("{}]", &format!("{{}}{}]", ",{}".repeat(MAX_LAYERS)));
    assert!(refusal(Some(&deep), &tensors()).contains("expected at most 256"));
}

#[test]
fn headers_that_lie_are_refused() {
    let text = |bytes: &[u8]| safetensors(bytes, "f").unwrap_err().to_string();
    let good = file(Some(GOOD), &tensors());
    assert!(text(b"").contains("0 bytes, expected at least 8"));
    assert!(text(&[255; 20]).contains("a header of 18446744073709551615 bytes is announced, but 12 are left"));
    assert!(text(&good[..good.len() - 1]).contains("bytes of tensors, expected"));
    assert!(text(&[good.as_slice(), b"x"].concat()).contains("bytes of tensors, expected"));
    let raw = |header: &str| [&(header.len() as u64).to_le_bytes(), header.as_bytes()].concat();
    assert!(text(&raw("{]")).contains("its header is wrong"));
    assert!(text(&raw(&" ".repeat(MAX_HEADER + 1))).contains("expected at most"));
    // Sizes that add up to just below 2^64: a sum with the header's length wraps round to the length of the file.
    let step = (1u64 << 61) - 1;
    let one = |i: u64, size: u64| {
        format!("\"t{i}\":{{\"dtype\":\"U8\",\"shape\":[{size}],\"data_offsets\":[{},{}]}}", i * step, i * step + size)
    };
    let list: Vec<String> = (0..8).map(|i| one(i, step)).collect();
    assert!(text(&raw(&format!("{{{}}}", list.join(",")))).contains("bytes of tensors, expected 18446744073709551608"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn anything_is_read_or_refused_without_a_panic(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
        cuts in any::<bool>(),
        noise in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let mut bytes = file(Some(GOOD), &tensors());
        for (place, value) in edits {
            let i = place.index(bytes.len());
            bytes[i] = value;
        }
        if cuts {
            bytes.truncate(cut.index(bytes.len()));
        }
        let _ = safetensors(&bytes, "f");
        let _ = safetensors(&noise, "f");
    }
}
