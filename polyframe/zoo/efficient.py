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
    """MNASNet-B1: 4,383,312 parameters.

    Tan et al. 2019, figure 7 (without squeeze and excitation);
    ``torchvision/models/mnasnet.py``. Channels are rounded to multiples of 8; the last
    1280 stay.
    """
    rows = [  # expansion, kernel, stride of the first, channels, blocks
        *((3, 3, 2, 24, 3), (3, 5, 2, 40, 3), (6, 5, 2, 80, 3)),
        *((6, 3, 1, 96, 2), (6, 5, 2, 192, 4), (6, 3, 1, 320, 1)),
    ]
    stem, in_channels = divisible(32 * width), divisible(16 * width)
    features = [
        *(Conv2D(stem, 3, stride=2, padding=1, bias=False), _NORM(), ReLU()),
        *(DepthwiseConv2D(kernel_size=3, padding=1, bias=False), _NORM(), ReLU()),
        *(Conv2D(in_channels, 1, bias=False), _NORM()),
    ]
    for expansion, kernel, first, channels, count in rows:
        out_channels, blocks = divisible(channels * width), []
        for index in range(count):
            stride = first if index == 0 else 1
            blocks.append(
                _mnas_block(in_channels, expansion, kernel, out_channels, stride)
            )
            in_channels = out_channels
        features.append(chain(blocks, "Stage"))
    features += [Conv2D(1280, 1, bias=False), _NORM(), ReLU()]
    layers = [
        chain(features, "Layers", "layers"),
        GlobalAvgPool2D(name="avgpool"),
        chain([Dropout(0.2), Dense(num_classes)], "Classifier", "classifier"),
    ]
    return model(layers, input_shape, "mnasnet1_0")


def _mnas_block(
    in_channels: int, expansion: int, kernel: int, out_channels: int, stride: int
) -> Block:
    """Expand, filter each channel, project without an activation."""
    depthwise = DepthwiseConv2D(
        kernel_size=kernel, stride=stride, padding=kernel // 2, bias=False
    )
    layers = [
        *(Conv2D(in_channels * expansion, 1, bias=False), _NORM(), ReLU()),
        *(depthwise, _NORM(), ReLU()),
        *(Conv2D(out_channels, 1, bias=False), _NORM()),
    ]
    shortcut = stride == 1 and in_channels == out_channels
    return residual(layers, "layers", "InvertedResidual", shortcut)


def efficientnet_b0(
    num_classes: int = 1000, input_shape: Shape = (3, 224, 224), width: float = 1.0
) -> ModelSpec:
    """EfficientNet-B0: 5,288,548 parameters.

    Tan & Le 2019, table 1; ``torchvision/models/efficientnet.py``, with dropout 0.2 and
    stochastic depth that grows from 0 towards 0.2. Channels are rounded to multiples
    of 8.
    """
    rows = [  # expansion, kernel, stride of the first, channels, blocks
        *((1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3)),
        *((6, 5, 1, 112, 3), (6, 5, 2, 192, 4), (6, 3, 1, 320, 1)),
    ]
    in_channels, done, total = divisible(32 * width), 0, sum(row[-1] for row in rows)
    features: list[Layer] = [ConvNorm(in_channels, 3, stride=2, activation=SiLU)]
    for expansion, kernel, first, channels, count in rows:
        out_channels, blocks = divisible(channels * width), []
        for index in range(count):
            stride, drop = first if index == 0 else 1, round(0.2 * done / total, 6)
            blocks.append(
                _mbconv(in_channels, expansion, kernel, out_channels, stride, drop)
            )
            in_channels, done = out_channels, done + 1
        features.append(chain(blocks, "Stage"))
    features.append(ConvNorm(4 * in_channels, 1, activation=SiLU))
    layers = [
        chain(features, "Features", "features"),
        GlobalAvgPool2D(name="avgpool"),
        chain([Dropout(0.2), Dense(num_classes)], "Classifier", "classifier"),
    ]
    return model(layers, input_shape, "efficientnet_b0")


def _mbconv(
    in_channels: int,
    expansion: int,
    kernel: int,
    out_channels: int,
    stride: int,
    drop: float,
) -> Block:
    """Expand, filter each channel, excite, project without an activation."""
    expanded = divisible(in_channels * expansion)
    layers: list[Layer] = []
    if expanded != in_channels:
        layers.append(ConvNorm(expanded, 1, activation=SiLU))
    layers += [
        ConvNorm(None, kernel, stride, activation=SiLU),
        SqueezeExcite(expanded, max(1, in_channels // 4), activation=SiLU),
        ConvNorm(out_channels, 1, activation=None),
    ]
    return residual(
        layers, "block", "MBConv", stride == 1 and in_channels == out_channels, drop
    )
