"""Aggregates: leaves, merges and a decider, in one file. Files and verifier.

    aggregate.py FILE --key KEY [--key KEY ..] [--context HEX] [--checks]

Exit status 0: every leaf is a valid statement. 1: it is refused. 2: a file cannot be read as what
it should be.
"""

from __future__ import annotations

import argparse
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from bn254 import R, Refused, scalar
from files import Cursor, Key, Malformed, Proof, frame, read, unframe
from multilinear import Point, eq_all, eqmask, log
from protocol import (
    ROWS,
    Bases,
    Body,
    Form,
    G,
    H,
    Reader,
    Transcript,
    end_digest,
    plain_rounds,
    reduce_claims,
    respond,
    weighted_sum,
)
from verifier import KeyRows, Shape, Stages, check_statement, load_key, statement

MAX_LEAVES, MAX_ENTRIES, MAX_DEPTH = 4096, 8192, 32


@dataclass(frozen=True)
class Merge:
    """An entry that takes the last accumulators."""

    count: int
    words: bytes


Entry = Proof | Merge


@dataclass(frozen=True)
class Secret:
    """What opens an accumulator: row and value, each with its blind; point; digest."""

    row: tuple[int, ...]
    row_blind: int
    value: int
    value_blind: int
    point: Point
    digest: bytes

    def encode(self) -> bytes:
        """The end of a deferred file."""
        scalars = (*self.row, self.row_blind, self.value, self.value_blind, *self.point)
        words = b"".join(value.to_bytes(32, "big") for value in scalars)
        return bytes([len(self.point)]) + words + self.digest


@dataclass(frozen=True)
class Aggregate:
    """An aggregate, or with a secret a deferred file; a leaf is a proof without an opening."""

    digests: tuple[bytes, ...]
    context: bytes
    entries: tuple[Entry, ...]
    secret: Secret | None = None

    @property
    def leaves(self) -> list[Proof]:
        """The leaves, in order."""
        return [entry for entry in self.entries if isinstance(entry, Proof)]

    def encode(self) -> bytes:
        """The file."""
        payload = struct.pack("<I", len(self.digests)) + b"".join(self.digests)
        payload += struct.pack("<Q", len(self.context)) + self.context
        payload += struct.pack("<I", len(self.entries))
        payload += b"".join(map(self.encode_entry, self.entries))
        if self.secret is None:
            return frame("A", payload)
        return frame("D", payload + self.secret.encode())

    def encode_entry(self, entry: Entry) -> bytes:
        """A leaf or a merge."""
        words = struct.pack("<Q", len(entry.words)) + entry.words
        if isinstance(entry, Merge):
            return struct.pack("<BI", 1, entry.count) + words
        counts = (entry.batch, entry.inputs_each, entry.outputs_each)
        numbers = entry.inputs + entry.outputs
        head = struct.pack("<BI", 0, self.digests.index(entry.key_digest))
        head += struct.pack("<B3I", entry.private, *counts)
        return head + struct.pack(f"<{len(numbers)}i", *numbers) + words


def parse_leaf(cursor: Cursor, digests: Sequence[bytes], context: bytes) -> Proof:
    """An entry that is a leaf."""
    number, private = cursor.unpack("I"), cursor.unpack("B")
    batch, inputs_each, outputs_each = (cursor.unpack("I") for _ in range(3))
    if number >= len(digests):
        raise Malformed("a leaf is of a key that is not in the list")
    if private > 1 or not batch or (inputs_each == 0) != (private == 1):
        raise Malformed("private, batch and inputs do not fit together")
    inputs = tuple(cursor.integers(batch * inputs_each))
    outputs = tuple(cursor.integers(batch * outputs_each))
    shape = (batch, inputs_each, outputs_each)
    return Proof(digests[number], private == 1, *shape, context, inputs, outputs, cursor.blob())


def parse_aggregate(data: bytes, kind: str = "A") -> Aggregate:
    """A file of kind A or D."""
    cursor = Cursor(unframe(kind, data))
    count = cursor.unpack("I")
    digests = tuple(cursor.take(64) for _ in range(count))
    context = cursor.blob()
    if len(context) > 65536:
        raise Malformed("the context is too long")
    if len(set(digests)) < count:
        raise Malformed("a key is listed twice")
    entries: list[Entry] = []
    for _ in range(cursor.unpack("I")):
        tag = cursor.unpack("B")
        if tag > 1:
            raise Malformed("an entry is neither leaf nor merge")
        if tag:
            entries.append(Merge(cursor.unpack("I"), cursor.blob()))
        else:
            entries.append(parse_leaf(cursor, digests, context))
    secret = parse_secret_row(cursor) if kind == "D" else None
    cursor.finish()
    result = Aggregate(digests, context, tuple(entries), secret)
    check_tree(result)
    return result


