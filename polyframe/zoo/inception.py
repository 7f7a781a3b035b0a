"""GoogLeNet and Inception v3, with batch norm and without auxiliary heads."""

from __future__ import annotations

from functools import partial

from polyframe.spec.graph import Block, Input
from polyframe.spec.layers import (
    AvgPool2D,
    BatchNorm,
    Concat,
    Conv2D,
    Dense,
    Dropout,
    GlobalAvgPool2D,
    Layer,
    MaxPool2D,
    ReLU,
)
from polyframe.spec.layers.base import Tensor
from polyframe.spec.model import ModelSpec, Sequential
from polyframe.zoo.blocks import Shape, model, scaled

Size = int | tuple[int, int]
"""One for both axes, or (height, width)."""


def googlenet(
    num_classes: int = 1000, input_shape: Shape = (3, 224, 224), width: float = 1.0
) -> ModelSpec:
    """GoogLeNet (Inception v1) with batch norm: 6,624,904 parameters.

    Szegedy et al. 2015, table 1; ``torchvision/models/googlenet.py``, which takes 3×3
    where the paper has 5×5 convolutions. Without the auxiliary heads.
    """
    conv, mixed = partial(basic_conv, width), partial(_inception, width)
    layers: list[Layer] = [
        conv(64, 7, stride=2, padding=3, name="conv1"),
        _halve("maxpool1"),
        conv(64, 1, name="conv2"),
        conv(192, 3, padding=1, name="conv3"),
        _halve("maxpool2"),
        mixed("inception3a", 64, (96, 128), (16, 32), 32),
        mixed("inception3b", 128, (128, 192), (32, 96), 64),
        _halve("maxpool3"),
        mixed("inception4a", 192, (96, 208), (16, 48), 64),
        mixed("inception4b", 160, (112, 224), (24, 64), 64),
        mixed("inception4c", 128, (128, 256), (24, 64), 64),
        mixed("inception4d", 112, (144, 288), (32, 64), 64),
        mixed("inception4e", 256, (160, 320), (32, 128), 128),
        MaxPool2D(2, stride=2, ceil_mode=True, name="maxpool4"),
        mixed("inception5a", 256, (160, 320), (32, 128), 128),
        mixed("inception5b", 384, (192, 384), (48, 128), 128),
        GlobalAvgPool2D(name="avgpool"),
        Dropout(0.2, name="dropout"),
        Dense(num_classes, name="fc"),
    ]
    return model(layers, input_shape, "googlenet")


def inception_v3(
    num_classes: int = 1000, input_shape: Shape = (3, 299, 299), width: float = 1.0
) -> ModelSpec:
    """Inception v3: 23,834,568 parameters.

    Szegedy et al. 2016, table 1; ``torchvision/models/inception.py``. Without the
    auxiliary head, which has 3,326,696 parameters more.
    """
    conv = partial(basic_conv, width)
    layers: list[Layer] = [
        conv(32, 3, stride=2, name="Conv2d_1a_3x3"),
        conv(32, 3, name="Conv2d_2a_3x3"),
        conv(64, 3, padding=1, name="Conv2d_2b_3x3"),
        MaxPool2D(3, stride=2, name="maxpool1"),
        conv(80, 1, name="Conv2d_3b_1x1"),
        conv(192, 3, name="Conv2d_4a_3x3"),
        MaxPool2D(3, stride=2, name="maxpool2"),
        _mixed_a(width, 32, "Mixed_5b"),
        _mixed_a(width, 64, "Mixed_5c"),
        _mixed_a(width, 64, "Mixed_5d"),
        _mixed_b(width, "Mixed_6a"),
        _mixed_c(width, 128, "Mixed_6b"),
        _mixed_c(width, 160, "Mixed_6c"),
        _mixed_c(width, 160, "Mixed_6d"),
        _mixed_c(width, 192, "Mixed_6e"),
        _mixed_d(width, "Mixed_7a"),
        _mixed_e(width, "Mixed_7b"),
        _mixed_e(width, "Mixed_7c"),
        GlobalAvgPool2D(name="avgpool"),
        Dropout(name="dropout"),
        Dense(num_classes, name="fc"),
    ]
    return model(layers, input_shape, "inception_v3")


def basic_conv(
    width: float,
    channels: int,
    kernel_size: Size,
    stride: int = 1,
    padding: Size = 0,
    name: str | None = None,
) -> Block:
    """A convolution without a bias, batch norm with eps = 0.001, and ReLU."""
    x, channels = Input(name="x"), scaled(channels, width)
    y = Conv2D(channels, kernel_size, stride, padding, bias=False, name="conv")(x)
    y = ReLU(name="relu")(BatchNorm(eps=0.001, name="bn")(y))
    return Block(x, y, kind="BasicConv2d", name=name)


def _halve(name: str) -> MaxPool2D:
    return MaxPool2D(3, stride=2, ceil_mode=True, name=name)


def _inception(
    width: float,
    name: str,
    one: int,
    three: tuple[int, int],
    five: tuple[int, int],
    pooled: int,
) -> Block:
    """Four paths side by side: Szegedy et al. 2015, figure 2(b)."""
    x, conv = Input(name="x"), partial(basic_conv, width)
    paths = [conv(one, 1, name="branch1")(x)]
    for number, (reduced, channels) in enumerate((three, five), 2):
        layers = [conv(reduced, 1), conv(channels, 3, padding=1)]
        paths.append(Sequential(layers, name=f"branch{number}")(x))
    pool = [MaxPool2D(3, stride=1, padding=1), conv(pooled, 1)]
    paths.append(Sequential(pool, name="branch4")(x))
    return Block(x, Concat(name="concat")(paths), kind="Inception", name=name)


