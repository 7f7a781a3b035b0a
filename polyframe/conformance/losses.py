"""Losses through whole programs, held against their definitions in NumPy.

Each output of the model is one layer without a bias on inputs of ones and zeros, so that
its weights are the numbers that the loss sees: their gradients are the loss's slopes.
Whatever a backend is, it needs nothing for this but the contract.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from polyframe.compiler.table import Form, LossView, Target, covers
from polyframe.compiler.training import LossFunction
from polyframe.conformance.figures import (
    DIFFERENCES,
    FLOAT32,
    FORWARD,
    HALF_A_UNIT,
    Figure,
    scaled_distance,
)
from polyframe.conformance.suite import Check
from polyframe.contract.backend import Backend
from polyframe.data import random_batches
from polyframe.errors import SpecError
from polyframe.io.array import Array
from polyframe.model.compile import compile as compile_model
from polyframe.model.model import Model
from polyframe.spec.graph import Input
from polyframe.spec.layers import Conv2D, Dense
from polyframe.spec.layers.base import Shape
from polyframe.spec.losses import Loss, TargetKind
from polyframe.spec.model import ModelSpec
from polyframe.spec.optimizers import SGD
from polyframe.train.arrays import as_one

COUNT = 5
PIXELS = COUNT * 6
WEIGHTS = np.array([0.5, 0.0, 2.0, 1.25, 3.0])
"""Of the samples."""


class Case(NamedTuple):
    """A loss, the shape of an output for it, and what its targets are."""

    loss: Any
    shape: Shape
    targets: TargetKind

    @property
    def function(self) -> LossFunction:
        """What programs write for it."""
        return LossFunction.of(*self)


@functools.cache
def cases(ranks: tuple[int, ...] = (1, 2, 3, 4)) -> list[Case]:
    """Every loss in every example, with each kind of targets, and with the shape of an
    output for it."""
    found: list[Case] = []
    for word in sorted(Loss.registry):
        cls = Loss.find(word)
        for options, shape in product(cls.examples, cls.example_shapes):
            loss = cls(**options)
            try:
                loss.check(shape)
            except SpecError:
                continue
            if len(shape) in ranks:
                found += [Case(loss, shape, kind) for kind in loss.target_kinds]
    return found


def targets(case: Case, count: int = COUNT, seed: int = 1) -> Array:
    """Targets that a loss is defined on, edges among them."""
    rng = np.random.default_rng(seed)
    return random_batches.targets(
        case.loss, case.shape, count, rng, case.targets, edges=True
    )


def outputs(shape: Shape, scale: str, count: int = COUNT, seed: int = 0) -> Array:
    """Random outputs; of "zeros", those of the first samples."""
    x = np.random.default_rng(seed).normal(size=(count, *shape))
    if scale == "zeros":
        x[:2] = 0
        return x
    return {"usual": 1.0, "extreme": 1e3}[scale] * x


def slopes(loss: Any, x: Array, y: Array) -> Array:
    """The slope of each sample's loss in each of its numbers, by central differences of
    the definition in long doubles: the five-point formula."""
    tiny = loss.type == "cosine" and not x[0].any()  # there it is as steep as 1e8
    step = np.longdouble(2) ** (-40 if tiny else -16)
    wide = x.astype(np.longdouble)
    y = y.astype(np.longdouble) if y.dtype.kind == "f" else y
    found = np.zeros(x.shape)
    for index in np.ndindex(x.shape[1:]):
        total = np.zeros(len(x), np.longdouble)
        where: Any = (slice(None), *index)
        for steps, factor in ((1, 8), (-1, -8), (2, -1), (-2, 1)):
            moved = wide.copy()
            moved[where] += steps * step
            total += factor * loss.define(moved, y)
        found[where] = total / (12 * step)
    return found


def apart(a: Array, b: Array, least: float = 1e-3) -> float:
    """max|a-b| / max|b|, or over ``least``: of a saturated loss, slopes are rounding.
    Infinite where shapes differ or something is not finite."""
    return scaled_distance(a, b, max(float(np.abs(b).max()), least))


# --- models of heads ------------------------------------------------------------------


def head(shape: Shape, name: str, source: Any) -> Any:
    """An output of that shape, each number of which is a weight of its own."""
    if len(shape) == 1:
        return Dense(shape[0], bias=False, name=name)(source[1])
    return Conv2D(shape[0], 1, bias=False, name=name)(source[3])


def model_of(
    backend: str | Backend, losses: Any, shapes: Sequence[Shape], **options: Any
) -> tuple[Model, Any, list[Array]]:
    """A model of one head for each loss, with an input that makes each weight a logit;
    (model, its inputs, the logits of each head)."""
    source = {1: Input((COUNT,), name="x"), 3: Input((PIXELS, 3, 2), name="z")}
    ends = [head(shape, f"head{i}", source) for i, shape in enumerate(shapes)]
    used = [r for r in source if any(len(shape) == r for shape in shapes)]
    spec = ModelSpec([source[r] for r in used], ends, name="heads")
    given: dict[str, Any] = {"dtype": "float64", "device": "cpu"}
    given |= {"optimizer": SGD(lr=0.0)} | options
    model = compile_model(spec, backend, losses, **given)
    logits = [outputs(shape, "usual", seed=i) for i, shape in enumerate(shapes)]
    set_logits(model, logits)
    return model, inputs_for(model, shapes), logits


def inputs_for(model: Model, shapes: Sequence[Shape]) -> Any:
    """The inputs of a model of heads, ones and zeros."""
    image = np.zeros((COUNT, PIXELS, 3, 2))
    for number, (n, h, w) in enumerate(np.ndindex(COUNT, 3, 2)):
        image[n, number, h, w] = 1
    inputs = {1: np.eye(COUNT), 3: image}
    used = [r for r in inputs if any(len(shape) == r for shape in shapes)]
    return as_one([inputs[r].astype(model.dtype) for r in used])


def set_logits(model: Model, logits: Sequence[Array]) -> None:
    """Let the heads give these numbers."""
    model.load_weights(
        {f"head{i}.weight": as_weight(value) for i, value in enumerate(logits)}
    )


def as_weight(logits: Array) -> Array:
    """Numbers by sample as the weight of a head, (C, N) or (C, N·H·W, 1, 1)."""
    last = np.moveaxis(logits, 1, 0)
    found = last.reshape(len(last), -1)
    return found if logits.ndim == 2 else found[:, :, None, None]


def expected(
    loss: Any, logits: Array, y: Array, weights: Array | None
) -> tuple[float, Array]:
    """(the loss, its slopes) over all samples, by the definitions."""
    values = loss.define(logits, y)
    w = np.ones(COUNT) if weights is None else weights
    if loss.reduction == "mean":
        own = loss.denominator_weights(y)
        w = w / (w * (1 if own is None else own)).sum()
    factors = (loss.loss_weight * w).reshape(-1, *[1] * (logits.ndim - 1))
    return (loss.loss_weight * w * values).sum(), factors * slopes(loss, logits, y)


# --- the checks -----------------------------------------------------------------------


def values(backend: Backend, word: str, form: str, device: str) -> Iterator[Figure]:
    """Each sample's loss as the program has it: usual outputs, extreme ones, zeros."""
    own = own_cases(backend, word, form, "float64")
    losses = [dataclasses.replace(case.loss, reduction="sum") for case in own]
    shapes = [case.shape for case in own]
    model, x, _ = model_of(backend, losses, shapes, device=device, forms={word: form})
    y = [targets(case) for case in own]
    for scale in ("usual", "extreme", "zeros"):
        logits = [outputs(shape, scale, seed=i) for i, shape in enumerate(shapes)]
        set_logits(model, logits)
        each = zip(losses, logits, y, strict=True)
        wanted = sum(loss.define(a, b) for loss, a, b in each)
        off = apart(each_sample(model, x, y), wanted)
        detail = f"{form}, {scale}"
        yield Figure("values, float64", word, backend.name, detail, off, FORWARD)


