"""Functions that are copied into programs.

This file is read, never imported by polyframe.
"""

import jax.numpy as jnp
import numpy as np
from jax import lax


def conv(x, weight, bias=None, *, stride, padding, dilation, groups=1):
    """Convolution over all axes after the channels: (N, C, ...), weights OIHW."""
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
    """Reduce every window of the axes after the channels."""
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
