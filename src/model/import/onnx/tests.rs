use super::super::super::float::{Activation, Grid};
use super::*;
use proptest::prelude::*;

mod write;

use write::{attribute, bytes, float, head, node, number, tensor, value};

/// A model as the tests change it.
struct Case {
    opset: i64,
    nodes: Vec<Vec<u8>>,
    initialisers: Vec<Vec<u8>>,
    inputs: Vec<Vec<u8>>,
    outputs: Vec<Vec<u8>>,
}

impl Case {
    /// The given nodes from `x`, `[batch, 2]` or another shape, to `y`.
    fn new(shape: &[i64], nodes: &[Vec<u8>], initialisers: &[Vec<u8>]) -> Self {
        let dims: Vec<Option<i64>> = std::iter::once(None).chain(shape.iter().map(|d| Some(*d))).collect();
        Self {
            opset: 17,
            nodes: nodes.to_vec(),
            initialisers: initialisers.to_vec(),
            inputs: vec![value("x", &dims)],
            outputs: vec![value("y", &[None, Some(2)])],
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let all = |field: u64, list: &[Vec<u8>]| list.iter().flat_map(|m| bytes(field, m)).collect::<Vec<u8>>();
        let graph = [
            all(1, &self.nodes),
            bytes(2, "test"),
            all(5, &self.initialisers),
            all(11, &self.inputs),
            all(12, &self.outputs),
        ];
        [number(1, 8), bytes(2, "tests"), bytes(7, graph.concat()), bytes(8, number(2, self.opset))].concat()
    }

    fn read(&self) -> FloatNetwork {
        onnx(&self.bytes(), "m.onnx", &none).unwrap().network
    }

    fn refusal(&self) -> String {
        refused(&self.bytes())
    }
}

fn none(place: External<'_>) -> Result<Vec<u8>, String> {
    Err(format!("lies in {}, which is not there", place.location))
}

fn refused(bytes: &[u8]) -> String {
    let text = onnx(bytes, "m.onnx", &none).unwrap_err().to_string();
    assert!(text.starts_with("m.onnx: ") && !text.contains('\n'), "{text}");
    text
}

/// `[[1, 2], [3, 4]]`, outputs by inputs, and a bias.
fn constants() -> Vec<Vec<u8>> {
    vec![tensor("w", &[2, 2], &[1.0, 2.0, 3.0, 4.0]), tensor("b", &[2], &[10.0, 20.0])]
}

fn gemm(input: &str, output: &str) -> Vec<u8> {
    node("Gemm", &[input, "w", "b"], output, &[attribute("transB", number(3, 1))])
}

/// The outputs of nodes for the input `(1, -1)`, followed by what makes them a network.
fn outputs(nodes: &[Vec<u8>], more: &[Vec<u8>]) -> Vec<f32> {
    let case = Case::new(&[2], nodes, &[constants(), more.to_vec()].concat());
    case.read().logits(&[1.0, -1.0])
}

#[test]
fn linear_layers_in_all_forms() {
    let plain = [9.0, 19.0];
    assert_eq!(outputs(&[gemm("x", "y")], &[]), plain);
    let transposed = node("Gemm", &["x", "w", "b"], "y", &[]);
    assert_eq!(outputs(&[transposed], &[]), [8.0, 18.0]);
    let scaled = node(
        "Gemm",
        &["x", "w", "b"],
        "y",
        &[attribute("alpha", float(2, 2.0)), attribute("beta", float(2, 0.5)), attribute("transB", number(3, 1))],
    );
    assert_eq!(outputs(&[scaled], &[]), [3.0, 8.0]);
    let no_bias = node("Gemm", &["x", "w"], "y", &[]);
    assert_eq!(outputs(&[no_bias], &[]), [-2.0, -2.0]);
    let matmul = [node("MatMul", &["x", "w"], "a", &[]), node("Add", &["b", "a"], "y", &[])];
    assert_eq!(outputs(&matmul, &[]), [8.0, 18.0]);
}

#[test]
fn activations() {
    let after = |op: &str, inputs: &[&str], attributes: &[Vec<u8>], more: &[Vec<u8>], opset: i64| {
        let nodes = [gemm("x", "a"), node(op, &[&["a"], inputs].concat(), "h", attributes), gemm("h", "y")];
        let mut case = Case::new(&[2], &nodes, &[constants(), more.to_vec()].concat());
        case.opset = opset;
        case.read().layers[0].activation
    };
    assert_eq!(after("Relu", &[], &[], &[], 17), Activation::Relu);
    let limits = [
        tensor("lo", &[], &[-1.0]),
        tensor("hi", &[1], &[6.0]),
        tensor("zero", &[], &[0.0]),
        tensor("inf", &[], &[f32::INFINITY]),
    ];
    assert_eq!(after("Clip", &["lo", "hi"], &[], &limits, 17), Activation::Clip { min: -1.0, max: 6.0 });
    assert_eq!(after("Clip", &["zero"], &[], &limits, 17), Activation::Relu);
    assert_eq!(after("Clip", &["zero", "inf"], &[], &limits, 17), Activation::Relu);
    assert_eq!(after("Clip", &["", "hi"], &[], &limits, 17), Activation::Clip { min: f32::MIN, max: 6.0 });
    let old = [attribute("min", float(2, 0.0)), attribute("max", float(2, 6.0))];
    assert_eq!(after("Clip", &[], &old, &[], 7), Activation::Clip { min: 0.0, max: 6.0 });
    assert_eq!(after("Identity", &[], &[], &[], 17), Activation::None);
    assert_eq!(after("Dropout", &[], &[], &[], 17), Activation::None);
}

#[test]
fn constants_are_folded_before_and_after() {
    let two = tensor("two", &[], &[2.0]);
    let pair = tensor("pair", &[1, 2], &[4.0, 8.0]);
    // (x − pair)/2 = (-1.5, -4.5); 2 − that = (3.5, 6.5)
    let before = [
        node("Sub", &["x", "pair"], "p", &[]),
        node("Div", &["p", "two"], "q", &[]),
        node("Sub", &["two", "q"], "r", &[]),
        gemm("r", "y"),
    ];
    assert_eq!(outputs(&before, &[two.clone(), pair.clone()]), [26.5, 56.5]);
    let after = [gemm("x", "a"), node("Mul", &["two", "a"], "p", &[]), node("Add", &["p", "pair"], "y", &[])];
    assert_eq!(outputs(&after, &[two, pair]), [22.0, 46.0]);
}

#[test]
fn batch_normalisation_before_and_after() {
    let more = [
        tensor("s", &[2], &[2.0, -1.0]),
        tensor("o", &[2], &[1.0, 0.0]),
        tensor("m", &[2], &[0.5, 0.5]),
        tensor("v", &[2], &[4.0, 0.25]),
    ];
    let normalise =
        |i: &str, o: &str| node("BatchNormalization", &[i, "s", "o", "m", "v"], o, &[attribute("epsilon", float(2, 0.0))]);
    // (9, 19) to 2·8.5/2 + 1 = 9.5 and −18.5/0.5 = −37
    assert_eq!(outputs(&[gemm("x", "a"), normalise("a", "y")], &more), [9.5, -37.0]);
    // (1, −1) to 1.5 and 3
    assert_eq!(outputs(&[normalise("x", "a"), gemm("a", "y")], &more), [17.5, 36.5]);
    let between = [gemm("x", "a"), node("Relu", &["a"], "r", &[]), normalise("r", "n"), gemm("n", "y")];
    assert_eq!(outputs(&between, &more), [9.5 - 74.0 + 10.0, 28.5 - 148.0 + 20.0]);
}

#[test]
fn shapes_are_flattened() {
    let image = |nodes: &[Vec<u8>], more: &[Vec<u8>]| Case::new(&[2, 1, 1], nodes, &[constants(), more.to_vec()].concat());
    let wide = [node("Flatten", &["x"], "f", &[]), gemm("f", "y")];
    assert_eq!(image(&wide, &[]).read().logits(&[1.0, -1.0]), [9.0, 19.0]);
    let integers = |values: &[i64]| {
        [
            head("shape", 7, &[values.len() as i64]),
            bytes(7, values.iter().flat_map(|v| write::varint(v.cast_unsigned())).collect::<Vec<_>>()),
        ]
        .concat()
    };
    let reshaped = [node("Reshape", &["x", "shape"], "f", &[]), gemm("f", "y")];
    for shape in [[0i64, -1], [-1, 2], [1, 2], [0, 2]] {
        assert_eq!(image(&reshaped, &[integers(&shape)]).read().logits(&[1.0, -1.0]), [9.0, 19.0]);
    }
    for shape in [&[-1i64, -1][..], &[2, 1], &[-1, 1], &[1, 1, 2], &[-5, 2]] {
        let text = image(&reshaped, &[integers(shape)]).refusal();
        assert!(text.contains("node 0 Reshape \"my_f\" makes shape") && text.contains("expected [batch, 2]"), "{text}");
    }
    // As exporters write x.view(x.size(0), -1), and not x.view(x.size(1), -1).
    let view = |index: i64| {
        let number = |name: &str, v: i64| [head(name, 7, &[1]), bytes(7, write::varint(v.cast_unsigned()))].concat();
        let nodes = [
            node("Shape", &["x"], "s", &[]),
            node("Gather", &["s", "index"], "g", &[]),
            node("Unsqueeze", &["g", "zero"], "u", &[]),
            node("Concat", &["u", "rest"], "c", &[]),
            node("Reshape", &["x", "c"], "f", &[]),
            gemm("f", "y"),
        ];
        image(&nodes, &[number("index", index), number("zero", 0), number("rest", -1)])
    };
    assert_eq!(view(0).read().logits(&[1.0, -1.0]), [9.0, 19.0]);
    assert!(view(1).refusal().contains("node 4 Reshape \"my_f\": tensor \"c\" is missing"), "{}", view(1).refusal());
    // One value for each channel of an image.
    let nodes = [node("Sub", &["x", "c"], "p", &[]), node("Flatten", &["p"], "f", &[]), gemm("f", "y")];
    let case = image(&nodes, &[tensor("c", &[2, 1, 1], &[1.0, -1.0])]);
    assert_eq!(case.read().logits(&[1.0, -1.0]), [10.0, 20.0]);
    assert!(image(&[gemm("x", "y")], &[]).refusal().contains("flatten it first"));
    let axis = [node("Flatten", &["x"], "f", &[attribute("axis", number(3, 2))]), gemm("f", "y")];
    assert!(image(&axis, &[]).refusal().contains("keeps 2 dimensions"));
}

#[test]
fn quantised_models() {
    let int8 = |name: &str, dims: &[i64], values: &[i8]| {
        [head(name, 3, dims), bytes(9, values.iter().map(|v| v.cast_unsigned()).collect::<Vec<_>>())].concat()
    };
    let more = [
        int8("q", &[2, 2], &[2, 4, 6, 8]),
        tensor("s", &[], &[0.5]),
        int8("z", &[], &[0]),
        tensor("rows", &[2], &[0.5, 1.0]),
        int8("zeros", &[2], &[0, 0]),
        [head("u", 2, &[]), bytes(9, [0u8])].concat(),
        tensor("step", &[], &[4.0]),
    ];
    let dequantised = node("DequantizeLinear", &["q", "s", "z"], "dq", &[]);
    let linear = node("Gemm", &["x", "dq", "b"], "y", &[attribute("transB", number(3, 1))]);
    assert_eq!(outputs(&[dequantised, linear.clone()], &more), [9.0, 19.0]);
    let by_row = node("DequantizeLinear", &["q", "rows", "zeros"], "dq", &[attribute("axis", number(3, 0))]);
    assert_eq!(outputs(&[by_row, linear], &more), [9.0, 18.0]);
    // Activations on a grid of fours: 9 and 19 to 8 and 20.
    let nodes = [
        gemm("x", "a"),
        node("QuantizeLinear", &["a", "step", "u"], "aq", &[]),
        node("DequantizeLinear", &["aq", "step", "u"], "h", &[]),
        gemm("h", "y"),
    ];
    let network = Case::new(&[2], &nodes, &[constants(), more.to_vec()].concat()).read();
    assert_eq!(network.layers[0].grid, Some(Grid { scale: 4.0, min: 0, max: 255 }));
    assert_eq!(network.layers[0].activation, Activation::Relu, "nothing negative is left");
    assert_eq!(network.logits(&[1.0, -1.0]), [58.0, 124.0]);
    // Of the input.
    let nodes = [
        node("QuantizeLinear", &["x", "step", "z"], "aq", &[]),
        node("DequantizeLinear", &["aq", "step", "z"], "h", &[]),
        gemm("h", "y"),
    ];
    let network = Case::new(&[2], &nodes, &[constants(), more.to_vec()].concat()).read();
    assert_eq!(network.input, Some(Grid { scale: 4.0, min: -128, max: 127 }));
    let alone = [node("QuantizeLinear", &["x", "step", "z"], "h", &[]), gemm("h", "y")];
    let text = Case::new(&[2], &alone, &[constants(), more.to_vec()].concat()).refusal();
    assert!(text.contains("node 0 QuantizeLinear \"my_h\" is not followed by"), "{text}");
}

#[test]
fn elements_of_all_types() {
    let with = |weights: Vec<u8>| {
        Case::new(&[2], &[gemm("x", "y")], &[weights, constants().remove(1)]).read().layers[0].weights.clone()
    };
    let packed = |field: u64, kind: i64, values: &[u64]| {
        [head("w", kind, &[2, 2]), bytes(field, values.iter().flat_map(|v| write::varint(*v)).collect::<Vec<_>>())].concat()
    };
    let expected = [1.0, 2.0, 3.0, -4.0];
    let minus = (-4i64).cast_unsigned();
    assert_eq!(with(packed(5, 6, &[1, 2, 3, minus])), expected);
    assert_eq!(with(packed(5, 3, &[1, 2, 3, minus])), expected);
    assert_eq!(with(packed(7, 7, &[1, 2, 3, minus])), expected);
    assert_eq!(with(packed(5, 10, &[0x3c00, 0x4000, 0x4200, 0xc400])), expected);
    assert_eq!(with(packed(5, 16, &[0x3f80, 0x4000, 0x4040, 0xc080])), expected);
    let raw = |kind: i64, data: Vec<u8>| with([head("w", kind, &[2, 2]), bytes(9, data)].concat());
    assert_eq!(raw(11, [1.0f64, 2.0, 3.0, -4.0].iter().flat_map(|v| v.to_le_bytes()).collect()), expected);
    assert_eq!(raw(5, [1i16, 2, 3, -4].iter().flat_map(|v| v.to_le_bytes()).collect()), expected);
    let floats: Vec<u8> = expected.iter().flat_map(|v: &f32| float(4, *v)).collect();
    assert_eq!(with([head("w", 1, &[2, 2]), floats].concat()), expected);
    let node = [node("Constant", &[], "w", &[attribute("value", bytes(5, tensor("", &[2, 2], &expected)))]), gemm("x", "y")];
    let case = Case::new(&[2], &node, &[constants().remove(1)]);
    assert_eq!(case.read().layers[0].weights, expected);
}

#[test]
fn external_data() {
    let entry = |key: &str, value: &str| bytes(13, [bytes(1, key), bytes(2, value)].concat());
    let outside = |length: &str| {
        [head("w", 1, &[2, 2]), number(14, 1), entry("location", "w.bin"), entry("offset", "64"), entry("length", length)]
            .concat()
    };
    let case = Case::new(&[2], &[gemm("x", "y")], &[outside("16"), constants().remove(1)]);
    let read = |place: External<'_>| {
        assert_eq!(place, External { location: "w.bin", offset: 64, length: 16 });
        Ok([1.0f32, 2.0, 3.0, 4.0].iter().flat_map(|v| v.to_le_bytes()).collect())
    };
    assert_eq!(onnx(&case.bytes(), "m.onnx", &read).unwrap().network.logits(&[1.0, -1.0]), [9.0, 19.0]);
    assert!(case.refusal().contains("tensor \"w\" lies in w.bin, which is not there"), "{}", case.refusal());
    let wrong = Case::new(&[2], &[gemm("x", "y")], &[outside("12"), constants().remove(1)]).refusal();
    assert!(wrong.contains("tensor \"w\" has 12 bytes of external data, expected 16"), "{wrong}");
}