def parse_secret_row(cursor: Cursor) -> Secret:
    """The end of a deferred file."""
    bits = cursor.unpack("B")
    if bits > 16:
        raise Malformed("the secret's row is too wide")
    row = tuple(scalar(cursor.take(32)) for _ in range(1 << bits))
    blinds = [scalar(cursor.take(32)) for _ in range(3)]
    point = tuple(scalar(cursor.take(32)) for _ in range(bits))
    return Secret(row, blinds[0], blinds[1], blinds[2], point, cursor.take(64))


def check_tree(found: Aggregate) -> None:
    """Refused unless the entries are one tree, with a decider unless it is deferred."""
    if len(found.entries) > MAX_ENTRIES or not 1 <= len(found.leaves) <= MAX_LEAVES:
        raise Malformed("the number of entries is not allowed")
    depths: list[int] = []
    for entry in found.entries:
        if isinstance(entry, Proof):
            depths.append(0)
        elif 1 <= entry.count <= len(depths):
            depth = 1 + max(depths[-entry.count :])
            depths[-entry.count :] = [depth]
            if depth > MAX_DEPTH:
                raise Malformed("the tree is too deep")
        else:
            raise Malformed("a merge takes more than there is, or nothing")
    if list(dict.fromkeys(leaf.key_digest for leaf in found.leaves)) != list(found.digests):
        raise Malformed("the keys are not those of the leaves, in the order of their first use")
    if len(depths) != 1 or (found.secret is None and isinstance(found.entries[-1], Proof)):
        raise Refused("the entries are not one tree with a decider")


@dataclass(frozen=True)
class Accumulator:
    """What is left: the row has the value at the point."""

    row: Form
    point: Point
    value: Form
    digest: bytes


def leaf(reader: Reader, body: Body) -> tuple[Accumulator, list[Form]]:
    """The closing of a leaf, and its checks."""
    reader.transcript = Transcript("zktern/v1/leaf", reader.transcript.trace)
    reader.transcript.absorb("proof", body.end)
    row, value, t = reader.reduced = reduce_claims(reader, body, reader.bases.columns)
    checks = respond(reader, body.products, opening=False)
    return Accumulator(row, t, value, end_digest(reader)), checks


def merge_transcript(children: Sequence[bytes], root: bool) -> Transcript:
    """The transcript of a merge over the digests of its children."""
    transcript = Transcript("zktern/v1/decide" if root else "zktern/v1/merge")
    transcript.absorb("count", len(children).to_bytes(8, "big"))
    for digest in children:
        transcript.absorb("accumulator", digest)
    return transcript


def merge(
    reader: Reader, children: Sequence[Accumulator], root: bool
) -> tuple[Accumulator, list[Form]]:
    """A merge, or the decider, and its checks."""
    rho, columns = reader.challenge("rho"), reader.bases.columns
    value = weighted_sum([child.value for child in children], rho)
    value, t = plain_rounds(reader, value, log(columns))
    rows = [child.row * eqmask(child.point, t, columns) for child in children]
    reader.reduced = weighted_sum(rows, rho), value, t
    checks = respond(reader, [], opening=root)
    digest = b"" if root else end_digest(reader)
    return Accumulator(reader.reduced[0], t, value, digest), checks


def leaf_words(shape: Shape) -> int:
    """Words of a leaf: those of a proof, but for Delta, E and the opening."""
    return shape.word_count() - shape.arch.columns - 4


def merge_words(columns: int, root: bool) -> int:
    """Words of a merge: rounds, K and two responses; the decider's opening."""
    return 2 * log(columns) + 3 + (columns + 4 if root else 0)


