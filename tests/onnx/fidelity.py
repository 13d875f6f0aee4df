"""Random ONNX networks: onnxruntime against the importer.

For each network, made with the `onnx` package from the operators that are supported:

- `zktern infer MODEL.onnx INPUTS.npy` (the importer's float network) must agree with onnxruntime to 1e-4 of the largest output;
- `zktern import --ternarize --calibrate INPUTS.npy --write-inputs X.npy` must report an error within its own bound, and
  `zktern infer NET.tern X.npy` must really be within that bound of what onnxruntime says.

    pip install numpy onnx onnxruntime
    python tests/onnx/fidelity.py target/release/zktern [--count 200] [--seed 0] [--opset N] [--keep FOLDER]

`--fixtures FOLDER` writes the small networks of tests/fixtures/onnx with onnxruntime's outputs instead.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnx.reference
import onnxruntime
from onnx import TensorProto, helper, numpy_helper


class Builder:
    """A graph that grows from its input to its output."""

    def __init__(self, rng, opset):
        self.rng, self.opset = rng, opset
        self.nodes, self.constants, self.current, self.count = [], [], "x", 0

    def name(self, kind):
        self.count += 1
        return f"{kind}_{self.count}"

    def constant(self, array, kind="c"):
        """An initialiser, or a Constant node."""
        name = self.name(kind)
        tensor = numpy_helper.from_array(np.asarray(array), name)
        if self.rng.random() < 0.2:
            self.nodes.append(helper.make_node("Constant", [], [name], name=self.name("Constant"), value=tensor))
        else:
            if self.rng.random() < 0.2 and tensor.data_type == TensorProto.FLOAT:
                tensor = helper.make_tensor(name, TensorProto.FLOAT, array.shape, array.ravel().tolist())
            self.constants.append(tensor)
        return name

    def node(self, op, *inputs, **attributes):
        out = self.name("v")
        self.nodes.append(helper.make_node(op, [self.current, *inputs], [out], name=self.name(op), **attributes))
        self.current = out

    def weights(self, array):
        """Weights as they are, as int8 with scales, or as another type with a Cast."""
        kind = self.rng.choice(["plain", "plain", "tensor", "axis", "half"])
        if kind == "plain" or (kind != "half" and self.opset < 10):
            return self.constant(array, "w")
        if kind == "half":
            name = self.constant(array.astype(np.float16), "w")
            out = self.name("cast")
            self.nodes.append(helper.make_node("Cast", [name], [out], to=TensorProto.FLOAT))
            return out
        axis = 0 if kind == "axis" and self.opset >= 13 else None
        scale = np.abs(array).max(axis=1 if axis == 0 else None) / 127 + 1e-6
        scale = np.asarray(scale, np.float32)
        grid = np.clip(np.rint(array / (scale[:, None] if axis == 0 else scale)), -127, 127).astype(np.int8)
        inputs = [self.constant(grid, "q"), self.constant(scale, "s"), self.constant(np.zeros(scale.shape, np.int8), "z")]
        out = self.name("dq")
        attributes = {"axis": 0} if axis == 0 else {}
        self.nodes.append(helper.make_node("DequantizeLinear", inputs, [out], **attributes))
        return out

    def linear(self, columns, rows):
        rng = self.rng
        size = rng.uniform(0.5, 2.0) / np.sqrt(columns)
        w = (rng.normal(size=(rows, columns)) * size * rng.uniform(0.3, 2.0, (rows, 1))).astype(np.float32)
        if rng.random() < 0.15:
            w = (np.sign(w) * (np.abs(w) > np.abs(w).mean()) * 0.05).astype(np.float32)
        b = (rng.normal(size=rows) * 0.1).astype(np.float32)
        form = rng.choice(["gemm", "gemmT", "alpha", "matmul", "matmul_nobias", "nobias"])
        if form == "gemmT":
            self.node("Gemm", self.weights(w), self.constant(b, "b"), transB=1)
        elif form == "gemm":
            self.node("Gemm", self.weights(np.ascontiguousarray(w.T)), self.constant(b[None], "b"))
        elif form == "alpha":
            self.node("Gemm", self.weights(w), self.constant(b, "b"), transB=1, alpha=0.5, beta=2.0)
        elif form == "nobias":
            self.node("Gemm", self.weights(w), transB=1) if self.opset >= 11 else self.node(
                "Gemm", self.weights(w), self.constant(np.zeros(rows, np.float32)), transB=1
            )
        else:
            self.node("MatMul", self.weights(np.ascontiguousarray(w.T)))
            if form == "matmul":
                self.node("Add", self.constant(b, "b"))

    def normalise(self, width):
        rng = self.rng
        vector = lambda low, high: self.constant(rng.uniform(low, high, width).astype(np.float32))
        inputs = [vector(-1.5, 1.5), vector(-0.2, 0.2), vector(-0.2, 0.2), vector(0.3, 2.0)]
        self.node("BatchNormalization", *inputs, epsilon=float(rng.choice([1e-5, 1e-3])))

    def grid(self, scale, signed):
        zero = np.int8(0) if signed else np.uint8(self.rng.choice([0, 0, 3]))
        inputs = [self.constant(np.float32(scale)), self.constant(zero)]
        self.node("QuantizeLinear", *inputs)
        self.node("DequantizeLinear", *inputs)

    def activation(self):
        kind = self.rng.choice(["relu", "relu", "relu", "clip", "relu6", "tanh", "none"])
        limits = {"clip": (0.0, None), "relu6": (0.0, 1.5), "tanh": (-0.8, 0.8)}
        if kind == "relu":
            self.node("Relu")
        elif kind in limits:
            low, high = limits[kind]
            if self.opset < 11:
                self.node("Clip", min=low, **({} if high is None else {"max": high}))
            else:
                extra = [] if high is None else [self.constant(np.float32(high))]
                self.node("Clip", self.constant(np.float32(low)), *extra)
        if self.rng.random() < 0.2:
            self.grid(0.02, kind in ("tanh", "none"))


# The newest operator set that onnxruntime runs; newer ones are run by onnx's own reference evaluator.
NEWEST = 26


def make(rng, opset=None):
    """A random model and inputs for it."""
    drawn = int(rng.choice([7, 9, 10, 11, 13, 14, 17, 19, 21]))
    opset = opset or drawn
    b = Builder(rng, opset)
    shape = [[int(rng.integers(3, 40))], [1, 4, 5], [2, 3, 3]][int(rng.integers(3))]
    width = int(np.prod(shape))
    if opset >= 10 and rng.random() < 0.15:
        b.grid(1 / 255, False)
    if rng.random() < 0.4:
        op = rng.choice(["Sub", "Add", "Mul", "Div"])
        size = (1,) if rng.random() < 0.5 else (shape[0], *[1] * (len(shape) - 1))
        b.node(op, b.constant(rng.uniform(0.3, 1.2, size).astype(np.float32)))
        b.node("Div", b.constant(np.float32(0.6)))
    if len(shape) > 1:
        if rng.random() < 0.5:
            b.node("Flatten")
        else:
            b.node("Reshape", b.constant(np.array([0, -1] if rng.random() < 0.5 else [-1, width], np.int64)))
    widths = [width, *[int(v) for v in rng.integers(2, 48, int(rng.integers(1, 4)))], int(rng.integers(2, 11))]
    for k, (columns, rows) in enumerate(zip(widths, widths[1:], strict=False)):
        if rng.random() < 0.15:
            b.normalise(columns)
        b.linear(columns, rows)
        if rng.random() < 0.25:
            b.normalise(rows)
        if k + 2 < len(widths):
            if opset < 10:
                b.node("Relu")
            else:
                b.activation()
            if rng.random() < 0.2:
                b.node("Dropout")
            if rng.random() < 0.1:
                b.node("Identity")
    batch = "batch" if rng.random() < 0.7 else 1
    graph = helper.make_graph(
        b.nodes,
        "random",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, *shape])],
        [helper.make_tensor_value_info(b.current, TensorProto.FLOAT, [batch, widths[-1]])],
        b.constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.checker.check_model(model)
    low = 0.0 if rng.random() < 0.6 else -1.0
    return model, rng.uniform(low, 1.0, (24, *shape)).astype(np.float32)


def runtime(model, x):
    """onnxruntime's outputs, one input at a time where the batch is fixed."""
    if model.opset_import[0].version > NEWEST:
        fixed = model.graph.input[0].type.tensor_type.shape.dim[0].dim_value == 1
        evaluator = onnx.reference.ReferenceEvaluator(model)
        return np.concatenate([evaluator.run(None, {"x": p})[0] for p in (np.split(x, len(x)) if fixed else [x])])
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    fixed = session.get_inputs()[0].shape[0] == 1
    parts = np.split(x, len(x)) if fixed else [x]
    return np.concatenate([session.run(None, {"x": p})[0] for p in parts])


