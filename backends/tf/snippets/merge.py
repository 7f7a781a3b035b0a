"""Layers that are copied into programs, where Keras has none. Read, never imported."""

from tensorflow.keras import layers


class Scale(layers.Layer):
    """A learnable factor, and maybe a shift, along one axis, which Keras lacks."""

    def __init__(self, shape, bias=False, **options):
        super().__init__(**options)
        self.shape, self.use_bias = shape, bias

    def build(self, input_shape):
        count = self.shape[0]
        self.scale = self.add_weight(shape=(count,), initializer="ones")
        if self.use_bias:
            self.bias = self.add_weight(shape=(count,), initializer="zeros")

    def call(self, x):
        x *= tf.reshape(self.scale, self.shape)
        return x + tf.reshape(self.bias, self.shape) if self.use_bias else x
