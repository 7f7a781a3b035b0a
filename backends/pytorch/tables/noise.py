"""What PyTorch's programs say for noise layers."""

from __future__ import annotations

from collections.abc import Callable

from polyframe.compiler.source import call
from polyframe.compiler.table import Code, Entry, Form, View


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
    one = ", ".join([":", *[":1"] * len(view.shape)])
    ones = f"torch.ones_like({{0}}[{one}])"
    return Code(f"{{0}} * F.dropout({ones}, {view.layer.p!r}, self.training)")


def gaussian_noise(view: View) -> Code:
    noise = f"{view.layer.stddev!r} * torch.randn_like({{0}})"
    return Code(f"{{0}} + {noise} if self.training else {{0}}")


FACTOR = "{0} * {draw} if self.training else {0}"

TABLE: dict[str, Entry] = {
    "DropPath": drawn(FACTOR, drop_path),
    "Dropout": drawn(FACTOR, lambda v: Code(make=call("nn.Dropout", {"p": v.layer.p}))),
    "GaussianNoise": drawn("{0} + {draw} if self.training else {0}", gaussian_noise),
    "SpatialDropout2D": drawn(
        FACTOR, lambda v: Code(make=call("nn.Dropout2d", {"p": v.layer.p}))
    ),
}
