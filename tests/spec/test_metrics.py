"""Metrics against scikit-learn on the whole set, whatever the batches."""

from __future__ import annotations

import math

import numpy as np
import pytest
from helpers.failing import fails
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

import polyframe as pf
from polyframe.errors import DataError
from polyframe.spec.metrics import (
    AUROC,
    F1,
    Accuracy,
    ConfusionMatrix,
    MeanAbsoluteError,
    MeanIoU,
    MeanSquaredError,
    Metric,
    Precision,
    TopKAccuracy,
    check_keys,
    larger_is_better,
)

often = settings(max_examples=60, deadline=None, derandomize=True, database=None)


def measure(metric, output, target, cuts=()):
    """The metric over batches that end at these samples."""
    metric.check(output.shape[1:])
    totals = metric.start(output.shape[1:])
    assert metric.start(output.shape[1:]).dtype in (np.float64, np.int64)
    borders = [0, *sorted(cuts), len(output)]
    for start, end in zip(borders, borders[1:]):
        before, kept = totals, totals.copy()
        totals = metric.update(totals, output[start:end], target[start:end])
        assert np.array_equal(before, kept)
        fixed = 1 if metric.keeps_outputs else 0  # the rows grow
        assert totals.dtype == kept.dtype
        assert totals.shape[fixed:] == kept.shape[fixed:]
    return metric.value(totals)


