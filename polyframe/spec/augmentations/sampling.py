"""Reading images between their pixels: what rotates, shears and enlarges them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from polyframe.io.array import Array

CHUNK = 1 << 16
"""How many pixels are computed in one go, so that all about them stays in the cache."""


def sampled(
    images: Array, at: Callable[[slice], tuple[Array, Array]], fill: float
) -> Array:
    """Images (N, H, W) or (N, C, H, W) read at other coordinates, in their own size.

    ``at`` gives the (rows, columns) to be read for a slice of the images: (n, H, W), or
    what broadcasts to it; 0 is the centre of the first pixel. Outside the image all is
    ``fill``.
    """
    count, (height, width) = len(images), images.shape[-2:]
    out = np.empty(images.shape, images.dtype)
    step = max(1, CHUNK // (height * width))
    for low in range(0, count, step):
        part = slice(low, low + step)
        out[part] = read(images[part], *at(part), fill)
    return out


def read(images: Array, rows: Array, columns: Array, fill: float) -> Array:
    """Images at rows and columns. Integers are labels: the nearest pixel,
    ``⌊coordinate + 1/2⌋``. Floats are interpolated bilinearly: with a = row - ⌊row⌋ and
    b = column - ⌊column⌋, ``(1-a)(1-b)·p₀₀ + (1-a)b·p₀₁ + a(1-b)·p₁₀ + ab·p₁₁``."""
    planes = images if images.ndim == 4 else images[:, None]
    count, channels, height, width = planes.shape
    # A border of one pixel before and two after: each coordinate, cut off at the first
    # pixel outside, has all its neighbours. Channels lie in front: an index serves all.
    wide = np.full((channels, count, height + 3, width + 3), fill, images.dtype)
    wide[:, :, 1:-2, 1:-2] = planes.transpose(1, 0, 2, 3)
    pixels, stride = wide.reshape(channels, -1), width + 3
    start = np.arange(count)[:, None, None] * ((height + 3) * stride) + stride + 1
    rows, columns = np.clip(rows, -1, height), np.clip(columns, -1, width)
    if images.dtype.kind in "iu":
        down, right = np.floor(rows + 0.5), np.floor(columns + 0.5)
        index = start + (down * stride + right).astype(np.intp)
        values = pixels.take(index, axis=1)
    else:
        down, right = np.floor(rows), np.floor(columns)
        index = start + (down * stride + right).astype(np.intp)
        a = (rows - down).astype(images.dtype)
        b = (columns - right).astype(images.dtype)
        values = (1 - a) * blended(pixels, index, b)
        values += a * blended(pixels, index + stride, b)
    moved: Array = values.transpose(1, 0, 2, 3).reshape(images.shape)
    return moved


def blended(pixels: Array, index: Array, share: Array) -> Array:
    """Pixels and their neighbours on the right, of which ``share`` is taken."""
    values: Array = (1 - share) * pixels.take(index, axis=1)
    values += share * pixels.take(index + 1, axis=1)
    return values


def mapped(images: Array, inverse: Array, fill: float) -> Array:
    """Images moved by affine maps. ``inverse`` (N, 2, 3) leads from where a pixel comes
    to lie back to where it was: (column, row) = ``A · (column, row) + b``, with (A, b)
    its columns, both counted from the centre of the image."""
    height, width = images.shape[-2:]
    middle, centre = (height - 1) / 2, (width - 1) / 2
    y, x = np.arange(height)[:, None] - middle, np.arange(width) - centre

    def at(part: slice) -> tuple[Array, Array]:
        m = inverse[part, :, :, None, None]
        columns = m[:, 0, 0] * x + m[:, 0, 1] * y + m[:, 0, 2] + centre
        rows = m[:, 1, 0] * x + m[:, 1, 1] * y + m[:, 1, 2] + middle
        return rows, columns

    return sampled(images, at, fill)
