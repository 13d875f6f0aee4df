"""A float network as .safetensors for `zktern import`, with NumPy alone.

    from export_numpy import write
    write("mlp.safetensors", [(w1, b1, "relu"), (w2, b2, None)], name="mlp", input_scale=1 / 255)

    zktern import mlp.safetensors --ternarize --calibrate inputs.npy -o mlp.tern

Weights are `[outputs, inputs]`, biases `[outputs]` or None, activations "relu", (min, max) for a clip, or None (the last layer).
Run as a program it writes a small random network and inputs for it: `python export_numpy.py FOLDER`.
"""

import json
import struct
import sys
from pathlib import Path

import numpy as np


def write(path, layers, name="float", input_scale=None, input_offset=0.0, input_range=(0, 255)):
    """Writes layers of (weights, bias, activation); `input_scale` is the real value of one step of the integer inputs."""
    described, tensors = [], {}
    for b, (weights, bias, activation) in enumerate(layers):
        weights = np.asarray(weights, np.float32)
        if weights.ndim != 2:
            raise ValueError(f"layer {b}: weights of shape {weights.shape}, expected [outputs, inputs]")
        entry = {"weight": f"layer{b}.weight"}
        tensors[entry["weight"]] = weights
        if bias is not None:
            entry["bias"] = f"layer{b}.bias"
            tensors[entry["bias"]] = np.asarray(bias, np.float32).reshape(weights.shape[0])
        if activation == "relu":
            entry["activation"] = "relu"
        elif activation is not None:
            low, high = activation
            entry["activation"] = {"clip": [float(low), float(high)]}
        described.append(entry)
    description = {"format": 2, "name": name, "layers": described}
    if input_scale is not None:
        low, high = input_range
        description["input"] = {"scale": input_scale, "offset": input_offset, "min": low, "max": high}
    header, data = {"__metadata__": {"zktern": json.dumps(description)}}, []
    at = 0
    for key, array in tensors.items():
        raw = np.ascontiguousarray(array, "<f4").tobytes()
        header[key] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [at, at + len(raw)]}
        data.append(raw)
        at += len(raw)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.writelines(data)


def main():
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    rng = np.random.default_rng(0)
    widths = [64, 32, 32, 10]
    layers = [
        (rng.normal(size=(rows, columns)) / np.sqrt(columns), rng.normal(size=rows) / 10, "relu" if rows != 10 else None)
        for columns, rows in zip(widths, widths[1:])
    ]
    x = rng.uniform(size=(100, widths[0])).astype(np.float32)
    write(folder / "mlp.safetensors", layers, name="mlp", input_scale=1 / 255)
    np.save(folder / "inputs.npy", x)
    h = x
    for weights, bias, activation in layers:
        h = h @ np.asarray(weights, np.float32).T + np.asarray(bias, np.float32)
        h = np.maximum(h, 0) if activation else h
    np.save(folder / "outputs.npy", h)
    print(f"wrote {folder}/mlp.safetensors, inputs.npy and outputs.npy")


if __name__ == "__main__":
    main()
