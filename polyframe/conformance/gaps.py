"""Gaps: what a backend lacks is declared, and what it declares is still missing."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from polyframe.compiler.loss_cases import Case
from polyframe.compiler.table import covers
from polyframe.conformance import losses, optimizers
from polyframe.conformance.cases import batch_for, front, trains
from polyframe.conformance.measurements import (
    DIFFERENCES,
    FORWARD,
    Bound,
    Measurement,
    distance,
)
from polyframe.conformance.suite import Check, dtypes
from polyframe.contract.backend import Backend
from polyframe.contract.gaps import Gap, Witness
from polyframe.errors import PolyframeError, UnsupportedError
from polyframe.io.version import newer
from polyframe.model.compile import compile as compile_model
from polyframe.model.model import Model
from polyframe.randomness import generator
from polyframe.spec.graph import Input
from polyframe.spec.interpreter import interpret
from polyframe.spec.layers.base import Layer
from polyframe.spec.losses import Loss
from polyframe.spec.model import ModelSpec
from polyframe.spec.optimizers import SGD, Optimizer
from polyframe.spec.sampling import initial_weights
from polyframe.train.arrays import as_one

Measure = Callable[[Backend, str], Iterator[Measurement]]
"""A check of (backend, entry)."""
TRUE = Bound(0.0, "true (0) or false (1)")
RIGHT = {"float64": FORWARD.value, "float32": 1e-5}
"""Dtype → the largest error of a case that is still right."""


def checks(backend: Backend, device: str) -> Iterator[Check]:
    """One check for each entry of the catalogue and one for each gap; losses and
    optimizers are asked for where the backend trains."""
    families = (Layer, Loss, Optimizer) if trains(backend) else (Layer,)
    for family in families:
        for word in sorted(family.registry):
            if word != "Block":  # made of layers: it has no entry
                yield _check(backend, word, "declared", device, is_declared)
    for gap in backend.gaps:
        for word in gap.entries:
            measure = partial(still_open, gap=gap, device=device)
            yield _check(backend, word, "still open", device, measure)


def _check(
    backend: Backend, word: str, what: str, device: str, measure: Measure
) -> Check:
    call = partial(measure, backend, word)
    dtype = dtypes(backend)[0]
    return Check("gaps", word, what, dtype, device, backend.name, call)


def fact(
    backend: Backend, word: str, what: str, holds: bool, detail: str
) -> Measurement:
    """A fact as a measurement."""
    return Measurement(what, word, backend.name, detail, float(not holds), TRUE)


def is_declared(backend: Backend, word: str) -> Iterator[Measurement]:
    """An entry is written, or a gap names it."""
    entries = backend.entries
    named = word in backend.reasons
    detail = "neither written nor in gaps.yaml"
    if covers(entries, word):
        since, newest = entries[word].since, backend.written_for
        detail, named = "written", not newer(since, newest)
        if not named:
            detail = f"is from {since}, but the backend was written for {newest}"
    elif named:
        detail = backend.reasons[word]
    yield fact(backend, word, "declared", named, detail)


def still_open(
    backend: Backend, word: str, gap: Gap, device: str
) -> Iterator[Measurement]:
    """A gap names an entry that exists; it is refused, and gives wrong results when it is
    forced."""
    known = {*Layer.registry, *Loss.registry, *Optimizer.registry}
    if word not in known:
        yield fact(backend, word, "matches something", False, "there is no such entry")
        return
    if gap.witness is None:
        written = covers(backend.entries, word)
        detail = (
            "it is written: the gap has healed, remove it" if written else "missing"
        )
        yield fact(backend, word, "still missing", not written, detail)
        return
    try:
        compiled(backend, word, gap.witness, device)
        detail, holds = "compiles: the gap has healed, remove it", False
    except UnsupportedError as error:
        detail, holds = str(error), gap.reason in str(error)
    yield fact(backend, word, "is refused with its reason", holds, detail)
    wrong, detail = wrong_when_forced(backend, word, gap.witness, device)
    yield fact(backend, word, "is wrong when forced", wrong, detail)


def compiled(backend: Backend, word: str, witness: Witness, device: str) -> Model:
    """A model of the witness's case."""
    if word in Loss.registry:
        each = Loss.find(word)(**witness.fields)
        return losses.model_of(backend, [each], witness.inputs, device=device)[0]
    if word in Optimizer.registry:
        rule = Optimizer.find(word)(**witness.fields)
        form = next((f.name for f in backend.entries[word].forms), "")
        return optimizers.model_of(backend, rule, form, "float64", device, None)
    loss = "mse" if witness.training else None
    spec, dtype = spec_of(word, witness), dtypes(backend)[0]
    return compile_model(spec, backend, loss, SGD(lr=0.0), dtype=dtype, device=device)


