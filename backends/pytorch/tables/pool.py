"""What PyTorch's programs say for pool layers."""

from __future__ import annotations

from collections.abc import Callable

from polyframe.backends.pytorch.tables.common import (
    even,
    f_pad,
    short,
    without_strided_same,
)
from polyframe.compiler.python.code import Code, entry
from polyframe.compiler.python.source import Call, Opt, call, literal
from polyframe.compiler.table import Entry, View
from polyframe.spec.layers.windows import Pads


def own(view: View) -> bool:
    """Whether PyTorch's layer takes the padding itself: both sides alike, at most half
    of the kernel (without dilation), and in 3-D on inputs no smaller than the kernel.
    """
    layer, pads = view.layer, view.layer.pads(view.shape)
    fits = all(hi <= k // 2 for k, (_, hi) in zip(layer.kernel_size, pads, strict=True))
    pairs = zip(layer.kernel_size, view.shape[1:], strict=True)
    return even(pads) and fits and (layer.dims < 3 or all(k <= n for k, n in pairs))


def padded_input(pads: Pads) -> str:
    """The first input with that padding."""
    return f"F.pad({{0}}, {f_pad(pads)})" if any(map(any, pads)) else "{0}"


def size(view: View) -> str:
    """The kernel and the stride, as arguments."""
    layer = view.layer
    return f"{literal(short(layer.kernel_size))}, {literal(short(layer.steps))}"


def pooled(view: View, function: str, **options: object) -> Call:
    """PyTorch's layer; its padding and ceil_mode only where it takes them itself."""
    layer, kernel = view.layer, short(view.layer.kernel_size)
    padding = short(tuple(hi for _, hi in layer.pads(view.shape)))
    return call(
        f"nn.{function}{layer.dims}d",
        {"kernel_size": kernel},
        stride=Opt(short(layer.steps), kernel),
        padding=Opt(padding if own(view) else 0, 0),
        ceil_mode=Opt(ceil_mode_matters(view) and own(view), False),
        **options,
    )


def ceil_mode_matters(view: View) -> bool:
    """Whether ceil_mode makes a difference for this input."""
    return any(map(any, view.layer.overhang(view.shape)))


def max_pool(view: View) -> Code:
    layer = view.layer
    make = pooled(view, "MaxPool", dilation=Opt(short(layer.dilation), 1))
    pads = layer.whole_pads(view.shape)
    if own(view):
        return Code(make=make)
    return Code(f'{{self}}(F.pad({{0}}, {f_pad(pads)}, value=float("-inf")))', make)


def avg_pool(view: View) -> Code:
    layer = view.layer
    options = {"count_include_pad": Opt(layer.count_include_pad, True)}
    if layer.dims > 1:
        options["divisor_override"] = Opt(layer.divisor, None)
    make = pooled(view, "AvgPool", **options)
    if own(view):
        return Code(make=make)
    inner, outer = layer.counted_pads(view.shape)
    if layer.divisor is not None:
        inner, outer = layer.whole_pads(view.shape), ()
    if not any(map(any, outer)):
        return Code(f"{{self}}({padded_input(inner)})", make)
    text = f"avg_pool_counted({padded_input(inner)}, {size(view)}, {f_pad(outer)})"
    return Code(text, snippets=("avg_pool_counted",))


def lp_pool2d(view: View) -> Code:
    ceil = ", ceil_mode=True" if ceil_mode_matters(view) else ""
    text = f"lp_pool2d({{0}}, {literal(view.layer.norm_type)}, {size(view)}{ceil})"
    return Code(text, snippets=("lp_pool2d",))


def numbers_only(write: Callable[[View], Code], layer: str) -> Entry:
    """The entry of a layer whose padding is numbers."""
    gap = f'{layer} has no padding="same"'
    guarded: Entry = without_strided_same(entry(write), gap)
    return guarded


TABLE: dict[str, Entry] = {
    **{f"AvgPool{n}D": numbers_only(avg_pool, f"nn.AvgPool{n}d") for n in (1, 2, 3)},
    "LPPool2D": entry(lp_pool2d),
    **{f"MaxPool{n}D": numbers_only(max_pool, f"nn.MaxPool{n}d") for n in (1, 2, 3)},
}
