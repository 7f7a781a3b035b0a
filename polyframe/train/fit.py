"""``fit``: from arrays, data sets or batches of the user's own to the loop."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np

from polyframe.data import Dataset, at_rest, batch_of
from polyframe.errors import DataError, described, warn
from polyframe.io.array import Array
from polyframe.io.lock import locked
from polyframe.randomness import order
from polyframe.spec.augmentations import Augmentation
from polyframe.spec.callbacks import CallbackSpec
from polyframe.spec.element import parse_several
from polyframe.spec.fields import Int, checked
from polyframe.spec.lint import mistakes
from polyframe.train.arrays import Data, check_sample_weight, prepare
from polyframe.train.augmentation import make_augmenter
from polyframe.train.callbacks.base import Callback
from polyframe.train.callbacks.start import any_writes, listed, start
from polyframe.train.checkpoint import resume_from, setup_of
from polyframe.train.evaluation_data import (
    EvaluationData,
    check_dataset,
    check_lazy,
    is_lazy,
)
from polyframe.train.feed import ArrayFeed, Feed, HostBatch, IteratorFeed
from polyframe.train.history import History, Row
from polyframe.train.loop import Loop
from polyframe.train.monitors import check_monitors
from polyframe.train.protocol import TrainedModel, TrainingEngine

TrainingData: TypeAlias = "Data | Dataset | Iterable[Sequence[Data | None]]"
"""Arrays, a data set, or an iterable of batches (x, y) or (x, y, sample_weight)."""
ValidationData: TypeAlias = (
    "Sequence[Data | None] | Iterable[Sequence[Data | None]] | EvaluationData"
)
"""(x, y) or (x, y, sample_weight), or batches of them that can be gone through again."""


def fit(
    model: TrainedModel,
    x: TrainingData,
    y: Data | None,
    *,
    epochs: int,
    batch_size: int,
    validation_data: ValidationData | None,
    callbacks: Sequence[Callback | CallbackSpec | str | Mapping[str, Any]],
    shuffle: bool,
    layout: str,
    sample_weight: Data | None,
    augmentation: Sequence[Augmentation | str | Mapping[str, Any]],
    steps_per_epoch: int | None,
    resume: str | Path | None,
    folder: str | Path,
) -> History:
    """Train a model; ``Model.fit`` says what each argument is."""
    epochs = checked("epochs", Int(), epochs)
    batch_size = checked("batch_size", Int(), batch_size, DataError)
    engine = model.engine
    ops = parse_several(Augmentation, augmentation, "augmentation")
    preprocessing = tuple(engine.preprocessing)
    feed: Feed
    if ops and y is None and not isinstance(x, Dataset):
        raise DataError("is for arrays and data sets", where="augmentation")
    if not any(op.always for op in ops):  # what belongs to the model stays
        ops = (*ops, *preprocessing)
    if isinstance(x, Dataset):
        engine.class_names = x.classes
        feed, preprocessing = from_dataset(engine, x, batch_size, shuffle, ops)
        if validation_data is None and x.test is not None:
            validation_data = EvaluationData.of_split(engine, x.test)
    elif y is None:
        steps = steps_per_epoch
        if steps is not None:
            steps = checked("steps_per_epoch", Int(), steps)
        origin = engine.epoch if resume is None else 0
        feed = from_batches(engine, x, layout, steps, origin)
    else:
        feed, preprocessing = from_arrays(
            engine, cast("Data", x), y, sample_weight, batch_size, shuffle, layout, ops
        )
    callbacks = listed(callbacks)
    started = start(callbacks, folder)
    validate = validation(engine, validation_data, layout)
    check_monitors(started, engine.schedule, engine.bound_metrics, validate is not None)
    for text in mistakes(engine.graph, engine.objective.losses):
        warn(text)
    setup = setup_of(engine, feed.batch_size, shuffle, ops)
    with locked(Path(folder)) if any_writes(callbacks) else nullcontext():
        progress = None
        if resume is not None:
            progress = resume_from(engine, Path(resume), feed.steps, setup)
            epochs = max(epochs - progress.epoch, 0)  # it may only lack its last files
        engine.preprocessing = preprocessing
        loop = Loop(
            model,
            feed,
            epochs,
            weigh=engine.sample_weights_of if engine.weighted else None,
            validate=validate,
            callbacks=started,
            rate=engine.rate,
            progress=progress,
            setup=setup,
        )
        return loop.run()


def from_dataset(
    engine: TrainingEngine,
    data: Dataset,
    batch_size: int,
    shuffle: bool,
    ops: Sequence[Augmentation],
) -> tuple[Feed, tuple[Augmentation, ...]]:
    """A feed of the training data; data on disk and bytes are converted batch by batch."""
    x, y = data.train
    check_dataset(engine, data)
    if not is_lazy(x):
        return from_arrays(engine, x, y, data.weights, batch_size, shuffle, "NCHW", ops)
    x, y = check_lazy(engine, x, y)
    ops, change, target = make_augmenter(engine, ops, x, y)
    engine.adapt([target], data.weights is not None)
    feed = ArrayFeed(
        [x], [y], data.weights, batch_size, engine.training.accumulate,
        ordering(engine.seed, len(x), shuffle), batch_of, change, engine.dtype,
    )  # fmt: skip
    return feed, at_rest(ops)


def from_arrays(
    engine: TrainingEngine,
    x: Data,
    y: Data,
    sample_weight: Data | None,
    batch_size: int,
    shuffle: bool,
    layout: str,
    ops: Sequence[Augmentation],
) -> tuple[Feed, tuple[Augmentation, ...]]:
    """A feed of arrays in memory; without augmentation they are arranged once."""
    inputs = prepare(engine.graph.inputs, x, engine.dtype, layout)
    count = len(inputs[0])
    targets = engine.check_targets(y, count, layout)
    weights = check_sample_weight(sample_weight, count)
    ops, change, target = make_augmenter(engine, ops, inputs[0], targets[0])
    engine.adapt(targets if change is None else [target], weights is not None)
    arranged = change is None
    feed = ArrayFeed(
        engine.session.arrange(inputs) if arranged else inputs, targets, weights,
        batch_size, engine.training.accumulate, ordering(engine.seed, count, shuffle),
        None, change, engine.dtype, arranged,
    )  # fmt: skip
    return feed, at_rest(ops)


def from_batches(
    engine: TrainingEngine,
    source: object,
    layout: str,
    steps: int | None,
    origin: int,
) -> Feed:
    """A feed of the user's own batches; the first says whether they have weights, and
    labels or probabilities."""
    if not isinstance(source, Iterable) or isinstance(source, np.ndarray):
        raise DataError(
            f"y is left out, and x is {described(source)}; an iterable of batches (x, y) "
            "is needed",
            where="x",
        )
    begun = iter(source)
    try:
        head = next(begun)
    except StopIteration:
        raise DataError("the iterator gave no batch", where="x") from None
    first = engine.check_batch(head, layout)
    engine.adapt(first.targets, first.weights is not None)

    def check(batch: object) -> HostBatch:
        part = engine.check_batch(batch, layout)
        for a, b in zip(part.targets, first.targets, strict=True):
            if a.dtype != b.dtype:
                raise DataError(
                    f"a batch has targets of {a.dtype}, the first one of {b.dtype}",
                    where="x",
                )
        if (part.weights is None) != (first.weights is None):
            raise DataError("some batches have sample weights, others not", where="x")
        return replace(part, inputs=engine.preprocess(part.inputs))

    # An iterator has given its first batch away, so that is put before the others.
    batches = itertools.chain([head], begun) if begun is source else source
    return IteratorFeed(batches, check, engine.training.accumulate, steps, origin)


def ordering(seed: int, count: int, shuffle: bool) -> Callable[[int], Array] | None:
    """The order of each epoch; None for that of the data."""
    return partial(order, seed, count=count) if shuffle else None


def validation(
    engine: TrainingEngine, data: ValidationData | None, layout: str
) -> Callable[[], Row] | None:
    """The function that evaluates the model on the validation data; None without any."""
    if data is None:
        return None
    evaluation_data = EvaluationData.given(engine, data, layout)
    return lambda: engine.measure(evaluation_data)
