"""Where batches come from: arrays in memory or on disk, or an iterator of the user's.

A feed gives steps; a step is one batch, or several whose gradients are accumulated. The
batches depend on (seed, epoch, step) only, so that a run can begin at any step.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from polyframe.errors import DataError
from polyframe.io.array import Array
from polyframe.spec.fields import Int, checked
from polyframe.spec.losses import OutputWeights, normalise_weights
from polyframe.train.arrays import Batches

Arrays = list[Array]
SampleWeighting = Callable[[Arrays, Array | None], list[OutputWeights]]


@dataclass
class HostBatch:
    """One batch in neutral layout and the model's dtype; ``weights``: sample weights (N,),
    if there are any."""

    inputs: Arrays
    targets: Arrays
    weights: Array | None = None
    arranged: bool = False  # inputs are in the framework's order of axes already


@dataclass
class Batch:
    """A batch as part of a step: its position in the step, and its weights.

    ``weights`` has an array (N,) for each output, or none. They are scaled so that the
    step's weighted sum of losses, divided by ``count``, is the weighted mean.
    """

    part: HostBatch
    weights: Arrays
    step: int  # optimizer steps before it, over the whole training
    index: int  # steps before it in this epoch
    first: int  # samples of the step before it
    count: int  # samples of the whole step
    last: bool  # the step's update follows

    @property
    def size(self) -> int:
        """Samples."""
        return len(self.part.targets[0])


class Feed(Protocol):
    """What the loop asks for batches."""

    @property
    def steps(self) -> int | None:
        """An epoch's optimizer steps, where they are known."""

    @property
    def batch_size(self) -> int | None:
        """Samples a batch, where one size is known."""

    @property
    def samples(self) -> int | None:
        """The samples to train on, where their number is known."""

    @property
    def weighted(self) -> bool | None:
        """Whether samples have weights of their own, where that is known."""

    @property
    def heavy(self) -> bool:
        """Whether making a batch takes more than slicing arrays."""

    @property
    def replayable(self) -> bool:
        """Whether the batches of a step can be made again."""

    def parts(self, epoch: int, step: int, skip: int) -> Iterator[list[HostBatch]]:
        """The steps of an epoch from the one at ``skip`` on, which is the training's
        ``step``."""


def batches(
    feed: Feed, weighting: SampleWeighting | None, epoch: int, step: int, skip: int
) -> Iterator[Batch]:
    """An epoch's batches, from its step ``skip`` on, which is the training's ``step``."""
    for number, parts in enumerate(feed.parts(epoch, step, skip)):
        yield from assemble_step(parts, weighting, step + number, skip + number)


def assemble_step(
    parts: Sequence[HostBatch], weighting: SampleWeighting | None, step: int, index: int
) -> Iterator[Batch]:
    """The batches of one step."""
    sizes = [len(part.targets[0]) for part in parts]
    weights: list[Arrays] = [[] for _ in parts]
    if weighting is not None:
        weights = normalise_weights(
            [weighting(part.targets, part.weights) for part in parts], sizes
        )
    for i, part in enumerate(parts):
        last = i == len(parts) - 1
        yield Batch(part, weights[i], step, index, sum(sizes[:i]), sum(sizes), last)


