"""Schedules: the learning rate at a time, as a factor of the optimizer's ``lr``.

Time is in epochs: ``at = optimizer steps taken / steps per epoch``, 0 at the first step,
of ``total`` in the training. A rate depends on nothing but its arguments, so it is the
same number on every backend and after a resume.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence
from typing import Any

from polyframe.errors import SpecError, brief, did_you_mean
from polyframe.spec.element import Element, define, define_base
from polyframe.spec.field_types import Floats
from polyframe.spec.fields import Choice, Float, Int, Several, Text, field
from polyframe.spec.metrics import larger_is_better

Rows = Sequence[Mapping[str, Any]]
"""A history's: numbers by name, and what is none (a confusion matrix)."""

TINY = 1e-9
"""``at`` is a quotient, and warm-up is taken off it: a time that lies below a border by
less than this (far less than one step) has reached it."""


@define_base
class Schedule(Element, family="schedule"):
    """The base of all schedules.

    - ``warmup``: epochs (default 0) in which the rate first grows linearly, from
      ``warmup_start · lr`` (default 0) to ``lr · factor(0)``; the schedule then begins,
      with ``total - warmup`` epochs (Goyal et al. 2017, section 2.2). A training that is
      no longer than the warm-up consists of the warm-up only.
    """

    warmup: float = field(Float(0.0), default=0.0, kw_only=True)
    warmup_start: float = field(Float(0.0, 1.0), default=0.0, kw_only=True)

    def rate(self, lr: float, at: float, total: float, rows: Rows = ()) -> float:
        """The learning rate; ``rows`` are the history's, of the whole epochs so far."""
        remaining = max(total - self.warmup, 0.0)
        if at < self.warmup:
            top = self.factor(0.0, remaining, ())
            done = at / self.warmup
            return lr * (self.warmup_start * (1 - done) + top * done)
        later = rows[math.ceil(self.warmup - TINY) :]
        return lr * self.factor(max(at - self.warmup, 0.0), remaining, later)

    def factor(self, at: float, total: float, rows: Rows) -> float:
        """The definition: rate / lr, at least 0, counted from the end of the warm-up.

        ``rows`` are those of the epochs that began after it.
        """
        raise NotImplementedError


def whole(periods: float) -> int:
    """How many periods have passed."""
    return math.floor(periods + TINY)


def share(at: float, total: float) -> float:
    """How much of a stretch has passed, 0 to 1; 0 at its start, however short it is."""
    if at <= 0:
        return 0.0
    return 1.0 if at >= total else at / total


def cosine(done: float) -> float:
    """From 1 to 0, along half a wave."""
    return (1 + math.cos(math.pi * done)) / 2


GAMMA = Float(0.0, 1.0, above=True)
FRACTION = Float(0.0, 1.0)
PERIOD = Float(1e-6)


@define
class ConstantSchedule(Schedule):
    """``lr`` at all times."""

    word = "constant"

    def factor(self, at: float, total: float, rows: Rows) -> float:
        return 1.0


@define
class StepSchedule(Schedule):
    """Lower by a factor at regular times: ``gamma^floor(at / every)``.

    ``every``: epochs; ``gamma`` (default 0.1). PyTorch's ``StepLR``, once an epoch.
    """

    every: float = field(PERIOD)
    gamma: float = field(GAMMA, default=0.1)

    word = "step"

    def factor(self, at: float, total: float, rows: Rows) -> float:
        return self.gamma ** whole(at / self.every)


@define
class MultiStepSchedule(Schedule):
    """Lower by a factor at given times: ``gamma^(number of milestones ≤ at)``.

    ``milestones``: epochs, in any order; one that is there twice counts twice;
    ``gamma`` (default 0.1). PyTorch's ``MultiStepLR``, once an epoch.
    """

    milestones: Floats = field(Several(Float(0.0), least=1))
    gamma: float = field(GAMMA, default=0.1)

    word = "multi_step"

    def factor(self, at: float, total: float, rows: Rows) -> float:
        return self.gamma ** sum(at >= epoch - TINY for epoch in self.milestones)


@define
class ExponentialSchedule(Schedule):
    """Lower by a factor each epoch: ``gamma^floor(at)``.

    It stays as it is within an epoch, as PyTorch's ``ExponentialLR`` does when it is
    stepped once an epoch.
    """

    gamma: float = field(GAMMA)

    word = "exponential"

    def factor(self, at: float, total: float, rows: Rows) -> float:
        return self.gamma ** whole(at)


@define
class PolynomialSchedule(Schedule):
    """A power of the remaining time: ``end + (1 - end) · (1 - at/total)^power``.

    ``power`` (default 1: linear); ``end``: the fraction of ``lr`` at the end (default
    0). PyTorch's ``PolynomialLR`` where ``end`` is 0.
    """

    power: float = field(Float(0.0, above=True), default=1.0)
    end: float = field(FRACTION, default=0.0)

    word = "polynomial"

    def factor(self, at: float, total: float, rows: Rows) -> float:
        out: float = self.end + (1 - self.end) * (1 - share(at, total)) ** self.power
        return out


@define
class CosineSchedule(Schedule):
    """Half a cosine wave down: ``end + (1 - end) · (1 + cos(π · at/total)) / 2``.

    (Loshchilov & Hutter 2017, SGDR, eq. 5, with one period.) ``end``: the fraction of
    ``lr`` at the end (default 0).
    """

    end: float = field(FRACTION, default=0.0)

    word = "cosine"

    def factor(self, at: float, total: float, rows: Rows) -> float:
        return self.end + (1 - self.end) * cosine(share(at, total))


