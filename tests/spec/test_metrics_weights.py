"""Metrics with sample weights and ignored labels: scikit-learn's on what counts."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.failing import fails
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

import polyframe as pf
from polyframe.errors import DataError
from polyframe.spec.metrics import ConfusionMatrix, Metric, TopKAccuracy
from polyframe.spec.totals import Totals, bind_metrics

often = settings(max_examples=40, deadline=None, derandomize=True, database=None)
ZERO = {"zero_division": 0}
ORACLES = {
    "accuracy": sk.accuracy_score,
    "precision": lambda y, p, **w: sk.precision_score(
        y, p, average="macro", **ZERO, **w
    ),
    "recall": lambda y, p, **w: sk.recall_score(y, p, average="macro", **ZERO, **w),
    "f1": lambda y, p, **w: sk.f1_score(y, p, average="macro", **ZERO, **w),
    "mean_iou": lambda y, p, **w: sk.jaccard_score(y, p, average="macro", **ZERO, **w),
}
MICRO = {
    "precision": lambda y, p, **w: sk.precision_score(
        y, p, average="micro", **ZERO, **w
    ),
    "recall": lambda y, p, **w: sk.recall_score(y, p, average="micro", **ZERO, **w),
    "f1": lambda y, p, **w: sk.f1_score(y, p, average="micro", **ZERO, **w),
}
CASES = [
    *((Metric.parse(word), oracle) for word, oracle in ORACLES.items()),
    *((Metric.parse({"type": w, "average": "micro"}), o) for w, o in MICRO.items()),
]


@st.composite
def answers(draw):
    """(logits, labels, sample weights or None, ignored label or None, cuts)."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    count, classes = draw(st.integers(1, 20)), draw(st.integers(2, 5))
    pixels = draw(st.sampled_from([(), (2, 3)]))
    logits = rng.normal(size=(count, classes, *pixels))
    labels = rng.integers(0, classes, (count, *pixels))
    ignored = draw(st.sampled_from([None, 255, -100, 0, classes - 1]))
    if ignored is not None:
        labels[rng.random(labels.shape) < draw(st.sampled_from([0.0, 0.4, 1.0]))] = (
            ignored
        )
    weights = None
    if draw(st.booleans()):
        weights = rng.choice([0.0, 0.25, 1.0, 3.5], count)
        weights[0] = 1.0
    cuts = draw(st.lists(st.integers(0, count), max_size=3))
    return logits, labels, weights, ignored, sorted(cuts)


def measured(metrics, loss, case):
    """What training and evaluation report: metrics learn of it from the loss."""
    logits, labels, weights, _, cuts = case
    bound = bind_metrics(metrics, (loss,), [("y", logits.shape[1:])])
    totals = Totals(bound)
    borders = [0, *cuts, len(logits)]
    for start, end in zip(borders, borders[1:]):
        part = None if weights is None else weights[start:end]
        totals.add([logits[start:end]], [labels[start:end]], part)
    return totals.values()


def kept(case):
    """(labels, predictions, weights, logits) of the samples or pixels that count."""
    logits, labels, weights, ignored, _ = case
    rows = []
    for index in np.ndindex(labels.shape):
        weight = 1.0 if weights is None else weights[index[0]]
        if weight > 0 and labels[index] != ignored:
            row = logits[(index[0], slice(None), *index[1:])]
            rows.append((labels[index], row.argmax(), weight, row))
    return [np.array(column) for column in zip(*rows)]


@often
@given(answers())
def test_what_counts_is_scikit_learns(case):
    loss = pf.CrossEntropy(ignore_index=case[3])
    values, rows = {}, kept(case)
    for metric, _ in CASES:
        values |= measured([metric], loss, case)
    if not rows:  # all is ignored: 0, not NaN
        assert {values[metric.key] for metric, _ in CASES} == {0.0}
        return
    labels, predicted, weights, _ = rows
    for metric, oracle in CASES:
        wanted = oracle(labels, predicted, sample_weight=weights)
        assert values[metric.key] == pytest.approx(wanted, rel=1e-12), metric.key


