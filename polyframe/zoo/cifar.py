"""Residual networks for CIFAR-10, whose shortcuts have no parameters."""

from __future__ import annotations

from polyframe.spec.composites import BasicBlock, chain, conv3x3
from polyframe.spec.graph import Block, Input
from polyframe.spec.layers import (
    Add,
    AvgPool2D,
    BatchNorm,
    Dense,
    GlobalAvgPool2D,
    Layer,
    Pad,
    Permute,
    ReLU,
)
from polyframe.spec.model import ModelSpec, Sequential
from polyframe.zoo.blocks import Shape, model, scaled


def cifar_resnet20(
    num_classes: int = 10, input_shape: Shape = (3, 32, 32), width: float = 1.0
) -> ModelSpec:
    """ResNet-20 for CIFAR-10: 269,722 parameters.

    He et al. 2016, section 4.2 and table 6 (0.27M), with shortcuts of option A: every
    other pixel, and zeros for the channels that are new.
    """
    return _cifar_resnet("cifar_resnet20", 3, num_classes, input_shape, width)


def cifar_resnet56(
    num_classes: int = 10, input_shape: Shape = (3, 32, 32), width: float = 1.0
) -> ModelSpec:
    """ResNet-56 for CIFAR-10: 853,018 parameters.

    He et al. 2016, section 4.2 and table 6 (0.85M), as ``cifar_resnet20``.
    """
    return _cifar_resnet("cifar_resnet56", 9, num_classes, input_shape, width)


def _cifar_resnet(
    name: str, count: int, num_classes: int, input_shape: Shape, width: float
) -> ModelSpec:
    in_channels = scaled(16, width)
    layers: list[Layer] = [
        conv3x3(in_channels, name="conv1"),
        BatchNorm(name="bn1"),
        ReLU(name="relu"),
    ]
    for number in (1, 2, 3):
        out_channels = scaled(16 * 2 ** (number - 1), width)
        first = (
            BasicBlock(out_channels)
            if number == 1
            else _down_block(in_channels, out_channels)
        )
        blocks = [first, *(BasicBlock(out_channels) for _ in range(count - 1))]
        layers.append(Sequential(blocks, name=f"layer{number}"))
        in_channels = out_channels
    layers += [GlobalAvgPool2D(name="avgpool"), Dense(num_classes, name="fc")]
    return model(layers, input_shape, name)


def _down_block(in_channels: int, out_channels: int) -> Block:
    """A basic block that halves the image, with the shortcut of option A."""
    x, relu = Input(name="x"), ReLU(name="relu")
    y = conv3x3(out_channels, 2, name="conv1")(x)
    y = relu(BatchNorm(name="bn1")(y))
    y = BatchNorm(name="bn2")(conv3x3(out_channels, name="conv2")(y))
    y = relu(Add(name="add")(y, _shortcut(in_channels, out_channels)(x)))
    return Block(x, y, kind="DownBlock")


def _shortcut(in_channels: int, out_channels: int) -> Block:
    """Every other pixel, between channels of zeros."""
    before = (out_channels - in_channels) // 2
    # A pool of one pixel: frameworks stride faster in pools than in slices. Padding is
    # spatial: the channels are swapped with the rows and back.
    layers = [
        AvgPool2D(1, stride=2, name="pool"),
        Permute(axes=(2, 1, 3), name="swap"),
        Pad(
            padding=((before, out_channels - in_channels - before), (0, 0)), name="pad"
        ),
        Permute(axes=(2, 1, 3), name="back"),
    ]
    return chain(layers, "Shortcut", "shortcut")
