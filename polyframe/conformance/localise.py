"""The localiser: two backends, step by step, up to the first tensor that differs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from polyframe.conformance.defaults import native_differences
from polyframe.conformance.divergence import Agreement, Divergence
from polyframe.conformance.measurements import (
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
    PRECISION_BOUND,
    bound16,
    choose_dtypes,
    pool_of,
    precision_ratio,
)
from polyframe.contract.backend import Backend
from polyframe.contract.registry import get, require
from polyframe.io.array import Array
from polyframe.model.model import Model
from polyframe.spec.interpreter import interpret
from polyframe.spec.semantics import native_aspects
from polyframe.spec.typed import TypedNode, flatten
from polyframe.train.arrays import as_list

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

TWIN_REASON = (
    "10 times the change that moving the weights by four units in the last place causes"
)
FLOAT32_BOUND = Bound(
    1e-4, "float32: rounding errors may grow to this in a few steps; see verify"
)
SHOWN = 5  # elements that are shown


Arrays = dict[str, Array]


class Traces(NamedTuple):
    """The same tensors of both backends, of the twin and, with a ``precision``, of both
    backends' float64 runs."""

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
    optimize: bool = True,
) -> Agreement:
    """Train on both backends and stop at the first tensor that is out of bounds.

    ``dtype`` left out is float64, or float32 with a ``precision``.
    """
    for backend in (get(one), get(other)):  # before the first of them is opened
        require(backend, "train", where="diff")
    dtype = choose_dtypes(subject, [dtype] if dtype else ())[0]
    return Localiser(
        subject, get(one), get(other), steps, device, dtype, optimize
    ).run()


