"""The localiser: two backends in step, up to the first tensor at which they part."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from polyframe.conformance.figures import FORWARD, GRADIENT, Bound, distance
from polyframe.conformance.subject import Subject
from polyframe.conformance.trace import (
    Key,
    Trace,
    advance,
    outputs,
    predictions,
    slopes,
)
from polyframe.contract.backend import Backend
from polyframe.contract.registry import get, require
from polyframe.differences import Difference, causes
from polyframe.model.model import Model
from polyframe.spec.interpreter import interpret
from polyframe.spec.typed import TypedNode, flatten
from polyframe.train.arrays import as_list

TWIN = "10 times what moving the weights by four units in the last place does to it"
SINGLE = Bound(1e-4, "float32: what rounding may grow to over a few steps; see verify")
WORST = 5  # elements that are shown


Arrays = dict[str, np.ndarray]
Three = tuple[Trace, Trace, Trace]
"""One's, the other's, the twin's."""


@dataclass(frozen=True)
class Divergence:
    """The first tensor at which two backends part, and what is known of it.

    ``layer`` is the path of the layer to blame, ``entry`` its type; for an update or an
    optimizer's state the optimizer's, for the loss the loss's. ``blamed`` is the backend
    that parts from the definition, None where that cannot be told.
    """

    key: Key
    layer: str
    entry: str
    one: str
    other: str
    value: float
    bound: Bound
    worst: tuple[tuple[tuple[int, ...], float, float], ...]
    blamed: str | None = None

    @property
    def causes(self) -> tuple[Difference, ...]:
        """Known differences that may be behind it; of ``polyframe.differences``."""
        return causes(self.entry, self.key.kind, (self.one, self.other))

    def __str__(self) -> str:
        who = f"; {self.blamed} parts from the definition" if self.blamed else ""
        return (
            f"{self.one} and {self.other} part at step {self.key.step}, "
            f"{self.key.kind} of {self.key.name} ({self.layer}, {self.entry}): "
            f"{self.value:.1e}, at most {self.bound.value:.0e} is rounding{who}"
        )


@dataclass
class Agreement:
    """What a comparison found: the divergence, or how far apart they were at most."""

    divergence: Divergence | None = None
    tensors: int = 0
    steps: int = 0
    worst: float = 0.0
    where: Key | None = None
    sources: dict[str, str] = field(default_factory=dict)  # backend → what it ran


def localise(
    subject: Subject,
    one: str | Backend,
    other: str | Backend,
    steps: int = 5,
    device: str = "cpu",
    dtype: str = "float64",
) -> Divergence | None:
    """Where two backends part within some steps; None where they do not."""
    return compare(subject, one, other, steps, device, dtype).divergence


def compare(
    subject: Subject,
    one: str | Backend,
    other: str | Backend,
    steps: int = 5,
    device: str = "cpu",
    dtype: str = "float64",
) -> Agreement:
    """Run both backends in step and stop at the first tensor that is out of bounds."""
    for backend in (get(one), get(other)):  # before the first of them is opened
        require(backend, "train", where="diff")
    return Localiser(subject, get(one), get(other), steps, device, dtype).run()


