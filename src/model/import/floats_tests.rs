use super::*;
use ::safetensors::tensor::TensorView;
use std::collections::HashMap;

const GOOD: &str = r#"{"format":2,"name":"t","input":{"scale":0.5,"offset":-1,"min":0,"max":3},
    "layers":[{"weight":"fc1","bias":"b1","activation":"relu"},{}]}"#;

type Tensor = (&'static str, Dtype, Vec<usize>, Vec<u8>);

fn f32s(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

fn tensors() -> Vec<Tensor> {
    vec![
        ("fc1", Dtype::F32, vec![3, 2], f32s(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])),
        ("b1", Dtype::F16, vec![3], [0x3c00u16, 0xc000, 0].iter().flat_map(|v| v.to_le_bytes()).collect()),
        (
            "layer1.weight",
            Dtype::BF16,
            vec![1, 3],
            [0x3f80u16, 0x4000, 0xc080].iter().flat_map(|v| v.to_le_bytes()).collect(),
        ),
    ]
}

fn file(description: &str, tensors: &[Tensor]) -> Vec<u8> {
    let views =
        tensors.iter().map(|(name, kind, shape, data)| (*name, TensorView::new(*kind, shape.clone(), data).unwrap()));
    let metadata = HashMap::from([(KEY.to_owned(), description.to_owned())]);
    ::safetensors::serialize(views, Some(metadata)).unwrap()
}

#[test]
fn a_float_network_is_read() {
    let bytes = file(GOOD, &tensors());
    assert!(is_float(&bytes) && !is_float(b"") && !is_float(&file("{\"format\":1}", &[])));
    let FloatModel { network, code } = safetensors_float(&bytes, "f").unwrap();
    assert_eq!(network.shape(), "2-3-1");
    assert_eq!(network.layers[0].activation, Activation::Relu);
    assert_eq!(network.layers[0].bias, [1.0, -2.0, 0.0]);
    assert_eq!(
        (network.layers[1].weights.as_slice(), network.layers[1].bias.as_slice()),
        (&[1.0, 2.0, -4.0][..], &[0.0][..])
    );
    let range = crate::model::Clamp { min: 0, max: 3 };
    assert_eq!(code, Some(InputCode { scale: 0.5, offset: -1.0, range }));
    assert_eq!(network.logits(&[1.0, 1.0]), [4.0 + 10.0 - 44.0]);
}

#[test]
fn wrong_files_are_named() {
    let refusal = |old: &str, new: &str| {
        assert!(GOOD.contains(old), "{old}");
        safetensors_float(&file(&GOOD.replacen(old, new, 1), &tensors()), "f").unwrap_err().to_string()
    };
    let cases = [
        ("\"format\":2", "\"format\":3", "zktern.format is 3, expected 2 for a float network"),
        ("\"fc1\"", "\"fc9\"", "tensor \"fc9\" is missing"),
        ("\"b1\"", "\"fc1\"", "tensor \"fc1\" has shape [3, 2], expected [3]"),
        ("\"relu\"", "\"gelu\"", "zktern.layers[0].activation is \"gelu\", expected \"relu\""),
        ("\"relu\"", "{\"clip\":[1,2]}", "a range that contains 0"),
        ("\"bias\":\"b1\",", "", "tensor \"b1\" is used by no layer"),
        ("\"scale\":0.5", "\"scale\":0", "zktern.input is"),
        ("\"weight\"", "\"weights\"", "unknown key \"weights\""),
        ("{}]", "{}", "is not JSON"),
        (",{}]", "]", "tensor \"layer1.weight\" is used by no layer"),
    ];
    for (old, new, part) in cases {
        let text = refusal(old, new);
        assert!(text.starts_with("f: ") && text.contains(part), "{text} | {part}");
    }
    let with = |change: &dyn Fn(&mut Vec<Tensor>)| {
        let mut all = tensors();
        change(&mut all);
        safetensors_float(&file(GOOD, &all), "f").unwrap_err().to_string()
    };
    let infinite = with(&|t| t[0].3 = f32s(&[1.0, 2.0, 3.0, f32::INFINITY, 5.0, 6.0]));
    assert!(infinite.contains("tensor \"fc1\" has the value inf at [1, 1]"), "{infinite}");
    let integers = with(&|t| (t[0].1, t[0].3) = (Dtype::I8, vec![0; 6]));
    assert!(integers.contains("holds I8, expected F16, BF16, F32 or F64"), "{integers}");
    let chain = with(&|t| (t[2].2, t[2].3) = (vec![1, 2], vec![0; 4]));
    assert!(chain.contains("tensor \"layer1.weight\" takes 2 inputs, but the layer before it has 3 outputs"), "{chain}");
}
