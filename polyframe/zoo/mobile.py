"""MobileNets: depthwise and pointwise convolutions in place of full ones."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from polyframe.spec.composites import ConvNorm, SqueezeExcite, chain
from polyframe.spec.graph import Block
from polyframe.spec.layers import (
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    GlobalAvgPool2D,
    HardSigmoid,
    HardSwish,
    Layer,
    ReLU,
    ReLU6,
)
from polyframe.spec.model import ModelSpec
from polyframe.zoo.blocks import Shape, divisible, model, residual, scaled


def mobilenet_v1(
    num_classes: int = 1000, input_shape: Shape = (3, 224, 224), width: float = 1.0
) -> ModelSpec:
    """MobileNet (v1): 4,231,976 parameters.

    Howard et al. 2017, table 1 and figure 3; ``width`` is the width multiplier α of
    section 3.3. Every convolution is followed by batch norm and ReLU.
    """
    rows = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)]
    rows += [(512, 1)] * 5 + [(1024, 2), (1024, 1)]
    features: list[Layer] = [ConvNorm(scaled(32, width), 3, stride=2)]
    for channels, stride in rows:
        pair = [
            ConvNorm(None, 3, stride, name="depthwise"),
            ConvNorm(scaled(channels, width), 1, name="pointwise"),
        ]
        features.append(chain(pair, "SeparableConv"))
    layers = [
        chain(features, "Features", "features"),
        GlobalAvgPool2D(name="avgpool"),
        Dense(num_classes, name="classifier"),
    ]
    return model(layers, input_shape, "mobilenet_v1")


def mobilenet_v2(
    num_classes: int = 1000, input_shape: Shape = (3, 224, 224), width: float = 1.0
) -> ModelSpec:
    """MobileNet v2: 3,504,872 parameters.

    Sandler et al. 2018, table 2; ``torchvision/models/mobilenetv2.py``. Channels are
    rounded to multiples of 8; the last 1280 do not shrink.
    """
    rows = [  # expansion, channels, blocks, stride of the first
        *((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2)),
        *((6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)),
    ]
    in_channels = divisible(32 * width)
    features: list[Layer] = [ConvNorm(in_channels, 3, stride=2, activation=ReLU6)]
    for expansion, channels, count, first in rows:
        out_channels = divisible(channels * width)
        for index in range(count):
            stride = first if index == 0 else 1
            features.append(_inverted(in_channels, expansion, out_channels, stride))
            in_channels = out_channels
    last = divisible(1280 * max(1.0, width))
    features.append(ConvNorm(last, 1, activation=ReLU6))
    layers = [
        chain(features, "Features", "features"),
        GlobalAvgPool2D(name="avgpool"),
        chain([Dropout(0.2), Dense(num_classes)], "Classifier", "classifier"),
    ]
    return model(layers, input_shape, "mobilenet_v2")


def _inverted(
    in_channels: int, expansion: int, out_channels: int, stride: int
) -> Block:
    """Expand, filter each channel, project without an activation (figure 4(d))."""
    expand = [ConvNorm(in_channels * expansion, 1, activation=ReLU6)]
    layers = [
        *(expand if expansion != 1 else []),
        ConvNorm(None, 3, stride, activation=ReLU6),
        Conv2D(out_channels, 1, bias=False),
        BatchNorm(),
    ]
    shortcut = stride == 1 and in_channels == out_channels
    return residual(layers, "conv", "InvertedResidual", shortcut)


class Row(NamedTuple):
    """A block of MobileNet v3 as a line of the paper's tables 1 and 2."""

    kernel: int
    expanded: int
    channels: int
    excite: bool
    hard: bool  # hard swish, else ReLU
    stride: int


_NORM = partial(BatchNorm, eps=0.001, momentum=0.01)


