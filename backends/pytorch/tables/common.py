"""What several tables of PyTorch share."""

from __future__ import annotations

from typing import TypeVar

from polyframe.compiler.program import Slot
from polyframe.compiler.python.source import literal
from polyframe.spec.layers.windows import Pads

AS_IS = {name: Slot(name) for name in ("weight", "bias", "running_mean", "running_var")}
"""PyTorch's parameters have the canonical names and layouts."""


T = TypeVar("T")


def short(sizes: tuple[T, ...]) -> T | tuple[T, ...]:
    """``(3, 3)`` is written ``3``."""
    return sizes[0] if len(set(sizes)) == 1 else sizes


def even(pads: Pads) -> bool:
    """Whether both sides of each dimension are padded alike."""
    return all(lo == hi for lo, hi in pads)


def f_pad(pads: Pads) -> str:
    """``F.pad`` counts from the last dimension: (left, right, top, bottom)."""
    return literal(tuple(n for pair in reversed(pads) for n in pair))
