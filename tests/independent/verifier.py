"""Verifier of zktern proofs, written from FORMAT.md alone.

    verifier.py KEY PROOF [--context HEX] [--input FILE.npy] [--checks]

Exit status 0: the proof is valid. 1: it is refused. 2: a file cannot be read as what it should be.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bn254 import R, Refused, shake
from files import (
    Architecture,
    Hidden,
    Key,
    Malformed,
    Proof,
    parse_key,
    parse_npy,
    parse_proof,
    read,
)
from multilinear import Layout, Place, Point, eq_all, inverses, log
from protocol import (
    ROWS,
    Bases,
    Body,
    Claim,
    Combination,
    Form,
    Functional,
    Product,
    Reader,
    Transcript,
    closing,
    end_digest,
    plain_rounds,
)

Trace = list[tuple[str, bytes]]
MAX_TABLE = 1 << 22


@dataclass(frozen=True)
class Table:
    """A lookup table; what it is made of is all that it is compared by."""

    kind: str
    parameters: tuple[int, ...]

    @property
    def entries(self) -> int:
        """How many pairs."""
        p = self.parameters
        if self.kind == "input":
            return p[1] - p[0] + 1
        return 1 << {"accumulator": p[0] + 1, "remainder": p[0], "activation": p[0] + 1}[self.kind]

    @property
    def zero(self) -> tuple[int, int]:
        """The zero pattern."""
        return ((1 << self.parameters[0]) >> 1, 0) if self.kind == "remainder" else (0, 0)

    def pairs(self) -> Iterator[tuple[int, int]]:
        """All (t1, t2)."""
        p = self.parameters
        if self.kind == "accumulator":
            hidden = Hidden(p[1], p[2], p[3], p[0])
            for z in range(-(1 << p[0]) - hidden.half, (1 << p[0]) - hidden.half):
                yield z, hidden.activate(z)[1]
        elif self.kind == "activation":
            for q in range(-(1 << p[0]), 1 << p[0]):
                yield q, min(max(q, p[1]), p[2])
        else:
            low = p[0] if self.kind == "input" else 0
            yield from ((low + i, 0) for i in range(self.entries))


@dataclass(frozen=True)
class Block:
    """A lookup block: its kind's table, the hidden layer that it belongs to, its width."""

    table: int
    layer: int
    width: int


class Shape:
    """Section 6: everything that follows from the architecture, the batch and the privacy."""

    def __init__(self, arch: Architecture, batch: int, private: bool) -> None:
        self.arch, self.batch, self.private = arch, batch, private
        self.batch_bits = log(batch)
        self.tables: list[Table] = []
        self.blocks: list[Block] = []
        self.modes = "".join(map(self.mode, range(arch.layers - 1)))
        for b, hidden in enumerate(arch.hidden):
            self.add_layer(b, hidden)
        if private:
            self.add_block(Table("input", (arch.low, arch.high)), -1, arch.widths[0])
        self.lookups = Layout([log(block.width) + self.batch_bits for block in self.blocks])
        self.linear = Layout(
            [log(width) for width in arch.widths[:-1]]
            + [log(table.entries) for table in self.tables]
            + [0] * arch.layers
        )
        if self.lookups.size > 1 << 30:
            raise Refused("too many lookups")
        if max(table.entries for table in self.tables) > MAX_TABLE:
            raise Refused("this slow verifier reads no tables of that size")
        self.rows = self.count_rows()

    def mode(self, b: int) -> str:
        """The letter of a hidden layer."""
        bits = self.arch.hidden[b].bits
        few = self.arch.widths[b + 1] * self.batch < 1 << (bits + 1)
        return "b" if few or bits + 1 > 24 else "a"

    def add_layer(self, b: int, hidden: Hidden) -> None:
        """Tables and blocks of a hidden layer."""
        width, clamp = self.arch.widths[b + 1], (hidden.low, hidden.high)
        if self.modes[b] == "a":
            table = Table("accumulator", (hidden.bits, hidden.shift, *clamp))
            self.add_block(table, b, width)
            return
        self.add_block(Table("remainder", (hidden.shift,)), b, width)
        self.add_block(Table("activation", (hidden.bits - hidden.shift, *clamp)), b, width)

    def add_block(self, table: Table, layer: int, width: int) -> None:
        """A block of a table that is new or known."""
        if table not in self.tables:
            self.tables.append(table)
        self.blocks.append(Block(self.tables.index(table), layer, width))

    def count_rows(self) -> int:
        """R."""
        arch = self.arch
        total = self.batch * arch.chunks(arch.widths[0]) if self.private else 0
        for b, mode in enumerate(self.modes):
            total += self.batch * arch.chunks(arch.widths[b + 1]) * (1 if mode == "a" else 2)
        return total + sum(arch.chunks(table.entries) for table in self.tables)

    def word_count(self) -> int:
        """Words of a proof."""
        k, j, columns = self.lookups.bits, self.linear.bits, self.arch.columns
        points = self.rows + 3 + k * (k - 1) + 5 * (k - 1) + 2 + 2 * j + 3
        points += 2 * (columns.bit_length() - 1) + 3 * (2 * k + 1) + 3
        return points + 5 * (2 * k + 1) + columns + 4


