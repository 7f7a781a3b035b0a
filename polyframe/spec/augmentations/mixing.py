"""Augmentations that make probabilities of labels, and those that mix samples."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from polyframe.io.array import Array
from polyframe.spec.augmentations.base import Augmentation, Batch, Shape, is_image
from polyframe.spec.element import define
from polyframe.spec.fields import Float, field


def probabilities(y: Array, classes: int | None, dtype: npt.DTypeLike) -> Array:
    """Labels (N, …) as probabilities (N, K, …), 1 at the label; what is probabilities
    already stays."""
    if y.dtype.kind == "f":
        return y
    assert classes is not None  # check() has seen to it
    each = np.arange(classes).reshape(-1, *[1] * (y.ndim - 1))
    rows: Array = (y[:, None] == each).astype(dtype)
    return rows


def mixed(a: Array, share: float) -> Array:
    """``share · a + (1 - share) · a reversed``, in the dtype of ``a``."""
    mix: Array = a * a.dtype.type(share)
    mix += a[::-1] * a.dtype.type(1 - share)
    return mix


def pasted(images: Array, rows: slice, columns: slice) -> Array:
    """Images with that box of each filled from the batch reversed."""
    out = images.copy()
    out[..., rows, columns] = images[::-1, ..., rows, columns]
    return out


@define
class OneHot(Augmentation):
    """Labels as probabilities: 1 at the label, 0 elsewhere.

    Labels (N,) become (N, K), those of pixels (N, H, W) become (N, K, H, W).
    """

    word = "one_hot"

    def check(
        self, shape: Shape, classes: int | None, image: Shape | None = None
    ) -> None:
        self.needs_classes(classes)

    def apply(self, x: Array, y: Array, bits: Array, classes: int | None) -> Batch:
        return x, probabilities(y, classes, x.dtype)


class Mixing(Augmentation):
    """What mixup and cutmix share: one λ ~ Beta(α, α) for a batch, which is mixed with
    itself in reverse order.

    The words seed a generator; they are the same for every sample, so λ depends on the
    seed and the step alone.
    """

    joint = True
    words = 4
    alpha: float

    def check(
        self, shape: Shape, classes: int | None, image: Shape | None = None
    ) -> None:
        self.needs_classes(classes)

    def draw(self, bits: Array) -> tuple[np.random.Generator, float]:
        """The batch's generator, and λ, its first number."""
        key = np.ascontiguousarray(bits[0]).view(np.uint64)
        rng = np.random.Generator(np.random.Philox(key=key))
        return rng, float(rng.beta(self.alpha, self.alpha))


@define
class Mixup(Mixing):
    """Two samples and their labels blended: ``λ · a + (1 - λ) · b`` (Zhang et al. 2018).

    One λ ~ Beta(α, α) for a batch; ``b`` is the batch reversed. Labels of pixels
    (N, H, W) become probabilities (N, K, H, W).
    """

    word = "mixup"
    alpha: float = field(Float(1e-3, 1e3), default=0.2)

    def apply(self, x: Array, y: Array, bits: Array, classes: int | None) -> Batch:
        _, share = self.draw(bits)
        return mixed(x, share), mixed(probabilities(y, classes, x.dtype), share)


@define
class CutMix(Mixing):
    """A box of one image pasted into another, labels by area (Yun et al. 2019).

    λ ~ Beta(α, α) for a batch; the box has ``⌊H √(1-λ)⌋ × ⌊W √(1-λ)⌋`` pixels around
    any pixel, cut off at the border; it is filled from the batch reversed. Labels (N,)
    take λ = 1 - (pixels really pasted) / (H · W). Targets that are images are pasted as
    the samples are: their labels stay labels.
    """

    word = "cutmix"
    alpha: float = field(Float(1e-3, 1e3), default=1.0)

    def check(
        self, shape: Shape, classes: int | None, image: Shape | None = None
    ) -> None:
        self.needs_images(shape)
        self.needs_size(shape, image)
        if image is None:
            self.needs_classes(classes)

    def apply(self, x: Array, y: Array, bits: Array, classes: int | None) -> Batch:
        rng, share = self.draw(bits)
        box = [slice(0)] * 2
        for axis, length in enumerate(x.shape[2:]):
            size, centre = int(length * math.sqrt(1 - share)), int(rng.integers(length))
            low = centre - size // 2
            box[axis] = slice(max(low, 0), min(low + size, length))
        rows, columns = box
        out = pasted(x, rows, columns)
        if is_image(y):
            return out, pasted(y, rows, columns)
        area = (rows.stop - rows.start) * (columns.stop - columns.start)
        share = 1 - area / (x.shape[2] * x.shape[3])
        return out, mixed(probabilities(y, classes, x.dtype), share)
