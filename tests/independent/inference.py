"""Exact integer inference of `.tern` networks, written from FORMAT.md alone.

    inference.py NET.tern X.npy                     prints the outputs
    inference.py NET.tern X.npy --infer OUT.json    compares with what `zktern infer --json` wrote
    inference.py NET.tern X.npy --proof OUT.proof   compares with outputs and input of a proof
    inference.py NET.tern --proof OUT.proof         the same for the public input in the proof
    inference.py NET.tern --key NET.vk              compares the architecture of a key

Exit status 0: everything that was asked for agrees. 1: something differs. 2: a file cannot be read.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from files import (
    Architecture,
    Hidden,
    Layer,
    Malformed,
    Model,
    parse_key,
    parse_model,
    parse_npy,
    parse_proof,
    read,
)

Vector = list[int]


class Differs(Exception):
    """Two results that must be equal are not."""


def linear(layer: Layer, vector: Sequence[int]) -> Vector:
    """W x + bias."""
    pairs = zip(layer.weights, layer.biases, strict=True)
    return [sum(w * v for w, v in zip(row, vector, strict=True)) + bias for row, bias in pairs]


def infer(model: Model, vector: Sequence[int]) -> Vector:
    """The logits of one input."""
    if not all(model.low <= value <= model.high for value in vector):
        raise Malformed("an input is out of range")
    values = list(vector)
    for layer in model.layers:
        values = linear(layer, values)
        if layer.requantise:
            hidden = Hidden(*layer.requantise, 0)
            values = [hidden.activate(z)[1] for z in values]
    return values


def infer_all(model: Model, flat: Sequence[int]) -> list[Vector]:
    """The logits of inputs that lie one after the other."""
    width = model.widths[0]
    if len(flat) % width:
        raise Malformed("the inputs do not fit the network")
    return [infer(model, flat[at : at + width]) for at in range(0, len(flat), width)]


def accumulator_range(layer: Layer, low: int, high: int) -> tuple[int, int]:
    """The range of all accumulators of a layer, and 0."""
    least = most = 0
    for row, bias in zip(layer.weights, layer.biases, strict=True):
        plus, minus = row.count(1), row.count(-1)
        least = min(least, plus * low - minus * high + bias)
        most = max(most, plus * high - minus * low + bias)
    return least, most


def bound(layer: Layer, low: int, high: int) -> int:
    """The smallest k of a layer whose inputs lie in a range."""
    shift = layer.requantise[0] if layer.requantise else 0
    half = (1 << shift) >> 1
    least, most = accumulator_range(layer, low, high)
    k = shift
    while not -(1 << k) <= least + half <= most + half < 1 << k:
        k += 1
    return k


def compile_model(model: Model, columns: int) -> Architecture:
    """The architecture of a model, with the bounds of section 3."""
    low, high = model.low, model.high
    hidden, last = [], 0
    for layer in model.layers:
        last = bound(layer, low, high)
        if layer.requantise:
            _, low, high = layer.requantise
            hidden.append(Hidden(*layer.requantise, last))
    result = Architecture(columns, model.widths, model.low, model.high, last, tuple(hidden))
    result.check()
    return result


def expect(same: bool, what: str) -> None:
    """Say so where something differs."""
    if not same:
        raise Differs(what)


def compare_proof(model: Model, data: bytes, inputs: Sequence[int] | None) -> list[Vector]:
    """Outputs of a proof against inference of the given input, or of the one in the proof."""
    proof = parse_proof(data)
    if inputs is None and proof.private:
        raise Malformed("the proof hides its input: name it")
    if inputs is not None and not proof.private:
        expect(list(proof.inputs) == list(inputs), "the inputs differ")
    outputs = infer_all(model, proof.inputs if inputs is None else inputs)
    flat = [value for vector in outputs for value in vector]
    expect(flat == list(proof.outputs), "the outputs in the proof differ")
    return outputs


def compare_key(model: Model, data: bytes) -> None:
    """The architecture of a key against that of the model."""
    found = parse_key(data).architecture
    expect(found == compile_model(model, found.columns), "the architecture of the key differs")


def run(options: argparse.Namespace) -> None:
    """Everything that the command line asks for."""
    model = parse_model(read(options.network))
    inputs = parse_npy(read(options.input)) if options.input else None
    if options.key:
        compare_key(model, read(options.key))
    if options.proof:
        compare_proof(model, read(options.proof), inputs)
    if inputs is not None:
        outputs = infer_all(model, inputs)
        print(json.dumps(outputs))
        if options.infer:
            expect(json.loads(read(options.infer))["outputs"] == outputs, "the outputs differ")


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Exact inference of a ternary network.")
    parser.add_argument("network", metavar="NET.tern")
    parser.add_argument("input", metavar="INPUT.npy", nargs="?")
    parser.add_argument("--infer", metavar="OUT.json")
    parser.add_argument("--proof", metavar="OUT.proof")
    parser.add_argument("--key", metavar="NET.vk")
    try:
        run(parser.parse_args())
    except Differs as error:
        print(f"differs: {error}", file=sys.stderr)
        return 1
    except (OSError, ValueError, SyntaxError, KeyError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
