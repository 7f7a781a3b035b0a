"""A layer's forms on a backend, compared with its definition in NumPy.

Distances are relative, max|a-b| / max|b|, and so are the bounds. In float64 only the
order of summation may differ. Central differences of the definition (steps of 2e-5) have
an error of their own. In float32 the error of a form may be 8 times that of the
definition in float32.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

import numpy as np

from polyframe.compiler.table import Target, covers
from polyframe.conformance.cases import (
    BATCH,
    Case,
    batch_for,
    cases_of,
    compiled,
    examples,
    form_of,
    has_native_randomness,
    random_factors,
    spec_around,
    trains,
)
from polyframe.conformance.measurements import (
    BIT_EQUAL,
    DIFFERENCES,
    FLOAT32,
    FORWARD,
    GRADIENT,
    HALF_A_UNIT,
    Bound,
    Measurement,
    distance,
    scaled_distance,
)
from polyframe.conformance.numerical import numerical_gradients
from polyframe.conformance.suite import Check, dtypes, partners
from polyframe.contract.backend import Backend
from polyframe.contract.registry import get
from polyframe.io.array import Array
from polyframe.randomness import generator
from polyframe.spec.interpreter import interpret
from polyframe.spec.layers import ReLU
from polyframe.spec.layers.base import Layer
from polyframe.spec.typed import TypedGraph
from polyframe.train.arrays import as_list, as_one

Interpretation = tuple[dict[str, Array], dict[str, Array]]
"""(each node's output, the state parameters that change), as ``interpret`` gives them."""
Measure = Callable[[str | Backend, str, str, str], Iterator[Measurement]]
"""A check of (backend, layer, form, device)."""


def defined_outputs(
    graph: TypedGraph,
    weights: Mapping[str, Array],
    x: Sequence[Array],
    *,
    training: bool = False,
    draws: Mapping[str, Array] | None = None,
) -> tuple[Interpretation, Interpretation]:
    """(values, new state) by the definition: in float64, and in the dtype of the arrays
    given."""
    exact = {name: value.astype(np.float64) for name, value in weights.items()}
    wide = [value.astype(np.float64) for value in x]
    in_float64 = interpret(graph, exact, wide, training=training, draws=draws)
    same_dtype = interpret(graph, weights, x, training=training, draws=draws)
    return in_float64, same_dtype


def distance_and_bound(
    value: Array, expected: Array, in_float32: Array, dtype: str
) -> tuple[float, Bound]:
    """The distance from the definition, and its bound; in float32 as a multiple of the
    error of the definition in float32 (``in_float32``)."""
    error = distance(value, expected)
    if dtype == "float64":
        return error, FORWARD
    return error / max(distance(in_float32, expected), HALF_A_UNIT), FLOAT32


def modes(backend: str | Backend) -> tuple[bool, ...]:
    """Inference and, where it trains, training."""
    return (False, True) if trains(backend) else (False,)


def outputs(
    backend: str | Backend, word: str, form: str, device: str = "cpu"
) -> Iterator[Measurement]:
    """Every example's output in training mode, in inference mode and in ``predict``, in
    float64."""
    model, weights = compiled(
        backend, cases_of(backend, word, form, "float64"), "float64", form, device
    )
    x, _ = batch_for(model.spec)
    what = "forward, float64"
    for name, value in model.weights().items():
        error, detail = distance(value, weights[name]), f"{form}, {name}"
        reloaded = "weights loaded, and read again"
        yield Measurement(reloaded, word, get(backend).name, detail, error, BIT_EQUAL)
    for training in modes(backend):
        draws = random_factors(model) if training else None
        expected, _ = interpret(model.graph, weights, x, training=training, draws=draws)
        for name, value in model.activations(as_one(x), training=training).items():
            error = distance(value, expected[name])
            detail = f"{form}, {name}, {'training' if training else 'inference'}"
            yield Measurement(what, word, get(backend).name, detail, error, FORWARD)
    expected, _ = interpret(model.graph, weights, x)
    predictions = as_list(model.predict(as_one(x)))
    for name, value in zip(model.graph.outputs, predictions, strict=True):
        error = distance(value, expected[name])
        yield Measurement(
            what, word, get(backend).name, f"{form}, {name}, predict", error, FORWARD
        )


def gradients(
    backend: str | Backend, word: str, form: str, device: str = "cpu"
) -> Iterator[Measurement]:
    """Gradients of all parameters (those of the layers in front show the gradients of
    the inputs), compared with central differences of the definition."""
    cases = cases_of(backend, word, form, "float64")
    model, weights = compiled(backend, cases, "float64", form, device)
    x, y = batch_for(model.spec)
    draws = random_factors(model)
    actual = model.gradients(as_one(x), as_one(y))
    inputs = dict(zip((name for name, _ in model.graph.inputs), x, strict=True))
    for case, target in zip(cases, y, strict=True):
        graph = spec_around([case]).infer()
        case_weights = {name: weights[name] for name in graph.parameters}
        case_inputs = [inputs[name] for name, _ in graph.inputs]
        expected = numerical_gradients(graph, case_weights, case_inputs, target, draws)
        # A bias before a batch norm has a gradient of zero: scale by all of them.
        scale = max(np.abs(actual[name]).max() for name in expected)
        for name, (indices, values) in expected.items():
            shape = graph.parameters[name].shape
            error = np.inf  # a gradient of another shape is wrong
            if actual[name].shape == shape:
                flat = actual[name].reshape(-1)[indices]
                error = scaled_distance(flat, values, scale)
            what = "gradients against central differences"
            detail = f"{form}, {name}"
            yield Measurement(what, word, get(backend).name, detail, error, DIFFERENCES)


def gradients_between_backends(
    word: str,
    backends: Sequence[str | Backend],
    cases: Sequence[Case] | None = None,
) -> Iterator[Measurement]:
    """All gradients, compared between backends in float64, where there is no gap."""
    gradients_of, cases = {}, examples(word) if cases is None else cases
    for backend in backends:
        possible = [c for c in cases if form_of(backend, c, Target("float64"), None)]
        if possible:
            model, _ = compiled(backend, possible, "float64")
            x, y = batch_for(model.spec)
            gradients_of[backend] = model.gradients(as_one(x), as_one(y))
    for case in cases:
        parameters = spec_around([case]).infer().parameters.items()
        names = [name for name, p in parameters if p.trainable]
        compared = {b: g for b, g in gradients_of.items() if names[0] in g}
        reference = next(iter(compared.values()), {})
        scale = max(
            (np.abs(reference[name]).max() for name in names if reference), default=0
        )
        for backend, gradients in compared.items():
            for name in names:
                error = scaled_distance(gradients[name], reference[name], scale)
                what = "gradients between backends, float64"
                yield Measurement(
                    what, case[1], get(backend).name, f"{name}, {case}", error, GRADIENT
                )


def running_statistics(
    backend: str | Backend,
    word: str,
    form: str,
    device: str = "cpu",
    dtype: str = "float64",
) -> Iterator[Measurement]:
    """Running statistics after a step at a learning rate of 0; in float32 as in
    ``float32_errors``."""
    cases = cases_of(backend, word, form, dtype)
    model, weights = compiled(backend, cases, dtype, form, device)
    names = [name for name, p in model.graph.parameters.items() if not p.trainable]
    if not names:
        return
    x, y = batch_for(model.spec, dtype=dtype)
    (_, expected), (_, in_float32) = defined_outputs(
        model.graph, weights, x, training=True, draws=random_factors(model)
    )
    expected, in_float32 = weights | expected, weights | in_float32
    model.train_step(as_one(x), as_one(y))
    model.predict(as_one(x))  # changes nothing
    actual = model.weights()
    for name in names:
        error, bound = distance_and_bound(
            actual[name], expected[name], in_float32[name], dtype
        )
        what, detail = f"running statistics, {dtype}", f"{form}, {name}"
        yield Measurement(what, word, get(backend).name, detail, error, bound)


def large(word: str) -> bool:
    """Whether float32 is measured with large inputs, too: for activations. Norms of a
    few large numbers cancel by nature, and resized images err by their slope."""
    return Layer.find(word).__module__ == ReLU.__module__


def predict_after_step(
    backend: str | Backend,
    word: str,
    form: str,
    device: str = "cpu",
    dtype: str = "float64",
) -> Iterator[Measurement]:
    """After a step, ``predict`` gives what the definition gives for the weights that the
    model reports, so the step changed nothing else. In float32 as in
    ``float32_errors``."""
    cases = cases_of(backend, word, form, dtype)
    model, _ = compiled(backend, cases, dtype, form, device)
    x, y = batch_for(model.spec, dtype=dtype, wide=dtype == "float64" or large(word))
    model.learning_rate = 1e-2
    model.train_step(as_one(x), as_one(y))
    (expected, _), (in_float32, _) = defined_outputs(model.graph, model.weights(), x)
    predictions = as_list(model.predict(as_one(x)))
    for name, value in zip(model.graph.outputs, predictions, strict=True):
        error, bound = distance_and_bound(
            value, expected[name], in_float32[name], dtype
        )
        what = f"predict after a step, {dtype}"
        yield Measurement(
            what, word, get(backend).name, f"{form}, {name}", error, bound
        )


def predictions(
    backend: str | Backend, word: str, form: str, device: str = "cpu"
) -> Iterator[Measurement]:
    """What ``predict`` gives in float32, with the bound of ``float32_errors``; for
    backends that do not train (for the others, ``predict_after_step``)."""
    cases = cases_of(backend, word, form, "float32")
    model, weights = compiled(backend, cases, "float32", form, device)
    x, _ = batch_for(model.spec, dtype="float32", wide=False)
    (expected, _), (in_float32, _) = defined_outputs(model.graph, weights, x)
    outputs = as_list(model.predict(as_one(x)))
    for name, value in zip(model.graph.outputs, outputs, strict=True):
        error, bound = distance_and_bound(
            value, expected[name], in_float32[name], "float32"
        )
        detail = f"{form}, {name}"
        yield Measurement(
            "predict, float32", word, get(backend).name, detail, error, bound
        )


def float32_errors(
    backend: str | Backend, word: str, form: str, device: str = "cpu"
) -> Iterator[Measurement]:
    """A float32 form's error as a multiple of the definition's own in float32."""
    cases = cases_of(backend, word, form, "float32")
    model, weights = compiled(backend, cases, "float32", form, device)
    x, _ = batch_for(model.spec, dtype="float32", wide=large(word))
    for training in modes(backend):
        draws = random_factors(model) if training else None
        (expected, _), (in_float32, _) = defined_outputs(
            model.graph, weights, x, training=training, draws=draws
        )
        for name, value in model.activations(as_one(x), training=training).items():
            error, bound = distance_and_bound(
                value, expected[name], in_float32[name], "float32"
            )
            what = "float32 error / NumPy's float32 error"
            yield Measurement(
                what, word, get(backend).name, f"{form}, {name}", error, bound
            )


TRAINING_MEASURES: dict[str, tuple[Measure, ...]] = {
    "float64": (outputs, gradients, running_statistics, predict_after_step),
    "float32": (
        float32_errors,
        partial(running_statistics, dtype="float32"),
        partial(predict_after_step, dtype="float32"),
    ),
}
"""Dtype → what is measured of a form on a backend that trains."""
INFERENCE_MEASURES: dict[str, tuple[Measure, ...]] = {
    "float64": (outputs,),
    "float32": (float32_errors, predictions),
}
"""The same on one that does not."""


def forms(backend: str | Backend, word: str, dtype: str) -> list[str]:
    """The forms of an entry that some example takes in that dtype, and that can be
    compared with the definition."""
    return [
        form.name
        for form in get(backend).entries[word].forms
        if cases_of(backend, word, form.name, dtype)
        and not has_native_randomness(word, form.name)
    ]


def draw_formulas(word: str, backend: str) -> Iterator[Measurement]:
    """The random numbers of ejected scripts, compared with those of the layer; nothing
    where the layer has no formula and is not ejected."""
    for number, _, options, shapes in examples(word):
        layer = Layer.find(word)(**options).resolve({})
        formula = layer.draw_formula() if layer.random else None
        if formula is None:
            continue
        shape = (BATCH, *layer.draw_shape(*shapes))
        bits = generator(number, "formula").integers(0, 2**32, shape, np.uint32)
        # The text of a layer's own code, which runs anyway.
        value = eval(formula, {"np": np, "bits": bits})  # noqa: S307
        error = distance(value, layer.draw(bits))
        detail = f"example {number}"
        yield Measurement("draw_formula", word, backend, detail, error, FORWARD)


def check_layer(
    layer: type[Layer] | str, backends: Sequence[str | Backend]
) -> list[Measurement]:
    """Every check of one layer on some backends.

    The layer's examples are the cases. The measurements of all forms are returned;
    ``measurement.passed`` says whether each is within its bound.
    """
    word = layer if isinstance(layer, str) else layer.word
    measurements = list(draw_formulas(word, get(backends[0]).name)) if backends else []
    for backend in backends:
        for dtype, measures in measures_of(backend).items():
            for form in forms(backend, word, dtype):
                measurements += _all(measures, backend, word, form, "cpu")
    training = [backend for backend in backends if trains(backend)]
    return [*measurements, *gradients_between_backends(word, training)]


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
            measure = partial(draw_formulas, word, backend.name)
            yield Check(
                "layers", word, "formula", "float64", device, backend.name, measure
            )
        having = [b for b in others if covers(b.entries, word)]
        if having:
            measure = partial(gradients_between_backends, word, [*having[:1], backend])
            yield Check(
                "layers", word, "gradients", "float64", device, backend.name, measure
            )


def _all(
    measures: Iterable[Measure],
    backend: str | Backend,
    word: str,
    form: str,
    device: str,
) -> Iterator[Measurement]:
    for measure in measures:
        yield from measure(backend, word, form, device)
