"""Augmentations that move images between their pixels: loops over pixels, and PyTorch's
grid_sample, are the oracles."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from helpers.pictures import BETWEEN, EVERY, batch, batches, masks, words
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch.nn import functional

from polyframe.data import augment
from polyframe.data.augment import draw
from polyframe.spec.augmentations import (
    ColorJitter,
    Geometric,
    RandAugment,
    RandomAffine,
    RandomCrop,
    RandomErasing,
    RandomFlip,
    RandomResizedCrop,
    RandomRotate90,
    RandomVerticalFlip,
    uniform,
)

VOID = 255


def number(bits, low, high):
    return low + (high - low) * int(bits) / 2**32


def pixel(image, row, column, fill):
    """What a plain definition reads in (H, W) or (C, H, W) at one place."""

    def at(r, c):
        there = 0 <= r < image.shape[-2] and 0 <= c < image.shape[-1]
        return image[..., r, c] if there else np.full(image.shape[:-2], fill)

    if image.dtype.kind in "iu":
        return at(math.floor(row + 0.5), math.floor(column + 0.5))
    r, c = math.floor(row), math.floor(column)
    a, b = row - r, column - c
    return (
        (1 - a) * (1 - b) * at(r, c) + (1 - a) * b * at(r, c + 1)
        + a * (1 - b) * at(r + 1, c) + a * b * at(r + 1, c + 1)
    )  # fmt: skip


def holds(op, x, bits, place, fill=0.0):
    """Samples and targets are read where ``place(bits of a sample, row, column)`` says;
    labels that lie on the edge between two pixels may be either one's."""
    for y in masks(x):
        moved = op.apply(x, y, bits, None, VOID)
        for array, out, around in ((x, moved[0], fill), (y, moved[1], None)):
            assert out.dtype == array.dtype and out.shape == array.shape
            if x.shape[2:] == (1, 1) and array is y:
                continue  # one number, no image
            if around is None:
                around = VOID if y.dtype.kind in "iu" else fill
            for i in range(len(x)):
                for row, column in np.ndindex(*x.shape[2:]):
                    r, c = place(bits[i], row, column)
                    got = out[i, ..., row, column]
                    if array.dtype.kind in "iu":
                        near = [
                            pixel(array[i], r + e, c + f, around)
                            for e in (-1e-9, 1e-9)
                            for f in (-1e-9, 1e-9)
                        ]
                        assert got in near
                    else:
                        wanted = pixel(array[i].astype("float64"), r, c, around)
                        np.testing.assert_allclose(got, wanted, atol=1e-5)


def matrix(rows):
    return np.array([*rows, [0, 0, 1]], "float64")


def affine_place(op, height, width):
    """Where each pixel of the output was, by the inverse of whole 3 x 3 matrices."""

    def place(bits, row, column):
        turn = math.radians(number(bits[0], *op.degrees))
        dx = round(number(bits[1], -op.translate[0] * width, op.translate[0] * width))
        dy = round(number(bits[2], -op.translate[1] * height, op.translate[1] * height))
        scale = number(bits[3], *op.scale)
        alpha = math.radians(number(bits[4], *op.shear[:2]))
        beta = math.radians(number(bits[5], *op.shear[2:]))
        to = matrix([[1, 0, -(width - 1) / 2], [0, 1, -(height - 1) / 2]])
        shear_x = matrix([[1, -math.tan(alpha), 0], [0, 1, 0]])
        shear_y = matrix([[1, 0, 0], [-math.tan(beta), 1, 0]])
        sin, cos = math.sin(turn), math.cos(turn)
        rotation = matrix([[cos, -sin, 0], [sin, cos, 0]])
        scaled, move = np.diag([scale, scale, 1]), matrix([[1, 0, dx], [0, 1, dy]])
        forward = np.linalg.inv(to) @ move @ scaled @ rotation @ shear_y @ shear_x @ to
        x, y, _ = np.linalg.inv(forward) @ [column, row, 1]
        return y, x

    return place


