"""Losses in whole programs, compared with their definitions in NumPy.

Each output of the model is one layer without a bias on inputs of ones and zeros, so that
its weights are the numbers that the loss sees: their gradients are those of the loss with
respect to the outputs. No backend needs anything but the contract for this.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from polyframe.compiler.loss_cases import Case, cases
from polyframe.compiler.table import Form, LossView, Target, covers
from polyframe.conformance.measurements import (
    DIFFERENCES,
    FLOAT32,
    FORWARD,
    HALF_A_UNIT,
    Bound,
    Measurement,
    scaled_distance,
)
from polyframe.conformance.suite import Check
from polyframe.contract.backend import Backend
from polyframe.data import random_batches
from polyframe.io.array import Array
from polyframe.model.compile import LossArgument
from polyframe.model.compile import compile as compile_model
from polyframe.model.model import Model
from polyframe.spec.graph import Input
from polyframe.spec.layers import Conv2D, Dense
from polyframe.spec.layers.base import Shape, Tensor
from polyframe.spec.losses import Loss
from polyframe.spec.model import ModelSpec
from polyframe.spec.optimizers import SGD, Optimizer
from polyframe.train.arrays import Data, as_one

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

COUNT = 5
PIXELS = COUNT * 6
SINGLE = Bound(2.0**-18, "float32: 64 roundings of numbers as large as the largest")
WEIGHTS = np.array([0.5, 0.0, 2.0, 1.25, 3.0])
"""Sample weights."""


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


def numerical_gradients(loss: Loss, x: Array, y: Array) -> Array:
    """The gradient of each sample's loss with respect to its outputs, by the five-point
    central differences of the definition in long doubles."""
    steep = loss.type == "cosine" and not x[0].any()  # its gradient there is up to 1e8
    step = np.longdouble(2) ** (-40 if steep else -16)
    wide = x.astype(np.longdouble)
    y = y.astype(np.longdouble) if y.dtype.kind == "f" else y
    gradients = np.zeros(x.shape)
    for index in np.ndindex(x.shape[1:]):
        total = np.zeros(len(x), np.longdouble)
        where: Any = (slice(None), *index)
        for count, factor in ((1, 8), (-1, -8), (2, -1), (-2, 1)):
            shifted = wide.copy()
            shifted[where] += count * step
            total += factor * loss.define(shifted, y)
        gradients[where] = total / (12 * step)
    return gradients


def relative_distance(a: ArrayLike, b: ArrayLike, least: float = 1e-3) -> float:
    """max|a-b| / max|b|, or over ``least``: the gradients of a saturated loss are
    rounding errors. Infinite where shapes differ or a value is not finite."""
    return scaled_distance(a, b, max(float(np.abs(b).max()), least))


# --- models whose weights are the logits -----------------------------------------------


def output_layer(shape: Shape, name: str, source: Mapping[int, Tensor]) -> Tensor:
    """An output of that shape, each number of which is a weight of its own."""
    if len(shape) == 1:
        return Dense(shape[0], bias=False, name=name)(source[1])
    return Conv2D(shape[0], 1, bias=False, name=name)(source[3])


def model_of(
    backend: str | Backend,
    losses: LossArgument,
    shapes: Sequence[Shape],
    optimizer: Optimizer | None = None,
    dtype: str = "float64",
    device: str = "cpu",
    forms: Mapping[str, str] | None = None,
    accumulate: int = 1,
) -> tuple[Model, Any, list[Array]]:
    """A model with one output layer for each loss, with inputs that make each weight a
    logit: (model, its inputs, the logits of each output)."""
    source = {1: Input((COUNT,), name="x"), 3: Input((PIXELS, 3, 2), name="z")}
    outputs_of_model = [
        output_layer(shape, f"head{i}", source) for i, shape in enumerate(shapes)
    ]
    ranks = [r for r in source if any(len(shape) == r for shape in shapes)]
    spec = ModelSpec([source[r] for r in ranks], outputs_of_model, name="heads")
    model = compile_model(
        spec, backend, losses, optimizer or SGD(lr=0.0), dtype=dtype, device=device,
        forms=forms, accumulate=accumulate,
    )  # fmt: skip
    logits = [outputs(shape, "usual", seed=i) for i, shape in enumerate(shapes)]
    set_logits(model, logits)
    return model, inputs_for(model, shapes), logits


def inputs_for(model: Model, shapes: Sequence[Shape]) -> Any:
    """The inputs of such a model, ones and zeros."""
    image = np.zeros((COUNT, PIXELS, 3, 2))
    for number, (n, h, w) in enumerate(np.ndindex(COUNT, 3, 2)):
        image[n, number, h, w] = 1
    inputs = {1: np.eye(COUNT), 3: image}
    ranks = [r for r in inputs if any(len(shape) == r for shape in shapes)]
    return as_one([inputs[r].astype(model.dtype) for r in ranks])


def set_logits(model: Model, logits: Sequence[Array]) -> None:
    """Set the weights so that the outputs are these numbers."""
    model.load_weights(
        {f"head{i}.weight": as_weight(value) for i, value in enumerate(logits)}
    )


def as_weight(logits: Array) -> Array:
    """Logits (N, C, …) as the weight of an output layer, (C, N) or (C, N·H·W, 1, 1)."""
    channels_first = np.moveaxis(logits, 1, 0)
    weight = channels_first.reshape(len(channels_first), -1)
    return weight if logits.ndim == 2 else weight[:, :, None, None]


def expected_loss(
    loss: Loss, logits: Array, y: Array, weights: Array | None
) -> tuple[float, Array]:
    """(the loss, its gradients) over all samples, by the definitions."""
    values = loss.define(logits, y)
    w = np.ones(COUNT) if weights is None else weights
    if loss.reduction == "mean":
        denominators = loss.denominator_weights(y)
        w = w / (w * (1 if denominators is None else denominators)).sum()
    factors = (loss.loss_weight * w).reshape(-1, *[1] * (logits.ndim - 1))
    gradients = factors * numerical_gradients(loss, logits, y)
    return (loss.loss_weight * w * values).sum(), gradients


# --- checks -----------------------------------------------------------------------


def sample_losses(
    backend: Backend, word: str, form: str, device: str
) -> Iterator[Measurement]:
    """Each sample's loss in the program, for usual outputs, extreme ones and zeros."""
    tested = form_cases(backend, word, form, "float64")
    losses = [dataclasses.replace(case.loss, reduction="sum") for case in tested]
    shapes = [case.shape for case in tested]
    model, x, _ = model_of(backend, losses, shapes, device=device, forms={word: form})
    y = [targets(case) for case in tested]
    for scale in ("usual", "extreme", "zeros"):
        logits = [outputs(shape, scale, seed=i) for i, shape in enumerate(shapes)]
        set_logits(model, logits)
        each = zip(losses, logits, y, strict=True)
        expected = sum(loss.define(a, b) for loss, a, b in each)
        error = relative_distance(train_on_samples(model, x, y), expected)
        detail = f"{form}, {scale}"
        yield Measurement("values, float64", word, backend.name, detail, error, FORWARD)


