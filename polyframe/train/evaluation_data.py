"""Data to evaluate a model on, as batches."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import cast

import numpy as np

from polyframe.data import Dataset, batch_of
from polyframe.data.dataset import pieces
from polyframe.data.rows import is_mapped
from polyframe.errors import DataError, described
from polyframe.io.array import Array
from polyframe.train.arrays import (
    Batches,
    Data,
    check_inputs,
    check_sample_weight,
    prepare,
)
from polyframe.train.checks import check_task
from polyframe.train.protocol import TrainingEngine

BATCH_SIZE = 256
"""Samples in a batch of validation data."""


@dataclass(frozen=True)
class EvaluationData:
    """Data to evaluate a model on; each iteration gives all batches: inputs, targets and,
    if there are any, sample weights."""

    batches: Iterable[list[Array]]

    @classmethod
    def given(
        cls,
        engine: TrainingEngine,
        data: object,
        layout: str,
        batch_size: int | None = None,
    ) -> EvaluationData:
        """Validation data as ``Model.fit`` takes them, checked: one (x, y), with sample
        weights or without, or batches of them."""
        if isinstance(data, cls):
            return data
        if is_batches(data, len(engine.graph.inputs)):
            if batch_size is not None:
                raise DataError(
                    "validation_data are batches already", where="validation_batch_size"
                )
            return cls(CheckedBatches(engine, cast("Iterable[object]", data), layout))
        if not isinstance(data, (tuple, list)) or len(data) not in (2, 3):
            raise DataError(
                f"is {described(data)}; (x, y) or (x, y, sample_weight), or a list of "
                "such batches, is needed",
                where="validation_data",
            )
        weights = data[2] if len(data) == 3 else None
        size = batch_size or BATCH_SIZE
        return cls.of(engine, data[0], data[1], weights, layout, size)

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
    def chosen(
        cls,
        engine: TrainingEngine,
        x: Data | Dataset,
        y: Data | None,
        sample_weight: Data | None,
        layout: str,
        batch_size: int,
    ) -> EvaluationData:
        """Arrays, or what a data set has to evaluate on: its test data, or else its
        validation data, or else its training data."""
        if not isinstance(x, Dataset):
            return cls.of(engine, x, y, sample_weight, layout, batch_size)
        check_alone(y, sample_weight)
        check_dataset(engine, x)
        _, part = x.evaluated
        return cls.of_split(engine, part, batch_size)

    @classmethod
    def of_split(
        cls,
        engine: TrainingEngine,
        split: tuple[Array, Array],
        batch_size: int = BATCH_SIZE,
        rows: Array | None = None,
        sample_weight: Array | None = None,
    ) -> EvaluationData:
        """A data set's (x, y) as it stores them, or some ``rows`` of them."""
        (x, y), weights = split, sample_weight
        cut = None
        if is_lazy(x):
            (x, y), cut = check_lazy(engine, x, y), batch_of
            arrays = [x, y]
        else:
            arrays = prepare(engine.graph.inputs, x, engine.dtype, "NCHW")
            arrays += engine.check_targets(y, len(x))
            weights = check_sample_weight(weights, len(x))
        if weights is not None:
            arrays.append(weights)
        return cls(Batches(arrays, batch_size, rows, cut))

    def __iter__(self) -> Iterator[list[Array]]:
        return iter(self.batches)


class CheckedBatches:
    """The user's own batches, checked as they are taken; those of a list, and the first of
    all others, at once. An iterator would be used up after an epoch: DataError."""

    def __init__(
        self, engine: TrainingEngine, batches: Iterable[object], layout: str
    ) -> None:
        self.engine, self.batches, self.layout = engine, batches, layout
        if iter(batches) is batches:
            raise DataError(
                "is an iterator, which is used up after one epoch",
                where="validation_data",
                hint="a list of batches, or an object whose __iter__ begins anew",
            )
        several = isinstance(batches, (list, tuple))
        checked = sum(1 for _ in (self if several else itertools.islice(self, 1)))
        if not checked:
            raise DataError("has no batches", where="validation_data")

    def __iter__(self) -> Iterator[list[Array]]:
        for batch in self.batches:
            try:
                part = self.engine.check_batch(batch, self.layout)
            except DataError as error:
                where = f"validation_data: {error.where}"
                raise DataError(error.message, where=where, hint=error.hint) from None
            weights = [] if part.weights is None else [part.weights]
            yield [*part.inputs, *part.targets, *weights]


def is_batches(data: object, inputs: int) -> bool:
    """Whether data are batches, and not one (x, y): what is no tuple, and, if it is a
    list, holds tuples of two or three. Lists of (inputs, outputs) of a model with several
    inputs are one (x, y)."""
    if isinstance(data, (tuple, np.ndarray, Dataset)) or not isinstance(data, Iterable):
        return False
    if not isinstance(data, list):
        return True
    pairs = all(isinstance(each, tuple) and len(each) in (2, 3) for each in data)
    return pairs and not (inputs > 1 and len(data) in (2, 3))


def is_lazy(x: Array) -> bool:
    """Whether a data set's samples are converted only when a batch of them is cut."""
    return is_mapped(x) or x.dtype == np.uint8


def check_lazy(engine: TrainingEngine, x: Array, y: Array) -> tuple[Array, Array]:
    """Such samples and their targets, their shapes checked and no numbers copied."""
    check_inputs(engine.graph.inputs, [x])
    if y.dtype.kind in "iu":
        return x, engine.check_targets(y, len(x))[0]
    for first, piece in pieces(y):
        try:
            (target,) = engine.check_targets(piece, len(piece))
        except (
            DataError
        ):  # counted from the piece's first sample: once more from the first
            engine.check_targets(y[: first + len(piece)], first + len(piece))
            raise
    return x, y.reshape(len(y), *target.shape[1:])  # with the axis of its one channel


def check_alone(y: Data | None, sample_weight: Data | None) -> None:
    """DataError where something is given beside a data set that has its own."""
    for name, value in (("y", y), ("sample_weight", sample_weight)):
        if value is not None:
            raise DataError(
                "is given beside a data set, which has its own",
                where=name,
                hint="pf.data.from_arrays(x, y, weights=…) makes a data set of arrays",
            )


def check_dataset(engine: TrainingEngine, data: Dataset) -> None:
    """DataError where a data set is for another task than the loss, or where labels would
    count that it marks as not to be counted."""
    if len(engine.graph.outputs) == 1:
        loss, shape = engine.objective.losses[0], engine.graph.output_shapes[0]
        check_task(data, loss, shape, data.name)
    for loss in engine.objective.losses:
        if data.ignore_index not in (None, loss.ignored_label):
            raise DataError(
                f"its label {data.ignore_index} is not to be counted, and {loss.type} "
                f"has ignore_index {loss.ignored_label}",
                where=data.name,
                hint="the loss says which labels are ignored: "
                f"{{type: cross_entropy, ignore_index: {data.ignore_index}}}",
            )
