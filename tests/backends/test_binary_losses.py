"""Binary losses against Keras's."""

from __future__ import annotations

import numpy as np

import polyframe as pf
from polyframe.conformance.losses import relative_distance


def test_binary_losses_are_smoothed_as_in_keras():
    """Keras's focal loss keeps its probabilities 1e-7 away from 0 and 1."""
    import tensorflow as tf

    theirs, rng = tf.keras.losses, np.random.default_rng(0)
    x = rng.normal(size=(5, 4))
    for y in (rng.integers(0, 2, (5, 4)).astype(float), rng.random((5, 4))):
        for smoothing in (0.1, 0.5, 1.0):
            options = {"from_logits": True, "label_smoothing": smoothing}
            mine = pf.BinaryCrossEntropy(label_smoothing=smoothing).define(x, y)
            losses = theirs.binary_crossentropy(y, x, **options).numpy()
            assert relative_distance(mine, losses) <= 1e-12
            mine = pf.Focal(0.3, 1.5, smoothing).define(x, y)
            options |= {"apply_class_balancing": True, "alpha": 0.3, "gamma": 1.5}
            losses = theirs.binary_focal_crossentropy(y, x, **options).numpy()
            assert relative_distance(mine, losses) <= 1e-5
