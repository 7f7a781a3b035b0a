"""RegNet: bottlenecks of one width, whose widths and depths follow a straight line."""

from __future__ import annotations

from polyframe.spec.composites import ConvNorm, SqueezeExcite, chain
from polyframe.spec.graph import Block, Input
from polyframe.spec.layers import Add, Dense, GlobalAvgPool2D, Layer, ReLU
from polyframe.spec.model import ModelSpec
from polyframe.zoo.blocks import Shape, divisible, model


def regnet_y_400mf(
    num_classes: int = 1000, input_shape: Shape = (3, 224, 224), width: float = 1.0
) -> ModelSpec:
    """RegNetY-400MF: 4,344,144 parameters.

    Radosavovic et al. 2020, table 2; ``torchvision/models/regnet.py``, where depth 16,
    w_0 = 48, w_a = 27.89 and w_m = 2.09 give the stages here. Where torchvision says
    ``block1-0`` the name here is ``block1_0`` (``pf.zoo.TORCHVISION_RENAME``). Widths are
    rounded to multiples of the groups' 8 channels.
    """
    in_channels = divisible(32 * width)
    layers: list[Layer] = [ConvNorm(in_channels, 3, stride=2, name="stem")]
    stages = []
    for number, (channels, count) in enumerate(
        ((48, 1), (104, 3), (208, 6), (440, 6)), 1
    ):
        out_channels, blocks = divisible(channels * width), []
        for index in range(count):
            name = f"block{number}_{index}"
            blocks.append(
                _block(in_channels, out_channels, 2 if index == 0 else 1, name)
            )
            in_channels = out_channels
        stages.append(chain(blocks, "Stage", f"block{number}"))
    layers += [
        chain(stages, "Trunk", "trunk_output"),
        GlobalAvgPool2D(name="avgpool"),
        Dense(num_classes, name="fc"),
    ]
    return model(layers, input_shape, "regnet_y_400mf")


def _block(in_channels: int, out_channels: int, stride: int, name: str) -> Block:
    """1×1, grouped 3×3 with squeeze and excitation, 1×1, and a shortcut."""
    transform = [
        ConvNorm(out_channels, 1, name="a"),
        ConvNorm(out_channels, 3, stride, groups=out_channels // 8, name="b"),
        SqueezeExcite(out_channels, int(0.25 * in_channels + 0.5), name="se"),
        ConvNorm(out_channels, 1, activation=None, name="c"),
    ]
    x = Input(name="x")
    shortcut, project = x, in_channels != out_channels or stride != 1
    if project:
        shortcut = ConvNorm(out_channels, 1, stride, activation=None, name="proj")(x)
    y = chain(transform, "BottleneckTransform", "f")(x)
    y = ReLU(name="activation")(Add(name="add")(shortcut, y))
    return Block(x, y, kind="DownBottleneck" if project else "Bottleneck", name=name)
