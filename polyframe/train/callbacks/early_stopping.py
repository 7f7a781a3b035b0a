"""Ending a training that no longer gets better."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from polyframe.io.shown import scalars
from polyframe.spec.callbacks import EarlyStopping
from polyframe.spec.fields import Float, Int, Kind, Maybe
from polyframe.train.callbacks.base import StopTraining
from polyframe.train.callbacks.helpers import SpecCallback, restored
from polyframe.train.monitors import refuse
from polyframe.train.progress import Progress
from polyframe.train.protocol import TrainedModel

COUNT = Int(0, 2**53)
STATE: dict[str, Kind[Any]] = {
    "best": Maybe(Float()),
    "best_epoch": COUNT,
    "waited": COUNT,
}


class EarlyStopper(SpecCallback):
    """Runs ``early_stopping``."""

    spec: EarlyStopping

    def __init__(self, spec: EarlyStopping, folder: Path) -> None:
        super().__init__(spec, folder)
        self.seen = spec.counter()

    def on_epoch_end(
        self, model: TrainedModel, epoch: int, row: dict[str, float]
    ) -> None:
        """Compare; ``StopTraining`` says which value, and when it was best."""
        self.seen.see(self.look_up(row), epoch)
        if self.seen.waited >= self.spec.patience:
            raise StopTraining(self.reason())

    def on_pause(self, model: TrainedModel, progress: Callable[[], Progress]) -> None:
        """A training that was to end here, and was killed before it could say so, ends
        when it is resumed."""
        if self.seen.waited >= self.spec.patience:
            raise StopTraining(self.reason())

    def look_up(self, row: Mapping[str, Any]) -> float:
        """The monitored value of a row."""
        known, name = scalars(row), self.spec.monitor
        if name not in known:
            refuse(self.spec.label, name, {each: each in known for each in row})
        return known[name]

    def reason(self) -> str:
        """Why the training ends."""
        spec, seen = self.spec, self.seen
        many = "epoch" if seen.waited == 1 else "epochs"
        best = "it was never finite"
        if seen.best is not None:
            best = f"its best was {seen.best:.6g} in epoch {seen.best_epoch}"
        beyond = f" beyond {spec.baseline:g}" if spec.baseline is not None else ""
        return (
            f"{spec.label}: {spec.monitor} has not improved{beyond} for {seen.waited} "
            f"{many}; {best}"
        )

    def state(self) -> dict[str, Any]:
        return {
            "best": self.seen.best,
            "best_epoch": self.seen.best_epoch,
            "waited": self.seen.waited,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        self.seen.best, self.seen.best_epoch, self.seen.waited = restored(
            self.spec.label, state, STATE
        )
