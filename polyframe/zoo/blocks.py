"""Pieces that the networks share: rounding of channels, chains, and common blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from polyframe.spec.graph import Block, Input, ModelSpec, Sequential, collect
from polyframe.spec.layers import (
    Add,
    BatchNorm,
    Conv2D,
    DepthwiseConv2D,
    DropPath,
    GlobalAvgPool2D,
    Layer,
    Multiply,
    ReLU,
    Sigmoid,
)

Shape = tuple[int, ...]
Maker = Callable[..., Layer]
"""A layer's class, or one with some of its fields given (``functools.partial``)."""


def scaled(channels: int, width: float) -> int:
    """Channels times a width, rounded to the nearest whole number, at least 1."""
    return max(1, int(channels * width + 0.5))


def divisible(channels: float, divisor: int = 8) -> int:
    """Channels rounded to a multiple, but never below nine tenths of what was asked.

    How the MobileNets round: ``torchvision/models/_utils.py``, ``_make_divisible``.
    """
    found = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return found if found >= 0.9 * channels else found + divisor


def model(layers: Sequence[Layer], input_shape: Shape, name: str) -> ModelSpec:
    """A chain of layers as a spec."""
    spec: ModelSpec = Sequential(layers, input_shape=input_shape, name=name)
    return spec


def chain(layers: Sequence[Layer], kind: str, name: str | None = None) -> Block:
    """A chain of layers as a block of that kind; the unnamed are called 0, 1, 2, …"""
    x = Input(name="x")
    y = x
    for layer in layers:
        y = layer(y)
    return Block(kind=kind, name=name, graph=collect(x, y, number=True))


def conv_norm(
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


def squeeze_excite(
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


def residual(
    layers: Sequence[Layer], inner: str, kind: str, shortcut: bool, drop: float = 0.0
) -> Block:
    """A chain called ``inner``, and its input added where there is a shortcut.

    ``drop`` is the probability with which a sample skips the chain while training
    (stochastic depth).
    """
    x = Input(name="x")
    y = chain(layers, f"{kind}Path", inner)(x)
    if shortcut and drop > 0:
        y = DropPath(p=drop, name="stochastic_depth")(y)
    if shortcut:
        y = Add(name="add")(y, x)
    return Block(x, y, kind=kind)
