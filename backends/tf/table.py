"""What TensorFlow's programs say for each layer. Images are NHWC inside."""

from __future__ import annotations

import math
from typing import Any

from polyframe.compiler.program import Slot
from polyframe.compiler.source import Opt, call, literal
from polyframe.compiler.table import Code, Entry, Form, View, entry
from polyframe.spec.layers.activation import positive_axis
from polyframe.spec.layers.base import Shape
from polyframe.spec.layers.windows import resolve_padding

BIAS = {"bias": Slot("bias")}
CONV = {"weight": Slot("kernel", perm=(2, 3, 1, 0)), **BIAS}
DENSE = {"weight": Slot("kernel", perm=(1, 0)), **BIAS}
NORM = {
    "weight": Slot("gamma"),
    "bias": Slot("beta"),
    "running_mean": Slot("moving_mean"),
    "running_var": Slot("moving_variance"),
}
ZERO = ((0, 0), (0, 0))


def native_shape(shape: Shape) -> Shape:
    """(C, H, W) as TensorFlow holds it: (H, W, C)."""
    return (*shape[1:], shape[0]) if len(shape) == 3 else shape


def native_axis(axis: int, shape: Shape) -> int:
    """A neutral axis as TensorFlow counts it; the channels are -1."""
    found = positive_axis(axis, shape)
    if len(shape) != 3:
        return found
    return -1 if found == 1 else found - 1


def short(pair: tuple[Any, Any]) -> Any:
    """``(3, 3)`` is written ``3``."""
    return pair[0] if pair[0] == pair[1] else pair


def paddings(pads: Any) -> str:
    """The argument of ``tf.pad``: a pair for each axis."""
    (top, bottom), (left, right) = pads
    return f"[[0, 0], [{top}, {bottom}], [{left}, {right}], [0, 0]]"


def mode(pads: Any, size: Any, kernel: Any, stride: Any, dilation: Any = (1, 1)) -> str:
    """Keras's word for explicit padding: "valid", "same", or "" where it has none."""
    if pads == ZERO:
        return "valid"
    if pads == resolve_padding("same", size, kernel, stride, dilation):
        return "same"
    return ""


def biased(view: View, name: str) -> str:
    """Keras's layer, or ours of that name, whose bias is added in float32."""
    return name if bias_snippets(view, name) else f"layers.{name}"


def bias_snippets(view: View, name: str) -> tuple[str, ...]:
    """The snippets for it: TensorFlow's CPU kernel sums a bfloat16 bias's gradient in
    bfloat16, which leaves out all but the first few hundred terms."""
    low = (view.target.precision, view.target.device) == ("bfloat16", "cpu")
    return ("FloatBias", name) if low and view.layer.bias else ()


def wide(view: View) -> str | None:
    """The dtype of a layer whose float16 kernel sums in float16 on the CPU."""
    low = (view.target.precision, view.target.device) == ("float16", "cpu")
    return "float32" if low else None


