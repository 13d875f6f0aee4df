"""A slow prover (section 11): it drives the verifier's stages and writes the words that they read.

With `--insecure-seed` its bytes are those of the program. A witness may also be false: then
everything else is done as an honest prover would, and the result must be refused.

    prover.py NET.tern NET.key X.npy OUT.proof [--private-input] [--context HEX] [--insecure-seed N]

For tests only: variable-time, and without a seed the blinds come from `os.urandom` alone.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from blinds import blind, chunked, commit_row, key_vectors, parse_secret
from bn254 import (
    INFINITY,
    Affine,
    Jacobian,
    R,
    Refused,
    add,
    add_affine,
    affine,
    compress,
    generator,
    multiply_sum,
    shake,
)
from files import Key, Model, Proof, parse_model, parse_npy, read
from inference import linear
from multilinear import Point, eq, eq_all, inverses, log
from protocol import ROWS, Bases, Body, Form, G, H, Reader, Transcript, closing
from verifier import (
    KeyRows,
    Shape,
    Stages,
    Table,
    statement,
    ternarity_body,
    ternarity_layout,
    ternarity_transcript,
)

Matrix = list[list[int]]
WINDOW = 8


@cache
def multiples(name: bytes) -> list[list[Affine]]:
    """1 to 255 times 2^(8 i) times a generator."""
    table, base = [], generator(name)
    for _ in range(0, 256, WINDOW):
        row, running = [], INFINITY
        for _ in range((1 << WINDOW) - 1):
            running = add_affine(running, base)
            row.append(must(running))
        base = must(add_affine(running, base))
        table.append(row)
    return table


def must(point: Jacobian) -> Affine:
    """The affine point of what is not the identity."""
    found = affine(point)
    if found is None:
        raise ValueError("the identity has no encoding")
    return found


def fixed(name: bytes, value: int) -> Jacobian:
    """A multiple of a generator."""
    total = INFINITY
    for row in multiples(name):
        if value & 255:
            total = add_affine(total, row[(value & 255) - 1])
        value >>= WINDOW
    return total


def pedersen(value: int, blinding: int) -> Jacobian:
    """value G + blinding H."""
    return add(fixed(b"G", value % R), fixed(b"H", blinding % R))


class Blinds:
    """Streams of blinds, each with its own count."""

    def __init__(self, seed: bytes) -> None:
        self.seed = seed
        self.counts: dict[str, int] = {}

    def next(self, stream: str) -> int:
        """The next blind of a stream."""
        count = self.counts.get(stream, 0)
        self.counts[stream] = count + 1
        return blind(self.seed, stream, count)


@dataclass
class Witness:
    """Everything that is committed, by input; false ones are for tests."""

    inputs: Matrix
    accumulators: list[Matrix] = field(default_factory=list)
    quotients: list[Matrix] = field(default_factory=list)
    activations: list[Matrix] = field(default_factory=list)
    outputs: Matrix = field(default_factory=list)
    multiplicities: dict[int, list[int]] = field(default_factory=dict)
    beyond: int = 0


def witness_of(model: Model, shape: Shape, inputs: Matrix) -> Witness:
    """The true witness."""
    result = Witness(inputs)
    first = model.layers[0]
    empty: list[Matrix] = [[] for _ in shape.arch.hidden]
    result.accumulators, result.quotients, result.activations = empty[:], empty[:], empty[:]
    result.accumulators[0] = [linear(first, vector) for vector in inputs]
    activate(shape, result, 0)
    follow(model, shape, result, 0)
    return result


def follow(model: Model, shape: Shape, witness: Witness, layer: int) -> None:
    """Compute everything after a hidden layer from its activations, and the multiplicities."""
    for b in range(layer + 1, len(shape.arch.hidden)):
        before = witness.activations[b - 1]
        witness.accumulators[b] = [linear(model.layers[b], vector) for vector in before]
        activate(shape, witness, b)
    witness.outputs = [linear(model.layers[-1], vector) for vector in witness.activations[-1]]
    count_lookups(shape, witness)


def activate(shape: Shape, witness: Witness, b: int) -> None:
    """Quotients and activations of a layer from its accumulators."""
    hidden = shape.arch.hidden[b]
    pairs = [[hidden.activate(z) for z in row] for row in witness.accumulators[b]]
    witness.quotients[b] = [[q for q, _ in row] for row in pairs]
    witness.activations[b] = [[y for _, y in row] for row in pairs]


def remainder(shape: Shape, witness: Witness, layer: int, beta: int, i: int) -> int:
    """What z + half - 2^s q' is."""
    hidden = shape.arch.hidden[layer]
    z, q = witness.accumulators[layer][beta][i], witness.quotients[layer][beta][i]
    return z + hidden.half - (q << hidden.shift)


