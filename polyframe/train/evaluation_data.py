"""Data to evaluate a model on, as batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from polyframe.data import batch_of
from polyframe.data.rows import is_mapped
from polyframe.io.array import Array
from polyframe.train.arrays import (
    Batches,
    Data,
    check_inputs,
    check_sample_weight,
    prepare,
)
from polyframe.train.protocol import TrainingEngine

BATCH_SIZE = 256
"""Samples in a batch of validation data."""


@dataclass(frozen=True)
class EvaluationData:
    """Data to evaluate a model on; each iteration gives all batches: inputs, targets and,
    if there are any, sample weights."""

    batches: Batches

    @classmethod
    def of(
        cls,
        engine: TrainingEngine,
        x: Data,
        y: Data | None,
        sample_weight: Data | None = None,
        layout: str = "NCHW",
        batch_size: int = BATCH_SIZE,
    ) -> EvaluationData:
        """Arrays as ``Model.evaluate`` takes them, checked."""
        inputs = prepare(engine.graph.inputs, x, engine.dtype, layout)
        targets = engine.check_targets(y, len(inputs[0]))
        weights = check_sample_weight(sample_weight, len(inputs[0]))
        given = [] if weights is None else [weights]
        return cls(Batches([*inputs, *targets, *given], batch_size))

    @classmethod
    def of_split(
        cls, engine: TrainingEngine, split: tuple[Array, Array]
    ) -> EvaluationData:
        """A data set's (x, y) as it stores them."""
        x, y = split
        if not is_lazy(x):
            return cls.of(engine, x, y)
        return cls(Batches(check_lazy(engine, x, y), BATCH_SIZE, None, batch_of))

    def __iter__(self) -> Iterator[list[Array]]:
        return iter(self.batches)


def is_lazy(x: Array) -> bool:
    """Whether a data set's samples are converted only when a batch of them is cut."""
    return is_mapped(x) or x.dtype == np.uint8


def check_lazy(engine: TrainingEngine, x: Array, y: Array) -> tuple[Array, Array]:
    """Such samples and their targets, their shapes checked and nothing copied."""
    check_inputs(engine.graph.inputs, [x])
    return x, engine.check_targets(y, len(x))[0] if y.dtype.kind in "iu" else y