def conv2d(view: View) -> Code:
    layer, pads = view.layer, view.layer.pads(view.shape)
    stride, dilation = layer.stride, layer.dilation
    padding = mode(pads, view.shape[1:], layer.kernel_size, stride, dilation)
    x, y = "{0}", "{self}({0})"
    if max(stride) > 1 and max(dilation) > 1:
        # TensorFlow strides or dilates, not both. What stride and dilation have in
        # common is done by slicing the input, what is left of the stride by slicing
        # the output of a dilated convolution.
        padding = ""
        common = tuple(math.gcd(s, d) for s, d in zip(stride, dilation, strict=True))
        stride = tuple(s // g for s, g in zip(stride, common, strict=True))
        dilation = tuple(d // g for d, g in zip(dilation, common, strict=True))
        x = f"tf.pad({{0}}, {paddings(pads)})" if pads != ZERO else x
        x = x + steps(common)
        y = "{self}(" + x + ")"
        if max(stride) > 1 and max(dilation) > 1:
            y, stride = y + steps(stride), (1, 1)
    elif not padding:
        y = f"{{self}}(tf.pad({{0}}, {paddings(pads)}))"
    options = {
        "strides": Opt(short(stride), 1),
        "padding": Opt(padding or "valid", "valid"),
        "dilation_rate": Opt(short(dilation), 1),
        "use_bias": Opt(layer.bias, True),
    }
    head = {"filters": layer.out_channels, "kernel_size": short(layer.kernel_size)}
    if layer.groups == 1:
        make = call(biased(view, "Conv2D"), head, **options)
        return Code(y, make, CONV, bias_snippets(view, "Conv2D"))
    if layer.groups == view.shape[0] and stride[0] == stride[1]:
        return depthwise(view, y, options)
    groups = {"groups": layer.groups}
    make = call("GroupedConv2D", head, **groups, **options)
    return Code(y, make, CONV, ("GroupedConv2D",))


def depthwise(view: View, y: str, options: dict[str, Any]) -> Code:
    layer, channels = view.layer, view.shape[0]
    multiplier = layer.out_channels // channels
    make = call(
        biased(view, "DepthwiseConv2D"),
        {"kernel_size": short(layer.kernel_size)},
        depth_multiplier=Opt(multiplier, 1),
        dtype=Opt(wide(view), None),
        **options,
    )
    shape = (channels, multiplier, *layer.kernel_size)
    canonical = (layer.out_channels, 1, *layer.kernel_size)
    kernel = Slot("kernel", shape, (2, 3, 0, 1), canonical)
    weights = {"weight": kernel, **BIAS}
    if wide(view):
        y = f"tf.cast({y}, {{0}}.dtype)"
    return Code(y, make, weights, bias_snippets(view, "DepthwiseConv2D"))


def steps(pair: Any) -> str:
    """``[:, ::2, ::2]``: every second row and column."""
    rows, columns = (f"::{n}" if n > 1 else ":" for n in pair)
    return f"[:, {rows}, {columns}]" if max(pair) > 1 else ""


def max_pool2d(view: View) -> Code:
    layer, pads = view.layer, view.layer.pads(view.shape)
    kernel = short(layer.kernel_size)
    padding = mode(pads, view.shape[1:], layer.kernel_size, layer.steps)
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
    padding = mode(pads, view.shape[1:], layer.kernel_size, layer.steps)
    y = "{self}({0})"
    if layer.count_include_pad and pads != ZERO:
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


def batch_norm(name: str) -> Any:
    """A batch norm of that class; Keras's momentum is the share that is kept."""

    def write(view: View) -> Code:
        layer = view.layer
        make = call(
            name,
            momentum=Opt(1 - layer.momentum, 0.99),
            epsilon=Opt(layer.eps, 0.001),
            center=Opt(layer.affine, True),
            scale=Opt(layer.affine, True),
        )
        snippets = () if name.startswith("layers.") else (name,)
        return Code("{self}({0}, training=training)", make, NORM, snippets)

    return write


def fused(view: View) -> bool:
    """Where TensorFlow's fused kernel is: float32 images."""
    return view.target.dtype == "float32" and len(view.shape) == 3


def flatten(view: View) -> Code:
    make = call("layers.Flatten")
    if len(view.shape) < 3 or view.shape[0] == 1 or view.shape[1:] == (1, 1):
        return Code(make=make)
    return Code("{self}(tf.transpose({0}, (0, 3, 1, 2)))", make)


def dense(view: View) -> Code:
    make = call(
        biased(view, "Dense"),
        {"units": view.layer.out_features},
        use_bias=Opt(view.layer.bias, True),
    )
    return Code(make=make, weights=DENSE, snippets=bias_snippets(view, "Dense"))


def along(function: str, forward: str) -> Any:
    """A layer with an axis."""

    def write(view: View) -> Code:
        axis = native_axis(view.layer.axis, view.shape)
        return Code(forward, call(function, axis=Opt(axis, -1)))

    return write


TABLE = {
    "Add": entry(Code("{self}([{all}])", call("layers.Add"))),
    "AvgPool2D": entry(avg_pool2d),
    # Three forms: Keras's own means the same only where the variance is the biased
    # one, and takes 11.9 ms where the fused kernel takes 4.5 (64x32x32x32, two cores).
    "BatchNorm": Entry(
        (
            Form(
                "native",
                batch_norm("layers.BatchNormalization"),
                lambda v: not v.layer.unbiased,
            ),
            Form("fused", batch_norm("FusedBatchNorm"), fused),
            Form("written out", batch_norm("BatchNorm")),
        )
    ),
    "Concat": entry(along("layers.Concatenate", "{self}([{all}])")),
    "Conv2D": entry(conv2d),
    "Dense": entry(dense),
    "Dropout": Entry(
        (
            Form(
                "aligned",
                lambda v: Code("{0} * {draw} if training else {0}"),
                lambda v: v.target.semantics == "aligned" and v.target.training,
            ),
            Form(
                "native",
                lambda v: Code(
                    "{self}({0}, training=training)",
                    call("layers.Dropout", {"rate": v.layer.p}),
                ),
            ),
        )
    ),
    "Flatten": entry(flatten),
    "GlobalAvgPool2D": entry(Code(make=call("layers.GlobalAveragePooling2D"))),
    "MaxPool2D": entry(max_pool2d),
    "ReLU": entry(Code(make=call("layers.ReLU"))),
    "Softmax": entry(along("layers.Softmax", "{self}({0})")),
}
