"""Two verifiers, one format: the zktern program against verifier and inference of this folder.

    check.py ZKTERN [--quick] [--seed N] [--forged N] [--keep FOLDER]

Exit status 0: both accept what is honest, refuse what is forged, and outputs agree. 1: they do not.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from blinds import key_seed, parse_secret, wrong_rows
from bn254 import R, Refused, compress, generator, row_generator
from check_aggregate import aggregate_case
from files import (
    Key,
    Malformed,
    Model,
    Proof,
    encode_model,
    encode_npy,
    parse_key,
    parse_model,
    parse_proof,
)
from forge import MAKERS, Attempt, Honest
from inference import Differs, compare_key, compare_proof
from lies import FITS, LIES, make_key, other_network, private_input, with_weight
from networks import LOOKS, random_inputs, random_model
from prover import Prover, insecure, witness_of
from verifier import Shape, Trace, load_key, ternarity_layout, verify, verify_ternarity

FORMAT = Path(__file__).resolve().parents[2] / "src" / "protocol" / "FORMAT.md"
PROFILES = ("balanced", "prover", "verifier", "size")
CONTEXTS = (b"", b"\x00\xff", b"nonce", bytes(40))
# fmt: off
SHAPES = (
    "1,1,1", "2,1,3", "3,2,1", "4,4,4", "5,7,3", "7,8,9,10", "8,8,8", "9,16,17", "15,16,17,2",
    "16,17,15", "17,33,10", "31,32,33", "32,31,5", "33,34,2", "63,5,1", "64,8,65", "65,3,4",
    "1,64,1", "3,129,2", "127,4,3", "128,24,10", "6,5,5,5,5,5,3", "2,2,2,2,2,2,2,2,2",
    "20,70,20,10", "60,300,10",
)
# fmt: on
QUICK = ("1,1,1", "5,7,3", "9,16,17", "17,33,10", "2,2,2,2", "33,5,1")
STYLES = ("narrow", "bytes", "signed", "mixed", "program")
LARGEST = 12
BATCHES = (1, 2, 3, 5, 1, 4, 7, 8, 9)


class Program:
    """The program, as a black box in a folder."""

    def __init__(self, path: Path, folder: Path) -> None:
        self.path, self.folder = path.resolve(), folder

    def run(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        """One command."""
        command = [str(self.path), *arguments, "--device", "cpu", "--threads", "1"]
        return subprocess.run(
            command, cwd=self.folder, capture_output=True, timeout=600, check=False
        )

    def own(self, script: str, *arguments: str) -> int:
        """The exit status of a command of this folder."""
        command = [sys.executable, str(Path(__file__).resolve().parent / script), *arguments]
        return subprocess.run(
            command, cwd=self.folder, capture_output=True, timeout=600, check=False
        ).returncode

    def must(self, *arguments: str) -> bytes:
        """A command that must succeed; gives its standard output."""
        done = self.run(*arguments)
        if done.returncode:
            raise SystemExit(f"{' '.join(arguments)}: {done.stderr.decode()}")
        return done.stdout

    def write(self, name: str, data: bytes) -> str:
        """A file for the program."""
        (self.folder / name).write_bytes(data)
        return name

    def read(self, name: str) -> bytes:
        """A file of the program."""
        return (self.folder / name).read_bytes()

    def verify(self, key: str, proof: str, context: bytes) -> int:
        """The exit status of its verifier."""
        words = ["verify", "--quiet", "--key", key, proof]
        return self.run(*words, *(["--context", context.hex()] if context else [])).returncode


class Judge:
    """Results of both verifiers, by kind."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.counts: Counter[tuple[str, str]] = Counter()
        self.problems: list[str] = []
        self.keys: dict[bytes, Key | Refused] = {}

    def key(self, data: bytes) -> Key:
        """A key that is checked once."""
        if data not in self.keys:
            try:
                self.keys[data] = load_key(data)
            except Refused as error:
                self.keys[data] = error
        found = self.keys[data]
        if isinstance(found, Refused):
            raise found
        return found

    def own(self, trial: Attempt) -> int:
        """The exit status of the verifier here."""
        try:
            key = self.key(trial.key)
            verify(key, parse_proof(trial.proof), trial.context)
        except Malformed:
            return 2
        except Refused:
            return 1
        return 0

    def judge(self, trial: Attempt, good: bool) -> None:
        """One attempt, to both."""
        key = self.program.write("judged.vk", trial.key)
        proof = self.program.write("judged.proof", trial.proof)
        theirs = self.program.verify(key, proof, trial.context)
        ours = self.own(trial)
        count = self.counts
        count[trial.kind, "made"] += 1
        count[trial.kind, "program accepts"] += theirs == 0
        count[trial.kind, "own accepts"] += ours == 0
        count[trial.kind, "same status"] += theirs == ours
        if theirs not in (0, 1, 2) or (theirs == 0) != good or (ours == 0) != good:
            self.problem(f"{trial.kind}: program {theirs}, own {ours}", trial)

    def problem(self, text: str, trial: Attempt | None = None) -> None:
        """Something that must not be."""
        if trial:
            name = f"problem-{len(self.problems)}"
            self.program.write(name + ".vk", trial.key)
            self.program.write(name + ".proof", trial.proof)
            text += f" ({name}, context {trial.context.hex() or 'none'})"
        print("PROBLEM:", text, flush=True)
        self.problems.append(text)

    def table(self) -> None:
        """All counts."""
        print(f"{'kind':42} {'made':>5} {'program':>8} {'own':>5} {'same status':>12}")
        for kind in sorted({kind for kind, _ in self.counts if ":" in kind}):
            made, theirs, ours, same = (
                self.counts[kind, name]
                for name in ("made", "program accepts", "own accepts", "same status")
            )
            print(f"{kind:42} {made:5} {theirs:8} {ours:5} {same:12}")


