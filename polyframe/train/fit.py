"""``fit``: from arrays, data sets or batches of the user's own to the loop."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, cast

import numpy as np

from polyframe.data import Dataset, at_rest, batch_of
from polyframe.data.split import FRACTION, Rows, labels_in, rows_of, split_rows
from polyframe.data.split import WHERE as SPLIT
from polyframe.errors import DataError, described, warn
from polyframe.io.array import Array
from polyframe.io.lock import locked
from polyframe.randomness import order
from polyframe.spec.augmentations import Augmentation
from polyframe.spec.callbacks import CallbackSpec
from polyframe.spec.element import parse_several
from polyframe.spec.fields import Bool, Int, Maybe, checked
from polyframe.spec.lint import mistakes
from polyframe.spec.totals import Row
from polyframe.train.arrays import (
    Batches,
    Data,
    check_sample_weight,
    prepare,
    sequence,
)
from polyframe.train.augmentation import Augmenter, make_augmenter
from polyframe.train.callbacks.base import Callback
from polyframe.train.callbacks.notebook import closing_all, watchers_for
from polyframe.train.callbacks.start import any_writes, listed, start
from polyframe.train.checkpoint import resume_from, setup_of
from polyframe.train.evaluation_data import (
    BATCH_SIZE,
    EvaluationData,
    check_alone,
    check_dataset,
    check_lazy,
    is_lazy,
)
from polyframe.train.feed import ArrayFeed, Feed, HostBatch, IteratorFeed
from polyframe.train.history import History
from polyframe.train.loop import Loop
from polyframe.train.monitors import check_monitors
from polyframe.train.protocol import TrainedModel, TrainingEngine

TrainingData: TypeAlias = "Data | Dataset | Iterable[Sequence[Data | None]]"
"""Arrays, a data set, or an iterable of batches (x, y) or (x, y, sample_weight)."""
ValidationData: TypeAlias = (
    "Sequence[Data | None] | Iterable[Sequence[Data | None]] | EvaluationData"
)
"""(x, y) or (x, y, sample_weight), or batches of them that can be gone through again."""


@dataclass(frozen=True)
class Batching:
    """How samples become batches, checked."""

    batch_size: int
    shuffle: bool
    drop_last: bool
    validation_split: float | None
    validation_batch_size: int | None

    def feed(
        self,
        engine: TrainingEngine,
        arrays: tuple[Sequence[Array], Sequence[Array], Array | None],
        rows: Array | None,
        **more: Any,
    ) -> ArrayFeed:
        """A feed of (inputs, targets, sample weights), all samples or those ``rows``."""
        count = len(arrays[1][0] if rows is None else rows)
        shuffled = ordering(engine.seed, count, self.shuffle)
        return ArrayFeed(
            *arrays, self.batch_size, engine.training.accumulate, shuffled,
            dtype=engine.dtype, rows=rows, drop_last=self.drop_last, **more,
        )  # fmt: skip

    @property
    def evaluated(self) -> int:
        """Samples in a batch of validation data."""
        return self.validation_batch_size or BATCH_SIZE


class Prepared(NamedTuple):
    """The feed of a training, what belongs to the model of its augmentation, and the part
    of the data that was split off to validate on, if any."""

    feed: Feed
    preprocessing: tuple[Augmentation, ...]
    held_out: EvaluationData | None = None


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
    validation_split: float | None,
    validation_batch_size: int | None,
    drop_last: bool,
    verbose: bool | int | str,
) -> History:
    """Train a model; ``Model.fit`` says what each argument is."""
    epochs = checked("epochs", Int(), epochs)
    watchers = watchers_for(verbose)
    batching = Batching(
        checked("batch_size", Int(), batch_size, DataError),
        checked("shuffle", Bool(), shuffle),
        checked("drop_last", Bool(), drop_last),
        checked(SPLIT, Maybe(FRACTION), validation_split, DataError),
        checked(
            "validation_batch_size", Maybe(Int()), validation_batch_size, DataError
        ),
    )
    engine = model.engine
    ops = parse_several(Augmentation, augmentation, "augmentation")
    preprocessing = tuple(engine.preprocessing)
    check_combination(x, y, ops, batching, validation_data)
    check_origin(x, y, sample_weight, steps_per_epoch)
    if not any(op.always for op in ops):  # what belongs to the model stays
        ops = (*ops, *preprocessing)
    if isinstance(x, Dataset):
        prepared = from_dataset(engine, x, batching, ops)
        if validation_data is None and x.validation is not None:
            validation_data = EvaluationData.of_split(
                engine, x.validation, batching.evaluated
            )
    elif y is None:
        steps = steps_per_epoch
        if steps is not None:
            steps = checked("steps_per_epoch", Int(), steps)
        origin = engine.epoch if resume is None else 0
        feed = from_batches(engine, x, layout, steps, origin)
        prepared = Prepared(feed, preprocessing)
    else:
        prepared = from_arrays(
            engine, cast("Data", x), y, sample_weight, batching, layout, ops
        )
    feed = prepared.feed
    if prepared.held_out is not None:
        validation_data = prepared.held_out
    callbacks = listed(callbacks)
    started = start(callbacks, folder)
    validate = validation(engine, validation_data, layout, validation_batch_size)
    check_monitors(started, engine.schedule, engine.bound_metrics, validate is not None)
    for text in mistakes(engine.graph, engine.objective.losses):
        warn(text)
    setup = setup_of(
        engine, feed.batch_size, shuffle, ops, batching.drop_last,
        batching.validation_split, feed.samples, feed.weighted,
    )  # fmt: skip
    writes = any_writes(callbacks)
    with locked(Path(folder)) if writes else nullcontext(), closing_all(watchers):
        progress = None
        if resume is not None:
            progress = resume_from(engine, Path(resume), feed.steps, setup)
            epochs = max(epochs - progress.epoch, 0)  # it may only lack its last files
        engine.preprocessing = prepared.preprocessing
        if isinstance(x, Dataset) and x.classes:  # else those that are known stay
            engine.class_names = x.classes
        loop = Loop(
            model,
            feed,
            epochs,
            weighting=engine.sample_weights_of if engine.weighted else None,
            validate=validate,
            callbacks=[*started, *watchers],
            rate=engine.rate,
            progress=progress,
            setup=setup,
        )
        return loop.run()


def check_combination(
    x: TrainingData,
    y: Data | None,
    ops: Sequence[Augmentation],
    batching: Batching,
    validation_data: ValidationData | None,
) -> None:
    """DataError for arguments that exclude each other."""
    if batching.validation_split is not None and validation_data is not None:
        raise DataError(
            "is given, and so are validation_data; only one says what to validate on",
            where=SPLIT,
        )
    if y is None and not isinstance(x, Dataset):
        given = {
            "augmentation": bool(ops),
            SPLIT: batching.validation_split is not None,
            "drop_last": batching.drop_last,
        }
        for name in (name for name, value in given.items() if value):
            raise DataError("is for arrays and data sets", where=name)


def check_origin(
    x: TrainingData, y: Data | None, sample_weight: Data | None, steps: int | None
) -> None:
    """DataError for arguments that belong to data of another kind: they would change
    nothing."""
    if isinstance(x, Dataset):
        check_alone(y, sample_weight)
    elif y is None and sample_weight is not None:
        raise DataError(
            "is for arrays",
            where="sample_weight",
            hint="batches have their own: (x, y, sample_weight)",
        )
    if steps is not None and (y is not None or isinstance(x, Dataset)):
        raise DataError(
            "is for iterables of batches",
            where="steps_per_epoch",
            hint="an epoch goes through all samples; fewer of them, or other epochs",
        )


def from_dataset(
    engine: TrainingEngine,
    data: Dataset,
    batching: Batching,
    ops: Sequence[Augmentation],
) -> Prepared:
    """A feed of the training data; data on disk and bytes are converted batch by batch."""
    x, y = data.train
    check_dataset(engine, data)
    rows = None
    if batching.validation_split is not None:
        rows = rows_of(data, batching.validation_split, engine.seed)
    if not is_lazy(x):
        return from_arrays(engine, x, y, data.weights, batching, "NCHW", ops, rows)
    x, y = check_lazy(engine, x, y)
    used = None if rows is None else rows.train
    ops, change, target = augmenter(engine, ops, x, y, used)
    engine.adapt([target], data.weights is not None)
    feed = batching.feed(
        engine, ([x], [y], data.weights), used, cut=batch_of, change=change
    )
    held_out = None
    if rows is not None:
        held_out = EvaluationData.of_split(
            engine, data.train, batching.evaluated, rows.validation, data.weights
        )
    return Prepared(feed, at_rest(ops), held_out)


def augmenter(
    engine: TrainingEngine,
    ops: Sequence[Augmentation],
    x: Array,
    y: Array,
    rows: Array | None,
) -> Augmenter:
    """The augmentations for an engine's first input and output."""
    loss = engine.objective.losses[0]
    return make_augmenter(engine.graph, loss, engine.seed, ops, x, y, rows)


