"""What PyTorch's programs say for noise layers."""

from __future__ import annotations

from collections.abc import Callable

from polyframe.compiler.python.code import Code, random_entry
from polyframe.compiler.python.source import call
from polyframe.compiler.table import Entry, View


def drop_path(view: View) -> Code:
    return Code(make=call("DropPath", {"p": view.layer.p}), snippets=("DropPath",))


def gaussian_noise(view: View) -> Code:
    make = call("GaussianNoise", {"stddev": view.layer.stddev})
    return Code(make=make, snippets=("GaussianNoise",))


def dropout(name: str) -> Callable[[View], Code]:
    """PyTorch's own layer."""
    return lambda view: Code(make=call(name, {"p": view.layer.p}))


FACTOR = "{0} * {draw}"

TABLE: dict[str, Entry] = {
    "DropPath": random_entry(FACTOR, drop_path),
    "Dropout": random_entry(FACTOR, dropout("nn.Dropout")),
    "GaussianNoise": random_entry("{0} + {draw}", gaussian_noise),
    "SpatialDropout2D": random_entry(FACTOR, dropout("nn.Dropout2d")),
}
