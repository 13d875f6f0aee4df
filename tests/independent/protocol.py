"""Transcript, linear forms, and the closing (sections 1, 5 and 8 of FORMAT.md)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from bn254 import (
    Affine,
    R,
    Refused,
    decompress,
    generator,
    multiply_sum,
    row_generator,
    scalar,
    shake,
)
from multilinear import Point, eq, eq_all, eqmask

G, H, ROWS = 0, 1, 2


class Transcript:
    """A byte string that grows, and challenges of it."""

    def __init__(self, domain: str, trace: list[tuple[str, bytes]] | None = None) -> None:
        self.text = bytearray()
        self.trace = trace
        self.absorb("init", domain.encode())

    def label(self, kind: bytes, label: str) -> None:
        """Append the head of an entry."""
        self.text += kind + len(label.encode()).to_bytes(4, "big") + label.encode()

    def absorb(self, label: str, data: bytes) -> None:
        """Append data."""
        self.label(b"A", label)
        self.text += len(data).to_bytes(8, "big") + data

    def squeeze(self, label: str) -> bytes:
        """64 bytes that depend on everything before."""
        self.label(b"S", label)
        return shake(bytes(self.text), 64)

    def challenge(self, label: str) -> int:
        """A challenge."""
        value = int.from_bytes(self.squeeze(label), "big") % R
        self.note(label, value.to_bytes(32, "big"))
        return value

    def note(self, label: str, data: bytes) -> None:
        """Keep a value for whoever compares step by step."""
        if self.trace is not None:
            self.trace.append((label, data))


class Form:
    """A linear form of points: coefficients by the number of a base."""

    __slots__ = ("terms",)

    def __init__(self, terms: dict[int, int] | None = None) -> None:
        self.terms = terms or {}

    def __add__(self, other: Form | int) -> Form:
        terms = dict(self.terms)
        for base, value in (other.terms if isinstance(other, Form) else {G: other}).items():
            terms[base] = (terms.get(base, 0) + value) % R
        return Form(terms)

    def __mul__(self, factor: int) -> Form:
        return Form({base: value * factor % R for base, value in self.terms.items()})

    __rmul__ = __mul__

    def __sub__(self, other: Form | int) -> Form:
        return self + other * -1


Product = tuple[Form, Form, Form]


class Bases:
    """All points of one verification, by number: G, H, G_j, the rows of the key, the proof's."""

    def __init__(self, columns: int, rows: Iterable[Affine]) -> None:
        self.columns = columns
        self.points: list[Affine] = [generator(b"G"), generator(b"H")]
        self.points += [row_generator(j) for j in range(columns)]
        self.points += rows

    def append(self, point: Affine) -> int:
        """The number of a new point."""
        self.points.append(point)
        return len(self.points) - 1

    def is_identity(self, form: Form) -> bool:
        """Whether a form of these points is the identity."""
        terms = [(base, value) for base, value in form.terms.items() if value]
        total = multiply_sum([self.points[base] for base, _ in terms], [v for _, v in terms])
        return not total[2]


class Reader:
    """Words of a proof, absorbed into the transcript as they are read."""

    def __init__(self, words: bytes, bases: Bases, transcript: Transcript) -> None:
        self.words, self.bases, self.transcript, self.at = words, bases, transcript, 0
        self.sent: list[Form] = []
        self.labels: list[str] = []
        self.reduced: tuple[Form, Form, Point] = (Form(), Form(), ())

    def word(self, label: str) -> bytes:
        """The next word."""
        word = self.words[self.at : self.at + 32]
        if len(word) < 32:
            raise Refused("the proof has too few words")
        self.at += 32
        self.labels.append(label)
        self.transcript.absorb(label, word)
        self.transcript.note(label, word)
        return word

    def base(self, label: str) -> int:
        """The number of the point that is read."""
        return self.bases.append(decompress(self.word(label)))

    def point(self, label: str) -> Form:
        """A point that hides no scalar to be known."""
        return Form({self.base(label): 1})

    def hidden(self, label: str) -> Form:
        """A hidden scalar."""
        form = self.point(label)
        self.sent.append(form)
        return form

    def scalar(self, label: str) -> int:
        """A scalar."""
        return scalar(self.word(label))

    def challenge(self, label: str) -> int:
        """A challenge."""
        return self.transcript.challenge(label)

    def finish(self) -> None:
        """Nothing may be left."""
        if self.at != len(self.words):
            raise Refused("the proof has too many words")


def plain_rounds(reader: Reader, claim: Form, count: int) -> tuple[Form, Point]:
    """Rounds of a plain quadratic sumcheck."""
    point = []
    for _ in range(count):
        a, c = reader.hidden("a"), reader.hidden("c")
        r = reader.challenge("r")
        claim = a * (1 - 2 * r) + c * (r * r - r) + claim * r
        point.append(r)
    return claim, tuple(point)


Combination = list[tuple[int, int]]


