"""Which callback runs for which spec."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from polyframe.errors import PolyframeError, brief
from polyframe.spec.callbacks import CallbackSpec
from polyframe.train.callbacks.base import Callback
from polyframe.train.callbacks.early_stopping import EarlyStopper
from polyframe.train.callbacks.helpers import SpecCallback
from polyframe.train.callbacks.logs import CsvLogger, JsonLogger
from polyframe.train.callbacks.model_checkpoint import Checkpointer
from polyframe.train.callbacks.nan_guard import NanGuard
from polyframe.train.callbacks.timing import LrRecorder, Timer
from polyframe.train.callbacks.trackers import (
    MlflowLogger,
    TensorBoardLogger,
    WandbLogger,
)

RUNNERS: dict[str, type[Any]] = {
    "early_stopping": EarlyStopper,
    "csv_log": CsvLogger,
    "json_log": JsonLogger,
    "tensorboard": TensorBoardLogger,
    "lr_monitor": LrRecorder,
    "timing": Timer,
    "wandb": WandbLogger,
    "mlflow": MlflowLogger,
    "model_checkpoint": Checkpointer,
    "terminate_on_nan": NanGuard,
}
"""Word of a callback → the ``Callback`` that is made from (spec, folder)."""


def start(callbacks: Any, folder: str | Path = ".") -> list[Callback]:
    """Callbacks that a loop can call, from objects, specs, names and mappings.

    Objects of the user's own stay as they are, and all keep their order, except that
    what adds to the history's rows comes before what writes them down. ``folder`` is
    where files go; it is not touched before training begins.
    """
    if isinstance(callbacks, (str, Mapping, CallbackSpec, Callback)):
        callbacks = [callbacks]
    found = [make(each, Path(folder)) for each in callbacks]
    written = (each.spec.writes for each in found if isinstance(each, SpecCallback))
    for name, times in Counter(name.lower() for name in written if name).items():
        if times > 1:
            raise PolyframeError(
                f"{times} callbacks write {name}",
                where="callbacks",
                hint="give each a name of its own",
            )
    return sorted(found, key=lambda each: not isinstance(each, LrRecorder))


def make(callback: Any, folder: Path) -> Callback:
    """One callback that a loop can call."""
    if isinstance(callback, Callback):
        return callback
    if not isinstance(callback, (str, Mapping, CallbackSpec)):
        raise PolyframeError(
            f"got {brief(callback)}; an object of a class of polyframe.train.Callback, "
            "a callback's name, or {type: name, …} is needed",
            where="callbacks",
        )
    spec = CallbackSpec.parse(callback, "callbacks")
    found: Callback = RUNNERS[spec.type](spec, folder)
    return found
