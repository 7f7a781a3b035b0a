"""ConvNeXt: a convolutional network with the habits of a vision transformer."""

from __future__ import annotations

from typing import Any

from polyframe.spec.composites import chain
from polyframe.spec.graph import Block, Input
from polyframe.spec.initializers import Constant, Normal, Zeros
from polyframe.spec.layers import (
    GELU,
    Add,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    DropPath,
    Flatten,
    GlobalAvgPool2D,
    Layer,
    LayerNorm,
    Scale,
)
from polyframe.spec.model import ModelSpec
from polyframe.zoo.blocks import Shape, model, scaled

_START: dict[str, Any] = {"weight_init": Normal(std=0.02), "bias_init": Zeros()}
"""torchvision truncates the normal distribution at 100 standard deviations."""


def convnext_tiny(
    num_classes: int = 1000, input_shape: Shape = (3, 224, 224), width: float = 1.0
) -> ModelSpec:
    """ConvNeXt-T: 28,589,128 parameters.

    Liu et al. 2022, table 9 and figure 4; ``torchvision/models/convnext.py``, with
    stochastic depth that grows from 0 to 0.1. Where torchvision transposes to channels
    last, the layers here work on the channels: in ``block`` its layers 2, 3 and 5 are
    1, 2 and 4, the dense ones are 1×1 convolutions, and ``layer_scale`` is a layer's
    ``weight``; ``pf.zoo.TORCHVISION_RENAME`` maps the names.
    """
    rows = ((96, 3), (192, 3), (384, 9), (768, 3))
    total, done = sum(count for _, count in rows), 0
    features: list[Layer] = []
    for channels, count in rows:
        given = scaled(channels, width)
        if not features:
            features.append(
                chain([Conv2D(given, 4, stride=4, **_START), _norm()], "Stem")
            )
        else:
            features.append(
                chain([_norm(), Conv2D(given, 2, stride=2, **_START)], "Downsample")
            )
        blocks = []
        for _ in range(count):
            blocks.append(_block(given, round(0.1 * done / (total - 1), 6)))
            done += 1
        features.append(chain(blocks, "Stage"))
    classifier = [_norm(), Flatten(), Dense(num_classes, **_START)]
    layers = [
        chain(features, "Features", "features"),
        GlobalAvgPool2D(keepdims=True, name="avgpool"),
        chain(classifier, "Classifier", "classifier"),
    ]
    return model(layers, input_shape, "convnext_tiny")


def _norm() -> LayerNorm:
    """Layer norm over the channels of each pixel."""
    return LayerNorm(axes=(1,), eps=1e-6)


def _block(channels: int, drop: float) -> Block:
    """A 7×7 convolution for each channel, then a perceptron at each pixel."""
    layers = [
        DepthwiseConv2D(kernel_size=7, padding=3, **_START),
        _norm(),
        Conv2D(4 * channels, 1, **_START),
        GELU(),
        Conv2D(channels, 1, **_START),
    ]
    x = Input(name="x")
    y = chain(layers, "CNPath", "block")(x)
    y = Scale(axis=1, weight_init=Constant(1e-6), name="layer_scale")(y)
    if drop > 0:
        y = DropPath(p=drop, name="stochastic_depth")(y)
    return Block(x, Add(name="add")(y, x), kind="CNBlock")
