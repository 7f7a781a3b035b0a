"""Activations. Where a function has a kink, its gradient there is PyTorch's."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from polyframe.errors import SpecError
from polyframe.io.array import Array
from polyframe.spec.element import define, define_base
from polyframe.spec.field_types import FloatOrUnset
from polyframe.spec.fields import UNSET, Choice, Float, Int, Maybe, field
from polyframe.spec.initializers import Constant
from polyframe.spec.layers.base import (
    Context,
    Examples,
    Layer,
    Parameter,
    Shape,
)

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "SELU",
    "HardSigmoid",
    "HardSwish",
    "HardTanh",
    "LeakyReLU",
    "LogSigmoid",
    "Mish",
    "PReLU",
    "ReLU",
    "ReLU6",
    "SiLU",
    "Sigmoid",
    "Softplus",
    "Softsign",
    "Tanh",
]

EVERY_RANK: Examples = (
    ({}, ((3, 4, 5),)),
    ({}, ((6,),)),
    ({}, ((2, 7),)),
    ({}, ((2, 2, 3, 3),)),
)


@define_base
class Activation(Layer):
    """An elementwise function of tensors of any rank."""

    examples: ClassVar[Examples] = EVERY_RANK

    def infer(self, *shapes: Shape) -> Shape:
        return shapes[0]


@define_base
class Increasing(Activation):
    """An elementwise function that never decreases, whatever its values are."""

    @property
    def increasing(self) -> bool:
        return True


@define
class ReLU(Increasing):
    """``max(x, 0)``, elementwise; the gradient at 0 is 0. Nair & Hinton 2010."""

    short: ClassVar[str] = "relu"

    def define(self, at: Context, *x: Array) -> Array:
        return np.maximum(x[0], 0)


@define
class ReLU6(Increasing):
    """``min(max(x, 0), 6)``; the gradient at 0 is 0. Howard et al. 2017 (MobileNets).

    The gradient at 6 is 0, except on MXNet, where it is 1.
    """

    short: ClassVar[str] = "relu"

    def define(self, at: Context, *x: Array) -> Array:
        return np.clip(x[0], 0, 6)


@define
class LeakyReLU(Activation):
    """``x`` where x > 0, else ``negative_slope · x``. Maas et al. 2013.

    ``negative_slope``: UNSET is PyTorch's 0.01 when aligned; Keras's own is 0.3.
    """

    negative_slope: FloatOrUnset = field(Float(), default=UNSET, aligned=0.01)

    short: ClassVar[str] = "leaky_relu"
    examples = (
        *EVERY_RANK,
        ({"negative_slope": 0.2}, ((3, 4, 5),)),
        ({"negative_slope": -0.3}, ((6,),)),
        ({"negative_slope": 0.0}, ((2, 7),)),
    )

    @property
    def increasing(self) -> bool:
        return isinstance(self.negative_slope, float) and self.negative_slope >= 0

    def define(self, at: Context, *x: Array) -> Array:
        return np.where(x[0] > 0, x[0], self.negative_slope * x[0])


@define
class PReLU(Activation):
    """``x`` where x > 0, else ``weight · x``, a learnable slope. He et al. 2015.

    - ``num_parameters``: 1, a slope for all, or the number of channels (axis 1), a
      slope for each.
    - ``init``: the first slope. UNSET is PyTorch's 0.25 when aligned; Keras's own is 0.

    Weights: ``weight`` (num_parameters,).
    """

    num_parameters: int = field(Int(), default=1)
    init: FloatOrUnset = field(Float(), default=UNSET, aligned=0.25)

    short: ClassVar[str] = "prelu"
    examples = (
        *EVERY_RANK,
        ({"num_parameters": 3}, ((3, 4, 5),)),
        ({"num_parameters": 6, "init": 0.1}, ((6,),)),
        ({"num_parameters": 2}, ((2, 7),)),
        ({"num_parameters": 2}, ((2, 2, 3, 3),)),
    )

    def infer(self, *shapes: Shape) -> Shape:
        if self.num_parameters not in (1, shapes[0][0]):
            raise SpecError(
                f"num_parameters is {self.num_parameters}; 1 or the number of channels "
                f"(={shapes[0][0]}) is needed"
            )
        return super().infer(*shapes)

    def parameters(self, *shapes: Shape) -> dict[str, Parameter]:
        return {"weight": Parameter((self.num_parameters,), Constant(self.init))}

    def define(self, at: Context, *x: Array) -> Array:
        weight = at["weight"].reshape(-1, *[1] * (x[0].ndim - 2))
        return np.where(x[0] > 0, x[0], weight * x[0])


@define
class ELU(Activation):
    """``x`` where x > 0, else ``alpha · (exp(x) - 1)``. Clevert et al. 2016."""

    alpha: float = field(Float(), default=1.0)

    short: ClassVar[str] = "elu"
    examples = (
        *EVERY_RANK,
        ({"alpha": 0.3}, ((3, 4, 5),)),
        ({"alpha": -0.5}, ((6,),)),
        ({"alpha": 0.0}, ((6,),)),
    )

    @property
    def increasing(self) -> bool:
        return self.alpha >= 0

    def define(self, at: Context, *x: Array) -> Array:
        return np.where(x[0] > 0, x[0], self.alpha * np.expm1(np.minimum(x[0], 0)))


@define
class CELU(Increasing):
    """``x`` where x > 0, else ``alpha · (exp(x/alpha) - 1)``, smooth at 0. Barron 2017.

    ``alpha`` must be above 0; PyTorch accepts other values, which overflow.
    """

    alpha: float = field(Float(0.0, above=True), default=1.0)

    short: ClassVar[str] = "celu"
    examples = (
        *EVERY_RANK,
        ({"alpha": 0.3}, ((3, 4, 5),)),
        ({"alpha": 2.0}, ((6,),)),
    )

    def define(self, at: Context, *x: Array) -> Array:
        below = self.alpha * np.expm1(np.minimum(x[0], 0) / self.alpha)
        return np.where(x[0] > 0, x[0], below)


@define
class SELU(Increasing):
    """``s · x`` where x > 0, else ``s · a · (exp(x) - 1)``: keeps mean 0, variance 1.

    s = 1.0507009873554805, a = 1.6732632423543772 (Klambauer et al. 2017, section 2).
    """

    short: ClassVar[str] = "selu"

    def define(self, at: Context, *x: Array) -> Array:
        below = 1.6732632423543772 * np.expm1(np.minimum(x[0], 0))
        return 1.0507009873554805 * np.where(x[0] > 0, x[0], below)


@define
class GELU(Activation):
    """``x · Φ(x)``, Φ being the standard normal CDF. Hendrycks & Gimpel 2016.

    ``approximate="tanh"``: ``x/2 · (1 + tanh(√(2/π) · (x + 0.044715 · x³)))``.
    """

    approximate: str = field(Choice(("none", "tanh")), default="none")

    short: ClassVar[str] = "gelu"
    examples = (*EVERY_RANK, ({"approximate": "tanh"}, ((3, 4, 5),)))

    def define(self, at: Context, *x: Array) -> Array:
        if self.approximate == "tanh":
            inner = math.sqrt(2 / math.pi) * (x[0] + 0.044715 * x[0] ** 3)
            out: Array = 0.5 * x[0] * (1 + np.tanh(inner))
            return out
        return 0.5 * x[0] * (1 + erf(x[0] * math.sqrt(0.5)))


@define
class SiLU(Activation):
    """``x · sigmoid(x)``, also called swish. Elfwing et al. 2018."""

    short: ClassVar[str] = "silu"

    def define(self, at: Context, *x: Array) -> Array:
        return x[0] * sigmoid(x[0])


@define
class Mish(Activation):
    """``x · tanh(log(1 + exp(x)))``. Misra 2020."""

    short: ClassVar[str] = "mish"

    def define(self, at: Context, *x: Array) -> Array:
        out: Array = x[0] * np.tanh(softplus(x[0]))
        return out


@define
class Sigmoid(Increasing):
    """``1 / (1 + exp(-x))``."""

    short: ClassVar[str] = "sigmoid"

    def define(self, at: Context, *x: Array) -> Array:
        return sigmoid(x[0])


@define
class LogSigmoid(Increasing):
    """``log(1 / (1 + exp(-x)))``."""

    short: ClassVar[str] = "log_sigmoid"

    def define(self, at: Context, *x: Array) -> Array:
        return -softplus(-x[0])


@define
class HardSigmoid(Increasing):
    """``min(max(x + 3, 0), 6) / 6``, as in PyTorch and Keras 3. Howard et al. 2019.

    Gluon's and Keras 2's is another: ``min(max(0.2 · x + 0.5, 0), 1)``. At the kinks,
    -3 and 3, a backend's gradient may be that of either side.
    """

    short: ClassVar[str] = "hard_sigmoid"

    def define(self, at: Context, *x: Array) -> Array:
        return np.clip(x[0] + 3, 0, 6) / 6


@define
class HardSwish(Activation):
    """``x · min(max(x + 3, 0), 6) / 6``. Howard et al. 2019 (MobileNetV3), section 5.2.

    At the kinks, -3 and 3, a backend's gradient may be that of either side.
    """

    short: ClassVar[str] = "hard_swish"

    def define(self, at: Context, *x: Array) -> Array:
        return x[0] * np.clip(x[0] + 3, 0, 6) / 6


@define
class HardTanh(Increasing):
    """``min(max(x, min_val), max_val)``; the gradient at either end is 0."""

    min_val: float = field(Float(), default=-1.0)
    max_val: float = field(Float(), default=1.0)

    short: ClassVar[str] = "hard_tanh"
    examples = (*EVERY_RANK, ({"min_val": -0.1, "max_val": 0.3}, ((3, 4, 5),)))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.min_val >= self.max_val:
            raise SpecError(
                f"min_val is {self.min_val}; a number below max_val (={self.max_val}) "
                "is needed",
                where=self.label,
            )

    def define(self, at: Context, *x: Array) -> Array:
        return np.clip(x[0], self.min_val, self.max_val)


@define
class Tanh(Increasing):
    """``tanh(x)``."""

    short: ClassVar[str] = "tanh"

    def define(self, at: Context, *x: Array) -> Array:
        return np.tanh(x[0])


@define
class Softplus(Activation):
    """``log(1 + exp(beta · x)) / beta``: the exact function. Dugas et al. 2001.

    - ``beta``: above 0.
    - ``threshold``: where ``beta · x`` is above it, the layer is x. None: nowhere.
      PyTorch's own is 20, which errs by 2e-9.
    """

    beta: float = field(Float(0.0, above=True), default=1.0)
    threshold: float | None = field(Maybe(Float()), default=None)

    short: ClassVar[str] = "softplus"
    examples = (
        *EVERY_RANK,
        ({"beta": 2.0}, ((3, 4, 5),)),
        ({"beta": 0.5}, ((6,),)),
        ({"threshold": 0.5}, ((6,),)),
        ({"beta": 3.0, "threshold": 1.0}, ((3, 4, 5),)),
    )

    @property
    def increasing(self) -> bool:
        return self.threshold is None  # the step down at the threshold

    def define(self, at: Context, *x: Array) -> Array:
        y = softplus(self.beta * x[0]) / self.beta
        if self.threshold is None:
            return y
        return np.where(self.beta * x[0] > self.threshold, x[0], y)


@define
class Softsign(Increasing):
    """``x / (1 + |x|)``. Bergstra et al. 2009, section 2 (quadratic neurons)."""

    short: ClassVar[str] = "softsign"

    def define(self, at: Context, *x: Array) -> Array:
        out: Array = x[0] / (1 + np.abs(x[0]))
        return out


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)); exp never overflows."""
    e = np.exp(-np.abs(x))
    out: Array = np.where(x >= 0, 1, e) / (1 + e)
    return out


def softplus(x: Array) -> Array:
    """log(1 + exp(x)); exp never overflows."""
    out: Array = np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))
    return out


def erf(x: Array) -> Array:
    """The error function, which NumPy lacks."""
    out: Array = np.frompyfunc(math.erf, 1, 1)(x).astype(x.dtype)
    return out