def looked_up(shape: Shape, witness: Witness, block: int, entry: int) -> tuple[int, int]:
    """The pair of an entry of a lookup block."""
    found = shape.blocks[block]
    table, layer = shape.tables[found.table], found.layer
    i, beta = entry >> shape.batch_bits, entry & ((1 << shape.batch_bits) - 1)
    if i >= found.width or beta >= shape.batch:
        return table.zero
    if table.kind == "input":
        return witness.inputs[beta][i], 0
    if table.kind == "remainder":
        return remainder(shape, witness, layer, beta, i), 0
    y, q = witness.activations[layer][beta][i], witness.quotients[layer][beta][i]
    return (q if table.kind == "activation" else witness.accumulators[layer][beta][i]), y


def all_lookups(shape: Shape, witness: Witness) -> list[tuple[int, tuple[int, int]]]:
    """Table and pair of every leaf."""
    leaves = []
    for block in shape.lookups.order:
        table = shape.blocks[block].table
        size = 1 << shape.lookups.logs[block]
        leaves += [(table, looked_up(shape, witness, block, entry)) for entry in range(size)]
    padding = shape.blocks[shape.lookups.order[0]].table
    missing = (1 << shape.lookups.bits) - len(leaves)
    return leaves + [(padding, shape.tables[padding].zero)] * missing


def place_in(table: Table, pair: tuple[int, int]) -> int | None:
    """The entry of a table that has a pair's first value."""
    first = next(table.pairs())[0]
    at = pair[0] - first
    return at if 0 <= at < table.entries else None


def count_lookups(shape: Shape, witness: Witness) -> None:
    """Multiplicities of all tables."""
    counts = {t: [0] * table.entries for t, table in enumerate(shape.tables)}
    for table, pair in all_lookups(shape, witness):
        at = place_in(shape.tables[table], pair)
        if at is not None:
            counts[table][at] += 1
    witness.multiplicities = counts