def run(program, *arguments):
    done = subprocess.run([program, *map(str, arguments), "--json"], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, arguments))}: status {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)


def check(program, model, x, folder):
    """The relative error of the float network, and the import's report."""
    path, inputs, net, coded = (folder / n for n in ["m.onnx", "x.npy", "m.tern", "coded.npy"])
    path.write_bytes(model.SerializeToString())
    np.save(inputs, x.reshape(len(x), -1))
    expected = runtime(model, x)
    found = np.array(run(program, "infer", path, inputs)["outputs"], np.float32)
    # Values on a grid may fall to either side of a tie: one step then.
    quantised = any(n.op_type == "QuantizeLinear" for n in model.graph.node)
    size = max(1.0, float(np.abs(expected).max()))
    error = float(np.abs(expected - found).max()) / size
    share = float((np.abs(expected - found) > 1e-4 * size).mean())
    if error > 1e-4 and not (quantised and share < 0.05):
        raise SystemExit(f"{path}: float error {error} in {share:.2%} of the outputs")
    options = ["--ternarize", "--calibrate", inputs, "--write-inputs", coded, "-o", net]
    report = run(program, "import", path, *options)
    logits = np.array(run(program, "infer", net, coded)["outputs"], np.float64) * report["logit_scale"]
    bound, scale = report["agreement"]["bound"], report["logit_scale"]
    largest = float(np.abs(logits - found).max())
    if not largest <= bound * (1 + 1e-6) + 1e-9:
        raise SystemExit(f"{path}: integer error {largest}, bound {bound}")
    if abs(largest - report["agreement"]["max_error"]) > 1e-4 * max(1.0, largest) + scale * 1e-6:
        raise SystemExit(f"{path}: integer error {largest}, reported {report['agreement']['max_error']}")
    return error, largest, bound, quantised and error > 1e-4


