"""Augmentations: what is done to a batch before the model sees it, in NumPy.

Samples are (N, C, H, W) or (N, features), floats. Augmentations are applied in the order
of the recipe, and what pads or cuts out fills with 0 in the scale of that moment, or with
a value of its own: after ``normalize`` 0 is the mean, before it black. Those of colour
take values from 0 to 1 and come before ``normalize``. All randomness comes in as uniform
32-bit words, some for each sample.

Targets that are images, labels (N, H, W) or floats (N, C, H, W), move with their samples:
see ``Geometric`` and ``CutMix``. What changes values alone (``cutout``, ``normalize``)
leaves them as they are.
"""

from polyframe.spec.augmentations.affine import RandomAffine
from polyframe.spec.augmentations.base import Augmentation, Geometric, below, uniform
from polyframe.spec.augmentations.boxes import RandomErasing, RandomResizedCrop
from polyframe.spec.augmentations.color import ColorJitter
from polyframe.spec.augmentations.crops import RandomCrop
from polyframe.spec.augmentations.flips import (
    RandomFlip,
    RandomRotate90,
    RandomVerticalFlip,
)
from polyframe.spec.augmentations.mixing import CutMix, Mixup, OneHot
from polyframe.spec.augmentations.pixels import Cutout, Normalize
from polyframe.spec.augmentations.rand_augment import RandAugment

__all__ = [
    "Augmentation",
    "ColorJitter",
    "CutMix",
    "Cutout",
    "Geometric",
    "Mixup",
    "Normalize",
    "OneHot",
    "RandAugment",
    "RandomAffine",
    "RandomCrop",
    "RandomErasing",
    "RandomFlip",
    "RandomResizedCrop",
    "RandomRotate90",
    "RandomVerticalFlip",
    "below",
    "uniform",
]
