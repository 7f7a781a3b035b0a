"""Metrics of binary losses, and of ranking, against scikit-learn on the whole set; where
it refuses (NaN), against every pair of scores."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from helpers.failing import fails
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn import metrics as sk

import polyframe as pf
from polyframe.errors import DataError, PolyframeError
from polyframe.spec import totals as totals_module
from polyframe.spec.metrics import Metric
from polyframe.spec.totals import Totals, bind_metrics, check_state

often = settings(max_examples=50, deadline=None, derandomize=True, database=None)
BCE = pf.BinaryCrossEntropy()
ZERO = {"zero_division": 0}
COUNTED = {
    "precision": sk.precision_score,
    "recall": sk.recall_score,
    "f1": sk.f1_score,
    "mean_iou": sk.jaccard_score,
}
RANKED = {"auroc": sk.roc_auc_score, "average_precision": sk.average_precision_score}
METRICS = [
    *(
        Metric.parse({"type": word, "average": average})
        for word in ("precision", "recall", "f1", *RANKED)
        for average in ("macro", "micro")
    ),
    pf.MeanIoU(),
    pf.BinaryAccuracy(),
]


def undefined(score, *args, **options):
    """scikit-learn's value, which warns where there is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sk._ranking.UndefinedMetricWarning)
        warnings.filterwarnings("ignore", "No positive class found")
        return score(*args, **options)


def measured(metrics, loss, case):
    """What training and evaluation report over batches that end at the cuts."""
    scores, target, weights, cuts = case
    totals = Totals(bind_metrics(metrics, (loss,), [("y", scores.shape[1:])]))
    borders = [0, *cuts, len(scores)]
    for start, end in zip(borders, borders[1:]):
        part = None if weights is None else weights[start:end]
        totals.add([scores[start:end]], [target[start:end]], part)
    return totals.values()


def columns(case):
    """(scores, targets, weights) of all samples and pixels that count: (P, C), (P, C),
    (P,)."""
    scores, target, weights, _ = case
    rows = []
    for n, *pixel in np.ndindex(scores.shape[0], *scores.shape[2:]):
        weight = 1.0 if weights is None else weights[n]
        if weight > 0:
            at = (n, slice(None), *pixel)
            rows.append((scores[at].astype(float), target[at], weight))
    return [np.array(column) for column in zip(*rows)]


@st.composite
def answers(draw, classes=False):
    """(scores, targets, sample weights or None, cuts); ties or none, rare answers."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    count = draw(st.integers(1, 20))
    channels = draw(st.integers(2 if classes else 1, 4))
    pixels = draw(st.sampled_from([(), (), (3,), (2, 3)]))
    scores = rng.normal(size=(count, channels, *pixels))
    if classes:
        target = rng.integers(0, channels, (count, *pixels))
    else:
        if draw(st.booleans()):
            scores = scores.round()
        share = draw(st.sampled_from([0.5, 0.1, 0.9, 0.0, 1.0]))
        target = (rng.random(scores.shape) < share).astype(float)
        if draw(st.booleans()):  # a good model
            scores += 2 * target - 1
    scores = scores.astype(draw(st.sampled_from(["float32", "float64"])))
    weights = None
    if draw(st.booleans()):
        weights = rng.choice([0.0, 0.25, 1.0, 3.5], count)
        weights[0] = 1.0
    cuts = draw(st.lists(st.integers(0, count), max_size=3))
    return scores, target, weights, sorted(cuts)


def mean_of(score, average, wanted, said, weights):
    """scikit-learn's mean over the channels, or its value over all of them together."""
    if average == "micro":
        many = np.repeat(weights, wanted.shape[1])
        return undefined(score, wanted.ravel(), said.ravel(), sample_weight=many)
    each = [
        undefined(score, wanted[:, c], said[:, c], sample_weight=weights)
        for c in range(wanted.shape[1])
    ]
    each = [value for value in each if not math.isnan(value)]
    return np.mean(each) if each else math.nan


@often
@given(answers())
def test_of_binary_losses_they_are_scikit_learns(case):
    values = measured(METRICS, BCE, case)
    scores, target, weights = columns(case)
    wanted, said = target.astype(int), (scores > 0).astype(int)
    for metric in METRICS:
        if metric.word == "binary_accuracy":
            many = np.repeat(weights, wanted.shape[1])
            oracle = sk.accuracy_score(wanted.ravel(), said.ravel(), sample_weight=many)
        elif metric.word in COUNTED:
            score, average = COUNTED[metric.word], metric.average
            if wanted.shape[1] > 1:
                oracle = score(
                    wanted, said, average=average, sample_weight=weights, **ZERO
                )
            else:
                oracle = score(wanted[:, 0], said[:, 0], sample_weight=weights, **ZERO)
        else:
            score = RANKED[metric.word]
            oracle = mean_of(score, metric.average, wanted, scores, weights)
        assert values[metric.key] == pytest.approx(oracle, rel=1e-12, nan_ok=True), (
            metric
        )