@define
class CosineRestartsSchedule(Schedule):
    """Half a cosine wave down, again and again, each time from ``lr``.

    (Loshchilov & Hutter 2017, SGDR, section 3.) ``period``: epochs of the first cycle;
    each next one is ``mult`` (default 1) times as long; ``end``: the fraction of ``lr``
    that it falls to (default 0). The end of the training may cut the last one.
    """

    period: float = field(PERIOD)
    mult: int = field(Int(1), default=1)
    end: float = field(FRACTION, default=0.0)

    word = "cosine_restarts"

    def factor(self, at: float, total: float, rows: Rows) -> float:
        period = self.period
        if self.mult == 1:
            at -= period * whole(at / period)
        else:
            while at >= period - TINY:
                at, period = at - period, period * self.mult
        return self.end + (1 - self.end) * cosine(share(at, period))


@define
class OneCycleSchedule(Schedule):
    """Up to ``lr``, then down to almost nothing (Smith & Topin 2018).

    From ``1/div`` to 1 over the first ``pct_start`` of the training, then to
    ``1/(div · final_div)``, along half a cosine or a line (``anneal``: "cos", "linear").
    Defaults: 0.3, 25, 1e4, "cos". Momentum is left alone.

    PyTorch's ``OneCycleLR`` reaches its end at step ``total_steps - 1`` and its peak at
    ``pct_start · total_steps - 1``; here, over n steps, they are at n (after the last
    one) and ``pct_start · n``. So this is PyTorch's with ``total_steps = n + 1`` and
    ``pct_start = (pct_start · n + 1) / (n + 1)``.
    """

    pct_start: float = field(FRACTION, default=0.3)
    div: float = field(Float(1.0), default=25.0)
    final_div: float = field(Float(1.0), default=1e4)
    anneal: str = field(Choice(("cos", "linear")), default="cos")

    word = "one_cycle"

    def factor(self, at: float, total: float, rows: Rows) -> float:
        done = share(at, total)
        if done < self.pct_start:
            start, end, done = 1 / self.div, 1.0, done / self.pct_start
        else:
            start, end = 1.0, 1 / self.div / self.final_div
            done = share(done - self.pct_start, 1 - self.pct_start)
        left = cosine(done) if self.anneal == "cos" else 1 - done
        return start * left + end * (1 - left)


@define
class ReduceOnPlateauSchedule(Schedule):
    """Lower by a factor whenever a column of the history no longer gets better.

    An epoch is better if its value is below ``best · (1 - min_delta)`` (mode "min"), or
    above ``best · (1 + min_delta)`` ("max"); NaN never is. After more than ``patience``
    epochs in a row that were not, the factor becomes ``max(factor · gamma, least)``,
    and the next ``cooldown`` epochs are not counted.

    Defaults: ``monitor`` "val_loss", ``mode`` "auto" (by what the column is), ``gamma``
    0.1, ``patience`` 10, ``min_delta`` 1e-4, ``cooldown`` 0, ``least`` 0 (a fraction of
    ``lr``). PyTorch's ``ReduceLROnPlateau`` with ``threshold_mode="rel"`` and
    ``eps=0``, found by going through all rows since the warm-up.
    """

    monitor: str = field(Text(), default="val_loss")
    mode: str = field(Choice(("min", "max", "auto")), default="auto")
    gamma: float = field(GAMMA, default=0.1)
    patience: int = field(Int(0), default=10)
    min_delta: float = field(Float(0.0, 1.0), default=1e-4)
    cooldown: int = field(Int(0), default=0)
    least: float = field(FRACTION, default=0.0)

    word = "reduce_on_plateau"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.mode == "auto" and larger_is_better(self.monitor) is None:
            raise SpecError(
                f"mode is 'auto', but whether {brief(self.monitor)} is to grow is not "
                "known",
                where=self.label,
                hint="mode: min or max",
            )

    def factor(self, at: float, total: float, rows: Rows) -> float:
        grow = self.grows
        factor, best, bad, cooling = 1.0, -math.inf if grow else math.inf, 0, 0
        for row in rows:
            value = self.look(row)
            if grow:
                better = value > best * (1 + self.min_delta)
            else:
                better = value < best * (1 - self.min_delta)
            best, bad = (value, 0) if better else (best, bad + 1)
            if cooling:
                cooling, bad = cooling - 1, 0
            if bad > self.patience:
                factor = max(factor * self.gamma, self.least)
                cooling, bad = self.cooldown, 0
        return factor

    @property
    def grows(self) -> bool:
        """Whether a larger value is a better one."""
        if self.mode != "auto":
            return self.mode == "max"
        return larger_is_better(self.monitor) is True

    def look(self, row: Mapping[str, Any]) -> float:
        """The monitored value of an epoch."""
        value = row.get(self.monitor)
        if not isinstance(value, numbers.Real):
            known = [key for key in row if isinstance(row[key], numbers.Real)]
            raise SpecError(
                f"monitor is {brief(self.monitor)}, which is not a number of this "
                f"training.{did_you_mean(self.monitor, known)}",
                where=self.label,
                hint=f"known: {', '.join(known)}; val_… needs validation data",
            )
        return float(value)
