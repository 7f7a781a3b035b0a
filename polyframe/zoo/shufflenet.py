"""ShuffleNet v2: half of the channels pass by, and a shuffle mixes the halves."""

from __future__ import annotations

from polyframe.spec.composites import ConvNorm, chain
from polyframe.spec.graph import Block, Input
from polyframe.spec.layers import (
    BatchNorm,
    ChannelShuffle,
    Concat,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    GlobalAvgPool2D,
    Layer,
    MaxPool2D,
    ReLU,
    split,
)
from polyframe.spec.model import ModelSpec, Sequential
from polyframe.zoo.blocks import Shape, model, scaled


def shufflenet_v2_x1_0(
    num_classes: int = 1000, input_shape: Shape = (3, 224, 224), width: float = 1.0
) -> ModelSpec:
    """ShuffleNet v2, 1×: 2,278,604 parameters.

    Ma et al. 2018, table 5 and figure 3(c, d); ``torchvision/models/shufflenetv2.py``.
    ``width`` scales the three stages; the first 24 and the last 1024 channels stay, as
    in table 5 up to 1.5×.
    """
    layers: list[Layer] = [
        ConvNorm(24, 3, stride=2, name="conv1"),
        MaxPool2D(3, stride=2, padding=1, name="maxpool"),
    ]
    for number, (half, count) in enumerate(((58, 4), (116, 8), (232, 4)), 2):
        channels = scaled(half, width)
        blocks = [_down_unit(channels), *(_unit(channels) for _ in range(count - 1))]
        layers.append(Sequential(blocks, name=f"stage{number}"))
    layers += [
        ConvNorm(1024, 1, name="conv5"),
        GlobalAvgPool2D(name="avgpool"),
        Dense(num_classes, name="fc"),
    ]
    return model(layers, input_shape, "shufflenet_v2_x1_0")


def _path(channels: int, stride: int) -> list[Layer]:
    """A convolution for each channel, then one across them."""
    return [
        DepthwiseConv2D(kernel_size=3, stride=stride, padding=1, bias=False),
        BatchNorm(),
        *_pointwise(channels),
    ]


def _pointwise(channels: int) -> list[Layer]:
    return [Conv2D(channels, 1, bias=False), BatchNorm(), ReLU()]


def _unit(channels: int) -> Block:
    """Half of 2 · ``channels`` goes through the path (figure 3(c))."""
    x = Input(name="x")
    one, two = split(x, 2)
    path = chain([*_pointwise(channels), *_path(channels, 1)], "Branch", "branch2")
    y = Concat(name="concat")(one, path(two))
    y = ChannelShuffle(groups=2, name="shuffle")(y)
    return Block(x, y, kind="ShuffleUnit")


def _down_unit(channels: int) -> Block:
    """Two paths that halve the image, each with ``channels`` outputs (figure 3(d))."""
    x = Input(name="x")
    path = [*_pointwise(channels), *_path(channels, 2)]
    one = chain(_path(channels, 2), "DownBranch", "branch1")(x)
    two = chain(path, "DownBranch", "branch2")(x)
    y = ChannelShuffle(groups=2, name="shuffle")(Concat(name="concat")(one, two))
    return Block(x, y, kind="DownUnit")
