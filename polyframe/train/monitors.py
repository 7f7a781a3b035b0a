"""Checks of monitors: the columns of the history that callbacks and schedules look at.

They are made before the first step: a misspelt name must not cost an epoch.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import NoReturn

import numpy as np

from polyframe.errors import PolyframeError, brief, did_you_mean
from polyframe.spec.callbacks import CallbackSpec, EarlyStopping
from polyframe.spec.element import Element
from polyframe.spec.safety import ModelCheckpoint
from polyframe.spec.schedules import ReduceOnPlateauSchedule, Schedule
from polyframe.spec.totals import BoundMetric
from polyframe.train.callbacks.base import Callback

Known = Mapping[str, bool]
"""The names of a row's columns, in their order, and whether each is a number."""
MONITORING = (EarlyStopping, ModelCheckpoint, ReduceOnPlateauSchedule)
"""What has a ``monitor``."""
OWN = ("lr", "seconds", "examples_per_sec")
"""Columns of every row, after loss and metrics."""


def check_monitors(
    callbacks: Sequence[Callback],
    schedule: Schedule | None,
    metrics: Sequence[BoundMetric],
    validates: bool,
) -> None:
    """PolyframeError for the first ``monitor`` of callbacks and schedule that is no number
    of this training's rows."""
    adding = [each for each in callbacks if each.adds_to_rows]
    if not all(each.columns for each in adding):
        return  # what is in the rows is not known before
    known = columns(metrics, validates, adding)
    for element in (*(getattr(each, "spec", None) for each in callbacks), schedule):
        if not isinstance(element, MONITORING) or known.get(element.monitor):
            continue
        default = element.monitor == ModelCheckpoint.monitor
        if isinstance(element, ModelCheckpoint) and default and not validates:
            continue  # no epoch is the best one, then; there are checkpoints all the same
        refuse(element.label, element.monitor, known)


def needing_validation(
    callbacks: Iterable[CallbackSpec], schedule: Schedule | None
) -> list[Element]:
    """Those of a recipe's callbacks and its schedule that look at validation data. The
    default of ``model_checkpoint`` can do without them."""
    found: list[Element] = []
    for each in (*callbacks, schedule):
        if isinstance(each, MONITORING) and each.monitor.startswith("val_"):
            default = each.monitor == ModelCheckpoint.monitor
            if not (isinstance(each, ModelCheckpoint) and default):
                found.append(each)
    return found


def columns(
    metrics: Sequence[BoundMetric], validates: bool, adding: Iterable[Callback]
) -> Known:
    """What will be in the rows of a history."""
    measured = {"loss": True} | {m.key: is_number(m) for m in metrics}
    validated = {f"val_{name}": number for name, number in measured.items()}
    added = (*OWN, *(name for each in adding for name in each.columns))
    return (
        {"epoch": True}
        | measured
        | (validated if validates else {})
        | dict.fromkeys(added, True)
    )


def is_number(bound: BoundMetric) -> bool:
    """Whether a metric's value is a number; a confusion matrix is none."""
    metric = bound.metric
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return np.ndim(metric.value(metric.start(bound.shape))) == 0
    except ArithmeticError:  # of no samples: a number divided by 0
        return True


def refuse(label: str, monitor: str, known: Known) -> NoReturn:
    """The error for a monitor that is no number, naming those that are."""
    numbers = [name for name, number in known.items() if number]
    what = "is not a number" if monitor in known else "is not a value of this training"
    advice = "; val_… needs validation data" if monitor.startswith("val_") else ""
    raise PolyframeError(
        f"monitor {brief(monitor)} {what}.{did_you_mean(monitor, numbers)}",
        where=label,
        hint=f"known: {', '.join(numbers)}{advice}",
    )