class Writer(Reader):
    """Writes the words that a reader would read."""

    def __init__(self, bases: Bases, transcript: Transcript, seed: bytes) -> None:
        super().__init__(b"", bases, transcript)
        self.blinds = Blinds(seed)
        self.rows: dict[int, tuple[list[int], int]] = {}
        self.secrets: dict[int, tuple[int, int]] = {G: (1, 0), H: (0, 1)}
        self.challenges: list[tuple[str, int]] = []
        self.vectors: Iterator[list[int]] = iter(())
        self.values: Iterator[int] = iter(())
        self.first: Iterator[Jacobian] = iter(())
        self.responses: Iterator[int] = iter(())
        self.refused = False

    def write(self, label: str, word: bytes) -> None:
        """A word."""
        self.words += word
        self.word(label)

    def base(self, label: str) -> int:
        """A row, a hidden scalar, or a first message."""
        if label == "row":
            return self.row()
        if label in ("B", "D", "Delta", "E", "K") or self.first_of_product(label):
            return self.register(label, next(self.first))
        value, blinding = next(self.values) % R, self.blinds.next("scalar")
        number = self.register(label, pedersen(value, blinding))
        self.secrets[number] = value, blinding
        return number

    def first_of_product(self, label: str) -> bool:
        """Whether an A is a first message: it is after epsilon."""
        return label == "A" and self.challenges[-1][0] == "epsilon"

    def register(self, label: str, point: Jacobian) -> int:
        """Write a point."""
        found = must(point)
        self.write(label, compress(found))
        return self.bases.append(found)

    def row(self) -> int:
        """A committed row."""
        values, blinding = next(self.vectors), self.blinds.next("row")
        point = commit_row(values, blinding)
        if point is None:
            raise ValueError("the identity has no encoding")
        self.write("row", compress(point))
        number = self.bases.append(point)
        self.rows[number] = values, blinding
        return number

    def scalar(self, label: str) -> int:
        """A response."""
        value = next(self.responses)
        self.write(label, value.to_bytes(32, "big"))
        return value

    def challenge(self, label: str) -> int:
        """A challenge, which is kept."""
        value = super().challenge(label)
        self.challenges.append((label, value))
        return value

    def latest(self, label: str) -> int:
        """The last challenge under a label."""
        return next(value for name, value in reversed(self.challenges) if name == label)

    def open(self, form: Form) -> tuple[int, int]:
        """Value and blind of a hidden scalar."""
        pairs = [(k, self.secrets[base]) for base, k in form.terms.items()]
        return sum(k * v for k, (v, _) in pairs) % R, sum(k * b for k, (_, b) in pairs) % R

    def open_row(self, form: Form) -> tuple[list[int], int]:
        """Entries and blind of a combination of rows."""
        entries, blinding = [0] * self.bases.columns, 0
        for base, k in form.terms.items():
            values, own = self.rows[base]
            blinding += k * own
            for j, value in enumerate(values):
                entries[j] += k * value
        return [value % R for value in entries], blinding % R


def halves(array: list[int]) -> tuple[list[int], list[int]]:
    """The halves whose top bit is 0 and 1."""
    middle = len(array) // 2
    return array[:middle], array[middle:]


def bind(array: list[int], r: int) -> list[int]:
    """An array with its top coordinate bound."""
    low, high = halves(array)
    return [(a + r * (b - a)) % R for a, b in zip(low, high, strict=True)]


def plain_values(writer: Writer, pairs: list[tuple[list[int], list[int]]]) -> Iterator[int]:
    """Rounds of a plain sumcheck of a sum of products; arrays end with one entry."""
    while len(pairs[0][0]) > 1:
        start = bend = 0
        for left, right in pairs:
            (l0, l1), (r0, r1) = halves(left), halves(right)
            start += sum(a * b for a, b in zip(l0, r0, strict=True))
            bend += sum((b - a) * (d - c) for a, b, c, d in zip(l0, l1, r0, r1, strict=True))
        yield start
        yield bend
        r = writer.latest("r")
        pairs[:] = [(bind(left, r), bind(right, r)) for left, right in pairs]


Level = tuple[list[int], list[int]]


def tree_levels(leaves: list[int]) -> list[Level]:
    """Numerators and denominators of every level, the root first."""
    levels: list[Level] = [([1] * len(leaves), leaves)]
    while len(levels[0][1]) > 1:
        (p0, p1), (q0, q1) = halves(levels[0][0]), halves(levels[0][1])
        p = [(a * d + b * c) % R for a, b, c, d in zip(p0, p1, q0, q1, strict=True)]
        levels.insert(0, (p, [a * b % R for a, b in zip(q0, q1, strict=True)]))
    return levels


def level_round(arrays: list[list[int]], weights: list[int], lam: int) -> tuple[int, int]:
    """d and c of one round of a level."""
    start = end = bend = 0
    cut = [halves(array) for array in arrays]
    for x, weight in enumerate(weights):
        low = [pair[0][x] for pair in cut]
        high = [pair[1][x] for pair in cut]
        change = [b - a for a, b in zip(low, high, strict=True)]
        start += weight * fraction(low, lam)
        end += weight * fraction(high, lam)
        bend += weight * fraction(change, lam)
    return (end - start) % R, bend % R


