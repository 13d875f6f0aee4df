"""The prover's side of aggregates: leaves, merges, the decider, deferred files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from aggregate import Accumulator, Aggregate, Entry, Merge, Secret, leaf, merge, merge_transcript
from blinds import commit_row
from bn254 import R, shake
from files import Proof
from multilinear import eq_all
from protocol import Bases, Body, Form
from prover import ClosingValues, Prover, Witness, Writer, must, pedersen
from verifier import Shape

LEAF_BLINDS = b"zktern/v1/leaf-blinds"
MERGE_BLINDS = (b"zktern/v1/merge-blinds", b"zktern/v1/decide-blinds")


@dataclass(frozen=True)
class Open:
    """Entries that leave one accumulator, and what opens it."""

    entries: tuple[Entry, ...]
    secret: Secret

    def deferred(self, context: bytes) -> Aggregate:
        """The file."""
        return assemble(self.entries, context, self.secret)


def undo(found: Aggregate) -> Open:
    """What a deferred file holds."""
    if found.secret is None:
        raise ValueError("there is no secret")
    return Open(found.entries, found.secret)


def assemble(entries: Sequence[Entry], context: bytes, secret: Secret | None = None) -> Aggregate:
    """The file of some entries."""
    digests = dict.fromkeys(entry.key_digest for entry in entries if isinstance(entry, Proof))
    return Aggregate(tuple(digests), context, tuple(entries), secret)


def opened(writer: Writer, left: Accumulator) -> Secret:
    """What opens an accumulator."""
    entries, blinding = writer.open_row(left.row)
    value, value_blind = writer.open(left.value)
    return Secret(tuple(entries), blinding, value, value_blind, left.point, left.digest)


def prove_leaf(
    prover: Prover,
    shape: Shape,
    witness: Witness,
    context: bytes,
    entropy: bytes | None = None,
    fit: str = "",
) -> Open:
    """A leaf; `fit` as in a proof."""
    proof = prover.statement(shape, witness, context)
    entropy = os.urandom(32) if entropy is None else entropy
    seed = prover.blinds_seed(shape, witness, proof, entropy, LEAF_BLINDS)
    writer, body = prover.body(shape, witness, proof, seed, fit)
    ClosingValues(writer, body, opening=False).feed()
    left, _ = leaf(writer, body)
    entry = replace(proof, words=writer.words)
    return Open((entry,), opened(writer, left))


class MergeValues(ClosingValues):
    """Values of a merge: rounds over the children's rows."""

    def __init__(self, writer: Writer, children: Sequence[Open], opening: bool) -> None:
        super().__init__(writer, Body(b"", [], []), opening)
        self.children = children

    def pairs(self) -> list[tuple[list[int], list[int]]]:
        """Weights and rows."""
        pairs, power, rho = [], 1, self.writer.latest("rho")
        for child in self.children:
            weights = [power * value % R for value in eq_all(child.secret.point, self.columns)]
            pairs.append((weights, list(child.secret.row)))
            power = power * rho % R
        return pairs


def children_of(writer: Writer, children: Sequence[Open]) -> Iterator[Accumulator]:
    """Children as accumulators over points that their secrets make."""
    for child in children:
        secret = child.secret
        point = commit_row(secret.row, secret.row_blind)
        if point is None:
            raise ValueError("the identity has no encoding")
        row = writer.bases.append(point)
        writer.rows[row] = list(secret.row), secret.row_blind
        value = writer.bases.append(must(pedersen(secret.value, secret.value_blind)))
        writer.secrets[value] = secret.value, secret.value_blind
        yield Accumulator(Form({row: 1}), child.secret.point, Form({value: 1}), child.secret.digest)


def merge_seed(children: Sequence[Open], root: bool, entropy: bytes) -> bytes:
    """The seed of a merge: of every child the digest and the blind of its row."""
    parts = [child.secret.digest + child.secret.row_blind.to_bytes(32, "big") for child in children]
    return shake(MERGE_BLINDS[root] + entropy + b"".join(parts), 32)


def prove_merge(children: Sequence[Open], root: bool, entropy: bytes | None = None) -> Open:
    """A merge; of the decider nothing is left to open, but its secret is what it opens."""
    bases = Bases(len(children[0].secret.row), ())
    seed = merge_seed(children, root, os.urandom(32) if entropy is None else entropy)
    digests = [child.secret.digest for child in children]
    writer = Writer(bases, merge_transcript(digests, root), seed)
    MergeValues(writer, children, root).feed()
    left, _ = merge(writer, list(children_of(writer, children)), root)
    entries = [entry for child in children for entry in child.entries]
    entries.append(Merge(len(children), writer.words))
    return Open(tuple(entries), opened(writer, left))
