"""Composites: blocks that many networks are made of, from the layers.

Each is a function that returns a ``Block``: used like a layer, written by every backend
as one class of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from polyframe.spec.graph import Block, Input, collect
from polyframe.spec.layers import (
    Add,
    BatchNorm,
    Conv2D,
    DepthwiseConv2D,
    GlobalAvgPool2D,
    Layer,
    Multiply,
    ReLU,
    Sigmoid,
)
from polyframe.spec.model import Sequential

Maker = Callable[..., Layer]
"""A layer's class, or one with some of its fields given (``functools.partial``)."""


def ConvNorm(
    channels: int | None,
    kernel_size: int = 3,
    stride: int = 1,
    *,
    groups: int = 1,
    activation: Maker | None = ReLU,
    norm: Maker = BatchNorm,
    name: str | None = None,
) -> Block:
    """Convolution, batch norm, activation, called 0, 1, 2; the image keeps its size but
    for the stride. Without ``channels`` the convolution is depthwise.

    It is torchvision's ``Conv2dNormActivation`` (``torchvision/ops/misc.py``).
    """
    settings: dict[str, Any] = {
        "stride": stride,
        "padding": (kernel_size - 1) // 2,
        "bias": False,
    }
    if channels is None:
        convolution: Layer = DepthwiseConv2D(kernel_size=kernel_size, **settings)
    else:
        convolution = Conv2D(channels, kernel_size, groups=groups, **settings)
    layers = [convolution, norm()]
    if activation is not None:
        layers.append(activation())
    return chain(layers, "ConvNorm", name)


def SqueezeExcite(
    channels: int,
    squeezed: int,
    activation: Maker = ReLU,
    gate: Maker = Sigmoid,
    name: str | None = None,
) -> Block:
    """Every channel times a factor that comes from the means of all channels.

    Hu et al. 2018, section 3, with 1×1 convolutions for the dense layers, as in
    torchvision's ``SqueezeExcitation`` (``torchvision/ops/misc.py``).
    """
    x = Input(name="x")
    y = GlobalAvgPool2D(keepdims=True, name="avgpool")(x)
    y = activation(name="activation")(Conv2D(squeezed, 1, name="fc1")(y))
    y = gate(name="scale_activation")(Conv2D(channels, 1, name="fc2")(y))
    y = Multiply(name="scale")(x, y)
    return Block(x, y, kind="SqueezeExcitation", name=name)


def BasicBlock(
    channels: int, stride: int = 1, project: bool = False, name: str | None = None
) -> Block:
    """Two 3×3 convolutions and a shortcut (He et al. 2016, figure 5, left).

    ``project``: whether the shortcut is a 1×1 convolution, as it has to be where the
    stride is not 1 or the input has another number of channels.
    """
    x, relu = Input(name="x"), ReLU(name="relu")
    y = conv3x3(channels, stride, name="conv1")(x)
    y = relu(BatchNorm(name="bn1")(y))
    y = conv3x3(channels, name="conv2")(y)
    y = BatchNorm(name="bn2")(y)
    shortcut = downsample(channels, stride)(x) if project else x
    y = relu(Add(name="add")(y, shortcut))
    return Block(x, y, kind="DownBlock" if project else "BasicBlock", name=name)


