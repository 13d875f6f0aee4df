#!/usr/bin/env python3
"""Rivals beside zktern, on the same networks, in one run: one JSON line a row, then a table with ratios.

    cargo build --release
    python3 benches/peers/run.py --hidden 512 --hidden 1024x1024 --out peers.jsonl

EZKL is installed from the package index into throw-away environments below --work (newest release, and 16.2.3, the last that
skips constant zeros). Both programs get the SAME ternary weights and the same input. EZKL: scales 7 and 7, two inner columns,
no calibration, the smallest number of rows that holds the circuit; the structured reference string is generated locally
(insecure, for measurement) and not counted. `fixed` parameters are in the verifying key; `polycommit` ones are committed to,
which is what zktern does too. zktern: `commit`, `prove` and `verify`, medians of --samples runs; weights stay hidden.
"""
import argparse, json, os, resource, shutil, subprocess, sys, threading, time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
RELEASES = {"newest": "ezkl", "16.2.3": "ezkl==16.2.3"}


def environment(work, release):
    """The Python of an environment with one release of EZKL, made if it is not there."""
    folder = os.path.join(work, "env-" + release)
    python = os.path.join(folder, "bin", "python")
    ready = os.path.join(folder, "ready")
    if not os.path.exists(ready):
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        packages = [RELEASES[release], "onnx", "numpy"]
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True, stdout=sys.stderr)
        open(ready, "w").close()
    code = "from importlib.metadata import version; print(version('ezkl'))"
    return python, subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def limited(command, log, o):
    """Runs a command under the limits: its output, wall time, peak memory, and what went wrong, if anything."""
    def limits():
        size = int(o.memory * 2**30)
        resource.setrlimit(resource.RLIMIT_AS, (size, size))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    start = time.perf_counter()
    with open(log, "ab") as err:
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=err, preexec_fn=limits)
        late = threading.Event()
        timer = threading.Timer(o.limit, lambda: (late.set(), child.kill()))
        timer.start()
        out = child.stdout.read().decode(errors="replace")
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        timer.cancel()
    wall = time.perf_counter() - start
    error = f"longer than {o.limit} s" if late.is_set() else f"status {child.returncode}" if child.returncode else None
    return out, wall, usage.ru_maxrss * 1024, error


def ezkl(folder, work, release, params, hidden, o):
    """One row: every step of EZKL on the network in `folder`."""
    python, version = environment(work, release)
    at = lambda name: os.path.join(folder, name)
    row = {"tool": "ezkl", "version": version, "params": params, "steps": {}}
    run_args = {"input_scale": 7, "param_scale": 7, "logrows": 20, "num_inner_cols": 2, "input_visibility": "public",
                "param_visibility": params, "output_visibility": "public"}
    a = {"onnx": at("net.onnx"), "settings": at("settings.json"), "data": at("in.json"), "compiled": at("net.ezkl"),
         "pk": at("pk"), "vk": at("vk"), "witness": at("witness.json"), "proof": at("proof.json"), "run_args": run_args}

    def step(name):
        command = [python, os.path.join(HERE, "step.py"), name, json.dumps(a)]
        out, wall, memory, error = limited(command, at("log.txt"), o)
        found = [json.loads(line[5:]) for line in out.splitlines() if line.startswith("STEP ")]
        # A release that crashes on its way out has done its step all the same.
        result = found[0] if found else {"error": error or "no result"}
        row["steps"][name] = {**result, "wall_s": round(wall, 3), "peak_rss_bytes": memory}
        if not found:
            row["failed_at"] = name
        return bool(found)

    ok = step("settings")
    if ok:
        with open(a["settings"]) as f:
            row["rows"] = json.load(f)["num_rows"]
        # Room for the rows and the range table of 2^14.
        run_args["logrows"] = row["logrows"] = max(15, (row["rows"] + 32).bit_length())
        os.makedirs(os.path.join(work, "srs"), exist_ok=True)
        a["srs"] = os.path.join(work, "srs", f"{row['logrows']}.srs")
        a["logrows"] = row["logrows"]
        steps = ["settings", "compile", "srs", "setup", "witness", "prove", "verify"]
        steps = [s for s in steps if s != "srs" or not os.path.exists(a["srs"])]
        ok = all(step(s) for s in steps)
    seconds = lambda name: row["steps"].get(name, {}).get("s")
    row["commit_s"], row["verify_s"] = seconds("setup"), seconds("verify")
    # A proof is made from an input: witness and proof.
    row["prove_s"] = round(seconds("witness") + seconds("prove"), 4) if seconds("prove") else None
    row["peak_rss_bytes"] = max(s["peak_rss_bytes"] for s in row["steps"].values())
    row["valid"] = ok and row["steps"]["verify"].get("result") is True
    if seconds("prove"):
        with open(a["proof"]) as f:
            proof = json.load(f)
        row["proof_bytes"] = len(proof["hex_proof"]) // 2 - 1 if proof.get("hex_proof") else len(proof["proof"])
        row["key_bytes"] = os.path.getsize(a["vk"])
    for name in ("pk", "vk", "net.ezkl"):
        if os.path.exists(at(name)):
            os.remove(at(name))
    return row