@dataclass(frozen=True)
class Functional:
    """`F(v, n, pt, k)`; chunk by chunk the rows of v with their coefficients."""

    chunks: list[Combination]
    width: int
    point: Point
    factor: int

    def mask(self, chunk: int, t: Point) -> int:
        """The masked eq of a chunk's columns."""
        columns = 1 << len(t)
        low = (0,) * (len(t) - len(self.point)) + self.point[self.cut(t) :]
        return eqmask(low, t, min(columns, self.width - chunk * columns))

    def cut(self, t: Point) -> int:
        """Coordinates that choose the chunk."""
        return max(0, len(self.point) - len(t))

    def opened(self, t: Point, power: int) -> Form:
        """What it adds to the row that is opened at t."""
        terms: dict[int, int] = {}
        for chunk, rows in enumerate(self.chunks):
            above = eq(self.point[: self.cut(t)], chunk)
            factor = power * self.factor * above * self.mask(chunk, t) % R
            for base, value in rows:
                terms[base] = (terms.get(base, 0) + factor * value) % R
        return Form(terms)


@dataclass
class Claim:
    """A hidden scalar and the functionals whose sum it must be."""

    scalar: Form
    functionals: list[Functional] = field(default_factory=list)


@dataclass
class Body:
    """What the first stages leave to the closing."""

    end: bytes
    claims: list[Claim]
    products: list[Product]


def product_checks(product: Product, first: Sequence[Form], z: Sequence[int], c: int) -> list[Form]:
    """The three checks of a product."""
    x, y, value = product
    return [
        first[0] + x * c - Form({G: z[0], H: z[1]}),
        first[1] + y * c - Form({G: z[2], H: z[3]}),
        first[2] + value * c - x * z[2] - Form({H: z[4]}),
    ]


def opening_checks(
    first: Sequence[Form], row: Form, value: Form, c: int, opened: Sequence[int], t: Point
) -> list[Form]:
    """The two checks of the opening; `opened` ends with the two blinds."""
    columns = len(opened) - 2
    entries = Form({ROWS + j: opened[j] for j in range(columns)} | {H: opened[columns]})
    at_t = sum(a * b for a, b in zip(eq_all(t, columns), opened, strict=False)) % R
    return [
        first[0] + row * c - entries,
        first[1] + value * c - Form({G: at_t, H: opened[columns + 1]}),
    ]


def weighted_sum(forms: Iterable[Form], challenge: int) -> Form:
    """Sum of forms with the powers of a challenge."""
    total: dict[int, int] = {}
    power = 1
    for form in forms:
        for base, value in form.terms.items():
            total[base] = (total.get(base, 0) + power * value) % R
        power = power * challenge % R
    return Form(total)


def reduce_claims(reader: Reader, body: Body, columns: int) -> tuple[Form, Form, Point]:
    """Stage 4: the row that is opened, its value, and the point."""
    rho = reader.challenge("rho")
    value = weighted_sum([claim.scalar for claim in body.claims], rho)
    value, t = plain_rounds(reader, value, columns.bit_length() - 1)
    parts = []
    for number, claim in enumerate(body.claims):
        power = pow(rho, number, R)
        for item in claim.functionals:
            reader.transcript.note("eqmask", item.mask(0, t).to_bytes(32, "big"))
            parts.append(item.opened(t, power))
    return weighted_sum(parts, 1), value, t


def closing(reader: Reader, body: Body, name_checks: bool = False) -> None:
    """Stages 4 and 5, refused unless everything holds."""
    columns = reader.bases.columns
    reader.transcript = Transcript("zktern/v1/close", reader.transcript.trace)
    reader.transcript.absorb("count", (1).to_bytes(8, "big"))
    reader.transcript.absorb("proof", body.end)
    reader.reduced = reduce_claims(reader, body, columns)
    checks = respond(reader, body.products, opening=True)
    reader.finish()
    final = weighted_sum(checks, reader.challenge("xi"))
    if not reader.bases.is_identity(final):
        names = failed(reader, checks) if name_checks else ""
        raise Refused("the final equation does not hold" + names)


def respond(reader: Reader, products: Sequence[Product], *, opening: bool) -> list[Form]:
    """Stage 5, with or without the opening of what was reduced; gives the checks."""
    row, value, t = reader.reduced
    known = weighted_sum(reader.sent, reader.challenge("epsilon"))
    firsts = [[reader.point(name) for name in "ABD"] for _ in products]
    masks = [reader.point(name) for name in ("Delta", "E")] if opening else []
    k_point = reader.point("K")
    c = reader.challenge("c")
    checks: list[Form] = []
    for product, first in zip(products, firsts, strict=True):
        checks += product_checks(product, first, [reader.scalar("z") for _ in range(5)], c)
    if opening:
        opened = [reader.scalar("open") for _ in range(reader.bases.columns + 2)]
        checks += opening_checks(masks, row, value, c, opened, t)
    k0, k1 = reader.scalar("pok"), reader.scalar("pok")
    checks.append(k_point + known * c - Form({G: k0, H: k1}))
    return checks


def end_digest(reader: Reader) -> bytes:
    """What a body ends with."""
    digest = reader.transcript.squeeze("end")
    reader.transcript.note("end", digest)
    return digest


def failed(reader: Reader, checks: Sequence[Form]) -> str:
    """Which checks fail on their own."""
    names = [f"product {i // 3} {'ABD'[i % 3]}" for i in range(len(checks) - 3)]
    names += ["opening row", "opening value", "knowledge"]
    pairs = zip(names, checks, strict=True)
    return ": " + ", ".join(name for name, form in pairs if not reader.bases.is_identity(form))
