"""Gaps: what a backend lacks is declared, and what it declares is still so."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from polyframe.compiler.table import covers
from polyframe.conformance import losses, optimizers
from polyframe.conformance.cases import batch_for, front, trains
from polyframe.conformance.figures import (
    DIFFERENCES,
    FORWARD,
    Bound,
    Figure,
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

TRUE = Bound(0.0, "a fact: it holds (0) or not (1)")
RIGHT = {"float64": FORWARD.value, "float32": 1e-5}
"""Dtype → how far a case may be off and is still right."""


def checks(backend: Backend, device: str) -> Iterator[Check]:
    """One check for each entry of the catalogue and one for each gap; losses and
    optimizers are asked for where the backend trains."""
    families = (Layer, Loss, Optimizer) if trains(backend) else (Layer,)
    for family in families:
        for word in sorted(family.registry):
            if word != "Block":  # made of layers; the writer's own business
                yield _check(backend, word, "declared", device, declared)
    for gap in backend.gaps:
        for word in gap.entries:
            measure = partial(healed, gap=gap, device=device)
            yield _check(backend, word, "still open", device, measure)


def _check(backend: Backend, word: str, what: str, device: str, measure: Any) -> Check:
    call = partial(measure, backend, word)
    dtype = dtypes(backend)[0]
    return Check("gaps", word, what, dtype, device, backend.name, call)


def fact(backend: Backend, word: str, what: str, holds: bool, detail: str) -> Figure:
    """A fact as a figure."""
    return Figure(what, word, backend.name, detail, float(not holds), TRUE)


def declared(backend: Backend, word: str) -> Iterator[Figure]:
    """An entry is written, or a gap names it, or it is later than the backend."""
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


def healed(backend: Backend, word: str, gap: Gap, device: str) -> Iterator[Figure]:
    """A gap matches something, is refused, and comes out wrong when it is forced."""
    known = {*Layer.registry, *Loss.registry, *Optimizer.registry}
    if word not in known:
        yield fact(backend, word, "matches something", False, "there is no such entry")
        return
    if gap.witness is None:
        there = covers(backend.entries, word)
        detail = "it is written: the gap has healed, remove it" if there else "missing"
        yield fact(backend, word, "still missing", not there, detail)
        return
    try:
        compiled(backend, word, gap.witness, device)
        detail, holds = "compiles: the gap has healed, remove it", False
    except UnsupportedError as error:
        detail, holds = str(error), gap.reason in str(error)
    yield fact(backend, word, "is refused with its reason", holds, detail)
    wrong, detail = forced(backend, word, gap.witness, device)
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
    """The witness's layer behind a front, called as often as it says."""
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


def forced(
    backend: Backend, word: str, witness: Witness, device: str
) -> tuple[bool, str]:
    """Whether the case comes out wrong where every form is let in, and how."""
    free = copy.copy(backend)
    entry = free.entries[word]
    forms = tuple(replace(form, when=lambda view: True) for form in entry.forms)
    free.table = {**free.table, word: replace(entry, forms=forms)}  # type: ignore[misc]
    measure = off_layer
    if word in Loss.registry:
        measure = off_loss
    elif word in Optimizer.registry:
        measure = off_optimizer
    try:
        apart = measure(compiled(free, word, witness, device), witness)
    except (PolyframeError, NotImplementedError, KeyError, ValueError) as error:
        return True, f"raises {type(error).__name__}"
    text = f"off by {apart:.1e}"
    wrong = not apart <= RIGHT[dtypes(backend)[0]]
    return wrong, text if wrong else f"{text}: the gap has healed, remove it"


def off_layer(model: Model, witness: Witness) -> float:
    """How far a layer's output or running statistics are from the definition."""
    spec = model.spec
    weights = initial_weights(model.graph.parameters, 0, "float64")
    for name, value in weights.items():
        weights[name] = value + generator(3, name).uniform(0.1, 0.5, value.shape)
    model.load_weights(weights)
    x, y = batch_for(spec, 2)
    known, state = interpret(model.graph, weights, x, training=witness.training)
    if not witness.training:
        return distance(model.predict(as_one(x)), known[spec.graph.outputs[0]])
    model.train_step(as_one(x), as_one(y))
    found = model.weights()
    return max((distance(found[n], v) for n, v in state.items()), default=0.0)


def off_loss(model: Model, witness: Witness) -> float:
    """How far a loss and its slopes are from the definition; the witness's input is the
    output that it is of."""
    (shape,) = witness.inputs
    loss = model.engine.objective.losses[0]
    case = losses.Case(loss, shape, loss.target_kinds[0])
    logits, y = losses.outputs(shape, "usual", seed=0), losses.targets(case)
    losses.set_logits(model, [logits])
    x = losses.inputs_for(model, [shape])
    wanted, slopes = losses.expected(loss, logits, y, None)
    gradient = model.gradients(x, y)["head0.weight"]
    off = losses.apart(gradient, losses.as_weight(slopes))
    value = distance(np.asarray(model.train_step(x, y)), wanted)
    return max(value, off if not off <= DIFFERENCES.value else 0.0)


def off_optimizer(model: Model, witness: Witness) -> float:
    """How far an optimizer's weights are from the rule's after some steps."""
    rule = optimizers.Rule(model.engine.objective.optimizer, model.weights(), "float64")
    for _ in range(optimizers.SHORT):
        rule.take(model.gradients(*optimizers.samples()))
        model.train_step(*optimizers.samples())
    found = model.weights()
    return max(distance(found[name], w) for name, w in rule.weights.items())
