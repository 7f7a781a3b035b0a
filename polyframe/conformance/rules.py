"""Optimizers as the suite takes them: each with every option, away from its default."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from itertools import product
from typing import Any

from polyframe.spec import optimizers
from polyframe.spec.fields import Bool, Float
from polyframe.spec.optimizers import Optimizer

o: Any = optimizers  # checkers do not see fields that are made from kinds

BETAS = {"beta1": 0.8, "beta2": 0.95}
EPS = {"eps": 1e-3}
BOTH = ("all", "kernels")
EITHER = (False, True)

RULES: dict[str, Optimizer] = {
    "sgd": o.SGD(0.1),
    "sgd, momentum": o.SGD(0.05, momentum=0.8, weight_decay=0.1),
    "sgd, nesterov": o.SGD(
        0.05, momentum=0.8, nesterov=True, weight_decay=0.1, decay_on="kernels"
    ),
    "sgd, dampening": o.SGD(0.1, momentum=0.8, dampening=0.3, weight_decay=0.1),
    "sgd, no more gradients": o.SGD(0.02, momentum=0.9, dampening=1.0),
    "adam": o.Adam(),
    **{
        f"{make.__name__.lower()}, {on}{', amsgrad' * amsgrad}": make(
            0.02, **BETAS, **EPS, weight_decay=0.1, amsgrad=amsgrad, decay_on=on
        )
        for make, on, amsgrad in product((o.Adam, o.AdamW), BOTH, EITHER)
    },
    "adamax": o.Adamax(),
    "adamax, options": o.Adamax(
        0.02, **BETAS, **EPS, weight_decay=0.1, decay_on="kernels"
    ),
    "nadam": o.NAdam(),
    "radam": o.RAdam(),
    **{
        f"{name}, {on}{', decoupled' * decoupled}": make(
            0.02, **BETAS, **EPS, **more, weight_decay=0.1,
            decoupled_weight_decay=decoupled, decay_on=on,
        )
        for (name, make, more), on, decoupled in product(
            (("nadam", o.NAdam, {"momentum_decay": 0.1}), ("radam", o.RAdam, {})),
            BOTH,
            EITHER,
        )
    },
    "rmsprop": o.RMSProp(),
    **{
        f"rmsprop, momentum {momentum}{', centered' * centered}": o.RMSProp(
            0.02, 0.9, weight_decay=0.1, momentum=momentum, centered=centered,
            decay_on="kernels" if centered else "all", **EPS,
        )
        for momentum, centered in product((0.0, 0.8), EITHER)
    },
    "adagrad": o.Adagrad(),
    "adagrad, options": o.Adagrad(
        0.1, 0.05, weight_decay=0.1, initial_accumulator_value=0.2, **EPS,
        decay_on="kernels",
    ),
    "adadelta": o.Adadelta(),
    "adadelta, options": o.Adadelta(
        0.7, rho=0.8, eps=1e-4, weight_decay=0.1, decay_on="kernels"
    ),
    "lion": o.Lion(),
    "lion, options": o.Lion(
        0.003, beta1=0.8, beta2=0.95, weight_decay=0.1, decay_on="kernels"
    ),
    "lamb": o.LAMB(),
    "lars": o.LARS(),
    **{
        f"lamb, {on}": o.LAMB(
            0.02, **BETAS, **EPS, weight_decay=0.1, decay_on=on
        )
        for on in BOTH
    },
    "lamb, kernels without decay": o.LAMB(0.02, decay_on="kernels"),
    **{
        f"lars, {on}, momentum {momentum}": o.LARS(
            0.5, momentum=momentum, weight_decay=0.1, trust_coefficient=0.1, decay_on=on
        )
        for on, momentum in product(BOTH, (0.0, 0.8))
    },
    "lars, kernels without decay": o.LARS(0.05, decay_on="kernels"),
}  # fmt: skip


def longest(make: type[Any], number: float) -> Iterator[Optimizer]:
    """One with every option set, every number being one that takes room; both ways to
    go where two options exclude each other."""
    kinds = {f.name: f.metadata["kind"] for f in dataclasses.fields(make)}
    given = {n: number for n, kind in kinds.items() if isinstance(kind, Float)}
    given |= {n: True for n, kind in kinds.items() if isinstance(kind, Bool)}
    if make is o.SGD:
        yield make(**{n: v for n, v in given.items() if n != "nesterov"})
        given["dampening"] = 0.0
    yield make(**given)
    yield make(**given, decay_on="kernels")
