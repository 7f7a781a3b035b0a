"""One cell of a study: a recipe trained once in this process, and measured.

A request is ``{"recipe": data, "backend": name, "optimize": bool, "device": "cpu" or
"gpu", "divergence": bool}``; the answer has the parts of a ``Record`` by name, and
"programs": file → text. Nothing is kept on disk. Numbers that are not finite become null
on their way, which ``folder.record_of`` reads as NaN.
"""

from __future__ import annotations

import hashlib
import os
import platform
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from tempfile import TemporaryDirectory

import numpy as np

from polyframe.contract.backend import Backend
from polyframe.contract.devices import threads
from polyframe.contract.files import program_files
from polyframe.contract.registry import get, require
from polyframe.data import Dataset
from polyframe.errors import BackendError
from polyframe.io.array import Array
from polyframe.io.version import __version__
from polyframe.model.model import Model
from polyframe.run.split import evaluation_data, rows_in, with_data
from polyframe.run.train import (
    check_fit,
    compile_recipe,
    load_data,
    load_initial_weights,
    with_always,
)
from polyframe.spec.callbacks import CallbackSpec
from polyframe.spec.recipe import Recipe, load_recipe
from polyframe.spec.safety import ModelCheckpoint
from polyframe.spec.settings import plain_setting
from polyframe.study.jobs import Message
from polyframe.study.observer import Observer, spread
from polyframe.workers.resources import (
    Energy,
    cpu_seconds,
    gpu_name,
    peak_memory,
    processor,
)

MOST_HASHED = 2**24
"""Bytes of an array that are hashed; of a larger one so many rows, evenly spaced."""


def run_cell(
    request: Message, send: Callable[[Message], None], times: tuple[float, float]
) -> Message:
    """Train, and say what was measured. ``send`` is called with ``{"event": "epoch", "of":
    the last epoch, …}`` and the row of each epoch; ``times``: when this process was made,
    and when it was ready, by ``time.perf_counter``. PolyframeError for what cannot be
    trained, ``DivergedError`` where the loss is no longer finite."""
    made, ready = times
    energy = Energy(gpu=request["device"] != "cpu")
    phases = {"interpreter": ready - made}
    recipe = replace(load_recipe(request["recipe"]), device=request["device"])
    backend = get(request["backend"])
    require(backend, "train")
    with Timed(phases, "import"):
        import_framework(backend)
    with Timed(phases, "data"):
        data = load_data(recipe)
        check_fit(recipe, data)
        recipe = with_data(recipe, data, ignore)
    with Timed(phases, "compile"):
        model = compile_recipe(recipe, backend.name, request["optimize"])
        load_initial_weights(recipe, model, ignore)
        model.training_state()  # makes the optimizer, for which PyTorch imports a lot
    name, samples, batches = evaluation_data(model, recipe, data)
    facts = facts_of(recipe, model, data) | {"test_part": name, "test_samples": samples}

    def tell(message: Message) -> None:
        energy.read()  # before its counters begin anew
        send(message)

    observer = Observer(
        lambda: model.engine.measure(batches), tell, request["divergence"]
    )
    with TemporaryDirectory(prefix="polyframe-cell-") as folder:
        model.fit(
            data,
            epochs=recipe.epochs,
            batch_size=recipe.batch_size,
            callbacks=[*watching(recipe), observer],
            augmentation=recipe.augmentation,
            folder=folder,
            validation_split=recipe.split,
            validation_batch_size=recipe.validation_batch_size,
            drop_last=recipe.drop_last,
        )
    end = time.perf_counter()
    phases["first step"] = first = observer.first_step or 0.0
    start = dict(phases)
    phases["training"] = observer.seconds - first
    phases["evaluation"] = observer.evaluating
    phases["other"] = end - made - sum(phases.values())
    program = observer.program or model.program
    programs = program_files(program, backend.name)
    speed = observer.examples_per_second()
    return {
        "facts": {
            **facts,
            "program_hash": program.hash,
            "order_hash": observer.order_hash,
            "augmentation_hash": observer.augmentation_hash,
        },
        "start": start,
        "epochs": observer.rows,
        "step_ms": observer.steps_of(),
        "phases": phases,
        "test": observer.test,
        "steady": {} if speed is None else {"examples_per_second": speed},
        "divergence": observer.divergence,
        "resources": {
            "peak_mib": peak_memory(),
            "cpu_seconds": cpu_seconds(),
            "energy_joules": energy.read(),
            "wall_seconds": time.perf_counter() - made,
        },
        "programs": {n: text for n, text in programs.items() if isinstance(text, str)},
    }


