"""What several tables of PyTorch share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from polyframe.compiler.program import Slot
from polyframe.compiler.python.source import literal
from polyframe.compiler.table import Entry, Form, View
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


def own_same(view: View) -> bool:
    """Whether the layer's padding is "same" and PyTorch is to say what that means."""
    return view.target.native("padding") and view.layer.padding == "same"


def without_strided_same(entry: Entry, gap: str) -> Entry:
    """An entry that has no form for "same" with strides where ``padding`` is native:
    PyTorch gives that word no meaning."""

    def guarded(when: Callable[[View], bool]) -> Callable[[View], bool]:
        def holds(view: View) -> bool:
            strides = getattr(view.layer, "steps", None) or view.layer.stride
            return not (own_same(view) and max(strides) > 1) and when(view)

        return holds

    forms: tuple[Form, ...] = tuple(
        replace(form, when=guarded(form.when)) for form in entry.forms
    )
    return replace(entry, forms=forms, gap=f"{gap}; give numbers for each side")