def ours(folder, o):
    """One row of zktern: medians of its own times."""
    at = lambda name: os.path.join(folder, name)

    def run(*arguments):
        done = subprocess.run([o.zktern, *arguments, "--json"], capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"zktern {arguments[0]}: {done.stderr.strip()}")
        return json.loads(done.stdout)

    median = lambda values: sorted(values)[len(values) // 2]
    run("import", at("net.safetensors"), "-o", at("net.tern"))
    commits = [run("commit", at("net.tern"), "-o", at("net.vk"), "--secret", at("net.key")) for _ in range(o.samples)]
    proofs = [run("prove", at("net.tern"), at("x.json"), "-o", at("out.proof")) for _ in range(o.samples)]
    checks = [run("verify", at("out.proof"), "--key", at("net.vk"), "--input", at("x.json")) for _ in range(o.samples)]
    version = subprocess.run([o.zktern, "--version"], capture_output=True, text=True).stdout.split()[-1]
    return {"tool": "zktern", "version": version, "params": "committed", "samples": o.samples,
            "device": proofs[0]["device"], "threads": proofs[0]["threads"],
            "commit_s": median([c["commit_s"] for c in commits]), "prove_s": median([p["prove_s"] for p in proofs]),
            "verify_s": median([c["verify_s"] for c in checks]), "proof_bytes": proofs[0]["proof_bytes"],
            "key_bytes": commits[0]["key_bytes"], "peak_rss_bytes": max(p["peak_rss_bytes"] or 0 for p in proofs),
            "valid": all(c["valid"] for c in checks)}


def table(rows):
    """Lines for people; ratios over zktern on the same network."""
    time_of = lambda s: "-" if s is None else f"{s * 1e3:.1f} ms" if s < 1 else f"{s:.1f} s"
    lines = ["| network | density | tool | parameters | commit or setup | prove | verify | proof | peak memory | prove over zktern |",
             "| --- | --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |"]
    for r in rows:
        base = next(o for o in rows if o["tool"] == "zktern" and (o["hidden"], o["density"]) == (r["hidden"], r["density"]))
        ratio = f"{r['prove_s'] / base['prove_s']:.0f}x" if r["prove_s"] else f"failed at {r.get('failed_at', '?')}"
        cells = [f"784-{r['hidden'].replace('x', '-')}-10", r["density"], f"{r['tool']} {r['version']}", r["params"],
                 time_of(r["commit_s"]), time_of(r["prove_s"]), time_of(r["verify_s"]),
                 f"{r.get('proof_bytes', 0) / 1e3:.1f} KB", f"{r['peak_rss_bytes'] / 1e9:.2f} GB", ratio]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--hidden", action="append", help="hidden widths, as 512 or 1024x1024; may be repeated (default: 512)")
    p.add_argument("--density", default="1/16")
    p.add_argument("--release", action="append", choices=list(RELEASES), help="default: both")
    p.add_argument("--params", action="append", choices=["fixed", "polycommit"], help="default: both")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--samples", type=int, default=5, help="runs of zktern; EZKL runs once")
    p.add_argument("--memory", type=float, default=24, help="GiB of address space that a step of EZKL may take")
    p.add_argument("--limit", type=int, default=1800, help="seconds that a step of EZKL may take")
    p.add_argument("--zktern", default=os.path.join(ROOT, "target", "release", "zktern"))
    p.add_argument("--work", default=os.path.join(ROOT, "target", "peers"), help="environments, keys and proofs")
    p.add_argument("--out", help="append the JSON lines to this file too")
    o = p.parse_args()
    rows = []

    def add(row, hidden, numbers):
        rows.append({"hidden": hidden, "density": o.density, "inputs": 1, **numbers, **row})
        line = json.dumps(rows[-1])
        print(line, flush=True)
        if o.out:
            with open(o.out, "a") as f:
                f.write(line + "\n")

    for hidden in o.hidden or ["512"]:
        folder = os.path.join(o.work, f"{hidden}-{o.density.replace('/', '_')}-{o.seed}")
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        releases = o.release or list(RELEASES)
        python, _ = environment(o.work, releases[0])
        make = [python, os.path.join(HERE, "network.py"), folder, hidden, o.density, str(o.seed), "4"]
        numbers = json.loads(subprocess.run(make, check=True, capture_output=True, text=True).stdout)
        add(ours(folder, o), hidden, numbers)
        for release in releases:
            for params in o.params or ["fixed", "polycommit"]:
                add(ezkl(folder, o.work, release, params, hidden, o), hidden, numbers)
    print("\n" + table(rows))


if __name__ == "__main__":
    main()
