"""Gaps: what a backend lacks is declared, and what it declares is still so."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from polyframe.conformance.cases import batch_for, front
from polyframe.conformance.figures import FORWARD, Bound, Figure, distance
from polyframe.conformance.suite import Check
from polyframe.contract.backend import Backend
from polyframe.contract.gaps import Gap, Witness
from polyframe.errors import PolyframeError, UnsupportedError
from polyframe.model.compile import compile as compile_model
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


def checks(backend: Backend, device: str) -> Iterator[Check]:
    """One check for each entry of the catalogue and one for each gap."""
    for family in (Layer, Loss, Optimizer):
        for word in sorted(family.registry):
            if word != "Block":  # made of layers; the writer's own business
                yield _check(backend, word, "declared", device, declared)
    for gap in backend.gaps:
        for word in gap.entries:
            measure = partial(healed, gap=gap, device=device)
            yield _check(backend, word, "still open", device, measure)


def _check(backend: Backend, word: str, what: str, device: str, measure: Any) -> Check:
    call = partial(measure, backend, word)
    return Check("gaps", word, what, "float64", device, backend.name, call)


def fact(backend: Backend, word: str, what: str, holds: bool, detail: str) -> Figure:
    """A fact as a figure."""
    return Figure(what, word, backend.name, detail, float(not holds), TRUE)


def supported(backend: Backend, word: str) -> bool:
    """Whether a backend writes an entry, wholly or in part."""
    entry = backend.entries.get(word)
    known = bool(entry and entry.forms)
    return known or word in backend.losses or word in backend.optimizers


def declared(backend: Backend, word: str) -> Iterator[Figure]:
    """An entry is written, or a gap names it."""
    named = word in backend.reasons
    detail = (
        "written" if supported(backend, word) else "neither written nor in gaps.yaml"
    )
    holds = supported(backend, word) or named
    yield fact(backend, word, "declared", holds, detail)


def healed(backend: Backend, word: str, gap: Gap, device: str) -> Iterator[Figure]:
    """A gap matches something, is refused, and comes out wrong when it is forced."""
    known = {*Layer.registry, *Loss.registry, *Optimizer.registry}
    if word not in known:
        yield fact(backend, word, "matches something", False, "there is no such entry")
        return
    if gap.witness is None:
        there = supported(backend, word)
        detail = "it is written: the gap has healed, remove it" if there else "missing"
        yield fact(backend, word, "still missing", not there, detail)
        return
    spec = spec_of(word, gap.witness)
    try:
        _compiled(spec, backend, gap.witness, device)
        detail, holds = "compiles: the gap has healed, remove it", False
    except UnsupportedError as error:
        detail, holds = str(error), gap.reason in str(error)
    yield fact(backend, word, "is refused with its reason", holds, detail)
    wrong, detail = forced(spec, backend, word, gap.witness, device)
    yield fact(backend, word, "is wrong when forced", wrong, detail)


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


def _compiled(spec: ModelSpec, backend: Backend, witness: Witness, device: str) -> Any:
    loss = "mse" if witness.training else None
    return compile_model(
        spec, backend, loss, SGD(lr=0.0), dtype="float64", device=device
    )


def forced(
    spec: ModelSpec, backend: Backend, word: str, witness: Witness, device: str
) -> tuple[bool, str]:
    """Whether the case comes out wrong where every form is let in, and how."""
    free = copy.copy(backend)
    entry = free.entries[word]
    forms = tuple(replace(form, when=lambda view: True) for form in entry.forms)
    free.table = {**free.table, word: replace(entry, forms=forms)}  # type: ignore[misc]
    try:
        model = _compiled(spec, free, witness, device)
        weights = initial_weights(model.graph.parameters, 0, "float64")
        for name, value in weights.items():
            weights[name] = value + generator(3, name).uniform(0.1, 0.5, value.shape)
        model.load_weights(weights)
        x, y = batch_for(spec, 2)
        known, state = interpret(model.graph, weights, x, training=witness.training)
        if witness.training:
            model.train_step(as_one(x), as_one(y))
            found = model.weights()
            apart = max((distance(found[n], v) for n, v in state.items()), default=0.0)
        else:
            apart = distance(model.predict(as_one(x)), known[spec.graph.outputs[0]])
    except (PolyframeError, NotImplementedError, KeyError, ValueError) as error:
        return True, f"raises {type(error).__name__}"
    text = f"off by {apart:.1e}"
    wrong = not apart <= FORWARD.value
    return wrong, text if wrong else f"{text}: the gap has healed, remove it"
