"""Running ejected scripts where polyframe cannot be imported, and what they have to print.

``run`` starts one process for several scripts, since importing a framework takes longer
than they do.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys

import numpy as np

from polyframe.eject.write import eject
from polyframe.run.split import evaluate, with_data
from polyframe.run.train import compile_recipe, load_initial_weights
from polyframe.train.callbacks.start import start

RUNNER = r"""
import contextlib, io, json, math, os, runpy, signal, sys
sys.modules["polyframe"] = None  # importing it is an error
real = math.isfinite

class Killed(BaseException):  # stands for a crash: no handler of a script sees it
    pass

for script, stops in json.loads(sys.argv[1]):
    texts = []
    for stop in [*stops, None]:
        counted = 0

        def isfinite(value):  # scripts ask it once a step
            global counted
            if sys._getframe(1).f_code.co_name == "main":
                counted += 1
                if counted == stop:
                    os.kill(os.getpid(), signal.SIGINT)
                if counted == -(stop or 0):
                    raise Killed
            return real(value)

        out, math.isfinite = io.StringIO(), isfinite
        try:
            with contextlib.redirect_stdout(out):
                runpy.run_path(script, run_name="__main__")
        except SystemExit as end:
            out.write(f"{end}\n")
        except Killed:
            out.write("killed\n")
        texts.append(out.getvalue())
    print(json.dumps(["".join(texts)]), flush=True)
"""
COLUMN = re.compile(r"(\w+) (\[.*?\]\]|[^,\[]+)(?:, |$)")


def run(scripts, timeout=3000):
    """The texts that scripts print: (path, the steps after which Ctrl-C stops it, counted
    anew each time; a negative number is one at which it crashes). It is then started
    again."""
    given = json.dumps([(str(path), list(stops)) for path, stops in scripts])
    env = {**os.environ, "PYTHONPATH": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
    if env.get("OMP_NUM_THREADS") == str(len(os.sched_getaffinity(0))):
        del env["OMP_NUM_THREADS"]  # polyframe may have set it: scripts have to, too
    done = subprocess.run(
        [sys.executable, "-c", RUNNER, given],
        env=env,
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    lines = [line for line in done.stdout.splitlines() if line.startswith('["')]
    return [json.loads(line)[0] for line in lines]


def lint(script):
    """Assert that ruff has nothing to say about a script."""
    for command in (["check"], ["format", "--check", "--diff"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--isolated", str(script)]
        done = subprocess.run(ruff, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


def rows(text):
    """The values of each epoch and of the test data, as a script prints them."""
    found = {}
    for line in text.splitlines():
        match = re.fullmatch(r"(?:epoch (\d+)|test): (.*)", line)
        if match:
            pairs = COLUMN.findall(match[2])
            found[int(match[1] or 0)] = {
                name: float(value)
                if value in ("nan", "inf")
                else ast.literal_eval(value)
                for name, value in pairs
            }
    return found


def wanted(recipe, backend, data, optimize=False):
    """The same from ``fit`` and ``evaluate``."""
    recipe = with_data(recipe, data, lambda text: None)
    model = compile_recipe(recipe, backend, optimize)
    load_initial_weights(recipe, model, lambda text: None)
    stopping = [c for c in recipe.callbacks if c.type == "early_stopping"]
    history = model.fit(
        data, epochs=recipe.epochs, batch_size=recipe.batch_size,
        callbacks=start(stopping), augmentation=recipe.augmentation,
        validation_split=recipe.split,
        validation_batch_size=recipe.validation_batch_size, drop_last=recipe.drop_last,
    )  # fmt: skip
    found = {row["epoch"]: row for row in history.rows}
    if data.test is not None:
        found[0] = evaluate(model, recipe, data)[-1]
    return found


def same(printed, expected):
    """Assert that a script has printed all values, to the last bit."""
    assert printed.keys() == expected.keys()
    for epoch, row in expected.items():
        for name in row.keys() - {"epoch", "seconds", "examples_per_sec"}:
            values = np.asarray(printed[epoch][name]), np.asarray(row[name])
            assert np.array_equal(*values, equal_nan=True), (epoch, name, values)


def ejected(recipe, backend, data, out, optimize=False):
    """The script of a recipe, linted, in a new folder."""
    recipe = with_data(recipe, data, lambda text: None)
    script, *_ = eject(recipe, backend, out, data, optimize)
    assert script.name == "train.py"
    lint(script)
    return script
