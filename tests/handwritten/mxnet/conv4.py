"""conv4 (the backbone of Vinyals et al. 2016), in the style of Gluon's model zoo.

After ``mxnet/gluon/model_zoo/vision/vgg.py`` with batch norm, whose ``features`` are
the same four layers in a row: convolution, batch norm, ReLU, max pool.
"""

# ruff: noqa: E402
import numpy as np

np.bool = np.bool_  # MXNet 1.9 asks for it, and NumPy has dropped the name

from mxnet.gluon import nn


def scaled(channels, width):
    return max(1, int(channels * width + 0.5))


def make(num_classes, input_shape, width):
    net = nn.HybridSequential()
    for _ in range(4):
        net.add(nn.Conv2D(scaled(64, width), kernel_size=3, padding=1))
        net.add(nn.BatchNorm())
        net.add(nn.Activation("relu"))
        net.add(nn.MaxPool2D(strides=2))
    net.add(nn.Flatten())
    net.add(nn.Dense(num_classes))
    return net
