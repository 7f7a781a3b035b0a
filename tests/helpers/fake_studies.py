"""Studies whose workers train nothing: a module that answers like one, at once.

What a cell does instead is read from ``behaviour.json`` in the working folder: "backend
seed" → a word of ``WORKER``. Each cell leaves a line in ``begun.log``.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

from polyframe.spec.recipe import load_recipe
from polyframe.study.folder import StudyFolder
from polyframe.study.plan import Contestant, Settings, Study, Variant

WORKER = """\
import json, os, signal, sys, threading, time

lines = []
ready = threading.Semaphore(0)

def listen():
    for line in sys.stdin:
        lines.append(line)
        ready.release()
    os._exit(0)

def say(message):
    print(json.dumps(message), flush=True)

threading.Thread(target=listen, daemon=True).start()
ready.acquire()
request = json.loads(lines.pop())
told = json.load(open("behaviour.json"))
backend, hash = request["backend"], told["hash"]
if request["do"] == "about":
    what = {"polyframe": "0", "protocol": 1, "python": "3", "executable": sys.executable,
            "backend": backend, "framework": backend.title(), "version": "1",
            "usable": True, "devices": ["cpu"], "problem": None, "spec_hash": hash}
    say({"result": {**what, **told.get(f"about {backend}", {})}})
    ready.acquire()
seed = request["recipe"]["seed"]
with open("begun.log", "a") as log:
    log.write(f"{backend} {seed} {os.getpid()}\\n")
word = told.get(f"{backend} {seed}", "train")
say({"event": "epoch", "of": 1, "epoch": 1, "test_accuracy": 0.5})
time.sleep(told.get("seconds", 0))
if word == "fail":
    say({"result": None, "status": "failed", "error": "RuntimeError: out of memory"})
elif word == "hang":
    time.sleep(600)
elif word == "deaf":  # not even the end of its standard input ends it
    os.close(0)
    time.sleep(600)
elif word == "exit":
    print("the last words", file=sys.stderr)
    os._exit(3)
elif word == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
elif word == "garbage":
    print("Downloading: 42 %", flush=True)
elif word == "number":
    print("42", flush=True)
elif word == "half":
    print('{"result": {"fac', flush=True)
    os._exit(0)
elif word == "no record":
    say({"result": {"epochs": "many"}})
elif word == "another spec":
    say({"result": {"facts": {"spec_hash": "f00"}}})
elif word == "leave":
    say({"result": {"facts": {"spec_hash": hash},
                    "programs": {"../../../../left.py": "x"}}})
else:
    say({"result": {
        "facts": {"spec_hash": hash, "version": "1"},
        "epochs": [{"epoch": 0, "test_accuracy": 0.1}, {"epoch": 1, "test_accuracy": 0.5}],
        "test": {"accuracy": 0.5, "loss": 1.0},
        "resources": {"wall_seconds": 2.0, "peak_mib": 1.0},
        "programs": {f"program_{backend}.py": "# its program"},
    }})
ready.acquire()
"""
COORDINATOR = """\
import sys
sys.path.insert(0, {helpers!r})
from helpers.fake_studies import fake_report
from polyframe.study import jobs
jobs.MODULE = "fake_worker"
fake_report(sys.modules)
from polyframe.cli import main
main()
"""
"""``polyframe`` with these workers, in a process of its own."""


def fake_report(modules, report=lambda folders, out: None):
    """Have no report written, but this function called."""
    for name in ("polyframe.study.report", "polyframe.study.report.write"):
        modules[name] = ModuleType(name)
    modules["polyframe.study.report.write"].write_report = report


def prepare(folder: Path, **behaviour):
    """The files of the workers; the folder has to be in PYTHONPATH."""
    (folder / "fake_worker.py").write_text(WORKER)
    helpers = str(Path(__file__).parents[1])
    (folder / "coordinator.py").write_text(COORDINATOR.format(helpers=helpers))
    behave(folder, **behaviour)


def behave(folder: Path, **behaviour):
    """What cells do; ``torch_0="fail"`` is for the seed 0 of torch."""
    words = {key.replace("_", " "): word for key, word in behaviour.items()}
    words["hash"] = load_recipe("digits_cnn").model.hash
    (folder / "behaviour.json").write_text(json.dumps(words))


def begun(folder: Path) -> list[str]:
    """ "backend seed" of all cells that began, in order."""
    log = folder / "begun.log"
    lines = log.read_text().splitlines() if log.exists() else []
    return [line.rpartition(" ")[0] for line in lines]


def small_study(*backends, seeds=2, time_limit=60.0, variants=()):
    """A study of ``digits_cnn`` without certificates."""
    return Study(
        load_recipe("digits_cnn"),
        tuple(Contestant(name, name) for name in backends or ("torch", "mxnet")),
        tuple(variants) or (Variant("base"),),
        tuple(range(seeds)),
        Settings(1, time_limit=time_limit, certify_steps=0),
    )


def statuses(folder: Path) -> dict[str, str]:
    """ "backend seed" → status, of all records."""
    records = StudyFolder(folder).records()
    return {f"{r.contestant} {r.seed}": r.status for r in records}
