"""SqueezeNet: fire modules, which squeeze to few channels and expand again."""

from __future__ import annotations

from polyframe.spec.composites import chain
from polyframe.spec.graph import Block, Input
from polyframe.spec.initializers import HeUniform, Zeros
from polyframe.spec.layers import (
    Concat,
    Conv2D,
    Dropout,
    GlobalAvgPool2D,
    Layer,
    MaxPool2D,
    ReLU,
)
from polyframe.spec.model import ModelSpec
from polyframe.zoo.blocks import Shape, model, scaled


def squeezenet1_0(
    num_classes: int = 1000, input_shape: Shape = (3, 224, 224), width: float = 1.0
) -> ModelSpec:
    """SqueezeNet 1.0: 1,248,424 parameters.

    Iandola et al. 2016, table 1; ``torchvision/models/squeezenet.py``.
    """
    features = [
        *(_conv(scaled(96, width), 7, stride=2), ReLU(), _pool()),
        *(_fire(16, 64, width), _fire(16, 64, width), _fire(32, 128, width), _pool()),
        *(_fire(32, 128, width), _fire(48, 192, width), _fire(48, 192, width)),
        *(_fire(64, 256, width), _pool(), _fire(64, 256, width)),
    ]
    return _squeezenet("squeezenet1_0", features, num_classes, input_shape)


def squeezenet1_1(
    num_classes: int = 1000, input_shape: Shape = (3, 224, 224), width: float = 1.0
) -> ModelSpec:
    """SqueezeNet 1.1, 2.4 times less work as it pools earlier: 1,235,496 parameters.

    Iandola et al. 2016, in the version 1.1 of the authors' repository;
    ``torchvision/models/squeezenet.py``.
    """
    features = [
        *(_conv(scaled(64, width), 3, stride=2), ReLU(), _pool()),
        *(_fire(16, 64, width), _fire(16, 64, width), _pool()),
        *(_fire(32, 128, width), _fire(32, 128, width), _pool()),
        *(_fire(48, 192, width), _fire(48, 192, width)),
        *(_fire(64, 256, width), _fire(64, 256, width)),
    ]
    return _squeezenet("squeezenet1_1", features, num_classes, input_shape)


def _squeezenet(
    name: str, features: list[Layer], num_classes: int, input_shape: Shape
) -> ModelSpec:
    classifier = [Dropout(), Conv2D(num_classes, 1, bias_init=Zeros()), ReLU()]
    layers = [
        chain(features, "Features", "features"),
        chain(classifier, "Classifier", "classifier"),
        GlobalAvgPool2D(name="avgpool"),
    ]
    return model(layers, input_shape, name)


def _conv(
    channels: int,
    size: int,
    stride: int = 1,
    padding: int = 0,
    name: str | None = None,
) -> Conv2D:
    return Conv2D(
        channels,
        size,
        stride=stride,
        padding=padding,
        weight_init=HeUniform(),
        bias_init=Zeros(),
        name=name,
    )


def _pool() -> MaxPool2D:
    return MaxPool2D(3, stride=2, ceil_mode=True)


def _fire(squeezed: int, expanded: int, width: float) -> Block:
    """1×1 to few channels, then 1×1 and 3×3 side by side (section 3.1, figure 1)."""
    squeezed, expanded = scaled(squeezed, width), scaled(expanded, width)
    x = Input(name="x")
    y = _conv(squeezed, 1, name="squeeze")(x)
    y = ReLU(name="squeeze_activation")(y)
    one = _conv(expanded, 1, name="expand1x1")(y)
    one = ReLU(name="expand1x1_activation")(one)
    three = _conv(expanded, 3, padding=1, name="expand3x3")(y)
    three = ReLU(name="expand3x3_activation")(three)
    return Block(x, Concat(name="concat")(one, three), kind="Fire")
