"""The plot of confusion matrices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from polyframe.errors import PolyframeError, brief
from polyframe.io.array import Array
from polyframe.io.plotting import figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_COUNTS = 30
"""The most classes whose counts are written into the cells."""
MOST_NAMED = 60
"""The most classes that are named beside the axes."""
DARK = 0.5
"""The share from which on a cell is dark, and its count white."""


def check_names(
    given: Sequence[str] | None, known: Sequence[str], sizes: Sequence[int]
) -> Sequence[str]:
    """The names of the classes: those that were given, those that the model knows, or
    none (). PolyframeError unless there are as many as classes."""
    if given is None:
        return known if all(len(known) == size for size in sizes) else ()
    listed = isinstance(given, (list, tuple)) and all(
        isinstance(name, str) for name in given
    )
    if not listed or any(len(given) != size for size in sizes):
        needed = " and ".join(map(str, dict.fromkeys(sizes)))
        raise PolyframeError(
            f"got {brief(given)}; a list of {needed} texts is needed, one for each class",
            where="class_names",
        )
    return given


def plot(matrices: Mapping[str, Array], names: Sequence[str] = ()) -> Figure:
    """The figure: a panel for each matrix of counts, (K, K) with labels as rows."""
    largest = max(len(matrix) for matrix in matrices.values())
    size = min(max(0.42 * largest + 1.8, 4.0), 12.0)
    made = figure(size * len(matrices), 0.9 * size)
    for axes, (key, matrix) in zip(
        made.subplots(1, len(matrices), squeeze=False).flat, matrices.items()
    ):
        panel(axes, matrix, names)
        if len(matrices) > 1:
            axes.set_title(key.removesuffix("_confusion_matrix"))
    made.colorbar(
        made.axes[0].images[0], ax=made.axes, label="share of the label's samples"
    )
    return made


def panel(axes: Axes, matrix: Array, names: Sequence[str]) -> None:
    """One matrix: colours by its rows' shares, counts in its cells."""
    sums = matrix.sum(axis=1, keepdims=True)
    shares = matrix / np.where(sums == 0, 1, sums)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xlabel("predicted")
    axes.set_ylabel("label")
    count = len(matrix)
    if count <= MOST_NAMED:
        words = [plain(name) for name in names] or [str(i) for i in range(count)]
        upright = max(map(len, words)) <= 2
        axes.set_xticks(range(count), words, rotation=0 if upright else 90)
        axes.set_yticks(range(count), words)
    if count <= MOST_COUNTS:
        for (i, j), value in np.ndenumerate(matrix):
            colour = "white" if shares[i, j] > DARK else "black"
            axes.text(
                j, i, f"{value:g}", ha="center", va="center", color=colour, fontsize=8
            )


def plain(text: str) -> str:
    """A name without Matplotlib's mathematics ($…$), and not too long for an axis."""
    short = text if len(text) <= 24 else f"{text[:23]}…"
    return short.replace("$", r"\$")
