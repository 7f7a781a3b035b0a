"""What TensorFlow's programs say for pool layers."""

from __future__ import annotations

from polyframe.backends.tf.tables.common import mode, padded, paddings, short, wide
from polyframe.compiler.source import Opt, call, literal
from polyframe.compiler.table import Code, Entry, View, entry


def max_pool2d(view: View) -> Code:
    layer, pads = view.layer, view.layer.pads(view.shape)
    kernel = short(layer.kernel_size)
    padding = mode(pads, view.shape[1:], layer.kernel_size, layer.steps, layer.dense)
    if not padding:
        size = f"{literal(kernel)}, {literal(short(layer.steps))}"
        return Code(f"tf.nn.max_pool2d({{0}}, {size}, {paddings(pads)})")
    make = call(
        "layers.MaxPooling2D",
        {"pool_size": kernel},
        strides=Opt(short(layer.steps), kernel),
        padding=Opt(padding, "valid"),
    )
    return Code(make=make)


def avg_pool2d(view: View) -> Code:
    layer, pads = view.layer, view.layer.pads(view.shape)
    kernel = short(layer.kernel_size)
    padding = mode(pads, view.shape[1:], layer.kernel_size, layer.steps, layer.dense)
    y = "{self}({0})"
    if layer.count_include_pad and padded(pads):
        padding, y = "valid", f"{{self}}(tf.pad({{0}}, {paddings(pads)}))"
    elif not padding:
        size = f"{literal(kernel)}, {literal(short(layer.steps))}, {paddings(pads)}"
        y = f"avg_pool_counted({{0}}, {size})"
        if wide(view):
            y = f"avg_pool_counted(tf.cast({{0}}, tf.float32), {size})"
            y = f"tf.cast({y}, {{0}}.dtype)"
        return Code(y, snippets=("avg_pool_counted",))
    make = call(
        "layers.AveragePooling2D",
        {"pool_size": kernel},
        strides=Opt(short(layer.steps), kernel),
        padding=Opt(padding, "valid"),
        dtype=Opt(wide(view), None),
    )
    if wide(view):
        y = f"tf.cast({y}, {{0}}.dtype)"
    return Code(y, make)


TABLE: dict[str, Entry] = {
    "AvgPool2D": entry(avg_pool2d),
    "MaxPool2D": entry(max_pool2d),
}