def Bottleneck(
    channels: int,
    stride: int = 1,
    project: bool = False,
    groups: int = 1,
    group_width: int = 64,
    name: str | None = None,
) -> Block:
    """1×1, 3×3 and 1×1 convolutions and a shortcut (He et al. 2016, figure 5, right).

    It has 4 · ``channels`` outputs, and ``group_width`` channels in each group of the
    3×3 convolution for every 64 of ``channels``. ``project``: as in ``BasicBlock``.
    """
    inner = max(1, channels * group_width // 64) * groups
    x, relu = Input(name="x"), ReLU(name="relu")
    y = Conv2D(inner, 1, bias=False, name="conv1")(x)
    y = relu(BatchNorm(name="bn1")(y))
    y = conv3x3(inner, stride, groups, name="conv2")(y)
    y = relu(BatchNorm(name="bn2")(y))
    y = Conv2D(4 * channels, 1, bias=False, name="conv3")(y)
    y = BatchNorm(name="bn3")(y)
    shortcut = downsample(4 * channels, stride)(x) if project else x
    y = relu(Add(name="add")(y, shortcut))
    kind = "DownBottleneck" if project else "Bottleneck"
    return Block(x, y, kind=kind, name=name)


def PreActBasicBlock(
    channels: int,
    stride: int = 1,
    project: bool = False,
    activate: bool = True,
    name: str | None = None,
) -> Block:
    """Two 3×3 convolutions, each after batch norm and ReLU, and a shortcut.

    He et al. 2016b ("Identity mappings"), figure 1(b). ``project``: as in
    ``BasicBlock``; ``activate``: whether the first batch norm and ReLU are there (a
    stem before the first block may have them already).
    """
    x, relu = Input(name="x"), ReLU(name="relu")
    a = relu(BatchNorm(name="bn1")(x)) if activate else x
    y = conv3x3(channels, stride, name="conv1")(a)
    y = relu(BatchNorm(name="bn2")(y))
    y = conv3x3(channels, name="conv2")(y)
    shortcut = _projection(channels, stride)(a) if project else x
    y = Add(name="add")(y, shortcut)
    return Block(x, y, kind=_kind("Block", project, activate), name=name)


def PreActBottleneck(
    channels: int,
    stride: int = 1,
    project: bool = False,
    activate: bool = True,
    name: str | None = None,
) -> Block:
    """1×1, 3×3 and 1×1 convolutions, each after batch norm and ReLU, and a shortcut.

    It has 4 · ``channels`` outputs; all else is as in ``PreActBasicBlock``.
    """
    x, relu = Input(name="x"), ReLU(name="relu")
    a = relu(BatchNorm(name="bn1")(x)) if activate else x
    y = Conv2D(channels, 1, bias=False, name="conv1")(a)
    y = relu(BatchNorm(name="bn2")(y))
    y = conv3x3(channels, stride, name="conv2")(y)
    y = relu(BatchNorm(name="bn3")(y))
    y = Conv2D(4 * channels, 1, bias=False, name="conv3")(y)
    shortcut = _projection(4 * channels, stride)(a) if project else x
    y = Add(name="add")(y, shortcut)
    return Block(x, y, kind=_kind("Bottleneck", project, activate), name=name)


def _kind(kind: str, project: bool, activate: bool) -> str:
    """Blocks of another structure are another class; this is its name."""
    if not activate:
        return f"First{kind}"
    return f"Down{kind}" if project else f"Pre{kind}"


def _projection(channels: int, stride: int) -> Conv2D:
    return Conv2D(channels, 1, stride=stride, bias=False, name="downsample")


def chain(layers: Sequence[Layer], kind: str, name: str | None = None) -> Block:
    """A chain of layers as a block of that kind; the unnamed are called 0, 1, 2, …"""
    x = Input(name="x")
    y = x
    for layer in layers:
        y = layer(y)
    return Block(kind=kind, name=name, graph=collect(x, y, number=True))


def conv3x3(
    channels: int, stride: int = 1, groups: int = 1, name: str | None = None
) -> Conv2D:
    """A padded 3×3 convolution without a bias: a batch norm follows."""
    return Conv2D(
        channels, 3, stride=stride, padding=1, groups=groups, bias=False, name=name
    )


def downsample(channels: int, stride: int) -> Block:
    """The projection that fits a shortcut to its block: option B of section 3.3."""
    layers = [Conv2D(channels, 1, stride=stride, bias=False), BatchNorm()]
    block: Block = Sequential(layers, name="downsample")
    return block


EXAMPLES: dict[Callable[..., Block], tuple[dict[str, Any], tuple[int, ...]]] = {
    BasicBlock: ({"channels": 8, "stride": 2, "project": True}, (4, 6, 6)),
    Bottleneck: ({"channels": 2, "groups": 2, "group_width": 32}, (8, 5, 5)),
    ConvNorm: ({"channels": 6, "kernel_size": 3, "stride": 2}, (4, 6, 6)),
    PreActBasicBlock: ({"channels": 8, "stride": 2, "project": True}, (4, 6, 6)),
    PreActBottleneck: ({"channels": 2}, (8, 5, 5)),
    SqueezeExcite: ({"channels": 8, "squeezed": 2}, (8, 4, 4)),
}
"""Composite → its fields and the shape (C, H, W) of an input."""