def each_sample(model: Model, x: Any, y: Sequence[Array]) -> Array:
    """The loss of each sample, (N,), from steps in which no other one counts; the
    model's reduction is "sum" and its learning rate 0."""
    weights = np.eye(COUNT)
    y = as_one(list(y))
    found = [model.train_step(x, y, sample_weight=w) for w in weights]
    return np.array(found, np.float64)


def steps(
    backend: Backend, word: str, form: str, reduction: str, device: str
) -> Iterator[Figure]:
    """The loss and its slopes of a step, with and without weights of the samples."""
    own = own_cases(backend, word, form, "float64")
    losses = [
        dataclasses.replace(
            case.loss, reduction=reduction, loss_weight=0.5 if i % 3 else 1.0
        )
        for i, case in enumerate(own)
    ]
    shapes = [case.shape for case in own]
    model, x, _ = model_of(backend, losses, shapes, device=device, forms={word: form})
    y = [targets(case) for case in own]
    for scale, weights in (("usual", WEIGHTS), ("extreme", WEIGHTS), ("usual", None)):
        logits = [outputs(shape, scale, seed=i) for i, shape in enumerate(shapes)]
        set_logits(model, logits)
        both = [
            expected(*case, weights) for case in zip(losses, logits, y, strict=True)
        ]
        gradients = model.gradients(x, as_one(y), sample_weight=weights)
        how = f"{form}, {scale}, {'no ' if weights is None else ''}weights"
        for i, (_, wanted) in enumerate(both):
            off = apart(gradients[f"head{i}.weight"], as_weight(wanted))
            what = "gradients against central differences"
            detail = f"{losses[i]}, {how}"
            yield Figure(what, word, backend.name, detail, off, DIFFERENCES)
        total = np.array([sum(value for value, _ in both)])
        value = model.train_step(x, as_one(y), sample_weight=weights)
        off = apart(np.array([value]), total)
        yield Figure("loss of a step, float64", word, backend.name, how, off, FORWARD)