def fraction(v: list[int], lam: int) -> int:
    """λ(p0 q1 + p1 q0) + q0 q1."""
    return (lam * (v[0] * v[3] + v[1] * v[2]) + v[2] * v[3]) % R


def lookup_values(writer: Writer, leaves: list[int], bits: int, total: int | None) -> Iterator[int]:
    """Hidden scalars of stage 2; S is the fraction of the roots unless it is given."""
    levels = tree_levels(leaves)
    p_root, q_root = levels[0][0][0], levels[0][1][0]
    fraction_of_roots = p_root * pow(q_root, -1, R) % R
    yield from (p_root, q_root, fraction_of_roots if total is None else total)
    point: Point = ()
    for k in range(bits):
        lam = writer.latest("lambda")
        arrays = [*halves(levels[k + 1][0]), *halves(levels[k + 1][1])]
        rounds = []
        for i in range(k):
            yield from level_round(arrays, eq_all(point[i + 1 :], 1 << (k - 1 - i)), lam)
            rounds.append(writer.latest("r"))
            arrays = [bind(array, rounds[-1]) for array in arrays]
        p0, p1, q0, q1 = (array[0] for array in arrays)
        yield from ((p0, p1, q0, q1, q1 * (q0 + lam * p0)) if k < bits - 1 else (q0, q1))
        point = (writer.latest("tau"), *rounds)


def weighted_rows(weights: Sequence[int], rows: Sequence[Sequence[int]]) -> list[int]:
    """The combination of vectors."""
    total = [0] * len(rows[0])
    for weight, row in zip(weights, rows, strict=True):
        if weight:
            total = [a + weight * b for a, b in zip(total, row, strict=True)]
    return [value % R for value in total]


def dot(left: Sequence[int], right: Sequence[int]) -> int:
    """The inner product."""
    return sum(a * b for a, b in zip(left, right, strict=True)) % R


