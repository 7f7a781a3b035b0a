"""Residual networks whose blocks begin with batch norm and ReLU (pre-activation)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from polyframe.spec.composites import PreActBasicBlock, PreActBottleneck
from polyframe.spec.graph import Block
from polyframe.spec.layers import (
    BatchNorm,
    Dense,
    GlobalAvgPool2D,
    ReLU,
)
from polyframe.spec.model import ModelSpec, Sequential
from polyframe.zoo.blocks import Shape, model, scaled
from polyframe.zoo.resnet import stem

Unit = Callable[[int, int, bool, bool], Block]
"""(channels, stride, project the shortcut, activate the input) → a residual block."""


def resnet18_v2(
    num_classes: int = 1000, input_shape: Shape = (3, 224, 224), width: float = 1.0
) -> ModelSpec:
    """ResNet-18 with pre-activation: 11,687,720 parameters.

    He et al. 2016b ("Identity mappings"), figure 1(b) and appendix: the first block
    finds its input activated by the stem, a block that projects activates before the
    paths part, and a batch norm and a ReLU end the last. Projections are bare 1×1
    convolutions, as in the authors' ``resnet-pre-act.lua``.
    """
    return _resnet_v2(
        "resnet18_v2", PreActBasicBlock, (2, 2, 2, 2), num_classes, input_shape, width
    )


def resnet50_v2(
    num_classes: int = 1000, input_shape: Shape = (3, 224, 224), width: float = 1.0
) -> ModelSpec:
    """ResNet-50 with pre-activation: 25,549,352 parameters.

    He et al. 2016b, as ``resnet18_v2``; the stride is in the 3×3 convolution, as in
    ``resnet50``.
    """
    return _resnet_v2(
        "resnet50_v2", PreActBottleneck, (3, 4, 6, 3), num_classes, input_shape, width
    )


def _resnet_v2(
    name: str,
    unit: Unit,
    counts: Sequence[int],
    num_classes: int,
    input_shape: Shape,
    width: float,
) -> ModelSpec:
    layers = stem(width)
    for number, count in enumerate(counts, 1):
        channels, first = scaled(64 * 2 ** (number - 1), width), number == 1
        project = not first or unit is PreActBottleneck
        blocks = [unit(channels, 1 if first else 2, project, not first)]
        blocks += [unit(channels, 1, False, True) for _ in range(count - 1)]
        layers.append(Sequential(blocks, name=f"layer{number}"))
    layers += [
        BatchNorm(name="bn2"),
        ReLU(name="relu2"),
        GlobalAvgPool2D(name="avgpool"),
        Dense(num_classes, name="fc"),
    ]
    return model(layers, input_shape, name)
