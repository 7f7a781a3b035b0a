"""Augmenting batches: the random words for each augmentation, and its application.

Words are keyed by (seed, the augmentation's index in the list, the step), and each sample
of a step has words of its own: if a batch is split, each sample gets the same words.
Mixup and cutmix have the same words for all samples of a step, and mix within the batch
that they are given.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import cast

import numpy as np

from polyframe.data.rows import TakenRows
from polyframe.errors import SpecError
from polyframe.io.array import Array
from polyframe.randomness import WORDS, stream
from polyframe.spec.augmentations import Augmentation, Geometric

Ops = Sequence[Augmentation]


def augment(
    ops: Ops,
    x: Array,
    y: Array,
    seed: int,
    step: int,
    first: int = 0,
    classes: int | None = None,
    ignored: int | None = None,
) -> tuple[Array, Array]:
    """The batch (x, y) with all of ``ops`` applied in order; neither is written to.

    ``first`` is the index of the first sample in the whole batch of its step;
    ``ignored`` the label that the loss ignores, which fills what lies around images of
    labels. A batch that is not changed is returned as it is.
    """
    keep_freed_memory()
    for index, op in enumerate(ops):
        key = (seed, "augment", index, step)
        if op.joint:
            bits = np.broadcast_to(draw(key, 0, 1, op.words), (len(x), op.words))
        else:
            bits = draw(key, first, len(x), op.words)
        if isinstance(op, Geometric):
            x, y = op.apply(x, y, bits, classes, ignored)
        else:
            x, y = op.apply(x, y, bits, classes)
    return x, y


@cache
def keep_freed_memory() -> None:
    """Make the C library keep what one batch frees for the next one.

    glibc gives large blocks back to the system, and asking for fresh pages costs several
    times as much as all the arithmetic here. Blocks count as large if they are larger
    than the largest block ever freed, up to 32 MiB (man mallopt, M_MMAP_THRESHOLD). The
    block here is never written to, so it takes no memory. It does no harm with other C
    libraries.
    """
    np.empty(31 << 20, np.uint8)


def draw(key: tuple[int | str, ...], first: int, count: int, words: int) -> Array:
    """Uniform words for samples ``first`` to ``first + count - 1``: uint32 (N, words)."""
    if not words:
        return np.empty((count, 0), np.uint32)
    counts = -(-words // (2 * WORDS))  # a 64-bit word holds two of 32 bits
    raw = stream(*key, skip=first * counts).random_raw(count * counts * WORDS)
    return raw.view(np.uint32).reshape(count, -1)[:, :words]


def at_rest(ops: Ops) -> tuple[Augmentation, ...]:
    """The augmentations that evaluation and prediction apply, too."""
    return tuple(op for op in ops if op.always)


def resolve(ops: Ops, x: Array, rows: Array | None = None) -> tuple[Augmentation, ...]:
    """The augmentations, with what they need from the training samples ``x``, or from
    those ``rows`` of them that are trained on; SpecError where one takes values from 0 to
    1 and would get others."""
    samples = x if rows is None else cast("Array", TakenRows(x, rows))
    check_range(ops, samples)
    return tuple(op.resolved(samples) for op in ops)


LOOKED_AT = 1000
"""How many samples are looked at to see whether their values fit."""
NEAR = 1e-3
"""How far outside the range from 0 to 1 a value may lie: resizing can overshoot."""


def check_range(ops: Ops, x: Array) -> None:
    """SpecError unless what takes values from 0 to 1 gets such: they are cut off there,
    so values in another scale would be lost without a word."""
    for at, op in enumerate(ops):
        if not op.unit_range:
            continue
        for earlier in ops[:at]:
            if earlier.rescales:
                raise SpecError(
                    f"takes values from 0 to 1, and {earlier.label} comes before it",
                    where=op.label,
                    hint=f"put it before {earlier.label}",
                )
        some = x[:LOOKED_AT]
        if some.dtype == np.uint8 or not some.size:  # bytes count as x / 255
            continue
        low, high = float(some.min()), float(some.max())
        if not (low >= -NEAR and high <= 1 + NEAR):
            raise SpecError(
                "takes values from 0 to 1, and those of the training samples go from "
                f"{low:g} to {high:g}",
                where=op.label,
                hint="bytes (uint8) count as x / 255; others have to be scaled",
            )
