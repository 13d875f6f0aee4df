"""False witnesses: one thing is wrong, what follows is computed from the wrong value."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from blinds import blind, chunked, commit_row, key_vectors
from bn254 import Affine
from files import Architecture, Key, Layer, Model
from inference import linear
from prover import Witness, activate, count_lookups, follow, witness_of
from verifier import Shape

Lie = Callable[[Model, Shape, Witness, random.Random], bool]
FITS = ("", "S", "x_hat")


def somewhere(rng: random.Random, matrix: list[list[int]]) -> tuple[int, int]:
    """A place in a matrix."""
    beta = rng.randrange(len(matrix))
    return beta, rng.randrange(len(matrix[beta]))


def output(model: Model, shape: Shape, witness: Witness, rng: random.Random) -> bool:
    """A logit is another."""
    beta, i = somewhere(rng, witness.outputs)
    witness.outputs[beta][i] += rng.choice((-1, 1))
    return True


def activation(model: Model, shape: Shape, witness: Witness, rng: random.Random) -> bool:
    """An activation is not that of its accumulator."""
    b = rng.randrange(len(shape.arch.hidden))
    beta, i = somewhere(rng, witness.activations[b])
    hidden, old = shape.arch.hidden[b], witness.activations[b][beta][i]
    witness.activations[b][beta][i] = old + 1 if old < hidden.high else old - 1
    follow(model, shape, witness, b)
    return True


def quotient(model: Model, shape: Shape, witness: Witness, rng: random.Random) -> bool:
    """A quotient is off by one, its remainder out of range."""
    layers = [b for b, mode in enumerate(shape.modes) if mode == "b"]
    if not layers:
        return False
    b = rng.choice(layers)
    beta, i = somewhere(rng, witness.quotients[b])
    hidden = shape.arch.hidden[b]
    changed = witness.quotients[b][beta][i] + rng.choice((-1, 1))
    witness.quotients[b][beta][i] = changed
    witness.activations[b][beta][i] = min(max(changed, hidden.low), hidden.high)
    follow(model, shape, witness, b)
    return True


def accumulator(model: Model, shape: Shape, witness: Witness, rng: random.Random) -> bool:
    """An accumulator is not what the weights give; its activation is that of the false one."""
    b = rng.randrange(len(shape.arch.hidden))
    beta, i = somewhere(rng, witness.accumulators[b])
    step = rng.choice((-1, 1)) << shape.arch.hidden[b].shift
    witness.accumulators[b][beta][i] += step
    activate(shape, witness, b)
    follow(model, shape, witness, b)
    return True


def multiplicity(model: Model, shape: Shape, witness: Witness, rng: random.Random) -> bool:
    """A multiplicity is too large, perhaps another of the table too small."""
    counts = witness.multiplicities[rng.randrange(len(shape.tables))]
    counts[rng.randrange(len(counts))] += 1
    if len(counts) > 1 and rng.random() < 0.5:
        counts[rng.randrange(len(counts))] -= 1
        return counts != recount(shape, witness, counts)
    return True


def recount(shape: Shape, witness: Witness, counts: list[int]) -> list[int]:
    """The true multiplicities in place of false ones."""
    index = next(t for t, found in witness.multiplicities.items() if found is counts)
    other = replace(witness)
    count_lookups(shape, other)
    return other.multiplicities[index]


def private_input(model: Model, shape: Shape, witness: Witness, rng: random.Random) -> bool:
    """A hidden input is out of range."""
    if not shape.private:
        return False
    beta, i = somewhere(rng, witness.inputs)
    witness.inputs[beta][i] = rng.choice((model.low - 1, model.high + 1))
    fresh = witness_of(model, shape, witness.inputs)
    witness.accumulators, witness.quotients = fresh.accumulators, fresh.quotients
    witness.activations, witness.outputs = fresh.activations, fresh.outputs
    witness.multiplicities = fresh.multiplicities
    return True


def last_layer(model: Model, shape: Shape, witness: Witness, rng: random.Random) -> bool:
    """The logits are those of other activations than the committed ones."""
    beta, i = somewhere(rng, witness.activations[-1])
    vector = list(witness.activations[-1][beta])
    vector[i] += 1
    changed = linear(model.layers[-1], vector)
    same = changed == witness.outputs[beta]
    witness.outputs[beta] = changed
    return not same


LIES: tuple[Lie, ...] = (
    output,
    activation,
    quotient,
    accumulator,
    multiplicity,
    private_input,
    last_layer,
)


def with_weight(model: Model, layer: int, row: int, column: int, weight: int) -> Model:
    """A model with one weight replaced."""
    old = model.layers[layer]
    line = (*old.weights[row][:column], weight, *old.weights[row][column + 1 :])
    weights = (*old.weights[:row], line, *old.weights[row + 1 :])
    changed = Layer(weights, old.biases, old.requantise)
    return replace(model, layers=(*model.layers[:layer], changed, *model.layers[layer + 1 :]))


def with_bias(model: Model, layer: int, row: int, bias: int) -> Model:
    """A model with one bias replaced."""
    old = model.layers[layer]
    biases = (*old.biases[:row], bias, *old.biases[row + 1 :])
    changed = Layer(old.weights, biases, old.requantise)
    return replace(model, layers=(*model.layers[:layer], changed, *model.layers[layer + 1 :]))


def other_network(model: Model, rng: random.Random) -> Model:
    """A network with one weight or one bias changed."""
    layer = rng.randrange(len(model.layers))
    found = model.layers[layer]
    row = rng.randrange(len(found.biases))
    if rng.random() < 0.3:
        return with_bias(model, layer, row, found.biases[row] + rng.choice((-1, 1)))
    column = rng.randrange(len(found.weights[row]))
    weight = rng.choice([w for w in (-1, 0, 1) if w != found.weights[row][column]])
    return with_weight(model, layer, row, column, weight)


def make_key(model: Model, architecture: Architecture, seed: bytes, beyond: int) -> Key:
    """A key of integer weights, ternary or not, without ternarity proof."""
    rows: list[Affine] = []
    columns = architecture.columns
    for number, values in enumerate(chunked(key_vectors(model), columns)):
        padded = [*values, *[beyond] * (columns - len(values))]
        point = commit_row(padded, blind(seed, "weight", number))
        if point is None:
            raise ValueError("the identity has no encoding")
        rows.append(point)
    return Key(architecture, tuple(rows), b"")
