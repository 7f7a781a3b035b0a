"""Residual networks, and what is made of the same blocks: Wide ResNet and ResNeXt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from polyframe.spec.composites import BasicBlock, Bottleneck
from polyframe.spec.graph import Block
from polyframe.spec.layers import (
    BatchNorm,
    Conv2D,
    Dense,
    GlobalAvgPool2D,
    Layer,
    MaxPool2D,
    ReLU,
)
from polyframe.spec.model import ModelSpec, Sequential
from polyframe.zoo.blocks import Shape, model, scaled

Unit = Callable[[int, int, bool], Block]
"""(channels, stride, whether to project the shortcut) → a residual block."""


def resnet18(
    num_classes: int = 1000, input_shape: Shape = (3, 224, 224), width: float = 1.0
) -> ModelSpec:
    """ResNet-18: 11,689,512 parameters.

    He et al. 2016, table 1; ``torchvision/models/resnet.py``.
    """
    counts = (2, 2, 2, 2)
    return _resnet("resnet18", BasicBlock, counts, num_classes, input_shape, width)


def resnet34(
    num_classes: int = 1000, input_shape: Shape = (3, 224, 224), width: float = 1.0
) -> ModelSpec:
    """ResNet-34: 21,797,672 parameters.

    He et al. 2016, table 1; ``torchvision/models/resnet.py``.
    """
    counts = (3, 4, 6, 3)
    return _resnet("resnet34", BasicBlock, counts, num_classes, input_shape, width)


def resnet50(
    num_classes: int = 1000, input_shape: Shape = (3, 224, 224), width: float = 1.0
) -> ModelSpec:
    """ResNet-50: 25,557,032 parameters.

    He et al. 2016, table 1, but with the stride in the 3×3 convolution ("v1.5"), as in
    ``torchvision/models/resnet.py``.
    """
    counts = (3, 4, 6, 3)
    return _resnet("resnet50", Bottleneck, counts, num_classes, input_shape, width)


def resnet101(
    num_classes: int = 1000, input_shape: Shape = (3, 224, 224), width: float = 1.0
) -> ModelSpec:
    """ResNet-101: 44,549,160 parameters.

    He et al. 2016, table 1, but with the stride in the 3×3 convolution ("v1.5"), as in
    ``torchvision/models/resnet.py``.
    """
    counts = (3, 4, 23, 3)
    return _resnet("resnet101", Bottleneck, counts, num_classes, input_shape, width)


def wide_resnet50_2(
    num_classes: int = 1000, input_shape: Shape = (3, 224, 224), width: float = 1.0
) -> ModelSpec:
    """ResNet-50 whose 3×3 convolutions are twice as wide: 68,883,240 parameters.

    Zagoruyko & Komodakis 2016, section 3.4 (WRN-50-2-bottleneck);
    ``torchvision/models/resnet.py``.
    """
    unit = partial(Bottleneck, group_width=128)
    counts = (3, 4, 6, 3)
    return _resnet("wide_resnet50_2", unit, counts, num_classes, input_shape, width)


def resnext50_32x4d(
    num_classes: int = 1000, input_shape: Shape = (3, 224, 224), width: float = 1.0
) -> ModelSpec:
    """ResNet-50 with 3×3 convolutions in 32 groups of 4 channels: 25,028,904 parameters.

    Xie et al. 2017, table 1; ``torchvision/models/resnet.py``. ``width`` scales the
    channels in a group; the groups stay 32.
    """
    unit = partial(Bottleneck, groups=32, group_width=4)
    counts = (3, 4, 6, 3)
    return _resnet("resnext50_32x4d", unit, counts, num_classes, input_shape, width)


def stem(width: float) -> list[Layer]:
    """A 7×7 convolution and a max pool, which quarter the image."""
    return [
        Conv2D(scaled(64, width), 7, stride=2, padding=3, bias=False, name="conv1"),
        BatchNorm(name="bn1"),
        ReLU(name="relu"),
        MaxPool2D(3, stride=2, padding=1, name="maxpool"),
    ]


def stage(unit: Unit, channels: int, count: int, number: int, project: bool) -> Block:
    """Blocks of one size; all stages but the first halve the image."""
    stride = 1 if number == 1 else 2
    blocks = [unit(channels, stride, project)]
    blocks += [unit(channels, 1, False) for _ in range(count - 1)]
    block: Block = Sequential(blocks, name=f"layer{number}")
    return block


def _resnet(
    name: str,
    unit: Unit,
    counts: Sequence[int],
    num_classes: int,
    input_shape: Shape,
    width: float,
) -> ModelSpec:
    layers = stem(width)
    for number, count in enumerate(counts, 1):
        channels = scaled(64 * 2 ** (number - 1), width)
        # The stem has 64 channels, as the first stage has of basic blocks.
        project = number > 1 or unit is not BasicBlock
        layers.append(stage(unit, channels, count, number, project))
    layers += [GlobalAvgPool2D(name="avgpool"), Dense(num_classes, name="fc")]
    return model(layers, input_shape, name)
