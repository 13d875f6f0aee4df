"""One call of EZKL in a process of its own, so that wall time and memory belong to it alone: step.py NAME ARGUMENTS."""
import asyncio, inspect, json, sys, time

import ezkl


def call(function):
    async def run():  # old releases want a running loop, new ones are synchronous
        value = function()
        return await value if inspect.isawaitable(value) else value

    return asyncio.run(run())


def settings(a):
    run_args = ezkl.PyRunArgs()
    for key, value in a["run_args"].items():
        if hasattr(run_args, key):
            setattr(run_args, key, value)
    return call(lambda: ezkl.gen_settings(a["onnx"], a["settings"], py_run_args=run_args))


STEPS = {
    "settings": settings,
    "compile": lambda a: call(lambda: ezkl.compile_circuit(a["onnx"], a["compiled"], a["settings"])),
    "srs": lambda a: call(lambda: ezkl.gen_srs(a["srs"], a["logrows"])),
    "setup": lambda a: call(lambda: ezkl.setup(a["compiled"], a["vk"], a["pk"], srs_path=a["srs"])),
    "witness": lambda a: bool(
        call(lambda: ezkl.gen_witness(a["data"], a["compiled"], a["witness"], vk_path=a["vk"], srs_path=a["srs"]))),
    "prove": lambda a: bool(
        call(lambda: ezkl.prove(a["witness"], a["compiled"], a["pk"], a["proof"], srs_path=a["srs"]))),
    "verify": lambda a: call(lambda: ezkl.verify(a["proof"], a["settings"], a["vk"], srs_path=a["srs"])),
}

name, arguments = sys.argv[1], json.loads(sys.argv[2])
start = time.perf_counter()
result = STEPS[name](arguments)
seconds = time.perf_counter() - start
result = result if isinstance(result, (bool, int, type(None))) else str(result)[:200]
print("\nSTEP " + json.dumps({"s": round(seconds, 4), "result": result}), flush=True)
