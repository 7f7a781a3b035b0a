"""Files: weights, checkpoints and ejected scripts."""

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

import numpy as np

from polyframe.compiler.table import Target
from polyframe.conformance.cases import Case, batch_for, examples, form_of, spec_around
from polyframe.conformance.feature_cases import can_train, normed
from polyframe.conformance.gaps import fact
from polyframe.conformance.measurements import (
    BIT_EQUAL,
    GRADIENT,
    STEPS,
    Bound,
    Measurement,
    compare_arrays,
    compare_named,
)
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
from polyframe.train.history import History

CHUNK = 25  # layers in one model
EPOCHS, BATCH_SIZE, SAMPLES = 2, 3, 14  # 5 batches an epoch, two a step: 3 steps
STOPPED = 4  # steps: one into the second epoch
PRINTED = Bound(2.0**-22, "float32: four units in the last place")
Arrays = dict[str, Array]


# --- weights ---------------------------------------------------------------------------


def cases_with_weights(backends: list[Backend], dtype: str) -> list[Case]:
    """One example of each layer that has weights, of those that all these backends write;
    numbered from 0."""
    cases: list[Case] = []
    for word in sorted(Layer.registry):
        if word == "Block":
            continue
        for case in examples(word):
            _, _, options, shapes = case
            layer = Layer.find(word)(**options).resolve({})
            target = Target(dtype)
            if layer.parameters(*shapes) and all(
                form_of(b, case, target, None) for b in backends
            ):
                cases.append((len(cases), word, options, shapes))
                break
    return cases


def random_weights(model: Model) -> Arrays:
    """Weights that are all different, and positive, since some are variances."""
    return {
        name: generator(5, name).uniform(0.1, 2.0, p.shape).astype(model.dtype)
        for name, p in model.graph.parameters.items()
    }


def weights_round_trip(
    backend: Backend, dtype: str, device: str
) -> Iterator[Measurement]:
    """Weights of every layer: into a file, into a new model, into another backend and
    back, bit for bit. The new model's predictions are those of the first."""
    cases = cases_with_weights([backend], dtype)
    for start in range(0, len(cases), CHUNK):
        yield from round_trip(
            backend, backend, cases[start : start + CHUNK], dtype, device
        )
    for partner in partners(backend)[:1]:
        both = cases_with_weights([backend, partner], dtype)
        for start in range(0, len(both), CHUNK):
            chunk = both[start : start + CHUNK]
            yield from round_trip(backend, partner, chunk, dtype, device)


def round_trip(
    backend: Backend, other: Backend, cases: list[Case], dtype: str, device: str
) -> Iterator[Measurement]:
    """From ``backend`` through a file to ``other``, and back."""
    spec = spec_around(cases)
    first, second, third = (
        compile_model(spec, b, dtype=dtype, device=device)
        for b in (backend, other, backend)
    )
    expected = random_weights(first)
    first.load_weights(expected)
    where = f"through {other.name}, {dtype}"
    with tempfile.TemporaryDirectory() as folder:
        one, two = Path(folder, "one.safetensors"), Path(folder, "two.safetensors")
        first.save_weights(one)
        second.load_weights(one)
        second.save_weights(two)
        third.load_weights(two)
        for what, actual in (
            ("weights, saved", weight_files.load(one)),
            ("weights, loaded", second.weights()),
            ("weights, saved again", weight_files.load(two)),
            ("weights, loaded back", third.weights()),
        ):
            yield from compare_named(what, where, backend, actual, expected, BIT_EQUAL)
        same = one.read_bytes() == two.read_bytes()
        yield fact(backend, where, "the files are equal", same, f"{len(cases)} layers")
    x, _ = batch_for(first.spec, dtype=dtype)
    pairs = zip(
        as_list(third.predict(as_one(x))),
        as_list(first.predict(as_one(x))),
        strict=True,
    )
    for name, (a, b) in zip(first.graph.outputs, pairs, strict=True):
        yield compare_arrays(
            "predictions, loaded back", where, backend, name, a, b, BIT_EQUAL
        )