@often
@given(answers(classes=True))
def test_of_classes_each_is_ranked_against_the_rest(case):
    ranked = [metric for metric in METRICS if metric.word in RANKED]
    scores, target, weights, cuts = case
    values = measured(ranked, pf.CrossEntropy(), case)
    spread = np.repeat(target[:, None], scores.shape[1], axis=1)
    scores, labels, weights = columns((scores, spread, weights, cuts))
    one_hot = (labels == np.arange(scores.shape[1])).astype(int)
    chances = softmax(scores, axis=1)
    for metric in ranked:
        score = RANKED[metric.word]
        oracle = mean_of(score, metric.average, one_hot, chances, weights)
        assert values[metric.key] == pytest.approx(oracle, rel=1e-12, nan_ok=True), (
            metric
        )
    if one_hot.any(axis=0).all() and scores.shape[1] > 2:  # scikit-learn's own words
        options = {"multi_class": "ovr", "average": "macro", "sample_weight": weights}
        oracle = sk.roc_auc_score(labels[:, 0], chances, **options)
        assert values["auroc"] == pytest.approx(oracle, rel=1e-12)


def pairs(scores, wanted, weights):
    """The share of pairs that are in order, one pair at a time; equal ones count half.
    What is compared with NaN is neither above it nor equal."""
    over = under = 0.0
    for a, yes, u in zip(scores, wanted, weights):
        for b, other, v in zip(scores, wanted, weights):
            if yes and not other:
                over += u * v * ((a > b) + (a == b) / 2)
                under += u * v
    return over / under


def steps(scores, wanted, weights):
    """Average precision, one threshold at a time."""
    total, before = 0.0, 0.0
    every = sum(w for w, yes in zip(weights, wanted) if yes)
    for threshold in sorted(set(scores), reverse=True):
        found = [
            (w, yes) for s, w, yes in zip(scores, weights, wanted) if s >= threshold
        ]
        right = sum(w for w, yes in found if yes)
        total += (right - before) / every * right / sum(w for w, _ in found)
        before = right
    return total


@pytest.mark.parametrize("seed", range(5))
def test_nan_is_the_worst_score_and_never_right(seed):
    rng = np.random.default_rng(seed)
    scores, target = rng.normal(size=(30, 1)).round(1), rng.integers(0, 2, (30, 1))
    weights, cuts = rng.choice([0.5, 1.0, 2.0], 30), [7, 20]
    lost = rng.random(30) < 0.2
    scores[lost] = math.nan
    case = scores, target.astype(float), weights, cuts
    values = measured(METRICS, BCE, case)
    flat, wanted = scores[:, 0], target[:, 0] == 1
    assert values["auroc"] == pytest.approx(pairs(flat, wanted, weights), rel=1e-12)
    worst = np.where(lost, np.where(wanted, -9.0, 9.0), flat)
    oracle = steps(worst, wanted, weights)
    assert values["average_precision"] == pytest.approx(oracle, rel=1e-12)
    right = ((flat > 0) == wanted) & ~lost
    oracle = np.average(right, weights=weights)
    assert values["binary_accuracy"] == pytest.approx(oracle, rel=1e-12)
    oracle = np.average(flat[wanted] > 0, weights=weights[wanted])
    assert values["recall"] == pytest.approx(oracle, rel=1e-12)


def test_nan_logits_of_classes_rank_last():
    logits = np.array([[2.0, 0.0], [0.0, math.nan], [0.0, 3.0], [0.0, math.inf]])
    case = logits, np.array([0, 0, 1, 1]), None, []
    # Of each class two are to be found, one of them is lost; so is one of the others.
    assert measured([pf.AUROC()], pf.CrossEntropy(), case)["auroc"] == 0.25


def one(metric, scores, target):
    """The metric of a single output."""
    case = np.array(scores, float)[:, None], np.array(target, float)[:, None], None, []
    return measured([Metric.parse(metric)], BCE, case)[Metric.parse(metric).key]


def test_a_single_class_has_no_auroc():
    """NaN, as scikit-learn; average precision is 0 without any to be found, else 1."""
    for target, precision in (([0, 0], 0.0), ([1, 1], 1.0)):
        assert math.isnan(undefined(sk.roc_auc_score, target, [0.5, -1]))
        assert math.isnan(one("auroc", [0.5, -1], target))
        assert undefined(sk.average_precision_score, target, [0.5, -1]) == precision
        assert one("average_precision", [0.5, -1], target) == precision
    # Of several labels, those that have one count; scikit-learn gives it for each.
    scores = np.array([[0.0, 1.0, 0.3], [1.0, 0.0, 0.2], [2.0, 0.5, 0.1]])
    target = np.array([[0.0, 0, 1], [1, 0, 1], [0, 1, 1]])
    each = undefined(sk.roc_auc_score, target, scores, average=None)
    value = measured([pf.AUROC()], BCE, (scores, target, None, [1]))["auroc"]
    assert value == pytest.approx(np.nanmean(each)) == 0.5