def fixtures(folder):
    """Small networks with the outputs of onnxruntime, for tests without Python: every operator is in one of them."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = {"Gemm", "MatMul", "Add", "Sub", "Mul", "Div", "BatchNormalization", "Relu", "Clip", "QuantizeLinear"}
    missing |= {"DequantizeLinear", "Flatten", "Reshape", "Identity", "Dropout", "Cast", "Constant"}
    for seed in range(1000):
        model, x = make(np.random.default_rng([7, seed]))
        new = missing & {n.op_type for n in model.graph.node}
        if len(new) < min(2, len(missing)) or len(model.SerializeToString()) > 8000:
            continue
        missing -= new
        x = x[:4]
        (folder / f"{seed}.onnx").write_bytes(model.SerializeToString())
        document = {"inputs": x.reshape(len(x), -1).tolist(), "outputs": runtime(model, x).tolist()}
        (folder / f"{seed}.json").write_text(json.dumps(document) + "\n")
        if not missing:
            return
    raise SystemExit(f"no network has {missing}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", nargs="?", default="target/release/zktern")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--opset", type=int, help="one operator set instead of several")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--fixtures", type=Path)
    args = parser.parse_args()
    if args.fixtures:
        fixtures(args.fixtures)
        return 0
    rows, ties = [], 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for k in range(args.count):
            model, x = make(np.random.default_rng([args.seed, k]), args.opset)
            *row, tie = check(args.program, model, x, folder)
            rows.append(row)
            ties += tie
    errors, largest, bounds = (np.array(c) for c in zip(*rows, strict=True))
    plain = errors[errors <= 1e-4]
    print(f"{len(rows)} networks: largest relative float error {plain.max():.2e}, {ties} with ties on grids besides;")
    print(f"integer error / bound: median {np.median(largest / bounds):.3f}, largest {(largest / bounds).max():.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
