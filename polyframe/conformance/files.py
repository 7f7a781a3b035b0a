"""What leaves a process: files of weights, checkpoints, ejected scripts."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from polyframe.compiler.table import Target
from polyframe.conformance.cases import Case, batch_for, examples, form_of, spec_around
from polyframe.conformance.features import figure, mapped, normed, writes
from polyframe.conformance.figures import BIT_EQUAL, GRADIENT, STEPS, Bound, Figure
from polyframe.conformance.gaps import fact
from polyframe.conformance.suite import Check, dtypes, partners
from polyframe.contract.backend import Backend
from polyframe.data import Dataset
from polyframe.eject.write import eject
from polyframe.errors import WeightsError
from polyframe.io import weights as weight_files
from polyframe.io.array import Array
from polyframe.model.compile import compile as compile_model
from polyframe.model.model import Model
from polyframe.randomness import generator
from polyframe.spec.layers import (
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    MaxPool2D,
    ReLU,
)
from polyframe.spec.layers.base import Layer
from polyframe.spec.model import ModelSpec, Sequential
from polyframe.spec.optimizers import Adam
from polyframe.spec.recipe import Recipe
from polyframe.spec.safety import ModelCheckpoint
from polyframe.train.arrays import as_list, as_one
from polyframe.train.checkpoint import FOLDER

CHUNK = 25  # layers in one model
EPOCHS, BATCH_SIZE, SAMPLES = 2, 3, 14  # 5 batches an epoch, two a step: 3 steps
STOPPED = 4  # steps: one into the second epoch
Arrays = dict[str, Array]


# --- weights ---------------------------------------------------------------------------


def weighted(backends: list[Backend], dtype: str) -> list[Case]:
    """An example of each layer with weights that all of them write, numbered anew."""
    found: list[Case] = []
    for word in sorted(Layer.registry):
        if word == "Block":
            continue
        for case in examples(word):
            _, _, options, shapes = case
            held = Layer.find(word)(**options).resolve({})
            target = Target(dtype)
            if held.parameters(*shapes) and all(
                form_of(b, case, target, None) for b in backends
            ):
                found.append((len(found), word, options, shapes))
                break
    return found


def random_weights(model: Model) -> Arrays:
    """Numbers of which none is like another, and none negative: some are variances."""
    return {
        name: generator(5, name).uniform(0.1, 2.0, p.shape).astype(model.dtype)
        for name, p in model.graph.parameters.items()
    }


def moved(backend: Backend, dtype: str, device: str) -> Iterator[Figure]:
    """Weights of every layer: into a file, into a fresh model, to the other backend and
    back, bit for bit; and the fresh model computes with them what the first one does."""
    cases = weighted([backend], dtype)
    for start in range(0, len(cases), CHUNK):
        yield from there_and_back(
            backend, backend, cases[start : start + CHUNK], dtype, device
        )
    for partner in partners(backend)[:1]:
        both = weighted([backend, partner], dtype)
        for start in range(0, len(both), CHUNK):
            part = both[start : start + CHUNK]
            yield from there_and_back(backend, partner, part, dtype, device)


def there_and_back(
    backend: Backend, other: Backend, cases: list[Case], dtype: str, device: str
) -> Iterator[Figure]:
    """From ``backend`` by a file to ``other``, and back."""

    def made(which: Backend) -> Model:
        return compile_model(spec_around(cases), which, dtype=dtype, device=device)

    first, second, third = made(backend), made(other), made(backend)
    wanted = random_weights(first)
    first.load_weights(wanted)
    where = f"by way of {other.name}, {dtype}"
    with tempfile.TemporaryDirectory() as folder:
        one, two = Path(folder, "one.safetensors"), Path(folder, "two.safetensors")
        first.save_weights(one)
        second.load_weights(one)
        second.save_weights(two)
        third.load_weights(two)
        for what, found in (
            ("weights, written", weight_files.load(one)),
            ("weights, there", second.weights()),
            ("weights, written there", weight_files.load(two)),
            ("weights, back", third.weights()),
        ):
            yield from mapped(what, where, backend, found, wanted, BIT_EQUAL)
        same = one.read_bytes() == two.read_bytes()
        yield fact(backend, where, "the files are equal", same, f"{len(cases)} layers")
    x, _ = batch_for(first.spec, dtype=dtype)
    pairs = zip(
        as_list(third.predict(as_one(x))),
        as_list(first.predict(as_one(x))),
        strict=True,
    )
    for name, (a, b) in zip(first.graph.outputs, pairs, strict=True):
        yield figure("predictions, back", where, backend, name, a, b, BIT_EQUAL)


def refused(backend: Backend, device: str) -> Iterator[Figure]:
    """A file that is cut off, or whose arrays are not the model's, is refused with what
    is wrong, and the weights stay as they were."""
    model = compile_model(normed(), backend, dtype="float64", device=device)
    before = model.weights()
    name, value = next(iter(before.items()))
    wrong: dict[str, tuple[Any, str]] = {
        "missing": ({n: w + 1 for n, w in before.items() if n != name}, "is missing"),
        "too many": (before | {"strange": value + 1}, "is not in the model"),
        "shape": ({n: (w + 1)[..., :1] for n, w in before.items()}, "the model's"),
        "integers": (
            {n: np.ones(w.shape, int) for n, w in before.items()}, "floating-point"
        ),
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "weights.safetensors")
        for what, (arrays, text) in wrong.items():
            weight_files.save(path, arrays)
            yield refusal(backend, model, path, what, text)
        model.save_weights(path)
        path.write_bytes(path.read_bytes()[:-8])
        yield refusal(backend, model, path, "cut off", "not a whole safetensors file")
        yield refusal(backend, model, Path(folder, "none"), "none", "no such file")
    yield from mapped(
        "weights after refusals",
        "refusals",
        backend,
        model.weights(),
        before,
        BIT_EQUAL,
    )


def refusal(backend: Backend, model: Model, path: Path, what: str, text: str) -> Figure:
    """Whether a file is refused, and for the right reason."""
    try:
        model.load_weights(path)
    except WeightsError as error:
        return fact(backend, "refusals", what, text in error.message, error.message)
    return fact(backend, "refusals", what, False, "it was taken")


# --- checkpoints -----------------------------------------------------------------------


def resumed_bound(device: str) -> Bound:
    """What going on may cost on the same backend."""
    if device == "cpu":
        return BIT_EQUAL
    return Bound(STEPS.value, f"{STEPS.reason}; sums on {device} have no fixed order")


def fitted(model: Model, **options: Any) -> Any:
    """``fit``, with checkpoints after each step; its history."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(SAMPLES, *model.graph.inputs[0][1]))
    y = rng.integers(0, 3, SAMPLES)
    every = ModelCheckpoint(every_steps=1, keep=20, every_seconds=None)
    return model.fit(
        x, y, epochs=EPOCHS, batch_size=BATCH_SIZE, callbacks=[every], **options
    )