class ArrayFeed:
    """Batches from arrays, in the order that ``order`` gives for an epoch, if any, of all
    samples or those ``rows``; with ``drop_last`` without an epoch's last batch if it has
    fewer samples than the others. DataError if no batch is left.

    ``cut`` takes rows out of an array; ``change`` augments a batch of one input and one
    target: (x, y, step, first) → (x, y).
    """

    replayable = True

    def __init__(
        self,
        inputs: Sequence[Array],
        targets: Sequence[Array],
        weights: Array | None,
        batch_size: int,
        accumulate: int,
        order: Callable[[int], Array] | None,
        cut: Callable[[Array, Any], Array] | None = None,
        change: Callable[[Any, Any, int, int], tuple[Any, Any]] | None = None,
        dtype: str = "float32",
        arranged: bool = False,
        rows: Array | None = None,
        drop_last: bool = False,
    ) -> None:
        self.arranged = arranged
        self.inputs, self.targets, self.weights = inputs, targets, weights
        self.weighted = weights is not None
        self.batch_size = checked("batch_size", Int(), batch_size, DataError)
        self.accumulate = accumulate
        self.order, self.cut, self.change, self.dtype = order, cut, change, dtype
        self.heavy = cut is not None or change is not None
        self.rows, self.samples = rows, len(targets[0] if rows is None else rows)
        self.count = self.samples // self.batch_size  # batches an epoch
        if not drop_last:
            self.count = -(-self.samples // self.batch_size)
        if not self.count:
            raise DataError(
                f"leaves nothing to train on: {self.samples} samples are less than a "
                f"batch of {batch_size}",
                where="drop_last",
                hint="a smaller batch_size",
            )
        self.steps: int | None = -(-self.count // accumulate)

    def parts(self, epoch: int, step: int, skip: int) -> Iterator[list[HostBatch]]:
        order = self.order(epoch) if self.order else None
        if self.rows is not None:
            order = self.rows if order is None else self.rows[order]
        weights = [] if self.weights is None else [self.weights]
        arrays = [*self.inputs, *self.targets, *weights]
        cutter = Batches(arrays, self.batch_size, order, self.cut)
        size = len(self.inputs)
        for index in range(skip * self.accumulate, self.count, self.accumulate):
            parts, first = [], 0
            for number in range(index, min(index + self.accumulate, self.count)):
                cut = cutter[number]
                x, y = cut[:size], cut[size : size + len(self.targets)]
                if self.change is not None:
                    one, target = self.change(x[0], y[0], step, first)
                    x, y = [one], [target]
                if self.heavy:
                    x = [np.ascontiguousarray(array, self.dtype) for array in x]
                    y = [
                        a.astype(self.dtype, copy=False) if a.dtype.kind == "f" else a
                        for a in y
                    ]
                parts.append(
                    HostBatch(x, y, cut[-1] if weights else None, self.arranged)
                )
                first += len(y[0])
            yield parts
            step += 1


class IteratorFeed:
    """Batches from an iterable of (x, y) or (x, y, sample_weight).

    Without ``steps`` an epoch is one pass over it, and each ``iter`` has to begin anew.
    With ``steps`` an epoch takes that many steps from where the last one ended, and the
    epoch ``origin`` takes the first.
    """

    heavy = True
    replayable = False
    batch_size: int | None = None
    samples: int | None = None
    weighted: bool | None = None

    def __init__(
        self,
        source: Iterable[Any],
        check: Callable[[Any], HostBatch],
        accumulate: int,
        steps: int | None = None,
        origin: int = 0,
    ) -> None:
        self.source, self.check, self.accumulate = source, check, accumulate
        self.steps_per_epoch, self.origin, self.seen = steps, origin, 0
        self.steps = steps
        if steps is None and isinstance(source, Sized):
            self.steps = -(-len(source) // accumulate)
        self.running: Iterator[Any] | None = None

    def parts(self, epoch: int, step: int, skip: int) -> Iterator[list[HostBatch]]:
        given = self.steps_per_epoch
        if given is None:
            source = iter(self.source)
            if source is self.source and self.seen:
                raise DataError(
                    "the iterator of batches is used up after one epoch",
                    where="x",
                    hint="give something that begins anew (a list, an object with "
                    "__iter__), or steps_per_epoch",
                )
        else:
            if self.running is None:
                self.running = itertools.islice(
                    self._forever(),
                    (epoch - self.origin) * given * self.accumulate,
                    None,
                )
            source = self.running
        source = itertools.islice(source, skip * self.accumulate, None)
        done = skip
        while given is None or done < given:
            parts = [self.check(b) for b in itertools.islice(source, self.accumulate)]
            if not parts:
                break
            yield parts
            done += 1
            self.seen += 1
        if given is not None and done < given:
            raise DataError(
                f"the iterator ended after {done} of an epoch's {given} steps",
                where="x",
                hint="fewer steps_per_epoch or epochs, or something that begins anew",
            )
        if done == skip and not skip:
            raise DataError("the iterator gave no batch", where="x")

    def _forever(self) -> Iterator[Any]:
        """The source repeated, as often as it begins anew."""
        while True:
            empty = True
            for item in self.source:
                yield item
                empty = False
            if empty:
                return
