"""Augmentations of values: the standard library's colorsys, Pillow, and loops over
images and pixels are the oracles."""

from __future__ import annotations

import colorsys
import itertools

import numpy as np
import pytest
from helpers.failing import fails
from helpers.pictures import batch, batches, masks, words
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance, ImageOps

import polyframe as pf
from polyframe.data import augment, resolve
from polyframe.data.augment import draw
from polyframe.spec.augmentations import (
    ColorJitter,
    Normalize,
    RandAugment,
    RandomAffine,
    RandomErasing,
    RandomResizedCrop,
    RandomRotate90,
)
from polyframe.spec.augmentations.color import adjust_hue
from polyframe.spec.augmentations.rand_augment import (
    adjust_sharpness,
    autocontrast,
    equalize,
    posterize,
    solarize,
)
from polyframe.spec.fields import checked
from polyframe.spec.ranges import Both, Range

# --- colour jitter -----------------------------------------------------------------


def turned_hue(image, shift):
    """A pixel at a time, by the standard library."""
    out = image.copy()
    for row, column in np.ndindex(*image.shape[1:]):
        h, s, v = colorsys.rgb_to_hsv(*image[:, row, column])
        out[:, row, column] = colorsys.hsv_to_rgb((h + shift) % 1, s, v)
    return out


def in_gray(image):
    return np.tensordot([0.2989, 0.587, 0.114], image, 1) if len(image) == 3 else (
        sum(image) / len(image))  # fmt: skip