def trainee(backend: Backend, device: str) -> Model:
    """All that has a state: running statistics, dropout, Adam, EMA, accumulation."""
    return compile_model(
        normed(), backend, "cross_entropy", Adam(lr=1e-2, weight_decay=0.1),
        dtype="float64", device=device, seed=4, accumulate=2, ema=0.7,
    )  # fmt: skip


def resumed(backend: Backend, device: str) -> Iterator[Figure]:
    """A training that stops within its second epoch and goes on in a fresh model is the
    one that never stopped: here bit for bit; on another backend, from here or to here, up
    to rounding."""
    places = [backend]
    places += [
        b for b in partners(backend) if writes(b, normed(), "cross_entropy", "Adam")
    ]
    for there in places[:2]:
        pairs = [(backend, there), (there, backend)]
        for start, end in pairs[: len({backend.name, there.name})]:
            yield from going_on(backend, start, end, device)


def going_on(
    backend: Backend, start: Backend, end: Backend, device: str
) -> Iterator[Figure]:
    """Six steps by ``start``, beside its first four and two more by ``end``."""
    bound = resumed_bound(device) if start.name == end.name else STEPS
    entry = f"{start.name}, then {end.name}"
    with tempfile.TemporaryDirectory() as name:
        folder, half = Path(name, "whole"), Path(name, "half")
        whole = trainee(start, device)
        wanted = fitted(whole, folder=folder)
        place = f"step-{STOPPED:010}"
        shutil.copytree(folder / FOLDER / place, half / FOLDER / place)
        fresh = trainee(end, device)
        history = fitted(fresh, resume=half / FOLDER, folder=half)
    yield fact(
        backend,
        entry,
        "steps",
        fresh.steps_done == whole.steps_done,
        f"{fresh.steps_done} steps",
    )
    yield figure(
        "losses", entry, backend, "of epochs", history["loss"], wanted["loss"], bound
    )
    for what, find in LOOKS.items():
        yield from mapped(what, entry, backend, find(fresh), find(whole), bound)


