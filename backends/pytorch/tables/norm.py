"""What PyTorch's programs say for norm layers."""

from __future__ import annotations

from dataclasses import replace

from polyframe.backends.pytorch.tables.common import AS_IS
from polyframe.compiler.python.code import Code, entry
from polyframe.compiler.python.source import Call, Opt, call
from polyframe.compiler.table import Entry, Form, View


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


def crashes(view: View) -> bool:
    """Whether PyTorch's group norm may kill the process: where its weights need a
    gradient and its input needs none, if the input is in the memory format
    channels_last (seen in 2.13). On a GPU it copies such inputs first, whatever they
    need."""
    return view.target.device == "cpu" and view.layer.affine


def group_norm(view: View) -> Code:
    """PyTorch's own. Its input is contiguous unless axes have been permuted."""
    images = len(view.shape) > 2  # no other inputs have such a memory format
    forward = "{self}({0}.contiguous())" if images and crashes(view) else "{self}({0})"
    return Code(forward, norm_of_groups("nn.GroupNorm", view), AS_IS)


def safe_group_norm(view: View) -> Code:
    """The class that copies its input only where PyTorch's own would crash: elsewhere
    that is faster in channels_last than on a copy."""
    make = norm_of_groups("GroupNorm", view)
    return Code(make=make, weights=AS_IS, snippets=("GroupNorm",))


def norm_of_groups(function: str, view: View) -> Call:
    layer = view.layer
    return call(
        function,
        {"num_groups": layer.num_groups, "num_channels": view.shape[0]},
        eps=Opt(layer.eps, 1e-5),
        affine=Opt(layer.affine, True),
    )


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
    if view.node.fixed:
        name = "FixedInstanceNorm"
        return Code(make=replace(make, function=name), weights=AS_IS, snippets=(name,))
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
    "GroupNorm": Entry(
        (
            Form(
                "contiguous where frozen",
                safe_group_norm,
                crashes,
                faster=True,
                why="The same norm; its input is copied to (N, C, H, W) only where "
                "PyTorch's kernel needs that.",
            ),
            Form("native", group_norm),
        )
    ),
    "InstanceNorm": entry(instance_norm),
    "LayerNorm": entry(layer_norm),
    "LocalResponseNorm": entry(local_response_norm),
    "RMSNorm": entry(rms_norm),
}
