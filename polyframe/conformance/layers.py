"""A layer's forms on a backend, held against its definition in NumPy.

Distances are relative, max|a-b| / max|b|, and so are the bounds: float64 leaves room for
the order of summation only; central differences of the definition for their own error
(steps of 1e-5); a float32 form may err 8 times as much as the definition in float32.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from polyframe.compiler.table import Target, covers
from polyframe.conformance.cases import (
    BATCH,
    Case,
    batch_for,
    cases_of,
    compiled,
    drawn,
    examples,
    form_of,
    own_draws,
    spec_around,
    trains,
)
from polyframe.conformance.figures import (
    BIT_EQUAL,
    DIFFERENCES,
    FLOAT32,
    FORWARD,
    GRADIENT,
    HALF_A_UNIT,
    Bound,
    Figure,
    distance,
    scaled_distance,
)
from polyframe.conformance.suite import Check, dtypes, partners
from polyframe.contract.backend import Backend
from polyframe.contract.registry import get
from polyframe.io.array import Array
from polyframe.randomness import generator
from polyframe.spec.interpreter import interpret
from polyframe.spec.layers import ReLU
from polyframe.spec.layers.base import Layer
from polyframe.spec.losses import MSE
from polyframe.spec.typed import TypedGraph
from polyframe.train.arrays import as_list, as_one

Measure = Callable[..., Iterator[Figure]]
"""Takes (backend, layer, form, device)."""


def defined(
    graph: TypedGraph,
    weights: Mapping[str, Array],
    x: Sequence[Array],
    **options: Any,
) -> tuple[Any, Any]:
    """What the definition says, (values, new states): in float64, and in the dtype of
    the arrays that it is given."""
    exact = {name: value.astype(np.float64) for name, value in weights.items()}
    wide = [value.astype(np.float64) for value in x]
    in_float64 = interpret(graph, exact, wide, **options)
    return in_float64, interpret(graph, weights, x, **options)


def measured(
    value: Array, wanted: Array, written: Array, dtype: str
) -> tuple[float, Bound]:
    """The distance from the definition, and its bound; in float32 as a multiple of the
    distance of the definition in float32 (``written``)."""
    apart = distance(value, wanted)
    if dtype == "float64":
        return apart, FORWARD
    return apart / max(distance(written, wanted), HALF_A_UNIT), FLOAT32


def modes(backend: str | Backend) -> tuple[bool, ...]:
    """Inference and, where it trains, training."""
    return (False, True) if trains(backend) else (False,)


def forward(
    backend: str | Backend, word: str, form: str, device: str = "cpu"
) -> Iterator[Figure]:
    """Every example's output in both modes and in ``predict``, in float64."""
    model, weights = compiled(
        backend, cases_of(backend, word, form, "float64"), "float64", form, device
    )
    x, _ = batch_for(model.spec)
    what = "forward, float64"
    for name, value in model.weights().items():
        apart, detail = distance(value, weights[name]), f"{form}, {name}"
        said = "weights loaded, and read again"
        yield Figure(said, word, get(backend).name, detail, apart, BIT_EQUAL)
    for training in modes(backend):
        draws = drawn(model) if training else None
        wanted, _ = interpret(model.graph, weights, x, training=training, draws=draws)
        for name, value in model.activations(as_one(x), training=training).items():
            apart = distance(value, wanted[name])
            detail = f"{form}, {name}, {'training' if training else 'inference'}"
            yield Figure(what, word, get(backend).name, detail, apart, FORWARD)
    wanted, _ = interpret(model.graph, weights, x)
    found = as_list(model.predict(as_one(x)))
    for name, value in zip(model.graph.outputs, found, strict=True):
        apart = distance(value, wanted[name])
        yield Figure(
            what, word, get(backend).name, f"{form}, {name}, predict", apart, FORWARD
        )
    for name, value in model.weights().items():
        apart, detail = distance(value, weights[name]), f"{form}, {name}"
        said = "weights loaded, and read again"
        yield Figure(said, word, get(backend).name, detail, apart, BIT_EQUAL)


def differences(
    backend: str | Backend, word: str, form: str, device: str = "cpu"
) -> Iterator[Figure]:
    """Gradients of all parameters (the fronts' show those of the inputs) against the
    definition's central differences."""
    cases = cases_of(backend, word, form, "float64")
    model, weights = compiled(backend, cases, "float64", form, device)
    x, y = batch_for(model.spec)
    draws = drawn(model)
    found = model.gradients(as_one(x), as_one(y))
    inputs = dict(zip((name for name, _ in model.graph.inputs), x, strict=True))
    for case, target in zip(cases, y, strict=True):
        graph = spec_around([case]).infer()
        own = {name: weights[name] for name in graph.parameters}
        pairs = [inputs[name] for name, _ in graph.inputs]
        wanted = slopes(graph, own, pairs, target, draws)
        # A bias in front of a batch norm has a gradient of zero: scale by all of them.
        scale = max(np.abs(found[name]).max() for name in wanted)
        for name, (picked, values) in wanted.items():
            shape = graph.parameters[name].shape
            apart = np.inf  # of another shape, it is not the parameter's gradient
            if found[name].shape == shape:
                flat = found[name].reshape(-1)[picked]
                apart = scaled_distance(flat, values, scale)
            what = "gradients against central differences"
            detail = f"{form}, {name}"
            yield Figure(what, word, get(backend).name, detail, apart, DIFFERENCES)


