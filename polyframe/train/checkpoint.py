"""Checkpoints: all that a training needs to go on as if it had never stopped.

A checkpoint is a folder ``step-<number>`` with ``weights.safetensors`` (canonical
names), ``training.safetensors`` (optimizer state and averages by canonical names, the
epoch's totals) and ``state.json`` (the place in the training, the history, the states of
callbacks, a checksum of each file). It is written beside its place and then renamed, so
that a crash leaves it whole or not there, and the one before it untouched.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from polyframe import weights as weight_files
from polyframe.compiler.devices import threads
from polyframe.errors import PolyframeError, WeightsError
from polyframe.files import remove_folder, write_folder
from polyframe.spec.callbacks import smaller_is_better
from polyframe.spec.element import brief
from polyframe.spec.fields import Float, Int, Kind, Several
from polyframe.spec.safety import ModelCheckpoint
from polyframe.spec.yaml import parse_json, read_text
from polyframe.train.callbacks import Callback
from polyframe.train.place import Place
from polyframe.train.texts import LONGEST, finite, row_of, to_json

SCHEMA = 1
FOLDER = "checkpoint"
WEIGHTS, TRAINING, STATE = "weights.safetensors", "training.safetensors", "state.json"
BEST = "best.safetensors"
TOTALS = "totals/"
FIELDS: dict[str, Kind] = {
    "epoch": Int(0, 2**53),
    "index": Int(0, 2**53),
    "step": Int(0, 2**53),
    "learning_rate": Float(),
    "seconds": Float(0.0),
}


@dataclass(frozen=True)
class Checkpoint:
    """One that was read and found whole."""

    path: Path
    place: Place
    weights: dict[str, np.ndarray]
    training: dict[str, np.ndarray]
    setup: Mapping[str, Any]
    threads: int | None = None  # of the process that wrote it


def write(path: Path, model: Any, place: Place) -> None:
    """Write a checkpoint of this moment into the new folder ``path``."""
    arrays = model.training_state()
    arrays |= {TOTALS + name: value for name, value in place.totals.items()}
    files = {
        WEIGHTS: weight_files.pack(model.weights()),
        TRAINING: weight_files.pack(arrays),
    }
    state = asdict(place)
    del state["totals"]
    state |= {
        "schema": SCHEMA,
        "setup": setup(model),
        "backend": model.backend.name,
        "threads": threads(),
        "files": {
            name: hashlib.sha256(data).hexdigest() for name, data in files.items()
        },
    }
    state = json.loads(to_json(state))
    state["checksum"] = checksum(state)
    files[STATE] = to_json(state).encode()
    write_folder(path, files)


def setup(model: Any) -> dict[str, Any]:
    """What has to be the same for a training to go on."""
    step = model.training_step
    return {
        "spec": model.spec.hash,
        "optimizer": f"{step.optimizer.type}({', '.join(step.optimizer.state)})",
        "dtype": model.dtype,
        "seed": model.seed,
        "semantics": model.semantics,
        "ema": step.training.ema is not None,
    }


def checksum(state: Mapping[str, Any]) -> str:
    """SHA-256 of everything in it."""
    text = json.dumps(finite(state), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


# --- reading ---------------------------------------------------------------------


def found_in(folder: Path) -> list[Path]:
    """The checkpoints in a folder, the newest first."""
    if not folder.is_dir():
        return []
    steps = [p for p in folder.iterdir() if p.is_dir() and number(p) is not None]
    return sorted(steps, key=lambda p: number(p) or 0, reverse=True)


def number(path: Path) -> int | None:
    """The step in a checkpoint's name."""
    word, _, digits = path.name.partition("-")
    return int(digits) if word == "step" and digits.isdecimal() else None


def read(path: Path) -> Checkpoint:
    """A checkpoint; WeightsError unless all of it is as it was written."""
    hint = "cut off, or changed since; remove it to go on from the one before"
    where = str(path)
    try:
        try:
            state = parse_json(read_text(path / STATE, LONGEST), where)
        except PolyframeError as error:
            raise PolyframeError(f"{STATE} {error.message}") from None
        if not isinstance(state, dict) or state.get("schema") != SCHEMA:
            raise PolyframeError(f"{STATE} is of another kind")
        if state.pop("checksum", None) != checksum(state):
            raise PolyframeError(f"{STATE} is damaged")
        for name in (WEIGHTS, TRAINING):
            data = (path / name).read_bytes()
            if hashlib.sha256(data).hexdigest() != state["files"][name]:
                raise PolyframeError(f"{name} is damaged")
        weights = weight_files.load(path / WEIGHTS)
        arrays = weight_files.load(path / TRAINING)
        totals = {n: a for n, a in arrays.items() if n.startswith(TOTALS)}
        place = Place(
            **{key: kind.check(state[key]) for key, kind in FIELDS.items()},
            rows=[row_of(row) for row in state["rows"]],
            totals={n.removeprefix(TOTALS): a for n, a in totals.items()},
            callbacks={key: dict(own) for key, own in state["callbacks"].items()},
        )
        return Checkpoint(
            path, place, weights, {n: a for n, a in arrays.items() if n not in totals},
            dict(state["setup"]), Int().check(state["threads"]),
        )  # fmt: skip
    except PolyframeError as error:
        raise WeightsError(error.message, where=where, hint=hint) from None
    except OSError as error:
        raise WeightsError(
            f"{Path(error.filename or path).name} cannot be read: {error.strerror}",
            where=where,
            hint=hint,
        ) from None
    except (
        KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError
    ):  # fmt: skip
        raise WeightsError(f"{STATE} is damaged", where=where, hint=hint) from None


