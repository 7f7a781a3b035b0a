"""What MXNet Gluon's programs say for norm layers."""

from __future__ import annotations

from polyframe.backends.gluon.tables.batch_norm import (
    NORM,
    helper,
    native_batch_norm,
)
from polyframe.backends.gluon.tables.common import inputs
from polyframe.compiler.python.code import Code, entry
from polyframe.compiler.python.source import Opt, call, literal
from polyframe.compiler.table import Entry, Form, View


def native_layer_norm(view: View) -> Code:
    """Gluon's own, over the last axis; any other axis is transposed to the end and back."""
    layer = view.layer
    make = call(
        "nn.LayerNorm",
        epsilon=Opt(layer.eps, 1e-5),
        center=Opt(layer.shifted, True),
        scale=Opt(layer.scaled, True),
        **inputs(view, "in_channels", layer.sizes(view.shape)[0]),
    )
    (axis,) = layer.over(view.shape)
    rank = len(view.shape) + 1
    order = [n for n in range(rank) if n != axis] + [axis]
    if order == sorted(order):
        return Code(make=make, weights=NORM)
    back = tuple(order.index(n) for n in range(rank))
    y = f"{{self}}(F.transpose({{0}}, {literal(tuple(order))}))"
    return Code(f"F.transpose({y}, {literal(back)})", make, NORM)


def layer_norm(view: View) -> Code:
    code: Code = helper(view, "Standardize", axes=view.layer.over(view.shape))
    return code


def one_axis(view: View) -> bool:
    """Where MXNet's kernel is exact enough: over one axis, in float32 (it rounds epsilon
    to float32), and of at most 1024 values, since it adds them up one by one."""
    sizes = view.layer.sizes(view.shape)
    return view.target.dtype == "float32" and len(sizes) == 1 and sizes[0] <= 1024


def rms_norm(view: View) -> Code:
    code: Code = helper(view, "RMSNorm", axes=view.layer.over(view.shape))
    return code


def group_norm(view: View) -> Code:
    code: Code = helper(view, "GroupNorm", num_groups=view.layer.num_groups)
    return code


def instance_norm(view: View) -> Code:
    """With running statistics, for inference alone: a batch norm."""
    code: Code = (
        native_batch_norm(view)
        if view.layer.track_running_stats
        else helper(view, "Standardize", axes=tuple(range(2, len(view.shape) + 1)))
    )
    return code


def untracked(view: View) -> bool:
    """Whether there are no running statistics to update."""
    return not (view.layer.track_running_stats and view.target.training)


def local_response_norm(view: View) -> Code:
    layer = view.layer
    numbers = (*layer.sides, layer.alpha, layer.beta, layer.k)
    inner = ", ".join(map(literal, numbers))
    name = "local_response_norm"
    return Code(f"{name}(F, {{0}}, {inner})", snippets=(name,))


TABLE: dict[str, Entry] = {
    "GroupNorm": entry(group_norm),
    "InstanceNorm": Entry((Form("native", instance_norm, untracked),)),
    # 24 ms and 106 ms for the channels of 32x32x32x32 (two cores).
    "LayerNorm": Entry(
        (
            Form("native", native_layer_norm, one_axis),
            Form("written out", layer_norm),
        )
    ),
    "LocalResponseNorm": entry(local_response_norm),
    "RMSNorm": entry(rms_norm),
}