#[test]
fn unsupported_nodes_are_named() {
    let one = |n: Vec<u8>| Case::new(&[2], &[gemm("x", "a"), n], &constants()).refusal();
    let cases = [
        (node("Conv", &["a", "w"], "y", &[]), "node 1 Conv \"my_y\" is a convolution"),
        (node("Softmax", &["a"], "y", &[]), "node 1 Softmax \"my_y\" turns logits into something else"),
        (node("Gelu", &["a"], "y", &[]), "node 1 Gelu \"my_y\" is not supported; supported are Gemm"),
        (node("Cast", &["a"], "y", &[attribute("to", number(3, 6))]), "casts to type 6"),
        (node("MatMul", &["w", "a"], "y", &[]), "multiplies from the right"),
        (node("Div", &["b", "a"], "y", &[]), "divides a constant"),
        (node("Add", &["a", "a"], "y", &[]), "goes to node 1 Add \"my_y\" and node 1 Add"),
        (node("Add", &["a", "nothing"], "y", &[]), "tensor \"nothing\" is missing, expected an initialiser"),
        (node("Add", &["a", "w"], "y", &[]), "has a constant of shape [2, 2] for values of shape [1, 2]"),
        (node("Gemm", &["a", "w"], "y", &[attribute("transA", number(3, 1))]), "its input transposed"),
        (
            [node("Relu", &["a"], "y", &[]), bytes(7, "com.custom")].concat(),
            "is of domain \"com.custom\", expected standard ONNX",
        ),
    ];
    for (n, part) in cases {
        let text = one(n);
        assert!(text.contains(part), "{text} | {part}");
    }
    let first = Case::new(&[2], &[node("Relu", &["x"], "h", &[]), gemm("h", "y")], &constants()).refusal();
    assert!(first.contains("node 0 Relu \"my_h\" is an activation, but no linear layer"), "{first}");
}