def slopes(
    graph: TypedGraph,
    weights: dict[str, Array],
    x: list[Array],
    y: Array,
    draws: Any,
) -> dict[str, tuple[Array, list[float]]]:
    """Trainable name → (a few places, the slopes of the mean squared error there, by the
    five-point formula)."""
    rng, found = np.random.default_rng(1), {}

    def loss(name: str, flat: Array) -> float:
        changed = weights | {name: flat.reshape(weights[name].shape)}
        known, _ = interpret(graph, changed, x, training=True, draws=draws)
        return float(MSE().define(known[graph.outputs[0]], y).mean())

    for name, parameter in graph.parameters.items():
        if not parameter.trainable:
            continue
        flat = weights[name].reshape(-1)
        picked = rng.choice(flat.size, min(flat.size, 6), replace=False)
        values = []
        for index in picked:
            step = np.zeros_like(flat)
            step[index] = 2e-5
            near = loss(name, flat + step) - loss(name, flat - step)
            far = loss(name, flat + 2 * step) - loss(name, flat - 2 * step)
            values.append((8 * near - far) / (12 * 2e-5))
        found[name] = picked, values
    return found


def agreement(
    word: str,
    backends: Sequence[str | Backend],
    cases: Sequence[Case] | None = None,
) -> Iterator[Figure]:
    """All gradients between backends, in float64, wherever there is no gap."""
    found, cases = {}, examples(word) if cases is None else cases
    for backend in backends:
        held = [c for c in cases if form_of(backend, c, Target("float64"), None)]
        if held:
            model, _ = compiled(backend, held, "float64")
            x, y = batch_for(model.spec)
            found[backend] = model.gradients(as_one(x), as_one(y))
    for case in cases:
        parameters = spec_around([case]).infer().parameters.items()
        names = [name for name, p in parameters if p.trainable]
        own = {b: g for b, g in found.items() if names[0] in g}
        exact = next(iter(own.values()), {})
        scale = max((np.abs(exact[name]).max() for name in names if exact), default=0)
        for backend, gradients in own.items():
            for name in names:
                value = scaled_distance(gradients[name], exact[name], scale)
                what = "gradients between backends, float64"
                yield Figure(
                    what, case[1], get(backend).name, f"{name}, {case}", value, GRADIENT
                )


def statistics(
    backend: str | Backend,
    word: str,
    form: str,
    device: str = "cpu",
    dtype: str = "float64",
) -> Iterator[Figure]:
    """Running statistics after a step at a learning rate of 0; in float32 by the
    yardstick of ``float32``."""
    cases = cases_of(backend, word, form, dtype)
    model, weights = compiled(backend, cases, dtype, form, device)
    kept = [name for name, p in model.graph.parameters.items() if not p.trainable]
    if not kept:
        return
    x, y = batch_for(model.spec, dtype=dtype)
    options: dict[str, Any] = {"training": True, "draws": drawn(model)}
    (_, wanted), (_, written) = defined(model.graph, weights, x, **options)
    wanted, written = weights | wanted, weights | written
    model.train_step(as_one(x), as_one(y))
    model.predict(as_one(x))  # changes nothing
    found = model.weights()
    for name in kept:
        apart, bound = measured(found[name], wanted[name], written[name], dtype)
        what, detail = f"running statistics, {dtype}", f"{form}, {name}"
        yield Figure(what, word, get(backend).name, detail, apart, bound)


def hidden(
    backend: str | Backend,
    word: str,
    form: str,
    device: str = "cpu",
    dtype: str = "float64",
) -> Iterator[Figure]:
    """After a step, ``predict`` is the definition's at the weights that the model names:
    it has moved nothing else. In float32 by the yardstick of ``float32``."""
    cases = cases_of(backend, word, form, dtype)
    model, _ = compiled(backend, cases, dtype, form, device)
    x, y = batch_for(model.spec, dtype=dtype)
    model.learning_rate = 1e-2
    model.train_step(as_one(x), as_one(y))
    (wanted, _), (written, _) = defined(model.graph, model.weights(), x)
    found = as_list(model.predict(as_one(x)))
    for name, value in zip(model.graph.outputs, found, strict=True):
        apart, bound = measured(value, wanted[name], written[name], dtype)
        what = f"predict after a step, {dtype}"
        yield Figure(what, word, get(backend).name, f"{form}, {name}", apart, bound)


def predictions(
    backend: str | Backend, word: str, form: str, device: str = "cpu"
) -> Iterator[Figure]:
    """What ``predict`` gives in float32, by the yardstick of ``float32``; for backends
    that do not train (of the others, ``hidden`` asks for it after a step)."""
    cases = cases_of(backend, word, form, "float32")
    model, weights = compiled(backend, cases, "float32", form, device)
    x, _ = batch_for(model.spec, dtype="float32", wide=False)
    (wanted, _), (written, _) = defined(model.graph, weights, x)
    found = as_list(model.predict(as_one(x)))
    for name, value in zip(model.graph.outputs, found, strict=True):
        apart, bound = measured(value, wanted[name], written[name], "float32")
        what, detail = "predict, float32", f"{form}, {name}"
        yield Figure(what, word, get(backend).name, detail, apart, bound)


