"""What PyTorch's programs say for optimizers."""

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
from polyframe.compiler.table import Target

GROUPS = """\
    parameters = list(model.parameters())
    kernels = [p for p in parameters if p.dim() > 1]
    vectors = [p for p in parameters if p.dim() <= 1]  # biases, scales and shifts
    groups = [{"params": kernels}, {"params": vectors, "weight_decay": 0.0}]
"""


def sgd(o: Any, parameters: Name) -> Call:
    return call(
        "torch.optim.SGD",
        {"params": parameters},
        lr=o.lr,
        momentum=Opt(o.momentum, 0.0),
        weight_decay=Opt(o.weight_decay, 0.0),
        nesterov=Opt(o.nesterov, False),
    )


def adam(name: str, decay: float) -> Callable[[Any, Name], Call]:
    """Adam or AdamW, whose default decays differ."""

    def write(o: Any, parameters: Name) -> Call:
        return call(
            name,
            {"params": parameters},
            lr=o.lr,
            betas=Opt((o.beta1, o.beta2), (0.9, 0.999)),
            eps=Opt(o.eps, 1e-8),
            weight_decay=Opt(o.weight_decay, decay),
        )

    return write


OPTIMIZERS: dict[str, Callable[[Any, Name], Call]] = {
    "Adam": adam("torch.optim.Adam", 0.0),
    "AdamW": adam("torch.optim.AdamW", 0.01),
    "SGD": sgd,
}


def optimizer_text(o: Any) -> str:
    """``make_optimizer``."""
    grouped = o.weight_decay and o.decay_on == "kernels"
    parameters = Name("groups" if grouped else "model.parameters()")
    made = statement("return ", OPTIMIZERS[o.type](o, parameters), 4)
    before = GROUPS if grouped else ""
    return "def make_optimizer(model):\n" + before + "\n".join(made)


def snippets(o: Any, target: Target) -> list[str]:
    """The optimizer's class, where it is not PyTorch's own."""
    return []
