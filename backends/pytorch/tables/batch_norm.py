"""What PyTorch's programs say for batch norm layers."""

from __future__ import annotations

from polyframe.backends.pytorch.tables.common import AS_IS
from polyframe.compiler.python.code import Code, entry
from polyframe.compiler.python.source import Opt, call
from polyframe.compiler.table import Entry, View


def batch_norm(view: View) -> Code:
    """PyTorch's own, or the helper where that lacks an option."""
    layer = view.layer
    snippets: tuple[str, ...] = ()
    function = f"nn.BatchNorm{max(1, len(view.shape) - 1)}d"
    unbiased = layer.unbiased or not layer.track_running_stats  # no matter there
    options = {
        "eps": Opt(layer.eps, 1e-5),
        "momentum": Opt(layer.momentum, 0.1),
        "affine": Opt(layer.scaled or layer.shifted, True),
        "track_running_stats": Opt(layer.track_running_stats, True),
    }
    if not unbiased or layer.scaled != layer.shifted:
        function, snippets = "BatchNorm", ("BatchNorm",)
        options |= {
            "unbiased": Opt(unbiased, False),
            "scale": Opt(layer.scaled or not layer.shifted, True),
            "shift": Opt(layer.shifted or not layer.scaled, True),
        }
    if view.node.fixed:
        function, snippets = "FixedBatchNorm", ("FixedBatchNorm",)
        del options["momentum"], options["track_running_stats"]
        options.pop("unbiased", None)
    make = call(function, {"num_features": view.shape[0]}, **options)
    return Code(make=make, weights=AS_IS, snippets=snippets)


TABLE: dict[str, Entry] = {
    "BatchNorm": entry(batch_norm),
}
