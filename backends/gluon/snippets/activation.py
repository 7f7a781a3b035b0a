"""Activations that are copied into programs, where MXNet's own compute something else.

This file is read, never imported by polyframe.
"""

from mxnet.gluon import nn


class PReLU(nn.HybridBlock):
    """PReLU in float64: MXNet's own computes in float32."""

    def __init__(self, *shape):
        super().__init__()
        self.alpha = self.params.get("alpha", shape=shape)

    def hybrid_forward(self, F, x, alpha):
        return F.where(x > 0, x, F.broadcast_mul(x, alpha))


def elu(F, x, alpha):
    """ELU; MXNet's own rounds alpha to float32, and its gradients near 0."""
    return F.where(x > 0, x, alpha * F.expm1(F.minimum(x, 0)))


def selu(F, x):
    """SELU; the gradient of MXNet's own is wrong below 0."""
    return 1.0507009873554805 * elu(F, x, 1.6732632423543772)


def celu(F, x, alpha):
    """CELU, which MXNet lacks."""
    return F.where(x > 0, x, alpha * F.expm1(F.minimum(x, 0) / alpha))


def gelu(F, x):
    """GELU, x * P(x) of the normal distribution; MXNet's own is rounded to float32.

    In float64 the gradient of MXNet's erf is that of float32. So it is written out:
    the last term is 0, its gradient is x * p(x).
    """
    P = F.BlockGrad(0.5 * (1 + F.erf(x * 0.7071067811865476)))
    p = F.BlockGrad(0.3989422804014327 * F.exp(-0.5 * F.square(x)))
    return x * P + x * p * (x - F.BlockGrad(x))


def gelu_tanh(F, x):
    """The approximation of gelu by tanh, which MXNet lacks."""
    inner = 0.7978845608028654 * (x + 0.044715 * x * x * x)
    return 0.5 * x * (1 + F.tanh(inner))


def hard_sigmoid(F, x):
    """The hard sigmoid as in PyTorch; MXNet's own has another slope."""
    return F.minimum(F.relu(x + 3), 6) / 6


def hard_swish(F, x):
    """x times the hard sigmoid, which MXNet lacks."""
    return x * F.minimum(F.relu(x + 3), 6) / 6


def hard_tanh(F, x, low, high):
    """Clip to low and high; MXNet's own rounds these to float32."""
    clipped = F.maximum(F.minimum(x, high), low)
    return F.where((x > low) * (x < high), x, F.BlockGrad(clipped))


def softplus(F, x, beta=1.0, threshold=40.0):
    """Softplus with beta and a threshold; MXNet's own has no beta and is inexact.

    Above 40 that is the same to the last digit. MXNet's own is inexact above 20,
    and negative at -20 in float32.
    """
    z = beta * x
    return F.where(z > threshold, x, F.log1p(F.exp(F.minimum(z, 40))) / beta)


def mish(F, x):
    """Mish, which MXNet lacks."""
    return x * F.tanh(softplus(F, x))


def log_sigmoid(F, x):
    """log(1 / (1 + exp(-x))), which MXNet lacks."""
    return -softplus(F, -x)


def log_softmax(F, x, axis):
    """The logarithm of softmax; MXNet's own is less exact in float32."""
    x = F.broadcast_sub(x, F.BlockGrad(F.max(x, axis=axis, keepdims=True)))
    total = F.sum(F.exp(x), axis=axis, keepdims=True)
    return F.broadcast_sub(x, F.log(total))
