"""What PyTorch's programs say for norm layers."""

from __future__ import annotations

from polyframe.backends.pytorch.tables.common import AS_IS
from polyframe.compiler.python.code import Code, entry
from polyframe.compiler.python.source import Opt, call
from polyframe.compiler.table import Entry, View


def layer_norm(view: View) -> Code:
    layer = view.layer
    make = call(
        "nn.LayerNorm",
        {"normalized_shape": normalized(view)},
        eps=Opt(layer.eps, 1e-5),
        elementwise_affine=Opt(layer.elementwise_affine, True),
        bias=Opt(layer.bias or not layer.elementwise_affine, True),
    )
    return Code(last(view), make, AS_IS)


def rms_norm(view: View) -> Code:
    layer = view.layer
    make = call(
        "nn.RMSNorm",
        {"normalized_shape": normalized(view)},
        eps=layer.eps,
        elementwise_affine=Opt(layer.elementwise_affine, True),
    )
    return Code(last(view), make, AS_IS)


def normalized(view: View) -> int | tuple[int, ...]:
    """The sizes of the normalised axes; ``(32,)`` is written ``32``."""
    sizes: tuple[int, ...] = view.layer.sizes(view.shape)
    return sizes[0] if len(sizes) == 1 else sizes


def last(view: View) -> str:
    """The call with the normalised axes as the last ones, and back."""
    over, rank = view.layer.over(view.shape), len(view.shape) + 1
    order = [axis for axis in range(rank) if axis not in over] + list(over)
    if order == sorted(order):
        return "{self}({0})"
    there = ", ".join(map(str, order))
    back = ", ".join(str(order.index(axis)) for axis in range(rank))
    return f"{{self}}({{0}}.permute({there})).permute({back})"


def group_norm(view: View) -> Code:
    layer = view.layer
    make = call(
        "nn.GroupNorm",
        {"num_groups": layer.num_groups, "num_channels": view.shape[0]},
        eps=Opt(layer.eps, 1e-5),
        affine=Opt(layer.affine, True),
    )
    return Code(make=make, weights=AS_IS)


def instance_norm(view: View) -> Code:
    layer = view.layer
    make = call(
        f"nn.InstanceNorm{len(view.shape) - 1}d",
        {"num_features": view.shape[0]},
        eps=Opt(layer.eps, 1e-5),
        momentum=Opt(layer.momentum, 0.1),
        affine=Opt(layer.affine, False),
        track_running_stats=Opt(layer.track_running_stats, False),
    )
    return Code(make=make, weights=AS_IS)


def local_response_norm(view: View) -> Code:
    layer = view.layer
    make = call(
        "nn.LocalResponseNorm",
        {"size": layer.size},
        alpha=Opt(layer.alpha, 1e-4),
        beta=Opt(layer.beta, 0.75),
        k=Opt(layer.k, 1.0),
    )
    return Code(make=make)


TABLE: dict[str, Entry] = {
    "GroupNorm": entry(group_norm),
    "InstanceNorm": entry(instance_norm),
    "LayerNorm": entry(layer_norm),
    "LocalResponseNorm": entry(local_response_norm),
    "RMSNorm": entry(rms_norm),
}