def test_a_model_that_says_nothing_gains_nothing():
    target = [1, 0, 1, 0, 0]
    assert one("auroc", [0.0] * 5, target) == 0.5
    assert one("average_precision", [0.0] * 5, target) == 0.4
    assert one("binary_accuracy", [0.0] * 5, target) == 0.6  # 0 is negative
    infinite = [math.inf, -math.inf, math.inf, -math.inf, math.inf]
    assert one("auroc", infinite, target) == pytest.approx(5 / 6)


@pytest.mark.parametrize("threshold", [0.5, 0.3, 0.9, 1e-9, 1 - 1e-9])
def test_the_threshold_is_a_probability(threshold):
    rng = np.random.default_rng(0)
    scores, target = rng.normal(0, 3, 50).astype("float32"), rng.integers(0, 2, 50)
    metric = {"type": "binary_accuracy", "threshold": threshold}
    said = 1 / (1 + np.exp(-scores.astype(float))) > threshold
    assert one(metric, scores, target) == pytest.approx((said == target).mean())


def test_targets_above_a_half_are_positive_and_so_are_signs_of_1():
    scores = np.array([[1.0, -1.0], [2.0, 0.5], [-3.0, 0.0]])
    soft = np.array([[0.51, 0.5], [0.9, 0.0], [0.4, 0.2]])
    hard = (soft > 0.5).astype(float)
    for loss, target in (
        (BCE, hard), (pf.BinaryCrossEntropy(label_smoothing=0.2), soft),
        (pf.Focal(), soft), (pf.Hinge(), 2 * hard - 1), (pf.SquaredHinge(), 2 * hard - 1),
    ):  # fmt: skip
        values = measured(METRICS, loss, (scores, target, None, []))
        assert values == pytest.approx(measured(METRICS, BCE, (scores, hard, None, [])))
        assert values["binary_accuracy"] == 5 / 6
    masks = np.ones((2, 1, 2, 2))
    assert measured([pf.F1()], pf.Dice(), (masks, masks, None, []))["f1"] == 1


def test_no_pixel_that_is_ignored_is_ranked():
    """``ignore_index`` is the loss's; what it leaves out may lie outside the classes."""
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(4, 3, 5)), rng.integers(0, 3, (4, 5))
    kept = rng.random((4, 5)) < 0.6
    loss = pf.CrossEntropy(ignore_index=255)
    ranked = [metric for metric in METRICS if metric.word in RANKED]
    case = logits, np.where(kept, labels, 255), None, [2]
    rows = np.moveaxis(logits, 1, -1)[kept], labels[kept], None, []
    assert measured(ranked, loss, case) == measured(ranked, loss, rows)
    nothing = logits, np.full((4, 5), 255), None, []
    assert set(measured(ranked, loss, nothing).values()) == {0.0}


# --- totals that grow --------------------------------------------------------------------


def test_a_checkpoint_holds_what_is_kept():
    """Whatever the rows, before the first batch, too; to the bit."""
    rng = np.random.default_rng(0)
    scores, target = rng.normal(size=(9, 2)), rng.integers(0, 2, (9, 2)).astype(float)
    bound = bind_metrics(METRICS, (BCE,), [("y", (2,))])
    whole, first = Totals(bound), Totals(bound)
    for part in (slice(0, 4), slice(4, 9)):
        whole.add([scores[part]], [target[part]])
        resumed = Totals(bound)
        resumed.restore(first.state())
        assert resumed.state().keys() == {"loss", *(metric.key for metric in METRICS)}
        resumed.add([scores[part]], [target[part]])
        first = resumed
    assert first.values() == whole.values()
    for wrong in (
        np.zeros((3, 1, 2)),
        np.zeros((3, 2)),
        np.zeros((3, 2, 2), "float32"),
    ):
        text = "metrics: the checkpoint has no totals of 'auroc' that fit this training"
        state = whole.state() | {"auroc": wrong}
        fails(
            PolyframeError, lambda state=state: check_state(Totals(bound), state), text
        )


def test_what_is_kept_has_a_bound(monkeypatch):
    monkeypatch.setattr(totals_module, "MOST_KEPT", 20)
    scores, target = np.zeros((10, 2)), np.zeros((10, 2))
    assert measured([pf.AUROC()], BCE, (scores, target, None, [3]))
    scores, target = np.zeros((11, 2)), np.zeros((11, 2))
    text = (
        "auroc: it keeps the outputs of all samples, 20 numbers at most, and these are"
    )
    fails(
        DataError,
        lambda: measured([pf.AUROC()], BCE, (scores, target, None, [3])),
        text,
    )
    rest = [metric for metric in METRICS if not metric.keeps_outputs]
    assert measured(rest, BCE, (scores, target, None, [3]))
