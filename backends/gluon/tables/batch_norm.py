"""What MXNet Gluon's programs say for batch norm layers."""

from __future__ import annotations

import math

from polyframe.backends.gluon.tables.common import inputs
from polyframe.compiler.program import Slot
from polyframe.compiler.python.code import Code
from polyframe.compiler.python.source import Opt, call
from polyframe.compiler.table import Entry, Form, View

NORM = {
    "weight": Slot("gamma"),
    "bias": Slot("beta"),
    "running_mean": Slot("running_mean"),
    "running_var": Slot("running_var"),
}


def batch_norm(view: View) -> Code:
    """The helper ``BatchNorm``, which computes the neutral definition; ``Standardize``
    where there are no running statistics."""
    layer = view.layer
    if not layer.track_running_stats:
        axes = (0, *range(2, len(view.shape) + 1))
        return helper(view, "Standardize", axes=axes)
    make = call(
        "BatchNorm",
        positions=Opt(math.prod(view.shape[1:]), 1),
        momentum=Opt(layer.momentum, 0.1),
        unbiased=Opt(layer.unbiased, True),
        epsilon=Opt(layer.eps, 1e-5),
        in_channels=view.shape[0],
        scale=Opt(layer.scaled, True),
        center=Opt(layer.shifted, True),
    )
    return Code(make=make, weights=NORM, snippets=("BatchNorm", "Statistics"))


def native_batch_norm(view: View) -> Code:
    """Gluon's own. Its momentum is the factor of the old statistics, and it updates them
    in float32, unless they are fixed."""
    layer = view.layer
    make = call(
        "nn.BatchNorm",
        momentum=Opt(1 - layer.momentum, 0.9),
        epsilon=Opt(layer.eps, 1e-5),
        **inputs(view, "in_channels", view.shape[0]),
        scale=Opt(layer.scaled, True),
        center=Opt(layer.shifted, True),
        use_global_stats=Opt(view.node.fixed, False),
    )
    return Code(make=make, weights=NORM)


def helper(view: View, name: str, **options: object) -> Code:
    """``Standardize`` or a helper like it; weights have size 1 on the axes along which
    they are broadcast."""
    layer, across = view.layer, view.layer.across(view.shape)
    make = call(
        name,
        **options,
        shape=Opt(across if layer.scaled or layer.shifted else None, None),
        epsilon=Opt(layer.eps, 1e-5),
        scale=Opt(layer.scaled, True),
        center=Opt(layer.shifted, True),
    )
    sizes = layer.sizes(view.shape)
    weights = {
        "weight": Slot("gamma", across, canonical=sizes),
        "bias": Slot("beta", across, canonical=sizes),
    }
    snippets = dict.fromkeys(("Standardize", name))
    return Code(make=make, weights=weights, snippets=tuple(snippets))


def statistics_are_right(view: View) -> bool:
    """Whether running statistics come out right (see the entry's gap)."""
    shared = view.node.shared and view.target.training
    return not (shared and view.layer.track_running_stats)


def own_batch_norm(view: View) -> bool:
    """Whether Gluon's layer computes what is asked for: without training, with fixed
    statistics, or with a native running variance."""
    if not view.layer.track_running_stats:
        return False
    if view.node.fixed or not view.target.training:
        return True
    native = view.target.native("running_variance") and not view.layer.unbiased
    return native and statistics_are_right(view)


TABLE: dict[str, Entry] = {
    "BatchNorm": Entry(
        (
            Form("native", native_batch_norm, own_batch_norm),
            Form("exact statistics", batch_norm, statistics_are_right),
        )
    ),
}
