"""Augmentation of a training's batches: what fits the model, and applying it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from polyframe.data import augment, batch_of, resolve
from polyframe.errors import DataError, SpecError
from polyframe.io.array import Array
from polyframe.spec.augmentations import Augmentation
from polyframe.spec.element import parse_several
from polyframe.spec.layers.base import Shape
from polyframe.spec.losses import Loss
from polyframe.spec.typed import TypedGraph


class Augmenter(NamedTuple):
    """Augmentations for a training.

    - ``ops``: resolved for the training data.
    - ``change``: the function that applies them to a batch of one input and one target,
      (x, y, step, first) → (x, y); None without any.
    - ``target``: one augmented target, (1, …): labels may have become probabilities.
    """

    ops: Sequence[Augmentation]
    change: Callable[[Array, Array, int, int], Any] | None
    target: Array


def make_augmenter(
    graph: TypedGraph,
    loss: Loss,
    seed: int,
    ops: Sequence[Augmentation],
    x: Array,
    y: Array,
    rows: Array | None = None,
) -> Augmenter:
    """The augmentations for samples ``x`` and targets ``y`` of the first input and
    output, of which those ``rows`` are trained on; SpecError where they do not fit the
    data, the model or the loss."""
    if not ops:
        return Augmenter((), None, y[:1])
    if len(graph.inputs) > 1 or len(graph.outputs) > 1:
        raise DataError(
            "is for models of one input and one output", where="augmentation"
        )
    shape = graph.output_shapes[0]
    classes = shape[0] if loss.labels else None
    for op in ops:
        op.check(x.shape[1:], classes, image_size(shape))
    ops, ignored = resolve(ops, x, rows), loss.ignored_label

    def change(x: Array, y: Array, step: int, first: int) -> Any:
        return augment(ops, x, y, seed, step, first, classes, ignored)

    one, labels = (batch_of(x, slice(1)), batch_of(y, slice(1))), y.dtype.kind in "iu"
    for count, op in enumerate(ops, 1):
        target = augment(ops[:count], *one, seed, 0, 0, classes, ignored)[1]
        softened = labels and target.dtype.kind == "f"
        if softened and "probabilities" not in loss.target_kinds:
            raise SpecError(
                f"makes probabilities of labels, and {loss.type} takes labels alone",
                where=op.label,
                hint=None if ignored is None else "without ignore_index it takes both",
            )
    return Augmenter(ops, change, target)


def check_preprocessing(
    inputs: Sequence[tuple[str, Shape]], value: object
) -> tuple[Augmentation, ...]:
    """What a user gives as the preprocessing of a model with these inputs; SpecError
    unless it can be applied to each sample alike."""
    where = "preprocessing"
    ops = parse_several(Augmentation, value, where)
    for op in ops:
        if not op.always:
            raise SpecError(
                f"{op.type} is drawn at random, and a preprocessing is the same for "
                "every prediction",
                where=where,
                hint="the augmentation of fit takes it",
            )
        if len(inputs) > 1:
            raise SpecError("is for models of one input", where=where)
        shape = inputs[0][1]
        op.check(shape, None)
        # What is not known yet (the numbers of normalize) is an error here.
        op.apply(np.zeros((1, *shape), "f4"), np.zeros(1), np.zeros((1, 0)), None)
    return ops


def image_size(output: Shape) -> Shape | None:
    """The (height, width) of targets for an output of that shape per sample, where they
    are images of more than one pixel."""
    return output[1:] if len(output) == 3 and output[1:] != (1, 1) else None