def refused_files(backend: Backend, device: str) -> Iterator[Measurement]:
    """A file that is cut short, or whose arrays do not fit the model, is refused with the
    reason, and the weights stay as they were."""
    model = compile_model(normed(), backend, dtype="float64", device=device)
    before = model.weights()
    name, value = next(iter(before.items()))
    wrong: dict[str, tuple[Arrays, str]] = {
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
            yield refused_file(backend, model, path, what, text)
        model.save_weights(path)
        path.write_bytes(path.read_bytes()[:-8])
        text = "not a whole safetensors file"
        yield refused_file(backend, model, path, "cut off", text)
        yield refused_file(backend, model, Path(folder, "none"), "none", "no such file")
    yield from compare_named(
        "weights after refusals",
        "refusals",
        backend,
        model.weights(),
        before,
        BIT_EQUAL,
    )


def refused_file(
    backend: Backend, model: Model, path: Path, what: str, text: str
) -> Measurement:
    """Whether a file is refused, and for the right reason."""
    try:
        model.load_weights(path)
    except WeightsError as error:
        return fact(backend, "refusals", what, text in error.message, error.message)
    return fact(backend, "refusals", what, False, "it was accepted")


# --- checkpoints -----------------------------------------------------------------------


def resume_bound(device: str) -> Bound:
    """The bound for training that is resumed on the same backend."""
    if device == "cpu":
        return BIT_EQUAL
    return Bound(STEPS.value, f"{STEPS.reason}; sums on {device} have no fixed order")


def train_with_checkpoints(
    model: Model, folder: Path, resume: Path | None = None
) -> History:
    """``fit`` with a checkpoint after each step; its history."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(SAMPLES, *model.graph.inputs[0][1]))
    y = rng.integers(0, 3, SAMPLES)
    every = ModelCheckpoint(every_steps=1, keep=20, every_seconds=None)
    return model.fit(
        x, y, epochs=EPOCHS, batch_size=BATCH_SIZE, callbacks=[every], folder=folder,
        resume=resume, verbose=0,
    )  # fmt: skip


def stateful_model(backend: Backend, device: str, dtype: str = "float64") -> Model:
    """A model with every kind of state: running statistics, dropout, Adam, EMA,
    accumulation."""
    return compile_model(
        normed(), backend, "cross_entropy", Adam(lr=1e-2, weight_decay=0.1),
        dtype=dtype, device=device, seed=4, accumulate=2, ema=0.7,
    )  # fmt: skip


def resumed_training(backend: Backend, device: str) -> Iterator[Measurement]:
    """A training that stops within its second epoch and is resumed in a new model equals
    one that never stopped: on the same backend bit for bit, on another backend up to
    rounding (in both directions)."""
    backends = [backend]
    backends += [
        b for b in partners(backend) if can_train(b, normed(), "cross_entropy", "Adam")
    ]
    for partner in backends[:2]:
        pairs = [(backend, partner), (partner, backend)]
        for start, end in pairs[: len({backend.name, partner.name})]:
            yield from compare_resumed(backend, start, end, device)


def resumed_in_float32(backend: Backend, device: str) -> Iterator[Measurement]:
    """The same in float32, on the backend alone."""
    yield from compare_resumed(backend, backend, backend, device, "float32")


def compare_resumed(
    backend: Backend,
    start: Backend,
    end: Backend,
    device: str,
    dtype: str = "float64",
) -> Iterator[Measurement]:
    """Six steps of ``start``, compared with its first four and two more of ``end``."""
    bound = resume_bound(device) if start.name == end.name else STEPS
    entry = f"{start.name}, then {end.name}"
    with tempfile.TemporaryDirectory() as name:
        folder, resumed_folder = Path(name, "whole"), Path(name, "half")
        uninterrupted = stateful_model(start, device, dtype)
        expected = train_with_checkpoints(uninterrupted, folder)
        checkpoint = f"step-{STOPPED:010}"
        shutil.copytree(
            folder / FOLDER / checkpoint, resumed_folder / FOLDER / checkpoint
        )
        fresh = stateful_model(end, device, dtype)
        history = train_with_checkpoints(fresh, resumed_folder, resumed_folder / FOLDER)
    yield fact(
        backend,
        entry,
        "steps",
        fresh.steps_done == uninterrupted.steps_done,
        f"{fresh.steps_done} steps",
    )
    yield compare_arrays(
        "losses", entry, backend, "of epochs", history["loss"], expected["loss"], bound
    )
    for what, read in STATES.items():
        yield from compare_named(
            what, entry, backend, read(fresh), read(uninterrupted), bound
        )


STATES: dict[str, Callable[[Model], Arrays]] = {
    "weights": Model.weights,
    "EMA": Model.inference_weights,
    "state": Model.training_state,
}


# --- ejected scripts -------------------------------------------------------------------


def script_net() -> ModelSpec:
    """The network of the ejected script."""
    layers = [
        Conv2D(4, 3, padding=((0, 1), (1, 1)), name="conv"), BatchNorm(name="bn"),
        ReLU(name="relu"), MaxPool2D(2, name="pool"), Flatten(name="flatten"),
        Dropout(0.3, name="drop"), Dense(3, name="fc"),
    ]  # fmt: skip
    return Sequential(layers, (1, 6, 6), name="whole")


def small_net() -> ModelSpec:
    """A network for backends that do not have all layers of ``script_net``."""
    return Sequential([Dense(3, name="fc1"), Dense(3, name="fc2")], (4,), name="small")


SCRIPTS = {"whole": script_net, "small": small_net}


def ejected_script(backend: Backend, name: str, dtype: str) -> Iterator[Measurement]:
    """The script runs without polyframe and prints the losses of ``fit``."""
    net, rng = SCRIPTS[name](), np.random.default_rng(0)
    x = rng.normal(size=(SAMPLES, *net.infer({}).inputs[0][1]))
    y = rng.integers(0, 3, SAMPLES)
    data = Dataset("noise", (x, y), (x, y), (), "random numbers")
    recipe = Recipe(
        net, name=name, optimizer=Adam(lr=1e-2), epochs=EPOCHS, batch_size=BATCH_SIZE,
        seed=4, dtype=dtype,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        script, *_ = eject(recipe, backend, Path(folder, "out"), data)
        Path(folder, "polyframe.py").write_text("raise ImportError('not needed')")
        process = subprocess.run(  # noqa: S603 - our own words
            [sys.executable, str(script)],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": folder, "CUDA_VISIBLE_DEVICES": ""},
            capture_output=True,
            text=True,
        )
    last = process.stderr.strip().splitlines()[-1:] or ["it printed nothing"]
    yield fact(backend, name, "the script runs", process.returncode == 0, last[0])
    model = compile_model(
        net, backend, recipe.loss, recipe.optimizer, dtype=dtype, device="cpu",
        seed=4, optimize=False,
    )  # fmt: skip
    history = model.fit(x, y, epochs=EPOCHS, batch_size=BATCH_SIZE)
    lines = re.findall(r"^epoch \d+: loss ([\d.e+-]+)", process.stdout, re.M)
    printed = [float(loss) for loss in lines]
    bound = GRADIENT if dtype == "float64" else PRINTED
    yield compare_arrays(
        "losses printed", name, backend, "of epochs", printed, history["loss"], bound
    )


def checks(backend: Backend, device: str) -> Iterator[Check]:
    """Weights in every dtype, refusals, resuming, and scripts if it ejects any."""

    def check(
        entry: str,
        what: str,
        dtype: str,
        measure: Callable[..., Iterator[Measurement]],
        *arguments: str,
    ) -> Check:
        return Check(
            "files", entry, what, dtype, device, backend.name,
            partial(measure, backend, *arguments),
        )  # fmt: skip

    for dtype in dtypes(backend):
        yield check("weights", "round trip", dtype, weights_round_trip, dtype, device)
    if "train" not in backend.abilities:
        return
    if can_train(backend, normed()):
        yield check("weights", "refusals", "float64", refused_files, device)
    if can_train(backend, normed(), "cross_entropy", "Adam"):
        yield check("checkpoints", "resume", "float64", resumed_training, device)
        yield check("checkpoints", "resume", "float32", resumed_in_float32, device)
    if "eject" in backend.abilities and device == "cpu":
        able = (
            name
            for name, make in SCRIPTS.items()
            if can_train(backend, make(), "cross_entropy", "Adam")
        )
        for name in itertools.islice(able, 1):
            for dtype in dtypes(backend):
                yield check("eject", name, dtype, ejected_script, name, dtype)
