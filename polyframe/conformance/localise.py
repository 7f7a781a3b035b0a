"""The localiser: two backends in step, up to the first tensor at which they diverge."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from polyframe.conformance.defaults import native_differences
from polyframe.conformance.divergence import Agreement, Divergence
from polyframe.conformance.figures import (
    FORWARD,
    GRADIENT,
    Bound,
    distance,
    scaled_distance,
)
from polyframe.conformance.subject import Subject
from polyframe.conformance.trace import (
    Key,
    Trace,
    advance,
    gradients,
    outputs,
    predictions,
)
from polyframe.conformance.verify import (
    CLOSER,
    alike,
    bound16,
    choose_dtypes,
    closer,
)
from polyframe.contract.backend import Backend
from polyframe.contract.registry import get, require
from polyframe.io.array import Array
from polyframe.model.model import Model
from polyframe.spec.interpreter import interpret
from polyframe.spec.typed import TypedNode, flatten
from polyframe.train.arrays import as_list

TWIN = "10 times what moving the weights by four units in the last place does to it"
SINGLE = Bound(1e-4, "float32: what rounding may grow to over a few steps; see verify")
WORST = 5  # elements that are shown


Arrays = dict[str, Array]


class Traces(NamedTuple):
    """The same tensors four times and more: of both backends, of the twin, and with a
    ``precision`` of both backends' float64 runs."""

    one: Trace
    other: Trace
    twin: Trace
    exact: tuple[Trace, ...] = ()


def localise(
    subject: Subject,
    one: str | Backend,
    other: str | Backend,
    steps: int = 5,
    device: str = "cpu",
    dtype: str | None = None,
) -> Divergence | None:
    """Where two backends diverge within some steps; None where they do not."""
    return compare(subject, one, other, steps, device, dtype).divergence


