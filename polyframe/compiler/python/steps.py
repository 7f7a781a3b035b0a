"""What the training step of every program has in common: its arguments and parts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from polyframe.compiler.python.source import (
    Call,
    Name,
    head,
    listing,
    literal,
    statement,
)
from polyframe.compiler.python.write import Written
from polyframe.compiler.training import TrainingSpec, function_of
from polyframe.errors import SpecError, UnsupportedError
from polyframe.spec.typed import TypedGraph


def step_template_values(
    graph: TypedGraph,
    written: Written,
    step: TrainingSpec,
    kept: Sequence[str],
    results: str = "loss, outputs",
) -> dict[str, str]:
    """The pieces of text in which steps of different graphs differ.

    ``kept`` names what stays from step to step: the optimizer, averages, …;
    ``results`` what ``loss_and_gradients`` returns.
    """
    if not graph.num_parameters:
        raise SpecError(
            "has no weights to train",
            where=graph.name,
            hint="compile it without a loss",
        )
    draws = ["draws"] if written.draws else []
    weights = ["weights"] if step.weighted else []
    scaled = ["scaler"] if "scaler" in kept else []
    batch = ["model", "x", "target", *weights, *draws, "count"]
    last = ["last=True"] if step.training.accumulate > 1 else []
    train = [*batch, *kept, "learning_rate", *last]
    inputs = ["*x" if len(graph.inputs) > 1 else "x", *draws]
    called = listing("loss_and_gradients", map(Name, [*batch, *scaled]))
    return {
        "gradients_head": "\n".join(
            head("def loss_and_gradients", [*batch, *scaled], ":", 0)
        ),
        "train_head": "\n".join(head("def train_step", train, ":", 0)),
        "called": "\n".join(statement(f"{results} = ", called, 4)),
        "inputs": ", ".join(inputs),
        "over": "" if step.sums else " / count",
    }


def frozen_layers(graph: TypedGraph, written: Written, step: TrainingSpec) -> list[str]:
    """The native paths of the layers that stay as they are."""
    trained = {name: p for name, p in graph.parameters.items() if p.trainable}
    slots = written.weights
    return [
        next(
            slot.path.rpartition(".")[0]
            for name, slot in slots.items()
            if name.rpartition(".")[0] == layer
        )
        for layer in step.training.frozen(trained)
    ]


def attribute(path: str) -> Name:
    """``model.blocks[0].conv1`` for the native path ``blocks.0.conv1``."""
    parts = (f"[{p}]" if p.isdigit() else f".{p}" for p in path.split("."))
    return Name("model" + "".join(parts))


def freeze_text(layers: Iterable[Name | Call], line: str) -> str:
    """The function ``freeze``; ``line`` is what it does to each ``layer``."""
    loop = statement("for layer in ", listing("", layers), 4)
    loop[-1] += ":"
    return "\n".join(
        [
            "def freeze(model):",
            '    """Leave the weights of these layers as they are."""',
            *loop,
            f"        {line}",
        ]
    )


def losses_text(graph: TypedGraph, step: TrainingSpec, indent: int) -> str:
    """The statement that computes ``losses``, one for each sample, as lines."""
    functions, several = step.functions(graph), len(step.losses) > 1
    terms = []
    for index, loss in enumerate(step.losses):
        at = f"[{index}]" if several else ""
        name = functions[function_of(loss, graph.output_shapes[index])]
        text = f"{name}(outputs{at}, target{at})"
        if loss.reduction == "sum" and not step.sums:
            text = f"count * {text}"
        if loss.loss_weight != 1.0:
            text = f"{literal(loss.loss_weight)} * {text}"
        terms.append(Name(f"{text} * weights{at}" if step.weighted else text))
    if not several:
        return f"{' ' * indent}losses = {terms[0].text}"
    reductions = {loss.reduction for loss in step.losses}
    alike = len(functions) == 1 and len(reductions) == 1 and not step.weighted
    if alike and all(loss.loss_weight == 1.0 for loss in step.losses):
        each = "loss_fn(o, t) for o, t in zip(outputs, target)"
        return f"{' ' * indent}losses = sum({each})"
    total = listing("sum", [listing("", terms)])
    return "\n".join(statement("losses = ", total, indent))


def supported(
    step: TrainingSpec,
    losses: Mapping[str, Any],
    optimizers: Mapping[str, Any],
    backend: str,
    reasons: Mapping[str, str],
) -> None:
    """UnsupportedError unless a backend's tables hold the losses and the optimizer;
    ``reasons`` are those of its gaps."""
    for element, table in (
        *((loss, losses) for loss in step.losses),
        (step.optimizer, optimizers),
    ):
        if element.type not in table:
            reason = reasons.get(element.type)
            raise UnsupportedError(
                f"the {backend} backend has no {element.family} {element.type!r}"
                + (f": {reason}" if reason else "")
            )
