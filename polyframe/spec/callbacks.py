"""Callbacks that a recipe can name, as data.

``polyframe/train/callbacks/start.py`` says which class runs for each. Files are written
to the run folder or, without one, to the ``folder`` that ``fit`` was given.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from polyframe.spec.element import Element, define
from polyframe.spec.fields import Bool, Choice, Float, Int, Kind, Maybe, Text, field
from polyframe.spec.metrics import larger_is_better

PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
RESERVED_FILES = (
    "recipe.yaml",
    "weights.safetensors",
    "metrics.csv",
    "result.json",
    "env.json",
    "timing.json",
    "checkpoint",
    "wandb",
)
"""Names that a run folder uses itself; also ``program_…``."""
LOWER_IS_BETTER = ("loss", "mse", "mae")
"""Of values that no metric knows, those whose names end so are better when smaller."""


@dataclass(frozen=True)
class FileName(Kind[str]):
    """The plain name of a new file or folder in the run folder, with its suffix.

    A recipe comes from strangers: it must not reach another folder, hide a file, or
    write over what the run folder has already (in upper or lower case, since some file
    systems do not distinguish them).
    """

    suffix: str = ""

    @property
    def allowed(self) -> str:
        ending = f", ending in {self.suffix}," if self.suffix else ""
        return (
            f"a plain name{ending} (a letter or digit, then letters, digits, . _ -, "
            "at most 64) that the run folder does not use itself"
        )

    def check(self, value: object) -> str:
        """The name itself."""
        if not isinstance(value, str) or not PLAIN.fullmatch(value):
            raise ValueError
        if not value.endswith(self.suffix) or value == self.suffix:
            raise ValueError
        if value.lower() in RESERVED_FILES or value.lower().startswith("program_"):
            raise ValueError
        return value


class CallbackSpec(Element, family="callback"):
    """The base of all callbacks that are data."""

    @property
    def writes(self) -> str | None:
        """The name of the file or folder that it writes, if any."""
        return None


@define
class EarlyStopping(CallbackSpec):
    """End the training when a value of its epochs no longer gets better.

    It ends after ``patience`` epochs in a row without an improvement. An improvement is
    a finite value that is better than the best so far by more than ``min_delta`` (in the
    value's own unit) and, where ``baseline`` is given, than that as well.

    - ``monitor``: a column of the history, as "val_loss"; ``fit`` raises PolyframeError
      before the first step if there is none of that name.
    - ``mode``: "min", "max", or "auto": as the metric says whose value it is; of values
      that are no metric's, smaller is better for names that end in loss, mse or mae.

    The weights stay those of the last epoch; ``model_checkpoint`` keeps the best ones.
    """

    word = "early_stopping"
    monitor: str = field(Text(64), default="val_loss")
    patience: int = field(Int(1), default=5)
    min_delta: float = field(Float(0.0), default=0.0)
    mode: str = field(Choice(("auto", "min", "max")), default="auto")
    baseline: float | None = field(Maybe(Float()), default=None)

    @property
    def smaller(self) -> bool:
        """Whether a smaller value is a better one."""
        return smaller_is_better(self.monitor, self.mode)

    def counter(self) -> Patience:
        """What counts the epochs of a training."""
        return Patience(self.smaller, self.min_delta, self.baseline)


@dataclass
class Patience:
    """What ``early_stopping`` counts: the epochs since the last improvement. It needs
    nothing but Python, and ``eject`` copies it into scripts."""

    smaller: bool
    min_delta: float
    baseline: float | None
    best: float | None = None
    best_epoch: int = 0
    waited: int = 0  # epochs since the last improvement

    def better(self, value: float, than: float | None) -> bool:
        """Whether a value is an improvement. NaN and infinity never are, and a checkpoint
        could not store them."""
        if than is None or not math.isfinite(value):
            return math.isfinite(value)
        gain = than - value if self.smaller else value - than
        return gain > self.min_delta

    def see(self, value: float, epoch: int) -> None:
        """Take the value of one more epoch."""
        self.waited += 1
        if self.better(value, self.best):
            self.best, self.best_epoch = value, epoch
            if self.better(value, self.baseline):
                self.waited = 0


@define
class CsvLog(CallbackSpec):
    """A CSV table, a row for each epoch: the numbers of the history's row."""

    word = "csv_log"
    file: str = field(FileName(".csv"), default="log.csv")

    @property
    def writes(self) -> str:
        return self.file


@define
class JsonLog(CallbackSpec):
    """A line of JSON for each epoch: the numbers of the history's row; NaN and ±∞ are null.

    ``every_step`` adds a line for each step: ``{"epoch": from 1, "index": in the epoch,
    from 0, "step": over the whole training, from 1, "loss": …, "lr": …, "samples":
    …}``. Only these lines have a ``step``.
    """

    word = "json_log"
    file: str = field(FileName(".jsonl"), default="log.jsonl")
    every_step: bool = field(Bool(), default=False)

    @property
    def writes(self) -> str:
        return self.file


@define
class TensorBoard(CallbackSpec):
    """Event files for TensorBoard; the axis is the step, from 1.

    ``train/loss`` and ``lr`` each ``every`` steps; after an epoch ``train/<metric>``,
    ``val/loss``, ``val/<metric>`` and ``perf/examples_per_sec``. Event files hold
    float32. Needs the extra ``tensorboard``.
    """

    word = "tensorboard"
    folder: str = field(FileName(), default="tensorboard")
    every: int = field(Int(1), default=1)

    @property
    def writes(self) -> str:
        return self.folder


@define
class LrMonitor(CallbackSpec):
    """Adds the learning rates of an epoch's first and last step to the history's row:
    ``lr_first`` and ``lr_last``. (``json_log`` and ``tensorboard`` keep every step's.)
    """

    word = "lr_monitor"


@define
class Timing(CallbackSpec):
    """How long epochs and steps took, in seconds, in ``timing.json``."""

    word = "timing"

    @property
    def writes(self) -> str:
        return "timing.json"


@define
class Wandb(CallbackSpec):
    """Sends what ``tensorboard`` writes to Weights & Biases, every step.

    ``run`` is the run's name there; left out, the service makes one up. Needs the
    package wandb and a login.
    """

    word = "wandb"
    project: str = field(Text(128), default="polyframe")
    run: str | None = field(Maybe(Text(128)), default=None)


@define
class Mlflow(CallbackSpec):
    """Sends each epoch's values to MLflow, under the tags of ``tensorboard``.

    ``run`` is the run's name there; left out, MLflow makes one up. Needs the package
    mlflow; where its store is, is MLflow's own setting.
    """

    word = "mlflow"
    experiment: str = field(Text(128), default="polyframe")
    run: str | None = field(Maybe(Text(128)), default=None)


def smaller_is_better(monitor: str, mode: str = "auto") -> bool:
    """Whether a value is better when smaller; "auto" asks the metric whose value it is,
    and goes by the end of its name where it is none's."""
    if mode != "auto":
        return mode == "min"
    larger = larger_is_better(monitor)
    return monitor.endswith(LOWER_IS_BETTER) if larger is None else not larger
