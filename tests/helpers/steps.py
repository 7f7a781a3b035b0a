"""Training steps with all their parts, losses and optimizers at their longest."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import product
from typing import Any

from helpers.programs import chain, conv, spec_of

import polyframe as pf
from polyframe.conformance.rules import rules
from polyframe.spec.fields import Bool, Float
from polyframe.spec.losses import Loss, TargetKind
from polyframe.spec.optimizers import Optimizer


def losses_of(count: int) -> list[Any]:
    """Different losses for that many outputs, in numbers that take room."""
    labels: dict[str, Any] = {"type": "cross_entropy"}
    losses: list[Any] = [
        "mse",
        {"type": "mse", "loss_weight": 0.12345678901234567},
        labels | {"label_smoothing": 0.12345678901234567},
        labels | {"label_smoothing": 0.1, "loss_weight": 1.2345678901234567e-100},
        labels | {"loss_weight": 2.0},
        labels | {"loss_weight": 0.12345678901234567},
    ]
    return [losses[i % len(losses)] for i in range(count)]


def targets_of(count: int) -> tuple[TargetKind, ...]:
    """What the targets of ``losses_of`` are."""
    kinds: tuple[TargetKind, ...] = ("values", "values", "labels", "probabilities")
    each = (*kinds, "labels", "probabilities")
    return tuple(each[i % len(each)] for i in range(count))


def heads(count: int) -> pf.ModelSpec:
    """Several outputs of logits, with dropout and a batch norm in front."""
    x = pf.Input((4, 6, 6))
    y = pf.GlobalAvgPool2D()(pf.Dropout()(pf.BatchNorm(name="norm")(conv()(x))))
    ends = [pf.Dense(3, name=f"end{i}")(y) for i in range(count)]
    return pf.ModelSpec(x, ends, name=f"heads{count}")


def small() -> pf.ModelSpec:
    """All that a training step has to look after: batch norms, dropout, vectors."""
    return chain(
        pf.BatchNorm(affine=False),
        conv(name="front"),
        pf.BatchNorm(name="norm"),
        pf.Dropout(0.25),
        pf.Flatten(),
        pf.Dense(3, name="head"),
        name="small",
    )


PRECISE = 1.2345678901234567e-100
"""A number that takes as much room as one can."""
PRECISIONS = (None, "bfloat16", "float16")
CLIPS: tuple[dict[str, Any], ...] = (
    {},
    {"clip_norm": 1.0},
    {"clip_norm": PRECISE},
    {"clip_value": 0.5},
    {"clip_value": PRECISE},
)


def steps() -> Iterator[tuple[str, pf.ModelSpec, dict[str, Any]]]:
    """A name, a spec, and what ``step_of`` takes: all parts of a step together, and
    each at its longest."""
    net, two = small(), heads(2)
    for (i, clip), accumulate, ema, freeze, precision in product(
        enumerate(CLIPS), (1, 2), (None, 0.9), ((), ("norm",)), PRECISIONS
    ):
        parts = {"accumulate": accumulate, "ema": ema, "freeze": freeze}
        parts |= {"precision": precision} | clip
        key = f"{i}{accumulate}{ema is not None:d}{len(freeze)}_{precision}"
        if accumulate > 1 or precision is None:
            yield f"parts{key}", net, parts
        if accumulate == 1 or precision is None:
            losses = losses_of(2)
            yield f"weighted{key}", two, {"loss": losses, "weighted": True, **parts}
    for number, rule in enumerate(every_rule()):
        yield f"rule{number}_{rule.type}", net, {"optimizer": rule}
    kinds: tuple[TargetKind, ...] = ("labels", "probabilities")
    for smooth, kind, weights, weighted in product(
        (0.0, 0.1, 0.12345678901234567), kinds, (None, (1, 2, 0.5)), (False, True)
    ):
        loss = pf.CrossEntropy(smooth, weights)
        name = f"loss{smooth}{kind}{weights is not None:d}{weighted:d}"
        for ending, spec in (("", net), ("_twice", two)):
            kinds_of = (kind,) * len(spec.infer().outputs)
            options = {"loss": loss, "weighted": weighted, "targets": kinds_of}
            yield name + ending, spec, options
    yield from every_loss()
    yield from multiplied()
    for count, weighted in product((2, 3, 6, 14), (False, True)):
        wanted = {"loss": losses_of(count), "weighted": weighted}
        wanted["targets"] = targets_of(count)
        yield f"heads{count}{weighted:d}", heads(count), wanted
    for name, freeze in (
        ("many", ("fc?", "fc1?", "fc2?")),
        ("many", tuple(f"fc{i}" for i in range(1, 40))),
        ("long_names", ("*",)),
        ("nested", ("block1",)),
        ("residual_cnn", ("layer1", "layer2.*", "bn1", "conv1")),
        ("clashes", ("BatchNorm", "nn_", "torch_")),
    ):
        spec = spec_of(name)
        if freeze == ("*",):
            freeze = tuple(layers_of(spec)[:-1])
        yield f"{name}_frozen{len(freeze)}", spec, {"freeze": freeze}


def multiplied() -> Iterator[tuple[str, pf.ModelSpec, dict[str, Any]]]:
    """Each optimizer with groups of parameters, the factors short and long."""
    several = {"*": 0.1, "*.bias": PRECISE}
    for number, rule in enumerate(every_rule()):
        for which in ("learning_rate_multipliers", "weight_decay_multipliers"):
            options = {"optimizer": rule, which: several}
            yield f"multiplied{number}_{rule.type}_{which}", small(), options
    for name in ("long_names", "residual_cnn", "clashes"):
        yield (
            f"multiplied_{name}",
            spec_of(name),
            {"learning_rate_multipliers": several},
        )


def every_loss() -> Iterator[tuple[str, pf.ModelSpec, dict[str, Any]]]:
    """Each loss with each option, of vectors and of images, and with numbers and lists
    that take as much room as they can; and ways to add them up."""
    for word, make in Loss.registry.items():
        for number, options in enumerate(make.examples):
            plain = make(**options)
            for kind, (name, loss), channels, image in product(
                plain.target_kinds,
                (("short", plain), ("long", lengthened(plain))),
                (4, 42),
                (False, True),
            ):
                spec = pf.Sequential([pf.Dense(channels)], (6,))
                if image:
                    spec = chain(pf.Conv2D(channels, 1))
                with suppress(pf.SpecError):
                    loss.check(spec.infer().output_shapes[0])  # type: ignore[attr-defined]
                    key = f"{word}{number}_{kind}_{name}{channels}_{image:d}"
                    wanted = {"loss": loss, "weighted": image, "targets": (kind,)}
                    yield key, spec, wanted
    for number, (first, second) in enumerate(
        product(("mean", "sum"), ({}, {"loss_weight": 0.12345678901234567}))
    ):
        for other in ("mse", "l1"):
            losses = [pf.MSE(reduction=first, **second), Loss.parse(other)]
            yield f"sums{number}{other}", heads(2), {"loss": losses}
            yield f"sum{number}{other}", heads(1), {"loss": losses[0]}


def lengthened(loss: Any) -> Any:
    """A loss whose numbers and lists take as much room as they can."""
    for f in dataclasses.fields(loss):
        value, longest = getattr(loss, f.name), [PRECISE, 0.12345678901234567]
        if isinstance(value, tuple):
            wanted: list[Any] = [(PRECISE,) * 42]
        elif isinstance(value, float) and f.name != "loss_weight":
            wanted = [*longest, 1.2345678901234567]
        else:
            continue
        for each in wanted:
            with suppress(pf.SpecError):
                loss = replace(loss, **{f.name: each})
                break
    return loss


def every_rule() -> Iterator[Optimizer]:
    """Every optimizer with every option, and each at its shortest and its longest."""
    for make in Optimizer.registry.values():
        for decay, on in product((0.0, PRECISE), ("all", "kernels")):
            yield make(PRECISE, weight_decay=decay, decay_on=on)
        yield from longest(make, PRECISE)
    yield from rules().values()


def longest(make: type[Any], number: float) -> Iterator[Optimizer]:
    """One with every option set, every number being one that takes room; both ways to
    go where two options exclude each other."""
    kinds = {f.name: f.metadata["kind"] for f in dataclasses.fields(make)}
    given: dict[str, Any] = {
        name: number for name, kind in kinds.items() if isinstance(kind, Float)
    }
    given |= {name: True for name, kind in kinds.items() if isinstance(kind, Bool)}
    if make is pf.SGD:
        yield make(**{n: v for n, v in given.items() if n != "nesterov"})
        given["dampening"] = 0.0
    yield make(**given)
    yield make(**given, decay_on="kernels")


def layers_of(spec: pf.ModelSpec) -> list[str]:
    """The layers with weights."""
    weights = spec.infer().parameters
    return list(dict.fromkeys(n.rpartition(".")[0] for n in weights))
