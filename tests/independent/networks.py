"""Random networks and inputs, for `check.py`."""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import pairwise

from files import Layer, Model


@dataclass(frozen=True)
class Style:
    """What random networks look like: input range, clamps, shifts, non-zero weights of a row."""

    inputs: tuple[int, int]
    clamps: tuple[tuple[int, int], ...]
    shifts: tuple[int, ...]
    weights: int
    biases: int


LOOKS = {
    "narrow": Style((0, 1), ((0, 1),), (0, 1), 2, 1),
    "bytes": Style((0, 255), ((0, 255),), (2, 5, 8), 9, 300),
    "signed": Style((-128, 127), ((-16, 15), (-1, 0)), (0, 1, 6), 6, 50),
    "mixed": Style((-3, 5), ((0, 2), (-7, 9), (0, 1), (0, 0)), (0, 1, 2, 3), 5, 4),
}


def random_row(rng: random.Random, width: int, most: int) -> tuple[int, ...]:
    """A row of ternary weights, few of them not zero."""
    row = [0] * width
    for place in rng.sample(range(width), min(width, rng.randint(0, most))):
        row[place] = rng.choice((-1, 1))
    return tuple(row)


def random_model(rng: random.Random, shape: str, style: Style) -> Model:
    """A random network."""
    widths = [int(width) for width in shape.split(",")]
    layers = []
    for b, (before, after) in enumerate(pairwise(widths)):
        weights = tuple(random_row(rng, before, style.weights) for _ in range(after))
        biases = tuple(rng.randint(-style.biases, style.biases) for _ in range(after))
        last = b == len(widths) - 2
        requantise = None if last else (rng.choice(style.shifts), *rng.choice(style.clamps))
        layers.append(Layer(weights, biases, requantise))
    return Model(f"{shape} ünï", *style.inputs, tuple(layers))


def random_inputs(rng: random.Random, model: Model, batch: int) -> list[list[int]]:
    """Random inputs, the bounds among them."""
    special = (model.low, model.high, 0)
    rows = [
        [rng.randint(model.low, model.high) for _ in range(model.widths[0])] for _ in range(batch)
    ]
    if rng.random() < 0.3:
        rows[0] = [rng.choice(special)] * model.widths[0]
    return rows