def mobilenet_v3_large(
    num_classes: int = 1000, input_shape: Shape = (3, 224, 224), width: float = 1.0
) -> ModelSpec:
    """MobileNet v3, large: 5,483,032 parameters.

    Howard et al. 2019, table 1; ``torchvision/models/mobilenetv3.py``. Channels are
    rounded to multiples of 8.
    """
    rows = [
        Row(3, 16, 16, False, False, 1),
        Row(3, 64, 24, False, False, 2),
        Row(3, 72, 24, False, False, 1),
        Row(5, 72, 40, True, False, 2),
        Row(5, 120, 40, True, False, 1),
        Row(5, 120, 40, True, False, 1),
        Row(3, 240, 80, False, True, 2),
        Row(3, 200, 80, False, True, 1),
        Row(3, 184, 80, False, True, 1),
        Row(3, 184, 80, False, True, 1),
        Row(3, 480, 112, True, True, 1),
        Row(3, 672, 112, True, True, 1),
        Row(5, 672, 160, True, True, 2),
        Row(5, 960, 160, True, True, 1),
        Row(5, 960, 160, True, True, 1),
    ]
    name = "mobilenet_v3_large"
    return _mobilenet_v3(name, rows, 1280, num_classes, input_shape, width)


def mobilenet_v3_small(
    num_classes: int = 1000, input_shape: Shape = (3, 224, 224), width: float = 1.0
) -> ModelSpec:
    """MobileNet v3, small: 2,542,856 parameters.

    Howard et al. 2019, table 2; ``torchvision/models/mobilenetv3.py``. Channels are
    rounded to multiples of 8.
    """
    rows = [
        Row(3, 16, 16, True, False, 2),
        Row(3, 72, 24, False, False, 2),
        Row(3, 88, 24, False, False, 1),
        Row(5, 96, 40, True, True, 2),
        Row(5, 240, 40, True, True, 1),
        Row(5, 240, 40, True, True, 1),
        Row(5, 120, 48, True, True, 1),
        Row(5, 144, 48, True, True, 1),
        Row(5, 288, 96, True, True, 2),
        Row(5, 576, 96, True, True, 1),
        Row(5, 576, 96, True, True, 1),
    ]
    name = "mobilenet_v3_small"
    return _mobilenet_v3(name, rows, 1024, num_classes, input_shape, width)


def _mobilenet_v3(
    name: str,
    rows: list[Row],
    hidden: int,
    num_classes: int,
    input_shape: Shape,
    width: float,
) -> ModelSpec:
    conv = partial(ConvNorm, activation=HardSwish, norm=_NORM)
    in_channels = divisible(16 * width)
    features: list[Layer] = [conv(in_channels, 3, stride=2)]
    for row in rows:
        features.append(_block_v3(in_channels, row, width))
        in_channels = divisible(row.channels * width)
    features.append(conv(6 * in_channels, 1))
    classifier = [
        Dense(divisible(hidden * width)),
        HardSwish(),
        Dropout(0.2),
        Dense(num_classes),
    ]
    layers = [
        chain(features, "Features", "features"),
        GlobalAvgPool2D(name="avgpool"),
        chain(classifier, "Classifier", "classifier"),
    ]
    return model(layers, input_shape, name)


def _block_v3(in_channels: int, row: Row, width: float) -> Block:
    """An inverted residual with squeeze and excitation (figure 4)."""
    conv = partial(ConvNorm, norm=_NORM)
    activation = HardSwish if row.hard else ReLU
    expanded = divisible(row.expanded * width)
    out_channels = divisible(row.channels * width)
    layers: list[Layer] = []
    if expanded != in_channels:
        layers.append(conv(expanded, 1, activation=activation))
    layers.append(conv(None, row.kernel, row.stride, activation=activation))
    if row.excite:
        squeezed = divisible(expanded // 4)
        layers.append(SqueezeExcite(expanded, squeezed, gate=HardSigmoid))
    layers.append(conv(out_channels, 1, activation=None))
    shortcut = row.stride == 1 and in_channels == out_channels
    return residual(layers, "block", "InvertedResidual", shortcut)
