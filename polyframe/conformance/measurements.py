"""What checks measure, the bounds, and the reasons for the bounds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from polyframe.io.array import Array

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from polyframe.contract.backend import Backend


@dataclass(frozen=True)
class Bound:
    """The largest value that is allowed, and the reason for it."""

    value: float
    reason: str


FORWARD = Bound(1e-12, "float64: only the order of summation may differ")
GRADIENT = Bound(
    1e-11, "float64: a gradient sums over more numbers than a forward pass"
)
DIFFERENCES = Bound(
    1e-8, "five-point differences in steps of 2e-5: rounding, divided by the step"
)
FLOAT32 = Bound(8.0, "a fused kernel may round 8 times as badly as NumPy in float32")
STEPS = Bound(1e-11, "float64: rounding of 50 steps on a problem that is not chaotic")
BIT_EQUAL = Bound(0.0, "the same numbers, bit for bit")
HALF_A_UNIT = 2.0**-24  # of float32: smaller errors do not count


@dataclass(frozen=True)
class Measurement:
    """One value that was measured; it passes if it is at most the bound."""

    what: str
    entry: str
    backend: str
    detail: str
    value: float
    bound: Bound

    @property
    def passed(self) -> bool:
        """Whether the value is within its bound. NaN fails."""
        return self.value <= self.bound.value

    @property
    def excess(self) -> float:
        """The value divided by its bound; infinite for NaN, infinity or a bound of 0."""
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
    """max|a-b| / max|b|; 0 for equal arrays, infinite where shapes differ or a value is
    not finite."""
    scale = np.abs(np.asarray(b, np.float64)).max(initial=0)
    return scaled_distance(a, b, float(scale))


def scaled_distance(a: ArrayLike, b: ArrayLike, scale: float) -> float:
    """max|a-b| over a scale; 0 for equal arrays, infinite where shapes differ or a value
    is not finite. Arrays are never broadcast: a wrong shape is an error."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return float("inf")
    largest = float(np.abs(a - b).max(initial=0))
    if largest == 0:
        return 0.0
    return largest / scale if scale else float("inf")


def compare_arrays(
    what: str,
    entry: str,
    backend: Backend,
    detail: str,
    actual: ArrayLike,
    expected: ArrayLike,
    bound: Bound = STEPS,
) -> Measurement:
    """The distance of one array from another."""
    return Measurement(
        what, entry, backend.name, detail, distance(actual, expected), bound
    )


def compare_named(
    what: str,
    entry: str,
    backend: Backend,
    actual: Mapping[str, Array],
    expected: Mapping[str, Array],
    bound: Bound,
) -> Iterator[Measurement]:
    """The distance of each array from the one of the same name; infinite for a name that
    is missing on one side."""
    for key in sorted({*actual, *expected}):
        if key in actual and key in expected:
            yield compare_arrays(
                what, entry, backend, key, actual[key], expected[key], bound
            )
        else:
            detail = f"{key} is missing on one side"
            yield Measurement(what, entry, backend.name, detail, float("inf"), bound)
