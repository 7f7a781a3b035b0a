"""Data to evaluate a model on, as batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from polyframe.data import Dataset, batch_of
from polyframe.data.rows import is_mapped
from polyframe.errors import DataError
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
        targets = engine.check_targets(y, len(inputs[0]), layout)
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
    """Such samples and their targets, their shapes checked and no numbers copied."""
    check_inputs(engine.graph.inputs, [x])
    if y.dtype.kind in "iu":
        return x, engine.check_targets(y, len(x))[0]
    engine.check_targets(y[:1], 1)  # of the shape that the loss takes
    return x, y


def check_ignored(engine: TrainingEngine, data: Dataset) -> None:
    """DataError where the labels that a data set marks as not to be counted would count."""
    for loss in engine.objective.losses:
        if data.ignore_index not in (None, loss.ignored_label):
            raise DataError(
                f"its label {data.ignore_index} is not to be counted, and {loss.type} "
                f"has ignore_index {loss.ignored_label}",
                where=data.name,
                hint="the loss says which labels are ignored: "
                f"{{type: cross_entropy, ignore_index: {data.ignore_index}}}",
            )
