"""A small recipe with all that a resume has to keep, and what two runs have in common."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

import polyframe as pf
from polyframe.cli import cli
from polyframe.io.lock import LOCK
from polyframe.run.train import Interrupted, compile_recipe, load_data, train
from polyframe.spec.recipe import load_recipe
from polyframe.train import Callback
from polyframe.train.checkpoint import FOLDER, checkpoints_in

STEPS = 6
"""An epoch's steps of ``recipe``: 57 samples, of which 46 are not split off to validate
on, make 11 batches of 4, two a step; the two samples that are left over are dropped."""
TIMES = ("seconds", "examples_per_sec")
SAME_BYTES = ("weights.safetensors", "checkpoint/best.safetensors", "recipe.yaml")


def recipe(**changes):
    """Shuffle, dropout, batch norm, averages, warm-up, a schedule that looks at rows,
    early stopping that counts, augmentation, accumulation, a split, logs."""
    spec = pf.Sequential(
        [
            pf.Conv2D(4, 3, bias=False, name="conv"),
            pf.BatchNorm(name="bn"),
            pf.ReLU(),
            pf.MaxPool2D(2),
            pf.Flatten(),
            pf.Dropout(0.25),
            pf.Dense(3, name="fc"),
        ],
        input_shape=(1, 8, 8),
        name="small",
    )
    fields = {
        "model": spec,
        "name": "small",
        "data": {"name": "synthetic", "train": 57, "test": 12, "classes": 3},
        "split": 0.2,
        "drop_last": True,
        "batch_size": 4,
        "accumulate": 2,
        "epochs": 5,
        "seed": 3,
        "device": "cpu",
        "ema": 0.8,
        "optimizer": {"type": "Adam", "lr": 0.01},
        "schedule": {
            "type": "reduce_on_plateau",
            "patience": 0,
            "min_delta": 0.5,
            "warmup": 1.0,
        },
        "metrics": ["accuracy", "confusion_matrix"],
        "augmentation": [
            {"type": "random_crop", "padding": 1},
            "normalize",
            "mixup",
        ],
        "callbacks": [
            {"type": "early_stopping", "patience": 4, "baseline": 1e-9},
            {"type": "json_log", "every_step": True},
            "csv_log",
        ],
    }
    return load_recipe(fields | changes)


def plain(**changes):
    """A recipe without what only float32 and one backend give the same bits of."""
    own = {"schedule": None, "augmentation": [], "ema": None, "metrics": ["accuracy"]}
    return recipe(**own | {"callbacks": [], "accumulate": 1} | changes)


def checkpoints(every, **more):
    """The data of callbacks that save each so many steps."""
    return [{"type": "model_checkpoint", "every_steps": every, **more}]


class CtrlC(Callback):
    """Ctrl-C once a step is done; the loop may be a few steps further on by then."""

    tolerates_delay = True

    def __init__(self, step):
        self.step = step

    def on_step_end(self, model, step):
        if step.step == self.step:
            signal.raise_signal(signal.SIGINT)


class ExactCtrlC(CtrlC):
    """The same, right after that step."""

    tolerates_delay = False


@contextmanager
def interruptible():
    """Where tests run in the background, Ctrl-C may be ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def stopped(made, backend, folder, at, kind=ExactCtrlC, **options):
    """Train and stop at a step; what Ctrl-C left."""
    with interruptible(), pytest.raises(Interrupted) as caught:
        train(made, backend, folder, callbacks=[kind(at)], **options)
    return caught.value.result


# --- comparing -------------------------------------------------------------------


def content(folder):
    """Each file's bytes and time of change, by its path."""
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def without_times(row):
    return {name: value for name, value in row.items() if name not in TIMES}


def logs(folder):
    """History and logs, line for line, without what a clock has measured."""
    result = json.loads((folder / "result.json").read_text())
    records = {
        "history": [without_times(row) for row in result.pop("history")],
        "result": {
            key: without_times(value) if isinstance(value, dict) else value
            for key, value in result.items()
            if key not in TIMES and key != "backend"
        },
    }
    for name in ("metrics.csv", "log.csv"):
        if (folder / name).exists():
            with (folder / name).open(newline="") as file:
                records[name] = [without_times(row) for row in csv.DictReader(file)]
    if (folder / "log.jsonl").exists():
        lines = (folder / "log.jsonl").read_text().splitlines()
        records["log.jsonl"] = [without_times(json.loads(line)) for line in lines]
    return records


