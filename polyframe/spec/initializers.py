"""Initializers: how a parameter's first values are drawn.

They are drawn once, in NumPy and float64, from a Philox stream keyed by (seed, name),
and loaded into every backend, so that all start from the same bits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from polyframe.spec.element import Element, define
from polyframe.spec.fields import Float, field


@dataclass(frozen=True)
class Fans:
    """Connections into and out of one unit: ``fan_in = I/groups · kh · kw``."""

    fan_in: int
    fan_out: int


class Initializer(Element, family="initializer"):
    """Draws a parameter's first values."""

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fans: Fans
    ) -> np.ndarray:
        """Float64 values of that shape."""
        raise NotImplementedError


def _uniform(
    rng: np.random.Generator, shape: tuple[int, ...], bound: float
) -> np.ndarray:
    return rng.uniform(-bound, bound, shape)


@define
class Zeros(Initializer):
    """All zeros."""

    word = "zeros"

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fans: Fans
    ) -> np.ndarray:
        return np.zeros(shape)


@define
class Ones(Initializer):
    """All ones."""

    word = "ones"

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fans: Fans
    ) -> np.ndarray:
        return np.ones(shape)


@define
class Uniform(Initializer):
    """U(-scale, scale). Gluon's default for every weight, with scale 0.07."""

    word = "uniform"
    scale: float = field(Float(0.0), default=0.07)

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fans: Fans
    ) -> np.ndarray:
        return _uniform(rng, shape, self.scale)


@define
class GlorotUniform(Initializer):
    """U(±√(6 / (fan_in + fan_out))). Glorot & Bengio 2010, eq. 16. Keras's default."""

    word = "glorot_uniform"

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fans: Fans
    ) -> np.ndarray:
        return _uniform(rng, shape, math.sqrt(6 / (fans.fan_in + fans.fan_out)))


@define
class GlorotNormal(Initializer):
    """N(0, 2 / (fan_in + fan_out)), not truncated. Glorot & Bengio 2010, eq. 12."""

    word = "glorot_normal"

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fans: Fans
    ) -> np.ndarray:
        return rng.normal(0, math.sqrt(2 / (fans.fan_in + fans.fan_out)), shape)


@define
class HeUniform(Initializer):
    """U(±√(6 / fan_in)). He et al. 2015, section 2.2, as a uniform distribution."""

    word = "he_uniform"

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fans: Fans
    ) -> np.ndarray:
        return _uniform(rng, shape, math.sqrt(6 / fans.fan_in))


@define
class HeNormal(Initializer):
    """N(0, 2 / fan_in), not truncated. He et al. 2015, eq. 10."""

    word = "he_normal"

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fans: Fans
    ) -> np.ndarray:
        return rng.normal(0, math.sqrt(2 / fans.fan_in), shape)


@define
class TorchDefault(Initializer):
    """U(±1/√fan_in): what PyTorch's convolutions and linear layers start from.

    It is ``kaiming_uniform_(a=√5)`` for weights, and the same bound for biases
    (``torch/nn/modules/conv.py``, ``linear.py``: ``reset_parameters``).
    """

    word = "torch_default"

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fans: Fans
    ) -> np.ndarray:
        return _uniform(rng, shape, 1 / math.sqrt(fans.fan_in))
