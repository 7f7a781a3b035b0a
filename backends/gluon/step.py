"""What MXNet Gluon's programs say for losses, optimizers and the training step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from polyframe.compiler.source import Call, Opt, call, flat

# oneDNN's float32 log_softmax, which gluon.loss.SoftmaxCrossEntropyLoss runs, is 3.5e-6
# off where float32 rounding is 2e-7; written out it is not.
CROSS_ENTROPY = '''
def loss_fn(output, target):
    """One loss per sample; Gluon's own is good to 3e-6 only in float32."""
    output = output - output.max(axis=1, keepdims=True).detach()
    return nd.log(nd.exp(output).sum(axis=1)) - nd.pick(output, target)  # (N,)
'''

LOSSES = {
    "cross_entropy": CROSS_ENTROPY,
    # Gluon's squared loss carries a half; the weight takes it out.
    "mse": "\nloss_fn = gluon.loss.L2Loss(weight=2.0)  # (N,)\n",
}

STEP = '''
{loss}

def make_optimizer(model):
    optimizer = {optimizer}
    return gluon.Trainer(model.collect_params(), optimizer, kvstore=None)


def loss_and_gradients({arguments}, count):
    """The loss over `count` samples; the parameters hold its gradients."""
{before}    with autograd.record():
        outputs = model({inputs})
        losses = {losses}
        loss = losses.sum() / count
    loss.backward()
{after}    return loss, outputs


def apply(optimizer, learning_rate):
    optimizer.set_learning_rate(learning_rate)
    optimizer.step(1)


def train_step({arguments}, count, optimizer, learning_rate):
    loss, outputs = loss_and_gradients({arguments}, count)
    apply(optimizer, learning_rate)
    return loss, outputs
'''

BEGIN = """    norms = batch_norms(model)
    for norm in norms:
        norm.begin()
"""
# The operator leaves statistics behind in its backward pass, which runs only if
# something in front of it, or in it, has a gradient.
ATTACH = """    for array in {x}:
        array.attach_grad()  # so that every batch norm has a backward pass
"""
UPDATE = """    for norm in norms:
        norm.update(len(outputs{first}))
"""


def sgd(o: Any) -> Call:
    return call(
        "SGD",
        {"learning_rate": o.lr},
        momentum=Opt(o.momentum, 0.0),
        nesterov=Opt(o.nesterov, False),
        weight_decay=Opt(o.weight_decay, 0.0),
    )


def adam(name: str, decay: float) -> Callable[[Any], Call]:
    """Adam or AdamW, whose default decays differ."""

    def write(o: Any) -> Call:
        return call(
            name,
            {"learning_rate": o.lr},
            beta1=Opt(o.beta1, 0.9),
            beta2=Opt(o.beta2, 0.999),
            epsilon=Opt(o.eps, 1e-8),
            weight_decay=Opt(o.weight_decay, decay),
        )

    return write


OPTIMIZERS = {"Adam": adam("Adam", 0.0), "AdamW": adam("AdamW", 0.01), "SGD": sgd}


def optimizer_text(optimizer: Any) -> str:
    """The optimizer's construction on one line."""
    return flat(OPTIMIZERS[optimizer.type](optimizer))
