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
from typing import Any

import numpy as np

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
from polyframe.errors import SpecError
from polyframe.model.compile import compile as compile_model
from polyframe.model.model import Model
from polyframe.spec.graph import Input
from polyframe.spec.layers import Conv2D, Dense
from polyframe.spec.layers.base import Shape
from polyframe.spec.losses import Loss
from polyframe.spec.model import ModelSpec
from polyframe.spec.optimizers import SGD
from polyframe.train.arrays import as_one

SHAPES = ((4,), (4, 3), (4, 3, 2), (4, 2, 3, 2))
COUNT = 5
KINKS = {"triplet"}
"""Losses that have no slope where all outputs are 0."""
WEIGHTS = np.array([0.5, 0.0, 2.0, 1.25, 3.0])
"""Of the samples."""
Case = tuple[Any, Shape]


@functools.cache
def cases(ranks: tuple[int, ...] = (1, 2, 3, 4)) -> list[Case]:
    """Every loss in every example, with the shape of an output for it."""
    found: list[Case] = []
    for word in sorted(Loss.registry):
        for options in Loss.find(word).examples:
            loss = Loss.find(word)(**options)
            shapes: Sequence[Shape] = [(12,)] if word == "triplet" else SHAPES
            for shape in shapes:
                try:
                    loss.check(shape)
                except SpecError:
                    continue
                if len(shape) in ranks:
                    found.append((loss, shape))
    return found


def targets(loss: Any, shape: Shape, count: int = COUNT, seed: int = 1) -> np.ndarray:
    """Targets that a loss is defined on, edges among them."""
    rng = np.random.default_rng(seed)
    full = (count, *shape)
    if loss.type == "triplet":
        return np.zeros(count)
    if loss.labels and not getattr(loss, "soft", False):
        # Every class, and what is ignored, however few samples there are.
        y = np.resize(rng.permutation(shape[0]), (count, *shape[1:]))
        ignored = getattr(loss, "ignore_index", None)
        if ignored is not None:
            y.reshape(-1)[4::5] = ignored
        return y
    if loss.type in ("cross_entropy", "nll", "dice", "kl_div"):
        shares = rng.exponential(size=full)
        shares /= shares.sum(axis=1, keepdims=True)
        if loss.type == "kl_div" and loss.log_target:
            return np.asarray(np.log(shares))
        shares[0] = 0.0
        shares[0, 1] = 1.0
        if loss.type != "dice":
            shares[1] *= 1.5  # no probabilities, and yet allowed
        return np.asarray(shares)
    if loss.type in ("binary_cross_entropy", "focal", "dice"):
        shares = rng.random(full)
        return np.where(shares < 0.3, 0.0, np.where(shares > 0.7, 1.0, shares))
    if loss.type.endswith("hinge"):
        return rng.choice([-1.0, 1.0], full)
    return rng.normal(size=full)


def outputs(shape: Shape, scale: str, count: int = COUNT, seed: int = 0) -> np.ndarray:
    """Random outputs; of "zeros", those of the first samples."""
    x = np.random.default_rng(seed).normal(size=(count, *shape))
    if scale == "zeros":
        x[:2] = 0
        return x
    return {"usual": 1.0, "extreme": 1e3}[scale] * x


def slopes(loss: Any, x: np.ndarray, y: np.ndarray) -> np.ndarray:
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


def apart(a: np.ndarray, b: np.ndarray, least: float = 1e-3) -> float:
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
) -> tuple[Model, Any, list[np.ndarray]]:
    """A model of one head for each loss, with an input that makes each weight a logit;
    (model, its inputs, the logits of each head)."""
    pixels = COUNT * 6
    source = {1: Input((COUNT,), name="x"), 3: Input((pixels, 3, 2), name="z")}
    ends = [head(shape, f"head{i}", source) for i, shape in enumerate(shapes)]
    used = [r for r in source if any(len(shape) == r for shape in shapes)]
    spec = ModelSpec([source[r] for r in used], ends, name="heads")
    given: dict[str, Any] = {"dtype": "float64", "device": "cpu"}
    given |= {"optimizer": SGD(lr=0.0)} | options
    model = compile_model(spec, backend, losses, **given)
    image = np.zeros((COUNT, pixels, 3, 2))
    for number, (n, h, w) in enumerate(np.ndindex(COUNT, 3, 2)):
        image[n, number, h, w] = 1
    inputs = {1: np.eye(COUNT), 3: image}
    logits = [outputs(shape, "usual", seed=i) for i, shape in enumerate(shapes)]
    set_logits(model, logits)
    return model, as_one([inputs[r].astype(model.dtype) for r in used]), logits


def set_logits(model: Model, logits: Sequence[np.ndarray]) -> None:
    """Let the heads give these numbers."""
    model.load_weights(
        {f"head{i}.weight": as_weight(value) for i, value in enumerate(logits)}
    )


def as_weight(logits: np.ndarray) -> np.ndarray:
    """Numbers by sample as the weight of a head, (C, N) or (C, N·H·W, 1, 1)."""
    last = np.moveaxis(logits, 1, 0)
    found = last.reshape(len(last), -1)
    return found if logits.ndim == 2 else found[:, :, None, None]


