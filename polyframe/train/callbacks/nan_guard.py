"""Finding out where a loss became NaN or infinite."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from polyframe.errors import DivergedError
from polyframe.io.array import Array
from polyframe.spec.safety import TerminateOnNaN
from polyframe.train.callbacks.base import Callback, Plan, StepEnd
from polyframe.train.feed import Batch
from polyframe.train.progress import Progress
from polyframe.train.protocol import TrainedModel

HINT = "a lower learning rate, clip_norm, or a warm-up before the schedule often helps"


@dataclass
class Snapshot:
    """A model between two steps."""

    epoch: int
    index: int
    step: int
    weights: Mapping[str, Array]
    training: Mapping[str, Array]


class NanGuard(Callback):
    """Raises ``DivergedError`` once a loss is not a finite number, and names the tensor
    where that began, if the plan has a ``replay``."""

    tolerates_delay = True

    def __init__(self, spec: TerminateOnNaN, folder: Path) -> None:
        self.every = spec.every
        self.replay: Callable[[int, int, int], Iterator[Batch]] | None = None
        self.snapshot: Snapshot | None = None
        self.rates: dict[int, float] = {}
        self.source = ""  # the program of the snapshot, which unfreezing changes

    def on_fit_begin(self, model: TrainedModel, plan: Plan) -> None:
        """Nothing is kept yet."""
        self.snapshot, self.replay = None, plan.replay

    def wants_pause(self, step: int) -> bool:
        """When a new copy is due."""
        return self.snapshot is None or step - self.snapshot.step >= self.every

    def on_pause(self, model: TrainedModel, progress: Callable[[], Progress]) -> None:
        """Make a copy."""
        due = self.wants_pause(model.steps_done) or model.source != self.source
        if self.replay is None or not due:
            return
        now, self.source = progress(), model.source
        self.snapshot = Snapshot(
            now.epoch, now.index, now.step, model.weights(), model.training_state()
        )
        self.rates = {}

    def on_step_end(self, model: TrainedModel, step: StepEnd) -> None:
        """Look at the loss."""
        self.rates[step.step] = step.lr
        if math.isfinite(step.loss):
            return
        where = f"step {step.step} (epoch {step.epoch}, its step {step.index + 1})"
        fault = self._fault(model, step.step)
        raise DivergedError(
            f"the loss became {step.loss}; {fault}", where=where, hint=HINT
        )

    def _fault(self, model: TrainedModel, bad: int) -> str:
        """The first tensor that is not finite, in words."""
        if self.snapshot is None:
            return "its batches cannot be made again to see where that began"
        batches = self._replay(model, bad)
        name = first_bad(model.weights())
        if name is None:
            for batch in batches:
                name = first_bad(model.engine.inspect(batch)[0])
                if name is not None:
                    return f"the first tensor at fault is the output of {name}"
            return "every layer's output is finite, the loss itself is at fault"
        if bad - 1 <= self.snapshot.step:
            return f"the first tensor at fault is the weight {name}"
        # The step before made the weights NaN: by its gradients, or by its update.
        before = self._replay(model, bad - 1)
        names = (first_bad(model.engine.inspect(batch)[1]) for batch in before)
        gradient = next(filter(None, names), None)
        kind = f"update of {name}" if gradient is None else f"gradient of {gradient}"
        return f"the first tensor at fault is the {kind} at step {bad - 1}"

    def _replay(self, model: TrainedModel, bad: int) -> list[Batch]:
        """Run again up to the step before ``bad``; the batches of ``bad``."""
        snapshot = self.snapshot
        assert snapshot is not None and self.replay is not None
        engine = model.engine
        engine.rewind(snapshot.weights, snapshot.training, snapshot.step)
        epoch, index = snapshot.epoch, snapshot.index
        bad_batches: list[Batch] = []
        while True:
            for batch in self.replay(epoch, engine.steps_done, index):
                if batch.step == bad - 1:
                    bad_batches.append(batch)
                    if batch.last:
                        return bad_batches
                    continue
                rate = self.rates.get(batch.step + 1, engine.learning_rate)
                engine.learning_rate = rate
                engine.advance(engine.stage(batch), batch.last)
            epoch, index = epoch + 1, 0


def first_bad(arrays: Mapping[str, Array]) -> str | None:
    """The name of the first array that holds NaN or infinity."""
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            return name
    return None
