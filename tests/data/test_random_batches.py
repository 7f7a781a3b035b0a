"""Targets for every loss: those that it takes, the ends of what is allowed among them."""

from __future__ import annotations

import numpy as np
import pytest

import polyframe as pf
from polyframe.data.random_batches import targets
from polyframe.spec.losses import Loss

IMAGE = (4, 3, 2)


def draw(loss, shape=(4,), kind=None, edges=True, count=5):
    return targets(loss, shape, count, np.random.default_rng(1), kind, edges)


@pytest.mark.parametrize("edges", [False, True])
@pytest.mark.parametrize("word", sorted(Loss.registry))
def test_a_loss_takes_its_targets(word, edges):
    cls = Loss.find(word)
    for options in cls.examples:
        loss = cls(**options)
        for shape in cls.example_shapes:
            try:
                loss.check(shape)
            except pf.SpecError:
                continue
            for kind in loss.target_kinds:
                y = draw(loss, shape, kind, edges)
                assert loss.kind_of(y) == kind
                assert np.array_equal(loss.take(y, shape, "float64"), y)


def test_each_domain_is_reached_with_its_edges():
    """A sigmoid's Dice compares with 0, 1 and what is between; it once had the
    probabilities of a softmax."""
    for loss in (pf.Dice(), pf.BinaryCrossEntropy(), pf.Focal()):
        y = draw(loss, IMAGE)
        assert y.min() == 0 and y.max() == 1
        assert ((y > 0.3) & (y < 0.7)).any()
        sums = y.sum(axis=1)
        assert (sums > 1).any() and (sums < 1).any()
    assert set(np.unique(draw(pf.Hinge(), IMAGE))) == {-1.0, 1.0}
    assert not draw(pf.Triplet(), (12,)).any()
    assert draw(pf.Triplet(), (12,)).shape == (5,)
    assert draw(pf.MSE(), IMAGE).min() < -1
    logs = draw(pf.KLDiv(log_target=True))
    assert np.allclose(np.exp(logs).sum(axis=1), 1)


def test_probabilities_have_one_that_is_certain_and_with_edges_others_than_1():
    for loss in (pf.CrossEntropy(), pf.NLL(), pf.KLDiv()):
        kind = loss.target_kinds[-1]
        sums = draw(loss, IMAGE, kind).sum(axis=1)
        assert np.allclose(sums[1], 1.5) and np.allclose(np.delete(sums, 1, 0), 1)
        assert np.allclose(draw(loss, IMAGE, kind, edges=False).sum(axis=1), 1)
        assert set(np.unique(draw(loss, IMAGE, kind)[0])) == {0.0, 1.0}
    shares = draw(pf.Dice("softmax"), IMAGE, "probabilities")
    assert np.allclose(shares.sum(axis=1), 1)  # no more than 1 is allowed


def test_labels_are_of_every_class_and_some_are_ignored():
    assert set(draw(pf.CrossEntropy())) == {0, 1, 2, 3}
    assert set(draw(pf.CrossEntropy(ignore_index=-100))) == {0, 1, 2, 3, -100}
    assert set(np.unique(draw(pf.Dice("softmax"), IMAGE))) == {0, 1, 2, 3}
    many = draw(pf.CrossEntropy(ignore_index=255), IMAGE, edges=False, count=50)
    assert 0.2 < (many == 255).mean() < 0.4
