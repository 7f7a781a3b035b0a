"""All losses. Adding one: a class in a file here, and an entry in each backend."""

from polyframe.spec.losses.base import (
    Loss,
    Losses,
    OutputWeights,
    check_one_number,
    default_loss,
    losses_for_targets,
    parse_losses,
    sample_weights,
    unreduced,
)
from polyframe.spec.losses.binary import BinaryCrossEntropy, Focal
from polyframe.spec.losses.classes import NLL, CrossEntropy
from polyframe.spec.losses.distances import L1, MSE, Cosine, Huber, KLDiv, SmoothL1
from polyframe.spec.losses.margins import Hinge, MultiMargin, SquaredHinge, Triplet
from polyframe.spec.losses.regions import Dice

__all__ = [
    "L1",
    "MSE",
    "NLL",
    "BinaryCrossEntropy",
    "Cosine",
    "CrossEntropy",
    "Dice",
    "Focal",
    "Hinge",
    "Huber",
    "KLDiv",
    "Loss",
    "Losses",
    "MultiMargin",
    "SmoothL1",
    "SquaredHinge",
    "Triplet",
    "OutputWeights",
    "check_one_number",
    "default_loss",
    "parse_losses",
    "sample_weights",
    "losses_for_targets",
    "unreduced",
]
