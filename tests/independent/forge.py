"""Forged proofs and keys, made from honest ones.

The digest of the file is right but where a wrong one is the point.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from bn254 import (
    Affine,
    P,
    R,
    add_affine,
    affine,
    compress,
    decompress,
    generator,
    root_of_curve,
    row_generator,
    shake,
)
from files import Key, Proof

SAME = "same statement, other counts"
SCALARS = ("z", "open", "pok")


@dataclass(frozen=True)
class Honest:
    """An honest proof with what belongs to it."""

    key: Key
    proof: Proof
    labels: tuple[str, ...]
    secret_inputs: tuple[int, ...]
    twin: Proof
    stranger: Key


@dataclass(frozen=True)
class Attempt:
    """What is given to both verifiers."""

    kind: str
    key: bytes
    proof: bytes
    context: bytes


Maker = Callable[[Honest, random.Random], Iterator[Attempt]]


def words_of(proof: Proof) -> list[bytes]:
    """The words of a proof."""
    return [proof.words[at : at + 32] for at in range(0, len(proof.words), 32)]


def attempt(
    kind: str,
    honest: Honest,
    *,
    words: list[bytes] | bytes | None = None,
    proof: Proof | bytes | None = None,
    key: Key | None = None,
    key_data: bytes | None = None,
    context: bytes | None = None,
) -> Attempt:
    """An attempt with another proof, other words, another key or context."""
    if words is not None:
        joined = words if isinstance(words, bytes) else b"".join(words)
        proof = replace(honest.proof, words=joined)
    found = honest.proof if proof is None else proof
    data = found if isinstance(found, bytes) else found.encode()
    expected = honest.proof.context if context is None else context
    return Attempt(kind, key_data or (key or honest.key).encode(), data, expected)


def with_word(honest: Honest, at: int, word: bytes) -> list[bytes]:
    """The words, one replaced."""
    words = words_of(honest.proof)
    words[at] = word
    return words


def at_label(honest: Honest, rng: random.Random, label: str) -> int:
    """The place of some word with a label."""
    return rng.choice([i for i, name in enumerate(honest.labels) if name == label])


def with_value(values: tuple[int, ...], at: int, value: int) -> tuple[int, ...]:
    """A tuple, one value replaced."""
    return (*values[:at], value, *values[at + 1 :])


def outputs(honest: Honest, rng: random.Random) -> Iterator[Attempt]:
    """Other logits."""
    proof = honest.proof
    at = rng.randrange(len(proof.outputs))
    bound = 1 << honest.key.architecture.last_bits
    for value in (proof.outputs[at] + 1, proof.outputs[at] - 1, bound, -bound - 1, 2**31 - 1):
        changed = with_value(proof.outputs, at, value)
        yield attempt("output changed", honest, proof=replace(proof, outputs=changed))
    if len(set(proof.outputs)) > 1:
        turned = proof.outputs[1:] + proof.outputs[:1]
        if turned != proof.outputs:
            yield attempt("outputs in another order", honest, proof=replace(proof, outputs=turned))


def inputs(honest: Honest, rng: random.Random) -> Iterator[Attempt]:
    """Another public input, or a private one that is made public."""
    proof, arch = honest.proof, honest.key.architecture
    if proof.private:
        public = replace(
            proof, private=False, inputs_each=arch.widths[0], inputs=honest.secret_inputs
        )
        yield attempt("private made public", honest, proof=public)
        return
    hidden = replace(proof, private=True, inputs_each=0, inputs=())
    yield attempt("public made private", honest, proof=hidden)
    at = rng.randrange(len(proof.inputs))
    others = {proof.inputs[at] + 1, proof.inputs[at] - 1, arch.low - 1, arch.high + 1}
    for value in sorted(others):
        changed = with_value(proof.inputs, at, value)
        yield attempt("input changed", honest, proof=replace(proof, inputs=changed))
    turned = proof.inputs[1:] + proof.inputs[:1]
    if turned != proof.inputs:
        yield attempt("inputs in another order", honest, proof=replace(proof, inputs=turned))


def contexts(honest: Honest, rng: random.Random) -> Iterator[Attempt]:
    """Another context in the file, in the expectation, or in both."""
    old = honest.proof.context
    for other in (old + b"\0", rng.randbytes(4), b"" if old else b"\1"):
        moved = replace(honest.proof, context=other)
        yield attempt("context changed in the file", honest, proof=moved)
        yield attempt("context expected is another", honest, context=other)
        yield attempt("context changed in both", honest, proof=moved, context=other)


def batches(honest: Honest, rng: random.Random) -> Iterator[Attempt]:
    """Inputs of a batch dropped, doubled or exchanged."""
    proof, size = honest.proof, honest.proof.batch
    n, m = proof.inputs_each, proof.outputs_each
    longer = replace(
        proof,
        batch=size + 1,
        inputs=proof.inputs + proof.inputs[:n],
        outputs=proof.outputs + proof.outputs[:m],
    )
    yield attempt("input of the batch doubled", honest, proof=longer)
    if size > 1:
        shorter = replace(proof, batch=size - 1, inputs=proof.inputs[n:], outputs=proof.outputs[m:])
        yield attempt("input of the batch dropped", honest, proof=shorter)
        merged = replace(proof, batch=1, inputs_each=n * size, outputs_each=m * size)
        yield attempt(SAME, honest, proof=merged)
    yield attempt("batch of none", honest, proof=replace(proof, batch=0, inputs=(), outputs=()))


def off_curve(rng: random.Random) -> bytes:
    """A canonical x without a point."""
    while True:
        x = rng.randrange(P)
        if root_of_curve(x) is None:
            return x.to_bytes(32, "big")


def bit_flips(honest: Honest, rng: random.Random) -> Iterator[Attempt]:
    """One bit of a word of every label, one bit of every other region."""
    for label in dict.fromkeys(honest.labels):
        at = at_label(honest, rng, label)
        flipped = int.from_bytes(words_of(honest.proof)[at], "big") ^ 1 << rng.randrange(256)
        words = with_word(honest, at, flipped.to_bytes(32, "big"))
        yield attempt(f"bit of a word: {label}", honest, words=words)


def region_flips(honest: Honest, rng: random.Random) -> Iterator[Attempt]:
    """One bit of every region outside of the words, the digest made right again."""
    data = honest.proof.encode()[:-32]
    proof = honest.proof
    numbers = 4 * len(proof.inputs)
    starts = [0, 7, 8, 12, 20, 84, 85, 89, 93, 97, 105]
    starts += [105 + len(proof.context), 105 + len(proof.context) + numbers]
    starts.append(starts[-1] + 4 * len(proof.outputs))
    for start, end in zip(starts, [*starts[1:], starts[-1] + 8], strict=True):
        if start < end:
            place = 8 * rng.randrange(start, end) + rng.randrange(8)
            changed = bytearray(data)
            changed[place // 8] ^= 1 << place % 8
            body = bytes(changed)
            yield attempt("bit outside of the words", honest, proof=body + shake(body, 32))


def points(honest: Honest, rng: random.Random) -> Iterator[Attempt]:
    """Points replaced by other valid points, or by what is no encoding of a point."""
    words = words_of(honest.proof)
    places = [i for i, label in enumerate(honest.labels) if label not in SCALARS]
    for at in rng.sample(places, min(6, len(places))):
        word = words[at]
        point = decompress(word)
        others: list[tuple[str, Affine | None]] = [
            ("G", generator(b"G")),
            ("H", generator(b"H")),
            ("G_0", row_generator(0)),
            ("its negative", (point[0], P - point[1])),
            ("plus G", affine(add_affine((*point, 1), generator(b"G")))),
            ("plus H", affine(add_affine((*point, 1), generator(b"H")))),
            ("a row of the key", rng.choice(honest.key.rows)),
            ("another of the proof", decompress(words[rng.choice(places)])),
        ]
        for name, other in others:
            if other is not None and other != point:
                kind = f"point replaced by {name}"
                yield attempt(kind, honest, words=with_word(honest, at, compress(other)))
    yield from bad_points(honest, rng, rng.choice(places))


def bad_points(honest: Honest, rng: random.Random, at: int) -> Iterator[Attempt]:
    """Words that are no canonical points."""
    number = int.from_bytes(words_of(honest.proof)[at], "big")
    bad = (number + P, 0, (1 << 256) - 1, 1 << 255, P)
    for word in [value.to_bytes(32, "big") for value in bad if value < 1 << 256]:
        yield attempt("word that is no point", honest, words=with_word(honest, at, word))
    yield attempt("word that is no point", honest, words=with_word(honest, at, off_curve(rng)))


def scalars(honest: Honest, rng: random.Random) -> Iterator[Attempt]:
    """Scalars replaced."""
    words = words_of(honest.proof)
    for label in SCALARS:
        at = at_label(honest, rng, label)
        value = int.from_bytes(words[at], "big")
        others = {(value + 1) % R, (value - 1) % R, R - value, 2 * value % R, 0} - {value}
        for other in sorted(others):
            changed = with_word(honest, at, other.to_bytes(32, "big"))
            yield attempt("scalar replaced", honest, words=changed)
        for other in (value + R, R, (1 << 256) - 1):
            changed = with_word(honest, at, other.to_bytes(32, "big"))
            yield attempt("scalar not below r", honest, words=changed)


def swaps(honest: Honest, rng: random.Random) -> Iterator[Attempt]:
    """Words exchanged, within a label and between neighbours."""
    for label in ("row", "d", "c", "A", "a", "z", "open", "D"):
        places = [i for i, name in enumerate(honest.labels) if name == label]
        if len(places) > 1:
            i, j = rng.sample(places, 2)
            yield from swap(honest, i, j)
    for _ in range(4):
        i = rng.randrange(len(honest.labels) - 1)
        yield from swap(honest, i, i + 1)


def swap(honest: Honest, i: int, j: int) -> Iterator[Attempt]:
    """Two words exchanged."""
    words = words_of(honest.proof)
    if words[i] != words[j]:
        words[i], words[j] = words[j], words[i]
        yield attempt("words swapped", honest, words=words)


def lengths(honest: Honest, rng: random.Random) -> Iterator[Attempt]:
    """Words missing or too many, files cut or longer."""
    words, data = words_of(honest.proof), honest.proof.encode()
    at = rng.randrange(len(words))
    cut, grown = "words truncated", "words extended"
    yield attempt(cut, honest, words=words[:-1])
    yield attempt(cut, honest, words=words[: at or 1])
    yield attempt(cut, honest, words=honest.proof.words[:-1])
    yield attempt(cut, honest, words=b"")
    yield attempt("word removed", honest, words=words[:at] + words[at + 1 :])
    yield attempt("word doubled", honest, words=words[:at] + words[at : at + 1] + words[at:])
    for tail in (b"\0", bytes(32), words[-1], bytes(64)):
        yield attempt(grown, honest, words=honest.proof.words + tail)
    for size in (0, 1, 20, len(data) // 2, len(data) - 32, len(data) - 1):
        yield attempt("file truncated", honest, proof=data[:size])
    for tail in (b"\0", data, shake(data, 32)):
        yield attempt("file extended", honest, proof=data + tail)
    flipped = bytearray(data)
    flipped[rng.randrange(len(data))] ^= 1
    yield attempt("bit of the file, digest left", honest, proof=bytes(flipped))
    for body in (b"zkternV" + data[7:-32], data[:7] + b"\1" + data[8:-32]):
        yield attempt("another frame", honest, proof=body + shake(body, 32))


def mixtures(honest: Honest, rng: random.Random) -> Iterator[Attempt]:
    """Words of two honest proofs of one statement, or of another statement."""
    mine, other = words_of(honest.proof), words_of(honest.twin)
    if len(mine) != len(other):
        return
    for _ in range(3):
        at = rng.randrange(1, len(mine))
        yield attempt("words of two proofs", honest, words=mine[:at] + other[at:])
    at = rng.randrange(len(mine))
    yield attempt("word of another proof", honest, words=with_word(honest, at, other[at]))


def keys(honest: Honest, rng: random.Random) -> Iterator[Attempt]:
    """Another key, or this one with something changed and the digest in the proof made to fit."""
    key = honest.key
    fits = replace(honest.proof, key_digest=honest.stranger.digest)
    yield attempt("another key", honest, key=honest.stranger)
    yield attempt("another key, digest fitted", honest, key=honest.stranger, proof=fits)
    for changed in changed_keys(key, rng):
        fits = replace(honest.proof, key_digest=changed.digest)
        yield attempt("key changed", honest, key=changed)
        yield attempt("key changed, digest fitted", honest, key=changed, proof=fits)


def changed_keys(key: Key, rng: random.Random) -> Iterator[Key]:
    """Keys with one thing changed."""
    arch, at = key.architecture, rng.randrange(len(key.rows))
    for point in (generator(b"G"), (key.rows[at][0], P - key.rows[at][1])):
        yield replace(key, rows=(*key.rows[:at], point, *key.rows[at + 1 :]))
    if len(key.rows) > 1:
        yield replace(key, rows=key.rows[1:] + key.rows[:1])
    yield replace(key, architecture=replace(arch, last_bits=arch.last_bits + 1))
    yield replace(key, architecture=replace(arch, high=arch.high + 1))
    first = arch.hidden[0]
    for hidden in (replace(first, high=first.high + 1), replace(first, bits=first.bits + 1)):
        changed = replace(arch, hidden=(hidden, *arch.hidden[1:]))
        yield replace(key, architecture=changed)
    yield replace(key, architecture=replace(arch, columns=2 * arch.columns))


def bad_keys(honest: Honest, rng: random.Random) -> Iterator[Attempt]:
    """Keys that must be refused by themselves."""
    key, at = honest.key, rng.randrange(len(honest.key.rows))
    x, y = key.rows[at]
    for bad in ((x, (y + 1) % P), (x + P, y), (x, y + P), (0, 0), (x, 0)):
        rows = (*key.rows[:at], bad, *key.rows[at + 1 :])
        yield attempt("row that is no point", honest, key=replace(key, rows=rows))
    for rows in (key.rows[1:], (*key.rows, key.rows[0])):
        yield attempt("rows too few or too many", honest, key=replace(key, rows=rows))
    data = key.encode()
    yield attempt("key file cut", honest, key_data=data[:-1])
    yield attempt("key file longer", honest, key_data=data + b"\0")


def ternarity(honest: Honest, rng: random.Random) -> Iterator[Attempt]:
    """A ternarity proof changed, removed, invented."""
    key = honest.key
    if not key.ternarity:
        yield attempt("ternarity invented", honest, key=replace(key, ternarity=rng.randbytes(320)))
        return
    yield attempt("ternarity removed", honest, key=replace(key, ternarity=b""))
    data = key.ternarity
    for _ in range(4):
        place = rng.randrange(8 * len(data))
        changed = bytearray(data)
        changed[place // 8] ^= 1 << place % 8
        yield attempt("ternarity changed", honest, key=replace(key, ternarity=bytes(changed)))
    turned = data[32:64] + data[:32] + data[64:]
    for other in (turned, data[:-32], data[:-1], data + b"\0", data + bytes(32)):
        yield attempt("ternarity changed", honest, key=replace(key, ternarity=other))


MAKERS: tuple[Maker, ...] = (
    outputs,
    inputs,
    contexts,
    batches,
    bit_flips,
    region_flips,
    points,
    scalars,
    swaps,
    lengths,
    mixtures,
    keys,
    bad_keys,
    ternarity,
)
