"""The part of `check.py` about aggregates: both make leaves, merges and deciders for each other."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from aggregate import (
    Aggregate,
    Merge,
    Secret,
    leaf,
    merge_words,
    parse_aggregate,
    verify_aggregate,
    verify_deferred,
)
from bn254 import R, Refused
from files import Key, Malformed, Proof, encode_model, encode_npy, frame
from forge import with_value
from forge_aggregate import MAKERS, HonestAggregate
from inference import compile_model
from lies import LIES, make_key
from merging import Open, assemble, prove_leaf, prove_merge, undo
from networks import LOOKS, random_inputs, random_model
from prover import ClosingValues, Prover, insecure, witness_of
from verifier import Shape

if TYPE_CHECKING:
    from check import Judge

COLUMNS = (1, 2, 4, 8, 16)
CONTEXTS = (b"", b"\x00\xff", bytes(33))
SHAPES = ("1,1,1", "3,2,1", "5,7,3", "4,4,4", "2,2,2,2", "6,5,3", "9,3,2")


@dataclass(frozen=True)
class Network:
    """A network with a key made here, in files for the program."""

    name: str
    prover: Prover

    @property
    def key(self) -> Key:
        """The key."""
        return self.prover.key


@dataclass
class Group:
    """Networks with rows of one width, and the context of what is proved of them."""

    judge: Judge
    rng: random.Random
    networks: list[Network]
    context: bytes

    @property
    def keys(self) -> list[Key]:
        """All keys."""
        return [network.key for network in self.networks]

    def run(self, *arguments: str) -> bytes | None:
        """A command that writes `made`; None when it does not."""
        done = self.judge.program.run(*arguments, "-o", "made", "--quiet")
        if done.returncode:
            self.judge.problem(f"{' '.join(arguments)}: {done.stderr.decode()}")
            return None
        return self.judge.program.read("made")

    def words_of(self, keys: Sequence[Key]) -> list[str]:
        """Keys as arguments."""
        names = {network.key.digest: f"{network.name}.vk" for network in self.networks}
        return [word for key in keys for word in ("--key", names[key.digest])]


def make_network(group: Group, columns: int, shape: str) -> Network:
    """A random network, its key and secret."""
    rng, program = group.rng, group.judge.program
    model = random_model(rng, shape, LOOKS[rng.choice(tuple(LOOKS))])
    seed = rng.randbytes(32)
    key = make_key(model, compile_model(model, columns), seed, 0)
    name = f"part{len(group.networks)}"
    data = key.encode()
    program.write(f"{name}.tern", encode_model(model))
    program.write(f"{name}.vk", data)
    blob = len(data).to_bytes(8, "little") + data
    program.write(f"{name}.key", frame("S", key.digest + seed + blob))
    return Network(name, Prover(model, key, seed))


def make_leaf(group: Group, network: Network, batch: int, private: bool, own: bool) -> Open | None:
    """A leaf by the program, its bytes compared with given blinds, or by the prover here."""
    rng, prover = group.rng, network.prover
    rows = random_inputs(rng, prover.model, batch)
    shape = Shape(prover.key.architecture, batch, private)
    witness = witness_of(prover.model, shape, rows)
    if own:
        return prove_leaf(prover, shape, witness, group.context)
    group.judge.program.write("x.npy", encode_npy(rows))
    words = ["prove", f"{network.name}.tern", "x.npy", "--secret", f"{network.name}.key", "--defer"]
    words += ["--batch"] * (batch > 1) + ["--private-input"] * private
    words += ["--context", group.context.hex()] if group.context else []
    number = rng.randrange(1 << 40)
    data = group.run(*words, "--insecure-seed", str(number))
    twin = prove_leaf(prover, shape, witness, group.context, insecure(number, "proof"))
    return data and compare_deferred(group, data, twin, "leaf")


def compare_deferred(group: Group, data: bytes, own: Open, what: str) -> Open:
    """A deferred file of the program: it is valid, and its bytes are those of the prover here."""
    judge = group.judge
    found = parse_aggregate(data, "D")
    try:
        verify_deferred(group.keys, found, group.context)
    except Refused as error:
        judge.problem(f"deferred {what}: {error}")
    judge.counts["seeded", "made"] += 1
    if found.encode() != data or found != own.deferred(group.context):
        judge.problem(f"the bytes of a deferred {what} with given blinds differ")
    return undo(found)


def make_merge(group: Group, children: Sequence[Open], root: bool, own: bool) -> Open | Aggregate:
    """A merge or a decider by either."""
    if own:
        done = prove_merge(children, root)
        return assemble(done.entries, group.context) if root else done
    names = [f"child{number}" for number in range(len(children))]
    for name, child in zip(names, children, strict=True):
        group.judge.program.write(name, child.deferred(group.context).encode())
    number = group.rng.randrange(1 << 40)
    words = ["aggregate", *names, *group.words_of(group.keys), "--insecure-seed", str(number)]
    data = group.run(*words, *([] if root else ["--defer"]))
    twin = prove_merge(children, root, insecure(number, "aggregate"))
    if data is None:
        return make_merge(group, children, root, True)
    if not root:
        return compare_deferred(group, data, twin, "merge")
    found = parse_aggregate(data)
    group.judge.counts["seeded", "made"] += 1
    if found.encode() != data or found != assemble(twin.entries, group.context):
        group.judge.problem("the bytes of an aggregate with given blinds differ")
    return found


def random_tree(group: Group, leaves: list[Open], own: Sequence[bool]) -> Aggregate:
    """Merges at random until a decider takes what is left."""
    rng, parts = group.rng, list(leaves)
    for _ in range(rng.randrange(4)):
        start = rng.randrange(len(parts))
        end = rng.randint(start + 1, len(parts))
        merged = make_merge(group, parts[start:end], False, rng.choice(own))
        assert isinstance(merged, Open)
        parts[start:end] = [merged]
    decided = make_merge(group, parts, True, rng.choice(own))
    assert isinstance(decided, Aggregate)
    return decided


def judge_aggregate(
    group: Group,
    kind: str,
    data: bytes,
    context: bytes,
    good: bool,
    keys: Sequence[Key] | None = None,
) -> None:
    """One aggregate, to both verifiers."""
    judge, chosen = group.judge, group.keys if keys is None else keys
    judge.program.write("judged.proof", data)
    words = ["verify", "--quiet", "judged.proof", *group.words_of(chosen)]
    words += ["--context", context.hex()] if context else []
    theirs, ours = judge.program.run(*words).returncode, own_status(chosen, data, context)
    judge.counts[kind, "made"] += 1
    judge.counts[kind, "program accepts"] += theirs == 0
    judge.counts[kind, "own accepts"] += ours == 0
    judge.counts[kind, "same status"] += theirs == ours
    if theirs not in (0, 1, 2) or (theirs == 0) != good or (ours == 0) != good:
        name = judge.program.write(f"problem-{len(judge.problems)}.proof", data)
        judge.problem(f"{kind}: program {theirs}, own {ours} ({name})")


def own_status(keys: Sequence[Key], data: bytes, context: bytes) -> int:
    """The exit status of the verifier here."""
    try:
        verify_aggregate(keys, parse_aggregate(data), context)
    except Malformed:
        return 2
    except Refused:
        return 1
    return 0


def closed_twice(network: Network, context: bytes, rng: random.Random) -> list[Open]:
    """Two leaves with one body: their end digests differ."""
    prover = network.prover
    shape = Shape(prover.key.architecture, 1, False)
    witness = witness_of(prover.model, shape, random_inputs(rng, prover.model, 1))
    proof, seed, made = prover.statement(shape, witness, context), rng.randbytes(32), []
    for _ in range(2):
        writer, body = prover.body(shape, witness, proof, seed)
        writer.blinds.seed = rng.randbytes(32)
        ClosingValues(writer, body, opening=False).feed()
        left, _ = leaf(writer, body)
        entry = Proof(**{**proof.__dict__, "words": writer.words})
        entries, blinding = writer.open_row(left.row)
        made.append((entry, left, entries, blinding, writer.open(left.value)))
    return [
        Open((entry,), Secret(tuple(row), blinding, *value, left.point, left.digest))
        for entry, left, row, blinding, value in made
    ]


def false_leaves(group: Group, leaves: Sequence[Open], most: int) -> None:
    """A leaf of a false witness among true ones, all merged as if it were true."""
    rng = group.rng
    for lie in rng.sample(LIES, most):
        network = rng.choice(group.networks)
        prover = network.prover
        shape = Shape(prover.key.architecture, rng.choice((1, 2)), rng.random() < 0.5)
        witness = witness_of(prover.model, shape, random_inputs(rng, prover.model, shape.batch))
        if lie(prover.model, shape, witness, rng):
            fit = rng.choice(("S", "x_hat", "x_hat"))
            false = prove_leaf(prover, shape, witness, group.context, None, fit)
            parts = [*leaves, false]
            rng.shuffle(parts)
            found = random_tree(group, parts, (True,))
            kind = f"false witness: leaf, {lie.__name__.replace('_', ' ')}"
            judge_aggregate(group, kind, found.encode(), group.context, False)


def strangers(group: Group, leaves: Sequence[Open]) -> None:
    """A leaf of another width of rows, of another context, of one body closed twice; a key less."""
    rng, network = group.rng, group.networks[0]
    columns = network.key.architecture.columns
    wide = make_network(group, 2 * columns, "3,2,1")
    other = Group(group.judge, rng, [*group.networks, wide], group.context)
    leaf_of = make_leaf(group, wide, 1, False, True)
    assert leaf_of is not None
    entries = [*leaf_of.entries, *leaves[0].entries, *one_decider(columns, 2)]
    found = assemble(entries, group.context)
    judge_aggregate(other, "forged: rows of another width", found.encode(), group.context, False)
    elsewhere = Group(group.judge, rng, group.networks, group.context + b"\1")
    moved = make_leaf(elsewhere, network, 1, False, True)
    assert moved is not None
    done = prove_merge([leaves[0], moved], True)
    found = assemble(done.entries, group.context)
    judge_aggregate(group, "forged: leaf of another context", found.encode(), group.context, False)
    done = prove_merge(closed_twice(network, group.context, rng), True)
    found = assemble(done.entries, group.context)
    judge_aggregate(group, "forged: one body closed twice", found.encode(), group.context, False)
    done = prove_merge([leaves[0], leaves[0]], True)
    found = assemble(done.entries, group.context)
    judge_aggregate(group, "forged: a leaf twice", found.encode(), group.context, False)
    if len(group.keys) > 1:
        full = assemble(prove_merge(leaves, True).entries, group.context)
        for digest in full.digests:
            less = [key for key in group.keys if key.digest != digest]
            kind = "forged: a key is not expected"
            judge_aggregate(group, kind, full.encode(), group.context, False, less)


def one_decider(columns: int, count: int) -> list[Merge]:
    """A decider of the right length that says nothing."""
    return [Merge(count, bytes(32 * merge_words(columns, True)))]


def deferred_files(group: Group, part: Open) -> None:
    """The program must aggregate no deferred file that does not hold."""
    judge, rng, secret = group.judge, group.rng, part.secret
    good = part.deferred(group.context)
    place = rng.randrange(len(secret.row))
    row = with_value(secret.row, place, (secret.row[place] + 1) % R)
    point = (secret.point[0] + 1, *secret.point[1:]) if secret.point else (1,)
    changes = (
        {"row": row},
        {"row_blind": (secret.row_blind + 1) % R},
        {"value_blind": (secret.value_blind + 1) % R},
        {"point": point},
        {"digest": rng.randbytes(64)},
    )
    files = [replace(good, secret=replace(secret, **change)).encode() for change in changes]
    for bad in (*files, good.encode()[:-40], assemble(part.entries, group.context).encode()):
        judge.program.write("bad.deferred", bad)
        words = ["aggregate", "bad.deferred", *group.words_of(group.keys), "-o", "bad.proof"]
        done = judge.program.run(*words, "--quiet")
        judge.counts["forged: deferred file", "made"] += 1
        if done.returncode not in (1, 2):
            judge.problem(f"a bad deferred file was aggregated: status {done.returncode}")
    kind = "forged: deferred as aggregate"
    judge_aggregate(group, kind, good.encode(), group.context, False)


def aggregate_case(judge: Judge, rng: random.Random, number: int, most: int) -> None:
    """Networks, leaves, trees, forgeries."""
    group = Group(judge, rng, [], CONTEXTS[number % len(CONTEXTS)])
    columns = COLUMNS[(number + 2) % len(COLUMNS)]
    for _ in range(1 + number % 3):
        group.networks.append(make_network(group, columns, rng.choice(SHAPES)))
    leaves, twins = [], []
    for i in range(1 + (number + 1) % 5):
        network = group.networks[i % len(group.networks)]
        batch, private = rng.choice((1, 1, 2, 3)), rng.random() < 0.4
        made = make_leaf(group, network, batch, private, i % 2 == number % 2)
        if made is None:
            return
        leaves.append(made)
    for own in ((False,), (True, False), (True,)):
        found = random_tree(group, leaves, own)
        kind = f"honest: aggregate of {len(leaves)}, {len(group.keys)} models"
        judge_aggregate(group, kind, found.encode(), group.context, True)
    networks = {network.key.digest: network for network in group.networks}
    for entry in found.leaves:
        made = make_leaf(group, networks[entry.key_digest], entry.batch, entry.private, True)
        assert made is not None
        twins.append(made.entries[0])
    twin = random_tree(group, leaves, (True,))
    honest = HonestAggregate(found, twin, tuple(twins))
    trials = [trial for maker in MAKERS for trial in maker(honest, rng)]
    rng.shuffle(trials)
    for _ in range(min(most, len(trials))):
        trial = min(trials, key=lambda t: judge.counts["forged: " + t[0], "made"])
        trials.remove(trial)
        kind, changed, context = trial
        data = changed if isinstance(changed, bytes) else changed.encode()
        judge_aggregate(group, "forged: " + kind, data, context, False)
    false_leaves(group, leaves, 2)
    strangers(group, leaves)
    deferred_files(group, rng.choice(leaves))
    print(f"aggregates {number}: {len(leaves)} leaves, rows of {columns}", flush=True)
