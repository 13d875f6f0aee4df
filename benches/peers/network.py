"""A random ternary MLP, written twice: as .safetensors for zktern, and with its inputs as ONNX and JSON for EZKL.

Run inside the throw-away environment: network.py FOLDER HIDDEN DENSITY SEED ROW_SCALE
"""
import json, os, struct, sys
from fractions import Fraction

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

folder, hidden, density, seed, exponent = sys.argv[1:6]
rng = np.random.default_rng(int(seed))
widths = [784] + [int(h) for h in hidden.split("x")] + [10]
weights = []
for inputs, outputs in zip(widths, widths[1:]):
    mask = rng.random((outputs, inputs)) < float(Fraction(density))
    weights.append((mask * (rng.integers(0, 2, (outputs, inputs)) * 2 - 1)).astype(np.int8))
pixels = rng.integers(0, 128, (1, widths[0]))

# zktern: exact integers; a shift of half the bits of a row's non-zeros keeps activations within their clamp.
layers, tensors, at, blobs = [], {}, 0, []
for b, w in enumerate(weights):
    last = b == len(weights) - 1
    spread = max(1, round(np.log2(max(2.0, (w != 0).sum(1).mean())) / 2))
    layers.append({} if last else {"shift": int(spread), "min": 0, "max": 255})
    blobs.append(w.tobytes())
    tensors[f"layer{b}.weight"] = {"dtype": "I8", "shape": list(w.shape), "data_offsets": [at, at + w.size]}
    at += w.size
name = "peers-" + "-".join(map(str, widths))
about = {"format": 1, "name": name, "input": {"min": 0, "max": 255}, "layers": layers}
header = json.dumps({"__metadata__": {"zktern": json.dumps(about)}, **tensors}).encode()
header += b" " * (-len(header) % 8)
with open(os.path.join(folder, "net.safetensors"), "wb") as f:
    f.write(struct.pack("<Q", len(header)) + header + b"".join(blobs))
with open(os.path.join(folder, "x.json"), "w") as f:
    json.dump(pixels.tolist(), f)

# EZKL: the same weights times a power of two per layer, the same pixels times 2^-7; both exact at its scales of 7.
nodes, initializers, current = [], [], "x"
for b, w in enumerate(weights):
    initializers.append(numpy_helper.from_array(w.T.astype(np.float32) * np.float32(2.0 ** -int(exponent)), f"w{b}"))
    nodes.append(helper.make_node("MatMul", [current, f"w{b}"], [f"z{b}"]))
    current = f"z{b}"
    if b < len(weights) - 1:
        nodes.append(helper.make_node("Relu", [current], [f"y{b}"]))
        current = f"y{b}"
nodes[-1].output[0] = "out"
value = helper.make_tensor_value_info
graph = helper.make_graph(nodes, "mlp", [value("x", TensorProto.FLOAT, [1, widths[0]])],
                          [value("out", TensorProto.FLOAT, [1, 10])], initializers)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
model.ir_version = 8
onnx.checker.check_model(model)
onnx.save(model, os.path.join(folder, "net.onnx"))
with open(os.path.join(folder, "in.json"), "w") as f:
    json.dump({"input_data": [(pixels / 128.0).ravel().tolist()]}, f)
print(json.dumps({"nnz": int(sum(int((w != 0).sum()) for w in weights)), "parameters": int(sum(w.size for w in weights))}))
