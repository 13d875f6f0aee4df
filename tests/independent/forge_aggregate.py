"""Forged aggregates, made from honest ones."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from aggregate import Aggregate, Entry, Merge
from bn254 import shake
from files import Proof
from forge import with_value

Trial = tuple[str, Aggregate | bytes, bytes]


@dataclass(frozen=True)
class HonestAggregate:
    """An honest aggregate, another of the same leaves, a new proof of each leaf."""

    found: Aggregate
    twin: Aggregate
    twins: tuple[Proof, ...]


Maker = Callable[[HonestAggregate, random.Random], Iterator[Trial]]


def with_entries(found: Aggregate, entries: Sequence[Entry]) -> Aggregate:
    """Other entries, the list of keys made to fit."""
    digests = dict.fromkeys(entry.key_digest for entry in entries if isinstance(entry, Proof))
    return replace(found, entries=tuple(entries), digests=tuple(digests))


def with_entry(found: Aggregate, at: int, entry: Entry) -> Aggregate:
    """One entry replaced."""
    return with_entries(found, (*found.entries[:at], entry, *found.entries[at + 1 :]))


def places(found: Aggregate, kind: type) -> list[int]:
    """Where leaves or merges are."""
    return [at for at, entry in enumerate(found.entries) if isinstance(entry, kind)]


def statements(honest: HonestAggregate, rng: random.Random) -> Iterator[Trial]:
    """Other outputs, inputs, privacy, batches of a leaf."""
    found = honest.found
    at = rng.choice(places(found, Proof))
    leaf = found.entries[at]
    assert isinstance(leaf, Proof)
    place = rng.randrange(len(leaf.outputs))
    for step in (-1, 1):
        outputs = with_value(leaf.outputs, place, leaf.outputs[place] + step)
        changed = with_entry(found, at, replace(leaf, outputs=outputs))
        yield "output changed", changed, found.context
    if leaf.inputs:
        place = rng.randrange(len(leaf.inputs))
        for step in (-1, 1):
            inputs = with_value(leaf.inputs, place, leaf.inputs[place] + step)
            changed = with_entry(found, at, replace(leaf, inputs=inputs))
            yield "input changed", changed, found.context
        hidden = replace(leaf, private=True, inputs_each=0, inputs=())
        yield "public made private", with_entry(found, at, hidden), found.context
    shape = replace(leaf, outputs_each=leaf.outputs_each + 1)
    yield "counts changed", with_entry(found, at, shape), found.context
    if leaf.batch > 1:
        merged = replace(
            leaf,
            batch=1,
            inputs_each=leaf.inputs_each * leaf.batch,
            outputs_each=leaf.outputs_each * leaf.batch,
        )
        yield "counts changed", with_entry(found, at, merged), found.context


def contexts(honest: HonestAggregate, rng: random.Random) -> Iterator[Trial]:
    """Another context in the file, in the expectation, or in both."""
    found, other = honest.found, honest.found.context + rng.randbytes(1)
    yield "context changed in the file", replace(found, context=other), found.context
    yield "context expected is another", found, other
    yield "context changed in both", replace(found, context=other), other


def keys(honest: HonestAggregate, rng: random.Random) -> Iterator[Trial]:
    """Another list of keys; digests are bound by the leaves, the list by rule alone."""
    found, context = honest.found, honest.found.context
    digests = found.digests
    tail = found.encode()[20 + 4 + 64 * len(digests) : -32]
    yield "key's digest changed", reframed((rng.randbytes(64), *digests[1:]), tail), context
    for name, listed in (("key listed twice", digests + digests[:1]), ("key unknown", None)):
        longer = (*digests, rng.randbytes(64)) if listed is None else listed
        yield f"list of keys longer: {name}", reframed(longer, tail), context
    if len(digests) > 1:
        yield "keys exchanged", reframed(digests[1:] + digests[:1], tail), context
        yield "keys in another order, numbers fitted", reordered(found), context
        yield "a key removed", reframed(digests[:-1], tail), context


def reframed(digests: Sequence[bytes], tail: bytes) -> bytes:
    """A file with another list of keys and the rest as it was."""
    payload = len(digests).to_bytes(4, "little") + b"".join(digests) + tail
    body = b"zkternA\0" + (1).to_bytes(4, "little") + len(payload).to_bytes(8, "little") + payload
    return body + shake(body, 32)


def reordered(found: Aggregate) -> Aggregate:
    """The list of keys turned, every leaf's number made to fit."""
    return replace(found, digests=found.digests[1:] + found.digests[:1])


