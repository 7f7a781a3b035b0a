"""Defaults that differ between programs with native semantics."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from polyframe.spec.element import Element
from polyframe.spec.initializers import Initializer
from polyframe.spec.semantics import native_aspects
from polyframe.teach.shown import Shown


def native_defaults(several: Sequence[Shown]) -> Iterator[str]:
    """A line for each field that has different values in the programs, since nothing was
    set and semantics leave it to each framework: ``BatchNorm.eps: PyTorch 1e-05,
    TensorFlow 0.001``. None with aligned semantics, or of one program."""
    if len(several) < 2 or not native_aspects(several[0].target.semantics):
        return
    seen: dict[str, None] = {}
    # A program that only predicts has no losses and no optimizer; layers come first.
    for same in zip(*map(elements, several), strict=False):
        for field in dataclasses.fields(same[0]):
            values = [getattr(element, field.name) for element in same]
            if len(set(map(repr, values))) == 1 or field.name == "name":
                continue
            pairs = zip(several, values, strict=True)
            each = ", ".join(f"{one.title} {worded(value)}" for one, value in pairs)
            seen[f"{same[0].type}.{field.name}: {each}"] = None
    yield from seen


def elements(shown: Shown) -> list[Element]:
    """All layers, losses and the optimizer of a program, in order."""
    step = shown.step
    others: tuple[Element, ...] = ()
    if step is not None:
        others = (*step.losses, step.optimizer)
    return [*(node.layer for node in shown.flat.nodes), *others]


def worded(value: object) -> str:
    """A value for people."""
    if isinstance(value, Initializer):
        options = ", ".join(f"{k}={v!r}" for k, v in value.options().items())
        return f"{value.type}({options})" if options else value.type
    return repr(value)
