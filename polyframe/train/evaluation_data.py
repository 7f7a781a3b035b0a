"""Data to evaluate a model on, as batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from polyframe.data import batch_of
from polyframe.data.rows import is_mapped
from polyframe.train.arrays import Batches, check_inputs, check_sample_weight, prepare

Model = Any
MEASURED = 256
"""Samples in a batch of validation data."""


class EvaluationData:
    """Data to measure a model on, as batches, each time anew: arrays as
    ``Model.evaluate`` takes them, or a data set's (x, y) as they lie there."""

    def __init__(
        self,
        model: Model,
        x: Any,
        y: Any,
        sample_weight: Any = None,
        layout: str = "NCHW",
        batch_size: int = MEASURED,
    ) -> None:
        inputs = prepare(model.graph.inputs, x, model.dtype, layout)
        targets = model.check_targets(y, len(inputs[0]))
        weights = check_sample_weight(sample_weight, len(inputs[0]))
        rest = [] if weights is None else [weights]
        self.batches = Batches([*inputs, *targets, *rest], batch_size)

    @classmethod
    def of(cls, model: Model, split: tuple[Any, Any]) -> EvaluationData:
        """The test data of a data set."""
        x, y = split
        if not is_lazy(x):
            return cls(model, x, y)
        held = cls.__new__(cls)
        held.batches = Batches(check_lazy(model, x, y), MEASURED, None, batch_of)
        return held

    def __iter__(self) -> Iterator[list[np.ndarray]]:
        return iter(self.batches)


def is_lazy(x: np.ndarray) -> bool:
    """Whether a data set's samples stay as they are until a batch of them is cut."""
    return is_mapped(x) or x.dtype == np.uint8


def check_lazy(
    model: Model, x: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Samples and targets that stay where they are, their shapes checked."""
    check_inputs(model.graph.inputs, [x])
    return x, model.check_targets(y, len(x))[0] if y.dtype.kind in "iu" else y