def float32(backend: Backend, word: str, form: str, device: str) -> Iterator[Figure]:
    """The error of each sample's loss in float32, as a multiple of NumPy's."""
    own = own_cases(backend, word, form, "float32")
    losses = [dataclasses.replace(case.loss, reduction="sum") for case in own]
    shapes = [case.shape for case in own]
    model, x, _ = model_of(
        backend, losses, shapes, device=device, dtype="float32", forms={word: form}
    )
    for scale in ("usual", "extreme"):
        logits = [
            outputs(shape, scale, seed=i).astype(np.float32)
            for i, shape in enumerate(shapes)
        ]
        y = [targets(case) for case in own]
        y = [a.astype(np.float32) if a.dtype.kind == "f" else a for a in y]
        wide = [a.astype(np.float64) if a.dtype.kind == "f" else a for a in y]
        set_logits(model, logits)
        exact = sum(
            loss.define(a.astype(np.float64), b)
            for loss, a, b in zip(losses, logits, wide, strict=True)
        )
        single = sum(
            loss.define(a, b) for loss, a, b in zip(losses, logits, y, strict=True)
        )
        yardstick = max(apart(single, exact), HALF_A_UNIT)
        off = apart(each_sample(model, x, y), exact) / yardstick
        what = "float32 error / NumPy's float32 error"
        yield Figure(what, word, backend.name, f"{form}, {scale}", off, FLOAT32)


def own_cases(backend: Backend, word: str, form: str, dtype: str) -> list[Case]:
    """Every option of a loss that the form holds for, in the shapes for which the
    backend has a head."""
    entries = backend.entries
    ranks = tuple(
        rank for rank, layer in ((1, "Dense"), (3, "Conv2D")) if covers(entries, layer)
    )
    (chosen,) = (one for one in entries[word].forms if one.name == form)
    return [case for case in cases(ranks) if holds(chosen, case, word, dtype)]


def holds(form: Form, case: Case, word: str, dtype: str) -> bool:
    """Whether a case is the loss's own and may take the form."""
    view = LossView(case.function, Target(dtype))
    return case.loss.type == word and form.when(view)


def checks(backend: Backend, device: str) -> Iterator[Check]:
    """Every form of every loss that the backend writes: values, steps of both
    reductions, float32."""
    for word in sorted(Loss.registry):
        entry = backend.entries.get(word)
        for form in entry.forms if entry is not None else ():
            given = (backend, word, form.name)
            for what, dtype, measure in (
                ("values", "float64", partial(values, *given, device)),
                ("steps, mean", "float64", partial(steps, *given, "mean", device)),
                ("steps, sum", "float64", partial(steps, *given, "sum", device)),
                ("values", "float32", partial(float32, *given, device)),
            ):
                if own_cases(*given, dtype):
                    yield Check(
                        "losses", word, f"{form.name}, {what}", dtype, device,
                        backend.name, measure,
                    )  # fmt: skip
