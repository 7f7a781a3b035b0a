"""A sheet of images: some samples of each class, with the classes' names."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence

import numpy as np

from polyframe.data.dataset import Dataset
from polyframe.data.images import pillow
from polyframe.data.rows import batch_of
from polyframe.errors import DataError
from polyframe.io.array import Array

CLASSES, SAMPLES = 10, 10
SMALLEST, LARGEST = 48, 96
"""The sides of an image on the sheet in pixels; small images are enlarged by integers."""
GAP, NAMES = 4, 130  # between images; the widest name

Rows = Sequence[tuple[str, Array]]


def sheet(dataset: Dataset) -> bytes:
    """A PNG: the first training samples of the first classes, one row for each class.

    Without a class for each sample it shows the first ones. Values from 0 to 1 are black
    to white; if the samples exceed this range, their smallest and largest values are.
    DataError if samples are not images with 1 or 3 channels.
    """
    shape = dataset.input_shape
    if len(shape) != 3 or shape[0] not in (1, 3):
        raise DataError(
            f"samples of shape {shape} are not images",
            where=dataset.name,
            hint="images are (1, H, W) or (3, H, W)",
        )
    rows = chosen(dataset)

    def sample(i: int) -> Array:
        # One at a time: a hundred large images as floats may need too much memory.
        values: Array = batch_of(dataset.train[0], slice(i, i + 1))[0]
        return values

    low, high = 0.0, 1.0
    for _, index in rows:
        for i in index:
            values = sample(i)
            low, high = min(low, float(values.min())), max(high, float(values.max()))

    def pixels(i: int) -> Array:
        values = (sample(i).astype(np.float64) - low) * (255 / (high - low))
        image: Array = np.rint(values).astype(np.uint8).transpose(1, 2, 0)
        return image

    return draw(rows, pixels, shape)


def chosen(dataset: Dataset) -> Rows:
    """The name of each row, and the samples that it shows."""
    y = dataset.train[1]
    if dataset.num_classes is None or y.ndim > 1:
        index = np.arange(min(len(y), CLASSES * SAMPLES))
        return [("", index[i : i + SAMPLES]) for i in range(0, len(index), SAMPLES)]
    names = dict(enumerate(dataset.classes))
    return [
        (names.get(int(k), str(k)), np.flatnonzero(y == k)[:SAMPLES])
        for k in np.unique(y)[:CLASSES]
    ]


def draw(rows: Rows, pixels: Callable[[int], Array], shape: tuple[int, ...]) -> bytes:
    """The sheet of samples of that shape; ``pixels`` gives one as bytes (H, W, C)."""
    image = pillow()
    from PIL import ImageDraw, ImageFont

    pen = ImageDraw.Draw(image.new("RGB", (1, 1)))
    font = ImageFont.load_default()

    def fitting(name: str) -> str:
        # The default font has Latin letters only; other letters must not cause an error.
        text = "".join(c if c.isprintable() and c <= "ÿ" else "?" for c in name[:99])
        while pen.textlength(text, font) > NAMES:
            text = text[:-1]
        return text

    names = [fitting(name) for name, _ in rows]
    left = GAP + max(math.ceil(pen.textlength(name, font)) for name in names)
    left += GAP if left > GAP else 0
    height, width = side_lengths(*shape[1:])
    # Enlarged pixels stay squares; reduced pixels are averaged.
    filters = image.Resampling
    resample = filters.NEAREST if height >= shape[1] else filters.BOX
    columns = max(len(index) for _, index in rows)
    size = (left + columns * (width + GAP), GAP + len(rows) * (height + GAP))
    page = image.new("RGB", size, "white")
    pen = ImageDraw.Draw(page)
    for row, (name, (_, index)) in enumerate(zip(names, rows, strict=True)):
        top = GAP + row * (height + GAP)
        pen.text((GAP, top + height // 2), name, "black", font, anchor="lm")
        for column, i in enumerate(index):
            tile = np.ascontiguousarray(np.broadcast_to(pixels(i), (*shape[1:], 3)))
            tile_image = image.fromarray(tile).resize((width, height), resample)
            page.paste(tile_image, (left + column * (width + GAP), top))
    content = io.BytesIO()
    page.save(content, "PNG", optimize=True)
    return content.getvalue()


def side_lengths(height: int, width: int) -> tuple[int, int]:
    """Height and width of an image on the sheet."""
    longest = max(height, width)
    if longest > LARGEST:
        share = LARGEST / longest
        return max(1, round(height * share)), max(1, round(width * share))
    times = -(-SMALLEST // longest)
    return height * times, width * times
