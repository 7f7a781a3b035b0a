"""Targets and outputs that a loss is not defined on: one clear message each."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.failing import fails

import polyframe as pf
from polyframe.conformance.losses import COUNT, model_of
from polyframe.errors import DataError, SpecError
from polyframe.spec.losses import Loss

NUMBERS = ("mse", "l1", "huber", "smooth_l1", "cosine", "hinge", "focal", "kl_div")
IMAGE = (4, 3, 2)
Y = np.zeros((COUNT, 4))
MAPS = np.zeros((COUNT, 3, 2), int)


def with_one(array, value):
    """The array with a value in the fourth sample."""
    array = np.array(array, float if isinstance(value, float) else None)
    array[(3, *[0] * (array.ndim - 1))] = value
    return array


WRONG = [
    ("cross_entropy", IMAGE, with_one(MAPS, 7), "y: label 7 at sample 3 is outside 0..3"),
    ("cross_entropy", IMAGE, with_one(MAPS + 4, -9), "y: label -9 at sample 3 is outs"),
    (
        pf.NLL(ignore_index=-1), IMAGE, with_one(MAPS - 1, 5),
        "y: label 5 at sample 3 is outside 0..3 and not the ignore_index -1",
    ),
    (
        "cross_entropy", IMAGE, np.zeros((COUNT, 2, 3), int),
        "y: is int64 (5, 2, 3); cross_entropy takes integer labels (N, 3, 2)",
    ),
    (
        pf.CrossEntropy(ignore_index=-1), (4,), Y,
        "cross_entropy: ignore_index is for labels, and the targets are probabilities",
    ),
    ("multi_margin", (4,), Y, "y: is float64 (5, 4); multi_margin takes integer labels"),
    (
        "hinge", (4,), Y,
        "y: sample 0 has 0; hinge takes -1 and 1 (2 * y - 1 makes them from 0 and 1)",
    ),
    ("squared_hinge", (4,), with_one(Y + 1, 0.5), "y: sample 3 has 0.5; squared_hinge"),
    (
        "binary_cross_entropy", (4,), with_one(Y + 1, 1.5),
        "y: sample 3 has 1.5; binary_cross_entropy takes numbers from 0 to 1",
    ),
    ("focal", (4,), with_one(Y, -2.0), "y: sample 3 has -2; focal takes numbers from 0"),
    (
        "dice", IMAGE, np.full((COUNT, *IMAGE), 2),
        "y: sample 0 has 2; dice takes numbers from 0 to 1 (softmax takes labels)",
    ),
    ("kl_div", (4,), with_one(Y, -0.1), "y: sample 3 has a negative probability"),
    ("triplet", (12,), np.zeros((COUNT, 12)), "y: is (5, 12); (N,) is needed"),
    *(
        (word, (4,), with_one(Y, np.nan), "y: sample 3 holds NaN or infinity")
        for word in NUMBERS
    ),
    *(
        (word, (4,), Y[:, :3], "y: is (5, 3); (N, 4) is needed")
        for word in NUMBERS
    ),
]  # fmt: skip


@pytest.mark.parametrize(("loss", "shape", "y", "text"), WRONG)
def test_targets_that_a_loss_is_not_defined_on(loss, shape, y, text):
    model, x, _ = model_of("torch", loss, [shape])
    kind = SpecError if "ignore_index is for" in text else DataError
    for call in (model.train_step, model.evaluate, model.loss, model.gradients):
        fails(kind, lambda call=call: call(x, y), text)


UNFIT = [
    ({"type": "cross_entropy"}, (2, 3, 4, 5, 6), "cross_entropy takes logits (classes,)"),
    ({"type": "nll", "class_weights": (1, 2)}, IMAGE, "nll has 2 class_weights for 4"),
    ({"type": "multi_margin"}, IMAGE, "multi_margin takes logits (classes,) per sample"),
    (
        {"type": "multi_margin", "class_weights": (1, 2)}, (4,),
        "multi_margin has 2 class_weights for 4 outputs",
    ),
    (
        {"type": "binary_cross_entropy", "pos_weight": (1, 2)}, IMAGE,
        "binary_cross_entropy has 2 pos_weight for 4 outputs (one for all, or one",
    ),
    ({"type": "dice"}, (4,), "dice takes logits (channels, height, width) per sample"),
    ({"type": "triplet"}, (4,), "triplet takes (3·D,) per sample: anchor, positive"),
    ({"type": "mse", "reduction": "max"}, (4,), "mse: reduction is 'max'; 'mean' or"),
    ({"type": "huber", "delta": 0}, (4,), "huber: delta is 0; a finite number above 0"),
    ({"type": "nll", "soft": True}, (4,), "nll: has no field 'soft'"),
    ({"type": "dice", "soft": False}, IMAGE, "dice: has no field 'soft'"),
]  # fmt: skip


@pytest.mark.parametrize(("loss", "shape", "text"), UNFIT)
def test_losses_that_do_not_fit(loss, shape, text):
    fails(SpecError, lambda: Loss.parse(loss).check(shape), text)
