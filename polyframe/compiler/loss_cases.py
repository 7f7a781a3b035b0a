"""Every loss in its examples, with outputs and targets that it is defined on."""

from __future__ import annotations

import functools
from itertools import product
from typing import NamedTuple

from polyframe.compiler.training import LossFunction
from polyframe.errors import SpecError
from polyframe.spec.layers.base import Shape
from polyframe.spec.losses import Loss, TargetKind


class Case(NamedTuple):
    """A loss, the shape of an output for it, and what its targets are."""

    loss: Loss
    shape: Shape
    targets: TargetKind

    @property
    def function(self) -> LossFunction:
        """What programs write for it."""
        return LossFunction.of(*self)


def cases(ranks: tuple[int, ...] = (1, 2, 3, 4)) -> list[Case]:
    """Every loss in every example, with each kind of targets, and with the shape of an
    output for it; those of plug-ins, too, as soon as they are loaded."""
    return _cases(tuple(Loss.registry[word] for word in sorted(Loss.registry)), ranks)


@functools.cache
def _cases(losses: tuple[type[Loss], ...], ranks: tuple[int, ...]) -> list[Case]:
    all_cases: list[Case] = []
    for cls in losses:
        for options, shape in product(cls.examples, cls.example_shapes):
            loss = cls(**options)
            try:
                loss.check(shape)
            except SpecError:
                continue
            if len(shape) in ranks:
                all_cases += [Case(loss, shape, kind) for kind in loss.target_kinds]
    return all_cases
