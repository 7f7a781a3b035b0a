"""What several tables of TensorFlow share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from polyframe.compiler.program import Slot
from polyframe.compiler.python.code import Code
from polyframe.compiler.python.source import Opt, call
from polyframe.compiler.table import View
from polyframe.spec.layers.base import Shape, positive_axis
from polyframe.spec.layers.windows import Pads, Sizes, resolve_padding

BIAS = {"bias": Slot("bias")}


def native_shape(shape: Shape) -> Shape:
    """(C, H, W) in TensorFlow's order: (H, W, C)."""
    return (*shape[1:], *shape[:1])


def native_axis(axis: int, shape: Shape) -> int:
    """A neutral axis as TensorFlow counts it; the channels are -1."""
    positive = positive_axis(axis, shape)
    return -1 if positive == 1 else positive - 1


T = TypeVar("T")


def short(sizes: tuple[T, ...]) -> T | tuple[T, ...]:
    """``(3, 3)`` is written ``3``."""
    return sizes[0] if len(set(sizes)) == 1 else sizes


def channels_first(shape: Shape) -> str:
    """The first input with its channels first, for operators that mix all axes."""
    rank = len(shape)
    return f"tf.transpose({{0}}, {(0, rank, *range(1, rank))})"


def paddings(pads: Pads) -> str:
    """The argument of ``tf.pad``: a pair for each axis."""
    sides = ", ".join(f"[{low}, {high}]" for low, high in pads)
    return f"[[0, 0], {sides}, [0, 0]]"


def padded(pads: Pads) -> bool:
    """Whether there is any padding."""
    return any(n for pair in pads for n in pair)


def mode(pads: Pads, size: Sizes, kernel: Sizes, stride: Sizes, dilation: Sizes) -> str:
    """Keras's name for explicit padding: "valid", "same", or "" where it has none."""
    if not padded(pads):
        return "valid"
    if pads == resolve_padding("same", size, kernel, stride, dilation):
        return "same"
    return ""


def biased(view: View, name: str) -> str:
    """Keras's layer, or ours of that name, whose bias is added in float32."""
    return name if bias_snippets(view, name) else f"layers.{name}"


def bias_snippets(view: View, name: str) -> tuple[str, ...]:
    """The snippets for it. TensorFlow's CPU kernel sums the gradient of a bfloat16 bias
    in bfloat16, where terms after the first few hundred are rounded away."""
    low = (view.target.precision, view.target.device) == ("bfloat16", "cpu")
    return ("FloatBias", name) if low and view.layer.bias else ()


def wide(view: View) -> str | None:
    """The dtype of a layer whose float16 kernel sums in float16 on the CPU."""
    low = (view.target.precision, view.target.device) == ("float16", "cpu")
    return "float32" if low else None


def along(function: str, forward: str) -> Callable[[View], Code]:
    """A layer with an axis."""

    def write(view: View) -> Code:
        axis = native_axis(view.layer.axis, view.shape)
        return Code(forward, call(function, axis=Opt(axis, -1)))

    return write
