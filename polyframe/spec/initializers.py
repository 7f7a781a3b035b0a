"""Initializers: how a parameter's first values are drawn.

They are drawn once, in NumPy and float64, from a Philox stream keyed by (seed, name),
and loaded into every backend, so that all start from the same bits. No normal
distribution is cut but ``truncated_normal`` (Keras cuts its He, LeCun and Glorot ones).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from polyframe.errors import SpecError
from polyframe.io.array import Array
from polyframe.spec.element import Element, define, define_base
from polyframe.spec.fields import Choice, Float, Int, field


@dataclass(frozen=True)
class Fans:
    """Connections into and out of one unit: ``fan_in = I/groups · kh · kw``."""

    fan_in: int
    fan_out: int


class Initializer(Element, family="initializer"):
    """Draws a parameter's first values."""

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fans: Fans
    ) -> Array:
        """Float64 values of that shape."""
        raise NotImplementedError


def _uniform(rng: np.random.Generator, shape: tuple[int, ...], n: float) -> Array:
    """A uniform distribution around 0 with a variance of 1 / n."""
    bound = math.sqrt(3 / n)
    return rng.uniform(-bound, bound, shape)


def _normal(rng: np.random.Generator, shape: tuple[int, ...], n: float) -> Array:
    """A normal distribution around 0 with a variance of 1 / n."""
    return rng.normal(0, math.sqrt(1 / n), shape)


@define
class Zeros(Initializer):
    """All zeros."""

    word = "zeros"

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fans: Fans
    ) -> Array:
        return np.zeros(shape)


@define
class Ones(Initializer):
    """All ones."""

    word = "ones"

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fans: Fans
    ) -> Array:
        return np.ones(shape)


@define
class Constant(Initializer):
    """One value everywhere."""

    word = "constant"
    value: float = field(Float(), default=0.0)

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fans: Fans
    ) -> Array:
        return np.full(shape, self.value)


@define
class Uniform(Initializer):
    """U(mean - scale, mean + scale). Gluon's default for weights, with scale 0.07."""

    word = "uniform"
    scale: float = field(Float(0.0), default=0.07)
    mean: float = field(Float(), default=0.0)

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fans: Fans
    ) -> Array:
        return rng.uniform(self.mean - self.scale, self.mean + self.scale, shape)


@define
class Normal(Initializer):
    """N(mean, std²)."""

    word = "normal"
    mean: float = field(Float(), default=0.0)
    std: float = field(Float(0.0), default=1.0)

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fans: Fans
    ) -> Array:
        return rng.normal(self.mean, self.std, shape)


@define
class TruncatedNormal(Initializer):
    """N(mean, std²), drawn again where a value is more than 2 · std from the mean.

    As in Keras and JAX: ``std`` is that of the normal distribution before truncation;
    after it, the standard deviation is 0.8796 times that.
    (``torch.nn.init.trunc_normal_`` truncates at -2 and 2 whatever its ``std`` is.)
    """

    word = "truncated_normal"
    mean: float = field(Float(), default=0.0)
    std: float = field(Float(0.0), default=1.0)

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fans: Fans
    ) -> Array:
        values = np.asarray(rng.normal(size=shape))
        while (outside := np.abs(values) > 2).any():
            values[outside] = rng.normal(size=np.count_nonzero(outside))
        return self.mean + self.std * values


@define_base
class _Glorot(Initializer):
    """A variance of gain² · 2 / (fan_in + fan_out)."""

    gain: float = field(Float(0.0, above=True), default=1.0)

    def inputs(self, fans: Fans) -> float:
        """1 / variance."""
        return (fans.fan_in + fans.fan_out) / 2 / self.gain**2


@define
class GlorotUniform(_Glorot):
    """U(±gain · √(6 / (fan_in + fan_out))). Glorot & Bengio 2010, eq. 16.

    Keras's default for weights.
    """

    word = "glorot_uniform"

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fans: Fans
    ) -> Array:
        return _uniform(rng, shape, self.inputs(fans))


@define
class GlorotNormal(_Glorot):
    """N(0, gain² · 2 / (fan_in + fan_out)). Glorot & Bengio 2010, eq. 12."""

    word = "glorot_normal"

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fans: Fans
    ) -> Array:
        return _normal(rng, shape, self.inputs(fans))


@define_base
class _He(Initializer):
    """A variance of 2 / ((1 + slope²) · fan)."""

    mode: str = field(Choice(("fan_in", "fan_out")), default="fan_in")
    slope: float = field(Float(0.0), default=0.0)

    def inputs(self, fans: Fans) -> float:
        """1 / variance."""
        fan = fans.fan_in if self.mode == "fan_in" else fans.fan_out
        return fan / 2 * (1 + self.slope**2)