def spec_of(word: str, witness: Witness) -> ModelSpec:
    """The witness's layer after layers with parameters, called as often as it says."""
    inputs = [Input(shape, name=f"x{i}") for i, shape in enumerate(witness.inputs)]
    tensors = inputs
    if witness.training:  # something to train
        shapes = enumerate(witness.inputs)
        fronts = [front(shape, f"in{i}") for i, shape in shapes]
        tensors = [layer(x) for layer, x in zip(fronts, inputs, strict=True)]
    layer = Layer.find(word)(**witness.fields, name="it")
    for _ in range(witness.calls):
        tensors = [layer(*tensors)]
    return ModelSpec(inputs, tensors, name="witness")


def wrong_when_forced(
    backend: Backend, word: str, witness: Witness, device: str
) -> tuple[bool, str]:
    """Whether the case gives wrong results if every form is allowed, and how."""
    permissive = copy.copy(backend)
    entry = permissive.entries[word]
    forms = tuple(replace(form, when=lambda view: True) for form in entry.forms)
    permissive.table = {**permissive.table, word: replace(entry, forms=forms)}  # type: ignore[misc]
    measure = layer_error
    if word in Loss.registry:
        measure = loss_error
    elif word in Optimizer.registry:
        measure = optimizer_error
    try:
        value = measure(compiled(permissive, word, witness, device), witness)
    except (PolyframeError, NotImplementedError, KeyError, ValueError) as error:
        return True, f"raises {type(error).__name__}"
    text = f"off by {value:.1e}"
    wrong = not value <= RIGHT[dtypes(backend)[0]]
    return wrong, text if wrong else f"{text}: the gap has healed, remove it"


def layer_error(model: Model, witness: Witness) -> float:
    """The distance of a layer's output or running statistics from the definition."""
    spec = model.spec
    weights = initial_weights(model.graph.parameters, 0, "float64")
    for name, value in weights.items():
        weights[name] = value + generator(3, name).uniform(0.1, 0.5, value.shape)
    model.load_weights(weights)
    x, y = batch_for(spec, 2)
    expected, state = interpret(model.graph, weights, x, training=witness.training)
    if not witness.training:
        return distance(model.predict(as_one(x)), expected[spec.graph.outputs[0]])
    model.train_step(as_one(x), as_one(y))
    actual = model.weights()
    return max((distance(actual[n], v) for n, v in state.items()), default=0.0)


def loss_error(model: Model, witness: Witness) -> float:
    """The distance of a loss and its gradients from the definition; the witness's input
    is the shape of the output."""
    (shape,) = witness.inputs
    loss = model.engine.objective.losses[0]
    case = Case(loss, shape, loss.target_kinds[0])
    logits, y = losses.outputs(shape, "usual", seed=0), losses.targets(case)
    losses.set_logits(model, [logits])
    x = losses.inputs_for(model, [shape])
    expected, gradients = losses.expected_loss(loss, logits, y, None)
    gradient = model.gradients(x, y)["head0.weight"]
    gradient_error = losses.relative_distance(gradient, losses.as_weight(gradients))
    value_error = distance(np.asarray(model.train_step(x, y)), expected)
    return max(
        value_error, gradient_error if not gradient_error <= DIFFERENCES.value else 0.0
    )


def optimizer_error(model: Model, witness: Witness) -> float:
    """The distance of an optimizer's weights from the rule's after some steps."""
    reference = optimizers.ReferenceOptimizer(
        model.engine.objective.optimizer, model.weights(), "float64"
    )
    for _ in range(optimizers.SHORT):
        reference.update(model.gradients(*optimizers.samples()))
        model.train_step(*optimizers.samples())
    actual = model.weights()
    return max(distance(actual[name], w) for name, w in reference.weights.items())
