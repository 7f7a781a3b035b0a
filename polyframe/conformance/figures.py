"""What checks measure: figures, their bounds, and why the bounds are what they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Bound:
    """The most that a figure may be, and the reason for it."""

    value: float
    reason: str


FORWARD = Bound(1e-12, "float64: sums may be taken in another order, no more")
GRADIENT = Bound(
    1e-11, "float64: a gradient sums over more numbers than a forward pass"
)
DIFFERENCES = Bound(
    1e-8, "five-point differences in steps of 2e-5: rounding, divided by the step"
)
FLOAT32 = Bound(8.0, "a fused kernel may round 8 times as badly as NumPy in float32")
STEPS = Bound(1e-11, "float64: rounding of 50 steps on a problem that is not chaotic")
BIT_EQUAL = Bound(0.0, "the same numbers, bit for bit")
HALF_A_UNIT = 2.0**-24  # in float32: an error of half a unit in the last place is none


@dataclass(frozen=True)
class Figure:
    """One thing measured: passed if the value is at most the bound."""

    what: str
    entry: str
    backend: str
    detail: str
    value: float
    bound: Bound

    @property
    def passed(self) -> bool:
        """Whether it is within its bound; what is not a number is not."""
        return self.value <= self.bound.value

    @property
    def excess(self) -> float:
        """How many times its bound a missed one is; infinite where that is no number."""
        if not np.isfinite(self.value) or not self.bound.value:
            return float("inf")
        return self.value / self.bound.value

    def __str__(self) -> str:
        verdict = "ok" if self.passed else "FAILED"
        return (
            f"{self.entry} on {self.backend}: {self.what}: {self.value:.1e} "
            f"(at most {self.bound.value:.0e}) {verdict}, {self.detail}"
        )


def distance(a: ArrayLike, b: ArrayLike) -> float:
    """max|a-b| / max|b|; 0 for equal arrays, infinite where shapes differ or something
    is not finite."""
    scale = np.abs(np.asarray(b, np.float64)).max(initial=0)
    return scaled_distance(a, b, float(scale))


def scaled_distance(a: ArrayLike, b: ArrayLike, scale: float) -> float:
    """max|a-b| over a scale; 0 for equal arrays, infinite where shapes differ or
    something is not finite. Arrays are never broadcast: a wrong shape is an error."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return float("inf")
    off = float(np.abs(a - b).max(initial=0))
    if off == 0:
        return 0.0
    return off / scale if scale else float("inf")
