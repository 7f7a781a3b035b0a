"""Which callback runs for which spec, built in or from a plug-in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from polyframe.errors import PolyframeError, brief
from polyframe.spec import callbacks as specs
from polyframe.spec.callbacks import CallbackSpec
from polyframe.spec.safety import ModelCheckpoint, TerminateOnNaN
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

Maker = Callable[[Any, Path], Callback]
"""What makes a callback from (spec, folder): usually its class."""
_MAKERS: dict[type[CallbackSpec], Maker] = {
    specs.EarlyStopping: EarlyStopper,
    specs.CsvLog: CsvLogger,
    specs.JsonLog: JsonLogger,
    specs.TensorBoard: TensorBoardLogger,
    specs.LrMonitor: LrRecorder,
    specs.Timing: Timer,
    specs.Wandb: WandbLogger,
    specs.Mlflow: MlflowLogger,
    ModelCheckpoint: Checkpointer,
    TerminateOnNaN: NanGuard,
}


def register_callback(spec: type[CallbackSpec], maker: Maker) -> None:
    """Register what runs for a plug-in's ``CallbackSpec``: ``maker(spec, folder)`` makes
    the callback."""
    _MAKERS[spec] = maker


Callbacks = str | Mapping[str, Any] | CallbackSpec | Callback | Iterable[Any]


def start(callbacks: Callbacks, folder: str | Path = ".") -> list[Callback]:
    """Callbacks that a loop can call, from objects, specs, names and mappings.

    The user's own objects are used as they are. The order is kept, except that callbacks
    that add to the history's rows come first. ``folder`` is where files are written; it
    is not touched before training begins. PolyframeError for what is not a callback, and
    where two of them write the same file.
    """
    made = [make(each, Path(folder)) for each in listed(callbacks)]
    written = (each.spec.writes for each in made if isinstance(each, SpecCallback))
    for name, times in Counter(name.lower() for name in written if name).items():
        if times > 1:
            raise PolyframeError(
                f"{times} callbacks write {name}",
                where="callbacks",
                hint="give each a name of its own",
            )
    return sorted(made, key=lambda each: not each.adds_to_rows)


def listed(callbacks: Callbacks) -> list[Any]:
    """One callback alone, or several, as a list."""
    if isinstance(callbacks, (str, Mapping, CallbackSpec, Callback)):
        return [callbacks]
    return list(callbacks)


def any_writes(callbacks: Callbacks) -> bool:
    """Whether any of them, given as data, writes files into the folder of the training;
    objects know their own."""
    specs = [each for each in listed(callbacks) if not isinstance(each, Callback)]
    return any(CallbackSpec.parse(each, "callbacks").writes for each in specs)


def make(
    callback: str | Mapping[str, Any] | CallbackSpec | Callback, folder: Path
) -> Callback:
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
    maker = _MAKERS.get(type(spec))
    if maker is None:
        raise PolyframeError(
            "nothing is registered that runs it",
            where=f"callbacks: {spec.type}",
            hint=f"polyframe.train.register_callback({type(spec).__name__}, …)",
        )
    return maker(spec, folder)
