"""``model_checkpoint``: checkpoints to resume from, and the best weights."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from polyframe.errors import PolyframeError, brief
from polyframe.io.atomic import remove_folder
from polyframe.spec.callbacks import smaller_is_better
from polyframe.spec.fields import Float, Several
from polyframe.spec.safety import ModelCheckpoint
from polyframe.train import model_file
from polyframe.train.callbacks.base import Callback, Plan
from polyframe.train.checkpoint import BEST, FOLDER, checkpoints_in, write
from polyframe.train.progress import Progress
from polyframe.train.protocol import TrainedModel


class Checkpointer(Callback):
    """Writes checkpoints; keeps the last ones, and the best weights.

    ``interrupted`` says whether the user wants the training to end: then a checkpoint is
    written at the next pause, whether one is due or not.
    """

    tolerates_delay = True

    def __init__(
        self,
        spec: ModelCheckpoint,
        folder: Path,
        interrupted: Callable[[], bool] = lambda: False,
    ) -> None:
        self.spec, self.folder = spec, folder / FOLDER
        self.best: list[float] = []  # [value, epoch], once there is one
        self.saved_step = -1
        self.steps: int | None = None  # of an epoch
        self.saved_at = time.monotonic()
        self.interrupted = interrupted

    def on_fit_begin(self, model: TrainedModel, plan: Plan) -> None:
        """Count from here; remove incomplete files that a crash has left."""
        self.saved_step, self.saved_at = model.steps_done, time.monotonic()
        self.steps = plan.steps
        for stray in self.folder.glob(".step-*"):
            remove_folder(stray)
        for stray in self.folder.glob(f".{BEST}.*"):
            stray.unlink(missing_ok=True)

    def wants_pause(self, step: int) -> bool:
        """At every so many steps or seconds, whichever comes first."""
        if self.interrupted():
            return True
        every, seconds = self.spec.every_steps, self.spec.every_seconds
        return bool(
            (every and step % every == 0)
            or (seconds and time.monotonic() - self.saved_at >= seconds)
        )

    def on_epoch_end(
        self, model: TrainedModel, epoch: int, row: Mapping[str, Any]
    ) -> None:
        """Keep the weights if they are the best so far."""
        value = row.get(self.spec.monitor)
        if not isinstance(value, (int, float)) or not np.isfinite(value):
            return
        smaller = smaller_is_better(self.spec.monitor, self.spec.mode)
        better = not self.best or (
            value < self.best[0] if smaller else value > self.best[0]
        )
        if better:
            self.best = [float(value), float(epoch)]
            model_file.write(self.folder / BEST, model)

    def on_pause(self, model: TrainedModel, progress: Callable[[], Progress]) -> None:
        """Write a checkpoint if one is due."""
        if model.steps_done == self.saved_step:
            return
        now = progress()
        if now.index and not self.wants_pause(model.steps_done):
            return
        if now.index == self.steps and not self.interrupted():
            return  # the epoch's end follows at once, with its validation
        path = self.folder / f"step-{model.steps_done:010d}"
        if path.exists():
            remove_folder(path)
        write(path, model.engine, now)
        self.saved_step, self.saved_at = model.steps_done, time.monotonic()
        # A checkpoint of a later step is damaged, or of another training: it must not
        # displace those that are written now, nor count as the newest.
        checkpoints = checkpoints_in(self.folder)
        at = checkpoints.index(path)
        for old in [*checkpoints[:at], *checkpoints[at + self.spec.keep :]]:
            remove_folder(old)

    def state(self) -> dict[str, Any]:
        """The best value and its epoch."""
        return {"best": self.best}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from it."""
        try:
            self.best = list(Several(Float()).check(state.get("best")))
        except (ValueError, OverflowError):
            raise PolyframeError(
                f"best is {brief(state.get('best'))}", where="model_checkpoint"
            ) from None
