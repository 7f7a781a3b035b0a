"""Kinds of fields whose values are random: the range that a number is drawn from."""

from __future__ import annotations

import dataclasses
import math

from polyframe.spec.fields import Float, Kind


def items(value: object) -> object:
    """A NumPy array as lists, anything else as it is."""
    return value.tolist() if hasattr(value, "tolist") else value


@dataclasses.dataclass(frozen=True)
class Range(Kind[tuple[float, ...]]):
    """``(lowest, highest)`` within ``low`` and ``high``, both included.

    With a ``centre``, one number n stands for ``(centre - n, centre + n)``, cut off at
    ``low``. ``ranges`` is how many ranges there may be, one after the other. With
    ``above``, ``low`` itself is excluded.
    """

    low: float = -math.inf
    high: float = math.inf
    centre: float | None = None
    ranges: int = 1
    above: bool = False

    @property
    def allowed(self) -> str:
        each = Float(self.low, self.high, above=self.above).allowed
        several = "".join(f", or {n} in a row" for n in range(2, self.ranges + 1))
        pair = f"a pair (lowest, highest){several}, each {each}"
        if self.centre is None:
            return pair
        low = f"{self.centre:g} - n" if self.centre else "-n"
        high = f"{self.centre:g} + n" if self.centre else "n"
        return f"a number n for ({low}, {high}), or {pair}"

    def check(self, value: object) -> tuple[float, ...]:
        """Always (lowest, highest) of each range, as floats."""
        each, value = Float(self.low, self.high, above=self.above), items(value)
        if isinstance(value, (list, tuple)):
            numbers = tuple(each.check(number) for number in value)
            lowest, highest = numbers[::2], numbers[1::2]
            if len(numbers) not in range(2, 2 * self.ranges + 1, 2):
                raise ValueError
            if any(a > b for a, b in zip(lowest, highest, strict=True)):
                raise ValueError
            return numbers
        if self.centre is None:
            raise ValueError
        reach = Float(0.0).check(value)
        return max(self.centre - reach, self.low), each.check(self.centre + reach)

    def short(self, value: tuple[float, ...]) -> object:
        """One number where the range is as wide on both sides of 0."""
        if self.centre == 0 and len(value) == 2 and value[0] == -value[1]:
            return value[1]
        return value


@dataclasses.dataclass(frozen=True)
class Both(Kind[tuple[float, ...]]):
    """``(horizontal, vertical)``, or one number for both."""

    low: float = -math.inf
    high: float = math.inf

    @property
    def allowed(self) -> str:
        each = Float(self.low, self.high).allowed
        return f"{each}, or a pair (horizontal, vertical) of them"

    def check(self, value: object) -> tuple[float, ...]:
        """Always a pair of floats."""
        each, value = Float(self.low, self.high), items(value)
        if not isinstance(value, (list, tuple)):
            return (each.check(value),) * 2
        if len(value) != 2:
            raise ValueError
        return tuple(each.check(number) for number in value)

    def short(self, value: tuple[float, ...]) -> object:
        """One number where both are equal."""
        return value[0] if value[0] == value[1] else value
