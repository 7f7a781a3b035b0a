"""What MXNet Gluon's programs say for each layer."""

from __future__ import annotations

import math
from typing import Any

from polyframe.compiler.program import Slot
from polyframe.compiler.source import Opt, call, literal
from polyframe.compiler.table import Code, Entry, Form, View, entry

WEIGHTS = {"weight": Slot("weight"), "bias": Slot("bias")}
NORM = {
    "weight": Slot("gamma"),
    "bias": Slot("beta"),
    "running_mean": Slot("running_mean"),
    "running_var": Slot("running_var"),
}
LOWEST = {"float32": "-3.4028234663852886e38", "float64": "-1.7976931348623157e308"}


def short(pair: tuple[Any, Any]) -> Any:
    """``(3, 3)`` is written ``3``."""
    return pair[0] if pair[0] == pair[1] else pair


def even(pads: Any) -> bool:
    """Whether both sides of each dimension are padded alike."""
    return all(lo == hi for lo, hi in pads)


def padded(pads: Any, value: str = "") -> tuple[Any, str, tuple[str, ...]]:
    """(the layer's own padding, its input, helpers): uneven padding goes in front."""
    if even(pads):
        return short((pads[0][0], pads[1][0])), "{0}", ()
    sides = ", ".join(str(n) for pair in pads for n in pair)
    return 0, f"pad(F, {{0}}, {sides}{value})", ("pad",)


def low(view: View, name: str) -> str:
    """Gluon's layer, or ours of that name, which computes in a lower precision."""
    return name if view.target.precision else f"nn.{name}"


def lowered(view: View, name: str) -> tuple[str, ...]:
    """The snippets that the layer needs for it."""
    return ("Low", name) if view.target.precision else ()


def conv2d(view: View) -> Code:
    layer = view.layer
    padding, x, snippets = padded(layer.pads(view.shape))
    make = call(
        low(view, "Conv2D"),
        {"channels": layer.out_channels},
        kernel_size=short(layer.kernel_size),
        strides=Opt(short(layer.stride), 1),
        padding=Opt(padding, 0),
        dilation=Opt(short(layer.dilation), 1),
        groups=Opt(layer.groups, 1),
        use_bias=Opt(layer.bias, True),
        in_channels=view.shape[0],
    )
    return Code(
        "{self}(" + x + ")", make, WEIGHTS, (*snippets, *lowered(view, "Conv2D"))
    )


def max_pool2d(view: View) -> Code:
    layer = view.layer
    value = f", {LOWEST[view.target.dtype]}"
    padding, x, snippets = padded(layer.pads(view.shape), value)
    kernel = short(layer.kernel_size)
    make = call(
        "nn.MaxPool2D",
        {"pool_size": kernel},
        strides=Opt(short(layer.steps), kernel),
        padding=Opt(padding, 0),
    )
    return Code("{self}(" + x + ")", make, snippets=snippets)


def avg_pool2d(view: View) -> Code:
    layer, pads = view.layer, view.layer.pads(view.shape)
    if not even(pads) and not layer.count_include_pad:
        sides = ", ".join(str(n) for pair in pads for n in pair)
        size = f"{literal(layer.kernel_size)}, {literal(layer.steps)}, {sides}"
        return Code(
            f"avg_pool_counted(F, {{0}}, {size})", snippets=("pad", "avg_pool_counted")
        )
    padding, x, snippets = padded(pads)
    kernel = short(layer.kernel_size)
    make = call(
        "nn.AvgPool2D",
        {"pool_size": kernel},
        strides=Opt(short(layer.steps), kernel),
        padding=Opt(padding, 0),
        count_include_pad=Opt(layer.count_include_pad, True),
    )
    return Code("{self}(" + x + ")", make, snippets=snippets)


def batch_norm(view: View) -> Code:
    """The helper, which follows the neutral meaning to the last bit."""
    layer = view.layer
    make = call(
        "BatchNorm",
        positions=Opt(math.prod(view.shape[1:]), 1),
        momentum=Opt(layer.momentum, 0.1),
        unbiased=Opt(layer.unbiased, True),
        epsilon=Opt(layer.eps, 1e-5),
        in_channels=view.shape[0],
        scale=Opt(layer.affine, True),
        center=Opt(layer.affine, True),
    )
    return Code(make=make, weights=NORM, snippets=("BatchNorm", "batch_norms"))


def native_batch_norm(view: View) -> Code:
    """Gluon's own: it keeps 1 - momentum of the old, in float32."""
    layer = view.layer
    make = call(
        "nn.BatchNorm",
        momentum=Opt(1 - layer.momentum, 0.9),
        epsilon=Opt(layer.eps, 1e-5),
        in_channels=view.shape[0],
        scale=Opt(layer.affine, True),
        center=Opt(layer.affine, True),
    )
    return Code(make=make, weights=NORM)


def once(view: View) -> bool:
    """Whether running statistics come out right (see the entry's gap)."""
    return not (view.node.shared and view.target.training)


def own_batch_norm(view: View) -> bool:
    """Where Gluon's layer means what is asked: no training, or its own semantics."""
    if not view.target.training:
        return True
    native = view.target.semantics == "native" and not view.layer.unbiased
    return native and once(view)


def dense(view: View) -> Code:
    make = call(
        low(view, "Dense"),
        {"units": view.layer.out_features},
        use_bias=Opt(view.layer.bias, True),
        in_units=view.shape[0],
    )
    return Code(make=make, weights=WEIGHTS, snippets=lowered(view, "Dense"))


TABLE = {
    "Add": entry(Code("{sum}")),
    "AvgPool2D": entry(avg_pool2d),
    "BatchNorm": Entry(
        (
            Form("native", native_batch_norm, own_batch_norm),
            Form("exact statistics", batch_norm, once),
        ),
        gap="MXNet updates running statistics in the backward pass, so of a batch norm "
        "that is shared only the first call's remain (upstream)",
    ),
    "Concat": entry(lambda v: Code(f"F.concat({{all}}, dim={v.layer.axis})")),
    "Conv2D": entry(conv2d),
    "Dense": entry(dense),
    "Dropout": Entry(
        (
            Form(
                "aligned",
                lambda v: Code("{0} * {draw} if draws else {0}"),
                lambda v: v.target.semantics == "aligned" and v.target.training,
            ),
            Form(
                "native", lambda v: Code(make=call("nn.Dropout", {"rate": v.layer.p}))
            ),
        )
    ),
    "Flatten": entry(Code(make=call("nn.Flatten"))),
    "GlobalAvgPool2D": entry(
        Code("{self}({0}).flatten()", call("nn.GlobalAvgPool2D")),
    ),
    "MaxPool2D": entry(max_pool2d),
    "ReLU": entry(Code(make=call("nn.Activation", {"activation": "relu"}))),
    "Softmax": entry(lambda v: Code(f"F.softmax({{0}}, axis={v.layer.axis})")),
}
