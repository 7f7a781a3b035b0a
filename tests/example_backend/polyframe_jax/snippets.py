"""Functions that are copied into programs.

This file is read, never imported by polyframe.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax


def conv(x, weight, bias=None, *, stride, padding, dilation, groups=1):
    """Convolution over all axes behind the channels: (N, C, ...), weights OIHW."""
    x = lax.conv_general_dilated(
        x,
        weight,
        stride,
        padding,
        rhs_dilation=dilation,
        feature_group_count=groups,
    )
    return x if bias is None else x + bias.reshape(-1, *[1] * (x.ndim - 2))


def windows(x, operation, start, size, stride, padding):
    """Reduce every window of the axes behind the channels."""
    return lax.reduce_window(
        x,
        np.array(start, x.dtype),
        operation,
        (1, 1, *size),
        (1, 1, *stride),
        ((0, 0), (0, 0), *padding),
    )


def max_pool(x, size, stride, padding):
    """The largest value of each window; of equal ones the first has the gradient."""
    return windows(x, lax.max, -np.inf, size, stride, padding)


def avg_pool(x, size, stride, inner, outer, divisor=None):
    """The mean of each window: zeros of the inner padding count, of the outer not."""
    x = jnp.pad(x, ((0, 0), (0, 0), *inner))
    total = windows(x, lax.add, 0, size, stride, outer)
    if divisor is None:
        ones = jnp.ones((1, 1, *x.shape[2:]), x.dtype)
        divisor = windows(ones, lax.add, 0, size, stride, outer)
    return total / divisor


def batch_norm(x, params, state, name, training, *, momentum, eps, unbiased=True):
    """Batch norm over all axes but the channels; moves the statistics in `state`."""
    axes, across = (0, *range(2, x.ndim)), (-1, *[1] * (x.ndim - 2))
    tracked = f"{name}.running_mean" in state
    if training or not tracked:
        mean, var = x.mean(axes), x.var(axes)
    else:
        mean, var = state[f"{name}.running_mean"], state[f"{name}.running_var"]
    if training and tracked:
        count = x.size // x.shape[1]
        moved = {
            f"{name}.running_mean": mean,
            f"{name}.running_var": var * (count / (count - 1)) if unbiased else var,
        }
        for key, value in moved.items():
            state[key] = (1 - momentum) * state[key] + momentum * value
    x = (x - mean.reshape(across)) / jnp.sqrt(var.reshape(across) + eps)
    if f"{name}.weight" in params:
        x = x * params[f"{name}.weight"].reshape(across)
    if f"{name}.bias" in params:
        x = x + params[f"{name}.bias"].reshape(across)
    return x


def cross_entropy(output, target, *, smoothing=0.0, weight=None, ignored=None):
    """Cross-entropy with labels, or with probabilities of the output's shape."""
    classes, log_p = output.shape[1], jax.nn.log_softmax(output, axis=1)
    counted = 1 if ignored is None else target != ignored
    if target.ndim < output.ndim:
        target = jax.nn.one_hot(target, classes, axis=1, dtype=output.dtype)
    if smoothing:
        target = (1 - smoothing) * target + smoothing / classes
    if weight is not None:
        beside = (-1, *[1] * (output.ndim - 2))
        target = jnp.array(weight, output.dtype).reshape(beside) * target
    return -(target * log_p).sum(1) * counted


def decayed(w, g, weight_decay, vectors):
    """The gradient with the decay; `vectors` are biases, scales and shifts."""
    return g + weight_decay * w if vectors or w.ndim > 1 else g


def sgd(
    w, g, kept, rate, step, *, momentum=0.0, nesterov=False, weight_decay=0.0,
    dampening=0.0, decay_vectors=True,
):  # fmt: skip
    """Gradient descent with momentum, in which the rate is not kept."""
    g = decayed(w, g, weight_decay, decay_vectors)
    if not momentum:
        return w - rate * g, {}
    share = jnp.where(step > 1, 1 - dampening, 1.0) if dampening else 1
    v = momentum * kept["momentum_buffer"] + share * g
    return w - rate * (g + momentum * v if nesterov else v), {"momentum_buffer": v}


def adam(
    w, g, kept, rate, step, *, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.0,
    amsgrad=False, decay_vectors=True,
):  # fmt: skip
    """Adam, in whose gradient the weight decay is."""
    g = decayed(w, g, weight_decay, decay_vectors)
    m = beta1 * kept["exp_avg"] + (1 - beta1) * g
    v = beta2 * kept["exp_avg_sq"] + (1 - beta2) * g**2
    kept, largest = {**kept, "exp_avg": m, "exp_avg_sq": v}, v
    if amsgrad:
        largest = kept["max_exp_avg_sq"] = jnp.maximum(kept["max_exp_avg_sq"], v)
    size = jnp.sqrt(largest / (1 - beta2**step)) + eps
    return w - rate * m / (1 - beta1**step) / size, kept