@settings(max_examples=30)
@given(
    batches,
    st.floats(0, 180),
    st.floats(0, 0.5),
    st.floats(0.5, 1.5),
    st.floats(0, 40),
    st.sampled_from([0.0, 0.25]),
)
def test_random_affine(drawn, degrees, translate, scale, shear, fill):
    x = drawn[0][:3]
    op = RandomAffine(
        degrees, (translate, 0.2), (0.5, scale), (-shear, shear, 0, shear), fill
    )
    place = affine_place(op, *x.shape[2:])
    holds(op, x, words(op, len(x)), place, fill)


def test_random_affine_is_grid_sample_of_the_inverse_matrix():
    x, _ = batch(40, (3, 9, 14), dtype="float64")
    op = RandomAffine((-30, 90), 0.2, (0.7, 1.5), (-10, 20, -5, 5))
    bits = words(op, len(x))
    theta = op.inverse(bits, 9, 14)
    # affine_grid counts from the centre to the border as 1.
    theta[:, 0, 1:] *= [9 / 14, 2 / 14]
    theta[:, 1] *= [14 / 9, 1, 2 / 9]
    grid = functional.affine_grid(torch.tensor(theta), x.shape, align_corners=False)
    wanted = functional.grid_sample(torch.tensor(x), grid, align_corners=False)
    np.testing.assert_allclose(op.move(x, bits), wanted, atol=1e-12)


def test_one_turn_and_one_translation_by_hand():
    """Clockwise, and (horizontal, vertical): no matrices here."""
    x = np.arange(1.0, 10).reshape(1, 1, 3, 3)
    bits = np.full((1, 6), 2**32 - 1, np.uint32)  # the highest of each range
    turned = RandomAffine((90, 90)).move(x, bits)
    np.testing.assert_allclose(turned[0, 0], np.rot90(x[0, 0], -1), atol=1e-12)
    moved = RandomAffine(0, (0.3, 0.0)).move(x, bits)
    np.testing.assert_array_equal(moved[0, 0], [[0, 1, 2], [0, 4, 5], [0, 7, 8]])
    moved = RandomAffine(0, (0.0, 0.6), fill=-1).move(x, bits, -1)
    np.testing.assert_array_equal(moved[0, 0], [[-1] * 3, [-1] * 3, [1, 2, 3]])


def crop_box(op, bits, height, width):
    """Top, left, height, width, as torchvision's loop finds them."""
    for attempt in range(10):
        area = height * width * number(bits[2 * attempt], *op.scale)
        logs = [math.log(r) for r in op.ratio]
        ratio = math.exp(number(bits[2 * attempt + 1], *logs))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            top = int(bits[20]) * (height - h + 1) // 2**32
            left = int(bits[21]) * (width - w + 1) // 2**32
            return top, left, h, w
    if width / height < op.ratio[0]:
        w, h = width, max(1, round(width / op.ratio[0]))
    elif width / height > op.ratio[1]:
        w, h = max(1, round(height * op.ratio[1])), height
    else:
        w, h = width, height
    return (height - h) // 2, (width - w) // 2, h, w


RATIOS = [(0.75, 4 / 3), (1.0, 1.0), (0.2, 0.4), (2.0, 5.0)]


@settings(max_examples=30)
@given(batches, st.floats(0.05, 1), st.sampled_from(RATIOS))
def test_random_resized_crop(drawn, scale, ratio):
    x = drawn[0][:3]
    op, (height, width) = RandomResizedCrop((scale, 1.0), ratio), x.shape[2:]

    def place(bits, row, column):
        top, left, h, w = crop_box(op, bits, height, width)
        r, c = (row + 0.5) * h / height - 0.5, (column + 0.5) * w / width - 0.5
        return top + min(max(r, 0), h - 1), left + min(max(c, 0), w - 1)

    holds(op, x, words(op, len(x)), place)


