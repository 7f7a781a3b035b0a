"""What PyTorch's programs say for noise layers."""

from __future__ import annotations

from collections.abc import Callable

from polyframe.compiler.python.code import Code
from polyframe.compiler.python.source import call
from polyframe.compiler.table import Entry, Form, View


def drawn(forward: str, native: Callable[[View], Code]) -> Entry:
    """Factors that are an input with aligned semantics, and PyTorch's own else."""
    return Entry(
        (
            Form(
                "aligned",
                lambda v: Code(forward),
                lambda v: v.target.semantics == "aligned",
            ),
            Form("native", native),
        )
    )


def drop_path(view: View) -> Code:
    return Code(make=call("DropPath", {"p": view.layer.p}), snippets=("DropPath",))


def gaussian_noise(view: View) -> Code:
    make = call("GaussianNoise", {"stddev": view.layer.stddev})
    return Code(make=make, snippets=("GaussianNoise",))


FACTOR = "{0} * {draw} if self.training else {0}"

TABLE: dict[str, Entry] = {
    "DropPath": drawn(FACTOR, drop_path),
    "Dropout": drawn(FACTOR, lambda v: Code(make=call("nn.Dropout", {"p": v.layer.p}))),
    "GaussianNoise": drawn("{0} + {draw} if self.training else {0}", gaussian_noise),
    "SpatialDropout2D": drawn(
        FACTOR, lambda v: Code(make=call("nn.Dropout2d", {"p": v.layer.p}))
    ),
}