class Check:
    """All that is to be checked of an aggregate of known keys."""

    def __init__(self, keys: Sequence[Key], found: Aggregate, context: bytes) -> None:
        self.found, self.known = found, {key.digest: key for key in keys}
        if found.context != context:
            raise Refused("the aggregate is bound to another context")
        if not set(found.digests) <= set(self.known):
            raise Refused("the aggregate is of other keys")
        self.keys = [self.known[digest] for digest in found.digests]
        widths = {key.architecture.columns for key in self.keys}
        if len(widths) > 1:
            raise Refused("the rows of the keys differ in width")
        self.columns = widths.pop()
        if found.secret and len(found.secret.row) != self.columns:
            raise Refused("the secret has another width than the rows of the keys")
        self.shapes = [self.shape(entry) for entry in found.leaves]
        self.check_words()
        self.bases = Bases(self.columns, ())
        self.key_rows: dict[bytes, KeyRows] = {}
        for key in self.keys:
            self.key_rows[key.digest] = KeyRows(key.architecture, len(self.bases.points))
            self.bases.points += key.rows
        self.checks: list[tuple[str, Form]] = []
        self.transcript = Transcript("none")

    def shape(self, proof: Proof) -> Shape:
        """The shape of a leaf, its statement checked."""
        key = self.known[proof.key_digest]
        return Shape(key.architecture, check_statement(key, proof), proof.private)

    def check_words(self) -> None:
        """The length of every entry follows from the statements."""
        shapes, last = iter(self.shapes), len(self.found.entries) - 1
        for number, entry in enumerate(self.found.entries):
            if isinstance(entry, Proof):
                count = leaf_words(next(shapes))
            else:
                count = merge_words(self.columns, self.is_root(number, last))
            if len(entry.words) != 32 * count:
                raise Refused(f"entry {number} has a wrong number of words")

    def is_root(self, number: int, last: int) -> bool:
        """Whether an entry is the decider."""
        return self.found.secret is None and number == last

    def run(self) -> Accumulator:
        """Every entry in order; gives the last accumulator."""
        shapes, stack, bodies = iter(self.shapes), [], set()
        last = len(self.found.entries) - 1
        for number, entry in enumerate(self.found.entries):
            if isinstance(entry, Proof):
                body, accumulator, checks = self.leaf(entry, next(shapes))
                if body in bodies:
                    raise Refused("a leaf is there twice")
                bodies.add(body)
            else:
                children = stack[-entry.count :]
                del stack[-entry.count :]
                accumulator, checks = self.merge(entry, children, self.is_root(number, last))
            stack.append(accumulator)
            self.checks += [(f"entry {number}, check {i}", form) for i, form in enumerate(checks)]
        return stack[0]

    def leaf(self, proof: Proof, shape: Shape) -> tuple[bytes, Accumulator, list[Form]]:
        """A leaf and the digest of its body."""
        key = self.known[proof.key_digest]
        reader = Reader(proof.words, self.bases, statement(key, shape, proof, None))
        body = Stages(shape, self.key_rows[key.digest], reader, proof).run()
        accumulator, checks = leaf(reader, body)
        reader.finish()
        return body.end, accumulator, checks

    def merge(
        self, entry: Merge, children: list[Accumulator], root: bool
    ) -> tuple[Accumulator, list[Form]]:
        """A merge or the decider."""
        self.transcript = merge_transcript([child.digest for child in children], root)
        reader = Reader(entry.words, self.bases, self.transcript)
        accumulator, checks = merge(reader, children, root)
        reader.finish()
        return accumulator, checks

    def finish(self, xi: int, name_checks: bool) -> None:
        """One equation for all checks."""
        final = weighted_sum([form for _, form in self.checks], xi)
        if not self.bases.is_identity(final):
            bad = [name for name, form in self.checks if not self.bases.is_identity(form)]
            raise Refused("the final equation does not hold" + name_checks * f": {bad}")


def verify_aggregate(
    keys: Sequence[Key], found: Aggregate, context: bytes, checks: bool = False
) -> None:
    """An aggregate of checked keys, refused unless valid."""
    check = Check(keys, found, context)
    check.run()
    check.finish(check.transcript.challenge("xi"), checks)


def verify_deferred(keys: Sequence[Key], found: Aggregate, context: bytes) -> None:
    """A deferred file with its secret: all that must hold before it is merged."""
    check = Check(keys, found, context)
    left, secret = check.run(), found.secret
    if secret is None or (left.point, left.digest) != (secret.point, secret.digest):
        raise Refused("the secret is of something else")
    row = Form({ROWS + j: value for j, value in enumerate(secret.row)} | {H: secret.row_blind})
    check.checks += [("row", left.row - row)]
    check.checks += [("value", left.value - Form({G: secret.value, H: secret.value_blind}))]
    at_point = zip(eq_all(left.point, check.columns), secret.row, strict=True)
    if sum(a * b for a, b in at_point) % R != secret.value:
        raise Refused("the row has another value at the point")
    check.finish(Transcript("alone").challenge("xi"), True)


def check_files(options: argparse.Namespace) -> None:
    """Everything that the command line asks for."""
    keys = [load_key(read(path), options.checks) for path in options.key]
    found = parse_aggregate(read(options.file))
    verify_aggregate(keys, found, bytes.fromhex(options.context), options.checks)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Check an aggregate of zktern, slowly.")
    parser.add_argument("file", metavar="FILE")
    parser.add_argument("--key", metavar="KEY", action="append", required=True)
    parser.add_argument("--context", metavar="HEX", default="")
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
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print("valid")
    return 0


if __name__ == "__main__":
    sys.exit(main())