@dataclass
class Case:
    """A network of some style with its keys."""

    name: str
    model: Model
    key: Key
    key_data: bytes
    stranger: Key
    seed: bytes


def make_case(program: Program, rng: random.Random, number: int, shape: str, style: str) -> Case:
    """A network, its key, and a key with other blinds."""
    name = program.write("net.tern", b"")
    if style == "program":
        density = rng.choice(("1/2", "1/4", "0.9"))
        words = ["--shape", shape, "--density", density, "--seed", str(number)]
        program.must("random", *words, "-o", name, "--quiet")
    else:
        program.write(name, encode_model(random_model(rng, shape, LOOKS[style])))
    extra = ["--profile", PROFILES[number % 4], "--quiet"] + ["--prove-ternary"] * (number % 2)
    program.must("commit", name, "-o", "other.vk", "--secret", "other.key", *extra)
    extra += ["--insecure-seed", str(number)]
    program.must("commit", name, "-o", "net.vk", "--secret", "net.key", *extra)
    data = program.read("net.vk")
    stranger = parse_key(program.read("other.vk"))
    model = parse_model(program.read(name))
    seed = key_seed(insecure(number, "commitment"), program.read(name))
    return Case(f"{number}: {shape} {style}", model, load_key(data), data, stranger, seed)


def prove(
    program: Program,
    name: str,
    batch: int,
    private: bool,
    context: bytes,
    extra: Sequence[str] = (),
) -> Proof:
    """A proof by the program, for the inputs in `x.npy`."""
    words = ["prove", "net.tern", "x.npy", "--secret", "net.key", "-o", name, "--quiet"]
    words += ["--batch"] * (batch > 1) + ["--private-input"] * private
    words += ["--context", context.hex()] if context else []
    program.must(*words, *extra)
    return parse_proof(program.read(name))


def kind_of(case: Case, proof: Proof) -> str:
    """A row of the table of honest proofs."""
    modes = Shape(case.key.architecture, proof.batch, proof.private).modes
    mode = "a and b" if len(set(modes)) == 2 else modes[0]
    privacy = "hidden" if proof.private else "public"
    size = "one input" if proof.batch == 1 else "batch"
    return f"honest: mode {mode}, {privacy}, {size}"


def compare_inference(judge: Judge, case: Case, inputs: Sequence[int], data: bytes) -> None:
    """Inference here against the program's and against the proof's outputs."""
    told = json.loads(judge.program.must("infer", "--json", "net.tern", "x.npy"))
    try:
        compare_key(case.model, case.key_data)
        outputs = compare_proof(case.model, data, inputs)
        if told["outputs"] != outputs:
            raise Differs("the outputs differ")
        judge.counts["inference", "made"] += 1
    except (Differs, Malformed) as error:
        judge.problem(f"inference of {case.name}: {error}")