def statement(key: Key, shape: Shape, proof: Proof, trace: Trace | None) -> Transcript:
    """Section 5: the transcript after the statement."""
    transcript = Transcript("zktern/v1/proof", trace)
    transcript.note("H32", shake(bytes(transcript.text), 32))
    transcript.absorb("curve", b"BN254 G1")
    transcript.absorb("generators", b"zktern/v1/bn254/generators")
    transcript.absorb("key", key.digest)
    transcript.absorb("ternarity", key.ternarity_digest)
    transcript.absorb("modes", shape.modes.encode())
    transcript.absorb("private", bytes([shape.private]))
    transcript.absorb("B", shape.batch.to_bytes(8, "big"))
    transcript.absorb("input", b"".join(v.to_bytes(4, "big", signed=True) for v in proof.inputs))
    transcript.absorb("logits", b"".join(v.to_bytes(8, "big", signed=True) for v in proof.outputs))
    transcript.absorb("context", proof.context)
    transcript.note("H32", shake(bytes(transcript.text), 32))
    return transcript


def check_counts(arch: Architecture, proof: Proof) -> int:
    """Numbers of inputs and outputs; gives B. The three counts are exactly those of B."""
    batch, rest = divmod(len(proof.outputs), arch.widths[-1])
    if rest or len(proof.inputs) != (0 if proof.private else batch * arch.widths[0]):
        raise Refused("the inputs and outputs do not fit the network")
    each = (0 if proof.private else arch.widths[0], arch.widths[-1])
    if (proof.inputs_each, proof.outputs_each) != each:
        raise Refused("the counts are not those of the network")
    if not 1 <= batch <= 65536:
        raise Refused("the batch is empty or too large")
    return batch


def check_statement(key: Key, proof: Proof) -> int:
    """What is refused before anything is absorbed; gives B."""
    arch = key.architecture
    if proof.key_digest != key.digest:
        raise Refused("the proof is of another key")
    batch = check_counts(arch, proof)
    if not all(arch.low <= value <= arch.high for value in proof.inputs):
        raise Refused("an input is out of range")
    bound = 1 << arch.last_bits
    if not all(-bound <= value < bound for value in proof.outputs):
        raise Refused("an output is out of range")
    return batch