def compare(
    subject: Subject,
    one: str | Backend,
    other: str | Backend,
    steps: int = 5,
    device: str = "cpu",
    dtype: str | None = None,
) -> Agreement:
    """Run both backends in step and stop at the first tensor that is out of bounds.

    ``dtype`` left out is float64, or float32 with a ``precision``.
    """
    for backend in (get(one), get(other)):  # before the first of them is opened
        require(backend, "train", where="diff")
    dtype = choose_dtypes(subject, [dtype] if dtype else ())[0]
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
    result: Agreement = field(default_factory=Agreement)
    before: list[Arrays] = field(default_factory=list)  # weights before the step
    states: list[Arrays] = field(default_factory=list)

    def run(self) -> Agreement:
        """All steps, then predictions and the handing over of the state."""
        self.result.dtype = self.dtype
        a, b = self.model(self.one), self.model(self.other)
        twin = self.subject.model(
            self.one, self.dtype, self.device, weights=self.nudged()
        )
        names = (self.one.name, self.other.name)
        self.result.programs = dict(zip(names, (a.program, b.program), strict=True))
        self.result.differences = native_differences(
            self.subject, (self.one, self.other)
        )
        exact = [
            self.subject.model(backend, "float64", self.device)
            for backend in (self.one, self.other)
            if self.precision is not None
        ]
        for traces in self.traces([a, b, twin, *exact]):
            self.result.tensors += len(traces.one)
            self.result.divergence = self.coarser(traces, names)
            if self.result.divergence is not None:
                return self.result
            for key in traces.one:
                divergence = self.judge(key, traces, names, [a, b])
                if divergence is not None:
                    self.result.divergence = divergence
                    return self.result
        return self.result

    def model(self, backend: Backend) -> Model:
        return self.subject.model(backend, self.dtype, self.device)

    def nudged(self) -> Arrays:
        """The twin's initial weights: in float64 they show a different computation, in
        float32 what a precision rounds."""
        return self.subject.nudged("float64" if self.precision is None else self.dtype)

    @property
    def precision(self) -> str | None:
        """What the passes compute in, if that is not the weights' dtype."""
        return self.subject.training.precision

    def traces(self, models: list[Model]) -> Iterator[Traces]:
        """The traces of all models, one stage of a step after the other."""

        def of(take: Callable[[Model, Subject, int], Trace], step: int) -> Traces:
            one, other, twin, *exact = (take(m, self.subject, step) for m in models)
            return Traces(one, other, twin, tuple(exact))

        pair = models[:2]
        for step in range(1, self.steps + 1):
            self.result.steps = step
            self.before = [m.weights() for m in pair]
            self.states = [m.training_state() for m in pair]
            # Outputs come before gradients, which wrong shapes may not have.
            for take in (outputs, gradients, advance):
                yield of(take, step)
        yield of(predictions, self.steps)
        for model, backend in zip(pair, (self.one, self.other), strict=True):
            yield self.handed_over(model, backend)

    def handed_over(self, model: Model, backend: Backend) -> Traces:
        """One more step of a model, and of a fresh one that took over its state."""
        fresh = self.model(backend)
        fresh.load_weights(model.weights())
        fresh.load_training_state(model.training_state(), model.steps_done, 0)
        fresh.learning_rate = model.learning_rate
        self.before = [model.weights(), fresh.weights()]
        self.states = [model.training_state(), fresh.training_state()]
        step = self.steps + 1
        own, taken_over = (advance(m, self.subject, step) for m in (model, fresh))
        return Traces(own, taken_over, own)

    def judge(
        self,
        key: Key,
        traces: Traces,
        names: tuple[str, str],
        models: list[Model],
    ) -> Divergence | None:
        """None while a tensor is within its bound."""
        a, b = traces.one, traces.other
        value = distance(b.get(key, ()), a[key])
        bound = self.bound(key, traces)
        if value <= bound.value:
            if value > self.result.worst:
                self.result.worst, self.result.where = value, key
            return None
        if self.garbage(key, a, b):
            return None
        layer, entry = self.culprit(key, traces)
        blamed = self.blame(key, a, b, names, models)
        return Divergence(
            key, layer, entry, *names, value, bound, worst(a[key], b[key]), blamed
        )

    def bound(self, key: Key, traces: Traces) -> Bound:
        """The most that a tensor may be apart."""
        own = distance(traces.twin[key], traces.one[key])
        if self.dtype != "float64":
            return self.half(key, traces) if traces.exact else SINGLE
        exact = FORWARD if key.kind in ("inference", "forward") else GRADIENT
        return exact if 10 * own <= exact.value else Bound(10 * own, TWIN)

    def half(self, key: Key, traces: Traces) -> Bound:
        """The bound with a ``precision``; see ``verify``."""
        pairs = zip((traces.one, traces.other), traces.exact, strict=True)
        away = min(level(run, exact, key) for run, exact in pairs)
        own = level(traces.twin, traces.one, key)
        bound = bound16(away, own, self.one.title, str(self.precision))
        return bound if bound.value > SINGLE.value else SINGLE

    def coarser(self, traces: Traces, names: tuple[str, str]) -> Divergence | None:
        """Whether only one of the two computes the first step in the precision."""
        key = Key(1, "loss", "loss")
        if not traces.exact or key not in traces.one:
            return None
        pairs = zip((traces.one, traces.other), traces.exact, strict=True)
        away = [level(run, exact, key) for run, exact in pairs]
        ratio, precision = closer(*away), str(self.precision)
        if ratio <= CLOSER.value:
            return None
        key = Key(1, "precision", precision)
        blamed = names[away.index(min(away))]
        return Divergence(key, "model", precision, *names, ratio, CLOSER, (), blamed)

    def garbage(self, key: Key, a: Trace, b: Trace) -> bool:
        """Whether a gradient is nothing beside its fellows: what is 0 but for rounding
        (of a bias in front of a batch norm) has no relative distance."""
        if key.kind not in ("gradient", "output gradient"):
            return False
        same = [
            float(abs(v).max()) for k, v in a.items() if k.kind == key.kind and v.size
        ]
        return scaled_distance(b[key], a[key], max(same)) <= GRADIENT.value

    # --- who it is -------------------------------------------------------------------

    def culprit(self, key: Key, traces: Traces) -> tuple[str, str]:
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
        wrong = [node for node in readers if self.own_gradient(node, traces)]
        node = (wrong or readers)[0]
        return node.name, node.layer.type

    def own_gradient(self, node: TypedNode, traces: Traces) -> bool:
        """Whether only this reader can be wrong: its other inputs diverge, too, or it is
        the one that is not the identity of its gradient."""
        a, b = traces.one, traces.other
        keys = [k for k in a if k.kind == "output gradient" and k.name in node.inputs]
        return all(distance(b[k], a[k]) > self.bound(k, traces).value for k in keys)

    def blame(
        self, key: Key, a: Trace, b: Trace, names: tuple[str, str], models: list[Model]
    ) -> str | None:
        """Which of the two differs from the definition."""
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
        if key.kind == "statistics" and self.subject.training.accumulate > 1:
            return None  # they saw several batches
        x = as_list(self.subject.batch(key.step)[0])
        draws, training = None, key.kind != "inference"
        if training and self.subject.semantics == "native":
            random = any(node.layer.random for node in flatten(model.graph).nodes)
            if random:
                return None
        elif training:
            step = key.step - 1
            values = model.engine.draws(len(x[0]), step)
            draws = dict(zip(model.program.draws, values, strict=True))
        known, state = interpret(
            model.graph, weights, x, training=training, draws=draws
        )
        return state.get(key.name) if key.kind == "statistics" else known.get(key.name)

    def updated(self, key: Key, index: int, models: list[Model]) -> Any:
        """A parameter or its state after the step, by the optimizer's rule on the
        backend's own gradients."""
        if self.subject.training.changed():
            return None
        name, _, state = key.name.partition("/")
        defaults = self.subject.defaults(models[index].backend)
        rule: Any = self.subject.optimizer.resolve(defaults)
        vector = name.endswith(".bias") or len(self.before[index][name].shape) == 1
        if rule.decay_on == "kernels":
            decay = 0.0 if vector else rule.weight_decay
            rule = dataclasses.replace(rule, weight_decay=decay, decay_on="all")
        model = self.model(models[index].backend)
        model.load_weights(self.before[index])
        model.steps_done = key.step - 1
        gradient = model.gradients(*self.subject.batch(key.step))[name]
        kept = {k: self.states[index][f"{name}/{k}"].copy() for k in rule.state}
        rate = models[index].learning_rate
        new = rule.define(self.before[index][name], gradient, kept, rate, key.step)
        return kept[state] if state else new


def level(run: Trace, exact: Trace, key: Key) -> float:
    """How far a run is from another at most, in the tensors that are like one."""
    same = [k for k in run if alike(k) == alike(key)]
    return max(distance(run[k], exact.get(k, run[k])) for k in same)


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
