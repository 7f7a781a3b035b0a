"""Augmenting batches: the words that each augmentation draws, and its application.

Words are keyed by (seed, the augmentation's place in the list, the step), and each
sample of a step has words of its own: a batch that is cut into parts draws the same for
the same samples. Mixup and cutmix have one draw for a step, and mix within the part
that they are given.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from polyframe.io.array import Array
from polyframe.randomness import WORDS, stream
from polyframe.spec.augmentations import Augmentation

Ops = Sequence[Augmentation]


def augment(
    ops: Ops,
    x: Array,
    y: Array,
    seed: int,
    step: int,
    first: int = 0,
    classes: int | None = None,
) -> tuple[Array, Array]:
    """The batch (x, y) with all of ``ops`` applied in order; neither is written to.

    ``first`` is the place of the first sample in its step's whole batch. A batch that
    nothing changes is handed back as it is.
    """
    keep_freed_memory()
    for index, op in enumerate(ops):
        key = (seed, "augment", index, step)
        if op.joint:
            bits = np.broadcast_to(draw(key, 0, 1, op.words), (len(x), op.words))
        else:
            bits = draw(key, first, len(x), op.words)
        x, y = op.apply(x, y, bits, classes)
    return x, y


@cache
def keep_freed_memory() -> None:
    """Make the C library keep what one batch frees for the next one.

    glibc gives large blocks back to the system, and asking for fresh pages costs several
    times as much as all the arithmetic here. The largest block that was ever freed (up
    to 32 MiB) is its measure of large (man mallopt, M_MMAP_THRESHOLD); this one is never
    touched, so it takes no memory. Other C libraries do not mind.
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
    """Those that evaluation and prediction apply as well."""
    return tuple(op for op in ops if op.always)


def resolve(ops: Ops, x: Array) -> tuple[Augmentation, ...]:
    """All of them with what they have to know of the training samples ``x``."""
    return tuple(op.resolved(x) for op in ops)
