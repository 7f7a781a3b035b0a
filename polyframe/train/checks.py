"""Checks of targets and batches."""

from __future__ import annotations

from collections.abc import Sequence

from polyframe.errors import DataError, described
from polyframe.io.array import Array
from polyframe.spec.layers.base import Shape
from polyframe.spec.losses import Losses
from polyframe.spec.typed import TypedGraph
from polyframe.train.arrays import (
    Data,
    channels_first,
    check_sample_weight,
    prepare,
    sequence,
)
from polyframe.train.feed import HostBatch


def check_targets(
    losses: Losses,
    shapes: Sequence[Shape],
    y: Data | None,
    count: int,
    dtype: str,
    layout: str = "NCHW",
) -> list[Array]:
    """One array of targets for each output, as its loss takes them; ``layout`` is that
    of targets with channels."""
    targets = [
        channels_first(target, shape, layout)
        for target, shape in zip(sequence(y, len(shapes), "y"), shapes, strict=True)
    ]
    for target in targets:
        if target.ndim == 0 or len(target) != count:
            length = len(target) if target.ndim else "a single number"
            raise DataError(f"has {length} targets for {count} samples", where="y")
    return [
        loss.take(target, shape, dtype)
        for loss, target, shape in zip(losses, targets, shapes, strict=True)
    ]


def check_batch(
    graph: TypedGraph, losses: Losses, batch: object, dtype: str, layout: str
) -> HostBatch:
    """One checked batch from (x, y) or (x, y, sample_weight)."""
    if not isinstance(batch, (tuple, list)) or len(batch) not in (2, 3):
        raise DataError(
            f"a batch is {described(batch)}; (x, y) or (x, y, sample_weight) is needed",
            where="x",
        )
    inputs = prepare(graph.inputs, batch[0], dtype, layout)
    count = len(inputs[0])
    weights = check_sample_weight(batch[2] if len(batch) == 3 else None, count)
    targets = check_targets(losses, graph.output_shapes, batch[1], count, dtype, layout)
    return HostBatch(inputs, targets, weights)
