"""Traces: everything that one backend computes on a subject, by step, kind and name."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from polyframe.conformance.subject import Subject
from polyframe.model.model import Model
from polyframe.spec.typed import flatten
from polyframe.train.arrays import as_list

KINDS = {
    "inference": "a node's output, inference mode",
    "forward": "a node's output, training mode",
    "loss": "the loss of the step",
    "output gradient": "the slope of the loss in a node's output",
    "gradient": "the slope of the loss in a parameter",
    "statistics": "a running statistic after the step",
    "weights": "a parameter after the step",
    "state": "what the optimizer keeps, after the step",
    "prediction": "an output of predict, after training",
}
"""Kinds of tensors, in the order in which a step computes them."""


class Key(NamedTuple):
    """Which tensor: the step (from 1; 0 is before any), its kind, its name."""

    step: int
    kind: str
    name: str


Trace = dict[Key, np.ndarray]


def looks(model: Model, subject: Subject, step: int) -> Trace:
    """All nodes and gradients at the weights before a step, in the order in which they
    are computed. Changes no state."""
    return outputs(model, subject, step) | slopes(model, subject, step)


def outputs(model: Model, subject: Subject, step: int) -> Trace:
    """All nodes in both modes."""
    x, _ = subject.batch(step)
    return {
        Key(step, kind, name): value
        for kind, training in (("inference", False), ("forward", True))
        for name, value in model.activations(x, training=training).items()
    }


def slopes(model: Model, subject: Subject, step: int) -> Trace:
    """The slopes of the loss in all nodes and parameters, from the outputs back to the
    inputs."""
    x, y = subject.batch(step)
    order = [node.name for node in flatten(subject.graph).nodes]
    found: Trace = {}
    of_nodes = model.output_gradients(x, y)
    gradients = model.gradients(x, y)
    inputs = [name for name, _ in model.graph.inputs]
    for node in [*reversed(order), *reversed(inputs)]:
        found[Key(step, "output gradient", node)] = of_nodes[node]
        for name in [n for n in gradients if n.rpartition(".")[0] == node]:
            found[Key(step, "gradient", name)] = gradients.pop(name)
    for name, value in gradients.items():  # of layers whose owner is elsewhere
        found[Key(step, "gradient", name)] = value
    return found


def advance(model: Model, subject: Subject, step: int) -> Trace:
    """Take a step; the loss, and all that it has moved."""
    subject.before(model, step)
    found = {
        Key(step, "loss", "loss"): np.array(model.train_step(*subject.batch(step)))
    }
    return found | moved(model, step)


def moved(model: Model, step: int) -> Trace:
    """Running statistics, parameters and the optimizer's state."""
    found: Trace = {}
    parameters = model.graph.parameters
    for name, value in model.weights().items():
        kind = "weights" if parameters[name].trainable else "statistics"
        found[Key(step, kind, name)] = value
    for name, value in model.training_state().items():
        found[Key(step, "state", name)] = value
    return found


def predictions(model: Model, subject: Subject, step: int) -> Trace:
    """What ``predict`` gives for a batch that was not trained on."""
    outputs: Any = as_list(model.predict(subject.batch(-1)[0]))
    pairs = zip(model.graph.outputs, outputs, strict=True)
    return {Key(step, "prediction", name): value for name, value in pairs}


def trace(model: Model, subject: Subject, steps: int) -> Trace:
    """All of it: looks before the first step, the first step, the last, predictions;
    of the steps between only the losses."""
    found = looks(model, subject, 1)
    for step in range(1, steps + 1):
        new = advance(model, subject, step)
        whole = step in (1, steps)
        found |= {k: v for k, v in new.items() if whole or k.kind == "loss"}
    return found | predictions(model, subject, steps)
