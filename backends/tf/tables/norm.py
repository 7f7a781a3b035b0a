"""What TensorFlow's programs say for norm layers."""

from __future__ import annotations

from polyframe.backends.tf.tables.batch_norm import NORM
from polyframe.backends.tf.tables.common import native_axis
from polyframe.compiler.program import Slot
from polyframe.compiler.python.code import Code, entry
from polyframe.compiler.python.source import Opt, call, literal
from polyframe.compiler.table import Entry, Form, View


def native_axes(view: View) -> list[int]:
    """The normalised axes in TensorFlow's order, counted from N = 0."""
    rank = len(view.shape) + 1
    over = view.layer.over(view.shape)
    return sorted(native_axis(axis, view.shape) % rank for axis in over)


def axis(view: View) -> int | tuple[int, ...]:
    """The same for Keras's ``axis``: the channels alone are -1."""
    axes = native_axes(view)
    return -1 if axes == [len(view.shape)] else tuple(axes)


def keras_slot(view: View, path: str) -> Slot:
    """The slot of weights over the normalised axes; in Keras the channels come last."""
    over = view.layer.over(view.shape)
    moved = over[0] == 1 and len(over) > 1
    return Slot(path, perm=(*range(1, len(over)), 0) if moved else None)


def layer_norm(view: View) -> Code:
    layer = view.layer
    make = call(
        "layers.LayerNormalization",
        axis=Opt(axis(view), -1),
        epsilon=Opt(layer.eps, 0.001),
        center=Opt(layer.shifted, True),
        scale=Opt(layer.elementwise_affine, True),
    )
    weights = {
        "weight": keras_slot(view, "gamma"),
        "bias": keras_slot(view, "beta"),
    }
    return Code(make=make, weights=weights)


def rms_norm(view: View) -> Code:
    """Keras's own is for the last axes, and always has weights."""
    layer, rank = view.layer, len(view.shape) + 1
    axes = native_axes(view)
    if layer.elementwise_affine and axes == list(range(axes[0], rank)):
        make = call(
            "layers.RMSNormalization",
            axis=Opt(axis(view), -1),
            epsilon=Opt(layer.eps, 1e-6),
        )
        return Code(make=make, weights={"weight": keras_slot(view, "scale")})
    make = call(
        "RMSNorm",
        axis=tuple(axes),
        epsilon=Opt(layer.eps, 1e-6),
        scale=Opt(layer.elementwise_affine, True),
    )
    weights = {"weight": keras_slot(view, "gamma")}
    return Code(make=make, weights=weights, snippets=("RMSNorm",))


def group_norm(view: View) -> Code:
    layer = view.layer
    make = call(
        "layers.GroupNormalization",
        groups=Opt(layer.num_groups, 32),
        epsilon=Opt(layer.eps, 0.001),
        center=Opt(layer.affine, True),
        scale=Opt(layer.affine, True),
    )
    return Code(make=make, weights=NORM, rank=len(view.shape))


def instance_norm(view: View) -> Code:
    """As Keras writes it, groups of one channel; a helper has running statistics."""
    layer = view.layer
    options = {
        "epsilon": Opt(layer.eps, 0.001),
        "center": Opt(layer.affine, True),
        "scale": Opt(layer.affine, True),
    }
    if not layer.track_running_stats:
        make = call("layers.GroupNormalization", groups=-1, **options)
        return Code(make=make, weights=NORM, rank=len(view.shape))
    momentum = Opt(1 - layer.momentum, 0.99)
    make = call("InstanceNorm", momentum=momentum, **options)
    mode = "False" if view.node.fixed else "training"
    forward = f"{{self}}({{0}}, training={mode})"
    return Code(forward, make, NORM, ("InstanceNorm",), len(view.shape))


def native_response_norm(view: View) -> Code:
    layer = view.layer
    size = f"depth_radius={layer.size // 2}, bias={literal(layer.k)}"
    scale = f"alpha={literal(layer.alpha / layer.size)}, beta={literal(layer.beta)}"
    return Code(f"tf.nn.local_response_normalization({{0}}, {size}, {scale})")


def local_response_norm(view: View) -> Code:
    layer = view.layer
    numbers = (*layer.sides, layer.alpha, layer.beta, layer.k)
    inner = ", ".join(map(literal, numbers))
    name = "local_response_norm"
    return Code(f"{name}({{0}}, {inner})", snippets=(name,))


def own_response_norm(view: View) -> bool:
    """Whether TensorFlow's operator computes it: for float32 images, and as many channels
    on both sides."""
    images = view.target.dtype == "float32" and len(view.shape) == 3
    return images and view.layer.size % 2 == 1


TABLE: dict[str, Entry] = {
    "GroupNorm": entry(group_norm),
    "InstanceNorm": entry(instance_norm),
    "LayerNorm": entry(layer_norm),
    # 25 ms and 35 ms (32x32x32x32, size 5, two cores).
    "LocalResponseNorm": Entry(
        (
            Form("native", native_response_norm, own_response_norm),
            Form("written out", local_response_norm),
        )
    ),
    "RMSNorm": entry(rms_norm),
}
