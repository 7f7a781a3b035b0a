"""Callbacks: what the loop tells while it runs."""

from __future__ import annotations

from typing import Any


class Callback:
    """Override what you want to see. ``model`` is the one that is being trained."""

    def on_fit_begin(self, model: Any, epochs: int, steps: int) -> None:
        """Before the first step; ``steps`` an epoch."""

    def on_step_end(self, model: Any, step: int, loss: float) -> None:
        """After a step of this epoch (from 0), once its loss has arrived."""

    def on_epoch_end(self, model: Any, epoch: int, row: dict[str, float]) -> None:
        """After an epoch (from 1) and its validation, with its row of the history."""

    def on_fit_end(self, model: Any) -> None:
        """After the last epoch."""