@st.composite
def answers(draw, nan=False, least=1):
    """(logits, labels, cuts): vectors or maps, ties or none, some classes absent."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    count, classes = draw(st.integers(least, 30)), draw(st.integers(2, 7))
    place = draw(st.sampled_from([(), (2, 3), (1, 1), (3,), (2, 1, 2)]))
    logits = rng.normal(size=(count, classes, *place))
    if draw(st.booleans()):
        logits = logits.round()
    present = draw(st.lists(st.integers(0, classes - 1), min_size=1, max_size=classes))
    labels = rng.choice(present, (count, *place))
    if draw(st.booleans()):  # a good model
        np.put_along_axis(logits, labels[:, None], 2.0, axis=1)
    if nan:
        logits[rng.random(logits.shape) < 0.2] = math.nan
    cuts = draw(st.lists(st.integers(0, count), max_size=4))
    kind = draw(st.sampled_from(["float32", "float64"]))
    return logits.astype(kind), labels, cuts


def flat(logits, labels):
    """One row of logits for each sample or pixel, and its label, one at a time."""
    rows, truth = [], []
    for index in np.ndindex(labels.shape):
        rows.append([logits[index[0], k, *index[1:]] for k in range(logits.shape[1])])
        truth.append(int(labels[index]))
    return rows, truth


def predicted(row):
    """The first largest; one class more than there are where anything is NaN."""
    if any(map(math.isnan, row)):
        return len(row)
    return row.index(max(row))


ORACLES = {
    "accuracy": sk.accuracy_score,
    "precision": lambda y, p: sk.precision_score(y, p, average="macro", **ZERO),
    "precision_micro": lambda y, p: sk.precision_score(y, p, average="micro", **ZERO),
    "recall": lambda y, p: sk.recall_score(y, p, average="macro", **ZERO),
    "recall_micro": lambda y, p: sk.recall_score(y, p, average="micro", **ZERO),
    "f1": lambda y, p: sk.f1_score(y, p, average="macro", **ZERO),
    "f1_micro": lambda y, p: sk.f1_score(y, p, average="micro", **ZERO),
    "mean_iou": lambda y, p: sk.jaccard_score(y, p, average="macro", **ZERO),
}
ZERO = {"zero_division": 0}
AVERAGED = ("precision", "recall", "f1", "auroc", "average_precision")
METRICS = [
    *map(Metric.parse, sorted(Metric.registry)),
    *(Metric.parse({"type": word, "average": "micro"}) for word in AVERAGED),
]
OTHERS = {
    "top_5_accuracy", "confusion_matrix", "mse", "mae", "binary_accuracy",
    "auroc", "auroc_micro", "average_precision", "average_precision_micro",
}  # fmt: skip
"""Those that have tests of their own, here and in test_metrics_binary.py."""


def test_every_metric_is_tested_here():
    assert {metric.key for metric in METRICS} == {*ORACLES, *OTHERS}


@often
@given(answers(nan=False))
def test_metrics_of_classes_are_scikit_learns(case):
    compare_with_scikit_learn(case)


@often
@given(answers(nan=True))
def test_nan_logits_count_as_a_class_that_is_never_right(case):
    compare_with_scikit_learn(case)


def compare_with_scikit_learn(case):
    logits, labels, cuts = case
    rows, truth = flat(logits, labels)
    guesses = [predicted(row) for row in rows]
    for metric in METRICS:
        if metric.key in ORACLES:
            value = measure(metric, logits, labels, cuts)
            assert isinstance(value, float)
            wanted = ORACLES[metric.key](truth, guesses)
            assert value == pytest.approx(wanted, rel=1e-12, abs=0), metric.key
    matrix = measure(ConfusionMatrix(), logits, labels, cuts)
    every = range(logits.shape[1])
    assert matrix.dtype == np.int64
    assert np.array_equal(matrix, sk.confusion_matrix(truth, guesses, labels=every))


@often
@given(answers(), st.data())
def test_top_k_is_scikit_learns_with_the_first_of_equals_before(case, data):
    logits, labels, cuts = case
    classes = logits.shape[1]
    k = data.draw(st.integers(1, classes))
    accuracy = measure(TopKAccuracy(k), logits, labels, cuts)
    if k == classes:
        assert accuracy == 1
    elif classes > 2:
        # scikit-learn puts the last of equals first: count the classes from the end.
        rows, truth = flat(logits, labels)
        wanted = sk.top_k_accuracy_score(
            classes - 1 - np.array(truth), np.array(rows)[:, ::-1], k=k,
            labels=range(classes),
        )  # fmt: skip
        assert accuracy == pytest.approx(wanted, rel=1e-12)


@often
@given(answers(nan=True), st.integers(2, 7))
def test_top_k_with_nan(case, k):
    logits, labels, cuts = case
    rows, truth = flat(logits, labels)
    k = min(k, logits.shape[1])
    hits = [
        not any(map(math.isnan, row)) and sorted(row, reverse=True).index(row[y]) < k
        for row, y in zip(rows, truth)
        if len(set(row)) == len(row) or any(map(math.isnan, row))
    ]
    if len(hits) == len(rows):  # no ties
        assert measure(TopKAccuracy(k), logits, labels, cuts) == np.mean(hits)
    top = measure(TopKAccuracy(1), logits, labels, cuts)
    assert top == measure(Accuracy(), logits, labels, cuts)


def test_a_model_that_says_nothing_gains_nothing_by_ties():
    logits, labels = np.zeros((10, 10)), np.arange(10)
    assert measure(Accuracy(), logits, labels) == 0.1
    assert measure(TopKAccuracy(3), logits, labels) == 0.3
    assert measure(TopKAccuracy(3), np.full((10, 10), math.nan), labels) == 0
    assert measure(TopKAccuracy(3), np.full((10, 10), -math.inf), labels) == 0.3


@often
@given(answers())
def test_soft_labels_stand_for_their_largest(case):
    logits, labels, cuts = case
    soft = np.full(logits.shape, 0.1, logits.dtype)
    np.put_along_axis(soft, labels[:, None], 0.6, axis=1)
    for metric in METRICS:
        if metric.labels and metric.key != "top_5_accuracy":
            hard = measure(metric, logits, labels, cuts)
            value = measure(metric, logits, soft, cuts)
            assert np.array_equal(value, hard, equal_nan=True)


@pytest.mark.parametrize("kind", ["uint8", "int16", "uint64", "int64"])
def test_labels_of_any_integer_kind_count_many_classes(kind):
    labels = np.arange(200).astype(kind)
    logits = np.eye(200, dtype="float16")[::-1]
    matrix = measure(ConfusionMatrix(), logits, labels, [7])
    assert np.array_equal(matrix, np.eye(200, dtype=np.int64)[::-1])
    assert measure(F1(), logits, labels, [7]) == 0


@often
@given(
    st.integers(0, 2**32),
    st.sampled_from([(5, 1), (1, 3), (9, 2, 3, 4)]),
    st.lists(st.integers(0, 9), max_size=4),
)
def test_errors_of_numbers_are_scikit_learns(seed, shape, cuts):
    rng = np.random.default_rng(seed)
    output, target = rng.normal(size=(2, *shape)).astype("float32")
    cuts = [min(cut, shape[0]) for cut in cuts]
    wide = [each.astype("float64").reshape(shape[0], -1) for each in (target, output)]
    oracles = {"mse": sk.mean_squared_error, "mae": sk.mean_absolute_error}
    for word, oracle in oracles.items():
        error = measure(Metric.parse(word), output, target, cuts)
        assert error == pytest.approx(oracle(*wide), rel=1e-12)


@pytest.mark.parametrize("metric", [MeanSquaredError(), MeanAbsoluteError()])
def test_errors_of_numbers_may_overflow_and_be_nan(metric):
    target = np.zeros((2, 1))
    assert measure(metric, np.full((2, 1), np.inf), target) == math.inf
    assert math.isnan(measure(metric, np.array([[math.nan], [1]]), target))
    big = measure(metric, np.full((2, 1), 1e308), target)
    assert big == math.inf


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.key)
def test_no_samples(metric):
    shape = (5, 4, 4)
    metric.check(shape)
    kinds = [np.zeros((0, 4, 4), int)] if metric.labels else []
    kinds += [np.zeros((0, *shape), bool)] if metric.binary else []
    none = [
        metric.update(metric.start(shape), np.zeros((0, *shape)), target)
        for target in kinds or [np.zeros((0, *shape))]
    ]
    for each in (*none, metric.start(shape)):
        value = metric.value(each)
        if metric.key == "confusion_matrix":
            assert np.array_equal(value, np.zeros((5, 5)))
        else:
            assert value == 0


# --- names, shapes, errors -------------------------------------------------------


def test_keys_and_what_is_better():
    keys = [metric.key for metric in METRICS]
    assert len(set(keys)) == len(keys)
    check_keys([*METRICS, TopKAccuracy(3)])
    for metric in METRICS:
        owners = [
            word for word in Metric.registry if Metric.find(word).owns(metric.key)
        ]
        assert owners == [metric.word]
        for column in (metric.key, f"val_{metric.key}", f"val_fc_1_{metric.key}"):
            assert larger_is_better(column) is metric.larger_is_better
    assert Accuracy().larger_is_better is True
    assert MeanIoU().larger_is_better is True
    assert MeanAbsoluteError().larger_is_better is False
    assert ConfusionMatrix().larger_is_better is None
    assert larger_is_better("val_auroc") is AUROC().larger_is_better is True
    assert larger_is_better("val_loss") is False
    assert larger_is_better("seconds") is None
    assert larger_is_better("val_head_loss") is False
    assert larger_is_better("mean_iou_micro") is None
    assert larger_is_better("_") is None


def test_labels_are_for_metrics_of_classes():
    numbers = {m.key for m in METRICS if not (m.labels or m.binary)}
    assert numbers == {"mse", "mae"}


def test_fields_in_plain_data():
    for metric in (*METRICS, TopKAccuracy(3)):
        assert Metric.parse({"type": metric.word, **metric.options()}) == metric
    assert Metric.parse({"type": "TopKAccuracy", "k": 3}) == TopKAccuracy(3)


ERRORS = [
    (pf.SpecError, lambda: check_keys([F1(), Accuracy(), F1()]),
     "metrics: f1 is there twice (each metric has a column of its own in the history)"),
    (pf.SpecError, lambda: F1("weighted"),
     "f1: average is 'weighted'; 'macro' or 'micro' is needed"),
    (pf.SpecError, lambda: TopKAccuracy(0),
     "top_k_accuracy: k is 0; a whole number from 1 to 16777216 is needed"),
    (pf.SpecError, lambda: Metric.parse("top_5"), "unknown metric 'top_5'."),
    (pf.SpecError, lambda: TopKAccuracy(6).check((5,)),
     "top_6_accuracy needs at least 6 classes, got 5 (k is at most 5 here)"),
    (pf.SpecError, lambda: Precision("micro").check((1,)),
     "precision_micro takes logits (classes,) or (classes, height, width) of at least 2 "
     "classes per sample, got (1,) (put a Dense or a Conv2D with an output for each "),
    (pf.SpecError, lambda: Accuracy().check((5, 2, 2, 2, 2)),
     "accuracy takes logits (classes,)"),
    (DataError, lambda: measure(Accuracy(), np.ones((4, 3, 2, 2)), np.ones(4, int)),
     "y: is int64 (4,); integer labels (4, 2, 2), or numbers (4, 3, 2, 2), are needed"),
    (DataError, lambda: measure(F1(), np.ones((4, 3)), np.ones(4)),
     "y: is float64 (4,); integer labels (4,), or numbers (4, 3), are needed"),
    (DataError, lambda: measure(MeanIoU(), np.ones((2, 3)), np.array([0, 3])),
     "y: has labels from 0 to 3, outside 0..2 (as many outputs as classes are needed)"),
    (DataError, lambda: measure(TopKAccuracy(2), np.ones((2, 3)), np.array([-1, 0])),
     "y: has labels from -1 to 0, outside 0..2"),
    (DataError, lambda: measure(MeanSquaredError(), np.ones((4, 1)), np.ones(4)),
     "y: is (4,); (4, 1) is needed"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "call", "message"), ERRORS)
def test_errors(kind, call, message):
    fails(kind, call, message)
