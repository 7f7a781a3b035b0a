"""What is known of the layers, losses and the optimizer of a program, by name.

Differences say with these facts where they show (``polyframe.differences.conditions``).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from polyframe.compiler.program import WHOLE, Role
from polyframe.spec.element import Element
from polyframe.spec.semantics import native_aspects
from polyframe.teach.shown import Shown

ADDED = {
    "dtype": "of the weights: float32, float64",
    "axes": "how many axes there are without that of samples, 3 of an image: of a layer's "
    "input, of the output for a loss, of the model's input for the training",
    "native": "the aspects of semantics that are the framework's own",
    "pads": "the padding of each side, as numbers",
    "group_channels": "input channels of each group",
    "inputs": "the layers that it reads, by type; Input for the model's own",
    "readers": "the layers that read it, by type",
    "in_sizes": "the shapes of its inputs",
    "targets": "what a loss's targets are: labels, probabilities, …",
    "clips": "whether gradients are clipped",
    "accumulate": "how many batches are one step",
    "precision": "what the passes compute in, if it is not dtype",
    "ema": "the factor of the average of weights",
    "freeze": "the layers that are not trained",
}
"""Facts that are no field of a layer, loss or optimizer."""


class Known(NamedTuple):
    """One layer, loss, optimizer (its name and facts), or the program as a whole (with
    no name, and the facts of the optimizer): where a program has it, and in which role if
    nothing else is said."""

    word: str
    path: str
    role: Role
    facts: Mapping[str, object]


def known(shown: Shown) -> Iterator[Known]:
    """All of a program."""
    common: dict[str, object] = {
        "dtype": shown.target.dtype,
        "native": tuple(sorted(native_aspects(shown.target.semantics))),
    }
    yield from layers(shown, common)
    step, graph = shown.step, shown.graph
    whole = {**common, "axes": len(graph.input_shapes[0])}
    if step is None:
        yield Known("", WHOLE, "forward", whole)
        return
    training = step.training
    clips = training.clip_norm is not None or training.clip_value is not None
    common |= {
        "clips": clips,
        "accumulate": training.accumulate,
        "precision": training.precision,
        "ema": training.ema,
        "freeze": training.freeze or None,
    }
    outputs = zip(graph.outputs, graph.output_shapes, strict=True)
    for loss, kind, (path, shape) in zip(
        step.losses, step.targets, outputs, strict=True
    ):
        facts = {**common, **fields(loss), "targets": kind, "axes": len(shape)}
        yield Known(loss.type, path, "loss", facts)
    rule = {**common, **fields(step.optimizer)}
    yield Known(step.optimizer.type, WHOLE, "optimizer", rule)
    yield Known("", WHOLE, "train_step", {**whole, **rule})


def layers(shown: Shown, common: Mapping[str, object]) -> Iterator[Known]:
    """Every call of a layer, blocks opened."""
    flat = shown.flat
    types = {node.path: node.layer.type for node in flat.nodes}
    users = flat.users()
    for node in flat.nodes:
        shape = node.in_shapes[0]
        facts = {
            **common,
            **fields(node.layer),
            "axes": len(shape),
            "in_sizes": node.in_shapes,
            "inputs": tuple(types.get(name, "Input") for name in node.inputs),
            "readers": tuple(user.layer.type for user in users.get(node.path, ())),
        }
        pads = getattr(node.layer, "pads", None)
        if pads is not None:
            facts["pads"] = tuple(n for pair in pads(shape) for n in pair)
        groups = facts.get("groups", 1)
        if isinstance(groups, int):
            facts["group_channels"] = shape[0] // groups
        yield Known(node.layer.type, node.path, "construction", facts)


def fields(element: Element) -> dict[str, object]:
    """The fields of an element, by name."""
    return {
        field.name: getattr(element, field.name)
        for field in dataclasses.fields(element)  # type: ignore[arg-type]
        if field.name != "name"
    }
