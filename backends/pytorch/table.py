"""What PyTorch's programs say for each layer."""

from __future__ import annotations

from typing import Any

from polyframe.compiler.program import Slot
from polyframe.compiler.source import Opt, call, literal
from polyframe.compiler.table import Code, Entry, Form, View, entry

AS_IS = {name: Slot(name) for name in ("weight", "bias", "running_mean", "running_var")}
"""PyTorch's parameters have the canonical names and layouts."""


def short(pair: tuple[Any, Any]) -> Any:
    """``(3, 3)`` is written ``3``."""
    return pair[0] if pair[0] == pair[1] else pair


def even(pads: Any) -> bool:
    """Whether both sides of each dimension are padded alike."""
    return all(lo == hi for lo, hi in pads)


def f_pad(pads: Any) -> str:
    """``F.pad`` counts from the last dimension: (left, right, top, bottom)."""
    (top, bottom), (left, right) = pads
    return literal((left, right, top, bottom))


def conv2d(view: View) -> Code:
    layer, pads = view.layer, view.layer.pads(view.shape)
    padding = short((pads[0][0], pads[1][0])) if even(pads) else 0
    make = call(
        "nn.Conv2d",
        {"in_channels": view.shape[0], "out_channels": layer.out_channels},
        kernel_size=short(layer.kernel_size),
        stride=Opt(short(layer.stride), 1),
        padding=Opt(padding, 0),
        dilation=Opt(short(layer.dilation), 1),
        groups=Opt(layer.groups, 1),
        bias=Opt(layer.bias, True),
    )
    forward = "{self}({0})" if even(pads) else f"{{self}}(F.pad({{0}}, {f_pad(pads)}))"
    return Code(forward, make, AS_IS)


def max_pool2d(view: View) -> Code:
    layer, pads = view.layer, view.layer.pads(view.shape)
    kernel = short(layer.kernel_size)
    make = call(
        "nn.MaxPool2d",
        {"kernel_size": kernel},
        stride=Opt(short(layer.steps), kernel),
        padding=Opt(short((pads[0][0], pads[1][0])) if even(pads) else 0, 0),
    )
    if even(pads):
        return Code(make=make)
    return Code(f'{{self}}(F.pad({{0}}, {f_pad(pads)}, value=float("-inf")))', make)


def avg_pool2d(view: View) -> Code:
    layer, pads = view.layer, view.layer.pads(view.shape)
    kernel = short(layer.kernel_size)
    if not even(pads) and not layer.count_include_pad:
        size = f"{literal(kernel)}, {literal(short(layer.steps))}, {f_pad(pads)}"
        return Code(f"avg_pool_counted({{0}}, {size})", snippets=("avg_pool_counted",))
    make = call(
        "nn.AvgPool2d",
        {"kernel_size": kernel},
        stride=Opt(short(layer.steps), kernel),
        padding=Opt(short((pads[0][0], pads[1][0])) if even(pads) else 0, 0),
        count_include_pad=Opt(layer.count_include_pad, True),
    )
    forward = "{self}({0})" if even(pads) else f"{{self}}(F.pad({{0}}, {f_pad(pads)}))"
    return Code(forward, make)


def batch_norm(view: View) -> Code:
    layer = view.layer
    function = "nn.BatchNorm2d" if len(view.shape) == 3 else "nn.BatchNorm1d"
    make = call(
        function if layer.unbiased else "BatchNorm",
        {"num_features": view.shape[0]},
        eps=Opt(layer.eps, 1e-5),
        momentum=Opt(layer.momentum, 0.1),
        affine=Opt(layer.affine, True),
    )
    return Code(
        make=make, weights=AS_IS, snippets=() if layer.unbiased else ("BatchNorm",)
    )


def dense(view: View) -> Code:
    make = call(
        "nn.Linear",
        {"in_features": view.shape[0], "out_features": view.layer.out_features},
        bias=Opt(view.layer.bias, True),
    )
    return Code(make=make, weights=AS_IS)


TABLE = {
    "Add": entry(Code("{sum}")),
    "AvgPool2D": entry(avg_pool2d),
    "BatchNorm": entry(batch_norm),
    "Concat": entry(lambda v: Code(f"torch.cat(({{all}}), dim={v.layer.axis})")),
    "Conv2D": entry(conv2d),
    "Dense": entry(dense),
    "Dropout": Entry(
        (
            Form(
                "aligned",
                lambda v: Code("{0} * {draw} if self.training else {0}"),
                lambda v: v.target.semantics == "aligned",
            ),
            Form("native", lambda v: Code(make=call("nn.Dropout", {"p": v.layer.p}))),
        )
    ),
    "Flatten": entry(Code(make=call("nn.Flatten"))),
    "GlobalAvgPool2D": entry(
        Code("{self}({0}).flatten(1)", call("nn.AdaptiveAvgPool2d", {"size": 1}))
    ),
    "MaxPool2D": entry(max_pool2d),
    "ReLU": entry(Code(make=call("nn.ReLU"))),
    "Softmax": entry(lambda v: Code(make=call("nn.Softmax", dim=v.layer.axis))),
}