class KeyRows:
    """Numbers of the key's rows among the bases, the first one's being `at`."""

    def __init__(self, arch: Architecture, at: int | None = None) -> None:
        self.arch = arch
        self.matrix: list[int] = []
        self.bias: list[int] = []
        at = ROWS + arch.columns if at is None else at
        for before, after in pairwise(arch.widths):
            self.matrix.append(at)
            at += after * arch.chunks(before)
            self.bias.append(at)
            at += arch.chunks(after)

    def weights(self, b: int, coefficients: Sequence[int]) -> list[Combination]:
        """A combination of the rows of a matrix."""
        chunks = self.arch.chunks(self.arch.widths[b])
        first = self.matrix[b]
        return [
            [(first + i * chunks + chunk, value) for i, value in enumerate(coefficients)]
            for chunk in range(chunks)
        ]

    def biases(self, b: int) -> list[Combination]:
        """The rows of a bias vector."""
        chunks = self.arch.chunks(self.arch.widths[b + 1])
        return [[(self.bias[b] + chunk, 1)] for chunk in range(chunks)]


class Stages:
    """Stages 1 to 3 of a proof (section 7)."""

    def __init__(self, shape: Shape, key_rows: KeyRows, reader: Reader, proof: Proof) -> None:
        self.shape, self.arch, self.key_rows = shape, shape.arch, key_rows
        self.reader, self.proof = reader, proof
        self.products: list[Product] = []
        self.vectors: dict[tuple[str, int], list[list[int]]] = {}

    def run(self) -> Body:
        """All stages."""
        self.read_rows()
        self.alpha, self.beta = self.reader.challenge("alpha"), self.reader.challenge("beta")
        self.read_lookups()
        self.at_leaf()
        self.read_linear()
        self.at_linear()
        claims = [self.claim_weights(), self.claim_inputs(), self.claim_lookups()]
        return Body(self.end, claims, self.products)

    def read_rows(self) -> None:
        """Stage 1: vectors by kind and number, then by input, then chunks."""
        shape, arch = self.shape, self.arch
        if shape.private:
            self.read_vectors("x", 0, shape.batch, arch.widths[0])
        for b, mode in enumerate(shape.modes):
            self.read_vectors("y", b, shape.batch, arch.widths[b + 1])
            if mode == "b":
                self.read_vectors("q", b, shape.batch, arch.widths[b + 1])
        for index, table in enumerate(shape.tables):
            self.read_vectors("m", index, 1, table.entries)

    def read_vectors(self, kind: str, index: int, count: int, width: int) -> None:
        """Vectors of one width."""
        chunks = range(self.arch.chunks(width))
        self.vectors[kind, index] = [
            [self.reader.base("row") for _ in chunks] for _ in range(count)
        ]

    def read_lookups(self) -> None:
        """Stage 2, up to the leaf point and the claim there."""
        reader, last = self.reader, self.shape.lookups.bits - 1
        p, q, total = (reader.hidden(name) for name in ("p_root", "q_root", "S"))
        self.total = total
        self.products.append((total, q, p))
        point: Point = ()
        for k in range(last + 1):
            lam = reader.challenge("lambda")
            claim, rounds = self.tree_rounds(q + p * lam, point)
            if k < last:
                p, q, tau = self.tree_ends(claim, lam)
            else:
                q, tau = self.leaf_ends(claim, lam)
            point = (tau, *rounds)
        self.leaf, self.leaf_claim = point, q

    def tree_rounds(self, claim: Form, point: Point) -> tuple[Form, Point]:
        """Rounds of one level."""
        rounds = []
        for coordinate in point:
            d, c = self.reader.hidden("d"), self.reader.hidden("c")
            r = self.reader.challenge("r")
            claim = claim + d * (r - coordinate) + c * (r * r - r)
            rounds.append(r)
        return claim, tuple(rounds)

    def tree_ends(self, claim: Form, lam: int) -> tuple[Form, Form, int]:
        """The end of a level that is not the last."""
        p0, p1, q0, q1, part = (self.reader.hidden(name) for name in ("p0", "p1", "q0", "q1", "A"))
        self.products.append((q1, q0 + p0 * lam, part))
        self.products.append((q0, p1 * lam, claim - part))
        tau = self.reader.challenge("tau")
        return p0 + (p1 - p0) * tau, q0 + (q1 - q0) * tau, tau

    def leaf_ends(self, claim: Form, lam: int) -> tuple[Form, int]:
        """The end of the last level."""
        q0, q1 = self.reader.hidden("q0"), self.reader.hidden("q1")
        self.products.append((q0 + lam, q1 + lam, claim + lam * lam))
        tau = self.reader.challenge("tau")
        return q0 + (q1 - q0) * tau, tau

    def table_key(self, pair: tuple[int, int], table: int) -> int:
        """The key of an entry; ids are counted from 1."""
        return (pair[0] + self.beta * pair[1] + self.beta * self.beta * (table + 1)) % R

    def at_leaf(self) -> None:
        """Public values at the leaf point."""
        shape, arch = self.shape, self.arch
        cut = len(self.leaf) - shape.batch_bits
        self.batch_eq = eq_all(self.leaf[cut:], shape.batch)
        self.one = sum(self.batch_eq) % R
        self.places = [
            Place(place.sel, place.loc[: len(place.loc) - shape.batch_bits])
            for place in shape.lookups.places(self.leaf)
        ]
        self.c = [0] * arch.layers
        self.r: list[Point] = [()] * arch.layers
        padding = shape.blocks[shape.lookups.order[0]].table
        const = self.table_key(shape.tables[padding].zero, padding)
        pad = const
        for block, place in zip(shape.blocks, self.places, strict=True):
            table = shape.tables[block.table]
            own = self.beta * self.beta * (block.table + 1) - pad
            if table.kind in ("accumulator", "remainder"):
                self.c[block.layer], self.r[block.layer] = place.sel, place.loc
            if table.kind == "remainder":
                own += arch.hidden[block.layer].half
            const += place.sel * own
        self.const = const % R

    def read_linear(self) -> None:
        """Stage 3, up to the end digest."""
        reader, last, width = self.reader, self.arch.layers - 1, self.arch.widths[-1]
        self.u = reader.hidden("u")
        self.r[last] = tuple(reader.challenge("r'") for _ in range(log(width)))
        self.gamma = self.c[last] = reader.challenge("gamma")
        weights, logits = eq_all(self.r[last], width), self.proof.outputs
        outputs = [logits[i * width : (i + 1) * width] for i in range(self.shape.batch)]
        self.at_end = combine(self.batch_eq, weights, outputs)
        self.note("Z", self.at_end)
        claim = self.u + self.gamma * self.at_end + self.total * (self.gamma * self.gamma)
        claim, self.s = plain_rounds(reader, claim, self.shape.linear.bits)
        self.w_hat, self.x_hat = reader.hidden("w_hat"), reader.hidden("x_hat")
        self.products.append((self.w_hat, self.x_hat, claim))
        self.end = end_digest(reader)

    def note(self, label: str, value: int) -> None:
        """Keep a public value for the trace."""
        self.reader.transcript.note(label, value.to_bytes(32, "big"))

    def at_linear(self) -> None:
        """Public parts at the linear point."""
        shape, arch = self.shape, self.arch
        places = shape.linear.places(self.s)
        layers, tables = arch.layers, len(shape.tables)
        self.layer_places, self.bias_places = places[:layers], places[layers + tables :]
        self.table_places = places[layers : layers + tables]
        weights = sum(place.sel * self.table_part(t) for t, place in enumerate(self.table_places))
        self.pw = weights * self.gamma * self.gamma % R
        self.px = sum(place.sel for place in self.bias_places) * self.one % R
        if not shape.private:
            width, place = arch.widths[0], self.layer_places[0]
            flat = self.proof.inputs
            inputs = [flat[i * width : (i + 1) * width] for i in range(shape.batch)]
            at_place = combine(self.batch_eq, eq_all(place.loc, width), inputs)
            self.px = (self.px + place.sel * at_place) % R
        values = (("c_0", self.c[0]), ("const", self.const), ("pw", self.pw), ("px", self.px))
        for label, value in values:
            self.note(label, value)

    def table_part(self, index: int) -> int:
        """The fractions of a table at its local point."""
        table = self.shape.tables[index]
        below = [(self.alpha - self.table_key(pair, index)) % R for pair in table.pairs()]
        if 0 in below:
            raise Refused("a challenge hits a key of a table")
        weights = eq_all(self.table_places[index].loc, table.entries)
        return sum(a * b for a, b in zip(weights, inverses(below), strict=True)) % R

    def batched(self, kind: str, layer: int) -> list[Combination]:
        """x*, y*, q'*: vectors of all inputs, combined."""
        chunks = zip(*self.vectors[kind, layer], strict=True)
        return [list(zip(chunk, self.batch_eq, strict=True)) for chunk in chunks]

    def claim_weights(self) -> Claim:
        """Claim 0."""
        claim, widths = Claim(self.w_hat - self.pw), self.arch.widths
        for b, place in enumerate(self.layer_places):
            scaled = [self.c[b] * value % R for value in eq_all(self.r[b], widths[b + 1])]
            rows = self.key_rows.weights(b, scaled)
            claim.functionals.append(Functional(rows, widths[b], place.loc, place.sel))
        for b, place in enumerate(self.bias_places):
            factor = place.sel * self.c[b] % R
            rows = self.key_rows.biases(b)
            claim.functionals.append(Functional(rows, widths[b + 1], self.r[b], factor))
        return claim

    def claim_inputs(self) -> Claim:
        """Claim 1."""
        claim, widths = Claim(self.x_hat - self.px), self.arch.widths
        for b, place in enumerate(self.layer_places):
            if b or self.shape.private:
                rows = self.batched("y", b - 1) if b else self.batched("x", 0)
                claim.functionals.append(Functional(rows, widths[b], place.loc, place.sel))
        for t, place in enumerate(self.table_places):
            rows = [[(base, 1)] for base in self.vectors["m", t][0]]
            entries = self.shape.tables[t].entries
            claim.functionals.append(Functional(rows, entries, place.loc, place.sel))
        return claim

    def claim_lookups(self) -> Claim:
        """Claim 2."""
        claim = Claim((self.leaf_claim + self.u) * -1 + (self.alpha - self.const))
        for block, place in zip(self.shape.blocks, self.places, strict=True):
            for kind, factor in self.lookup_parts(block):
                rows = self.batched(kind, max(block.layer, 0))
                scaled = place.sel * factor % R
                claim.functionals.append(Functional(rows, block.width, place.loc, scaled))
        return claim

    def lookup_parts(self, block: Block) -> list[tuple[str, int]]:
        """Vectors that a lookup block reads, with their factors."""
        kind = self.shape.tables[block.table].kind
        if kind == "remainder":
            return [("q", -(1 << self.arch.hidden[block.layer].shift))]
        if kind == "input":
            return [("x", 1)]
        return [("y", self.beta)] + ([("q", 1)] if kind == "activation" else [])


