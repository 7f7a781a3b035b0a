"""What TensorFlow's programs say for batch norm layers."""

from __future__ import annotations

from collections.abc import Callable

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


def batch_norm(name: str, helper: bool = True) -> Callable[[View], Code]:
    """A batch norm of that class, one of our helpers or Keras's own; its momentum is the
    factor of the old statistics."""

    def write(view: View) -> Code:
        layer = view.layer
        make = call(
            name,
            momentum=Opt(1 - layer.momentum, 0.99),
            epsilon=Opt(layer.eps, 0.001),
            center=Opt(layer.shifted, True),
            scale=Opt(layer.scaled, True),
        )
        snippets = (name,) if helper else ()
        forward = "{self}({0}, training=training)"
        if view.node.fixed:
            forward = "{self}({0}, training=False)"  # its statistics are kept
        # A Keras layer refuses inputs of another rank than its first one.
        return Code(forward, make, NORM, snippets, rank=len(view.shape))

    return write


def written_out(view: View) -> Code:
    """The helper ``BatchNorm``, or ``BatchStatistics`` without running statistics."""
    layer = view.layer
    if layer.track_running_stats:
        return batch_norm("BatchNorm")(view)
    make = call(
        "BatchStatistics",
        epsilon=Opt(layer.eps, 1e-5),
        center=Opt(layer.shifted, True),
        scale=Opt(layer.scaled, True),
    )
    return Code(make=make, weights=NORM, snippets=("BatchStatistics",))


def biased(view: View) -> bool:
    """Whether Keras's own layer computes what is asked for."""
    return view.layer.track_running_stats and not view.layer.unbiased


def fused(view: View) -> bool:
    """Whether TensorFlow has a fused kernel: for float32 images, and it stores the
    unbiased variance."""
    images = view.target.dtype == "float32" and len(view.shape) == 3
    return images and view.layer.track_running_stats and view.layer.unbiased


TABLE: dict[str, Entry] = {
    # Three forms: Keras's own layer is right only for the biased variance, and takes
    # 11.9 ms where the fused kernel takes 4.5 ms (64x32x32x32, two cores).
    "BatchNorm": Entry(
        (
            Form(
                "native", batch_norm("layers.BatchNormalization", helper=False), biased
            ),
            Form("fused", batch_norm("FusedBatchNorm"), fused),
            # The helper stores the unbiased variance: another form for the biased one
            # would change what is saved.
            Form("written out", written_out, lambda view: not biased(view)),
        )
    ),
}
