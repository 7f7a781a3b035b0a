"""RandAugment: some of fourteen changes, drawn for each image."""

from __future__ import annotations

import numpy as np

from polyframe.errors import SpecError
from polyframe.io.array import Array
from polyframe.spec.augmentations.base import Batch, Geometric, Shape, below, happens
from polyframe.spec.augmentations.color import (
    adjust_brightness,
    adjust_contrast,
    adjust_saturation,
    blend,
    needs_color,
)
from polyframe.spec.augmentations.sampling import mapped
from polyframe.spec.element import define
from polyframe.spec.fields import Float, Int, field

MOST = 8
"""How many changes in a row there may be."""
CHANGES = 14
"""How many changes there are to choose from; RandAugment's docstring numbers them."""
GEOMETRIC = (1, 2, 3, 4, 5)
"""Those that move pixels."""


def adjust_sharpness(x: Array, factor: Array) -> Array:
    """Blended with the image under the kernel [1 1 1; 1 5 1; 1 1 1] / 13; the outermost
    pixels stay, and all of them where a side has less than three."""
    if min(x.shape[2:]) < 3:
        return x
    blurred, shifts = x.copy(), (slice(None, -2), slice(1, -1), slice(2, None))
    middle = 4 * x[..., 1:-1, 1:-1]
    for row in shifts:
        for column in shifts:
            middle += x[..., row, column]
    blurred[..., 1:-1, 1:-1] = middle / 13
    return blend(x, blurred, factor)


def to_bytes(x: Array) -> Array:
    """Values from 0 to 1 as whole numbers from 0 to 255: ``⌊255 x + 1/2⌋``."""
    whole: Array = np.floor(255 * x + 0.5).astype(np.int64)
    return np.clip(whole, 0, 255, out=whole)


def posterize(x: Array, bits: int) -> Array:
    """Of the eight bits of a value, the highest ``bits`` are kept."""
    if bits == 8:
        return x
    kept = to_bytes(x) >> (8 - bits) << (8 - bits)
    levels: Array = (kept / 255).astype(x.dtype)
    return levels


def solarize(x: Array, threshold: float) -> Array:
    """``1 - x`` where x is at least the threshold."""
    return np.where(x >= threshold, 1 - x, x)


def autocontrast(x: Array) -> Array:
    """Each channel stretched, so that it goes from 0 to 1; constant ones stay."""
    low, high = x.min(axis=(2, 3), keepdims=True), x.max(axis=(2, 3), keepdims=True)
    flat = high == low
    spread = np.where(flat, x.dtype.type(1), high - low)
    stretched: Array = (x - np.where(flat, x.dtype.type(0), low)) / spread
    return np.clip(stretched, 0, 1, out=stretched)


