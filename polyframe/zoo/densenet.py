"""DenseNet: every layer of a block reads what all layers before it wrote."""

from __future__ import annotations

from polyframe.spec.composites import chain
from polyframe.spec.graph import Block, Input
from polyframe.spec.initializers import HeNormal, Zeros
from polyframe.spec.layers import (
    AvgPool2D,
    BatchNorm,
    Concat,
    Conv2D,
    Dense,
    GlobalAvgPool2D,
    Layer,
    MaxPool2D,
    ReLU,
)
from polyframe.spec.model import ModelSpec
from polyframe.zoo.blocks import Shape, model, scaled


def densenet121(
    num_classes: int = 1000, input_shape: Shape = (3, 224, 224), width: float = 1.0
) -> ModelSpec:
    """DenseNet-121 (growth rate 32): 7,978,856 parameters.

    Huang et al. 2017, table 1; ``torchvision/models/densenet.py``. ``width`` scales the
    growth rate and the stem.
    """
    growth, channels = scaled(32, width), scaled(64, width)
    features: list[Layer] = [
        _conv(channels, 7, 3, "conv0", stride=2),
        BatchNorm(name="norm0"),
        ReLU(name="relu0"),
        MaxPool2D(3, stride=2, padding=1, name="pool0"),
    ]
    for number, count in enumerate((6, 12, 24, 16), 1):
        dense = [_dense_layer(growth, f"denselayer{i + 1}") for i in range(count)]
        features.append(chain(dense, "DenseBlock", f"denseblock{number}"))
        channels += count * growth
        if number < 4:
            channels = max(1, channels // 2)
            features.append(_transition(channels, f"transition{number}"))
    features.append(BatchNorm(name="norm5"))
    layers = [
        chain(features, "Features", "features"),
        ReLU(name="relu"),
        GlobalAvgPool2D(name="avgpool"),
        Dense(num_classes, bias_init=Zeros(), name="classifier"),
    ]
    return model(layers, input_shape, "densenet121")


def _conv(channels: int, size: int, padding: int, name: str, stride: int = 1) -> Conv2D:
    return Conv2D(
        channels,
        size,
        stride=stride,
        padding=padding,
        bias=False,
        weight_init=HeNormal(),
        name=name,
    )


def _dense_layer(growth: int, name: str) -> Block:
    """1×1 and 3×3 convolutions after batch norm and ReLU, next to their input."""
    x = Input(name="x")
    y = ReLU(name="relu1")(BatchNorm(name="norm1")(x))
    y = _conv(4 * growth, 1, 0, "conv1")(y)
    y = ReLU(name="relu2")(BatchNorm(name="norm2")(y))
    y = _conv(growth, 3, 1, "conv2")(y)
    return Block(x, Concat(name="concat")(x, y), kind="DenseLayer", name=name)


def _transition(channels: int, name: str) -> Block:
    """Half the channels, and half the image."""
    layers = [
        BatchNorm(name="norm"),
        ReLU(name="relu"),
        _conv(channels, 1, 0, "conv"),
        AvgPool2D(2, name="pool"),
    ]
    return chain(layers, "Transition", name)
