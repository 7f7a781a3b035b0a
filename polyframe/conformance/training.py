"""Whole trainings: trajectories beside another backend, uneven batches, going on."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from polyframe.compiler.table import covers
from polyframe.conformance.figures import BIT_EQUAL, GRADIENT, Bound, Figure, distance
from polyframe.conformance.subject import Subject
from polyframe.conformance.suite import Check, partners
from polyframe.conformance.verify import CHAOS, verify
from polyframe.contract.backend import Backend
from polyframe.errors import BackendError
from polyframe.spec.graph import Input
from polyframe.spec.layers import (
    Add,
    BatchNorm,
    Concat,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool2D,
    MaxPool2D,
    ReLU,
)
from polyframe.spec.model import ModelSpec, Sequential
from polyframe.spec.optimizers import SGD, Adam

STEPS = 100
MEANT = Bound(CHAOS, "float64: where rounding grows more, equality means nothing")


def plain() -> ModelSpec:
    """Convolution, batch norm, activation, pooling, dropout, dense."""
    layers = [
        Conv2D(4, 3, padding=1, name="conv"), BatchNorm(name="bn"), ReLU(name="relu"),
        MaxPool2D(2, name="pool"), Flatten(name="flat"), Dropout(0.3, name="drop"),
        Dense(3, name="fc"),
    ]  # fmt: skip
    return Sequential(layers, (2, 6, 5), name="plain")


def residual() -> ModelSpec:
    """A sum of a layer and what it was given."""
    x = Input((3, 5, 5), name="x")
    stem = ReLU(name="relu1")(Conv2D(4, 3, padding=1, name="conv1")(x))
    inner = BatchNorm(name="bn")(
        Conv2D(4, 3, padding=1, bias=False, name="conv2")(stem)
    )
    ends = ReLU(name="relu2")(Add(name="add")(stem, inner))
    return ModelSpec(
        x, Dense(3, name="fc")(GlobalAvgPool2D(name="pool")(ends)), name="residual"
    )


def branches() -> ModelSpec:
    """Two inputs that share a layer, and two outputs."""
    a, b = Input((4,), name="a"), Input((4,), name="b")
    shared = Dense(3, name="shared")
    both = Concat(name="both")(shared(a), ReLU(name="relu")(shared(b)))
    return ModelSpec(
        [a, b],
        [Dense(2, name="one")(both), Dense(3, name="other")(both)],
        name="branches",
    )


NETS: dict[str, tuple[Callable[[], ModelSpec], Any]] = {
    "plain": (plain, SGD(lr=0.01, momentum=0.9, weight_decay=1e-3)),
    "residual": (residual, Adam(lr=1e-3)),
    "branches": (branches, SGD(lr=0.05, momentum=0.8, nesterov=True)),
}
"""Nets, and what they are trained with; the rate changes at step 50."""


def subject(name: str) -> Subject:
    """A net to train."""
    make, optimizer = NETS[name]
    return Subject(make(), optimizer=optimizer, batch_size=6, rate_change=50)


def partner(backend: Backend) -> Backend:
    """The usable backend that another one is compared with."""
    for other in partners(backend):
        return other
    raise BackendError(
        "there is no other usable backend to compare with", where=backend.name,
        hint="install one: pip install 'polyframe[torch]'",
    )  # fmt: skip


def trajectory(backend: Backend, name: str, device: str) -> Iterator[Figure]:
    """100 steps in float64 beside another backend, tensor by tensor."""
    other = partner(backend)
    found = verify(subject(name), [other, backend], STEPS, ["float64"], device)
    where = f"beside {other.name}"
    for c in found.comparisons:
        detail = f"{c.key.name}, step {c.key.step}, {where}"
        yield Figure(c.key.kind, name, backend.name, detail, c.value, c.bound)
    grown = found.grown["float64"]
    yield Figure("rounding grows to", name, backend.name, where, grown, MEANT)


def uneven(backend: Backend, name: str, device: str) -> Iterator[Figure]:
    """``fit`` on 14 samples in batches of 6, against the same steps one by one, here and
    on another backend: the last batch has 2, and counts as 2 in the loss of the epoch."""
    case = subject(name)
    one, other = case.model(backend, device=device), case.model(backend, device=device)
    batches = [case.batch(step) for step in (1, 2, 3)]
    sizes = (6, 6, 2)
    parts = [cut(batch, size) for batch, size in zip(batches, sizes, strict=True)]
    x, y = (joined([part[side] for part in parts]) for side in (0, 1))
    history = one.fit(x, y, batch_size=6, epochs=1, shuffle=False)
    losses = [other.train_step(*part) for part in parts]
    mean = np.dot(losses, sizes) / sum(sizes)
    off = distance(history["loss"][0], mean)
    yield Figure(
        "loss of an epoch", name, backend.name, "14 = 6 + 6 + 2", off, GRADIENT
    )
    there = case.model(partner(backend))
    for part in parts:
        there.train_step(*part)
    for what, wanted in (
        ("steps", other.weights()),
        ("another's steps", there.weights()),
    ):
        for key, value in one.weights().items():
            off = distance(value, wanted[key])
            label = f"weights after fit, and after {what}"
            yield Figure(label, name, backend.name, key, off, GRADIENT)


def cut(batch: Any, count: int) -> tuple[Any, Any]:
    """The first samples of (x, y), of which each is an array or a list of them."""
    x, y = (
        [a[:count] for a in part] if isinstance(part, list) else part[:count]
        for part in batch
    )
    return x, y


def joined(parts: Any) -> Any:
    """Batches, one behind the other."""
    if isinstance(parts[0], list):
        return [np.concatenate(each) for each in zip(*parts, strict=True)]
    return np.concatenate(parts)


def going_on(backend: Backend, name: str, device: str) -> Iterator[Figure]:
    """Three steps, files of weights and state, three more by a fresh model: the same
    bits as six; the other backend reads the files and gives the same weights back."""
    case = subject(name)
    first = case.model(backend, device=device)
    for step in (1, 2, 3):
        first.train_step(*case.batch(step))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights.safetensors"
        first.save_weights(path)
        kept, state = first.weights(), first.training_state()
        fresh = case.model(backend, device=device)
        fresh.load_weights(path)
        there = case.model(partner(backend))
        there.load_weights(path)
        there.load_training_state(state, 3, 0)
    for what, found, wanted in (
        ("weights, there and back", there.weights(), kept),
        ("state, there and back", there.training_state(), state),
    ):
        for key, value in wanted.items():
            off = distance(found[key], value)
            yield Figure(what, name, backend.name, key, off, BIT_EQUAL)
    fresh.load_training_state(state, 3, 0)
    for model in (first, fresh):
        for step in (4, 5, 6):
            model.train_step(*case.batch(step))
    for what, found, wanted in (
        ("weights, gone on", fresh.weights(), first.weights()),
        ("state, gone on", fresh.training_state(), first.training_state()),
    ):
        for key, value in wanted.items():
            off = distance(found[key], value)
            yield Figure(what, name, backend.name, key, off, BIT_EQUAL)


def checks(backend: Backend, device: str) -> Iterator[Check]:
    """Every net whose layers the backend has."""
    for name, (make, optimizer) in NETS.items():
        words = {node.layer.type for node in make().infer({}).walk()}
        if not covers(backend.entries, optimizer.type, *words):
            continue
        for what, measure in (
            (f"{STEPS} steps", trajectory),
            ("uneven batches", uneven),
            ("going on", going_on),
        ):
            yield Check(
                "training", name, what, "float64", device, backend.name,
                partial(measure, backend, name, device),
            )  # fmt: skip
