"""Which samples are to train on, and which to validate on."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from helpers.failing import fails

from polyframe import data
from polyframe.data.split import split_rows
from polyframe.errors import DataError
from polyframe.randomness import generator
from polyframe.spec.augmentations import Normalize

rng = np.random.default_rng(0)


def by_hand(count, share, seed, labels=None):
    """The definition, a sample at a time; ``share`` as a text."""
    share = Fraction(share)
    total = (share * count + Fraction(1, 2)).__floor__()
    classes = [0] * count if labels is None else [int(label) for label in labels]
    left = {}
    for label in sorted(set(classes)):
        left[label] = (share * classes.count(label)).__floor__()
    rest = {c: share * classes.count(c) - n for c, n in left.items()}
    for label in sorted(left, key=lambda c: (-rest[c], c))[
        : total - sum(left.values())
    ]:
        left[label] += 1
    chosen = []
    for row in generator(seed, "split").permutation(count):
        if left[classes[row]]:
            left[classes[row]] -= 1
            chosen.append(int(row))
    return sorted(chosen)


@pytest.mark.parametrize("share", ["0.2", "0.29", "0.5", "0.77"])
@pytest.mark.parametrize("seed", [0, 3])
def test_rows_are_the_definitions(share, seed):
    labels = rng.permutation(np.repeat([0, 2, 3, 7], [25, 8, 31, 36]))
    for y in (None, labels, labels.astype(np.uint8)):
        rows = split_rows(100, float(share), seed, y)
        assert rows.validation.tolist() == by_hand(100, share, seed, y)
        assert sorted([*rows.train, *rows.validation]) == [*range(100)]
        assert np.all(np.diff(rows.train) > 0)
        assert len(rows.validation) == round(100 * float(share))
    for label, size in zip(*np.unique(labels, return_counts=True)):
        part = (labels[rows.validation] == label).sum()
        assert abs(part - float(share) * size) < 1


def test_another_seed_is_another_split():
    one, two = (split_rows(40, 0.25, seed).validation for seed in (0, 1))
    assert one.tolist() != two.tolist()


def test_a_data_set_is_split():
    digits = data.load("digits")
    parts = data.split(digits, 0.2, seed=5)
    rows = split_rows(len(digits.train[0]), 0.2, 5, digits.train[1])
    for part, index in ((parts.train, rows.train), (parts.validation, rows.validation)):
        for array, whole in zip(part, digits.train, strict=True):
            np.testing.assert_array_equal(array, whole[index])
    assert parts.test is digits.test and parts.classes == digits.classes
    assert parts.evaluated == ("test", digits.test)
    assert "train=1150, validation=287, test=360" in repr(parts)
    text = "validation_split: digits has a validation part of its own, which is used"
    fails(DataError, lambda: data.split(parts, 0.2), text)
    weighted = data.from_arrays(
        rng.random((8, 3)), rng.random((8, 2)), weights=np.arange(8)
    )
    halves = data.split(weighted, 0.5)
    assert halves.weights.tolist() == split_rows(8, 0.5, 0).train.tolist()
    assert halves.evaluated == ("validation", halves.validation)


def test_masks_and_numbers_are_shuffled_without_classes():
    plain = split_rows(12, 0.25, 0).validation
    x = rng.random((12, 1, 4, 4))
    for y in (rng.integers(0, 2, (12, 4, 4)), rng.random((12, 3)), rng.random(12)):
        parts = data.split(data.from_arrays(x, y), 0.25)
        np.testing.assert_array_equal(parts.validation[1], y[plain].astype(y.dtype))


def test_augmentation_knows_only_the_samples_that_are_trained_on():
    x = rng.integers(0, 256, (50, 2, 3, 3), np.uint8)
    rows = split_rows(50, 0.3, 0).train
    (op,) = data.resolve([Normalize()], x, rows)
    values = x[rows] / 255
    np.testing.assert_allclose(op.mean, values.mean((0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(op.std, values.std((0, 2, 3)), rtol=1e-12)


Y = np.repeat([0, 1, 2], [10, 5, 1])
ERRORS = [
    ({"fraction": 0}, "validation_split is 0; a finite number above 0 and below 1 is"),
    ({"fraction": 1.0}, "validation_split is 1.0; a finite number"),
    ({"fraction": True}, "validation_split is True; a finite number"),
    ({"fraction": float("nan")}, "validation_split is nan; a finite number"),
    ({"fraction": 0.01}, "validation_split: 0.01 of the 16 samples leaves none to validate "
     "on (a larger fraction, more samples, or validation data of your own)"),
    ({"fraction": 0.99}, "0.99 of the 16 samples leaves none to train on (a smaller"),
    ({"fraction": 0.3, "labels": Y}, "0.3 of the 1 sample of class 2 leaves none to val"),
    ({"fraction": 0.95, "labels": Y, "names": ("a", "b", "c")},
     "0.95 of the 5 samples of class b leaves none to train on"),
    ({"fraction": 0.5, "weights": np.r_[np.zeros(15), 1]}, "have weight 0"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "text"), ERRORS)
def test_what_cannot_be_split_is_one_error(options, text):
    fails(DataError, lambda: split_rows(16, seed=0, **options), text)


@pytest.mark.parametrize("seed", ["a", 1.5, -1, None])
def test_a_seed_is_a_whole_number(seed):
    whole = data.from_arrays(rng.random((8, 3)), np.arange(8) % 2)
    fails(DataError, lambda: data.split(whole, 0.5, seed), "seed is ")


def test_what_is_ignored_is_no_class():
    labels = np.where(Y == 2, 255, Y)
    rows = split_rows(16, 0.3, 0, labels, ignored=255)
    assert np.bincount(labels[rows.validation]).tolist() == [3, 2]


def test_both_parts_of_a_pair():
    x, y = rng.random((4, 3)), np.arange(4)
    fails(
        DataError,
        lambda: data.from_arrays(x, y, x_val=x),
        "arrays: x_val is given without y_val (give both, or neither)",
    )
    text = "arrays: x is float64 (3,) a sample in train, but float64 (2,) in validation"
    fails(DataError, lambda: data.from_arrays(x, y, x_val=x[:, :2], y_val=y), text)
    bad = "arrays, validation: x holds NaN or infinity, first at sample 0"
    nan = np.full((4, 3), np.nan)
    fails(DataError, lambda: data.from_arrays(x, y, x_val=nan, y_val=y), bad)


def test_a_data_set_may_come_with_its_validation_part(tmp_path):
    x, y = rng.random((4, 2, 3, 3)), np.arange(4)
    path = tmp_path / "set.npz"
    np.savez(path, x_train=x, y_train=y, x_val=x[1:], y_val=y[1:])
    made = data.load(path)
    np.testing.assert_array_equal(made.validation[0], x[1:])
    assert made.validation[1].tolist() == [1, 2, 3] and made.test is None
    one, more = data.load("synthetic"), data.load("synthetic", validation=16)
    assert one.validation is None and len(more.validation[0]) == 16
    assert all(map(np.array_equal, one.train, more.train))
    assert all(map(np.array_equal, one.test, more.test))
    assert not np.array_equal(more.validation[0], one.train[0][:16])
