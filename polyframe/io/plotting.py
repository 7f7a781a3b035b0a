"""Matplotlib figures: made without pyplot, whose state is the user's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyframe.errors import PolyframeError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def figure(width: float, height: float) -> Figure:
    """An empty figure of that size in inches, which shows itself in a notebook.
    PolyframeError where Matplotlib is not installed."""
    try:
        from polyframe.io.figure import NotebookFigure
    except ImportError:
        raise PolyframeError(
            "the plot needs matplotlib, which is not installed",
            hint='pip install "polyframe[plots]"',
        ) from None
    return NotebookFigure(figsize=(width, height), layout="constrained")
