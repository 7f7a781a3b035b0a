"""Checks of targets and batches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from polyframe.data import Dataset
from polyframe.data.tasks import are_probabilities
from polyframe.errors import DataError, described, warn
from polyframe.io.array import Array
from polyframe.spec.layers.base import Shape
from polyframe.spec.losses import Loss, Losses
from polyframe.spec.losses.targets import sized, with_channel
from polyframe.spec.tasks import TASKS, fitting_losses
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
    for loss, target, shape in zip(losses, targets, shapes, strict=True):
        images = len(shape) > 2 and not loss.labels and loss.domain == "any"
        if images and target.dtype == np.uint8 and target.max(initial=0) > 1:
            warn(
                "holds bytes (uint8), which stay numbers from 0 to 255, and those of "
                "samples count as x / 255; y / 255 is in the same scale",
                "y",
            )
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


def check_task(data: Dataset, loss: Loss, output: Shape, where: str) -> None:
    """DataError unless a loss is for the task of a data set, and its targets have the shape
    that the loss takes for an output of that shape per sample; it names the losses that
    fit."""
    y, classes = data.train[1], data.num_classes or 0
    are_labels = y.dtype.kind in "iu"
    if are_labels and not loss.labels:  # one number decides between two classes
        fits = output[:1] == (1,) and classes <= 2
    elif loss.labels and not are_labels:
        fits = "probabilities" in loss.target_kinds and are_probabilities(y)
    else:
        fits = True
    if not fits:
        takes = "class labels" if loss.labels else "numbers of the output's shape"
        losses = fitting_losses(data.task, data.output_shape)
        raise DataError(
            f"its task is {data.task} ({TASKS[data.task].meaning}), y is {y.dtype} "
            f"{sized(y.shape[1:])}, and {loss.type} takes {takes}",
            where=where,
            hint=f"losses that fit: {', '.join(losses)}",
        )
    if loss.domain == "unused":
        return
    takes_labels = are_labels and loss.labels
    wanted = output[1:] if takes_labels else output
    given = (y if takes_labels else with_channel(y, output)).shape[1:]
    if given != wanted:
        raise DataError(
            f"its targets ({data.task}) are {sized(given)}, but for outputs "
            f"{sized(output)} {loss.type} takes {sized(wanted)}",
            where=where,
            hint="the layers at the end decide the shape of the outputs, num_classes that "
            "of a shipped model; --set data=synthetic makes up data that fit",
        )
    if takes_labels and classes > output[0]:
        raise DataError(
            f"it has {classes} classes, but the model has {output[0]} outputs",
            where=where,
            hint="is 255 no class? ignore_index of the loss leaves it out"
            if classes == 256
            else f"num_classes={classes}, an argument of shipped models, in a recipe "
            f"--set model.num_classes={classes}",
        )