def compare_rows(judge: Judge, case: Case) -> None:
    """Rows of a key that is not too large: whether they commit to the network."""
    seed, key = parse_secret(judge.program.read("net.key"))
    if key != case.key or seed != case.seed:
        judge.problem(f"{case.name}: the secret is of another key or seed")
    if key.ternarity and ternarity_layout(key.architecture).bits <= LARGEST:
        number = int(case.name.split(":")[0])
        own = Prover(case.model, key, seed).ternarity(insecure(number, "ternarity proof"))
        judge.counts["seeded", "made"] += 1
        if own != key.ternarity:
            judge.problem(f"{case.name}: the bytes of a ternarity proof with given blinds differ")
    if len(key.rows) <= 120:
        if wrong_rows(case.model, seed, key):
            judge.problem(f"{case.name}: the key does not commit to the network")
        judge.counts["key rows", "made"] += len(key.rows)


def honest_proof(
    judge: Judge, rng: random.Random, case: Case, batch: int, private: bool, context: bytes
) -> tuple[Proof, tuple[int, ...]]:
    """A proof that everything must agree on."""
    rows = random_inputs(rng, case.model, batch)
    flat = tuple(value for row in rows for value in row)
    judge.program.write("x.npy", encode_npy(rows))
    proof = prove(judge.program, "out.proof", batch, private, context)
    data = judge.program.read("out.proof")
    compare_inference(judge, case, flat, data)
    if proof.encode() != data:
        judge.problem(f"{case.name}: the proof is not what its fields encode to")
    judge.judge(Attempt(kind_of(case, proof), case.key_data, data, context), True)
    return proof, flat


def seen(judge: Judge, trial: Attempt) -> int:
    """How often a kind was tried."""
    return judge.counts["forged: " + trial.kind, "made"]


def forge(judge: Judge, rng: random.Random, honest: Honest, most: int) -> None:
    """Forged versions of a proof, of the kinds that were seen least."""
    trials = [trial for maker in MAKERS for trial in maker(honest, rng)]
    rng.shuffle(trials)
    for _ in range(min(most, len(trials))):
        trial = min(trials, key=lambda trial: seen(judge, trial))
        trials.remove(trial)
        judge.judge(replace(trial, kind="forged: " + trial.kind), False)


def seeded(judge: Judge, rng: random.Random, case: Case, private: bool, context: bytes) -> None:
    """A proof with given blinds: the program's bytes against those of the prover here."""
    batch, number = rng.choice((1, 2, 3)), rng.randrange(1 << 40)
    shape = Shape(case.key.architecture, batch, private)
    if shape.linear.bits > LARGEST:
        return
    rows = random_inputs(rng, case.model, batch)
    judge.program.write("x.npy", encode_npy(rows))
    words = ["--insecure-seed", str(number)]
    proof = prove(judge.program, "seeded.proof", batch, private, context, words)
    witness = witness_of(case.model, shape, rows)
    own = Prover(case.model, case.key, case.seed).prove(
        shape, witness, context, insecure(number, "proof")
    )
    judge.counts["seeded", "made"] += 1
    if own != proof:
        judge.problem(f"{case.name}: the bytes of a proof with given blinds differ")


def tell_lies(judge: Judge, rng: random.Random, case: Case, most: int) -> None:
    """False witnesses, and true ones with something beyond the widths."""
    prover, arch = Prover(case.model, case.key, case.seed), case.key.architecture
    for lie, fit in rng.sample([(lie, fit) for lie in LIES for fit in FITS], most):
        batch, context = rng.choice((1, 2)), rng.randbytes(2)
        shape = Shape(arch, batch, rng.random() < 0.5 or lie is private_input)
        witness = witness_of(case.model, shape, random_inputs(rng, case.model, batch))
        if shape.linear.bits <= LARGEST and lie(case.model, shape, witness, rng):
            proof = prover.prove(shape, witness, context, rng.randbytes(32), fit)
            kind = f"false witness: {lie.__name__.replace('_', ' ')}"
            judge.judge(Attempt(kind, case.key_data, proof.encode(), context), False)
    shape = Shape(arch, 1, True)
    if shape.linear.bits <= LARGEST:
        rows = random_inputs(rng, case.model, 1)
        other_network_proof(judge, rng, case, shape, rows)
        witness = replace(witness_of(case.model, shape, rows), beyond=rng.choice((0, 1, R - 1)))
        proof = prover.prove(shape, witness, b"", rng.randbytes(32))
        judge.judge(Attempt("honest: prover here", case.key_data, proof.encode(), b""), True)


