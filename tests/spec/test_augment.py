"""Augmentations: a slow loop over samples and pixels is the oracle of each."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.failing import fails
from helpers.pictures import CLASSES, EVERY, batch, batches, share_of, words
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.preprocessing import StandardScaler

import polyframe as pf
from polyframe.data import augment, batch_of
from polyframe.data.augment import draw
from polyframe.spec.augmentations import (
    Augmentation,
    CutMix,
    Cutout,
    Mixup,
    Normalize,
    OneHot,
    RandomCrop,
    RandomFlip,
    below,
)
from polyframe.spec.element import element_data

# --- the meaning of each ---------------------------------------------------------


@given(st.integers(0, 2**32 - 1), st.integers(1, 2**24))
def test_below_is_the_top_of_a_product(bits, count):
    numbers = below(np.array([bits], np.uint32), count)
    assert numbers.dtype == np.int64 and numbers[0] == bits * count // 2**32 < count


@given(batches, st.integers(0, 3), st.integers(0, 3))
def test_random_crop(drawn, top, left):
    x, y = drawn
    op = RandomCrop((top, left))
    bits = words(op, len(x))
    crops, labels = op.apply(x, y, bits, None)
    for i, picture in enumerate(x):
        down = int(bits[i, 0]) * (2 * top + 1) // 2**32 - top
        right = int(bits[i, 1]) * (2 * left + 1) // 2**32 - left
        for row, column in np.ndindex(*picture.shape[1:]):
            a, b = row + down, column + right
            there = 0 <= a < picture.shape[1] and 0 <= b < picture.shape[2]
            expected = picture[:, a, b] if there else 0
            np.testing.assert_array_equal(crops[i, :, row, column], expected)
    assert crops.dtype == x.dtype and crops.flags.c_contiguous and labels is y


def test_random_crop_takes_all_offsets_alike():
    x = np.arange(1, 10, dtype="float32").reshape(1, 1, 3, 3).repeat(9000, 0)
    crops, _ = augment([RandomCrop(1)], x, x, 0, 0)
    centre, counts = np.unique(crops[:, 0, 1, 1], return_counts=True)
    assert centre.tolist() == list(range(1, 10))
    assert stats.chisquare(counts).pvalue > 0.001


@given(batches, st.sampled_from([0.0, 0.25, 0.5, 1.0]))
def test_random_flip(drawn, p):
    x, y = drawn
    op = RandomFlip(p)
    bits = words(op, len(x))
    output, labels = op.apply(x, y, bits, None)
    for i, picture in enumerate(x):
        expected = picture[:, :, ::-1] if bits[i, 0] / 2**32 < p else picture
        np.testing.assert_array_equal(output[i], expected)
    assert output.dtype == x.dtype and labels is y


def test_random_flip_at_its_ends():
    x = np.arange(2.0).reshape(1, 1, 1, 2)
    for p, bits, flipped in ((0, 0, 0), (1, 2**32 - 1, 1), (0.5, 2**31 - 1, 1),
                             (0.5, 2**31, 0)):  # fmt: skip
        output, _ = RandomFlip(p).apply(x, x, np.array([[bits]], np.uint32), None)
        assert output[0, 0, 0, 0] == flipped


@given(batches, st.integers(1, 9))
def test_cutout(drawn, size):
    x, y = drawn
    op = Cutout(size)
    bits = words(op, len(x))
    output, labels = op.apply(x, y, bits, None)
    height, width = x.shape[2:]
    for i, picture in enumerate(x):
        top = int(bits[i, 0]) * height // 2**32 - size // 2
        left = int(bits[i, 1]) * width // 2**32 - size // 2
        expected = picture.copy()
        for row in range(max(top, 0), min(top + size, height)):
            for column in range(max(left, 0), min(left + size, width)):
                expected[:, row, column] = 0
        np.testing.assert_array_equal(output[i], expected)
    assert output.dtype == x.dtype and labels is y
    assert (output == 0).any()  # the centre is inside, so something always goes


@given(batches)
def test_normalize_is_what_torch_computes(drawn):
    x, y = drawn
    means = [0.1, 0.5, -2.0][: x.shape[1]]
    deviations = [0.3, 2.0, 1e-3][: x.shape[1]]
    output, labels = Normalize(means, deviations).apply(x, y, words(OneHot(), 1), None)
    native = torch.tensor(x)
    mean, std = (
        torch.tensor(numbers, dtype=native.dtype).view(1, -1, 1, 1)
        for numbers in (means, deviations)
    )
    np.testing.assert_array_equal(output, native.sub(mean).div(std))
    assert output.dtype == x.dtype and labels is y
    one, _ = Normalize(0.1, 0.3).apply(x, y, words(OneHot(), 1), None)
    np.testing.assert_array_equal(one[:, 0], output[:, 0])


@settings(max_examples=30)
@given(batches, st.floats(-1e3, 1e3))
def test_normalize_learns_from_the_training_data(drawn, offset):
    x = drawn[0].astype("float64") + offset
    op = Normalize().resolved(x)
    flat = StandardScaler().fit(x.transpose(0, 2, 3, 1).reshape(-1, x.shape[1]))
    np.testing.assert_allclose(op.mean, flat.mean_, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(op.std, flat.scale_, rtol=1e-6)
    assert op.resolved(x[:0]) is op  # numbers that are there already stay


def test_normalize_learns_piece_by_piece(monkeypatch, tmp_path):
    x = np.random.default_rng(0).integers(0, 256, (50, 3, 4, 5), np.uint8)
    x[:, 1] = 77  # a constant channel is only shifted
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    whole = Normalize().resolved(x)
    monkeypatch.setattr("polyframe.spec.augmentations.pixels.CHUNK", 1000)
    for op in (whole, Normalize().resolved(mapped)):
        np.testing.assert_allclose(op.mean, x.mean((0, 2, 3)) / 255, rtol=1e-14)
        wanted = np.where([1, 0, 1], x.std((0, 2, 3)) / 255, 1)
        np.testing.assert_allclose(op.std, wanted, rtol=1e-13)
    output, _ = augment([whole], batch_of(mapped, slice(None)), x, 0, 0)
    assert np.abs(output.mean((0, 2, 3))).max() < 1e-6 and (output[:, 1] == 0).all()
    features = np.array([[1.0, 5.0], [3.0, 5.0]])
    assert Normalize().resolved(features) == Normalize([2, 5], [1, 1])


@given(batches)
def test_one_hot(drawn):
    x, y = drawn
    same, targets = OneHot().apply(x, y, words(OneHot(), len(x)), CLASSES)
    np.testing.assert_array_equal(targets, np.eye(CLASSES)[y])
    assert same is x and targets.dtype == x.dtype
    assert OneHot().apply(x, targets, words(OneHot(), len(x)), CLASSES)[1] is targets


@given(batches, st.floats(0.1, 5))
def test_mixup(drawn, alpha):
    x, y = drawn
    op = Mixup(alpha)
    n = len(x)
    output, targets = op.apply(x, y, words(op, n), CLASSES)
    _, share = op.draw(words(op, n))
    for i in range(n):
        j = n - 1 - i
        blend = share * x[i].astype("float64") + (1 - share) * x[j]
        np.testing.assert_allclose(output[i], blend, rtol=1e-6)
        label = share * np.eye(CLASSES)[y[i]] + (1 - share) * np.eye(CLASSES)[y[j]]
        np.testing.assert_allclose(targets[i], label, atol=1e-6)
    assert output.dtype == targets.dtype == x.dtype
    np.testing.assert_allclose(targets.sum(1), 1, rtol=1e-6)


@given(batches, st.floats(0.1, 5), st.integers(0, 9))
def test_cutmix(drawn, alpha, seed):
    x, y = drawn
    op = CutMix(alpha)
    n = len(x)
    output, targets = op.apply(x, y, words(op, n, seed), CLASSES)
    np.testing.assert_allclose(targets.sum(1), 1, rtol=1e-6)
    assert output.dtype == targets.dtype == x.dtype
    for i in range(n):
        j = n - 1 - i
        if i == j:
            np.testing.assert_array_equal(output[i], x[i])
            continue
        pasted = (output[i] != x[i]).all(0)
        expected = np.where(pasted, x[j], x[i])
        np.testing.assert_array_equal(output[i], expected)
        rows, columns = pasted.any(1), pasted.any(0)
        np.testing.assert_array_equal(pasted, np.outer(rows, columns))  # one box
        for side in (rows, columns):
            assert np.abs(np.diff(np.r_[0, side, 0])).sum() in (0, 2)  # in one piece
        if y[i] != y[j]:
            np.testing.assert_allclose(
                share_of(targets, y, i), 1 - pasted.mean(), atol=1e-6
            )


@pytest.mark.parametrize("op", [Mixup(0.2), Mixup(1.0), Mixup(8.0), CutMix(1.0)])
def test_lambda_is_beta(op):
    shares = [
        op.draw(draw((0, "augment", 0, step), 0, 1, op.words))[1]
        for step in range(3000)
    ]
    assert np.mean(shares) == pytest.approx(0.5, abs=0.02)
    assert np.var(shares) == pytest.approx(1 / (4 * (2 * op.alpha + 1)), rel=0.06)
    assert stats.kstest(shares, "beta", (op.alpha, op.alpha)).pvalue > 0.01


@pytest.mark.parametrize("alpha", [1e-3, 1e3])
def test_lambda_at_the_ends_of_alpha(alpha):
    shares = [Mixup(alpha).draw(draw((1, i), 0, 1, 4))[1] for i in range(2000)]
    assert all(0 <= share <= 1 for share in shares)


def test_cutmix_box_has_the_size_that_lambda_gives():
    x, y = np.zeros((2, 1, 64, 64)), np.array([0, 1])
    x[1] = 1
    op, inner = CutMix(), 0
    for step in range(200):
        bits = words(op, 2, step)
        rng, share = op.draw(bits)
        side = int(64 * np.sqrt(1 - share))
        centre = rng.integers(64), rng.integers(64)
        output, _ = op.apply(x, y, bits, 2)
        if all(side // 2 <= c <= 64 - side + side // 2 for c in centre):
            inner += 1
            assert output[0].sum() == side**2 == 64**2 - output[1].sum()
        else:
            assert output[0].sum() < side**2
    assert inner > 20


# --- what is data, and what is refused -------------------------------------------


def test_they_are_data():
    for op in EVERY:
        assert Augmentation.parse(element_data(op)) == op
    assert Augmentation.parse("normalize") == Normalize()
    assert Augmentation.parse({"type": "random_crop", "padding": 2}).padding == (2, 2)
    assert [op.type for op in EVERY] == [
        "random_crop", "random_flip", "random_vertical_flip", "random_rotate90",
        "random_affine", "random_resized_crop", "rand_augment", "color_jitter",
        "random_erasing", "cutout", "normalize", "one_hot", "mixup", "cutmix",
    ]  # fmt: skip
    assert sorted(Augmentation.registry) == sorted(op.type for op in EVERY)
    learnt = Normalize().resolved(batch(3, (2, 2, 2))[0])
    assert Augmentation.parse(element_data(learnt)) == learnt


BAD = {
    "random_flip: p is 1.5; a finite number at least 0 and at most 1 is": (
        lambda: RandomFlip(1.5)
    ),
    "cutout: field 'size' is missing": lambda: Cutout(),
    "cutout: size is 0; a whole number from 1": lambda: Cutout(0),
    "normalize: std is 0; a list, 1 or more, each a finite number": (
        lambda: Normalize(0, 0)
    ),
    "normalize: mean and std belong together (without both, they": (
        lambda: Normalize(0.5)
    ),
    "mixup: alpha is 0; a finite number at least 0.001": lambda: Mixup(0),
    "cutmix: alpha is nan": lambda: CutMix(np.nan),
    "unknown augmentation 'random_filp'. Did you mean 'random_flip'?": (
        lambda: Augmentation.parse("random_filp")
    ),
    "random_crop: takes images (C, H, W), and a sample is (7,)": (
        lambda: RandomCrop().check((7,), 3)
    ),
    "random_crop: padding 4 is more than the image's size 3 (some": (
        lambda: RandomCrop().check((1, 8, 3), 3)
    ),
    "random_flip: takes images": lambda: RandomFlip().check((7,), None),
    "cutout: takes images": lambda: Cutout(1).check((7,), None),
    "cutmix: takes images": lambda: CutMix().check((7,), 3),
    "cutmix: takes class labels": lambda: CutMix().check((1, 4, 4), None),
    "mixup: takes class labels, and the targets are numbers": (
        lambda: Mixup().check((7,), None)
    ),
    "one_hot: takes class labels": lambda: OneHot().check((7,), None),
    "normalize: mean has 2 numbers, and a sample (3, 8, 8) has 3 channels (one": (
        lambda: Normalize([0, 0], [1, 1]).check((3, 8, 8), 3)
    ),
    "normalize: std has 3 numbers, and a sample (4,) has 4 channels": (
        lambda: Normalize(0, [1, 1, 1]).check((4,), 3)
    ),
    "normalize: mean and std are not known (resolved(x_train) computes": (
        lambda: augment([Normalize()], *batch(2, (1, 2, 2)), 0, 0)
    ),
}


@pytest.mark.parametrize("message", BAD)
def test_bad_ones_are_one_message(message):
    fails(pf.SpecError, BAD[message], message)
