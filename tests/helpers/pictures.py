"""Batches and bits that tests of augmentations share."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from polyframe.spec.augmentations import (
    ColorJitter,
    CutMix,
    Cutout,
    Mixup,
    Normalize,
    OneHot,
    RandAugment,
    RandomAffine,
    RandomCrop,
    RandomErasing,
    RandomFlip,
    RandomResizedCrop,
    RandomRotate90,
    RandomVerticalFlip,
)

WHOLE = (RandomCrop(1), RandomFlip(), RandomVerticalFlip(), RandomRotate90())
"""Those that move whole pixels."""
BETWEEN = (
    RandomAffine(30, 0.2, (0.7, 1.5), (-10, 10, -20, 20)),
    RandomResizedCrop((0.3, 0.9)),
    RandAugment(4, 20),
)
"""Those that read between pixels."""
EVERY = (
    *WHOLE,
    *BETWEEN,
    ColorJitter(0.4, 0.4, 0.4, 0.1),
    RandomErasing(0.8),
    Cutout(2),
    Normalize(0.3, 0.5),
    OneHot(),
    Mixup(0.4),
    CutMix(),
)
CLASSES = 4

batches = st.builds(
    lambda n, c, h, w, seed, dtype: batch(n, (c, h, w), seed, dtype),
    st.integers(1, 7),
    st.integers(1, 3),
    st.integers(1, 8),
    st.integers(1, 8),
    st.integers(0, 99),
    st.sampled_from(["float32", "float64"]),
)


def batch(n, shape, seed=0, dtype="float32"):
    """Values above 0, so that a 0 is one that was filled in; both are read-only."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0.1, 1, (n, *shape)).astype(dtype)
    y = rng.integers(0, CLASSES, n)
    x.flags.writeable = y.flags.writeable = False  # a write into either raises
    return x, y


def masks(x, seed=0):
    """Targets that are images of the samples' size: labels, and floats of 2 channels."""
    rng, (n, _, *size) = np.random.default_rng(seed), x.shape
    labels = rng.integers(0, CLASSES, (n, *size))
    floats = rng.uniform(0.1, 1, (n, 2, *size)).astype(x.dtype)
    labels.flags.writeable = floats.flags.writeable = False
    return labels, floats


def words(op, n, seed=0):
    """Bits as ``augment`` gives them to an op."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, 2**32, (1 if op.joint else n, op.words), np.uint32)
    return np.broadcast_to(rows, (n, op.words))


def share_of(targets, y, i):
    """λ, read off the targets of a sample whose partner has another label."""
    assert y[i] != y[len(y) - 1 - i]
    return float(targets[i, y[i]])