type Change<'a> = &'a dyn Fn(&mut Case);

#[test]
fn unusable_graphs_are_refused() {
    let good = || Case::new(&[2], &[gemm("x", "a"), node("Relu", &["a"], "h", &[]), gemm("h", "y")], &constants());
    assert_eq!(good().read().layers.len(), 2);
    let with = |change: &dyn Fn(&mut Case)| {
        let mut case = good();
        change(&mut case);
        case.refusal()
    };
    let cases: [(Change<'_>, &str); 15] = [
        (&|c| c.opset = 6, "operator set 6, expected 7 to 28; convert it"),
        (&|c| c.opset = 99, "operator set 99, expected 7 to 28; export it"),
        (&|c| c.inputs.clear(), "it has no input, expected one"),
        (&|c| c.inputs.push(value("x2", &[None, Some(2)])), "the inputs \"x\" and \"x2\", expected one"),
        (&|c| c.outputs.clear(), "it has no output, expected one"),
        (&|c| c.outputs.push(value("h", &[None, Some(2)])), "the outputs \"y\" and \"h\", expected one"),
        (&|c| c.outputs[0] = value("h", &[None]), "its output \"h\" is used by other nodes too"),
        (&|c| c.outputs[0] = value("z", &[None]), "value \"y\" leads nowhere"),
        (&|c| c.inputs[0] = value("x", &[None, None]), "dimension 1 of its input \"x\" is dynamic (\"n\")"),
        (&|c| c.inputs[0] = value("x", &[None, Some(0)]), "dimension 1 of its input \"x\" is 0"),
        (&|c| c.inputs[0] = value("x", &[None]), "has one dimension, expected [batch, features]"),
        (&|c| c.inputs[0] = value("x", &[]), "has no shape, expected [batch, features]"),
        (
            &|c| c.inputs[0] = value("x", &[None, Some(3)]),
            "node 0 Gemm \"my_a\" takes 2 features, but its input has shape [3]",
        ),
        (&|c| c.nodes[1] = node("Relu", &["a"], "x", &[]), "form a cycle, expected a path"),
        (
            &|c| c.initialisers[0] = tensor("w", &[2, 2], &[1.0, 2.0, 3.0, f32::NAN]),
            "tensor \"w\" has the value NaN at [1, 1]",
        ),
    ];
    for (change, part) in cases {
        let text = with(change);
        assert!(text.contains(part), "{text} | {part}");
    }
    let branch = with(&|c| c.nodes.push(node("Relu", &["h"], "other", &[])));
    assert!(branch.contains("value \"h\" goes to node 2 Gemm \"my_y\" and node 3 Relu \"my_other\""), "{branch}");
    let cycle =
        Case::new(&[2], &[gemm("x", "a"), node("Relu", &["b2"], "a2", &[]), node("Relu", &["a2"], "b2", &[])], &constants());
    assert!(cycle.refusal().contains("value \"a\" leads nowhere"), "{}", cycle.refusal());
    let short = with(&|c| c.initialisers[0] = [head("w", 1, &[2, 2]), bytes(9, [0; 12])].concat());
    assert!(short.contains("tensor \"w\" has 12 bytes, expected 16 for shape [2, 2]"), "{short}");
    let huge = with(&|c| c.initialisers[0] = [head("w", 1, &[1 << 40, 1 << 40]), bytes(9, [0; 12])].concat());
    assert!(huge.contains("tensor \"w\" has shape"), "{huge}");
}

#[test]
fn cut_files_are_refused() {
    let whole = Case::new(&[2], &[gemm("x", "y")], &constants()).bytes();
    for length in 0..whole.len() {
        let text = refused(&whole[..length]);
        assert!(
            ["cut off", "names no operator set", "expected an ONNX model"].iter().any(|p| text.contains(p)),
            "{length}: {text}"
        );
    }
    assert!(looks_like_onnx(&whole));
    assert!(!looks_like_onnx(b"{}") && !looks_like_onnx(&[]));
    assert!(refused(b"not a model at all, but text").contains("protocol buffer"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn anything_is_read_or_refused_without_a_panic(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        noise in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let more = [tensor("s", &[], &[0.5]), [head("u", 2, &[]), bytes(9, [0u8])].concat()];
        let nodes = [
            node("Flatten", &["x"], "f", &[]),
            gemm("f", "a"),
            node("QuantizeLinear", &["a", "s", "u"], "q", &[]),
            node("DequantizeLinear", &["q", "s", "u"], "h", &[]),
            node("Mul", &["h", "s"], "m", &[]),
            gemm("m", "y"),
        ];
        let mut bytes = Case::new(&[2], &nodes, &[constants(), more.to_vec()].concat()).bytes();
        for (place, value) in edits {
            let i = place.index(bytes.len());
            bytes[i] = value;
        }
        for data in [bytes, noise] {
            if let Err(e) = onnx(&data, "f", &none) {
                prop_assert!(!e.to_string().contains('\n'));
            }
        }
    }
}