def from_arrays(
    engine: TrainingEngine,
    x: Data,
    y: Data,
    sample_weight: Data | None,
    batching: Batching,
    layout: str,
    ops: Sequence[Augmentation],
    rows: Rows | None = None,
) -> Prepared:
    """A feed of arrays in memory; without augmentation they are arranged once. ``rows``
    says how they are split, if that is known."""
    inputs = prepare(engine.graph.inputs, x, engine.dtype, layout)
    count = len(inputs[0])
    targets = engine.check_targets(y, count, layout)
    weights = check_sample_weight(sample_weight, count)
    if batching.validation_split is not None and rows is None:
        # By what was given: binary losses make numbers (N, 1) of class labels. Integers
        # for other losses are numbers themselves.
        given = sequence(y, len(targets), "y")
        known = (
            (labels, loss.ignored_label)
            for target, loss in zip(given, engine.objective.losses, strict=True)
            if (loss.labels or loss.binary)
            and (labels := labels_in(target)) is not None
        )
        labels, ignored = next(known, (None, None))
        rows = split_rows(
            count, batching.validation_split, engine.seed, labels, weights, ignored
        )
    used = None if rows is None else rows.train
    ops, change, target = augmenter(engine, ops, inputs[0], targets[0], used)
    engine.adapt(targets if change is None else [target], weights is not None)
    held_out = None
    if rows is not None:
        arrays = [*inputs, *targets, *([] if weights is None else [weights])]
        held_out = EvaluationData(Batches(arrays, batching.evaluated, rows.validation))
    if change is None:
        inputs = list(engine.session.arrange(inputs))
    feed = batching.feed(
        engine, (inputs, targets, weights), used, change=change, arranged=change is None
    )
    return Prepared(feed, at_rest(ops), held_out)


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
    engine: TrainingEngine,
    data: ValidationData | None,
    layout: str,
    batch_size: int | None,
) -> Callable[[], Row] | None:
    """The function that evaluates the model on the validation data; None without any."""
    if data is None:
        return None
    evaluation_data = EvaluationData.given(engine, data, layout, batch_size)
    return lambda: engine.measure(evaluation_data)
