"""What the training step of every program has in common: its arguments."""

from __future__ import annotations

from dataclasses import dataclass

from polyframe.compiler.write import Written
from polyframe.errors import SpecError, UnsupportedError
from polyframe.spec.losses import Loss
from polyframe.spec.optimizers import Optimizer
from polyframe.spec.typed import TypedGraph


@dataclass(frozen=True)
class Step:
    """What training adds to a model: a loss and an optimizer, nothing UNSET."""

    loss: Loss
    optimizer: Optimizer


def step_fields(graph: TypedGraph, written: Written) -> dict[str, str]:
    """The pieces of text in which steps of different graphs differ."""
    if not graph.num_parameters:
        raise SpecError(
            "has no weights to train",
            where=graph.name,
            hint="compile it without a loss",
        )
    draws = ", draws" if written.draws else ""
    several = len(graph.inputs) > 1
    if len(graph.outputs) == 1:
        losses = "loss_fn(outputs, target)"
    else:
        losses = "sum(loss_fn(o, t) for o, t in zip(outputs, target))"
    return {
        "arguments": f"model, x, target{draws}",
        "inputs": f"{'*x' if several else 'x'}{draws}",
        "losses": losses,
    }


def supported(step: Step, losses: object, optimizers: object, backend: str) -> None:
    """UnsupportedError unless a backend's tables hold the loss and the optimizer."""
    for element, table in ((step.loss, losses), (step.optimizer, optimizers)):
        assert isinstance(table, dict)
        if element.type not in table:
            raise UnsupportedError(
                f"the {backend} backend has no {element.family} {element.type!r}"
            )
