"""What augmentations draw: by seed, step, place in the list and sample."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.pictures import CLASSES, EVERY, batch, batches, share_of
from hypothesis import given, settings
from hypothesis import strategies as st

import polyframe as pf
from polyframe.data import at_rest, augment, resolve
from polyframe.data.augment import draw
from polyframe.spec.augmentations import (
    CutMix,
    Mixup,
    Normalize,
    RandomFlip,
)

SINGLE = [op for op in EVERY if not op.joint]


def same(a, b):
    return all(np.array_equal(p, q) for p, q in zip(a, b))


@settings(max_examples=40)
@given(batches, st.lists(st.sampled_from(SINGLE), max_size=5), st.data())
def test_a_batch_in_parts_is_the_whole_batch(drawn, ops, data):
    x, y = drawn
    cut = data.draw(st.integers(0, len(x)))
    ops = [op for op in ops if fits(op, x)]
    whole = augment(ops, x, y, 3, 5, 0, CLASSES)
    parts = [
        augment(ops, x[part], y[part], 3, 5, first, CLASSES)
        for part, first in ((slice(cut), 0), (slice(cut, None), cut))
        if len(x[part])
    ]
    assert same(whole, [np.concatenate(p) for p in zip(*parts)])
    assert same(whole, augment(ops, x, y, 3, 5, 0, CLASSES))


def fits(op, x):
    try:
        op.check(x.shape[1:], CLASSES)
    except pf.SpecError:
        return False
    return True


@pytest.mark.parametrize("op", [Mixup(), CutMix()])
def test_parts_of_a_step_share_one_lambda(op):
    x, _ = batch(8, (1, 16, 16))
    y = np.arange(8) % 2  # a partner always has the other label
    _, whole = augment([op], x, y, 0, 0, 0, 2)
    _, part = augment([op], x[4:], y[4:], 0, 0, 4, 2)
    np.testing.assert_array_equal(whole[4:], part)
    shares = {
        share_of(augment([op], x, y, 0, step, 0, 2)[1], y, 0) for step in range(9)
    }
    assert len(shares) == 9


@pytest.mark.parametrize("op", [op for op in EVERY if op.words])
def test_draws_depend_on_seed_step_and_place_in_the_list(op):
    x, y = batch(32, (1, 6, 6))
    one = augment([op], x, y, 0, 0, 0, CLASSES)
    assert same(one, augment([op], x, y, 0, 0, 0, CLASSES))
    for seed, step, first in ((1, 0, 0), (0, 1, 0), (0, 0, 32)):
        differs = not same(one, augment([op], x, y, seed, step, first, CLASSES))
        assert differs == (not op.joint or first == 0)
    nothing = RandomFlip(0)
    assert not same(one, augment([nothing, op], x, y, 0, 0, 0, CLASSES))


def test_draw_cuts_words_from_one_stream():
    for words in (1, 4, 8, 9, 20):
        whole = draw((0, "k"), 0, 10, words)
        assert whole.shape == (10, words) and whole.dtype == np.uint32
        np.testing.assert_array_equal(draw((0, "k"), 7, 3, words), whole[7:])
        assert len(np.unique(whole)) == whole.size
    assert draw((0, "k"), 0, 10, 0).shape == (10, 0)


def test_all_of_them_in_a_row():
    x, y = batch(9, (3, 8, 8))
    for op in EVERY:
        op.check((3, 8, 8), CLASSES)
    images, targets = augment(EVERY, x, y, 0, 0, 0, CLASSES)
    assert images.shape == x.shape and images.dtype == x.dtype
    assert targets.shape == (9, CLASSES) and targets.dtype == x.dtype
    np.testing.assert_allclose(targets.sum(1), 1, rtol=1e-6)
    assert augment([], x, y, 0, 0) == (x, y)
    assert at_rest(EVERY) == (Normalize(0.3, 0.5),)
    ready = resolve((RandomFlip(), Normalize()), x)
    assert ready[0] == RandomFlip() and len(ready[1].mean) == 3
