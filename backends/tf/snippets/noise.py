"""Random layers that are copied into programs. Read, never imported by polyframe."""

import tensorflow as tf
from tensorflow.keras import layers


class GaussianNoise(layers.GaussianNoise):
    """Gaussian noise with a deviation above 1, which Keras's own refuses."""

    def __init__(self, stddev):
        super().__init__(1.0)
        self.factor = stddev

    def call(self, x, training=False):
        return x + self.factor * super().call(tf.zeros_like(x), training=training)
