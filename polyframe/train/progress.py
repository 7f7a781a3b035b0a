"""The progress of a training between two steps, which checkpoints store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from polyframe.io.array import Array


@dataclass(frozen=True)
class Progress:
    """How far a training has come. It needs no state of random numbers, which are keyed by
    seed, epoch and step."""

    epoch: int  # whole epochs done
    index: int  # steps of the next epoch done
    step: int  # steps done in all
    learning_rate: float
    seconds: float  # that the epoch under way has taken
    rows: Sequence[dict[str, Any]] = ()  # the history of the whole epochs
    totals: Mapping[str, Array] = field(default_factory=dict)
    callbacks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    setup: Mapping[str, Any] = field(default_factory=dict)  # see checkpoint.setup_of