class BodyValues:
    """Hidden scalars of stages 2 and 3."""

    def __init__(
        self, writer: Writer, stages: Stages, model: Model, witness: Witness, fit: str
    ) -> None:
        self.writer, self.stages, self.model, self.witness = writer, stages, model, witness
        self.shape, self.fit = stages.shape, fit

    def rows(self) -> Iterator[list[int]]:
        """Vectors of stage 1, in chunks."""
        witness, columns = self.witness, self.shape.arch.columns
        vectors = list(witness.inputs) if self.shape.private else []
        for b, mode in enumerate(self.shape.modes):
            vectors += witness.activations[b]
            vectors += witness.quotients[b] if mode == "b" else []
        vectors += [witness.multiplicities[t] for t in range(len(self.shape.tables))]
        for vector in vectors:
            for at in range(0, len(vector), columns):
                chunk = vector[at : at + columns]
                yield chunk + [witness.beyond] * (columns - len(chunk))

    def values(self) -> Iterator[int]:
        """All of them."""
        stages, lookups = self.stages, all_lookups(self.shape, self.witness)
        leaves = [(stages.alpha - stages.table_key(pair, table)) % R for table, pair in lookups]
        total = self.table_total() if self.fit == "S" else None
        yield from lookup_values(self.writer, leaves, self.shape.lookups.bits, total)
        yield sum(self.virtual(b) for b in range(self.shape.arch.layers - 1)) % R
        pairs = [self.linear_arrays()]
        rounds = []
        for value in plain_values(self.writer, pairs):
            rounds.append(value)
            yield value
        w_hat, x_hat = pairs[0][0][0], pairs[0][1][0]
        if self.fit == "x_hat" and w_hat:
            x_hat = self.last_claim(rounds) * pow(w_hat, -1, R) % R
        yield from (w_hat, x_hat)

    def table_total(self) -> int:
        """S from the side of the tables: true of a false witness, but no fraction of the roots."""
        stages, total = self.stages, 0
        for t, table in enumerate(self.shape.tables):
            below = [(stages.alpha - stages.table_key(pair, t)) % R for pair in table.pairs()]
            total += dot(inverses(below), self.witness.multiplicities[t])
        return total % R

    def last_claim(self, rounds: list[int]) -> int:
        """What the rounds of the linear sumcheck leave as the claim."""
        stages, gamma = self.stages, self.stages.gamma
        claim = stages.u + gamma * stages.at_end + stages.total * (gamma * gamma)
        value, _ = self.writer.open(claim)
        bits = self.shape.linear.bits
        points = [r for name, r in self.writer.challenges if name == "r"][-bits:]
        for a, c, r in zip(rounds[::2], rounds[1::2], points, strict=True):
            value = ((1 - 2 * r) * a + (r * r - r) * c + r * value) % R
        return value

    def virtual(self, b: int) -> int:
        """A layer's part of u."""
        stages = self.stages
        sums = weighted_rows(stages.batch_eq, self.witness.accumulators[b])
        return stages.c[b] * dot(eq_all(stages.r[b], len(sums)), sums) % R

    def linear_arrays(self) -> tuple[list[int], list[int]]:
        """Both sides of the linear sumcheck."""
        stages, layout = self.stages, self.shape.linear
        left, right = [0] * (1 << layout.bits), [0] * (1 << layout.bits)
        inputs = [self.witness.inputs, *self.witness.activations]
        blocks = []
        for b, layer in enumerate(self.model.layers):
            weights = eq_all(stages.r[b], len(layer.biases))
            fold = [stages.c[b] * value % R for value in weighted_rows(weights, layer.weights)]
            blocks.append((fold, weighted_rows(stages.batch_eq, inputs[b])))
        blocks += [self.table_arrays(t) for t in range(len(self.shape.tables))]
        for b, layer in enumerate(self.model.layers):
            weights = eq_all(stages.r[b], len(layer.biases))
            blocks.append(([stages.c[b] * dot(weights, layer.biases) % R], [stages.one]))
        for offset, (mine, other) in zip(layout.offsets, blocks, strict=True):
            left[offset : offset + len(mine)] = mine
            right[offset : offset + len(other)] = other
        return left, right

    def table_arrays(self, t: int) -> tuple[list[int], list[int]]:
        """A table's fractions and multiplicities."""
        stages = self.stages
        pairs = self.shape.tables[t].pairs()
        below = inverses([(stages.alpha - stages.table_key(pair, t)) % R for pair in pairs])
        scale = stages.gamma * stages.gamma
        return [scale * value % R for value in below], self.witness.multiplicities[t]


