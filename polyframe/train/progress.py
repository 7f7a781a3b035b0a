"""Where a training stands between two steps: what a checkpoint keeps beside arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from polyframe.io.array import Array


@dataclass(frozen=True)
class Progress:
    """A moment of a training. Random numbers need nothing here: they are keyed by seed,
    epoch and step."""

    epoch: int  # whole epochs done
    index: int  # steps of the next epoch done
    step: int  # steps done in all
    learning_rate: float
    seconds: float  # that the epoch under way has taken
    rows: Sequence[dict[str, Any]] = ()  # the history of the whole epochs
    totals: Mapping[str, Array] = field(default_factory=dict)
    callbacks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
