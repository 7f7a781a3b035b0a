"""Which part of a recipe's data is to train on, to validate on, and to test on.

Nothing is chosen by the test data: callbacks and schedules look at validation data, and
the test data are evaluated once, after the training.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from polyframe.data import Dataset, resolve
from polyframe.data.split import Rows, rows_of
from polyframe.model.model import Model
from polyframe.spec.recipe import Recipe
from polyframe.spec.totals import Row
from polyframe.train.evaluation_data import BATCH_SIZE, EvaluationData, check_dataset
from polyframe.train.monitors import needing_validation

SHARE = 0.2
"""The share of the training data to validate on where a recipe needs it and says none."""


def rows_in(recipe: Recipe, data: Dataset) -> Rows | None:
    """The rows of the training data to train and to validate on; None without a split.
    DataError if the data cannot be split like that."""
    if recipe.split is None:
        return None
    return rows_of(data, recipe.split, recipe.seed, "split")


def with_data(recipe: Recipe, data: Dataset, say: Callable[[str], None]) -> Recipe:
    """The recipe with what depends on its data: the split, and the augmentations' numbers,
    which are those of the samples that are trained on."""
    if recipe.split is None and data.validation is None:
        looking = needing_validation(recipe.callbacks, recipe.schedule)
        if looking:
            recipe = replace(recipe, split=SHARE)
            say(
                f"{looking[0].label} looks at validation data, and {data.name} has none: "
                f"{SHARE:g} of its training data are kept for that (split)"
            )
    rows = rows_in(recipe, data)
    used = None if rows is None else rows.train
    return replace(
        recipe, augmentation=resolve(recipe.augmentation, data.train[0], used)
    )


def evaluate(model: Model, recipe: Recipe, data: Dataset) -> tuple[str, int, Row]:
    """The part of a recipe's data that a trained model is evaluated on, its number of
    samples, and loss and metrics: test, or else validation, or else train."""
    name, samples, batches = evaluation_data(model, recipe, data)
    return name, samples, model.engine.measure(batches)


def evaluation_data(
    model: Model, recipe: Recipe, data: Dataset
) -> tuple[str, int, EvaluationData]:
    """What ``evaluate`` evaluates a model on: the name of the part, its number of samples,
    and the part."""
    check_dataset(model.engine, data)
    rows = rows_in(recipe, data)
    name, part = data.evaluated
    size, weights, taken = recipe.validation_batch_size or BATCH_SIZE, None, None
    if name == "train" and rows is not None:
        name, taken, weights = "validation", rows.validation, data.weights
    samples = len(part[0] if taken is None else taken)
    batches = EvaluationData.of_split(model.engine, part, size, taken, weights)
    return name, samples, batches
