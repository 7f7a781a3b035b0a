"""Optimizers as tests take them: each with every option, away from the defaults."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from itertools import product
from typing import Any

import polyframe as pf
from polyframe.spec.fields import Bool, Float
from polyframe.spec.optimizers import Optimizer

BETAS = {"beta1": 0.8, "beta2": 0.95}
EPS = {"eps": 1e-3}
BOTH = ("all", "kernels")
EITHER = (False, True)

RULES: dict[str, Optimizer] = {
    "sgd": pf.SGD(0.1),
    "sgd, momentum": pf.SGD(0.05, momentum=0.8, weight_decay=0.1),
    "sgd, nesterov": pf.SGD(
        0.05, momentum=0.8, nesterov=True, weight_decay=0.1, decay_on="kernels"
    ),
    "sgd, dampening": pf.SGD(0.1, momentum=0.8, dampening=0.3, weight_decay=0.1),
    "sgd, no more gradients": pf.SGD(0.02, momentum=0.9, dampening=1.0),
    "adam": pf.Adam(),
    **{
        f"{make.__name__.lower()}, {on}{', amsgrad' * amsgrad}": make(
            0.02, **BETAS, **EPS, weight_decay=0.1, amsgrad=amsgrad, decay_on=on
        )
        for make, on, amsgrad in product((pf.Adam, pf.AdamW), BOTH, EITHER)
    },
    "adamax": pf.Adamax(),
    "adamax, options": pf.Adamax(
        0.02, **BETAS, **EPS, weight_decay=0.1, decay_on="kernels"
    ),
    "nadam": pf.NAdam(),
    "radam": pf.RAdam(),
    **{
        f"{name}, {on}{', decoupled' * decoupled}": make(
            0.02, **BETAS, **EPS, **more, weight_decay=0.1,
            decoupled_weight_decay=decoupled, decay_on=on,
        )
        for (name, make, more), on, decoupled in product(
            (("nadam", pf.NAdam, {"momentum_decay": 0.1}), ("radam", pf.RAdam, {})),
            BOTH,
            EITHER,
        )
    },
    "rmsprop": pf.RMSProp(),
    **{
        f"rmsprop, momentum {momentum}{', centered' * centered}": pf.RMSProp(
            0.02, 0.9, weight_decay=0.1, momentum=momentum, centered=centered,
            decay_on="kernels" if centered else "all", **EPS,
        )
        for momentum, centered in product((0.0, 0.8), EITHER)
    },
    "adagrad": pf.Adagrad(),
    "adagrad, options": pf.Adagrad(
        0.1, 0.05, weight_decay=0.1, initial_accumulator_value=0.2, **EPS,
        decay_on="kernels",
    ),
    "adadelta": pf.Adadelta(),
    "adadelta, options": pf.Adadelta(
        0.7, rho=0.8, eps=1e-4, weight_decay=0.1, decay_on="kernels"
    ),
    "lion": pf.Lion(),
    "lion, options": pf.Lion(
        0.003, beta1=0.8, beta2=0.95, weight_decay=0.1, decay_on="kernels"
    ),
    "lamb": pf.LAMB(),
    "lars": pf.LARS(),
    **{
        f"lamb, {on}": pf.LAMB(
            0.02, **BETAS, **EPS, weight_decay=0.1, decay_on=on
        )
        for on in BOTH
    },
    "lamb, kernels without decay": pf.LAMB(0.02, decay_on="kernels"),
    **{
        f"lars, {on}, momentum {momentum}": pf.LARS(
            0.5, momentum=momentum, weight_decay=0.1, trust_coefficient=0.1, decay_on=on
        )
        for on, momentum in product(BOTH, (0.0, 0.8))
    },
    "lars, kernels without decay": pf.LARS(0.05, decay_on="kernels"),
}  # fmt: skip


def longest(make: type[Any], number: float) -> Iterator[Optimizer]:
    """One with every option set, every number being one that takes room; both ways to
    go where two options exclude each other."""
    kinds = {f.name: f.metadata["kind"] for f in dataclasses.fields(make)}
    given = {n: number for n, kind in kinds.items() if isinstance(kind, Float)}
    given |= {n: True for n, kind in kinds.items() if isinstance(kind, Bool)}
    if make is pf.SGD:
        yield make(**{n: v for n, v in given.items() if n != "nesterov"})
        given["dampening"] = 0.0
    yield make(**given)
    yield make(**given, decay_on="kernels")