def test_random_resized_crop_enlarges_as_torch_does():
    x, _ = batch(20, (2, 12, 9), dtype="float64")
    op = RandomResizedCrop((0.1, 0.8))
    bits = words(op, 20)
    out = op.move(x, bits)
    for i, (top, left, high, wide) in enumerate(zip(*op.boxes(bits, 12, 9))):
        box = torch.tensor(x[i : i + 1, :, top : top + high, left : left + wide])
        wanted = functional.interpolate(box, (12, 9), mode="bilinear")
        np.testing.assert_allclose(out[i], wanted[0], atol=1e-12)


@settings(max_examples=60)
@given(batches, st.sampled_from([0.3, 1.0]), st.sampled_from(RATIOS))
def test_random_erasing(drawn, p, ratio):
    x, y = drawn
    values = [-1.0, -2.0, -3.0][: x.shape[1]]
    op, (height, width) = RandomErasing(p, (0.1, 0.9), ratio, values), x.shape[2:]
    bits = words(op, len(x))
    out, labels = op.apply(x, y, bits, None)
    assert labels is y and out.dtype == x.dtype
    for i, image in enumerate(x):
        wanted = image.copy()
        for attempt in range(10):
            area = height * width * number(bits[i, 2 * attempt], 0.1, 0.9)
            logs = [math.log(r) for r in ratio]
            r = math.exp(number(bits[i, 2 * attempt + 1], *logs))
            h, w = round(math.sqrt(area * r)), round(math.sqrt(area / r))
            if h < height and w < width:
                if bits[i, 22] / 2**32 < p:
                    top = int(bits[i, 20]) * (height - h + 1) // 2**32
                    left = int(bits[i, 21]) * (width - w + 1) // 2**32
                    box = wanted[:, top : top + h, left : left + w]
                    box[:] = np.reshape(values, (-1, 1, 1))
                break
        np.testing.assert_array_equal(out[i], wanted)


def whole_pixels(op, x, place):
    """Samples and targets have the pixel that ``place(bits of a sample, row, column)``
    names."""
    bits = words(op, len(x))
    for y in masks(x):
        for array, out in zip((x, y), op.apply(x, y, bits, None, VOID)):
            assert out.dtype == array.dtype and out.shape == array.shape
            for i, row, column in np.ndindex(len(x), *x.shape[2:]):
                r, c = place(int(bits[i, 0]), row, column)
                wanted = array[i, ..., r, c]
                np.testing.assert_array_equal(out[i, ..., row, column], wanted)


@given(batches, st.sampled_from([0.0, 0.25, 1.0]))
def test_random_vertical_flip(drawn, p):
    x, last = drawn[0], drawn[0].shape[2] - 1

    def place(bits, row, column):
        return (last - row if bits / 2**32 < p else row), column

    whole_pixels(RandomVerticalFlip(p), x, place)