def float32(
    backend: str | Backend, word: str, form: str, device: str = "cpu"
) -> Iterator[Figure]:
    """A float32 form's error as a multiple of the definition's own in float32."""
    cases = cases_of(backend, word, form, "float32")
    model, weights = compiled(backend, cases, "float32", form, device)
    # Norms of a few large numbers cancel in float32 by nature; activations do not.
    large = Layer.find(word).__module__ == ReLU.__module__
    x, _ = batch_for(model.spec, dtype="float32", wide=large)
    for training in modes(backend):
        draws = drawn(model) if training else None
        options: dict[str, Any] = {"training": training, "draws": draws}
        (wanted, _), (written, _) = defined(model.graph, weights, x, **options)
        for name, value in model.activations(as_one(x), training=training).items():
            apart, bound = measured(value, wanted[name], written[name], "float32")
            what = "float32 error / NumPy's float32 error"
            yield Figure(what, word, get(backend).name, f"{form}, {name}", apart, bound)


TRAINING_MEASURES: dict[str, tuple[Measure, ...]] = {
    "float64": (forward, differences, statistics, hidden),
    "float32": (
        float32,
        partial(statistics, dtype="float32"),
        partial(hidden, dtype="float32"),
    ),
}
"""Dtype → what is measured of a form on a backend that trains."""
INFERENCE_MEASURES: dict[str, tuple[Measure, ...]] = {
    "float64": (forward,),
    "float32": (float32, predictions),
}
"""The same on one that does not."""


def forms(backend: str | Backend, word: str, dtype: str) -> list[str]:
    """The forms of an entry that some example takes in that dtype, and that can be
    held against the definition."""
    return [
        form.name
        for form in get(backend).entries[word].forms
        if cases_of(backend, word, form.name, dtype) and not own_draws(word, form.name)
    ]


def draw_formula(word: str, backend: str) -> Iterator[Figure]:
    """What ejected scripts draw for a random layer, against what the layer draws; none
    where it has no formula, and is not ejected."""
    for number, _, options, shapes in examples(word):
        layer = Layer.find(word)(**options).resolve({})
        formula = layer.draw_formula() if layer.random else None
        if formula is None:
            continue
        shape = (BATCH, *layer.draw_shape(*shapes))
        bits = generator(number, "formula").integers(0, 2**32, shape, np.uint32)
        # The text of a layer's own code, which runs anyway.
        value = eval(formula, {"np": np, "bits": bits})  # noqa: S307
        apart = distance(value, layer.draw(bits))
        detail = f"example {number}"
        yield Figure("draw_formula", word, backend, detail, apart, FORWARD)


def check_layer(
    layer: type[Layer] | str, backends: Sequence[str | Backend]
) -> list[Figure]:
    """Every check of one layer on some backends.

    The layer's examples are the cases; figures of all forms are returned, and
    ``figure.passed`` says whether each is within its bound.
    """
    word = layer if isinstance(layer, str) else layer.word
    found = list(draw_formula(word, get(backends[0]).name)) if backends else []
    for backend in backends:
        for dtype, measures in measures_of(backend).items():
            for form in forms(backend, word, dtype):
                found += _all(measures, backend, word, form, "cpu")
    return [*found, *agreement(word, [b for b in backends if trains(b)])]


def measures_of(backend: str | Backend) -> dict[str, tuple[Measure, ...]]:
    """Dtype → what is measured of a form, by what the backend can do."""
    measures = TRAINING_MEASURES if trains(backend) else INFERENCE_MEASURES
    return {dtype: measures[dtype] for dtype in dtypes(get(backend))}


def checks(backend: Backend, device: str) -> Iterator[Check]:
    """Every form of every layer that the backend has an entry for: against the
    definition and, if it trains, against the other usable backends that have it."""
    kinds = measures_of(backend)
    others = partners(backend) if trains(backend) else []
    for word in sorted(set(backend.entries) & set(Layer.registry)):
        if not covers(backend.entries, word):
            continue
        for dtype, measures in kinds.items():
            for form in forms(backend, word, dtype):
                yield Check(
                    "layers", word, form, dtype, device, backend.name,
                    partial(_all, measures, backend, word, form, device),
                )  # fmt: skip
        if Layer.find(word).random:
            measure = partial(draw_formula, word, backend.name)
            yield Check(
                "layers", word, "formula", "float64", device, backend.name, measure
            )
        having = [b for b in others if covers(b.entries, word)]
        if having:
            measure = partial(agreement, word, [*having[:1], backend])
            yield Check(
                "layers", word, "gradients", "float64", device, backend.name, measure
            )


def _all(measures: Iterable[Measure], *given: Any) -> Iterator[Figure]:
    for measure in measures:
        yield from measure(*given)
