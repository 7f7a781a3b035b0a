"""The plot of a history: a panel for each value, training and validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from polyframe.errors import PolyframeError
from polyframe.io.plotting import figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = 3
"""The most panels in a row."""
SIZE = (4.2, 3.0)
"""Inches of a panel."""


def plot(
    series: Mapping[str, Mapping[str, Sequence[float]]], epochs: Sequence[int]
) -> Figure:
    """The figure of values by epoch: value → its lines by name."""
    if not series:
        raise PolyframeError("no epoch has ended, so there is nothing to plot")
    columns = min(COLUMNS, len(series))
    lines = -(-len(series) // columns)
    made = figure(SIZE[0] * columns, SIZE[1] * lines)
    panels = iter(made.subplots(lines, columns, squeeze=False).flat)
    for (value, several), axes in zip(series.items(), panels):
        for style, (name, values) in zip(("o-", "s--"), several.items()):
            axes.plot(epochs, values, style, label=name, markersize=3)
        axes.set_title(value.replace("_", " "))
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.legend()
    for axes in panels:  # those that are left over
        axes.set_visible(False)
    return made
