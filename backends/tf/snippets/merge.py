"""Layers that are copied into programs, where Keras has none. Read, never imported."""

from tensorflow.keras import layers


class Scale(layers.Layer):
    """A learnable factor, and maybe a shift, for each index of one axis."""

    def __init__(self, shape, bias=False, **options):
        super().__init__(**options)
        self.shape, self.use_bias = shape, bias

    def build(self, input_shape):
        self.scale = self.add_weight(shape=self.shape, initializer="ones")
        if self.use_bias:
            self.bias = self.add_weight(shape=self.shape, initializer="zeros")

    def call(self, x):
        x *= self.scale
        return x + self.bias if self.use_bias else x