@dataclass
class Localiser:
    """One comparison; the twin (``one`` with nudged weights) runs along."""

    subject: Subject
    one: Backend
    other: Backend
    steps: int
    device: str
    dtype: str
    found: Agreement = field(default_factory=Agreement)
    before: list[Arrays] = field(default_factory=list)  # weights before the step
    states: list[Arrays] = field(default_factory=list)

    def run(self) -> Agreement:
        """All steps, then predictions and the handing over of the state."""
        a, b = self.model(self.one), self.model(self.other)
        twin = self.subject.model(
            self.one, self.dtype, self.device, weights=self.subject.nudged()
        )
        names = (self.one.name, self.other.name)
        self.found.sources = dict(zip(names, (a.source, b.source), strict=True))
        for parts in self.parts(a, b, twin):
            self.found.tensors += len(parts[0])
            for key in parts[0]:
                divergence = self.judge(key, parts, names, [a, b])
                if divergence is not None:
                    self.found.divergence = divergence
                    return self.found
        return self.found

    def model(self, backend: Backend) -> Model:
        return self.subject.model(backend, self.dtype, self.device)

    def parts(self, a: Model, b: Model, twin: Model) -> Iterator[Three]:
        """The traces of both and of the twin, moment by moment."""

        def of(take: Callable[[Model, Subject, int], Trace], step: int) -> Three:
            one, other, third = (take(m, self.subject, step) for m in (a, b, twin))
            return one, other, third

        for step in range(1, self.steps + 1):
            self.found.steps = step
            self.before = [m.weights() for m in (a, b)]
            self.states = [m.training_state() for m in (a, b)]
            yield of(
                outputs, step
            )  # before the slopes, which other shapes may not have
            yield of(slopes, step)
            yield of(advance, step)
        yield of(predictions, self.steps)
        for model, kept in ((a, self.one), (b, self.other)):
            yield self.handed_over(model, kept)

    def handed_over(self, model: Model, backend: Backend) -> Three:
        """One more step of a model, and of a fresh one that took over its state."""
        fresh = self.model(backend)
        fresh.load_weights(model.weights())
        fresh.load_training_state(model.training_state(), model.steps_done, 0)
        fresh.learning_rate = model.learning_rate
        self.before = [model.weights(), fresh.weights()]
        self.states = [model.training_state(), fresh.training_state()]
        step = self.steps + 1
        kept, taken = (advance(m, self.subject, step) for m in (model, fresh))
        return kept, taken, kept

    def judge(
        self,
        key: Key,
        parts: Three,
        names: tuple[str, str],
        models: list[Model],
    ) -> Divergence | None:
        """None while a tensor is within its bound."""
        a, b, twin = parts
        value = distance(b[key], a[key])
        bound = self.bound(key, distance(twin[key], a[key]))
        if value <= bound.value:
            if value > self.found.worst:
                self.found.worst, self.found.where = value, key
            return None
        if self.garbage(key, a, b):
            return None
        layer, entry = self.culprit(key, a, b, twin)
        blamed = self.blame(key, a, b, names, models)
        return Divergence(
            key, layer, entry, *names, value, bound, worst(a[key], b[key]), blamed
        )

    def bound(self, key: Key, own: float) -> Bound:
        """The bound of a tensor whose twin is ``own`` away."""
        if self.dtype != "float64":
            return SINGLE
        exact = FORWARD if key.kind in ("inference", "forward") else GRADIENT
        return exact if 10 * own <= exact.value else Bound(10 * own, TWIN)

    def garbage(self, key: Key, a: Trace, b: Trace) -> bool:
        """Whether a gradient is nothing beside its fellows: what is 0 but for rounding
        (of a bias in front of a batch norm) has no relative distance."""
        if key.kind not in ("gradient", "output gradient"):
            return False
        same = [abs(v).max() for k, v in a.items() if k.kind == key.kind and v.size]
        apart = np.abs(np.asarray(a[key]) - np.asarray(b[key]))
        return bool(apart.max() <= GRADIENT.value * max(same))

    # --- who it is -------------------------------------------------------------------

    def culprit(self, key: Key, a: Trace, b: Trace, twin: Trace) -> tuple[str, str]:
        """The layer, and the type of what is to blame."""
        flat = flatten(self.subject.graph)
        nodes = {node.name: node for node in flat.nodes}
        owners = {node.owner: node for node in flat.nodes}
        optimizer = self.subject.optimizer.type
        if key.kind in ("inference", "forward"):
            return key.name, nodes[key.name].layer.type
        if key.kind == "statistics":
            return named(owners, key.name.rpartition(".")[0])
        if key.kind == "gradient":
            return named(owners, key.name.rpartition(".")[0])
        if key.kind == "weights":
            return key.name.rpartition(".")[0], optimizer
        if key.kind == "state":
            return key.name.partition("/")[0].rpartition(".")[0], optimizer
        if key.kind == "prediction":
            return key.name, nodes[key.name].layer.type
        losses = ", ".join(dict.fromkeys(loss.type for loss in self.subject.losses))
        if key.kind == "loss":
            return "loss", losses
        readers = [node for node in flat.nodes if key.name in node.inputs]
        if not readers:
            return key.name, losses
        wrong = [node for node in readers if self.own_slope(node, a, b, twin)]
        node = (wrong or readers)[0]
        return node.name, node.layer.type

    def own_slope(self, node: TypedNode, a: Trace, b: Trace, twin: Trace) -> bool:
        """Whether only this reader can be wrong: its other inputs part, too, or it is
        the one that is not the identity of its slope."""
        keys = [k for k in a if k.kind == "output gradient" and k.name in node.inputs]
        return all(
            distance(b[k], a[k]) > self.bound(k, distance(twin[k], a[k])).value
            for k in keys
        )

    def blame(
        self, key: Key, a: Trace, b: Trace, names: tuple[str, str], models: list[Model]
    ) -> str | None:
        """Which of the two parts from the definition."""
        if self.dtype != "float64":
            return None
        if key.kind in ("inference", "forward", "statistics"):
            wanted = [self.defined(key, w, m) for w, m in zip(self.before, models)]
        elif key.kind in ("weights", "state"):
            wanted = [self.updated(key, i, models) for i in (0, 1)]
        else:
            return None
        pairs = zip((a[key], b[key]), wanted, strict=True)
        off = [None if w is None else distance(v, w) for v, w in pairs]
        wrong = [n for n, d in zip(names, off) if d is not None and d > 1e-9]
        return wrong[0] if len(wrong) == 1 and None not in off else None

    def defined(self, key: Key, weights: Arrays, model: Model) -> Any:
        """A node's output or a running statistic by the definitions."""
        x = as_list(self.subject.batch(key.step)[0])
        draws, training = None, key.kind != "inference"
        if training:
            step = key.step - 1
            values = model.engine.draws(len(x[0]), step)
            draws = dict(zip(model.program.draws, values, strict=True))
        known, state = interpret(
            self.subject.graph, weights, x, training=training, draws=draws
        )
        return state.get(key.name) if key.kind == "statistics" else known.get(key.name)

    def updated(self, key: Key, index: int, models: list[Model]) -> Any:
        """A parameter or its state after the step, by the optimizer's rule on the
        backend's own gradients."""
        if self.subject.training != type(self.subject.training)():
            return None
        name, _, state = key.name.partition("/")
        rule: Any = self.subject.optimizer.resolve({})
        vector = name.endswith(".bias") or len(self.before[index][name].shape) == 1
        if rule.decay_on == "kernels":
            decay = 0.0 if vector else rule.weight_decay
            rule = dataclasses.replace(rule, weight_decay=decay, decay_on="all")
        model = self.model(models[index].backend)
        model.load_weights(self.before[index])
        model.steps_done = key.step - 1
        slope = model.gradients(*self.subject.batch(key.step))[name]
        kept = {k: self.states[index][f"{name}/{k}"].copy() for k in rule.state}
        rate = models[index].learning_rate
        new = rule.define(self.before[index][name], slope, kept, rate, key.step)
        return kept[state] if state else new


def named(owners: dict[str, TypedNode], path: str) -> tuple[str, str]:
    """A layer and its type."""
    return path, owners[path].layer.type


def worst(a: Any, b: Any) -> tuple[tuple[tuple[int, ...], float, float], ...]:
    """The elements that are furthest apart: (index, one's, the other's)."""
    a, b = np.atleast_1d(a), np.atleast_1d(b)
    if a.shape != b.shape:
        return ()
    apart = np.nan_to_num(np.abs(a - b), nan=np.inf)
    order = np.argsort(-apart, axis=None, kind="stable")[:WORST]
    places = [tuple(int(i) for i in np.unravel_index(o, a.shape)) for o in order]
    return tuple((place, float(a[place]), float(b[place])) for place in places)
