"""The history of a training, a row for each epoch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from polyframe.io.cards import Card, Displayed
from polyframe.io.shown import scalars, shown_all
from polyframe.spec.totals import Row
from polyframe.train.card import card, series, steps
from polyframe.train.plot import plot

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass
class History(Displayed):
    """Rows of values, one for each epoch; ``history["loss"]`` is a column. In a notebook
    it shows its table and curves."""

    rows: list[Row] = field(default_factory=list)
    stopped: str | None = None  # why training ended before its last epoch, if it did

    def __getitem__(self, name: str) -> list[Any]:
        return [row[name] for row in self.rows]

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        last = f"; {shown_all(scalars(self.rows[-1]))}" if self.rows else ""
        return f"<History: {self._epochs()}{last}>"

    def _epochs(self) -> str:
        return "1 epoch" if len(self) == 1 else f"{len(self):,} epochs"

    def _card(self) -> Card:
        return card(f"History: {self._epochs()}", self.rows, self.stopped)

    def plot(self) -> Figure:
        """A Matplotlib figure with a panel for the loss and each metric: by epoch, on the
        training data and, dashed, on the validation data. Nothing is shown or written;
        ``savefig`` does that. PolyframeError where no epoch has ended, and where
        Matplotlib is not installed."""
        return plot(series(self.rows), steps(self.rows))
