"""Callbacks, as data, that keep a training safe: checkpoints and a stop on NaN."""

from __future__ import annotations

from polyframe.spec.callbacks import CallbackSpec
from polyframe.spec.element import define
from polyframe.spec.fields import Choice, Float, Int, Maybe, Text, field


@define
class ModelCheckpoint(CallbackSpec):
    """Checkpoints to resume from, and the best weights.

    A checkpoint is written after each epoch, every ``every_steps`` optimizer steps and
    every ``every_seconds`` seconds (None: not by that); the last ``keep`` are kept.
    ``best.safetensors`` holds the weights of the epoch with the best ``monitor``
    (``mode`` as in early_stopping), with ``ema`` those of the EMA; without validation
    data and at the default ``monitor`` there is none. A ``monitor`` that is no column of
    the history is refused before the first step.
    """

    word = "model_checkpoint"
    monitor: str = field(Text(64), default="val_loss")
    mode: str = field(Choice(("auto", "min", "max")), default="auto")
    keep: int = field(Int(1), default=2)
    every_steps: int | None = field(Maybe(Int(1)), default=None)
    every_seconds: float | None = field(Maybe(Float(0.0, above=True)), default=60.0)

    @property
    def writes(self) -> str:
        return "checkpoint"


@define
class TerminateOnNaN(CallbackSpec):
    """Stop when the loss is NaN or infinite, and say where that began.

    It keeps a copy of weights and optimizer state, renewed every ``every`` steps. From
    the copy the last steps are run again, with the same bits, to find the step and the
    first tensor at fault; the model is left as it was before that step. ``fit`` raises
    DivergedError.
    """

    word = "terminate_on_nan"
    every: int = field(Int(1), default=500)
