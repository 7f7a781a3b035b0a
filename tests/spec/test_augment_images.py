"""Targets that are images move with their samples: loops over pixels are the oracle."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.failing import fails
from helpers.pictures import CLASSES, WHOLE, batch, batches, masks, words
from hypothesis import given
from hypothesis import strategies as st

import polyframe as pf
from polyframe.data import augment
from polyframe.spec.augmentations import (
    CutMix,
    Cutout,
    Mixup,
    Normalize,
    OneHot,
    RandomCrop,
    RandomFlip,
)

VOID = 255


@given(batches, st.integers(0, 3), st.integers(0, 3), st.sampled_from([None, VOID, -1]))
def test_random_crop_moves_the_target_by_the_offset_of_its_sample(
    drawn, top, left, ignored
):
    x, _ = drawn
    op = RandomCrop((top, left))
    bits = words(op, len(x))
    for y, around in zip(masks(x), (0 if ignored is None else ignored, 0)):
        crops, targets = op.apply(x, y, bits, None, ignored)
        np.testing.assert_array_equal(
            crops, op.apply(x, y[:, ..., 0, 0], bits, None)[0]
        )
        for i, target in enumerate(y):
            down = int(bits[i, 0]) * (2 * top + 1) // 2**32 - top
            right = int(bits[i, 1]) * (2 * left + 1) // 2**32 - left
            for row, column in np.ndindex(*x.shape[2:]):
                a, b = row + down, column + right
                there = 0 <= a < x.shape[2] and 0 <= b < x.shape[3]
                expected = target[..., a, b] if there else around
                if x.shape[2:] == (1, 1):
                    expected = target[..., 0, 0]  # one number, not an image
                np.testing.assert_array_equal(targets[i, ..., row, column], expected)
        assert targets.dtype == y.dtype and targets.shape == y.shape


@given(batches, st.sampled_from([0.0, 0.5, 1.0]), st.integers(1, 3))
def test_random_flip_flips_a_target_of_any_size_with_its_sample(drawn, p, times):
    x, _ = drawn
    op = RandomFlip(p)
    bits = words(op, len(x))
    for y in masks(np.repeat(x, times, axis=3)):
        output, targets = op.apply(x, y, bits, None, VOID)
        for i, target in enumerate(y):
            flipped = bits[i, 0] / 2**32 < p
            for column in range(y.shape[-1]):
                at = y.shape[-1] - 1 - column if flipped else column
                np.testing.assert_array_equal(targets[i, ..., column], target[..., at])
            expected = x[i, ..., ::-1] if flipped else x[i]
            np.testing.assert_array_equal(output[i], expected)


@given(batches, st.floats(0.1, 5), st.integers(0, 9))
def test_cutmix_pastes_the_box_of_the_sample_into_the_target(drawn, alpha, seed):
    x, _ = drawn
    if x.shape[2:] == (1, 1):
        return
    op = CutMix(alpha)
    for y in masks(x):
        output, targets = op.apply(x, y, words(op, len(x), seed), None)
        assert targets.dtype == y.dtype
        for i in range(len(x)):
            pasted = (output[i] != x[i]).all(0)  # no two values are alike
            expected = np.where(pasted, y[len(x) - 1 - i], y[i])
            np.testing.assert_array_equal(targets[i], expected)


@given(batches, st.floats(0.1, 5))
def test_mixup_blends_the_classes_of_each_pixel(drawn, alpha):
    x, _ = drawn
    op, (y, _) = Mixup(alpha), masks(x)
    _, targets = op.apply(x, y, words(op, len(x)), CLASSES)
    _, share = op.draw(words(op, len(x)))
    assert targets.shape == (len(x), CLASSES, *x.shape[2:]) and targets.dtype == x.dtype
    for i, row, column in np.ndindex(y.shape):
        expected = np.zeros(CLASSES)
        expected[y[i, row, column]] += share
        expected[y[len(x) - 1 - i, row, column]] += 1 - share
        np.testing.assert_allclose(targets[i, :, row, column], expected, atol=1e-6)
    soft = OneHot().apply(x, y, words(OneHot(), len(x)), CLASSES)[1]
    np.testing.assert_array_equal(soft, np.moveaxis(np.eye(CLASSES)[y], -1, 1))
    np.testing.assert_array_equal(
        op.apply(x, soft, words(op, len(x)), CLASSES)[1], targets
    )


@pytest.mark.parametrize("op", [Cutout(2), Normalize(0.3, 0.5)])
def test_what_changes_values_alone_leaves_targets_alone(op):
    x, _ = batch(5, (2, 4, 6))
    for y in masks(x):
        assert op.apply(x, y, words(op, 5), CLASSES)[1] is y


@pytest.mark.parametrize("op", WHOLE)
def test_a_coloured_pixel_and_its_label_stay_together(op):
    """What all that move whole pixels have to keep, whatever the map is."""
    x = np.random.default_rng(0).integers(0, CLASSES, (64, 1, 6, 6)).astype("float32")
    labels = x[:, 0].astype(int)
    output, targets = augment([op], x + 1, labels, 3, 7, ignored=VOID)
    outside = output[:, 0] == 0
    np.testing.assert_array_equal(targets, np.where(outside, VOID, output[:, 0] - 1))
    assert (targets != labels).any()
    np.testing.assert_array_equal(augment([op], x + 1, x + 1, 3, 7)[1], output)
    # A batch in parts is the whole batch, as without such targets.
    part = augment([op], x[40:] + 1, labels[40:], 3, 7, 40, ignored=VOID)
    np.testing.assert_array_equal(part[1], targets[40:])


@pytest.mark.parametrize("op", [RandomCrop(1), RandomFlip(1.0)])
def test_targets_that_are_no_images_are_left_alone(op):
    x, y = batch(3, (1, 2, 2))
    rng = np.random.default_rng(0)
    sizes = ((3, 2), (3, 2, 2), (3, 2, 1, 1))
    numbers = [rng.normal(size=size) for size in sizes]
    for target in (y, y[:, None], y[:, None, None], *numbers):
        assert op.apply(x, target, words(op, 3), None)[1] is target


BAD = {
    "random_crop: targets are images of 4 x 6 pixels, and a sample has 8 x 12 (its map "
    "is known for targets as large as the samples)": (
        lambda: RandomCrop().check((1, 8, 12), 3, (4, 6))
    ),
    "cutmix: targets are images of 4 x 6 pixels": (
        lambda: CutMix().check((1, 8, 12), 3, (4, 6))
    ),
    "mixup: takes class labels, and the targets are numbers": (
        lambda: Mixup().check((1, 8, 8), None, (8, 8))
    ),
    "one_hot: takes class labels": lambda: OneHot().check((1, 8, 8), None, (8, 8)),
}


@pytest.mark.parametrize("message", BAD)
def test_targets_that_do_not_fit_are_one_message(message):
    fails(pf.SpecError, BAD[message], message)


def test_targets_that_fit():
    RandomFlip().check((1, 8, 8), None, (16, 16))
    CutMix().check((1, 8, 8), None, (8, 8))
    Cutout(2).check((1, 8, 8), None, (4, 4))
