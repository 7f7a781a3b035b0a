"""What TensorFlow's programs say for losses, optimizers and the training step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from polyframe.compiler.source import Call, Name, Opt, call

LOSSES = {
    "cross_entropy": "tf.nn.sparse_softmax_cross_entropy_with_logits(target, output)",
    "mse": "tf.reduce_mean((output - target) ** 2, range(1, output.shape.rank))",
}

STEP = '''
def loss_fn(output, target):
    """One loss per sample."""
    return {loss}  # (N,)


def make_optimizer(model):
{optimizer}


def loss_and_gradients({arguments}, count):
    """The loss over `count` samples and its gradients."""
    with tf.GradientTape() as tape:
        outputs = model({inputs}, training=True)
        losses = {losses}
        loss = tf.reduce_sum(losses) / count
    return loss, outputs, tape.gradient(loss, model.trainable_variables)


def apply(optimizer, gradients, learning_rate):
    optimizer.apply(gradients, learning_rate)


@tf.function(autograph=False)
def train_step({arguments}, count, optimizer, learning_rate):
    loss, outputs, gradients = loss_and_gradients({arguments}, count)
    apply(optimizer, gradients, learning_rate)
    return loss, outputs
'''

VARIABLES = {"variables": Name("model.trainable_variables")}


def sgd(o: Any) -> Call:
    return call(
        "SGD",
        VARIABLES,
        momentum=Opt(o.momentum, 0.0),
        nesterov=Opt(o.nesterov, False),
        weight_decay=Opt(o.weight_decay, 0.0),
    )


def adam(name: str, decay: float) -> Callable[[Any], Call]:
    """Adam or AdamW, whose default decays differ."""

    def write(o: Any) -> Call:
        return call(
            name,
            VARIABLES,
            beta_1=Opt(o.beta1, 0.9),
            beta_2=Opt(o.beta2, 0.999),
            epsilon=Opt(o.eps, 1e-8),
            weight_decay=Opt(o.weight_decay, decay),
        )

    return write


OPTIMIZERS = {"Adam": adam("Adam", 0.0), "AdamW": adam("AdamW", 0.01), "SGD": sgd}
