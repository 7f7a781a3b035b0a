"""Callbacks: what the loop calls while it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from polyframe.train.feed import Batch
from polyframe.train.progress import Progress
from polyframe.train.protocol import TrainedModel


@dataclass(frozen=True)
class Plan:
    """What a training will do."""

    epochs: int  # the number of the last epoch, counted from 1
    steps: int | None  # optimizer steps an epoch; None where an iterator does not say
    batch_size: int | None  # samples a step; None where an iterator decides
    epoch: int = 0  # whole epochs done already (resumed, or fit called again)
    step: int = 0  # steps of the next epoch done already
    # The same batches again: those of an epoch from one of its steps on, by (epoch, step
    # of the whole training, step of the epoch); None where they cannot be made again.
    replay: Callable[[int, int, int], Iterator[Batch]] | None = None


@dataclass(frozen=True)
class StepEnd:
    """One optimizer step, once its loss has arrived on the host."""

    epoch: int  # from 1
    index: int  # within the epoch, from 0
    step: int  # over the whole training, from 1
    loss: float  # mean over the step's samples
    lr: float
    samples: int


class StopTraining(Exception):  # noqa: N818 - a request, not an error
    """Raised by a callback to end the training after this step or epoch.

    All other callbacks still see it; ``fit`` returns as after the last epoch.
    """


class Callback:
    """Override the methods that you need. ``model`` is the model that is being trained.

    A callback with state that has to survive a resume returns it in ``state`` and takes
    it back in ``restore``.

    - ``tolerates_delay``: whether ``on_step_end`` may be called when the device is a few
      steps further on, which keeps it busy. A callback that looks at the model there
      needs False, the default.
    - ``adds_to_rows``: whether ``on_epoch_end`` adds to the history's row; then it is
      called before the callbacks that write rows.
    - ``columns``: the names of what it adds, if they are known: then a ``monitor`` that
      is none of a row's is refused before the first step, and not after an epoch.
    """

    tolerates_delay: ClassVar[bool] = False
    adds_to_rows: ClassVar[bool] = False
    columns: ClassVar[tuple[str, ...]] = ()

    def on_fit_begin(self, model: TrainedModel, plan: Plan) -> None:
        """Before the first step."""

    def on_step_end(self, model: TrainedModel, step: StepEnd) -> None:
        """After each step; see ``tolerates_delay``."""

    def on_epoch_end(
        self, model: TrainedModel, epoch: int, row: dict[str, float]
    ) -> None:
        """After an epoch (counted from 1) and its validation, with its row of the history:
        ``{"epoch": …, "loss": …, "val_loss": …, "lr": …, "seconds": …, …}``."""

    def on_fit_end(self, model: TrainedModel) -> None:
        """After the last epoch."""

    def wants_pause(self, step: int) -> bool:
        """Whether the loop should pause after that step (over the whole training, from
        1): all results are fetched, and ``on_pause`` is called. It also pauses before the
        first step and after each epoch."""
        return False

    def on_pause(self, model: TrainedModel, progress: Callable[[], Progress]) -> None:
        """Between two steps: weights and state are those of ``progress()``."""

    def state(self) -> dict[str, Any]:
        """What a checkpoint has to store for this callback, as JSON data."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what ``state`` returned. It is read from a file: check it."""