@often
@given(answers())
def test_confusion_matrix_and_top_k(case):
    loss, classes = pf.CrossEntropy(ignore_index=case[3]), case[0].shape[1]
    values = measured([ConfusionMatrix(), TopKAccuracy(1), TopKAccuracy(2)], loss, case)
    rows = kept(case)
    matrix = values["confusion_matrix"]
    if not rows:
        assert (matrix == 0).all() and values["top_2_accuracy"] == 0
        return
    labels, predicted, weights, logits = rows
    wanted = sk.confusion_matrix(
        labels, predicted, labels=range(classes), sample_weight=weights
    )
    np.testing.assert_allclose(matrix, wanted, rtol=1e-12)
    whole = (weights == 1).all() or (wanted == np.rint(wanted)).all()
    assert matrix.dtype == (np.int64 if whole else np.float64)
    hits = [label in row.argsort()[-2:] for label, row in zip(labels, logits)]
    assert values["top_2_accuracy"] == pytest.approx(np.average(hits, weights=weights))
    first = np.average(labels == predicted, weights=weights)
    assert values["top_1_accuracy"] == pytest.approx(first, rel=1e-12)


@pytest.mark.parametrize("shape", [(3,), (2, 3, 4)])
@pytest.mark.parametrize("word", ["mse", "mae"])
def test_errors_of_numbers_are_weighted_means(word, shape):
    rng = np.random.default_rng(0)
    output, target = rng.normal(size=(2, 7, *shape))
    weights = np.array([0.0, 1, 2.5, 0, 0.1, 1, 3])
    output[0] = np.inf  # of no weight: does not count
    bound = bind_metrics([Metric.parse(word)], (pf.MSE(),), [("y", shape)])
    totals = Totals(bound)
    for part in (slice(0, 3), slice(3, 7)):
        totals.add([output[part]], [target[part]], weights[part])
    oracle = {"mse": sk.mean_squared_error, "mae": sk.mean_absolute_error}[word]
    wide = [each[1:].reshape(6, -1) for each in (target, output)]
    wanted = oracle(*wide, sample_weight=weights[1:])
    assert totals.values()[word] == pytest.approx(wanted, rel=1e-12)
    nothing = Totals(bound)
    nothing.add([output], [target], np.zeros(7))
    assert nothing.values()[word] == 0


def test_each_output_has_the_ignored_label_of_its_own_loss():
    losses = (pf.CrossEntropy(ignore_index=0), pf.CrossEntropy())
    bound = bind_metrics([Metric.parse("accuracy")], losses, [("a", (2,)), ("b", (2,))])
    totals = Totals(bound, [1.0, 1.0])
    logits, labels = np.array([[2.0, 1.0], [1.0, 2.0]]), np.array([0, 1])
    totals.add([logits[::-1], logits[::-1]], [labels, np.array([0, 0])])
    assert totals.values()["a_accuracy"] == 0  # of one
    assert totals.values()["b_accuracy"] == 0.5


def test_soft_labels_have_none_that_is_ignored():
    """With ignore_index a loss refuses them; metrics would count all."""
    bound = bind_metrics(
        [Metric.parse("accuracy")], (pf.CrossEntropy(ignore_index=0),), [("y", (2,))]
    )
    totals = Totals(bound)
    totals.add([np.eye(2)], [np.eye(2)])
    assert totals.values()["accuracy"] == 1


def test_a_label_that_counts_has_to_be_a_class():
    loss = pf.CrossEntropy(ignore_index=255)
    case = np.eye(3), np.array([0, 255, 254]), None, 255, []
    text = "y: has labels from 0 to 254, outside 0..2 (as many outputs as classes are"
    fails(DataError, lambda: measured([Metric.parse("accuracy")], loss, case), text)
