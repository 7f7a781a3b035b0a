"""What MXNet Gluon's programs say for noise layers."""

from __future__ import annotations

from collections.abc import Callable

from polyframe.compiler.python.code import Code, random_entry
from polyframe.compiler.python.source import Opt, call
from polyframe.compiler.table import Entry, View


def dropout(first: int | None = None) -> Callable[[View], Code]:
    """Gluon's own; the axes from ``first`` on share a factor."""

    def write(view: View) -> Code:
        alike = first is not None and view.target.training  # else the identity
        axes = tuple(range(first or 0, len(view.shape) + 1)) if alike else ()
        rate = view.layer.p if view.layer.p > SMALLEST else 0.0
        return Code(make=call("nn.Dropout", {"rate": rate}, axes=Opt(axes, ())))

    return write


def drop_path(view: View) -> Code:
    """Gluon's own layer is made for one rank; the helper for all, since it may be
    shared."""
    if not view.target.training or view.target.native("dropout"):
        return dropout(1)(view)
    rate = view.layer.p if view.layer.p > SMALLEST else 0.0
    return Code(make=call("DropPath", {"rate": rate}), snippets=("DropPath",))


def gaussian_noise(view: View) -> Code:
    forward = f"gaussian_noise(F, {{0}}, {view.layer.stddev!r})"
    return Code(forward, snippets=("gaussian_noise",))


SMALLEST = 2.0**-126
"""MXNet reads no rate below it, and so small a rate drops nothing."""
SHARED = "F.broadcast_mul({0}, {draw})"

TABLE: dict[str, Entry] = {
    "DropPath": random_entry(SHARED, drop_path),
    "Dropout": random_entry("{0} * {draw}", dropout()),
    "GaussianNoise": random_entry("F.broadcast_add({0}, {draw})", gaussian_noise),
    "SpatialDropout2D": random_entry(SHARED, dropout(2)),
}