def other_network_proof(
    judge: Judge, rng: random.Random, case: Case, shape: Shape, rows: list[list[int]]
) -> None:
    """What another network outputs, for the key of this one."""
    model = other_network(case.model, rng)
    witness = witness_of(model, shape, rows)
    proof = Prover(model, case.key, case.seed).prove(shape, witness, b"", rng.randbytes(32))
    kind = "false witness: another network"
    judge.judge(Attempt(kind, case.key_data, proof.encode(), b""), False)


def weights_of_two(judge: Judge, rng: random.Random, case: Case) -> None:
    """Keys made here, with anything beyond the widths: one ternary, one that lies about it."""
    arch = case.key.architecture
    shape = Shape(arch, 1, True)
    if ternarity_layout(arch).bits > LARGEST or shape.linear.bits > LARGEST:
        return
    seed, rows = rng.randbytes(32), [[0] * case.model.widths[0]]
    row = rng.randrange(arch.widths[1])
    bad = with_weight(case.model, 0, row, rng.randrange(arch.widths[0]), rng.choice((-2, 2, 3)))
    for model, good in ((case.model, True), (bad, False)):
        beyond = rng.choice((0, 1, 2, R - 1))
        prover = Prover(model, make_key(model, arch, seed, beyond), seed, beyond)
        key = replace(prover.key, ternarity=prover.ternarity(rng.randbytes(32)))
        prover.key = key
        witness = witness_of(model, shape, rows)
        proof = prover.prove(shape, witness, b"", rng.randbytes(32))
        kind = "honest: key and prover here" if good else "false key: weight of 2 or 3"
        judge.judge(Attempt(kind, key.encode(), proof.encode(), b""), good)


