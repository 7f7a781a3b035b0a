"""What PyTorch's programs say for losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from polyframe.compiler.source import (
    Call,
    Name,
    Opt,
    call,
    statement,
)


def cross_entropy(loss: Any) -> Call:
    return call(
        "F.cross_entropy",
        {"input": Name("output"), "target": Name("target")},
        reduction="none",
        label_smoothing=Opt(loss.label_smoothing, 0.0),
    )


def mse(loss: Any) -> Call:
    names = {"input": Name("output"), "target": Name("target")}
    found = call("F.mse_loss", names, reduction="none")
    return Call(found.function, found.arguments, ".flatten(1).mean(1)")


LOSSES: dict[str, Callable[[Any], Call]] = {"cross_entropy": cross_entropy, "mse": mse}


def loss_text(name: str, loss: Any) -> str:
    """A loss function."""
    value = statement("return ", LOSSES[loss.type](loss), 4, "(N,)")
    return "\n".join(
        [f"def {name}(output, target):", '    """One loss per sample."""', *value]
    )
