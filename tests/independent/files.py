"""Files of zktern: frames, keys, proofs, models (sections 2 to 4 of FORMAT.md), and .npy inputs."""

from __future__ import annotations

import ast
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from bn254 import Affine, Refused, compress, shake, uncompressed

MAX_WIDTH = 1 << 20


class Malformed(Refused):
    """A file that cannot be read as what it should be."""


class Cursor:
    """Fields of a payload, one after the other."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, size: int) -> bytes:
        """The next bytes."""
        if size > len(self.data) - self.at:
            raise Malformed("a field is longer than what is left")
        self.at += size
        return self.data[self.at - size : self.at]

    def unpack(self, kind: str) -> int:
        """The next little-endian integer, of a struct format character."""
        value: int = struct.unpack("<" + kind, self.take(struct.calcsize("<" + kind)))[0]
        return value

    def integers(self, count: int) -> list[int]:
        """The next i32 integers."""
        return list(struct.unpack(f"<{count}i", self.take(4 * count)))

    def blob(self) -> bytes:
        """A length and that many bytes."""
        return self.take(self.unpack("Q"))

    def finish(self) -> None:
        """Nothing may be left."""
        if self.at != len(self.data):
            raise Malformed("bytes are left after the last field")


def frame(kind: str, payload: bytes) -> bytes:
    """The file of a payload."""
    body = b"zktern" + kind.encode() + struct.pack("<BIQ", 0, 1, len(payload)) + payload
    return body + shake(body, 32)


def unframe(kind: str, data: bytes) -> bytes:
    """The payload of a file."""
    cursor = Cursor(data)
    if cursor.take(8) != b"zktern" + kind.encode() + b"\0" or cursor.unpack("I") != 1:
        raise Malformed(f"this is not a file of kind {kind}, version 1")
    payload = cursor.blob()
    digest = shake(data[: cursor.at], 32)
    if cursor.take(32) != digest:
        raise Malformed("the digest of the file does not fit its content")
    cursor.finish()
    return payload


@dataclass(frozen=True)
class Hidden:
    """What follows a hidden layer: shift, clamp, and the bound 2^k of its accumulators."""

    shift: int
    low: int
    high: int
    bits: int

    @property
    def half(self) -> int:
        """The rounding term."""
        return (1 << self.shift) >> 1

    def activate(self, accumulator: int) -> tuple[int, int]:
        """q' and y of an accumulator z."""
        quotient = (accumulator + self.half) >> self.shift
        return quotient, min(max(quotient, self.low), self.high)


