"""What several tables of MXNet Gluon share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from polyframe.compiler.program import Slot
from polyframe.compiler.python.code import Code
from polyframe.compiler.table import Entry, Form, View
from polyframe.spec.layers.windows import Pads

WEIGHTS = {"weight": Slot("weight"), "bias": Slot("bias")}


T = TypeVar("T")


def short(sizes: tuple[T, ...]) -> T | tuple[T, ...]:
    """``(3, 3)`` is written ``3``."""
    return sizes[0] if len(set(sizes)) == 1 else sizes


def even(pads: Pads) -> bool:
    """Whether both sides of each dimension are padded alike."""
    return all(lo == hi for lo, hi in pads)


Padded = tuple[int | tuple[int, ...], str, tuple[str, ...]]
"""A layer's own padding, the expression of its input, and the snippets in it."""


def padded(pads: Pads, value: str = "") -> Padded:
    """Even padding is the layer's own; uneven padding is a call on its input."""
    if even(pads):
        return short(tuple(low for low, _ in pads)), "{0}", ()
    return 0, f"pad(F, {{0}}, {sides(pads)}{value})", ("pad",)


def sides(pads: Pads) -> str:
    """The sides of all axes, one after the other."""
    return ", ".join(str(n) for pair in pads for n in pair)


def inputs(view: View, name: str, count: int) -> dict[str, int]:
    """The argument that is the size of a layer's input. Native programs leave it out, as
    users of Gluon do: layers learn it at their first call."""
    plain = view.target.semantics == "native" and view.target.precision is None
    return {} if plain else {name: count}


def padding_is_clear(view: View) -> bool:
    """Whether the padding is no word that MXNet would have to give a meaning: with native
    ``padding``, "same" with strides."""
    layer = view.layer
    strides = getattr(layer, "steps", None) or layer.stride
    padding = getattr(layer, "padding", None)  # LPPool2D has none
    word = view.target.native("padding") and padding == "same"
    return not (word and max(strides) > 1)


def padded_entry(write: Callable[[View], Code]) -> Entry:
    """An entry of one form, of a layer whose padding may be "same"."""
    return Entry(
        (Form("native", write, padding_is_clear),),
        'MXNet has no padding="same", so with strides it has no meaning of its own; give '
        "numbers for each side",
    )


def low(view: View, name: str) -> str:
    """Gluon's layer, or ours of that name, which computes in a lower precision."""
    return name if view.target.precision else f"nn.{name}"


def lowered(view: View, name: str) -> tuple[str, ...]:
    """The snippets that the layer needs for it."""
    return ("Low", name) if view.target.precision else ()