def train_on_samples(model: Model, x: Data, y: Sequence[Array]) -> Array:
    """The loss of each sample, (N,), from steps in which all others have weight 0; the
    model's reduction is "sum" and its learning rate 0."""
    weights = np.eye(COUNT)
    y = as_one(list(y))
    losses = [model.train_step(x, y, sample_weight=w) for w in weights]
    return np.array(losses, np.float64)


def step_losses(
    backend: Backend,
    word: str,
    form: str,
    reductions: Sequence[str],
    device: str,
    dtype: str = "float64",
) -> Iterator[Measurement]:
    """The loss and its gradients in a step, with and without sample weights. The cases
    take turns with the reductions."""
    tested = form_cases(backend, word, form, dtype)
    losses = [
        dataclasses.replace(
            case.loss,
            reduction=reductions[i % len(reductions)],
            loss_weight=0.5 if i % 3 else 1.0,
        )
        for i, case in enumerate(tested)
    ]
    shapes = [case.shape for case in tested]
    model, x, _ = model_of(
        backend, losses, shapes, device=device, dtype=dtype, forms={word: form}
    )
    exact = dtype == "float64"
    y = [in_dtype(targets(case), dtype) for case in tested]
    for scale, weights in (("usual", WEIGHTS), ("extreme", WEIGHTS), ("usual", None)):
        seed = 0 if exact else len(tested)  # other numbers than the targets
        logits = [
            in_dtype(outputs(shape, scale, seed=seed + i), dtype)
            for i, shape in enumerate(shapes)
        ]
        set_logits(model, logits)
        expected = [
            expected_loss(*case, weights)
            for case in zip(losses, logits, y, strict=True)
        ]
        gradients = model.gradients(x, as_one(y), sample_weight=weights)
        condition = f"{form}, {scale}, {'no ' if weights is None else ''}weights"
        for i, (_, expected_gradient) in enumerate(expected):
            error = relative_distance(
                gradients[f"head{i}.weight"], as_weight(expected_gradient)
            )
            what = "gradients against central differences"
            detail = f"{losses[i]}, {condition}"
            bound = DIFFERENCES if exact else SINGLE
            yield Measurement(what, word, backend.name, detail, error, bound)
        total = np.array([sum(value for value, _ in expected)])
        value = model.train_step(x, as_one(y), sample_weight=weights)
        least = 1e-3 if exact else max(1e-3, sum(abs(v) for v, _ in expected))
        error, bound = (
            relative_distance(np.array([value]), total, least),
            FORWARD if exact else SINGLE,
        )
        yield Measurement(
            f"loss of a step, {dtype}", word, backend.name, condition, error, bound
        )


