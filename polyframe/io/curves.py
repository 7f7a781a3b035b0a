"""Small curves as SVG, for cards: values by epoch, a line for each name."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from polyframe.io.shown import number

WIDTH, HEIGHT = 310, 150
LEFT, RIGHT, TOP, BOTTOM = 62, 8, 8, 20
"""The size of a picture, and its margins, in units of its own."""


@dataclass(frozen=True)
class Curves:
    """Values by step of one axis: name → values. ``steps`` are the numbers below the axis,
    as many as the longest line has values. Values that are no finite numbers leave gaps."""

    title: str
    lines: Mapping[str, Sequence[float]]
    steps: Sequence[int]
    size = (WIDTH, HEIGHT)
    frame = (LEFT, TOP, WIDTH - RIGHT, HEIGHT - BOTTOM)

    @property
    def range(self) -> tuple[float, float]:
        """The smallest and the largest finite value; (0, 0) without any."""
        known = [v for values in self.lines.values() for v in values]
        finite = [value for value in known if math.isfinite(value)]
        return (min(finite), max(finite)) if finite else (0.0, 0.0)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Height and text of the values beside the axis."""
        low, high = self.range
        values = [low, high] if high > low else [low]
        return [(self._y(value), number(value)) for value in values]

    @property
    def paths(self) -> dict[str, str]:
        """Name → the path of its line."""
        return {name: " ".join(self._path(v)) for name, v in self.lines.items()}

    def _path(self, values: Sequence[float]) -> Iterator[str]:
        pen = "M"
        for index, value in enumerate(values):
            if not math.isfinite(value):
                pen = "M"
                continue
            # A point alone is a line of no length, which round ends make a dot.
            alone = "h0" if pen == "M" else ""
            yield f"{pen}{self._x(index):.1f} {self._y(value):.1f}{alone}"
            pen = "L"

    def _x(self, index: int) -> float:
        last = max(len(self.steps) - 1, 1)
        return LEFT + (WIDTH - LEFT - RIGHT) * index / last

    def _y(self, value: float) -> float:
        low, high = self.range
        share = (value - low) / (high - low) if high > low else 0.5
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - share)