@given(batches)
def test_random_rotate90(drawn):
    side = min(drawn[0].shape[2:])

    def place(bits, row, column):
        for _ in range(bits * 4 // 2**32):
            row, column = column, side - 1 - row
        return row, column

    whole_pixels(RandomRotate90(), drawn[0][..., :side, :side], place)


IDENTITIES = (
    RandomFlip(0.0), RandomVerticalFlip(0.0), RandomCrop(0), RandomAffine(0),
    ColorJitter(), RandomErasing(0.0),
    RandomErasing(1.0, (0.0, 0.0)), RandAugment(num_ops=0),
)  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_changes_nothing_gives_the_same_bits(dtype):
    for size in ((6, 6), (5, 9)):
        x, _ = batch(9, (3, *size), dtype=dtype)
        whole = RandomResizedCrop((1.0, 1.0), (size[1] / size[0],) * 2)
        for op in (*IDENTITIES, whole):
            for y in masks(x):
                out = augment([op], x, y, 1, 2, ignored=VOID)
                assert out[0].tobytes() == x.tobytes(), op
                assert out[1].tobytes() == y.tobytes(), op


@pytest.mark.parametrize("op", BETWEEN[:2])
def test_a_target_moves_by_the_map_of_its_sample(op):
    """Images that say where each of their pixels is: what is read there is known."""
    height, width = 12, 16
    rows, columns = np.mgrid[0.0:height, 0:width] / 100
    x = np.broadcast_to([rows, columns, rows], (64, 3, height, width)).copy()
    y = np.broadcast_to(np.arange(height * width).reshape(height, width), (64, 12, 16))
    bits = draw((0, "augment", 0, 3), 0, 64, op.words)
    x, y = op.apply(x, y, bits, None, -1)
    inside = y >= 0
    apart = [abs(x[:, 0] * 100 - y // width), abs(x[:, 1] * 100 - y % width)]
    border = (y // width == 0) | (y // width == height - 1)
    border |= (y % width == 0) | (y % width == width - 1)
    assert np.max(apart, axis=0)[inside & ~border].max() <= 0.5 + 1e-9
    assert inside.mean() > 0.3 and (y != y[:1]).any()
    soft = np.random.default_rng(0).random((64, 3, height, width))
    np.testing.assert_array_equal(*op.apply(soft, soft, bits, None))


def test_numbers_fill_their_ranges():
    bits = draw((0, "range"), 0, 4000, RandomAffine.words)
    assert bits.min() < 2**22 and bits.max() > 2**32 - 2**22
    for low, high in ((-30.0, 30.0), (0.5, 2.0), (1.0, 1.0)):
        numbers = uniform(bits[:, 0], low, high)
        assert low <= numbers.min() and numbers.max() <= high
        if low < high:
            scaled = (numbers - low) / (high - low)
            assert stats.kstest(scaled, "uniform").pvalue > 0.001
    maps = RandomAffine(45, 0.25, (0.5, 2.0)).inverse(bits, 40, 80)
    sizes = 1 / np.sqrt(np.linalg.det(maps[:, :, :2]))
    assert sizes.min() < 0.51 and sizes.max() > 1.98 and (sizes >= 0.5).all()
    turns = np.degrees(np.arctan2(maps[:, 0, 1], maps[:, 0, 0]))
    assert np.abs(turns).max() <= 45 + 1e-9 and turns.min() < -44 and turns.max() > 44
    moved = -np.linalg.solve(maps[:, :, :2], maps[:, :, 2:])[..., 0]
    np.testing.assert_allclose(moved, np.rint(moved), atol=1e-9)
    assert np.abs(moved).max(axis=0).round().tolist() == [20, 10]
    op = RandomResizedCrop()
    words_of = draw((0, "crop"), 0, 4000, op.words)
    top, left, high, wide = op.boxes(words_of, 200, 100)
    share = high * wide / 20000
    assert 0.08 - 0.01 < share.min() < 0.1 and share.max() <= 0.68  # 100 x 133
    assert (top + high <= 200).all() and (left + wide <= 100).all()
    assert 0.72 < (wide / high).min() < 0.78 and 1.3 < (wide / high).max() < 1.37
    x = np.ones((4000, 1, 20, 20), "float32")
    erased = 1 - RandomErasing().apply(x, x, draw((0, "e"), 0, 4000, 23), None)[0]
    share = erased.mean(axis=(1, 2, 3))
    assert (share > 0).mean() == pytest.approx(0.5, abs=0.03) and share.max() < 0.37
    turned, _ = augment([RandomRotate90()], np.eye(2).reshape(1, 1, 2, 2)
                        .repeat(4000, 0) * [1, 2], x, 0, 0)  # fmt: skip
    counts = np.unique(turned.reshape(4000, 4), axis=0, return_counts=True)[1]
    assert len(counts) == 4 and stats.chisquare(counts).pvalue > 0.001


@pytest.mark.parametrize("op", [op for op in EVERY if isinstance(op, Geometric)])
def test_moved_images_are_contiguous_and_of_their_dtype(op):
    """Also of arrays that are not, as a batch with channels last."""
    x = np.random.default_rng(0).random((5, 6, 6, 3), "float32").transpose(0, 3, 1, 2)
    out, labels = augment([op], x, np.ones((5, 6, 6), np.int64), 0, 0)
    plain, _ = augment([op], x.copy(), np.ones((5, 6, 6), np.int64), 0, 0)
    np.testing.assert_array_equal(out, plain)
    assert out.dtype == np.float32 and labels.dtype == np.int64