def jittered(image, bits, ranges):
    """One image, in float64, as ColorJitter's docstring has it."""
    f = [
        low + (high - low) * int(b) / 2**32 for b, (low, high) in zip(bits[1:], ranges)
    ]
    order = list(itertools.permutations(range(4)))[int(bits[0]) * 24 // 2**32]
    for change in order:
        if change == 3:
            if f[3] and len(image) == 3:
                image = turned_hue(image, f[3])
            continue
        gray = in_gray(image)
        other = (0, gray.mean(), gray)[change]
        image = np.clip(f[change] * image + (1 - f[change]) * other, 0, 1)
    return image


@settings(max_examples=40)
@given(
    batches, st.floats(0, 1.5), st.floats(0, 1.5), st.floats(0, 1.5), st.floats(0, 0.5)
)
def test_color_jitter(drawn, brightness, contrast, saturation, hue):
    x, y = drawn
    if x.shape[1] == 2:
        saturation = hue = 0.0
    op = ColorJitter(brightness, contrast, saturation, hue)
    op.check(x.shape[1:], None)
    bits = words(op, len(x))
    out, same = op.apply(x, y, bits, None)
    assert same is y and out.dtype == x.dtype
    ranges = [(max(0, 1 - b), 1 + b) for b in (brightness, contrast, saturation)]
    for i, image in enumerate(x):
        wanted = jittered(image.astype("float64"), bits[i], [*ranges, (-hue, hue)])
        atol = 1e-12 if x.dtype == np.float64 else 2e-5
        np.testing.assert_allclose(out[i], wanted, atol=atol)


def test_hue_of_all_kinds_of_colours():
    """Each order of the channels, ties, gray and black, and whole turns."""
    levels = np.array(list(itertools.product([0.0, 0.25, 0.5, 1.0], repeat=3)))
    x = np.broadcast_to(levels.T[None, :, None, :], (9, 3, 1, 64)).copy()
    shifts = np.linspace(-0.5, 0.5, 9)
    out = adjust_hue(x, shifts)
    for i, shift in enumerate(shifts):
        np.testing.assert_allclose(out[i], turned_hue(x[i], shift), atol=1e-14)
    gray = batch(4, (1, 3, 3))[0]
    np.testing.assert_array_equal(adjust_hue(gray, shifts[:4]), gray)


def test_one_channel_has_brightness_and_contrast_alone():
    x, y = batch(9, (1, 4, 5))
    colour = ColorJitter(saturation=0.9, hue=0.5)
    colour.check((1, 4, 5), None)
    np.testing.assert_array_equal(augment([colour], x, y, 0, 0)[0], x)
    assert (augment([ColorJitter(0.5)], x, y, 0, 0)[0] != x).any()
    five, y = batch(9, (5, 4, 5))
    both = ColorJitter(brightness=0.5, contrast=0.5)
    both.check((5, 4, 5), None)
    assert augment([both], five, y, 0, 0)[0].shape == five.shape


def test_color_jitter_takes_all_orders_alike():
    """Brightness to the limit, then contrast to nothing, is not the other way round."""
    bits = draw((0, "orders"), 0, 4000, 5)
    x = np.full((4000, 1, 1, 2), [0.2, 0.8])
    out, _ = ColorJitter((3, 3), (0, 0)).apply(x, x, bits, None)
    results, counts = np.unique(out.round(9)[:, 0, 0, 0], return_counts=True)
    # (0.6 + 1) / 2 where brightness is first, else min(3 · 0.5, 1).
    np.testing.assert_allclose(results, [0.8, 1.0])
    assert abs(counts[0] - 2000) < 150


# --- RandAugment -------------------------------------------------------------------

PHOTO = np.random.default_rng(0).integers(0, 256, (20, 24, 3)) * [1, 0.5, 0.2] + [
    0,
    40,
    9,
]
PHOTO = PHOTO.astype(np.uint8)
X = (PHOTO.transpose(2, 0, 1)[None] / 255).astype("float32")


def pillow(image):
    return np.asarray(image, "float64").transpose(2, 0, 1)[None] / 255


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_changes_of_histograms_are_pillows(dtype):
    x, image = X.astype(dtype), Image.fromarray(PHOTO)
    flat = np.full((1, 3, 4, 4), 0.5, dtype)
    for bits in range(1, 9):
        wanted = pillow(ImageOps.posterize(image, bits))
        np.testing.assert_allclose(posterize(x, bits), wanted, atol=1e-7)
    for threshold in (0, 100, 255):
        wanted = pillow(ImageOps.solarize(image, threshold))
        out = solarize(x, dtype == "float32" and np.float32(threshold / 255)
                       or threshold / 255)  # fmt: skip
        if dtype == "float32":
            np.testing.assert_allclose(out, wanted, atol=1e-6)
    large = np.random.default_rng(1).integers(90, 160, (40, 50, 3), np.uint8)
    as_floats = (large.transpose(2, 0, 1)[None] / 255).astype(dtype)
    wanted = pillow(ImageOps.equalize(Image.fromarray(large)))
    np.testing.assert_allclose(equalize(as_floats), wanted, atol=1e-7)
    np.testing.assert_array_equal(equalize(flat), flat)
    stretched = autocontrast(x)
    wanted = pillow(ImageOps.autocontrast(image))  # which rounds down to bytes
    assert ((stretched - wanted >= -1e-6) & (stretched - wanted < 1.001 / 255)).all()
    assert (stretched.min((2, 3)) == 0).all() and (stretched.max((2, 3)) == 1).all()
    np.testing.assert_array_equal(autocontrast(flat), flat)
    for factor in (0.0, 0.5, 1.9):
        out = adjust_sharpness(x, np.array([factor]))
        wanted = pillow(ImageEnhance.Sharpness(image).enhance(factor))
        assert np.abs(out - wanted).max() < 3 / 255  # Pillow rounds to bytes twice
        assert out.dtype == x.dtype
    tiny = batch(2, (1, 2, 9))[0]
    np.testing.assert_array_equal(adjust_sharpness(tiny, np.array([0.1, 1.9])), tiny)


def one_change(number, negative):
    """Words that choose a change and its sign, for one sample."""
    bits = np.zeros((1, RandAugment.words), np.uint32)
    bits[0, :2] = (2**32 * number + 2**31) // 14, 0 if negative else 2**32 - 1
    return bits


@pytest.mark.parametrize("negative", [False, True])
def test_each_change_of_rand_augment(negative):
    """By Pillow, which reads bytes; its pixels' corners are whole numbers."""
    image, op = Image.fromarray(PHOTO), RandAugment(1, 20, 31)
    m = 20 / 30
    s, (height, width) = -m if negative else m, PHOTO.shape[:2]
    right, down = (
        int(150 / 331 * size * m) * (-1) ** negative for size in (width, height)
    )

    def moved(*matrix):
        return image.transform(
            (width, height), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR
        )

    enhance, f = ImageEnhance, 1 + 0.9 * s
    wanted = [
        image, moved(1, 0.3 * s, 0, 0, 1, 0), moved(1, 0, 0, 0.3 * s, 1, 0),
        moved(1, 0, -right, 0, 1, 0), moved(1, 0, 0, 0, 1, -down),
        image.rotate(30 * s, Image.Resampling.BILINEAR),
        enhance.Brightness(image).enhance(f), enhance.Color(image).enhance(f),
        enhance.Contrast(image).enhance(f), enhance.Sharpness(image).enhance(f),
        ImageOps.posterize(image, 8 - round(4 * m)),
        ImageOps.solarize(image, 255 * (1 - m) - 1e-3), ImageOps.autocontrast(image),
        ImageOps.equalize(image),
    ]  # fmt: skip
    labels = np.arange(height * width).reshape(1, height, width)
    for number, image_of in enumerate(wanted):
        bits = one_change(number, negative)
        out, target = op.apply(X, labels, bits, None, -1)
        apart = np.abs(out - pillow(image_of))
        inside = np.ones((height, width), bool)
        if number in (1, 2, 5):  # Pillow has no pixel half outside
            inside = (target[0] >= 0) & (pillow(image_of)[0] > 0).all(0)
            inside[1:-1, 1:-1] &= all_around(target[0])
            inside[[0, -1]] = inside[:, [0, -1]] = False
        assert inside.mean() > 0.5, number
        assert apart[..., inside].max() < 3 / 255, number
        assert (target != labels).any() == (number in (1, 2, 3, 4, 5))
        kept = (target[0] >= 0) & (number in (3, 4))
        if kept.any():
            flat = X.reshape(3, -1)[:, target[0][kept]]
            np.testing.assert_array_equal(out[0][:, kept], flat)
        soft = X.astype("float64")
        same = op.apply(soft, soft, bits, None)
        if number < 6:  # a target of floats moves as its sample
            np.testing.assert_array_equal(*same)
        else:
            assert same[1] is soft or (same[1] == soft).all()


def all_around(target):
    """Which inner pixels have neighbours from inside alone."""
    there = target >= 0
    parts = [
        there[r : r + there.shape[0] - 2, c : c + there.shape[1] - 2]
        for r in range(3)
        for c in range(3)
    ]
    return np.all(parts, axis=0)


def test_rand_augment_draws_each_change_alike_and_in_a_row():
    op = RandAugment(8, 9)
    bits = draw((0, "rand"), 0, 2000, op.words)
    changes, strengths = zip(*(op.drawn(bits, at) for at in range(8)))
    counts = np.bincount(np.ravel(changes), minlength=14)
    assert len(counts) == 14 and abs(counts - 16000 / 14).max() < 150
    assert set(np.ravel(strengths)) == {-0.3, 0.3}
    assert abs(np.sign(strengths).mean()) < 0.03
    x, _ = batch(30, (3, 8, 9), dtype="float64")
    whole, step = op.apply(x, x, bits[:30], None)[0], x
    for at in range(8):
        step = RandAugment(1, 9).apply(step, x, bits[:30, 2 * at :], None)[0]
    np.testing.assert_array_equal(whole, step)
    labels, _ = masks(x)
    moved = op.apply(x, labels, bits[:30], None, 255)[1]
    assert set(np.unique(moved)) == {0, 1, 2, 3, 255} and (moved != labels).any()


@pytest.mark.parametrize("op", [RandAugment(4), ColorJitter(0.4, 0.4, 0.4, 0.1)])
def test_values_outside_the_range_are_cut_off(op):
    """Only some samples are looked at before a training; the others may not end it."""
    x = np.random.default_rng(0).normal(0.5, 2, (200, 3, 8, 8))
    labels = np.zeros(200, int)
    out, _ = augment([op], x, labels, 0, 0)
    assert np.isfinite(out).all()


# --- what is refused ---------------------------------------------------------------

X_UNIT = batch(4, (3, 6, 6))[0]
BAD = {
    "color_jitter: takes images (C, H, W), and a sample is (2, 50)": (
        lambda: ColorJitter(0.1).check((2, 50), 3)
    ),
    "color_jitter: hue is for images of 1 or 3 channels (gray, or red, green and blue), "
    "and a sample has 5": lambda: ColorJitter(hue=0.1).check((5, 8, 8), 3),
    "color_jitter: saturation is for images of 1 or 3 channels": (
        lambda: ColorJitter(saturation=0.1).check((2, 8, 8), 3)
    ),
    "color_jitter: hue is 0.6; a number n for (-n, n), or a pair (lowest, highest), each "
    "a finite number at least -0.5 and at most 0.5 is needed": (
        lambda: ColorJitter(hue=0.6)
    ),
    "color_jitter: brightness is [2, 1]; a number n for (1 - n, 1 + n), or a pair": (
        lambda: ColorJitter(brightness=[2, 1])
    ),
    "rand_augment: it is for images of 1 or 3 channels": (
        lambda: RandAugment().check((4, 8, 8), 3)
    ),
    "rand_augment: takes images": lambda: RandAugment().check((1, 8, 8, 8), 3),
    "rand_augment: magnitude 31 has to be below num_magnitude_bins 31": (
        lambda: RandAugment(magnitude=31)
    ),
    "rand_augment: targets are images of 4 x 4 pixels": (
        lambda: RandAugment().check((3, 8, 8), 3, (4, 4))
    ),
    "random_affine: field 'degrees' is missing": lambda: RandomAffine(),
    "random_affine: shear is [1, 2, 3]; a number n for (-n, n), or a pair (lowest, "
    "highest), or 2 in a row, each": lambda: RandomAffine(0, shear=[1, 2, 3]),
    "random_affine: scale is 2; a pair (lowest, highest), each a finite number above 0": (
        lambda: RandomAffine(0, scale=2)
    ),
    "random_affine: translate is [0.1, 0.2, 0.3]; a finite number at least 0 and at most "
    "1, or a pair (horizontal, vertical) of them": (
        lambda: RandomAffine(0, [0.1, 0.2, 0.3])
    ),
    "random_affine: takes images": lambda: RandomAffine(5).check((1, 40), 3),
    "random_affine: targets are images of 4 x 4 pixels": (
        lambda: RandomAffine(5).check((3, 8, 8), 3, (4, 4))
    ),
    "random_resized_crop: scale is [0, 1]; a pair": (
        lambda: RandomResizedCrop([0, 1])
    ),
    "random_resized_crop: targets are images of 4 x 4 pixels": (
        lambda: RandomResizedCrop().check((3, 8, 8), 3, (4, 4))
    ),
    "random_rotate90: takes square images, and a sample has 8 x 6 pixels (random_flip "
    "and random_vertical_flip together make half turns)": (
        lambda: RandomRotate90().check((3, 8, 6), 3)
    ),
    "random_rotate90: takes square images, and a target has 4 x 8 pixels": (
        lambda: RandomRotate90().check((3, 8, 8), 3, (4, 8))
    ),
    "random_erasing: value has 2 numbers, and a sample (3, 8, 8) has 3 channels": (
        lambda: RandomErasing(value=[0, 1]).check((3, 8, 8), 3)
    ),
    "random_erasing: takes images": lambda: RandomErasing().check((7,), 3),
    "color_jitter: takes values from 0 to 1, and normalize comes before it (put it "
    "before normalize)": (
        lambda: resolve([Normalize(0, 1), ColorJitter(0.1)], X_UNIT)
    ),
    "rand_augment: takes values from 0 to 1, and those of the training samples go from "
    "-1 to 1 (bytes (uint8) count as x / 255; others": (
        lambda: resolve([RandAugment()], np.array([-1.0, 1.0]).reshape(1, 1, 1, 2))
    ),
}  # fmt: skip


@pytest.mark.parametrize("message", BAD)
def test_bad_ones_are_one_message(message):
    fails(pf.SpecError, BAD[message], message)


def test_what_fits():
    RandomRotate90().check((3, 8, 8), None, (16, 16))
    RandomErasing(value=[0, 1, 2]).check((3, 8, 8), None, (4, 4))
    ops = (ColorJitter(0.1), Normalize(0, 1))
    for x in (X_UNIT, PHOTO[None], X_UNIT[:0]):
        assert resolve(ops, x) == ops


def test_ranges_keep_two_numbers_and_write_one():
    around = Range(0.0, 3.0, centre=1.0)
    assert around.check(0.25) == (0.75, 1.25) and around.check(2) == (0.0, 3.0)
    assert around.check(np.array([1, 2])) == (1.0, 2.0)
    sides = Range(-1.0, 1.0, centre=0.0, ranges=2)
    assert sides.check(0.5) == (-0.5, 0.5) and sides.check((-1, 0, 0, 1)) == (
        -1,
        0,
        0,
        1,
    )
    assert sides.short((-0.5, 0.5)) == 0.5 and sides.short((0.0, 0.5)) == (0.0, 0.5)
    assert Both(0.0).check(2) == (2.0, 2.0) and Both(0.0).short((1.0, 1.0)) == 1.0
    for kind, value in (
        (around, 2.5), (around, -1), (around, (1, 2, 2, 3)), (around, (2, 1)),
        (around, True), (around, "1"), (sides, (1, 0)), (sides, (0, 1, 0)), (sides, ()),
        (Range(), 1), (Both(0.0), (1,)), (Both(0.0), -1),
    ):  # fmt: skip
        fails(pf.PolyframeError, lambda k=kind, v=value: checked("n", k, v), "n is ")
    data = RandomAffine(10, 0.1, (0.5, 1.5), 5).written()
    assert data == {
        "degrees": 10.0, "translate": 0.1, "scale": (0.5, 1.5), "shear": 5.0
    }  # fmt: skip
