"""What TensorFlow's programs say for pool layers."""

from __future__ import annotations

from polyframe.backends.tf.tables.common import mode, padded, paddings, short, wide
from polyframe.compiler.python.code import Code, entry
from polyframe.compiler.python.source import Call, Opt, call, literal
from polyframe.compiler.table import Entry, Form, View
from polyframe.spec.layers.windows import Pads, Sizes


def keras(view: View, function: str, padding: str, **options: object) -> Call:
    """Keras's layer."""
    kernel = short(view.layer.kernel_size)
    return call(
        f"layers.{function}Pooling{view.layer.dims}D",
        {"pool_size": kernel},
        strides=Opt(short(view.layer.steps), kernel),
        padding=Opt(padding, "valid"),
        **options,
    )


def keras_mode(view: View, pads: Pads, size: Sizes) -> str:
    """Keras's name for that padding of an input of that size, or ""."""
    layer = view.layer
    name: str = mode(pads, size, layer.kernel_size, layer.steps, layer.spacing)
    return name


def padded_input(pads: Pads, value: str = "") -> str:
    """The first input with that padding."""
    return f"tf.pad({{0}}, {paddings(pads)}{value})" if padded(pads) else "{0}"


def lowest(pads: Pads) -> str:
    """The first input padded with the lowest number of its dtype."""
    return padded_input(pads, ", constant_values={0}.dtype.min")


def sizes(view: View) -> str:
    """The kernel and the stride, as arguments."""
    layer = view.layer
    return f"{literal(short(layer.kernel_size))}, {literal(short(layer.steps))}"


def float32(view: View) -> bool:
    """The only dtype that TensorFlow has 3-D kernels for."""
    return view.target.dtype == "float32"


def max_pool(view: View) -> Code:
    layer, pads = view.layer, view.layer.whole_pads(view.shape)
    if max(layer.dilation) > 1:
        return max_pool_written_out(view)
    padding = keras_mode(view, pads, view.shape[1:])
    if padding:
        return Code(make=keras(view, "Max", padding))
    if layer.dims == 2:
        return Code(f"tf.nn.max_pool2d({{0}}, {sizes(view)}, {paddings(pads)})")
    return Code(f"{{self}}({lowest(pads)})", keras(view, "Max", "valid"))


def max_pool_written_out(view: View) -> Code:
    layer, pads = view.layer, view.layer.whole_pads(view.shape)
    given = (layer.kernel_size, layer.steps, layer.dilation)
    text = f"max_pool({lowest(pads)}, {', '.join(map(literal, given))})"
    return Code(text, snippets=("max_pool",))


def avg_pool(view: View) -> Code:
    layer = view.layer
    inner, outer = layer.counted_pads(view.shape)
    size = tuple(n + lo + hi for n, (lo, hi) in zip(view.shape[1:], inner, strict=True))
    padding = keras_mode(view, outer, size)
    if layer.divisor is not None or not padding:
        return pooled_by_helper(view)
    make = keras(view, "Average", padding, dtype=Opt(wide(view), None))
    y = f"{{self}}({padded_input(inner)})"
    return Code(f"tf.cast({y}, {{0}}.dtype)" if wide(view) else y, make)


def avg_pool3d_written_out(view: View) -> Code:
    layer = view.layer
    inner, outer = layer.counted_pads(view.shape)
    if layer.divisor is not None or padded(outer):
        return pooled_by_helper(view, "avg_pool3d")
    given = f"{literal(layer.kernel_size)}, {literal(layer.steps)}"
    text = f'avg_pool3d({padded_input(inner)}, {given}, "VALID")'
    return Code(text, snippets=("avg_pool3d",))


def pooled_by_helper(view: View, pool: str = "") -> Code:
    """Average pooling by a helper, which divides by the number of values that count in
    each window; ``pool`` is the helper that it pools with."""
    layer = view.layer
    inner, outer = layer.counted_pads(view.shape)
    if layer.divisor is not None:
        helper, inner = "avg_pool_divided", layer.whole_pads(view.shape)
        last = literal(layer.divisor)
    else:
        helper, last = "avg_pool_counted", paddings(outer)
    x = (
        f"tf.cast({padded_input(inner)}, tf.float32)"
        if wide(view)
        else padded_input(inner)
    )
    own = (pool,) if pool else ()
    given = (literal(layer.kernel_size), literal(layer.steps), last, *own)
    y = f"{helper}({x}, {', '.join(given)})"
    y = f"tf.cast({y}, {{0}}.dtype)" if wide(view) else y
    return Code(y, snippets=(*own, helper))


def lp_pool2d(view: View) -> Code:
    layer, x = view.layer, padded_input(view.layer.whole_pads(view.shape))
    given = (layer.norm_type, layer.kernel_size, layer.steps)
    text = f"lp_pool2d({x}, {', '.join(map(literal, given))})"
    return Code(text, snippets=("lp_pool2d",))


TABLE: dict[str, Entry] = {
    "AvgPool1D": entry(avg_pool),
    "AvgPool2D": entry(avg_pool),
    "AvgPool3D": Entry(
        (
            Form("native", avg_pool, float32),
            Form("written out", avg_pool3d_written_out),
        )
    ),
    "LPPool2D": entry(lp_pool2d),
    "MaxPool1D": entry(max_pool),
    "MaxPool2D": entry(max_pool),
    "MaxPool3D": Entry(
        (
            Form("native", max_pool, float32),
            Form("written out", max_pool_written_out),
        )
    ),
}
