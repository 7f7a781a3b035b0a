"""The class of polyframe's figures; imported on use, since Matplotlib is an extra."""

from __future__ import annotations

import io

from matplotlib.figure import Figure


class NotebookFigure(Figure):
    """A figure that a notebook shows even where pyplot, which teaches notebooks to show
    figures, was never imported."""

    def _repr_png_(self) -> bytes:
        """The figure as PNG."""
        file = io.BytesIO()
        self.savefig(file, format="png")
        return file.getvalue()