@define
class HeUniform(_He):
    """U(±√(6 / ((1 + slope²) · fan))). He et al. 2015, eq. 14, as a uniform one.

    ``mode``: which fan; ``slope``: that of a leaky ReLU after the layer.
    """

    word = "he_uniform"

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fans: Fans
    ) -> Array:
        return _uniform(rng, shape, self.inputs(fans))


@define
class HeNormal(_He):
    """N(0, 2 / ((1 + slope²) · fan)). He et al. 2015, eq. 10, 14 and 15.

    ``mode``: which fan; ``slope``: that of a leaky ReLU after the layer.
    """

    word = "he_normal"

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fans: Fans
    ) -> Array:
        return _normal(rng, shape, self.inputs(fans))


@define
class LeCunUniform(Initializer):
    """U(±√(3 / fan_in)). LeCun et al. 1998, "Efficient BackProp", section 4.6."""

    word = "lecun_uniform"

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fans: Fans
    ) -> Array:
        return _uniform(rng, shape, fans.fan_in)


@define
class LeCunNormal(Initializer):
    """N(0, 1 / fan_in). LeCun et al. 1998, "Efficient BackProp", section 4.6."""

    word = "lecun_normal"

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fans: Fans
    ) -> Array:
        return _normal(rng, shape, fans.fan_in)


@define
class Orthogonal(Initializer):
    """A random matrix with orthogonal rows or columns of length ``gain``.

    Saxe et al. 2014, section 3; Q of a QR decomposition, its signs set by R's diagonal
    so that all matrices are equally likely. A kernel (O, I, …) is taken as (O, I · …).
    """

    word = "orthogonal"
    gain: float = field(Float(), default=1.0)

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fans: Fans
    ) -> Array:
        if len(shape) < 2:
            raise SpecError(
                f"is for weights of two dimensions or more, not {shape}",
                where=self.type,
            )
        rows, columns = shape[0], math.prod(shape[1:])
        tall = rng.normal(size=(max(rows, columns), min(rows, columns)))
        q, r = np.linalg.qr(tall)
        q = q * np.where(np.diag(r) < 0, -1.0, 1.0)
        out: Array = self.gain * (q.T if rows < columns else q).reshape(shape)
        return out


@define
class Dirac(Initializer):
    """The identity, as a convolution: 1 at the kernel's centre where the input and output
    channel are the same, else 0; in each of ``groups`` (``torch.nn.init.dirac_``)."""

    word = "dirac"
    groups: int = field(Int(1), default=1)

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fans: Fans
    ) -> Array:
        if len(shape) < 3 or shape[0] % self.groups:
            raise SpecError(
                f"is for kernels whose first size is a multiple of groups "
                f"({self.groups}), not {shape}",
                where=self.type,
            )
        values, each = np.zeros(shape), shape[0] // self.groups
        centre = tuple(size // 2 for size in shape[2:])
        for group in range(self.groups):
            for channel in range(min(each, shape[1])):
                values[(group * each + channel, channel, *centre)] = 1.0
        return values


@define
class TorchDefault(Initializer):
    """U(±1/√fan_in): what PyTorch's convolutions and linear layers start from.

    It is ``kaiming_uniform_(a=√5)`` for weights, and the same bound for biases
    (``torch/nn/modules/conv.py``, ``linear.py``: ``reset_parameters``).
    """

    word = "torch_default"

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fans: Fans
    ) -> Array:
        bound = 1 / math.sqrt(fans.fan_in)
        return rng.uniform(-bound, bound, shape)


@define
class KerasDefault(Initializer):
    """What Keras's convolutions and dense layers start from: ``glorot_uniform`` for
    weights, zeros for what has one dimension."""

    word = "keras_default"

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fans: Fans
    ) -> Array:
        return _but_vectors(GlorotUniform(), rng, shape, fans)


@define
class GluonDefault(Initializer):
    """What Gluon's convolutions and dense layers start from: U(±0.07) for weights,
    zeros for what has one dimension."""

    word = "gluon_default"

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fans: Fans
    ) -> Array:
        return _but_vectors(Uniform(0.07), rng, shape, fans)


def _but_vectors(
    initializer: Initializer,
    rng: np.random.Generator,
    shape: tuple[int, ...],
    fans: Fans,
) -> Array:
    """What an initializer draws, or zeros for biases, scales and shifts."""
    return np.zeros(shape) if len(shape) < 2 else initializer.draw(rng, shape, fans)