def expected(
    loss: Any, logits: np.ndarray, y: np.ndarray, weights: np.ndarray | None
) -> tuple[float, np.ndarray]:
    """(the loss, its slopes) over all samples, by the definitions."""
    values = loss.define(logits, y)
    w = np.ones(COUNT) if weights is None else weights
    if loss.reduction == "mean":
        own = loss.denominator_weights(y)
        w = w / (w * (1 if own is None else own)).sum()
    factors = (loss.loss_weight * w).reshape(-1, *[1] * (logits.ndim - 1))
    return (loss.loss_weight * w * values).sum(), factors * slopes(loss, logits, y)


# --- the checks -----------------------------------------------------------------------


def values(backend: Backend, word: str, device: str) -> Iterator[Figure]:
    """Each sample's loss (reduction "none"), usual outputs, extreme ones, and zeros."""
    found = own_cases(backend, word)
    losses = [dataclasses.replace(loss, reduction="none") for loss, _ in found]
    shapes = [shape for _, shape in found]
    model, x, _ = model_of(backend, losses, shapes, device=device)
    y = [targets(loss, shape) for loss, shape in found]
    for scale in ("usual", "extreme", "zeros"):
        logits = [outputs(shape, scale, seed=i) for i, shape in enumerate(shapes)]
        set_logits(model, logits)
        each = zip(losses, logits, y, strict=True)
        wanted = sum(loss.define(a, b) for loss, a, b in each)
        off = apart(np.asarray(model.loss(x, as_one(y))), wanted)
        yield Figure("values, float64", word, backend.name, scale, off, FORWARD)


def steps(backend: Backend, word: str, reduction: str, device: str) -> Iterator[Figure]:
    """The loss and its slopes of a step, with and without weights of the samples."""
    found = own_cases(backend, word)
    losses = [
        dataclasses.replace(
            loss, reduction=reduction, loss_weight=0.5 if i % 3 else 1.0
        )
        for i, (loss, _) in enumerate(found)
    ]
    shapes = [shape for _, shape in found]
    model, x, _ = model_of(backend, losses, shapes, device=device)
    y = [targets(loss, shape) for loss, shape in found]
    for scale, weights in (("usual", WEIGHTS), ("extreme", WEIGHTS), ("usual", None)):
        logits = [outputs(shape, scale, seed=i) for i, shape in enumerate(shapes)]
        set_logits(model, logits)
        both = [
            expected(*case, weights) for case in zip(losses, logits, y, strict=True)
        ]
        gradients = model.gradients(x, as_one(y), sample_weight=weights)
        how = f"{scale}, {'no ' if weights is None else ''}weights"
        for i, (_, wanted) in enumerate(both):
            off = apart(gradients[f"head{i}.weight"], as_weight(wanted))
            what, detail = (
                "gradients against central differences",
                f"{losses[i]}, {how}",
            )
            yield Figure(what, word, backend.name, detail, off, DIFFERENCES)
        total = np.array([sum(value for value, _ in both)])
        value = model.train_step(x, as_one(y), sample_weight=weights)
        off = apart(np.array([value]), total)
        yield Figure("loss of a step, float64", word, backend.name, how, off, FORWARD)


def float32(backend: Backend, word: str, device: str) -> Iterator[Figure]:
    """The error of each sample's loss in float32, as a multiple of NumPy's."""
    found = own_cases(backend, word)
    losses = [dataclasses.replace(loss, reduction="none") for loss, _ in found]
    shapes = [shape for _, shape in found]
    model, x, _ = model_of(backend, losses, shapes, device=device, dtype="float32")
    for scale in ("usual", "extreme"):
        logits = [
            outputs(shape, scale, seed=i).astype(np.float32)
            for i, shape in enumerate(shapes)
        ]
        y = [targets(loss, shape) for loss, shape in found]
        y = [a.astype(np.float32) if a.dtype.kind == "f" else a for a in y]
        wide = [a.astype(np.float64) if a.dtype.kind == "f" else a for a in y]
        set_logits(model, logits)
        exact = sum(
            loss.define(a.astype(np.float64), b)
            for loss, a, b in zip(losses, logits, wide, strict=True)
        )
        own = sum(
            loss.define(a, b) for loss, a, b in zip(losses, logits, y, strict=True)
        )
        yardstick = max(apart(own, exact), HALF_A_UNIT)
        off = apart(np.asarray(model.loss(x, as_one(y)), np.float64), exact) / yardstick
        what = "float32 error / NumPy's float32 error"
        yield Figure(what, word, backend.name, scale, off, FLOAT32)


def own_cases(backend: Backend, word: str) -> list[Case]:
    """Every option of a loss, in the shapes for which the backend has a head."""
    ranks = tuple(
        rank
        for rank, layer in ((1, "Dense"), (3, "Conv2D"))
        if layer in backend.entries and backend.entries[layer].forms
    )
    return [case for case in cases(ranks) if case[0].type == word]


def checks(backend: Backend, device: str) -> Iterator[Check]:
    """Every loss that the backend writes: values, steps of both reductions, float32."""
    for word in sorted(Loss.registry):
        if word not in backend.losses:
            continue
        for what, dtype, measure in (
            ("values", "float64", partial(values, backend, word, device)),
            ("steps, mean", "float64", partial(steps, backend, word, "mean", device)),
            ("steps, sum", "float64", partial(steps, backend, word, "sum", device)),
            ("values", "float32", partial(float32, backend, word, device)),
        ):
            yield Check("losses", word, what, dtype, device, backend.name, measure)