def combine(left: Sequence[int], right: Sequence[int], rows: Sequence[Sequence[int]]) -> int:
    """The bilinear form of integers."""
    total = 0
    for weight, row in zip(left, rows, strict=True):
        total += weight * sum(a * b for a, b in zip(right, row, strict=True))
    return total % R


def ternarity_rounds(reader: Reader, tau: Point) -> tuple[Form, Point]:
    """Rounds of the ternarity proof."""
    claim, point = Form(), []
    for coordinate in tau:
        d, c2, c3 = (reader.hidden(name) for name in ("d", "c2", "c3"))
        r = reader.challenge("r")
        claim = claim + d * (r - coordinate) + c2 * (r * r - r) + c3 * (r * r * r - r)
        point.append(r)
    return claim, tuple(point)


def ternarity_transcript(key: Key, trace: Trace | None = None) -> Transcript:
    """The transcript of a ternarity proof."""
    transcript = Transcript("zktern/v1/ternarity", trace)
    transcript.absorb("key", key.digest)
    return transcript


def ternarity_layout(arch: Architecture) -> Layout:
    """One block per layer."""
    return Layout([log(after) + log(before) for before, after in pairwise(arch.widths)])


def ternarity_body(key: Key, reader: Reader) -> Body:
    """What a ternarity proof leaves to the closing."""
    arch = key.architecture
    layout = ternarity_layout(arch)
    tau = tuple(reader.challenge("tau") for _ in range(layout.bits))
    value, point = ternarity_rounds(reader, tau)
    w, w2 = reader.hidden("w"), reader.hidden("w2")
    products = [(w, w, w2), (w2, w, value + w)]
    end, key_rows, claim = end_digest(reader), KeyRows(arch), Claim(w)
    for b, place in enumerate(layout.places(point)):
        cut = log(arch.widths[b + 1])
        rows = key_rows.weights(b, eq_all(place.loc[:cut], arch.widths[b + 1]))
        claim.functionals.append(Functional(rows, arch.widths[b], place.loc[cut:], place.sel))
    return Body(end, [claim], products)


