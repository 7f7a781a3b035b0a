"""All layers. Adding one: a class in a file here, and an entry in each backend."""

from polyframe.spec.layers.activation import ReLU, Softmax
from polyframe.spec.layers.base import Layer
from polyframe.spec.layers.conv import Conv2D
from polyframe.spec.layers.dense import Dense, Dropout, Flatten
from polyframe.spec.layers.merge import Add, Concat
from polyframe.spec.layers.norm import BatchNorm
from polyframe.spec.layers.pool import AvgPool2D, GlobalAvgPool2D, MaxPool2D

__all__ = [
    "Add",
    "AvgPool2D",
    "BatchNorm",
    "Concat",
    "Conv2D",
    "Dense",
    "Dropout",
    "Flatten",
    "GlobalAvgPool2D",
    "Layer",
    "MaxPool2D",
    "ReLU",
    "Softmax",
]