class _Paths:
    """Paths of a block that share its input; convolutions are added by name."""

    def __init__(self, width: float) -> None:
        self.x = Input(name="x")
        self.width = width

    def conv(
        self, name: str, channels: int, size: Size = 1, stride: int | None = None
    ) -> Block:
        """A convolution under its name in torchvision; padded to keep the size unless
        it has a stride."""
        if stride is not None:
            return basic_conv(self.width, channels, size, stride, name=name)
        high, wide = (size, size) if isinstance(size, int) else size
        padding = (high // 2, wide // 2)
        return basic_conv(self.width, channels, size, padding=padding, name=name)

    def pool(self) -> Tensor:
        """The mean of every 3×3 window."""
        return AvgPool2D(3, stride=1, padding=1, name="avgpool")(self.x)

    def halve(self) -> Tensor:
        """The largest value of every other 3×3 window."""
        return MaxPool2D(3, stride=2, name="maxpool")(self.x)

    def block(self, outputs: list[Tensor], kind: str, name: str) -> Block:
        """All of it as a block."""
        y = Concat(name="concat")(outputs)
        return Block(self.x, y, kind=kind, name=name)


def _mixed_a(width: float, pooled: int, name: str) -> Block:
    """1×1, 5×5, two 3×3 and a pool: Szegedy et al. 2016, figure 5."""
    p = _Paths(width)
    one = p.conv("branch1x1", 64)(p.x)
    five = p.conv("branch5x5_1", 48)(p.x)
    five = p.conv("branch5x5_2", 64, 5)(five)
    double = p.conv("branch3x3dbl_1", 64)(p.x)
    double = p.conv("branch3x3dbl_2", 96, 3)(double)
    double = p.conv("branch3x3dbl_3", 96, 3)(double)
    pool = p.conv("branch_pool", pooled)(p.pool())
    return p.block([one, five, double, pool], "InceptionA", name)


def _mixed_b(width: float, name: str) -> Block:
    """Halves the image: Szegedy et al. 2016, figure 10."""
    p = _Paths(width)
    three = p.conv("branch3x3", 384, 3, stride=2)(p.x)
    double = p.conv("branch3x3dbl_1", 64)(p.x)
    double = p.conv("branch3x3dbl_2", 96, 3)(double)
    double = p.conv("branch3x3dbl_3", 96, 3, stride=2)(double)
    return p.block([three, double, p.halve()], "InceptionB", name)


def _mixed_c(width: float, channels: int, name: str) -> Block:
    """7×7 as 1×7 and 7×1: Szegedy et al. 2016, figure 6."""
    p = _Paths(width)
    one = p.conv("branch1x1", 192)(p.x)
    seven = p.conv("branch7x7_1", channels)(p.x)
    seven = p.conv("branch7x7_2", channels, (1, 7))(seven)
    seven = p.conv("branch7x7_3", 192, (7, 1))(seven)
    double = p.conv("branch7x7dbl_1", channels)(p.x)
    double = p.conv("branch7x7dbl_2", channels, (7, 1))(double)
    double = p.conv("branch7x7dbl_3", channels, (1, 7))(double)
    double = p.conv("branch7x7dbl_4", channels, (7, 1))(double)
    double = p.conv("branch7x7dbl_5", 192, (1, 7))(double)
    pool = p.conv("branch_pool", 192)(p.pool())
    return p.block([one, seven, double, pool], "InceptionC", name)


def _mixed_d(width: float, name: str) -> Block:
    """Halves the image again."""
    p = _Paths(width)
    three = p.conv("branch3x3_1", 192)(p.x)
    three = p.conv("branch3x3_2", 320, 3, stride=2)(three)
    seven = p.conv("branch7x7x3_1", 192)(p.x)
    seven = p.conv("branch7x7x3_2", 192, (1, 7))(seven)
    seven = p.conv("branch7x7x3_3", 192, (7, 1))(seven)
    seven = p.conv("branch7x7x3_4", 192, 3, stride=2)(seven)
    return p.block([three, seven, p.halve()], "InceptionD", name)


def _mixed_e(width: float, name: str) -> Block:
    """Paths that branch again into 1×3 and 3×1: Szegedy et al. 2016, figure 7."""
    p = _Paths(width)
    one = p.conv("branch1x1", 320)(p.x)
    y = p.conv("branch3x3_1", 384)(p.x)
    parts = [
        p.conv("branch3x3_2a", 384, (1, 3))(y),
        p.conv("branch3x3_2b", 384, (3, 1))(y),
    ]
    three = Concat(name="concat3x3")(parts)
    y = p.conv("branch3x3dbl_1", 448)(p.x)
    y = p.conv("branch3x3dbl_2", 384, 3)(y)
    parts = [
        p.conv("branch3x3dbl_3a", 384, (1, 3))(y),
        p.conv("branch3x3dbl_3b", 384, (3, 1))(y),
    ]
    double = Concat(name="concat3x3dbl")(parts)
    pool = p.conv("branch_pool", 192)(p.pool())
    return p.block([one, three, double, pool], "InceptionE", name)
