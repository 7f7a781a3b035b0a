"""Traces: everything that one backend computes on a subject, by step, kind and name."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from polyframe.conformance.subject import Subject
from polyframe.io.array import Array
from polyframe.model.model import Model
from polyframe.spec.typed import flatten
from polyframe.train.arrays import as_list

KINDS = {
    "inference": "a node's output, inference mode",
    "forward": "a node's output, training mode",
    "loss": "the loss of the step",
    "output gradient": "the gradient of the loss by a node's output",
    "gradient": "the gradient of the loss by a parameter",
    "statistics": "a running statistic after the step",
    "weights": "a parameter after the step",
    "state": "what the optimizer keeps, after the step",
    "prediction": "an output of predict, after training",
    "precision": "how many times closer to its float64 run one of two backends is",
}
"""Kinds of tensors, in the order in which a step computes them."""


LOOKED_AT = ("inference", "forward", "output gradient", "gradient")
"""Those that are seen without a step, in the dtype of the weights."""
UPDATES = "loss_scale/updates"
"""The one number of a state that is not compared: optimizers whose rule has no step
count in it need only know whether there was an update, and PyTorch's say no more."""


class Key(NamedTuple):
    """Which tensor: the step (from 1; 0 is before any), its kind, its name."""

    step: int
    kind: str
    name: str


Trace = dict[Key, Array]


def looks(model: Model, subject: Subject, step: int) -> Trace:
    """All nodes and gradients at the weights before a step, in the order in which they
    are computed. Changes no state."""
    return outputs(model, subject, step) | gradients(model, subject, step)


def unrepeatable(subject: Subject) -> bool:
    """Whether looking in training mode gives other numbers each time: a framework's own
    random layers are seeded for steps only."""
    nodes = flatten(subject.graph).nodes
    return subject.semantics == "native" and any(node.layer.random for node in nodes)


def outputs(model: Model, subject: Subject, step: int) -> Trace:
    """All nodes in both modes (where random layers are the framework's own, only for
    inference)."""
    x, _ = subject.batch(step)
    modes = {"inference": False, "forward": True}
    if unrepeatable(subject):
        del modes["forward"]
    return {
        Key(step, kind, name): value
        for kind, training in modes.items()
        for name, value in model.activations(x, training=training).items()
    }


def gradients(model: Model, subject: Subject, step: int) -> Trace:
    """The gradients of the loss by all nodes and parameters, from the outputs back to
    the inputs; none where random layers are the framework's own."""
    if unrepeatable(subject):
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
    for name, value in of_parameters.items():  # of layers whose owner is elsewhere
        trace[Key(step, "gradient", name)] = value
    return trace


def advance(model: Model, subject: Subject, step: int) -> Trace:
    """Take a step; the loss, and all that it has moved."""
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
        if name != UPDATES:
            trace[Key(step, "state", name)] = value
    return trace


def predictions(model: Model, subject: Subject, step: int) -> Trace:
    """What ``predict`` gives for a batch that was not trained on."""
    outputs: Any = as_list(model.predict(subject.batch(-1)[0]))
    pairs = zip(model.graph.outputs, outputs, strict=True)
    return {Key(step, "prediction", name): value for name, value in pairs}


def trace(model: Model, subject: Subject, steps: int) -> Trace:
    """All of it: looks before the first step, the first step, the last, predictions;
    of the steps between only the losses."""
    run = looks(model, subject, 1)
    for step in range(1, steps + 1):
        new = advance(model, subject, step)
        whole = step in (1, steps)
        run |= {k: v for k, v in new.items() if whole or k.kind == "loss"}
    return run | predictions(model, subject, steps)
