"""Augmentations: what is done to a batch before the model sees it, in NumPy.

Samples are (N, C, H, W) or (N, features), floats. Augmentations are applied in the order
of the recipe, and what pads or cuts out fills with 0 in the scale of that moment: after
``normalize`` that is the mean, before it black. All randomness comes in as uniform 32-bit
words, some for each sample.

Targets that are images, labels (N, H, W) or floats (N, C, H, W), move with their samples:
see ``Geometric`` and ``CutMix``. What changes values alone (``cutout``, ``normalize``)
leaves them as they are.
"""

from polyframe.spec.augmentations.base import Augmentation, Geometric, below
from polyframe.spec.augmentations.geometry import RandomCrop, RandomFlip
from polyframe.spec.augmentations.mixing import CutMix, Mixup, OneHot
from polyframe.spec.augmentations.pixels import Cutout, Normalize

__all__ = [
    "Augmentation",
    "CutMix",
    "Cutout",
    "Geometric",
    "Mixup",
    "Normalize",
    "OneHot",
    "RandomCrop",
    "RandomFlip",
    "below",
]
