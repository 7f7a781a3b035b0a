"""What MXNet Gluon's programs say for losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from polyframe.compiler.source import literal

# oneDNN's float32 log_softmax, which gluon.loss.SoftmaxCrossEntropyLoss runs, is 3.5e-6
# off where float32 rounding is 2e-7; written out it is not.
CROSS_ENTROPY = '''
def {name}(output, target):
    """One loss per sample; Gluon's own is good to 3e-6 only in float32."""
    output = output - output.max(axis=1, keepdims=True).detach()
    total = nd.log(nd.exp(output).sum(axis=1))
{lines}
    return total - at_target  # (N,)
'''


def cross_entropy(name: str, loss: Any) -> str:
    smooth = loss.label_smoothing
    if loss.soft:
        lines = [
            "at_target = (target * output).sum(axis=1)",
            "total = total * target.sum(axis=1)",
        ]
    else:
        lines = ["at_target = nd.pick(output, target)"]
    if smooth:
        lines += [
            "mean = output.mean(axis=1)",
            f"at_target = {literal(1 - smooth)} * at_target + {literal(smooth)} * mean",
        ]
    text = "\n".join(f"    {line}" for line in lines)
    return CROSS_ENTROPY.format(name=name, lines=text)


def mse(name: str, loss: Any) -> str:
    # Gluon's squared loss carries a half; the weight takes it out.
    return f"{name} = gluon.loss.L2Loss(weight=2.0)  # (N,)"


LOSSES: dict[str, Callable[[str, Any], str]] = {
    "cross_entropy": cross_entropy,
    "mse": mse,
}


def loss_text(name: str, loss: Any) -> str:
    """A loss function."""
    return LOSSES[loss.type](name, loss)
