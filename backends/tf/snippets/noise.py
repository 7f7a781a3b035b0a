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


class DropPath(layers.Dropout):
    """Drops whole samples of any shape; Keras's dropout is told one shape."""

    def call(self, x, training=False):
        if not training or not self.rate:
            return x
        shape = (None, *[1] * (x.shape.rank - 1))
        return tf.keras.random.dropout(x, self.rate, shape, self.seed_generator)
