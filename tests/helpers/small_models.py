"""Shipped models at a size that is quick to run."""

from __future__ import annotations

import polyframe as pf

SMALL = {
    "alexnet": ((3, 63, 63), 1 / 16),
    "cifar_resnet56": ((3, 16, 16), 0.25),
    "conv_autoencoder": ((1, 12, 8), 0.5),
    "dcgan_discriminator": ((3, 32, 32), 1 / 16),
    "dcgan_generator": ((20,), 1 / 16),
    "digits_cnn": ((1, 8, 8), 0.5),
    "fashion_cnn": ((1, 14, 14), 0.25),
    "fcn32s": ((3, 32, 40), 1 / 32),
    "inception_v3": ((3, 75, 75), 1 / 16),
    "lenet5": ((1, 32, 32), 0.5),
    "residual_cnn": ((3, 16, 16), 4),  # its width is the number of channels
    "small_unet": ((1, 8, 12), 0.5),
    "unet": ((1, 188, 188), 1 / 16),
}
"""Inputs and widths that are quick and still hold every layer at work."""


def small(name, **more):
    """The model at a small size."""
    shape, width = SMALL.get(name, ((3, 32, 32), 1 / 8))
    return getattr(pf.zoo, name)(**{"input_shape": shape, "width": width} | more)