def newest(folder: Path, warn: Callable[[str], None]) -> Checkpoint | None:
    """The newest whole checkpoint; a damaged one is told of and passed over.

    None where there is none; WeightsError where all of them are damaged.
    """
    broken: list[WeightsError] = []
    for path in found_in(folder):
        try:
            checkpoint = read(path)
        except WeightsError as error:
            broken.append(error)
            continue
        for problem in broken:
            warn(f"{problem.where}: {problem.message}; going on from {path.name}")
        return checkpoint
    if broken:
        raise WeightsError(
            broken[0].message,
            where=broken[0].where,
            hint="no other checkpoint is whole",
        )
    return None


def resume_from(
    model: Any,
    folder: Path,
    steps: int | None,
    warn: Callable[[str], None],
) -> Place | None:
    """Put a model where the newest checkpoint is; None where there is none."""
    checkpoint = newest(folder, warn)
    if checkpoint is None:
        return None
    place, where = checkpoint.place, str(checkpoint.path)
    for key, value in setup(model).items():
        if checkpoint.setup.get(key) != value:
            raise PolyframeError(
                f"was made with {key} {brief(checkpoint.setup.get(key))}, this training "
                f"has {brief(value)}",
                where=where,
                hint="resume with the same settings, or start anew elsewhere",
            )
    if checkpoint.threads not in (None, threads()):
        warn(
            f"{where}: was made with {checkpoint.threads} threads, this process has "
            f"{threads()}, so the last bits may differ; OMP_NUM_THREADS sets them"
        )
    if steps is not None and place.index > steps:
        raise PolyframeError(
            f"stands at step {place.index} of an epoch that has {steps}", where=where
        )
    known = model.training_state()
    shapes = {name: value.shape for name, value in known.items()}
    model.load_weights(checkpoint.weights)
    model.session.set_training_state(
        weight_files.check_arrays(checkpoint.training, shapes, model.dtype, where),
        place.step,
    )
    model.step, model.epoch = place.step, place.epoch
    model.learning_rate = place.learning_rate
    return place


# --- the callback ----------------------------------------------------------------


class Checkpointer(Callback):
    """Writes checkpoints; keeps the last ones, and the best weights."""

    lags = True

    def __init__(self, spec: ModelCheckpoint, folder: Path) -> None:
        self.spec, self.folder = spec, folder / FOLDER
        self.best: list[float] = []  # [value, epoch], once there is one
        self.saved_step = -1
        self.steps: int | None = None  # of an epoch
        self.saved_at = time.monotonic()
        self.interrupted: Callable[[], bool] = lambda: False

    def on_fit_begin(self, model: Any, plan: Any) -> None:
        """Count from here; what a crash has left half done goes away."""
        self.saved_step, self.saved_at = model.step, time.monotonic()
        self.steps = plan.steps
        for stray in self.folder.glob(".step-*"):
            remove_folder(stray)
        for stray in self.folder.glob(f".{BEST}.*"):
            stray.unlink(missing_ok=True)

    def rests(self, step: int) -> bool:
        """At every so many steps or seconds, whichever comes first."""
        if self.interrupted():
            return True
        every, seconds = self.spec.every_steps, self.spec.every_seconds
        return bool(
            (every and step % every == 0)
            or (seconds and time.monotonic() - self.saved_at >= seconds)
        )

    def on_epoch_end(self, model: Any, epoch: int, row: Mapping[str, Any]) -> None:
        """Keep the weights if they are the best so far."""
        value = row.get(self.spec.monitor)
        if not isinstance(value, (int, float)) or not np.isfinite(value):
            return
        smaller = smaller_is_better(self.spec.monitor, self.spec.mode)
        better = not self.best or (
            value < self.best[0] if smaller else value > self.best[0]
        )
        if better:
            self.best = [float(value), float(epoch)]
            weight_files.save(self.folder / BEST, model.inference_weights())

    def on_rest(self, model: Any, place: Callable[[], Place]) -> None:
        """Write a checkpoint if one is due."""
        if model.step == self.saved_step:
            return
        now = place()
        if now.index and not self.rests(model.step):
            return
        if now.index == self.steps and not self.interrupted():
            return  # the epoch's end follows at once, with its validation
        path = self.folder / f"step-{model.step:010d}"
        if path.exists():
            remove_folder(path)
        write(path, model, now)
        self.saved_step, self.saved_at = model.step, time.monotonic()
        # One of a later step is damaged, or of another training: it must not push out
        # those that are written now, nor be taken for the newest.
        found = found_in(self.folder)
        at = found.index(path)
        for old in [*found[:at], *found[at + self.spec.keep :]]:
            remove_folder(old)

    def best_so_far(self) -> list[float]:
        """The best value and its epoch, once there is one."""
        return self.best

    def state(self) -> dict[str, Any]:
        """The best value and its epoch."""
        return {"best": self.best}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from it."""
        try:
            self.best = list(Several(Float()).check(state.get("best")))
        except (ValueError, OverflowError):
            raise PolyframeError(
                f"best is {brief(state.get('best'))}", where="model_checkpoint"
            ) from None
