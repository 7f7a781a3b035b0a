"""Networks that give every pixel a class: U-Net, a small one, and FCN-32s."""

from __future__ import annotations

from polyframe.errors import SpecError
from polyframe.spec.composites import chain
from polyframe.spec.graph import Block, Input
from polyframe.spec.layers import (
    Concat,
    Conv2D,
    ConvTranspose2D,
    Crop,
    Dropout,
    Layer,
    MaxPool2D,
    ReLU,
)
from polyframe.spec.layers.base import Tensor
from polyframe.spec.model import ModelSpec
from polyframe.zoo.blocks import Shape, model, scaled
from polyframe.zoo.vgg import CHANNELS, COUNTS

DEPTH = 4
"""How often U-Net halves the image."""


def unet(
    num_classes: int = 2, input_shape: Shape = (1, 572, 572), width: float = 1.0
) -> ModelSpec:
    """U-Net: 31,030,658 parameters.

    Ronneberger et al. 2015, figure 1 and section 2: convolutions without padding, so
    that 572×572 pixels in give 388×388 classes out, and what a shortcut carries is
    cropped. Dropout 0.5 ends the contracting path (section 3.1).
    """
    x = Input(input_shape, name="x")
    y, kept, sizes = x, [], [input_shape[1:]]
    for level in range(DEPTH):
        y = _double_conv(scaled(64 * 2**level, width), f"down{level + 1}")(y)
        kept.append(y)
        sizes.append(tuple((n - 4) // 2 for n in sizes[-1]))
        y = MaxPool2D(2, name=f"pool{level + 1}")(y)
    y = _double_conv(scaled(64 * 2**DEPTH, width), "bottom")(y)
    y, size = Dropout(name="dropout")(y), tuple(n - 4 for n in sizes[-1])
    if min(size) < 1:
        raise SpecError(f"images {input_shape} are too small", where="unet")
    for level in reversed(range(DEPTH)):
        channels, number = scaled(64 * 2**level, width), level + 1
        size = tuple(2 * n for n in size)
        full = tuple(n - 4 for n in sizes[level])
        y = _expand(channels, _margins(full, size), number)(kept[level], y)
        size = tuple(n - 4 for n in size)
    y = Conv2D(num_classes, 1, name="out")(y)
    return ModelSpec(x, y, name="unet")


def small_unet(
    num_classes: int = 2, input_shape: Shape = (1, 32, 32), width: float = 1.0
) -> ModelSpec:
    """A U-Net for first steps, whose outputs are as large as the images: 29,330 parameters.

    Two levels of 8 and 16 channels and 32 at the bottom, convolutions with padding, no
    dropout: otherwise as U-Net. Height and width are multiples of 4.
    """
    if any(side % 4 for side in input_shape[1:]):
        raise SpecError(
            f"images {input_shape} cannot be halved twice",
            where="small_unet",
            hint="height and width have to be multiples of 4",
        )
    x = Input(input_shape, name="x")
    y, kept = x, []
    for number in (1, 2):
        channels = scaled(8 * number, width)
        y = _double_conv(channels, f"down{number}", "same")(y)
        kept.append(y)
        y = MaxPool2D(2, name=f"pool{number}")(y)
    y = _double_conv(scaled(32, width), "bottom", "same")(y)
    for number in (2, 1):
        channels = scaled(8 * number, width)
        y = _expand(channels, None, number, "same")(kept[number - 1], y)
    y = Conv2D(num_classes, 1, name="out")(y)
    return ModelSpec(x, y, name="small_unet")


def _margins(full: Shape, wanted: Shape) -> tuple[tuple[int, int], ...]:
    """What to cut off on both sides, so that the middle of that size is left."""
    cuts = [a - b for a, b in zip(full, wanted, strict=True)]
    return tuple((cut // 2, cut - cut // 2) for cut in cuts)


def _double_conv(channels: int, name: str, padding: int | str = 0) -> Block:
    """Two 3×3 convolutions, which without padding take four pixels off height and width."""
    layers = [
        Conv2D(channels, 3, padding=padding, name="conv1"),
        ReLU(name="relu1"),
        Conv2D(channels, 3, padding=padding, name="conv2"),
        ReLU(name="relu2"),
    ]
    return chain(layers, "DoubleConv", name)


def _expand(
    channels: int,
    margins: tuple[tuple[int, int], ...] | None,
    number: int,
    padding: int | str = 0,
) -> Block:
    """Double the image, put the shortcut in front, cropped by ``margins``, convolve
    twice."""
    shortcut, y = Input(name="shortcut"), Input(name="y")
    up = ConvTranspose2D(out_channels=channels, kernel_size=2, stride=2, name="up")
    cut = shortcut if margins is None else Crop(margins, name="crop")(shortcut)
    both: Tensor = Concat(name="concat")(cut, up(y))
    made = _double_conv(channels, "conv", padding)(both)
    return Block([shortcut, y], made, kind="Expand", name=f"up{number}")


def fcn32s(
    num_classes: int = 21, input_shape: Shape = (3, 224, 224), width: float = 1.0
) -> ModelSpec:
    """FCN-32s on VGG-16: 136,152,917 parameters.

    Long et al. 2015, section 4.1, with names, paddings and offset of the authors' Caffe
    definition: 100 pixels around the image, pools that round up, dense layers as
    convolutions, 32 times larger by one transposed convolution (which is learnt here),
    cropped to the image.
    """
    layers: list[Layer] = []
    for stage, (channels, count) in enumerate(
        zip(CHANNELS, COUNTS[16], strict=True), 1
    ):
        for index in range(1, count + 1):
            padding = 100 if (stage, index) == (1, 1) else 1
            name, c = f"conv{stage}_{index}", scaled(channels, width)
            layers.append(Conv2D(c, 3, padding=padding, name=name))
            layers.append(ReLU(name=f"relu{stage}_{index}"))
        layers.append(MaxPool2D(2, ceil_mode=True, name=f"pool{stage}"))
    hidden = scaled(4096, width)
    layers += [
        *(Conv2D(hidden, 7, name="fc6"), ReLU(name="relu6"), Dropout(name="drop6")),
        *(Conv2D(hidden, 1, name="fc7"), ReLU(name="relu7"), Dropout(name="drop7")),
        Conv2D(num_classes, 1, name="score_fr"),
        ConvTranspose2D(
            out_channels=num_classes,
            kernel_size=64,
            stride=32,
            bias=False,
            name="upscore",
        ),
        Crop(cropping=tuple(map(_offset, input_shape[1:])), name="score"),
    ]
    return model(layers, input_shape, "fcn32s")


def _offset(size: int) -> tuple[int, int]:
    """The 19 pixels before the image's position, and those after it."""
    small = size + 198
    for _ in range(5):
        small = -(-small // 2)
    made = 32 * (small - 6 - 1) + 64
    return 19, made - size - 19