def in_dtype(array: Array, dtype: str) -> Array:
    """Numbers that a dtype can hold, in float64; labels as they are."""
    if array.dtype.kind != "f":
        return array
    return array.astype(dtype).astype(np.float64)


def float32_errors(
    backend: Backend, word: str, form: str, device: str
) -> Iterator[Measurement]:
    """The error of each sample's loss in float32, as a multiple of NumPy's."""
    tested = form_cases(backend, word, form, "float32")
    losses = [dataclasses.replace(case.loss, reduction="sum") for case in tested]
    shapes = [case.shape for case in tested]
    model, x, _ = model_of(
        backend, losses, shapes, device=device, dtype="float32", forms={word: form}
    )
    for scale in ("usual", "extreme"):
        logits = [
            outputs(shape, scale, seed=i).astype(np.float32)
            for i, shape in enumerate(shapes)
        ]
        y = [targets(case) for case in tested]
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
        numpy_error = max(relative_distance(single, exact), HALF_A_UNIT)
        error = relative_distance(train_on_samples(model, x, y), exact) / numpy_error
        what = "float32 error / NumPy's float32 error"
        yield Measurement(what, word, backend.name, f"{form}, {scale}", error, FLOAT32)


def form_cases(backend: Backend, word: str, form: str, dtype: str) -> list[Case]:
    """Every option of a loss that the form supports, in the shapes for which the
    backend has an output layer."""
    entries = backend.entries
    ranks = tuple(
        rank for rank, layer in ((1, "Dense"), (3, "Conv2D")) if covers(entries, layer)
    )
    (chosen,) = (one for one in entries[word].forms if one.name == form)
    return [case for case in cases(ranks) if takes_form(chosen, case, word, dtype)]


def takes_form(form: Form, case: Case, word: str, dtype: str) -> bool:
    """Whether a case is of that loss and may take the form."""
    view = LossView(case.function, Target(dtype))
    return case.loss.type == word and form.when(view)


def checks(backend: Backend, device: str) -> Iterator[Check]:
    """Every form of every loss that the backend writes: values, and steps of both
    reductions, in float64 and in float32."""
    for word in sorted(Loss.registry):
        entry = backend.entries.get(word)
        for form in entry.forms if entry is not None else ():
            arguments = (backend, word, form.name)
            for what, dtype, measure in (
                ("values", "float64", partial(sample_losses, *arguments, device)),
                (
                    "steps, mean",
                    "float64",
                    partial(step_losses, *arguments, ("mean",), device),
                ),
                (
                    "steps, sum",
                    "float64",
                    partial(step_losses, *arguments, ("sum",), device),
                ),
                (
                    "steps",
                    "float32",
                    partial(
                        step_losses, *arguments, ("mean", "sum"), device, "float32"
                    ),
                ),
                ("values", "float32", partial(float32_errors, *arguments, device)),
            ):
                if form_cases(*arguments, dtype):
                    yield Check(
                        "losses", word, f"{form.name}, {what}", dtype, device,
                        backend.name, measure,
                    )  # fmt: skip
