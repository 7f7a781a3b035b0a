"""VGG: 3×3 convolutions in five stages, each ended by a pool, and three dense layers."""

from __future__ import annotations

from polyframe.spec.composites import chain
from polyframe.spec.layers import (
    AdaptiveAvgPool2D,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Layer,
    MaxPool2D,
    ReLU,
)
from polyframe.spec.model import ModelSpec
from polyframe.zoo.blocks import Shape, model, scaled

COUNTS = {
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}
"""Depth → convolutions in each stage: table 1, columns A, B, D and E."""
CHANNELS = (64, 128, 256, 512, 512)


def vgg11(
    num_classes: int = 1000, input_shape: Shape = (3, 224, 224), width: float = 1.0
) -> ModelSpec:
    """VGG-11: 132,863,336 parameters.

    Simonyan & Zisserman 2015, table 1, column A; ``torchvision/models/vgg.py``.
    """
    return _vgg("vgg11", 11, False, num_classes, input_shape, width)


def vgg13(
    num_classes: int = 1000, input_shape: Shape = (3, 224, 224), width: float = 1.0
) -> ModelSpec:
    """VGG-13: 133,047,848 parameters.

    Simonyan & Zisserman 2015, table 1, column B; ``torchvision/models/vgg.py``.
    """
    return _vgg("vgg13", 13, False, num_classes, input_shape, width)


def vgg16(
    num_classes: int = 1000, input_shape: Shape = (3, 224, 224), width: float = 1.0
) -> ModelSpec:
    """VGG-16: 138,357,544 parameters.

    Simonyan & Zisserman 2015, table 1, column D; ``torchvision/models/vgg.py``.
    """
    return _vgg("vgg16", 16, False, num_classes, input_shape, width)


def vgg19(
    num_classes: int = 1000, input_shape: Shape = (3, 224, 224), width: float = 1.0
) -> ModelSpec:
    """VGG-19: 143,667,240 parameters.

    Simonyan & Zisserman 2015, table 1, column E; ``torchvision/models/vgg.py``.
    """
    return _vgg("vgg19", 19, False, num_classes, input_shape, width)


def vgg11_bn(
    num_classes: int = 1000, input_shape: Shape = (3, 224, 224), width: float = 1.0
) -> ModelSpec:
    """VGG-11 with a batch norm after every convolution: 132,868,840 parameters.

    Simonyan & Zisserman 2015, table 1, column A; ``torchvision/models/vgg.py``.
    """
    return _vgg("vgg11_bn", 11, True, num_classes, input_shape, width)


def vgg13_bn(
    num_classes: int = 1000, input_shape: Shape = (3, 224, 224), width: float = 1.0
) -> ModelSpec:
    """VGG-13 with a batch norm after every convolution: 133,053,736 parameters.

    Simonyan & Zisserman 2015, table 1, column B; ``torchvision/models/vgg.py``.
    """
    return _vgg("vgg13_bn", 13, True, num_classes, input_shape, width)


def vgg16_bn(
    num_classes: int = 1000, input_shape: Shape = (3, 224, 224), width: float = 1.0
) -> ModelSpec:
    """VGG-16 with a batch norm after every convolution: 138,365,992 parameters.

    Simonyan & Zisserman 2015, table 1, column D; ``torchvision/models/vgg.py``.
    """
    return _vgg("vgg16_bn", 16, True, num_classes, input_shape, width)


def vgg19_bn(
    num_classes: int = 1000, input_shape: Shape = (3, 224, 224), width: float = 1.0
) -> ModelSpec:
    """VGG-19 with a batch norm after every convolution: 143,678,248 parameters.

    Simonyan & Zisserman 2015, table 1, column E; ``torchvision/models/vgg.py``.
    """
    return _vgg("vgg19_bn", 19, True, num_classes, input_shape, width)


def _vgg(
    name: str,
    depth: int,
    norm: bool,
    num_classes: int,
    input_shape: Shape,
    width: float,
) -> ModelSpec:
    features: list[Layer] = []
    for channels, count in zip(CHANNELS, COUNTS[depth], strict=True):
        for _ in range(count):
            features.append(Conv2D(scaled(channels, width), 3, padding=1))
            features += [BatchNorm()] if norm else []
            features.append(ReLU())
        features.append(MaxPool2D(2))
    hidden = scaled(4096, width)
    classifier = [
        *(Dense(hidden), ReLU(), Dropout()),
        *(Dense(hidden), ReLU(), Dropout()),
        Dense(num_classes),
    ]
    layers = [
        chain(features, "Features", "features"),
        AdaptiveAvgPool2D(output_size=7, name="avgpool"),
        Flatten(name="flatten"),
        chain(classifier, "Classifier", "classifier"),
    ]
    return model(layers, input_shape, name)
