"""What PyTorch's programs say for losses, optimizers and the training step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from polyframe.compiler.source import Call, Name, Opt, call

LOSSES = {
    "cross_entropy": 'F.cross_entropy(output, target, reduction="none")',
    "mse": 'F.mse_loss(output, target, reduction="none").flatten(1).mean(1)',
}

STEP = '''
def loss_fn(output, target):
    """One loss per sample."""
    return {loss}  # (N,)


def make_optimizer(model):
{optimizer}


def loss_and_gradients({arguments}, count):
    """The loss over `count` samples; its gradients are added to the parameters'."""
    outputs = model({inputs})
    losses = {losses}
    loss = losses.sum() / count
    loss.backward()
    return loss, outputs


def apply(optimizer, learning_rate):
    for group in optimizer.param_groups:
        group["lr"] = learning_rate
    optimizer.step()
    optimizer.zero_grad()


def train_step({arguments}, count, optimizer, learning_rate):
    loss, outputs = loss_and_gradients({arguments}, count)
    apply(optimizer, learning_rate)
    return loss, outputs
'''


def sgd(o: Any) -> Call:
    return call(
        "torch.optim.SGD",
        {"params": Name("model.parameters()")},
        lr=o.lr,
        momentum=Opt(o.momentum, 0.0),
        weight_decay=Opt(o.weight_decay, 0.0),
        nesterov=Opt(o.nesterov, False),
    )


def adam(name: str, decay: float) -> Callable[[Any], Call]:
    """Adam or AdamW, whose default decays differ."""

    def write(o: Any) -> Call:
        return call(
            name,
            {"params": Name("model.parameters()")},
            lr=o.lr,
            betas=Opt((o.beta1, o.beta2), (0.9, 0.999)),
            eps=Opt(o.eps, 1e-8),
            weight_decay=Opt(o.weight_decay, decay),
        )

    return write


OPTIMIZERS = {
    "Adam": adam("torch.optim.Adam", 0.0),
    "AdamW": adam("torch.optim.AdamW", 0.01),
    "SGD": sgd,
}
