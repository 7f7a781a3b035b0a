"""Checkpoints: all that a training needs to resume as if it had never stopped.

A checkpoint is a folder ``step-<number>`` with ``weights.safetensors`` (canonical
names), ``training.safetensors`` (optimizer state and EMA by canonical names, the epoch's
totals) and ``state.json`` (the progress of the training, the history, the states of
callbacks, a checksum of each file). It is written under another name and then renamed: a
crash leaves it complete or absent, and never changes the one before it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from polyframe.contract.devices import threads
from polyframe.errors import PolyframeError, WeightsError, brief, warn
from polyframe.io import weights as weight_files
from polyframe.io.array import Array
from polyframe.io.atomic import write_folder
from polyframe.io.json_csv import LONGEST, finite, row_of, to_json
from polyframe.io.text import parse_json, read_text
from polyframe.spec.augmentations import Augmentation
from polyframe.spec.element import Element, plain_value
from polyframe.spec.fields import UNSET, Float, Int, Kind
from polyframe.spec.semantics import Defaults, own_defaults
from polyframe.spec.settings import plain_setting
from polyframe.train.progress import Progress
from polyframe.train.protocol import TrainingEngine

SCHEMA = 1
FOLDER = "checkpoint"
WEIGHTS, TRAINING, STATE = "weights.safetensors", "training.safetensors", "state.json"
BEST = "best.safetensors"
TOTALS = "totals/"
FIELDS: dict[str, Kind[Any]] = {
    "epoch": Int(0, 2**53),
    "index": Int(0, 2**53),
    "step": Int(0, 2**53),
    "learning_rate": Float(),
    "seconds": Float(0.0),
}


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was read and is complete."""

    path: Path
    progress: Progress
    weights: dict[str, Array]
    training: dict[str, Array]
    setup: Mapping[str, Any]
    threads: int | None = None  # of the process that wrote it


def write(path: Path, engine: TrainingEngine, progress: Progress) -> None:
    """Write a checkpoint of the current state into the new folder ``path``."""
    session = engine.session
    arrays = session.training_state()
    arrays |= {TOTALS + name: value for name, value in progress.totals.items()}
    files = {
        WEIGHTS: weight_files.pack(session.weights()),
        TRAINING: weight_files.pack(arrays),
    }
    state = asdict(progress)
    del state["totals"]
    state |= {
        "schema": SCHEMA,
        "backend": engine.backend.name,
        "threads": threads(),
        "files": {
            name: hashlib.sha256(data).hexdigest() for name, data in files.items()
        },
    }
    state = json.loads(to_json(state))
    state["checksum"] = checksum(state)
    files[STATE] = to_json(state).encode()
    write_folder(path, files)


def setup_of(
    engine: TrainingEngine,
    batch_size: int | None,
    shuffle: bool,
    augmentation: Sequence[Augmentation],
    drop_last: bool = False,
    validation_split: float | None = None,
    samples: int | None = None,
    weighted: bool | None = None,
) -> dict[str, Any]:
    """What has to be the same for a training to be resumed, by the names of fields, as
    JSON data. Fields that are left to the backend are null, so that another backend can
    go on with its own."""
    step, outputs = engine.objective, engine.graph.outputs
    losses = zip(outputs, step.losses, strict=True)
    defaults = None
    if engine.semantics != "aligned":
        defaults = own_defaults(engine.backend.defaults, engine.semantics)
    setup = {
        "spec": engine.spec.hash,
        "dtype": engine.dtype,
        "seed": engine.seed,
        "semantics": plain_setting("semantics", engine.semantics),
        **fields_of("optimizer", step.optimizer, defaults),
        "optimizer": f"{step.optimizer.type}({', '.join(step.optimizer.state)})",
        "batch_size": batch_size,
        "shuffle": shuffle,
        "drop_last": drop_last,
        "validation_split": validation_split,
        # Of other data a split would validate on samples that were trained on.
        "samples": samples,
        "weighted": weighted,
        "augmentation": [plain_value(each) for each in augmentation],
        **step.training.options(),
        **fields_of("schedule", engine.schedule),
    }
    for name, loss in losses:
        setup |= fields_of("loss" if len(outputs) == 1 else f"loss.{name}", loss)
    return dict(json.loads(to_json(setup)))


def fields_of(
    key: str,
    element: Element | None,
    defaults: Defaults | None = None,
) -> dict[str, Any]:
    """An element's type and fields, by dotted names; with a backend's ``defaults``, None
    for what it has by them."""
    if element is None:
        return {key: None}
    values = {}
    for f in fields(element):  # type: ignore[arg-type]
        value = getattr(element, f.name)
        if defaults is not None and f.default is UNSET:
            own = defaults.get(element.type, {}).get(f.name, f.metadata["aligned"])
            value = None if value == own else value
        values[f"{key}.{f.name}"] = plain_value(value)
    return {key: element.type} | values


def checksum(state: Mapping[str, Any]) -> str:
    """SHA-256 of all that a ``state.json`` holds."""
    text = json.dumps(finite(state), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


# --- reading ---------------------------------------------------------------------


def checkpoints_in(folder: Path) -> list[Path]:
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
        progress = Progress(
            **{key: kind.check(state[key]) for key, kind in FIELDS.items()},
            rows=[row_of(row) for row in state["rows"]],
            totals={n.removeprefix(TOTALS): a for n, a in totals.items()},
            callbacks={key: dict(own) for key, own in state["callbacks"].items()},
        )
        return Checkpoint(
            path, progress, weights, {n: a for n, a in arrays.items() if n not in totals},
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


def newest(folder: Path) -> Checkpoint:
    """The newest complete checkpoint; damaged ones are skipped with a warning.

    WeightsError where there is none, or all of them are damaged.
    """
    broken: list[WeightsError] = []
    for path in checkpoints_in(folder):
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
    inside = checkpoints_in(folder / FOLDER)
    raise WeightsError(
        "has no checkpoints to resume from",
        where=str(folder),
        hint=f"they are in {folder / FOLDER}"
        if inside
        else "leave resume out to begin",
    )


def resume_from(
    engine: TrainingEngine, folder: Path, steps: int | None, setup: Mapping[str, Any]
) -> Progress:
    """Load the newest checkpoint into a training, whose ``setup_of`` is ``setup``, and
    return its progress. WeightsError where there is no checkpoint, PolyframeError if it is
    of another training."""
    checkpoint = newest(folder)
    progress, where = checkpoint.progress, str(checkpoint.path)
    for key, value in setup.items():
        there = checkpoint.setup.get(key)
        if there != value:
            raise PolyframeError(
                f"was made with {key} {brief(there)}, this training has {brief(value)}",
                where=where,
                hint="resume with the same settings, or start anew elsewhere, with its "
                "weights if you like",
            )
    if checkpoint.threads not in (None, threads()):
        warn(
            f"was made with {checkpoint.threads} threads, this process has {threads()}, "
            "so the last bits may differ; OMP_NUM_THREADS sets them",
            where,
        )
    if steps is not None and progress.index > steps:
        raise PolyframeError(
            f"stands at step {progress.index} of an epoch that has {steps}", where=where
        )
    engine.load_weights(checkpoint.weights)
    engine.load_training_state(
        checkpoint.training, progress.step, progress.epoch, where
    )
    if engine.rate_was_set:
        rate = progress.learning_rate
        told = (
            f"{engine.learning_rate:g} was set by hand, but the checkpoint's is taken"
        )
        warn(f"{told}: {rate:g}", "learning_rate")
    engine.learning_rate, engine.rate_was_set = progress.learning_rate, False
    return progress
