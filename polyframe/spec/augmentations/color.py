"""Augmentations of brightness, contrast and colour, for values from 0 to 1."""

from __future__ import annotations

from itertools import permutations

import numpy as np

from polyframe.errors import SpecError
from polyframe.io.array import Array
from polyframe.spec.augmentations.base import Augmentation, Batch, Shape, below, uniform
from polyframe.spec.element import define
from polyframe.spec.field_types import Floats
from polyframe.spec.fields import field
from polyframe.spec.ranges import Range


def each(numbers: Array, x: Array) -> Array:
    """A number for each image, in the images' dtype, so that it can be a factor."""
    return numbers.astype(x.dtype).reshape(-1, 1, 1, 1)


def blend(x: Array, other: Array | float, factor: Array) -> Array:
    """``factor · x + (1 - factor) · other``, cut off at 0 and 1."""
    share = each(factor, x)
    mix: Array = share * x + (1 - share) * other
    return np.clip(mix, 0, 1, out=mix)


def gray(x: Array) -> Array:
    """Images (N, C, H, W) in gray, (N, 1, H, W). Three channels are red, green and blue:
    ``0.2989 R + 0.587 G + 0.114 B`` (ITU-R BT.601). Others: the mean of the channels."""
    shades: Array
    if x.shape[1] == 3:
        shades = 0.2989 * x[:, :1] + 0.587 * x[:, 1:2] + 0.114 * x[:, 2:]
    else:
        shades = x.mean(axis=1, keepdims=True)
    return shades


def adjust_brightness(x: Array, factor: Array) -> Array:
    """All values times ``factor``."""
    return blend(x, 0, factor)


def adjust_contrast(x: Array, factor: Array) -> Array:
    """Blended with the mean of the image in gray."""
    flat = gray(x).reshape(len(x), -1)
    return blend(x, each(flat.mean(axis=1, dtype=np.float64), x), factor)


def adjust_saturation(x: Array, factor: Array) -> Array:
    """Blended with the image in gray; one channel has no colour to change."""
    return x if x.shape[1] == 1 else blend(x, gray(x), factor)


def adjust_hue(x: Array, shift: Array) -> Array:
    """The hue in HSV (Smith 1978) turned by ``shift`` of a circle; one channel has none.

    With V the largest of R, G and B, and D its distance from the smallest, the hue in
    sixths h is (G - B) / D where V is R, else 2 + (B - R) / D where it is G, else
    4 + (R - G) / D. A channel is ``V - D · min(k, 4 - k, 1)``, at least ``V - D`` and at
    most V, with k = (n + h + 6 · shift) mod 6 and n = 5, 3, 1 for R, G and B.
    """
    if x.shape[1] == 1:
        return x
    red, green, blue = x[:, 0], x[:, 1], x[:, 2]
    value = x.max(axis=1)
    spread = value - x.min(axis=1)
    some = np.where(spread == 0, x.dtype.type(1), spread)
    of_red, of_green, of_blue = green - blue, blue - red, red - green
    sixths = np.where(
        value == red,
        of_red / some,
        np.where(value == green, 2 + of_green / some, 4 + of_blue / some),
    )
    sixths += each(6 * shift, x)[:, 0]
    out = np.empty_like(x)
    for channel, start in enumerate((5, 3, 1)):
        k = start + sixths
        k -= 6 * np.floor(k / 6)  # k mod 6, several times as fast as %
        out[:, channel] = value - spread * np.clip(np.minimum(k, 4 - k), 0, 1)
    return out


ADJUSTMENTS = (
    (adjust_brightness, 1.0),
    (adjust_contrast, 1.0),
    (adjust_saturation, 1.0),
    (adjust_hue, 0.0),
)
"""What colour jitter changes, and the number that changes nothing."""
ORDERS = np.array(list(permutations(range(len(ADJUSTMENTS)))))
"""All orders of them, one a row."""


def needs_color(op: Augmentation, what: str, shape: Shape) -> None:
    """SpecError unless samples have one channel or three."""
    if shape[0] not in (1, 3):
        raise SpecError(
            f"{what} is for images of 1 or 3 channels (gray, or red, green and blue), "
            f"and a sample has {shape[0]}",
            where=op.label,
        )


@define
class ColorJitter(Augmentation):
    """Brightness, contrast, saturation and hue changed at random, for each image anew.

    As torchvision's ColorJitter: four numbers are uniform in their ranges, and the four
    changes are made in a random order, all 24 equally likely. For f in its range:

    - brightness: ``f · x``
    - contrast: ``f · x + (1 - f) · m``, m the mean of the image in gray
    - saturation: ``f · x + (1 - f) · gray``
    - hue: in HSV, the hue is turned by f of a circle

    Each result is cut off at 0 and 1. Gray is ``0.2989 R + 0.587 G + 0.114 B``, and the
    mean of the channels where these are not three. Saturation and hue need three
    channels; one channel has no colour, and they leave it as it is. Values have to be
    from 0 to 1 (bytes count as x / 255), so ``normalize`` comes after it.

    - ``brightness``: the range of its factor; b stands for (1 - b, 1 + b), at least 0.
    - ``contrast``: the same for contrast.
    - ``saturation``: the same for saturation.
    - ``hue``: the range of its shift as a fraction of the circle; h stands for (-h, h).
    """

    word = "color_jitter"
    words = 5
    unit_range = True
    brightness: Floats = field(Range(0.0, 1e3, centre=1.0), default=0.0)
    contrast: Floats = field(Range(0.0, 1e3, centre=1.0), default=0.0)
    saturation: Floats = field(Range(0.0, 1e3, centre=1.0), default=0.0)
    hue: Floats = field(Range(-0.5, 0.5, centre=0.0), default=0.0)

    def check(
        self, shape: Shape, classes: int | None, image: Shape | None = None
    ) -> None:
        self.needs_images(shape)
        for name in ("saturation", "hue"):
            if name in self.options():
                needs_color(self, name, shape)

    def apply(self, x: Array, y: Array, bits: Array, classes: int | None) -> Batch:
        ranges = (self.brightness, self.contrast, self.saturation, self.hue)
        numbers = [
            uniform(bits[:, at], low, high) for at, (low, high) in enumerate(ranges, 1)
        ]
        orders = ORDERS[below(bits[:, 0], len(ORDERS))]
        out = x.copy()
        for turn in orders.T:
            for at, (adjust, neutral) in enumerate(ADJUSTMENTS):
                chosen = (turn == at) & (numbers[at] != neutral)
                if chosen.any():
                    out[chosen] = adjust(out[chosen], numbers[at][chosen])
        return out, y