def assert_same_run(folder, wanted):
    """Two run folders hold the same, bit for bit, but for the times."""
    assert logs(folder) == logs(wanted)
    for name in SAME_BYTES:
        assert (folder / name).read_bytes() == (wanted / name).read_bytes(), name
    mine, its = (checkpoints_in(each / FOLDER)[0] for each in (folder, wanted))
    assert mine.name == its.name
    for name in ("weights.safetensors", "training.safetensors"):
        assert (mine / name).read_bytes() == (its / name).read_bytes(), name
    assert strays(folder) == []


def strays(folder):
    """Files and folders that something left half done; a killed run's lock is whole."""
    strays = [path for path in folder.rglob(".*") if path.name != LOCK]
    return [str(path.relative_to(folder)) for path in strays]


# --- processes -------------------------------------------------------------------


def command(path, backend, folder, *more):
    """``polyframe train`` of a recipe file, as a process."""
    words = ["train", path, "-b", backend, "-o", folder, "--quiet", *more]
    return [sys.executable, "-m", "polyframe", *map(str, words)]


def process(words, before=lambda: None):
    """Start it, with a call to make first; Ctrl-C reaches it even where tests run in the
    background."""

    def prepare():
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        before()

    return subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        preexec_fn=prepare,
    )


def run(words, code=0, **options):
    """Run it to its end; what it says on stderr."""
    with process(words, **options) as child:
        out, told = child.communicate()
    assert (child.returncode, out) == (code, ""), told
    assert "Traceback" not in told
    return told


def written(made, folder: Path):
    """A recipe as a file."""
    path = folder / "recipe_of_test.yaml"
    path.write_text(made.to_yaml())
    return path


# --- runs to damage --------------------------------------------------------------

LOGS = [{"type": "json_log", "every_step": True}, "csv_log"]


def small(**changes):
    """11 steps an epoch, a checkpoint every 3."""
    return plain(**{"epochs": 2, "callbacks": [*checkpoints(3), *LOGS]} | changes)


def prepared(folder):
    """Runs that no test changes: a whole one, one stopped after step 14, the recipe."""
    train(small(), "torch", folder / "whole")
    stopped(small(), "torch", folder / "half", 14)
    written(small(), folder)
    return folder


def copied(made, folder):
    """A copy of the stopped run."""
    shutil.copytree(made / "half", folder)
    names = [path.name for path in checkpoints_in(folder / FOLDER)]
    assert names == ["step-0000000014", "step-0000000012"]
    return folder


def polyframe(made, folder, *more):
    """``polyframe train``: (exit code, lines on stderr). Never a traceback."""
    recipe = made / "recipe_of_test.yaml"
    args = ["train", recipe, "-b", "torch", "-o", folder, "--quiet", *more]
    done = CliRunner().invoke(cli, [str(arg) for arg in args], prog_name="polyframe")
    assert done.stdout == ""
    return done.exit_code, done.stderr.splitlines()


def refused(made, folder, message, *more):
    """Exit code 2 and one line that holds that text."""
    code, lines = polyframe(made, folder, *more)
    assert code == 2, lines
    assert len(lines) == 1 and lines[0].startswith("error: "), lines
    assert message in lines[0]
    assert len(lines[0]) < 1000
    return lines[0]


def steps_of(folder):
    """The steps of the checkpoints in a run folder, the newest first."""
    return [int(path.name[5:]) for path in checkpoints_in(folder / FOLDER)]


def fitted(made, **options):
    """A recipe's model, trained through Model.fit."""
    data = load_data(made)
    model = compile_recipe(made, "torch")
    own = {
        "batch_size": made.batch_size, "epochs": 2, "validation_split": made.split,
        "drop_last": made.drop_last,
    }  # fmt: skip
    return model, model.fit(data, **own | options)
