"""What TensorFlow's programs say for losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from polyframe.compiler.source import literal


def cross_entropy(loss: Any) -> list[str]:
    smooth = loss.label_smoothing
    if not (smooth or loss.soft):
        value = "tf.nn.sparse_softmax_cross_entropy_with_logits(target, output)"
        return [f"return {value}  # (N,)"]
    lines = []
    if not loss.soft:
        lines.append(
            "target = tf.one_hot(target, output.shape[-1], dtype=output.dtype)"
        )
    if smooth:
        lines.append(
            f"target = {literal(1 - smooth)} * target + {literal(smooth)} / "
            "output.shape[-1]"
        )
    value = "tf.nn.softmax_cross_entropy_with_logits(target, output)"
    return [*lines, f"return {value}  # (N,)"]


def mse(loss: Any) -> list[str]:
    value = "tf.reduce_mean((output - target) ** 2, range(1, output.shape.rank))"
    return [f"return {value}  # (N,)"]


LOSSES: dict[str, Callable[[Any], list[str]]] = {
    "cross_entropy": cross_entropy,
    "mse": mse,
}


def loss_text(name: str, loss: Any) -> str:
    """A loss function."""
    lines = [f"    {line}" for line in LOSSES[loss.type](loss)]
    head = [f"def {name}(output, target):", '    """One loss per sample."""']
    return "\n".join([*head, *lines])
