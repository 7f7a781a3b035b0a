"""What checks measure, the bounds, and the reasons for the bounds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from polyframe.io.array import Array
from polyframe.io.distance import distance as distance
from polyframe.io.distance import scaled_distance as scaled_distance

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
