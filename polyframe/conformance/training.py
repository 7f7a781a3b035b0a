"""Whole trainings: trajectories on two backends, batches of different sizes, resuming."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from polyframe.compiler.table import covers
from polyframe.conformance.certificate import CHAOS
from polyframe.conformance.measurements import (
    BIT_EQUAL,
    GRADIENT,
    Bound,
    Measurement,
    distance,
)
from polyframe.conformance.subject import Batch, Subject
from polyframe.conformance.suite import Check, partners
from polyframe.conformance.verify import verify
from polyframe.contract.backend import Backend
from polyframe.errors import BackendError
from polyframe.io.array import Array
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

STEPS, SHORT = 100, 20
ROUNDED = "residual"
"""The net whose trajectory is compared in float32, too; over ``SHORT`` steps, since
rounding grows."""
CHAOS_BOUND = Bound(
    CHAOS, "float64: if rounding errors grow more, equality means nothing"
)


def plain() -> ModelSpec:
    """Convolution, batch norm, activation, pooling, dropout, dense."""
    layers = [
        Conv2D(4, 3, padding=1, name="conv"), BatchNorm(name="bn"), ReLU(name="relu"),
        MaxPool2D(2, name="pool"), Flatten(name="flat"), Dropout(0.3, name="drop"),
        Dense(3, name="fc"),
    ]  # fmt: skip
    return Sequential(layers, (2, 6, 5), name="plain")


def residual() -> ModelSpec:
    """A residual connection."""
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
"""Nets and their optimizers; the learning rate changes at step 50."""


def subject(name: str) -> Subject:
    """A net and its training."""
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


def trajectory(
    backend: Backend, name: str, device: str, dtype: str = "float64", steps: int = STEPS
) -> Iterator[Measurement]:
    """100 steps, compared with another backend, tensor by tensor."""
    other = partner(backend)
    certificate = verify(subject(name), [other, backend], steps, [dtype], device)
    where = f"with {other.name}"
    for c in certificate.comparisons:
        detail = f"{c.key.name}, step {c.key.step}, {where}"
        yield Measurement(c.key.kind, name, backend.name, detail, c.value, c.bound)
    growth = certificate.growth["float64"]
    yield Measurement(
        "growth of rounding errors", name, backend.name, where, growth, CHAOS_BOUND
    )


def uneven_batches(backend: Backend, name: str, device: str) -> Iterator[Measurement]:
    """``fit`` on 14 samples in batches of 6, compared with the same steps one by one, on
    this and on another backend. The last batch has 2 samples, and counts as 2 in the
    loss of the epoch."""
    case = subject(name)
    one, other = case.model(backend, device=device), case.model(backend, device=device)
    batches = [case.batch(step) for step in (1, 2, 3)]
    sizes = (6, 6, 2)
    cut_batches = [
        first_samples(batch, size) for batch, size in zip(batches, sizes, strict=True)
    ]
    x, y = (concatenated([batch[side] for batch in cut_batches]) for side in (0, 1))
    history = one.fit(x, y, batch_size=6, epochs=1, shuffle=False, verbose=0)
    losses = [other.train_step(*batch) for batch in cut_batches]
    mean = np.dot(losses, sizes) / sum(sizes)
    error = distance(history["loss"][0], mean)
    yield Measurement(
        "loss of an epoch", name, backend.name, "14 = 6 + 6 + 2", error, GRADIENT
    )
    partner_model = case.model(partner(backend))
    for batch in cut_batches:
        partner_model.train_step(*batch)
    for what, expected in (
        ("steps", other.weights()),
        ("steps of another backend", partner_model.weights()),
    ):
        for key, value in one.weights().items():
            error = distance(value, expected[key])
            label = f"weights after fit, and after {what}"
            yield Measurement(label, name, backend.name, key, error, GRADIENT)


def first_samples(batch: Batch, count: int) -> Batch:
    """The first samples of (x, y); each is an array or a list of arrays."""
    x, y = (
        [a[:count] for a in arrays] if isinstance(arrays, list) else arrays[:count]
        for arrays in batch
    )
    return x, y


def concatenated(batches: Sequence[Array] | Sequence[Sequence[Array]]) -> Any:
    """Batches, one after the other; each is an array or a list of arrays."""
    if isinstance(batches[0], list):
        return [np.concatenate(each) for each in zip(*batches, strict=True)]
    return np.concatenate(batches)


def resumed_steps(
    backend: Backend, name: str, device: str, dtype: str = "float64"
) -> Iterator[Measurement]:
    """Three steps, then weights and state into a new model, then three more: the same
    bits as six steps. The other backend loads the same and gives the same back."""
    case = subject(name)
    first = case.model(backend, dtype, device)
    for step in (1, 2, 3):
        first.train_step(*case.batch(step))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights.safetensors"
        first.save_weights(path)
        weights, state = first.weights(), first.training_state()
        fresh = case.model(backend, dtype, device)
        fresh.load_weights(path)
        partner_model = case.model(partner(backend), dtype)
        partner_model.load_weights(path)
        partner_model.load_training_state(state, 3, 0)
    for what, actual, expected in (
        ("weights, round trip", partner_model.weights(), weights),
        ("state, round trip", partner_model.training_state(), state),
    ):
        for key, value in expected.items():
            error = distance(actual[key], value)
            yield Measurement(what, name, backend.name, key, error, BIT_EQUAL)
    fresh.load_training_state(state, 3, 0)
    for model in (first, fresh):
        for step in (4, 5, 6):
            model.train_step(*case.batch(step))
    for what, actual, expected in (
        ("weights, resumed", fresh.weights(), first.weights()),
        ("state, resumed", fresh.training_state(), first.training_state()),
    ):
        for key, value in expected.items():
            error = distance(actual[key], value)
            yield Measurement(what, name, backend.name, key, error, BIT_EQUAL)


def checks(backend: Backend, device: str) -> Iterator[Check]:
    """Every net whose layers the backend has."""
    for name, (make, optimizer) in NETS.items():
        words = {node.layer.type for node in make().infer({}).walk()}
        if not covers(backend.entries, optimizer.type, *words):
            continue
        arguments = (backend, name, device)
        measures: list[tuple[str, str, Callable[[], Iterator[Measurement]]]] = [
            (f"{STEPS} steps", "float64", partial(trajectory, *arguments)),
            ("uneven batches", "float64", partial(uneven_batches, *arguments)),
            ("resume", "float64", partial(resumed_steps, *arguments)),
            ("resume", "float32", partial(resumed_steps, *arguments, "float32")),
        ]
        if name == ROUNDED:
            measure = partial(trajectory, *arguments, "float32", SHORT)
            measures.append((f"{SHORT} steps", "float32", measure))
        for what, dtype, measured in measures:
            yield Check("training", name, what, dtype, device, backend.name, measured)