def run_case(
    judge: Judge, rng: random.Random, number: int, case: Case, proofs: int, most: int
) -> None:
    """Honest and forged proofs of one network."""
    for i in range(proofs):
        batch = BATCHES[(number + i) % len(BATCHES)]
        private, context = (number // 2 + i) % 2 == 1, CONTEXTS[(number + i) % 4]
        proof, inputs = honest_proof(judge, rng, case, batch, private, context)
        if i in (0, proofs - 1):
            twin = prove(judge.program, "twin.proof", batch, private, context)
            labels = tuple(verify(case.key, proof, context))
            honest = Honest(case.key, proof, labels, inputs, twin, case.stranger)
            forge(judge, rng, honest, most // 2)
    seeded(judge, rng, case, number % 2 == 0, CONTEXTS[number % 4])
    tell_lies(judge, rng, case, most // 10)
    weights_of_two(judge, rng, case)


def worked_values(key: Key, trace: Trace) -> set[str]:
    """Every number of 32 bytes that the worked example may show."""
    values = [data[at : at + 32] for _, data in trace for at in range(0, len(data), 32)]
    values += [compress(row) for row in key.rows]
    for digest in (key.digest, key.ternarity_digest):
        values += [digest[:32], digest[32:]]
    values += [compress(generator(b"G")), compress(generator(b"H"))]
    values += [compress(row_generator(j)) for j in range(2)]
    return {value.hex() for value in values}


def worked_example(judge: Judge) -> None:
    """Section 12 of FORMAT.md: its commands, its files, its numbers, and their order."""
    text = FORMAT.read_text(encoding="utf-8").split("## 12. Worked example")[1]
    text = text.split("\n## ")[0]
    for line in re.findall(r"^zktern (.*)$", text, re.MULTILINE):
        judge.program.must(*line.split())
    files = {name: judge.program.read(f"n.{name}") for name in ("tern", "vk", "proof")}
    shown = re.findall(r"^7a6b74[0-9a-f\n]*?(?=\n\n|\n```)", text, re.MULTILINE)
    for name, block in zip(files, shown, strict=True):
        if not files[name].hex().startswith(block.replace("\n", "")):
            judge.problem(f"worked example: n.{name} differs")
    trace: Trace = []
    key = parse_key(files["vk"])
    command_line(judge)
    verify_ternarity(key, trace)
    verify(key, parse_proof(files["proof"]), bytes.fromhex("00ff"), trace)
    compare_numbers(judge, text, key, trace)


def command_line(judge: Judge) -> None:
    """The commands of this folder and the program's, with the files of the worked example."""
    trials = (
        (0, "n.vk", "n.proof", "00ff", "x.npy"),
        (1, "n.vk", "n.proof", "", "x.npy"),
        (1, "n.vk", "n.proof", "00ff", "other.npy"),
        (2, "n.vk", "n.tern", "00ff", "x.npy"),
        (2, "n.proof", "n.proof", "00ff", "x.npy"),
        (2, "n.vk", "missing.proof", "00ff", "x.npy"),
    )
    judge.program.write("other.npy", encode_npy([[76, 145, 177, 22]]))
    for status, key, proof, context, inputs in trials:
        rest = ["--input", inputs, *(["--context", context] if context else [])]
        theirs = judge.program.run("verify", "--key", key, proof, *rest).returncode
        ours = judge.program.own("verifier.py", key, proof, *rest)
        if (theirs, ours) != (status, status):
            judge.problem(f"verify {key} {proof} {context} {inputs}: program {theirs}, own {ours}")
    if judge.program.own("inference.py", "n.tern", "x.npy", "--proof", "n.proof", "--key", "n.vk"):
        judge.problem("inference.py: the worked example differs")
    if judge.program.own("blinds.py", "n.tern", "n.key"):
        judge.problem("blinds.py: the worked example differs")


def compare_numbers(judge: Judge, text: str, key: Key, trace: Trace) -> None:
    """The numbers of the worked example, then the order of challenges and words."""
    known = worked_values(key, trace)
    numbers = re.findall(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])", text)
    for number in numbers:
        if number not in known:
            judge.problem(f"worked example: {number} is not reproduced")
    lines = re.findall(r"^(?:\*|  ?) ?(\S+)(?: \d+)? +([0-9a-f]{64})$", text, re.MULTILINE)
    steps = iter((label, data[:32].hex()) for label, data in trace)
    for line in lines:
        if line not in steps:
            judge.problem(f"worked example: {line[0]} is out of order")
            break
    print(f"worked example: {len(numbers)} numbers, {len(lines)} steps in order", flush=True)


def run(options: argparse.Namespace, folder: Path) -> Judge:
    """Everything."""
    judge = Judge(Program(options.program, folder))
    worked_example(judge)
    rng = random.Random(options.seed)
    shapes = QUICK if options.quick else SHAPES
    most = options.forged or (28 if options.quick else 60)
    for number, shape in enumerate(shapes):
        style = STYLES[(number + options.seed) % len(STYLES)]
        case = make_case(judge.program, rng, number, shape, style)
        compare_rows(judge, case)
        run_case(judge, rng, number, case, 3 if options.quick else 5, most)
        print(
            f"{case.name}, rows of {case.key.architecture.columns}",
            flush=True,
        )
    for number in range(3 if options.quick else 12):
        aggregate_case(judge, rng, number, most // 2 if options.quick else most)
    return judge


def report(judge: Judge, seconds: float) -> int:
    """The table and the exit status."""
    judge.table()
    totals: Counter[str] = Counter()
    for (kind, name), value in judge.counts.items():
        totals[f"{kind.split(':')[0]} {name}"] += value
    for group in ("honest", "forged", "false witness", "false key"):
        made, theirs, ours = (
            totals[f"{group} {name}"] for name in ("made", "program accepts", "own accepts")
        )
        print(
            f"{group}: {made} made, accepted by the program {theirs}, by the verifier here {ours}"
        )
    print(f"inference: {totals['inference made']} agree")
    print(f"with given blinds: {totals['seeded made']} files or ternarity proofs compared by bytes")
    print(f"key rows: {totals['key rows made']} opened")
    print(f"problems: {len(judge.problems)}, {seconds:.0f} s")
    return 1 if judge.problems else 0


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Compare the program with this folder.")
    parser.add_argument("program", metavar="ZKTERN", type=Path)
    parser.add_argument("--quick", action="store_true", help="a small part, below a minute")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--forged", type=int, help="forged proofs of one network")
    parser.add_argument("--keep", type=Path, help="a folder for the files")
    options = parser.parse_args()
    start = time.monotonic()
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
        return report(run(options, options.keep), time.monotonic() - start)
    with tempfile.TemporaryDirectory() as folder:
        return report(run(options, Path(folder)), time.monotonic() - start)


if __name__ == "__main__":
    sys.exit(main())
