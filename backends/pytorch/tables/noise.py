"""What PyTorch's programs say for noise layers."""

from __future__ import annotations

from polyframe.compiler.source import call
from polyframe.compiler.table import Code, Entry, Form

TABLE: dict[str, Entry] = {
    "Dropout": Entry(
        (
            Form(
                "aligned",
                lambda v: Code("{0} * {draw} if self.training else {0}"),
                lambda v: v.target.semantics == "aligned",
            ),
            Form("native", lambda v: Code(make=call("nn.Dropout", {"p": v.layer.p}))),
        )
    ),
}