def verify_ternarity(key: Key, trace: Trace | None = None, checks: bool = False) -> None:
    """Section 10; refused unless the proof is valid."""
    bases = Bases(key.architecture.columns, key.rows)
    reader = Reader(key.ternarity, bases, ternarity_transcript(key, trace))
    closing(reader, ternarity_body(key, reader), checks)


def verify(
    key: Key,
    proof: Proof,
    context: bytes,
    trace: Trace | None = None,
    checks: bool = False,
) -> list[str]:
    """A proof of a checked key, refused unless valid; gives the labels of its words."""
    shape = Shape(key.architecture, check_statement(key, proof), proof.private)
    if proof.context != context:
        raise Refused("the proof is bound to another context")
    if len(proof.words) != 32 * shape.word_count():
        raise Refused("the proof has a wrong number of words")
    bases = Bases(key.architecture.columns, key.rows)
    reader = Reader(proof.words, bases, statement(key, shape, proof, trace))
    body = Stages(shape, KeyRows(key.architecture), reader, proof).run()
    closing(reader, body, checks)
    return reader.labels


def load_key(data: bytes, checks: bool = False) -> Key:
    """A key, with its ternarity proof checked; what is wrong with a key makes the file unusable."""
    try:
        key = parse_key(data)
        if key.ternarity:
            verify_ternarity(key, None, checks)
    except Refused as error:
        raise Malformed(f"key: {error}") from error
    return key


def check_files(options: argparse.Namespace) -> None:
    """Everything that the command line asks for."""
    key = load_key(read(options.key), options.checks)
    proof = parse_proof(read(options.proof))
    if options.input and list(proof.inputs) != parse_npy(read(options.input)):
        raise Refused("the proof is about another input, or hides it")
    verify(key, proof, bytes.fromhex(options.context), None, options.checks)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Check a proof of zktern, slowly.")
    parser.add_argument("key", metavar="KEY")
    parser.add_argument("proof", metavar="PROOF")
    parser.add_argument("--context", metavar="HEX", default="")
    parser.add_argument("--input", metavar="FILE.npy")
    parser.add_argument("--checks", action="store_true", help="name the checks that fail (slower)")
    options = parser.parse_args()
    try:
        check_files(options)
    except Malformed as error:
        print(f"malformed: {error}", file=sys.stderr)
        return 2
    except Refused as error:
        print(f"refused: {error}", file=sys.stderr)
        return 1
    except (OSError, ValueError, SyntaxError, KeyError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print("valid")
    return 0


if __name__ == "__main__":
    sys.exit(main())
