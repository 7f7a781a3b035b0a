"""Networks found by search: MNASNet and EfficientNet."""

from __future__ import annotations

from functools import partial

from polyframe.spec.composites import ConvNorm, SqueezeExcite, chain
from polyframe.spec.graph import Block
from polyframe.spec.layers import (
    BatchNorm,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    GlobalAvgPool2D,
    Layer,
    ReLU,
    SiLU,
)
from polyframe.spec.model import ModelSpec
from polyframe.zoo.blocks import Shape, divisible, model, residual

_NORM = partial(BatchNorm, momentum=0.0003)


def mnasnet1_0(
    num_classes: int = 1000, input_shape: Shape = (3, 224, 224), width: float = 1.0
) -> ModelSpec:
    """MNASNet-B1: 4,383,312 weights.

    Tan et al. 2019, figure 7 (without squeeze and excitation);
    ``torchvision/models/mnasnet.py``. Channels are rounded to multiples of 8; the last
    1280 stay.
    """
    rows = [  # expansion, kernel, stride of the first, channels, blocks
        *((3, 3, 2, 24, 3), (3, 5, 2, 40, 3), (6, 5, 2, 80, 3)),
        *((6, 3, 1, 96, 2), (6, 5, 2, 192, 4), (6, 3, 1, 320, 1)),
    ]
    stem, taken = divisible(32 * width), divisible(16 * width)
    features = [
        *(Conv2D(stem, 3, stride=2, padding=1, bias=False), _NORM(), ReLU()),
        *(DepthwiseConv2D(kernel_size=3, padding=1, bias=False), _NORM(), ReLU()),
        *(Conv2D(taken, 1, bias=False), _NORM()),
    ]
    for expansion, kernel, first, channels, count in rows:
        given, blocks = divisible(channels * width), []
        for index in range(count):
            stride = first if index == 0 else 1
            blocks.append(_mnas_block(taken, expansion, kernel, given, stride))
            taken = given
        features.append(chain(blocks, "Stage"))
    features += [Conv2D(1280, 1, bias=False), _NORM(), ReLU()]
    layers = [
        chain(features, "Layers", "layers"),
        GlobalAvgPool2D(name="avgpool"),
        chain([Dropout(0.2), Dense(num_classes)], "Classifier", "classifier"),
    ]
    return model(layers, input_shape, "mnasnet1_0")


def _mnas_block(
    taken: int, expansion: int, kernel: int, given: int, stride: int
) -> Block:
    """Expand, filter each channel, project without an activation."""
    depthwise = DepthwiseConv2D(
        kernel_size=kernel, stride=stride, padding=kernel // 2, bias=False
    )
    layers = [
        *(Conv2D(taken * expansion, 1, bias=False), _NORM(), ReLU()),
        *(depthwise, _NORM(), ReLU()),
        *(Conv2D(given, 1, bias=False), _NORM()),
    ]
    shortcut = stride == 1 and taken == given
    return residual(layers, "layers", "InvertedResidual", shortcut)


def efficientnet_b0(
    num_classes: int = 1000, input_shape: Shape = (3, 224, 224), width: float = 1.0
) -> ModelSpec:
    """EfficientNet-B0: 5,288,548 weights.

    Tan & Le 2019, table 1; ``torchvision/models/efficientnet.py``, with dropout 0.2 and
    stochastic depth that grows from 0 towards 0.2. Channels are rounded to multiples
    of 8.
    """
    rows = [  # expansion, kernel, stride of the first, channels, blocks
        *((1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3)),
        *((6, 5, 1, 112, 3), (6, 5, 2, 192, 4), (6, 3, 1, 320, 1)),
    ]
    taken, done, total = divisible(32 * width), 0, sum(row[-1] for row in rows)
    features: list[Layer] = [ConvNorm(taken, 3, stride=2, activation=SiLU)]
    for expansion, kernel, first, channels, count in rows:
        given, blocks = divisible(channels * width), []
        for index in range(count):
            stride, drop = first if index == 0 else 1, round(0.2 * done / total, 6)
            blocks.append(_mbconv(taken, expansion, kernel, given, stride, drop))
            taken, done = given, done + 1
        features.append(chain(blocks, "Stage"))
    features.append(ConvNorm(4 * taken, 1, activation=SiLU))
    layers = [
        chain(features, "Features", "features"),
        GlobalAvgPool2D(name="avgpool"),
        chain([Dropout(0.2), Dense(num_classes)], "Classifier", "classifier"),
    ]
    return model(layers, input_shape, "efficientnet_b0")


def _mbconv(
    taken: int, expansion: int, kernel: int, given: int, stride: int, drop: float
) -> Block:
    """Expand, filter each channel, excite, project without an activation."""
    expanded = divisible(taken * expansion)
    layers: list[Layer] = []
    if expanded != taken:
        layers.append(ConvNorm(expanded, 1, activation=SiLU))
    layers += [
        ConvNorm(None, kernel, stride, activation=SiLU),
        SqueezeExcite(expanded, max(1, taken // 4), activation=SiLU),
        ConvNorm(given, 1, activation=None),
    ]
    return residual(layers, "block", "MBConv", stride == 1 and taken == given, drop)