LOOKS: dict[str, Callable[[Model], Arrays]] = {
    "weights": Model.weights,
    "EMA": Model.inference_weights,
    "state": Model.training_state,
}


# --- ejected scripts -------------------------------------------------------------------


def whole() -> ModelSpec:
    """What an ejected script trains."""
    layers = [
        Conv2D(4, 3, padding=((0, 1), (1, 1)), name="conv"), BatchNorm(name="bn"),
        ReLU(name="relu"), MaxPool2D(2, name="pool"), Flatten(name="flatten"),
        Dropout(0.3, name="drop"), Dense(3, name="fc"),
    ]  # fmt: skip
    return Sequential(layers, (1, 6, 6), name="whole")


def small() -> ModelSpec:
    """The same where a backend lacks one of them."""
    return Sequential([Dense(3, name="fc1"), Dense(3, name="fc2")], (4,), name="small")


SCRIPTS = {"whole": whole, "small": small}


def ejected(backend: Backend, name: str) -> Iterator[Figure]:
    """A script that needs no polyframe prints the losses that ``fit`` finds."""
    net, rng = SCRIPTS[name](), np.random.default_rng(0)
    x = rng.normal(size=(SAMPLES, *net.infer({}).inputs[0][1]))
    y = rng.integers(0, 3, SAMPLES)
    data = Dataset("noise", (x, y), (x, y), (), "drawn")
    recipe = Recipe(
        net, name=name, optimizer=Adam(lr=1e-2), epochs=EPOCHS, batch_size=BATCH_SIZE,
        seed=4, dtype="float64",
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        script, *_ = eject(recipe, backend, Path(folder, "out"), data)
        Path(folder, "polyframe.py").write_text("raise ImportError('not needed')")
        done = subprocess.run(  # noqa: S603 - our own words
            [sys.executable, str(script)],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": folder, "CUDA_VISIBLE_DEVICES": ""},
            capture_output=True,
            text=True,
        )
    last = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
    yield fact(backend, name, "the script runs", done.returncode == 0, last[0])
    model = compile_model(
        net, backend, recipe.loss, recipe.optimizer, dtype="float64", device="cpu",
        seed=4, optimize=False,
    )  # fmt: skip
    history = model.fit(x, y, epochs=EPOCHS, batch_size=BATCH_SIZE)
    found = [float(loss) for loss in re.findall(r"loss ([\d.e+-]+)", done.stdout)]
    detail = "of epochs"
    yield figure(
        "losses printed", name, backend, detail, found, history["loss"], GRADIENT
    )


def checks(backend: Backend, device: str) -> Iterator[Check]:
    """Weights in every dtype, refusals, resuming, and scripts if it ejects any."""

    def check(entry: str, what: str, dtype: str, measure: Any, *given: Any) -> Check:
        return Check(
            "files", entry, what, dtype, device, backend.name,
            partial(measure, backend, *given),
        )  # fmt: skip

    for dtype in dtypes(backend):
        yield check("weights", "there and back", dtype, moved, dtype, device)
    if "train" not in backend.abilities:
        return
    if writes(backend, normed()):
        yield check("weights", "refusals", "float64", refused, device)
    if writes(backend, normed(), "cross_entropy", "Adam"):
        yield check("checkpoints", "going on", "float64", resumed, device)
    if "eject" in backend.abilities and device == "cpu":
        able = (
            name
            for name, make in SCRIPTS.items()
            if writes(backend, make(), "cross_entropy", "Adam")
        )
        for name in itertools.islice(able, 1):
            yield check("eject", name, "float64", ejected, name)
