"""What PyTorch's programs say for batch norm layers."""

from __future__ import annotations

from polyframe.backends.pytorch.tables.common import AS_IS
from polyframe.compiler.source import Opt, call
from polyframe.compiler.table import Code, Entry, View, entry


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


TABLE: dict[str, Entry] = {
    "BatchNorm": entry(batch_norm),
}