@dataclass(frozen=True)
class Architecture:
    """The public part of a model."""

    columns: int
    widths: tuple[int, ...]
    low: int
    high: int
    last_bits: int
    hidden: tuple[Hidden, ...]

    @property
    def layers(self) -> int:
        """L."""
        return len(self.widths) - 1

    def chunks(self, width: int) -> int:
        """Rows that commit to one vector."""
        return -(-width // self.columns)

    def row_count(self) -> int:
        """Rows of the key."""
        pairs = pairwise(self.widths)
        return sum(after * self.chunks(before) + self.chunks(after) for before, after in pairs)

    def encode(self) -> bytes:
        """The blob."""
        values = [self.columns, self.layers, *self.widths, self.low, self.high, self.last_bits]
        for item in self.hidden:
            values += [item.shift, item.low, item.high, item.bits]
        return struct.pack(f">{len(values)}q", *values)

    def check(self) -> None:
        """Refuse what section 4 does not allow."""
        clamps = [(self.low, self.high), *((item.low, item.high) for item in self.hidden)]
        allowed = (
            self.columns in {1 << bit for bit in range(17)},
            2 <= self.layers <= 256,
            all(1 <= width <= MAX_WIDTH for width in self.widths),
            all(-MAX_WIDTH <= low <= 0 <= high <= MAX_WIDTH for low, high in clamps),
            all(0 <= item.shift <= item.bits <= 30 for item in self.hidden),
            0 <= self.last_bits <= 30,
        )
        if not all(allowed):
            raise Malformed("the architecture is outside of what is allowed")


def parse_architecture(blob: bytes) -> Architecture:
    """Section 4."""
    if len(blob) % 8 or len(blob) < 16:
        raise Malformed("the architecture has a wrong size")
    values = struct.unpack(f">{len(blob) // 8}q", blob)
    layers = values[1]
    if not 2 <= layers <= 256 or len(values) != 2 + (layers + 1) + 3 + 4 * (layers - 1):
        raise Malformed("the architecture has a wrong size")
    rest = values[layers + 3 :]
    hidden = tuple(Hidden(*rest[3 + 4 * b : 7 + 4 * b]) for b in range(layers - 1))
    architecture = Architecture(
        values[0], tuple(values[2 : layers + 3]), rest[0], rest[1], rest[2], hidden
    )
    architecture.check()
    return architecture


@dataclass(frozen=True)
class Key:
    """A verifying key; its ternarity proof is not checked here."""

    architecture: Architecture
    rows: tuple[Affine, ...]
    ternarity: bytes

    def encode(self) -> bytes:
        """The file."""
        blob = self.architecture.encode()
        points = b"".join(c.to_bytes(32, "big") for row in self.rows for c in row)
        payload = struct.pack("<Q", len(blob)) + blob + struct.pack("<Q", len(self.rows)) + points
        return frame("V", payload + struct.pack("<Q", len(self.ternarity)) + self.ternarity)

    @property
    def digest(self) -> bytes:
        """The key digest."""
        blob = self.architecture.encode()
        head = b"zktern/v1/key" + len(blob).to_bytes(8, "big") + blob
        return shake(head + b"".join(map(compress, self.rows)), 64)

    @property
    def ternarity_digest(self) -> bytes:
        """The ternarity digest."""
        return shake(self.ternarity, 64) if self.ternarity else b""


def parse_key(data: bytes) -> Key:
    """A `.vk` file."""
    cursor = Cursor(unframe("V", data))
    architecture = parse_architecture(cursor.blob())
    count = cursor.unpack("Q")
    if count != architecture.row_count():
        raise Malformed("the number of rows is not that of the architecture")
    points = cursor.take(64 * count)
    ternarity = cursor.blob()
    cursor.finish()
    rows = tuple(uncompressed(points[64 * i : 64 * i + 64]) for i in range(count))
    return Key(architecture, rows, ternarity)


@dataclass(frozen=True)
class Proof:
    """A proof file."""

    key_digest: bytes
    private: bool
    batch: int
    inputs_each: int
    outputs_each: int
    context: bytes
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    words: bytes

    def encode(self) -> bytes:
        """The file."""
        counts = struct.pack("<B3I", self.private, self.batch, self.inputs_each, self.outputs_each)
        numbers = self.inputs + self.outputs
        payload = self.key_digest + counts + struct.pack("<Q", len(self.context)) + self.context
        payload += struct.pack(f"<{len(numbers)}i", *numbers)
        return frame("P", payload + struct.pack("<Q", len(self.words)) + self.words)


def parse_proof(data: bytes) -> Proof:
    """A `.proof` file."""
    cursor = Cursor(unframe("P", data))
    digest, private = cursor.take(64), cursor.unpack("B")
    batch, inputs_each, outputs_each = (cursor.unpack("I") for _ in range(3))
    if private > 1 or not batch or (inputs_each == 0) != (private == 1):
        raise Malformed("private, batch and inputs do not fit together")
    context = cursor.blob()
    if len(context) > 65536:
        raise Malformed("the context is too long")
    inputs = tuple(cursor.integers(batch * inputs_each))
    outputs = tuple(cursor.integers(batch * outputs_each))
    words = cursor.blob()
    cursor.finish()
    shape = (batch, inputs_each, outputs_each)
    return Proof(digest, private == 1, *shape, context, inputs, outputs, words)


@dataclass(frozen=True)
class Layer:
    """A linear layer and, but for the last, its shift and clamp."""

    weights: tuple[tuple[int, ...], ...]
    biases: tuple[int, ...]
    requantise: tuple[int, int, int] | None


@dataclass(frozen=True)
class Model:
    """A `.tern` file."""

    name: str
    low: int
    high: int
    layers: tuple[Layer, ...]

    @property
    def widths(self) -> tuple[int, ...]:
        """w_0 .. w_L."""
        return (len(self.layers[0].weights[0]), *(len(layer.biases) for layer in self.layers))


def weight_row(packed: bytes, count: int) -> tuple[int, ...]:
    """Ternary entries, two bits each."""
    codes = [byte >> shift & 3 for byte in packed for shift in (0, 2, 4, 6)]
    if 3 in codes or any(codes[count:]):
        raise Malformed("a weight is not -1, 0 or 1")
    return tuple((0, 1, -1)[code] for code in codes[:count])


def parse_layer(cursor: Cursor, last: bool) -> Layer:
    """One layer of a model."""
    outputs, inputs, flag = cursor.unpack("I"), cursor.unpack("I"), cursor.unpack("B")
    if not (1 <= outputs <= MAX_WIDTH and 1 <= inputs <= MAX_WIDTH) or flag != (not last):
        raise Malformed("a layer has a wrong head")
    requantise = None if last else (cursor.unpack("I"), cursor.unpack("i"), cursor.unpack("i"))
    biases = tuple(cursor.integers(outputs))
    stride = -(-inputs // 4)
    weights = tuple(weight_row(cursor.take(stride), inputs) for _ in range(outputs))
    return Layer(weights, biases, requantise)


def parse_model(data: bytes) -> Model:
    """A `.tern` file."""
    cursor = Cursor(unframe("M", data))
    name = cursor.blob().decode()
    low, high = cursor.integers(2)
    count = cursor.unpack("I")
    if not 2 <= count <= 256:
        raise Malformed("the number of layers is not allowed")
    layers = tuple(parse_layer(cursor, index == count - 1) for index in range(count))
    cursor.finish()
    for before, after in pairwise(layers):
        if len(after.weights[0]) != len(before.biases):
            raise Malformed("widths do not chain")
    return Model(name, low, high, layers)


def pack_row(row: tuple[int, ...]) -> bytes:
    """The bytes of a row of ternary weights."""
    padded = row + (0,) * (-len(row) % 4)
    codes = [{0: 0, 1: 1, -1: 2}[weight] for weight in padded]
    return bytes(
        codes[i] | codes[i + 1] << 2 | codes[i + 2] << 4 | codes[i + 3] << 6
        for i in range(0, len(codes), 4)
    )


def encode_layer(layer: Layer) -> bytes:
    """One layer of a model."""
    data = struct.pack("<II", len(layer.biases), len(layer.weights[0]))
    data += struct.pack("<BIii", 1, *layer.requantise) if layer.requantise else b"\0"
    data += struct.pack(f"<{len(layer.biases)}i", *layer.biases)
    return data + b"".join(map(pack_row, layer.weights))


def encode_model(model: Model) -> bytes:
    """The file of a model."""
    name = model.name.encode()
    head = struct.pack("<Q", len(name)) + name
    head += struct.pack("<iiI", model.low, model.high, len(model.layers))
    return frame("M", head + b"".join(map(encode_layer, model.layers)))


def encode_npy(rows: list[list[int]]) -> bytes:
    """A .npy file of i32."""
    head = f"{{'descr': '<i4', 'fortran_order': False, 'shape': ({len(rows)}, {len(rows[0])}), }}"
    head = head.ljust(117) + "\n"
    flat = [value for row in rows for value in row]
    return b"\x93NUMPY\x01\0" + struct.pack(f"<H118s{len(flat)}i", 118, head.encode(), *flat)


def npy_values(body: bytes, code: str, order: str) -> Iterator[int]:
    """Integers of the data part of a .npy file."""
    formats = {"u1": "B", "i1": "b", "u2": "H", "i2": "h", "u4": "I", "i4": "i", "i8": "q"}
    if code not in formats:
        raise Malformed(f"arrays of {code} are not read here")
    size = int(code[1])
    if len(body) % size:
        raise Malformed("the array has a wrong size")
    return iter(struct.unpack(f"{order}{len(body) // size}{formats[code]}", body))


def parse_npy(data: bytes) -> list[int]:
    """All integers of a .npy file, one input after the other."""
    if data[:6] != b"\x93NUMPY" or len(data) < 12:
        raise Malformed("this is no .npy file")
    start = 10 if data[6] == 1 else 12
    size = int.from_bytes(data[8:start], "little")
    head = ast.literal_eval(data[start : start + size].decode("latin-1").strip())
    if head["fortran_order"]:
        raise Malformed("arrays in Fortran order are not read here")
    order = ">" if head["descr"][0] == ">" else "<"
    return list(npy_values(data[start + size :], head["descr"][1:], order))


def read(path: str | Path) -> bytes:
    """The bytes of a file."""
    return Path(path).read_bytes()
