"""What TensorFlow's programs say for depthwise and separable convolutions."""

from __future__ import annotations

from polyframe.backends.tf.tables import conv
from polyframe.backends.tf.tables.common import BIAS, short
from polyframe.compiler.program import Slot
from polyframe.compiler.python.code import Code, entry
from polyframe.compiler.python.source import Opt, call
from polyframe.compiler.table import Entry, Form, View


def depthwise(view: View) -> Code:
    code: Code = conv.depthwise(view, view.layer.conv(view.shape[0]))
    return code


def separable(view: View) -> Code:
    layer = view.layer
    first = layer.depthwise(view.shape[0])
    y, options, helpers = conv.padding_and_strides(first, view.shape, equal=True)
    make = call(
        "layers.SeparableConv2D",
        {"filters": layer.out_channels, "kernel_size": short(layer.kernel_size)},
        depth_multiplier=Opt(layer.depth_multiplier, 1),
        **options,
        use_bias=Opt(layer.bias, True),
    )
    weights = {
        "depthwise_weight": conv.depthwise_kernel(
            "depthwise_kernel", first, view.shape[0]
        ),
        "pointwise_weight": Slot("pointwise_kernel", perm=(2, 3, 1, 0)),
        **BIAS,
    }
    return Code(y, make, weights, helpers)


TABLE: dict[str, Entry] = {
    "DepthwiseConv2D": Entry((conv.SINGLE_POSITION, Form("native", depthwise))),
    "SeparableConv2D": entry(separable),
}