class ClosingValues:
    """What stages 4 and 5 need; a leaf and a merge have no opening."""

    def __init__(self, writer: Writer, body: Body, opening: bool = True) -> None:
        self.writer, self.body, self.opening = writer, body, opening
        self.columns = writer.bases.columns
        self.firsts: list[list[int]] = []
        self.mask: list[int] = []
        self.knowledge: list[int] = []

    def feed(self) -> None:
        """Give the writer everything that it will ask for."""
        writer = self.writer
        writer.values, writer.first = self.values(), self.first()
        writer.responses = self.responses()

    def values(self) -> Iterator[int]:
        """Rounds of the reduction."""
        yield from plain_values(self.writer, self.pairs())

    def pairs(self) -> list[tuple[list[int], list[int]]]:
        """The claims as weights and rows."""
        pairs = []
        rho, bits = self.writer.latest("rho"), self.columns.bit_length() - 1
        for number, claim in enumerate(self.body.claims):
            for item in claim.functionals:
                cut = max(0, len(item.point) - bits)
                for chunk, rows in enumerate(item.chunks):
                    count = min(self.columns, item.width - chunk * self.columns)
                    weights = eq_all(item.point[cut:], count)
                    scale = pow(rho, number, R) * item.factor * eq(item.point[:cut], chunk) % R
                    entries, _ = self.writer.open_row(Form(dict(rows)))
                    scaled = [scale * value % R for value in weights]
                    pairs.append((scaled + [0] * (self.columns - count), entries))
        return pairs

    def first(self) -> Iterator[Jacobian]:
        """First messages."""
        writer, draw = self.writer, self.writer.blinds.next
        for x, _, _ in self.body.products:
            b = [draw("product") for _ in range(5)]
            value, blinding = writer.open(x)
            self.firsts.append(b)
            yield pedersen(b[0], b[1])
            yield pedersen(b[2], b[3])
            yield pedersen(b[2] * value, b[2] * blinding + b[4])
        if self.opening:
            yield from self.masks()
        self.knowledge = [draw("knowledge"), draw("knowledge")]
        yield pedersen(*self.knowledge)

    def masks(self) -> Iterator[Jacobian]:
        """Delta and E."""
        self.mask = [self.writer.blinds.next("mask") for _ in range(self.columns + 2)]
        names = [b"row" + j.to_bytes(4, "big") for j in range(self.columns)]
        points = [generator(name) for name in [*names, b"H"]]
        yield multiply_sum(points, self.mask[:-1])
        _, _, t = self.writer.reduced
        yield pedersen(dot(eq_all(t, self.columns), self.mask[:-2]), self.mask[-1])

    def responses(self) -> Iterator[int]:
        """Responses."""
        writer, c = self.writer, self.writer.latest("c")
        for product, b in zip(self.body.products, self.firsts, strict=True):
            (x, rx), (y, ry), (_, rz) = map(writer.open, product)
            for mask, value in zip(b, (x, rx, y, ry, rz - rx * y), strict=True):
                yield (mask + c * value) % R
        if self.opening:
            row, at_t, _ = writer.reduced
            entries, blinding = writer.open_row(row)
            opened = [*entries, blinding, writer.open(at_t)[1]]
            masked = zip(self.mask, opened, strict=True)
            yield from ((mask + c * entry) % R for mask, entry in masked)
        epsilon, power = writer.latest("epsilon"), 1
        known = [0, 0]
        for sent in writer.sent:
            known = [a + power * b for a, b in zip(known, writer.open(sent), strict=True)]
            power = power * epsilon % R
        yield from ((a + c * b) % R for a, b in zip(self.knowledge, known, strict=True))


def close(writer: Writer, body: Body) -> None:
    """The closing; of a false witness it ends in a refusal, with all words written."""
    ClosingValues(writer, body).feed()
    try:
        closing(writer, body)
    except Refused:
        writer.refused = True


def add_key_rows(writer: Writer, model: Model, key_seed: bytes, beyond: int) -> None:
    """Openings of the key's rows."""
    columns = writer.bases.columns
    for number, values in enumerate(chunked(key_vectors(model), columns)):
        padded = [*values, *[beyond] * (columns - len(values))]
        writer.rows[ROWS + columns + number] = padded, blind(key_seed, "weight", number)


