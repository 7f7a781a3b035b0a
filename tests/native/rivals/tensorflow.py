"""Programs as users of Keras write them; see test_own_classes.py.

Their steps are ``tf.function``s that return the loss and the outputs, as those of
Keras's guides with metrics: TensorFlow fuses operations of a graph whose results nobody
asks for, so that its last bits are not those of the same lines run one by one.
"""

from __future__ import annotations

import contextlib
import dataclasses

import numpy as np
import tensorflow as tf
from tensorflow.keras import layers, losses, optimizers

OPTIMIZERS = {
    "Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "LAMB", "Lion", "NAdam", "RMSProp",
    "SGD",
}  # fmt: skip
LOSSES = {
    "binary_cross_entropy", "cosine", "cross_entropy", "focal", "hinge", "huber", "l1",
    "mse", "squared_hinge",
}  # fmt: skip
FEATURES = {"clip_norm", "clip_value", "factors", "decay_on"}


def lacks(rule):
    """Whether Keras's class of that name lacks an option that is asked for."""
    if rule.type == "NAdam":
        return rule.momentum_decay != 1
    return bool(rule.type == "SGD" and rule.momentum and rule.dampening)


def optimizer_of(rule):
    given = {"learning_rate": rule.lr, "weight_decay": rule.weight_decay}
    betas = {"beta_1": getattr(rule, "beta1", 0), "beta_2": getattr(rule, "beta2", 0)}
    match rule.type:
        case "SGD":
            return optimizers.SGD(
                momentum=rule.momentum, nesterov=rule.nesterov, **given
            )
        case "Adam" | "AdamW":
            return getattr(optimizers, rule.type)(
                **betas, epsilon=rule.eps, amsgrad=rule.amsgrad, **given
            )
        case "Adamax":
            return optimizers.Adamax(**betas, epsilon=rule.eps, **given)
        case "NAdam":
            return optimizers.Nadam(**betas, epsilon=rule.eps, **given)
        case "LAMB":
            return optimizers.Lamb(**betas, epsilon=rule.eps, **given)
        case "Lion":
            return optimizers.Lion(**betas, **given)
        case "RMSProp":
            return optimizers.RMSprop(
                rho=rule.alpha, momentum=rule.momentum, epsilon=rule.eps,
                centered=rule.centered, **given,
            )  # fmt: skip
        case "Adagrad":
            return optimizers.Adagrad(
                initial_accumulator_value=rule.initial_accumulator_value,
                epsilon=rule.eps, **given,
            )  # fmt: skip
        case "Adadelta":
            return optimizers.Adadelta(rho=rule.rho, epsilon=rule.eps, **given)


def rate_of(optimizer):
    made = [o for *_, o in getattr(optimizer, "groups", [(optimizer,)])]
    (rate,) = {float(o.learning_rate) for o in made}
    return rate


@contextlib.contextmanager
def floats(dtype):
    """Keras's global dtype, in which its optimizers keep their rate."""
    before = tf.keras.config.floatx()
    tf.keras.config.set_floatx(dtype)
    try:
        yield
    finally:
        tf.keras.config.set_floatx(before)


def train(rule, weights, batches, dtype, rates, clip=None, factors=None):
    with floats(dtype):
        return trained(rule, weights, batches, dtype, rates, clip, factors)


def trained(rule, weights, batches, dtype, rates, clip, factors):
    fc1 = layers.Dense(7, activation="tanh", dtype=dtype)
    fc2 = layers.Dense(4, dtype=dtype)
    model = tf.keras.Sequential([layers.Input((5,), dtype=dtype), fc1, fc2])
    for name, layer in (("fc1", fc1), ("fc2", fc2)):
        layer.set_weights([weights[f"{name}.weight"].T, weights[f"{name}.bias"]])
    criterion, groups = losses.MeanSquaredError(), [(1.0, 1.0, [0, 1, 2, 3])]
    if factors is not None:  # an optimizer for each variable
        groups = [(*pair, [i]) for i, pair in enumerate(factors.values())]
    rated = []
    for of_rate, of_decay, rows in groups:
        optimizer = optimizer_of(
            dataclasses.replace(rule, weight_decay=rule.weight_decay * of_decay)
        )
        if rule.decay_on == "kernels":
            optimizer.exclude_from_weight_decay([fc1.bias, fc2.bias])
        optimizer.build([model.trainable_variables[i] for i in rows])
        rated.append((optimizer, of_rate, rows))

    @tf.function
    def step(x, y):
        with tf.GradientTape() as tape:
            outputs = model(x, training=True)
            value = criterion(y, outputs)
        gradients = tape.gradient(value, model.trainable_variables)
        if clip is not None and clip[0] == "clip_norm":
            gradients, _ = tf.clip_by_global_norm(gradients, clip[1])
        elif clip is not None:
            gradients = [tf.clip_by_value(g, -clip[1], clip[1]) for g in gradients]
        pairs = list(zip(gradients, model.trainable_variables))
        for optimizer, _, rows in rated:
            optimizer.apply_gradients([pairs[i] for i in rows])
        return value, outputs

    after = []
    for (x, y), rate in zip(batches, rates, strict=True):
        for optimizer, of_rate, _ in rated:
            optimizer.learning_rate.assign(rate * of_rate)
        step(tf.constant(x), tf.constant(y))
        after.append(
            {
                "fc1.weight": fc1.kernel.numpy().T,
                "fc1.bias": fc1.bias.numpy(),
                "fc2.weight": fc2.kernel.numpy().T,
                "fc2.bias": fc2.bias.numpy(),
            }
        )
    return after


