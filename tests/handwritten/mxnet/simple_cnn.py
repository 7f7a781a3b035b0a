"""simple_cnn, in the style of MXNet's tutorials.

After "Gluon crash course: create a neural network": activations are arguments of their
layers, ``Dense`` flattens, and Gluon infers what each layer takes.
"""

# ruff: noqa: E402
import numpy as np

np.bool = np.bool_  # MXNet 1.9 asks for it, and NumPy has dropped the name

from mxnet.gluon import nn


def scaled(channels, width):
    return max(1, int(channels * width + 0.5))


def make(num_classes, input_shape, width):
    net = nn.HybridSequential()
    net.add(
        nn.Conv2D(scaled(32, width), kernel_size=3, activation="relu"),
        nn.MaxPool2D(pool_size=2, strides=2),
        nn.Conv2D(scaled(64, width), kernel_size=3, activation="relu"),
        nn.MaxPool2D(pool_size=2, strides=2),
        nn.Dense(scaled(128, width), activation="relu"),
        nn.Dense(num_classes),
    )
    return net