@dataclass
class Localiser:
    """One comparison. The twin is a second run of ``one`` with nudged weights."""

    subject: Subject
    one: Backend
    other: Backend
    steps: int
    device: str
    dtype: str
    optimize: bool = True
    result: Agreement = field(default_factory=Agreement)
    before: list[Arrays] = field(default_factory=list)  # weights before the step
    states: list[Arrays] = field(default_factory=list)

    def run(self) -> Agreement:
        """All steps, then predictions, then a step after the state was transferred."""
        self.result.dtype = self.dtype
        a, b = self.model(self.one), self.model(self.other)
        twin = self.subject.model(
            self.one, self.dtype, self.device, self.optimize, self.nudged_weights()
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
            self.result.divergence = self.missing_precision(traces, names)
            if self.result.divergence is not None:
                return self.result
            for key in traces.one:
                divergence = self.divergence_at(key, traces, names, [a, b])
                if divergence is not None:
                    self.result.divergence = divergence
                    return self.result
        return self.result

    def model(self, backend: Backend) -> Model:
        return self.subject.model(backend, self.dtype, self.device, self.optimize)

    def nudged_weights(self) -> Arrays:
        """The twin's initial weights, nudged by rounding errors of float64, or of the
        ``precision``."""
        return self.subject.nudged("float64" if self.precision is None else self.dtype)

    @property
    def precision(self) -> str | None:
        """The dtype of the passes, if it is not that of the weights."""
        return self.subject.training.precision

    def traces(self, models: list[Model]) -> Iterator[Traces]:
        """The traces of all models, one stage of a step after the other."""

        def take_all(
            stage: Callable[[Model, Subject, int], Trace], step: int
        ) -> Traces:
            one, other, twin, *exact = (stage(m, self.subject, step) for m in models)
            return Traces(one, other, twin, tuple(exact))

        pair = models[:2]
        for step in range(1, self.steps + 1):
            self.result.steps = step
            self.before = [m.weights() for m in pair]
            self.states = [m.training_state() for m in pair]
            # Outputs come before gradients, which wrong shapes may not have.
            for stage in (outputs, gradients, advance):
                yield take_all(stage, step)
        yield take_all(predictions, self.steps)
        for model, backend in zip(pair, (self.one, self.other), strict=True):
            yield self.transferred_state(model, backend)

    def transferred_state(self, model: Model, backend: Backend) -> Traces:
        """One more step of a model, and of a new one into which its state was loaded."""
        fresh = self.model(backend)
        fresh.load_weights(model.weights())
        state = model.training_state()
        fresh.load_training_state(state, model.steps_done, model.epoch)
        fresh.learning_rate = model.learning_rate
        self.before = [model.weights(), fresh.weights()]
        self.states = [model.training_state(), fresh.training_state()]
        step = self.steps + 1
        continued, restored = (advance(m, self.subject, step) for m in (model, fresh))
        return Traces(continued, restored, continued)

    def divergence_at(
        self,
        key: Key,
        traces: Traces,
        names: tuple[str, str],
        models: list[Model],
    ) -> Divergence | None:
        """The divergence at a tensor; None if it is within its bound."""
        a, b = traces.one, traces.other
        value = distance(b.get(key, ()), a[key])
        bound = self.bound(key, traces)
        if value <= bound.value:
            if value > self.result.worst:
                self.result.worst, self.result.where = value, key
            return None
        if self.is_rounding(key, a, b):
            return None
        layer, entry = self.responsible_layer(key, traces)
        blamed = self.differing_backend(key, a, b, names, models)
        return Divergence(
            key,
            layer,
            entry,
            *names,
            value,
            bound,
            largest_differences(a[key], b[key]) if key in b else (),
            blamed,
        )

    def bound(self, key: Key, traces: Traces) -> Bound:
        """The largest distance that is allowed for a tensor."""
        twin_distance = distance(traces.twin[key], traces.one[key])
        if self.dtype != "float64":
            return (
                self.half_precision_bound(key, traces)
                if traces.exact
                else FLOAT32_BOUND
            )
        exact = FORWARD if key.kind in ("inference", "forward") else GRADIENT
        return (
            exact
            if 10 * twin_distance <= exact.value
            else Bound(10 * twin_distance, TWIN_REASON)
        )

    def half_precision_bound(self, key: Key, traces: Traces) -> Bound:
        """The bound with a ``precision``; see ``verify``."""
        pairs = zip((traces.one, traces.other), traces.exact, strict=True)
        rounding = min(largest_distance(run, exact, key) for run, exact in pairs)
        twin_distance = largest_distance(traces.twin, traces.one, key)
        bound = bound16(rounding, twin_distance, self.one.title, str(self.precision))
        return bound if bound.value > FLOAT32_BOUND.value else FLOAT32_BOUND

    def missing_precision(
        self, traces: Traces, names: tuple[str, str]
    ) -> Divergence | None:
        """A divergence if only one of the two computes the first step in the precision."""
        key = Key(1, "loss", "loss")
        if not traces.exact or key not in traces.one:
            return None
        pairs = zip((traces.one, traces.other), traces.exact, strict=True)
        rounding = [largest_distance(run, exact, key) for run, exact in pairs]
        ratio, precision = precision_ratio(*rounding), str(self.precision)
        if ratio <= PRECISION_BOUND.value:
            return None
        key = Key(1, "precision", precision)
        blamed = names[rounding.index(min(rounding))]
        return Divergence(
            key, "model", precision, *names, ratio, PRECISION_BOUND, (), blamed
        )

    def is_rounding(self, key: Key, a: Trace, b: Trace) -> bool:
        """Whether a gradient is rounding errors only, compared with the others: that of a
        bias before a batch norm is 0, so it has no relative distance."""
        if key.kind not in ("gradient", "output gradient"):
            return False
        sizes = [
            float(abs(v).max()) for k, v in a.items() if k.kind == key.kind and v.size
        ]
        return scaled_distance(b[key], a[key], max(sizes)) <= GRADIENT.value

    # --- the cause -------------------------------------------------------------------

    def responsible_layer(self, key: Key, traces: Traces) -> tuple[str, str]:
        """The layer, and the type of the layer, loss or optimizer that causes it."""
        flat = flatten(self.subject.graph)
        nodes = {node.name: node for node in flat.nodes}
        owners = {node.owner: node for node in flat.nodes}
        optimizer = self.subject.optimizer.type
        if key.kind in ("inference", "forward"):
            return key.name, nodes[key.name].layer.type
        if key.kind == "statistics":
            return layer_and_type(owners, key.name.rpartition(".")[0])
        if key.kind == "gradient":
            return layer_and_type(owners, key.name.rpartition(".")[0])
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
        suspects = [node for node in readers if self.is_suspect(node, traces)]
        node = (suspects or readers)[0]
        return node.name, node.layer.type

    def is_suspect(self, node: TypedNode, traces: Traces) -> bool:
        """Whether the gradients with respect to all inputs of a node diverge."""
        a, b = traces.one, traces.other
        keys = [k for k in a if k.kind == "output gradient" and k.name in node.inputs]
        return all(distance(b[k], a[k]) > self.bound(k, traces).value for k in keys)

    def differing_backend(
        self, key: Key, a: Trace, b: Trace, names: tuple[str, str], models: list[Model]
    ) -> str | None:
        """The one of the two that differs from the definition; None if that is unknown."""
        if self.dtype != "float64" or key not in b:
            return None
        if key.kind in ("inference", "forward", "statistics"):
            expected = [
                self.defined_value(key, w, m) for w, m in zip(self.before, models)
            ]
        elif key.kind in ("weights", "state"):
            expected = [self.updated_value(key, i, models) for i in (0, 1)]
        else:
            return None
        pairs = zip((a[key], b[key]), expected, strict=True)
        errors = [None if w is None else distance(v, w) for v, w in pairs]
        differing = [n for n, d in zip(names, errors) if d is not None and d > 1e-9]
        return differing[0] if len(differing) == 1 and None not in errors else None

    def defined_value(self, key: Key, weights: Arrays, model: Model) -> Array | None:
        """A node's output or a running statistic by the definitions; None if unknown."""
        if key.kind == "statistics" and self.subject.training.accumulate > 1:
            return None  # they were updated by several batches
        x = as_list(self.subject.batch(key.step)[0])
        draws, training = None, key.kind != "inference"
        if training and "dropout" in native_aspects(self.subject.semantics):
            random = any(node.layer.random for node in flatten(model.graph).nodes)
            if random:
                return None
        elif training:
            step = key.step - 1
            factors = model.engine.draws(len(x[0]), step)
            draws = dict(zip(model.program.draws, factors, strict=True))
        outputs, state = interpret(
            model.graph, weights, x, training=training, draws=draws
        )
        values = weights | state if key.kind == "statistics" else outputs
        return values.get(key.name)

    def updated_value(self, key: Key, index: int, models: list[Model]) -> Array | None:
        """A parameter or its state after the step, by the optimizer's rule and the
        backend's own gradients; None if unknown."""
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
        slots = {k: self.states[index][f"{name}/{k}"].copy() for k in rule.state}
        rate = models[index].learning_rate
        new: Array = rule.define(
            self.before[index][name], gradient, slots, rate, key.step
        )
        return slots[state] if state else new


def largest_distance(run: Trace, exact: Trace, key: Key) -> float:
    """The largest distance between two runs, over the tensors of the key's pool."""
    pool = [k for k in run if pool_of(k) == pool_of(key)]
    return max(distance(run[k], exact.get(k, run[k])) for k in pool)


def layer_and_type(owners: dict[str, TypedNode], path: str) -> tuple[str, str]:
    """A layer and its type."""
    return path, owners[path].layer.type


def largest_differences(
    a: ArrayLike, b: ArrayLike
) -> tuple[tuple[tuple[int, ...], float, float], ...]:
    """The elements that differ most: (index, one's value, the other's value)."""
    x, y = np.atleast_1d(a), np.atleast_1d(b)
    if x.shape != y.shape:
        return ()
    differences = np.nan_to_num(np.abs(x - y), nan=np.inf)
    order = np.argsort(-differences, axis=None, kind="stable")[:SHOWN]
    indices = [tuple(int(i) for i in np.unravel_index(o, x.shape)) for o in order]
    return tuple((index, float(x[index]), float(y[index])) for index in indices)