class Timed:
    """A context manager that notes the seconds of what it holds."""

    def __init__(self, phases: dict[str, float], name: str) -> None:
        self.phases, self.name, self.began = phases, name, 0.0

    def __enter__(self) -> None:
        self.began = time.perf_counter()

    def __exit__(self, *details: object) -> None:
        self.phases[self.name] = time.perf_counter() - self.began


def ignore(text: str) -> None:
    """What ``polyframe train`` would tell its user: the record's facts have it."""


def import_framework(backend: Backend) -> None:
    """Import a backend's framework; BackendError if it is not usable."""
    probe = backend.probe()
    if not probe.usable:
        raise BackendError(
            f"{backend.title} is not usable: {probe.problem}",
            where=backend.name,
            hint=f"install it with: {backend.install}",
        )


def watching(recipe: Recipe) -> list[CallbackSpec]:
    """The callbacks of a recipe, and those of every run, without checkpoints."""
    several = with_always(recipe.callbacks)
    return [each for each in several if not isinstance(each, ModelCheckpoint)]


# --- facts -----------------------------------------------------------------------


def facts_of(recipe: Recipe, model: Model, data: Dataset) -> Message:
    """What identifies a run, and what has to be equal where runs are compared."""
    session, backend = model.engine.session, model.backend
    rows = rows_in(recipe, data)
    facts: Message = {
        "polyframe": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "platform": f"{platform.system()} {platform.machine()}",
        "host": hash_of_text(platform.node()),
        "processor": processor(),
        "processors": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "backend": backend.name,
        "framework": backend.title,
        "device": model.device.kind,
        "threads": threads(),
        "dtype": model.dtype,
        "precision": recipe.precision,
        "batch_size": recipe.batch_size,
        "accumulate": recipe.accumulate,
        "epochs": recipe.epochs,
        "seed": recipe.seed,
        "parameters": model.graph.num_parameters,
        "spec_hash": model.spec.hash,
        "weights_hash": hash_of_arrays(model.weights()),
        "data": data.name,
        "data_hash": data_hash(data),
        "train_samples": len(data.train[0] if rows is None else rows.train),
        "optimize": model.optimize,
        "semantics": plain_setting("semantics", model.semantics),
        "layout": backend.layout,
        **session.facts(),
    }
    if model.device.is_gpu:
        facts["gpu"] = gpu_name(model.device.index)
    return facts


def hash_of_text(text: str) -> str:
    """A short hash: it tells machines apart without their names."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def hash_of_arrays(arrays: Mapping[str, Array]) -> str:
    """SHA-256 of arrays in the order of their names: names, shapes, dtypes, numbers."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        value = arrays[name]
        digest.update(f"{name}{value.dtype.str}{value.shape}".encode())
        for piece in hashed_rows(value):
            digest.update(np.ascontiguousarray(piece).tobytes())
    return digest.hexdigest()


def hashed_rows(value: Array) -> Iterable[Array]:
    """The rows of an array that are hashed: all of them, or of one with more than
    ``MOST_HASHED`` bytes so many, evenly spaced."""
    if value.nbytes <= MOST_HASHED or not value.ndim:
        return [value]
    rows = max(MOST_HASHED * len(value) // value.nbytes, 1)
    return (value[i] for i in spread(len(value), rows))


def data_hash(data: Dataset) -> str:
    """SHA-256 of a data set's arrays."""
    arrays = {"weights": data.weights} if data.weights is not None else {}
    parts = {"train": data.train, "validation": data.validation, "test": data.test}
    for name, part in parts.items():
        if part is not None:
            arrays |= {f"{name} x": part[0], f"{name} y": part[1]}
    return hash_of_arrays(arrays)
