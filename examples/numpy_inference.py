#!/usr/bin/env python3
"""Independent NumPy inference of the example networks, and their expected results.

This shares no code with the trainer or with the Rust crate, so that agreement
between them means something. It parses the safetensors file by hand and
computes, in 64-bit integers,

    z = W y + bias                            every layer
    y = clip((z + half) >> shift, min, max)   every layer but the last,
                                              half = (1 << shift) >> 1

and the prediction is the first maximum of the last z.

    python numpy_inference.py mnist/mnist-784-512-10.safetensors [MORE ...]

prints the accuracy of each network on the 10,000 MNIST test images and writes,
next to the first network:

    expected.json          one entry per network: see `evaluate`
    test-predictions.bin   the first network's predictions, one byte per image

With --data DIR (the folder with the raw IDX files) it first writes the test
set itself in the form kept in the repository:

    t10k-images.idx3.gz, t10k-labels.idx1.gz    all 10,000 images and labels
    digits.idx3, digits-labels.idx1             the 20 sample digits

The sample digits are the first two images of each class in test-set order,
sorted by class.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np

DTYPES = {"I8": "<i1", "I32": "<i4"}
DIGITS_PER_CLASS = 2


def read_idx(raw: bytes) -> np.ndarray:
    """Decode an IDX file of unsigned bytes."""
    zero, kind, rank = struct.unpack_from(">HBB", raw)
    assert zero == 0 and kind == 0x08, "not an IDX file of unsigned bytes"
    shape = struct.unpack_from(f">{rank}I", raw, 4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(shape)


def write_idx(array: np.ndarray) -> bytes:
    """Encode unsigned bytes as an IDX file."""
    head = struct.pack(f">HBB{array.ndim}I", 0, 0x08, array.ndim, *array.shape)
    return head + array.astype(np.uint8).tobytes()


def read_network(path: Path) -> tuple[str, list[dict[str, Any]]]:
    """Name and layers of a safetensors file with a `zktern` description."""
    raw = path.read_bytes()
    (length,) = struct.unpack_from("<Q", raw)
    header = json.loads(raw[8 : 8 + length])
    body = raw[8 + length :]

    def tensor(name: str) -> np.ndarray:
        entry = header[name]
        start, end = entry["data_offsets"]
        flat = np.frombuffer(body[start:end], DTYPES[entry["dtype"]])
        return flat.reshape(entry["shape"]).astype(np.int64)

    description = json.loads(header["__metadata__"]["zktern"])
    layers = [
        {
            **layer,
            "weight": tensor(f"layer{i}.weight"),
            "bias": tensor(f"layer{i}.bias"),
        }
        for i, layer in enumerate(description["layers"])
    ]
    return description["name"], layers


def infer(layers: list[dict[str, Any]], images: np.ndarray) -> tuple[np.ndarray, int]:
    """Logits, and the sum of all hidden activations."""
    y = images.reshape(len(images), -1).astype(np.int64)
    hidden_sum = 0
    for layer in layers[:-1]:
        z = y @ layer["weight"].T + layer["bias"]
        half = (1 << layer["shift"]) >> 1
        y = np.clip((z + half) >> layer["shift"], layer["min"], layer["max"])
        hidden_sum += int(y.sum())
    return y @ layers[-1]["weight"].T + layers[-1]["bias"], hidden_sum


def sample_indices(labels: np.ndarray) -> list[int]:
    """Test-set indices of the sample digits."""
    first = [np.flatnonzero(labels == c)[:DIGITS_PER_CLASS] for c in range(10)]
    return [int(i) for i in np.concatenate(first)]


def evaluate(
    path: Path, images: np.ndarray, labels: np.ndarray
) -> tuple[dict[str, Any], np.ndarray]:
    """The entry of expected.json for one network, and its predictions."""
    name, layers = read_network(path)
    logits, hidden_sum = infer(layers, images)
    predictions = logits.argmax(axis=1).astype(np.uint8)  # first maximum
    correct = int((predictions == labels).sum())
    print(f"{name}: {correct}/{len(labels)} correct ({correct / len(labels):.2%})")
    assert np.abs(logits).max() < 1 << 31
    entry = {
        "model": name,
        "test_images": len(labels),
        "test_correct": correct,
        "digits": [
            {
                "index": i,
                "label": int(labels[i]),
                "logits": logits[i].tolist(),
                "prediction": int(predictions[i]),
            }
            for i in sample_indices(labels)
        ],
        # SHA3-256 of all logits, row-major in test-set order, as little-endian i32.
        "all_logits_digest": hashlib.sha3_256(
            logits.astype("<i4").tobytes()
        ).hexdigest(),
        # Sum of every activation of every hidden layer over the test set.
        "hidden_checksum": hidden_sum,
    }
    return entry, predictions


def write_test_set(data: Path, folder: Path) -> None:
    """Store the test set and the sample digits in `folder`."""
    raw_images = (data / "t10k-images-idx3-ubyte").read_bytes()
    raw_labels = (data / "t10k-labels-idx1-ubyte").read_bytes()
    # A fixed time stamp keeps the archives reproducible.
    for name, raw in (("images.idx3", raw_images), ("labels.idx1", raw_labels)):
        (folder / f"t10k-{name}.gz").write_bytes(gzip.compress(raw, 9, mtime=0))
    images, labels = read_idx(raw_images), read_idx(raw_labels)
    chosen = sample_indices(labels)
    (folder / "digits.idx3").write_bytes(write_idx(images[chosen]))
    (folder / "digits-labels.idx1").write_bytes(write_idx(labels[chosen]))


def format_json(value: dict[str, Any]) -> str:
    """Indented JSON with each sample digit on a line of its own."""
    models = []
    for entry in value["models"]:
        lines = []
        for key, item in entry.items():
            if key == "digits":
                rows = ",\n".join("        " + json.dumps(digit) for digit in item)
                lines.append(f'      "digits": [\n{rows}\n      ]')
            else:
                lines.append(f"      {json.dumps(key)}: {json.dumps(item)}")
        models.append("    {\n" + ",\n".join(lines) + "\n    }")
    return '{\n  "models": [\n' + ",\n".join(models) + "\n  ]\n}\n"


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=Path, nargs="+", help="safetensors files")
    parser.add_argument("--data", type=Path, help="folder with the raw IDX files")
    args = parser.parse_args()

    folder = args.models[0].parent
    if args.data is not None:
        write_test_set(args.data, folder)
    images = read_idx(gzip.decompress((folder / "t10k-images.idx3.gz").read_bytes()))
    labels = read_idx(gzip.decompress((folder / "t10k-labels.idx1.gz").read_bytes()))

    results = [evaluate(path, images, labels) for path in args.models]
    expected = {"models": [entry for entry, _ in results]}
    (folder / "expected.json").write_text(format_json(expected))
    (folder / "test-predictions.bin").write_bytes(results[0][1].tobytes())


if __name__ == "__main__":
    main()
