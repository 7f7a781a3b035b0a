"""What TensorFlow's programs say for batch norm layers."""

from __future__ import annotations

from typing import Any

from polyframe.compiler.program import Slot
from polyframe.compiler.python.code import Code
from polyframe.compiler.python.source import Opt, call
from polyframe.compiler.table import Entry, Form, View

NORM = {
    "weight": Slot("gamma"),
    "bias": Slot("beta"),
    "running_mean": Slot("moving_mean"),
    "running_var": Slot("moving_variance"),
}


def batch_norm(name: str) -> Any:
    """A batch norm of that class; Keras's momentum is the share that is kept."""

    def write(view: View) -> Code:
        layer = view.layer
        make = call(
            name,
            momentum=Opt(1 - layer.momentum, 0.99),
            epsilon=Opt(layer.eps, 0.001),
            center=Opt(layer.shifted, True),
            scale=Opt(layer.scaled, True),
        )
        snippets = () if name.startswith("layers.") else (name,)
        forward = "{self}({0}, training=training)"
        # Keras holds a layer to the rank of its first input.
        return Code(forward, make, NORM, snippets, rank=len(view.shape))

    return write


def written_out(view: View) -> Code:
    """The helper; another one where there are no running statistics."""
    layer = view.layer
    if layer.track_running_stats:
        found: Code = batch_norm("BatchNorm")(view)
        return found
    make = call(
        "BatchStatistics",
        epsilon=Opt(layer.eps, 1e-5),
        center=Opt(layer.shifted, True),
        scale=Opt(layer.scaled, True),
    )
    return Code(make=make, weights=NORM, snippets=("BatchStatistics",))


def biased(view: View) -> bool:
    """Where Keras's own layer means what is asked."""
    return view.layer.track_running_stats and not view.layer.unbiased


def fused(view: View) -> bool:
    """Where TensorFlow's fused kernel is: float32 images."""
    images = view.target.dtype == "float32" and len(view.shape) == 3
    return images and view.layer.track_running_stats


TABLE: dict[str, Entry] = {
    # Three forms: Keras's own means the same only where the variance is the biased
    # one, and takes 11.9 ms where the fused kernel takes 4.5 (64x32x32x32, two cores).
    "BatchNorm": Entry(
        (
            Form("native", batch_norm("layers.BatchNormalization"), biased),
            Form("fused", batch_norm("FusedBatchNorm"), fused),
            Form("written out", written_out),
        )
    ),
}