@dataclass
class Prover:
    """A network, its key, the seed of the key's blinds, what rows hold beyond their width."""

    model: Model
    key: Key
    seed: bytes
    beyond: int = 0

    def prove(
        self, shape: Shape, witness: Witness, context: bytes, entropy: bytes, fit: str = ""
    ) -> Proof:
        """A proof; `fit` is what hides that the witness is false: S, x_hat, or nothing."""
        proof = self.statement(shape, witness, context)
        writer, body = self.body(
            shape, witness, proof, self.blinds_seed(shape, witness, proof, entropy), fit
        )
        close(writer, body)
        return replace(proof, words=writer.words)

    def statement(self, shape: Shape, witness: Witness, context: bytes) -> Proof:
        """A proof without words."""
        inputs = [value for row in witness.inputs for value in row]
        outputs = [value for row in witness.outputs for value in row]
        widths = self.key.architecture.widths
        return Proof(
            self.key.digest,
            shape.private,
            shape.batch,
            0 if shape.private else widths[0],
            widths[-1],
            context,
            () if shape.private else tuple(inputs),
            tuple(outputs),
            b"",
        )

    def blinds_seed(
        self,
        shape: Shape,
        witness: Witness,
        proof: Proof,
        entropy: bytes,
        prefix: bytes = b"zktern/v1/proof-blinds",
    ) -> bytes:
        """The seed of the blinds of a proof."""
        inputs = [value for row in witness.inputs for value in row]
        signed = b"".join(value.to_bytes(4, "big", signed=True) for value in inputs)
        state = statement(self.key, shape, proof, None).squeeze("seed")
        return shake(prefix + entropy + self.seed + state + bytes(1) + signed, 32)

    def body(
        self, shape: Shape, witness: Witness, proof: Proof, seed: bytes, fit: str = ""
    ) -> tuple[Writer, Body]:
        """Stages 1 to 3."""
        transcript = statement(self.key, shape, proof, None)
        bases = Bases(self.key.architecture.columns, self.key.rows)
        writer = Writer(bases, transcript, seed)
        add_key_rows(writer, self.model, self.seed, self.beyond)
        stages = Stages(shape, KeyRows(self.key.architecture), writer, proof)
        values = BodyValues(writer, stages, self.model, witness, fit)
        writer.vectors, writer.values = values.rows(), values.values()
        return writer, stages.run()

    def ternarity(self, entropy: bytes) -> bytes:
        """A ternarity proof of the key."""
        bases = Bases(self.key.architecture.columns, self.key.rows)
        writer = Writer(bases, ternarity_transcript(self.key), entropy)
        add_key_rows(writer, self.model, self.seed, self.beyond)
        writer.values = self.ternarity_values(writer)
        close(writer, ternarity_body(self.key, writer))
        return writer.words

    def ternarity_values(self, writer: Writer) -> Iterator[int]:
        """Hidden scalars of a ternarity proof."""
        layout = ternarity_layout(self.key.architecture)
        array = [0] * (1 << layout.bits)
        for offset, layer in zip(layout.offsets, self.model.layers, strict=True):
            stride = 1 << log(len(layer.weights[0]))
            for i, row in enumerate(layer.weights):
                array[offset + i * stride : offset + i * stride + len(row)] = row
        tau = [value for _, value in writer.challenges]
        for i in range(layout.bits):
            weights = eq_all(tuple(tau[i + 1 :]), len(array) // 2)
            yield from ternarity_round(array, weights)
            array = bind(array, writer.latest("r"))
        yield from (array[0], array[0] * array[0])


def ternarity_round(array: list[int], weights: list[int]) -> tuple[int, int, int]:
    """d, c2, c3 of one round."""
    d = c2 = c3 = 0
    for weight, a, b in zip(weights, *halves(array), strict=True):
        change = b - a
        d += weight * (b * b * b - b - a * a * a + a)
        c2 += weight * 3 * a * change * change
        c3 += weight * change * change * change
    return d % R, c2 % R, c3 % R


def insecure(number: int, purpose: str) -> bytes:
    """The entropy of `--insecure-seed`."""
    return shake(b"zktern/insecure-seed" + purpose.encode() + number.to_bytes(8, "little"), 32)


def split(flat: Sequence[int], width: int) -> Matrix:
    """Inputs, one by one."""
    return [list(flat[at : at + width]) for at in range(0, len(flat), width)]


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Prove, slowly.")
    for name in ("network", "secret", "input", "output"):
        parser.add_argument(name)
    parser.add_argument("--private-input", action="store_true")
    parser.add_argument("--context", metavar="HEX", default="")
    parser.add_argument("--insecure-seed", metavar="N", type=int)
    options = parser.parse_args()
    model = parse_model(read(options.network))
    seed, key = parse_secret(read(options.secret))
    inputs = split(parse_npy(read(options.input)), model.widths[0])
    shape = Shape(key.architecture, len(inputs), options.private_input)
    number = options.insecure_seed
    entropy = os.urandom(32) if number is None else insecure(number, "proof")
    witness = witness_of(model, shape, inputs)
    proof = Prover(model, key, seed).prove(shape, witness, bytes.fromhex(options.context), entropy)
    Path(options.output).write_bytes(proof.encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
