"""What MXNet Gluon's programs say for pool layers."""

from __future__ import annotations

from polyframe.backends.gluon.tables.common import (
    even,
    padded,
    padded_entry,
    short,
    sides,
)
from polyframe.compiler.python.code import Code
from polyframe.compiler.python.source import Call, Opt, call, literal
from polyframe.compiler.table import Entry, View
from polyframe.spec.layers.windows import Pads


def own_ceil(view: View) -> bool:
    """Whether Gluon's layer makes the same windows: it rounds up, but never leaves out
    a window that starts after the input's end."""
    layer, pads = view.layer, view.layer.pads(view.shape)
    if not even(pads):
        return False
    axes = zip(
        view.shape[1:],
        pads,
        layer.kernel_size,
        layer.steps,
        layer.infer(view.shape)[1:],
        strict=True,
    )
    return all(
        n + lo + hi - k >= 0 and out == -((k - n - lo - hi) // s) + 1
        for n, (lo, hi), k, s, out in axes
    )


def ceil_mode_matters(view: View) -> bool:
    """Whether ceil_mode makes a difference for this input."""
    return any(map(any, view.layer.overhang(view.shape)))


def pooled(
    view: View,
    function: str,
    padding: int | tuple[int, ...],
    ceil: bool,
    **options: object,
) -> Call:
    """Gluon's layer."""
    kernel = short(view.layer.kernel_size)
    return call(
        f"nn.{function}{view.layer.dims}D",
        {"pool_size": kernel},
        strides=Opt(short(view.layer.steps), kernel),
        padding=Opt(padding, 0),
        ceil_mode=Opt(ceil, False),
        **options,
    )


def pooled_by_helper(name: str, pads: Pads, arguments: str, value: str = "") -> Code:
    """A call of a helper on the first input with that padding."""
    if not any(map(any, pads)):
        return Code(f"{name}(F, {{0}}, {arguments})", snippets=(name,))
    x = f"pad(F, {{0}}, {sides(pads)}{value})"
    return Code(f"{name}(F, {x}, {arguments})", snippets=("pad", name))


def size(view: View) -> str:
    """The kernel and the stride, as arguments."""
    return f"{literal(view.layer.kernel_size)}, {literal(view.layer.steps)}"


def max_pool(view: View) -> Code:
    layer, value = view.layer, f", value={LOWEST[view.target.dtype]}"
    pads = layer.whole_pads(view.shape)
    if max(layer.dilation) > 1:
        padded_size = tuple(
            n + lo + hi for n, (lo, hi) in zip(view.shape[1:], pads, strict=True)
        )
        sizes = f"{literal(padded_size)}, {size(view)}, {literal(layer.dilation)}"
        return pooled_by_helper("dilated_max_pool", pads, sizes, value)
    ceil = ceil_mode_matters(view) and own_ceil(view)
    padding, x, snippets = padded(layer.pads(view.shape) if ceil else pads, value)
    make = pooled(view, "MaxPool", padding, ceil)
    return Code("{self}(" + x + ")", make, snippets=snippets)


def avg_pool(view: View) -> Code:
    layer = view.layer
    inner, outer = layer.counted_pads(view.shape)
    if layer.divisor is not None:
        arguments = f"{size(view)}, {literal(layer.divisor)}"
        return pooled_by_helper("divided_pool", layer.whole_pads(view.shape), arguments)
    ceil = ceil_mode_matters(view) and own_ceil(view)
    if not any(map(any, outer)):
        padding, x, snippets = padded(inner)
        make = pooled(view, "AvgPool", padding, False)
        return Code("{self}(" + x + ")", make, snippets=snippets)
    if (
        not any(map(any, inner))
        and even(layer.pads(view.shape))
        and (ceil or not ceil_mode_matters(view))
    ):
        # Padding is not counted. Where it is counted and sizes are rounded up, the gradient
        # of MXNet's float32 CPU kernel is wrong, even without any padding.
        padding = short(tuple(low for low, _ in outer))
        make = pooled(view, "AvgPool", padding, ceil, count_include_pad=False)
        return Code(make=make)
    return pooled_by_helper("avg_pool_counted", inner, f"{size(view)}, {sides(outer)}")


def lp_pool2d(view: View) -> Code:
    arguments = f"{literal(view.layer.norm_type)}, {size(view)}"
    return pooled_by_helper("lp_pool2d", view.layer.whole_pads(view.shape), arguments)


LOWEST = {"float32": "-3.4028234663852886e38", "float64": "-1.7976931348623157e308"}


TABLE: dict[str, Entry] = {
    "AvgPool1D": padded_entry(avg_pool),
    "AvgPool2D": padded_entry(avg_pool),
    "AvgPool3D": padded_entry(avg_pool),
    "LPPool2D": padded_entry(lp_pool2d),
    "MaxPool1D": padded_entry(max_pool),
    "MaxPool2D": padded_entry(max_pool),
    "MaxPool3D": padded_entry(max_pool),
}
