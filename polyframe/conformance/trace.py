"""Traces: all tensors that one backend computes for a subject, by step, kind and name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from polyframe.conformance.subject import Subject
from polyframe.contract.backend import Backend
from polyframe.contract.session import OWN_STATE
from polyframe.io.array import Array
from polyframe.model.model import Model
from polyframe.spec.semantics import native_aspects
from polyframe.spec.typed import flatten
from polyframe.train.arrays import as_list

KINDS = {
    "inference": "a node's output, inference mode",
    "forward": "a node's output, training mode",
    "loss": "the loss of the step",
    "output gradient": "the gradient of the loss with respect to a node's output",
    "gradient": "the gradient of the loss with respect to a parameter",
    "statistics": "a running statistic after the step",
    "weights": "a parameter after the step",
    "state": "the optimizer's state after the step",
    "prediction": "an output of predict, after training",
    "precision": "how many times closer one of two backends is to its float64 run",
}
"""Kinds of tensors, in the order in which a step computes them."""


INSPECTED = ("inference", "forward", "output gradient", "gradient")
"""Kinds that are computed without a step, in the dtype of the weights."""
UPDATES = "loss_scale/updates"
"""The one state that is not compared: an optimizer without a step count need only know
whether there was an update, and PyTorch's store no more."""


class Key(NamedTuple):
    """Which tensor: the step (from 1; 0 is before any), its kind, its name."""

    step: int
    kind: str
    name: str


Trace = dict[Key, Array]


def inspect_step(model: Model, subject: Subject, step: int) -> Trace:
    """All outputs and gradients before a step, in the order in which they are computed.
    Changes no state."""
    return outputs(model, subject, step) | gradients(model, subject, step)


def is_unrepeatable(subject: Subject) -> bool:
    """Whether training mode gives other numbers each time: a framework's own random
    layers are seeded for steps only."""
    nodes = flatten(subject.graph).nodes
    return "dropout" in native_aspects(subject.semantics) and any(
        node.layer.random for node in nodes
    )


def outputs(model: Model, subject: Subject, step: int) -> Trace:
    """All nodes' outputs in both modes (only for inference if random layers are the
    framework's own)."""
    x, _ = subject.batch(step)
    modes = {"inference": False, "forward": True}
    if is_unrepeatable(subject):
        del modes["forward"]
    return {
        Key(step, kind, name): value
        for kind, training in modes.items()
        for name, value in model.activations(x, training=training).items()
    }


def gradients(model: Model, subject: Subject, step: int) -> Trace:
    """The gradients of the loss with respect to all nodes and parameters, from the
    outputs back to the inputs; none if random layers are the framework's own."""
    if is_unrepeatable(subject):
        return {}
    x, y = subject.batch(step)
    order = [node.name for node in flatten(subject.graph).nodes]
    trace: Trace = {}
    of_nodes = model.output_gradients(x, y)
    of_parameters = model.gradients(x, y)
    inputs = [name for name, _ in model.graph.inputs]
    for node in [*reversed(order), *reversed(inputs)]:
        trace[Key(step, "output gradient", node)] = of_nodes[node]
        for name in [n for n in of_parameters if n.rpartition(".")[0] == node]:
            trace[Key(step, "gradient", name)] = of_parameters.pop(name)
    for name, value in of_parameters.items():  # of shared layers
        trace[Key(step, "gradient", name)] = value
    return trace


def advance(model: Model, subject: Subject, step: int) -> Trace:
    """Take a step; the loss, and everything that the step updated."""
    subject.before(model, step)
    loss = subject.train_step(model, step)
    return {Key(step, "loss", "loss"): np.array(loss)} | state(model, step)


def state(model: Model, step: int) -> Trace:
    """Running statistics, parameters and the optimizer's state."""
    trace: Trace = {}
    parameters = model.graph.parameters
    for name, value in model.weights().items():
        kind = "weights" if parameters[name].trainable else "statistics"
        trace[Key(step, kind, name)] = value
    for name, value in model.training_state().items():
        if name != UPDATES and not name.startswith(OWN_STATE):
            trace[Key(step, "state", name)] = value
    return trace


def predictions(model: Model, subject: Subject, step: int) -> Trace:
    """``predict`` for a batch that was not trained on."""
    outputs: Any = as_list(model.predict(subject.batch(-1)[0]))
    pairs = zip(model.graph.outputs, outputs, strict=True)
    return {Key(step, "prediction", name): value for name, value in pairs}


def trace(model: Model, subject: Subject, steps: int) -> Trace:
    """All tensors before and after the first step and after the last, predictions, and
    the losses of all steps."""
    run = inspect_step(model, subject, 1)
    for step in range(1, steps + 1):
        step_trace = advance(model, subject, step)
        complete = step in (1, steps)
        run |= {k: v for k, v in step_trace.items() if complete or k.kind == "loss"}
    return run | predictions(model, subject, steps)


class Run(NamedTuple):
    """A run of a subject: in which dtype, and whether from its nudged weights, as its
    own twin."""

    dtype: str
    twin: bool = False


@dataclass(frozen=True)
class Traced:
    """What a run computed: its tensors, and the hashes of the programs that it ran."""

    tensors: Trace
    programs: dict[str, str]


def traced(
    subject: Subject,
    backend: Backend,
    run: Run,
    steps: int,
    device: str = "cpu",
    optimize: bool = True,
) -> Traced:
    """Run a subject on a backend in this process."""
    dtype, weights = run.dtype, None
    if run.twin:
        subject, weights = subject.twin(dtype), subject.nudged(dtype)
    model = subject.model(backend, dtype, device, optimize, weights)
    hashes = {
        dtype: model.program.hash,
        f"{dtype}, inference": model.inference_program.hash,
    }
    return Traced(trace(model, subject, steps), hashes)