def loss(loss, weight, x, target, dtype):
    criterion = criterion_of(loss, target.dtype.kind == "f", dtype)
    if criterion is None:
        return None
    count, image = weight.shape[0], x.ndim > 2
    layer = layers.Dense(count, use_bias=False, dtype=dtype)
    if image:
        layer = layers.Conv2D(count, 1, use_bias=False, dtype=dtype)
        x = np.moveaxis(x, 1, -1)
        target = np.moveaxis(target, 1, -1) if target.ndim == x.ndim else target
    layer.build((None, *x.shape[1:]))
    layer.kernel.assign(weight.T)

    @tf.function
    def of_batch(x, target):
        with tf.GradientTape() as tape:
            value = criterion(target, layer(x))
        return value, tape.gradient(value, layer.kernel)

    value, gradient = of_batch(tf.constant(x), tf.constant(target))
    return value.numpy().item(), gradient.numpy().T


def criterion_of(loss, soft, dtype):
    given = {"from_logits": True, "dtype": dtype}
    match loss.type:
        case "cross_entropy":
            smoothing, ignored = loss.label_smoothing, loss.ignore_index
            if loss.class_weights or (ignored is not None and smoothing):
                return None
            if not (soft or smoothing):
                return losses.SparseCategoricalCrossentropy(
                    ignore_class=ignored, **given
                )
            criterion = losses.CategoricalCrossentropy(
                label_smoothing=smoothing, **given
            )
            if soft:
                return criterion
            return lambda y, x: criterion(tf.one_hot(y, x.shape[-1], dtype=dtype), x)
        case "binary_cross_entropy":
            if loss.pos_weight is not None:
                return None
            return losses.BinaryCrossentropy(
                label_smoothing=loss.label_smoothing, **given
            )
        case "focal":
            return losses.BinaryFocalCrossentropy(
                apply_class_balancing=loss.alpha is not None,
                alpha=0.25 if loss.alpha is None else loss.alpha,
                gamma=loss.gamma, label_smoothing=loss.label_smoothing, **given,
            )  # fmt: skip
        case "hinge":
            return losses.Hinge(dtype=dtype) if loss.margin == 1 else None
        case "squared_hinge":
            return losses.SquaredHinge(dtype=dtype) if loss.margin == 1 else None
        case "huber":
            return losses.Huber(delta=loss.delta, dtype=dtype)
        case "cosine":
            return losses.CosineSimilarity(dtype=dtype)
        case "l1":
            return losses.MeanAbsoluteError(dtype=dtype)
        case "mse":
            return losses.MeanSquaredError(dtype=dtype)


def noise(layer, x, seed):
    dtype = str(x.dtype)
    match layer.type:
        case "Dropout":
            own = layers.Dropout(layer.p, dtype=dtype)
        case "SpatialDropout2D":
            own = layers.SpatialDropout2D(layer.p, dtype=dtype)
        case "DropPath":
            own = layers.Dropout(layer.p, noise_shape=(None, 1, 1, 1), dtype=dtype)
        case "GaussianNoise":
            own = layers.GaussianNoise(layer.stddev, dtype=dtype)
    own.seed_generator.state.assign([seed, 1])  # the first layer of its model
    y = own(np.moveaxis(x, 1, -1), training=True)
    return np.moveaxis(y.numpy(), -1, 1)
