"""Fewer samples of any data set: the same ones each time, smaller parts in larger ones."""

from __future__ import annotations

import numpy as np
import pytest

import polyframe as pf
from polyframe.errors import DataError


@pytest.fixture
def archive(tmp_path):
    x = np.arange(40, dtype=np.float32).reshape(40, 1)
    weights = np.arange(30, dtype=np.float32)
    np.savez(
        tmp_path / "own.npz",
        x_train=x[:30], y_train=np.arange(30) % 3, w_train=weights,
        x_test=x[30:], y_test=np.arange(10) % 3,
    )  # fmt: skip
    return str(tmp_path / "own.npz")


def test_parts_are_nested_and_in_the_data_sets_order(archive):
    numbers = [
        pf.data.load(archive, train=n).train[0].ravel().tolist() for n in (5, 12, 30)
    ]
    assert [len(each) for each in numbers] == [5, 12, 30]
    assert set(numbers[0]) < set(numbers[1]) < set(numbers[2])
    assert all(each == sorted(each) for each in numbers)
    assert numbers[0] != numbers[1][:5]  # chosen at random, not from the beginning


def test_targets_and_sample_weights_go_with_the_samples(archive):
    data = pf.data.load(archive, train=7, test=4)
    (x, y), (xt, yt) = data.train, data.test
    assert y.tolist() == (x.ravel() % 3).astype(int).tolist()
    assert data.weights.tolist() == x.ravel().tolist()
    assert yt.tolist() == ((xt.ravel() - 30) % 3).astype(int).tolist()
    assert len(yt) == 4


def test_synthetic_data_make_up_as_many(archive):
    assert len(pf.data.load("synthetic", train=9, test=3).train[0]) == 9


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"train": 31},
            "own.npz: train: got 31; a whole number from 1 to 30 is allowed",
        ),
        ({"train": 0}, "own.npz: train: got 0; a whole number from 1 to 30 is allowed"),
        ({"test": "all"}, "own.npz: test: got 'all'; a whole number from 1 to 10"),
        ({"test": True}, "own.npz: test: got True; a whole number from 1 to 10"),
    ],
)
def test_what_is_no_number_of_samples_is_refused(archive, options, message):
    with pytest.raises(DataError) as caught:
        pf.data.load(archive, **options)
    assert message in str(caught.value)


def test_without_test_data_there_is_no_part_of_them(tmp_path):
    np.savez(tmp_path / "own.npz", x=np.ones((4, 1)), y=np.zeros(4, int))
    with pytest.raises(DataError, match="got 2, but it has no test data"):
        pf.data.load(str(tmp_path / "own.npz"), test=2)