def trees(honest: HonestAggregate, rng: random.Random) -> Iterator[Trial]:
    """Entries moved, dropped, doubled; other numbers of children; no decider, or two."""
    found, context = honest.found, honest.found.context
    entries, last = list(found.entries), found.entries[-1]
    assert isinstance(last, Merge)
    for count in (0, last.count - 1, last.count + 1, 2**32 - 1):
        yield (
            "number of children",
            with_entry(found, -1 % len(entries), replace(last, count=count)),
            context,
        )
    yield "no decider", with_entries(found, entries[:-1]), context
    yield "decider twice", with_entries(found, [*entries, last]), context
    yield "decider twice", with_entries(found, [*entries, Merge(1, last.words)]), context
    yield "leaf after the decider", with_entries(found, [*entries, honest.twins[0]]), context
    yield "leaf that no merge takes", with_entries(found, [honest.twins[0], *entries]), context
    yield "merge without an opening", with_entry(found, len(entries) - 1, cut(last)), context
    for at in places(found, Proof):
        yield "leaf dropped", with_entries(found, entries[:at] + entries[at + 1 :]), context
    at = rng.choice(places(found, Proof))
    doubled = [*entries[: at + 1], *entries[at:-1], replace(last, count=last.count + 1)]
    yield "leaf doubled", with_entries(found, doubled), context
    if len(places(found, Proof)) > 1:
        i, j = rng.sample(places(found, Proof), 2)
        swapped = list(entries)
        swapped[i], swapped[j] = entries[j], entries[i]
        yield "leaves swapped", with_entries(found, swapped), context
    for at in places(found, Merge)[:-1]:
        yield "merge dropped", with_entries(found, entries[:at] + entries[at + 1 :]), context
    chain = [
        *entries[:-1],
        *[Merge(last.count, cut(last).words)],
        *[Merge(1, cut(last).words)] * 31,
        Merge(1, last.words),
    ]
    yield "a chain of 33 merges", with_entries(found, chain), context
    yield "nothing", replace(found, entries=(), digests=()), context
    yield "nothing but a decider", replace(found, entries=(last,), digests=()), context


def cut(decider: Merge) -> Merge:
    """As many words as a merge has, the first of a decider."""
    size = len(decider.words) // 32
    columns = next(n for n in range(17) if 2 * n + 7 + (1 << n) == size)
    return replace(decider, words=decider.words[: 32 * (2 * columns + 3)])


def mixtures(honest: HonestAggregate, rng: random.Random) -> Iterator[Trial]:
    """Parts of other aggregates."""
    found, context = honest.found, honest.found.context
    at = rng.choice(places(found, Proof))
    number = places(found, Proof).index(at)
    yield "leaf of another aggregate", with_entry(found, at, honest.twins[number]), context
    merges = places(found, Merge)
    for at in merges if len(merges) > 1 else []:
        others = honest.twin.entries[at : at + 1]
        if others and isinstance(others[0], Merge) and others[0] != found.entries[at]:
            yield "merge of another aggregate", with_entry(found, at, others[0]), context


def words(honest: HonestAggregate, rng: random.Random) -> Iterator[Trial]:
    """Words changed, exchanged, cut, added, in every entry."""
    found, context = honest.found, honest.found.context
    for at, entry in enumerate(found.entries):
        part = "merge" if isinstance(entry, Merge) else "leaf"
        old = entry.words
        for _ in range(3):
            changed = bytearray(old)
            changed[rng.randrange(len(old))] ^= 1 << rng.randrange(8)
            new = replace(entry, words=bytes(changed))
            yield f"bit of a word: {part}", with_entry(found, at, new), context
        place = 32 * rng.randrange(len(old) // 32 - 1)
        pair = old[place + 32 : place + 64] + old[place : place + 32]
        turned = old[:place] + pair + old[place + 64 :]
        for kind, other in (
            ("words swapped", turned),
            ("words truncated", old[:-32]),
            ("words truncated", b""),
            ("words extended", old + bytes(32)),
            ("words extended", old + old[-32:]),
            ("words extended", old + b"\0"),
        ):
            if other != old:
                changed_entry = with_entry(found, at, replace(entry, words=other))
                yield f"{kind}: {part}", changed_entry, context


def regions(honest: HonestAggregate, rng: random.Random) -> Iterator[Trial]:
    """Any bit of the file, the digest made right again; files cut and grown; other kinds."""
    data, context = honest.found.encode(), honest.found.context
    heads = 20 + 4 + 64 * len(honest.found.digests) + 8 + len(context) + 4
    for end in (heads, heads, heads + 40, heads + 40, len(data) - 32, len(data) - 32):
        changed = bytearray(data[:-32])
        changed[rng.randrange(20, end)] ^= 1 << rng.randrange(8)
        body = bytes(changed)
        yield "any bit of the file", body + shake(body, 32), context
    for kind in (b"P", b"D", b"V"):
        body = data[:6] + kind + data[7:-32]
        yield "another kind of file", body + shake(body, 32), context
    for other in (data[:-1], data[: len(data) // 2], data + b"\0", b"", data[:-32]):
        yield "file cut or grown", other, context
    payload = data[20:-32] + b"\0"
    body = data[:12] + len(payload).to_bytes(8, "little") + payload
    yield "bytes after the last entry", body + shake(body, 32), context


MAKERS: tuple[Maker, ...] = (
    statements,
    contexts,
    keys,
    trees,
    mixtures,
    words,
    regions,
)
