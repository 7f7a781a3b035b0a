"""Pieces that the networks share: rounding of channels, chains, and common blocks."""

from __future__ import annotations

from collections.abc import Sequence

from polyframe.spec.composites import chain
from polyframe.spec.graph import Block, Input
from polyframe.spec.layers import (
    Add,
    DropPath,
    Layer,
)
from polyframe.spec.model import ModelSpec, Sequential

Shape = tuple[int, ...]


def scaled(channels: int, width: float) -> int:
    """Channels times a width, rounded to the nearest whole number, at least 1."""
    return max(1, int(channels * width + 0.5))


def divisible(channels: float, divisor: int = 8) -> int:
    """Channels rounded to a multiple, but never below nine tenths of what was asked.

    How the MobileNets round: ``torchvision/models/_utils.py``, ``_make_divisible``.
    """
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded if rounded >= 0.9 * channels else rounded + divisor


def model(layers: Sequence[Layer], input_shape: Shape, name: str) -> ModelSpec:
    """A chain of layers as a spec."""
    spec: ModelSpec = Sequential(layers, input_shape=input_shape, name=name)
    return spec


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
