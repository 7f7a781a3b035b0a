"""Networks that make images: DCGAN's two, and an autoencoder."""

from __future__ import annotations

from polyframe.spec.composites import chain
from polyframe.spec.layers import (
    BatchNorm,
    Conv2D,
    ConvTranspose2D,
    Dense,
    Flatten,
    Layer,
    LeakyReLU,
    ReLU,
    Reshape,
    Sigmoid,
    Tanh,
)
from polyframe.spec.model import ModelSpec
from polyframe.zoo.blocks import Shape, model, scaled


def dcgan_generator(
    num_classes: int = 3, input_shape: Shape = (100,), width: float = 1.0
) -> ModelSpec:
    """DCGAN's generator, 100 numbers to a 64×64 image: 18,855,043 parameters.

    Radford et al. 2016, figure 1 and the guidelines of section 3: transposed 5×5
    convolutions, batch norm but for the last, ReLU, tanh at the end. ``num_classes`` is
    the number of the image's channels.
    """
    first = scaled(1024, width)
    layers: list[Layer] = [
        Dense(first * 16, bias=False, name="project"),
        Reshape(shape=(first, 4, 4), name="reshape"),
        BatchNorm(name="bn1"),
        ReLU(name="relu1"),
    ]
    for number, channels in enumerate((512, 256, 128), 2):
        layers += [
            _double(scaled(channels, width), f"conv{number - 1}", bias=False),
            BatchNorm(name=f"bn{number}"),
            ReLU(name=f"relu{number}"),
        ]
    layers += [_double(num_classes, "conv4"), Tanh(name="tanh")]
    return model(layers, input_shape, "dcgan_generator")


def dcgan_discriminator(
    num_classes: int = 1, input_shape: Shape = (3, 64, 64), width: float = 1.0
) -> ModelSpec:
    """DCGAN's discriminator, a 64×64 image to one logit: 17,232,897 parameters.

    Radford et al. 2016, the guidelines of section 3: 5×5 convolutions of stride 2,
    batch norm but for the first, LeakyReLU 0.2; the generator's figure 1 read
    backwards.
    """
    layers: list[Layer] = []
    for number, channels in enumerate((128, 256, 512, 1024), 1):
        first = number == 1
        layers.append(
            Conv2D(
                scaled(channels, width),
                5,
                stride=2,
                padding=2,
                bias=first,
                name=f"conv{number}",
            )
        )
        layers += [] if first else [BatchNorm(name=f"bn{number}")]
        layers.append(LeakyReLU(negative_slope=0.2, name=f"relu{number}"))
    layers += [Flatten(name="flatten"), Dense(num_classes, name="fc")]
    return model(layers, input_shape, "dcgan_discriminator")


def conv_autoencoder(
    num_classes: int | None = None,
    input_shape: Shape = (1, 28, 28),
    width: float = 1.0,
) -> ModelSpec:
    """A convolutional autoencoder for MNIST's shape: 9,569 parameters.

    After Masci et al. 2011, section 3, with strides in place of max pools and transposed
    convolutions to come back: 16 channels at half the size, 32 at a quarter, and the
    same backwards to values from 0 to 1. ``num_classes`` is the number of channels of
    what is made, by default as many as the image has. Height and width are multiples
    of 4.
    """
    made = input_shape[0] if num_classes is None else num_classes
    encoder = [
        Conv2D(scaled(16, width), 3, stride=2, padding=1),
        ReLU(),
        Conv2D(scaled(32, width), 3, stride=2, padding=1),
        ReLU(),
    ]
    decoder = [
        _double(scaled(16, width), size=3),
        ReLU(),
        _double(made, size=3),
        Sigmoid(),
    ]
    layers = [
        chain(encoder, "Encoder", "encoder"),
        chain(decoder, "Decoder", "decoder"),
    ]
    return model(layers, input_shape, "conv_autoencoder")


def _double(
    channels: int, name: str | None = None, size: int = 5, bias: bool = True
) -> ConvTranspose2D:
    """A transposed convolution that doubles height and width."""
    return ConvTranspose2D(
        out_channels=channels,
        kernel_size=size,
        stride=2,
        padding=size // 2,
        output_padding=1,
        bias=bias,
        name=name,
    )