def equalize(x: Array) -> Array:
    """Each channel's histogram of 256 values made level, as Pillow does it.

    With the counts h of the values that occur, and s = ⌊(Σ h - the last of h) / 255⌋, a
    value v becomes ``⌊(⌊s/2⌋ + Σ of the counts below v) / s⌋``, at most 255; where s is
    0 the channel stays.
    """
    values = to_bytes(x).reshape(-1, x.shape[2] * x.shape[3])
    rows = np.arange(len(values))[:, None]
    flat = (values + 256 * rows).ravel()
    counts = np.bincount(flat, minlength=256 * len(values)).reshape(-1, 256)
    last = counts[rows[:, 0], values.max(axis=1)]
    step = (values.shape[1] - last)[:, None] // 255
    below_it = np.cumsum(counts, axis=1) - counts
    levels = np.minimum((below_it + step // 2) // np.maximum(step, 1), 255)
    level = (levels[rows, values] / 255).astype(x.dtype).reshape(x.shape)
    return np.where(step.reshape(*x.shape[:2], 1, 1) == 0, x, level)


BLENDED = {
    6: adjust_brightness,
    7: adjust_saturation,
    8: adjust_contrast,
    9: adjust_sharpness,
}
"""Changes with a factor, by their number."""
LEVELLED = {12: autocontrast, 13: equalize}
"""Changes that have no strength, by their number."""


@define
class RandAugment(Geometric):
    """``num_ops`` of fourteen changes in a row, drawn for each image.

    Cubuk et al. 2020, as in torchvision's RandAugment. Each change is equally likely.
    With m = ``magnitude`` / (``num_magnitude_bins`` - 1) and s = ±m, both signs equally
    likely, for images of height H and width W:

    0. nothing
    1. shear by 0.3 s to the right for each row, from the top left corner
    2. shear by 0.3 s downwards for each column, from there
    3. translation by 150/331 · W · s to the right, in whole pixels, rounded towards 0
    4. translation by 150/331 · H · s downwards, likewise
    5. rotation by 30° · s about the centre
    6. brightness times 1 + 0.9 s: blended with black, ``f · x + (1 - f) · other``
    7. saturation times 1 + 0.9 s: blended with the image in gray
    8. contrast times 1 + 0.9 s: blended with the mean of the image in gray
    9. sharpness times 1 + 0.9 s: blended with a blurred image
    10. posterize: the highest 8 - round(4 m) of eight bits are kept
    11. solarize: ``1 - x`` where x is at least 1 - m
    12. autocontrast: each channel stretched from 0 to 1
    13. equalize: each channel's histogram made level

    Images are interpolated bilinearly, and what comes from outside is ``fill``. Targets
    that are images move with their sample, floats bilinearly, labels by the nearest
    pixel; for labels, what comes from outside is the loss's ``ignore_index``, or 0.
    Values have to be from 0 to 1 (bytes count as x / 255), so ``normalize`` comes after
    it. Images have one channel or three.

    - ``num_ops``: how many changes are made, one after the other.
    - ``magnitude``: how strong they are; 0 is the weakest.
    - ``num_magnitude_bins``: how many magnitudes there are, 0 included.
    - ``fill``: the value outside the image.
    """

    word = "rand_augment"
    words = 2 * MOST
    unit_range = True
    num_ops: int = field(Int(0, MOST), default=2)
    magnitude: int = field(Int(0), default=9)
    num_magnitude_bins: int = field(Int(2), default=31)
    fill: float = field(Float(0.0, 1.0), default=0.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.magnitude >= self.num_magnitude_bins:
            raise SpecError(
                f"magnitude {self.magnitude} has to be below num_magnitude_bins "
                f"{self.num_magnitude_bins}",
                where=self.label,
            )

    def check(
        self, shape: Shape, classes: int | None, image: Shape | None = None
    ) -> None:
        super().check(shape, classes, image)
        needs_color(self, "it", shape)

    def apply(
        self,
        x: Array,
        y: Array,
        bits: Array,
        classes: int | None,
        ignored: int | None = None,
    ) -> Batch:
        target = self.move_target(y, bits, ignored)
        for at in range(self.num_ops):
            x = self.move_once(x, bits, at, self.fill)
            x = self.change_values(x, bits, at)
        return x, target

    def move(self, images: Array, bits: Array, fill: float = 0) -> Array:
        for at in range(self.num_ops):
            images = self.move_once(images, bits, at, fill)
        return images

    def drawn(self, bits: Array, at: int) -> tuple[Array, Array]:
        """Which change is made as number ``at``, and s: (N,) each."""
        strength = self.magnitude / (self.num_magnitude_bins - 1)
        sign = np.where(happens(bits[:, 2 * at + 1], 0.5), -1.0, 1.0)
        return below(bits[:, 2 * at], CHANGES), sign * strength

    def move_once(self, images: Array, bits: Array, at: int, fill: float) -> Array:
        """Images after change ``at``, where it moves pixels."""
        change, strength = self.drawn(bits, at)
        chosen = np.isin(change, GEOMETRIC) & (strength != 0)
        if not chosen.any():
            return images
        inverse = inverse_maps(change[chosen], strength[chosen], *images.shape[-2:])
        out = images.copy()
        out[chosen] = mapped(images[chosen], inverse, fill)
        return out

    def change_values(self, x: Array, bits: Array, at: int) -> Array:
        """Images (N, C, H, W) after change ``at``, where it changes values."""
        change, strength = self.drawn(bits, at)
        most, out = self.magnitude / (self.num_magnitude_bins - 1), x.copy()
        for number in set(change.tolist()) - {0, *GEOMETRIC}:
            chosen = change == number
            if number in BLENDED:
                changed = BLENDED[number](x[chosen], 1 + 0.9 * strength[chosen])
            elif number == 10:
                changed = posterize(x[chosen], 8 - round(4 * most))
            elif number == 11:
                changed = solarize(x[chosen], 1 - most)
            else:
                changed = LEVELLED[number](x[chosen])
            out[chosen] = changed
        return out


def inverse_maps(change: Array, strength: Array, height: int, width: int) -> Array:
    """The maps of changes 1 to 5 back to where pixels were, (N, 2, 3); see ``mapped``."""
    back = np.zeros((len(change), 2, 3))
    back[:, 0, 0] = back[:, 1, 1] = 1
    shear, turn = 0.3 * strength, np.radians(30 * strength)
    right, down = (np.trunc(150 / 331 * size * strength) for size in (width, height))
    for number, row, entries in (
        (1, 0, ((1, shear), (2, shear * height / 2))),
        (2, 1, ((0, shear), (2, shear * width / 2))),
        (3, 0, ((2, -right),)),
        (4, 1, ((2, -down),)),
        (5, 0, ((0, np.cos(turn)), (1, -np.sin(turn)))),
        (5, 1, ((0, np.sin(turn)), (1, np.cos(turn)))),
    ):
        chosen = change == number
        for column, values in entries:
            back[chosen, row, column] = values[chosen]
    return back
