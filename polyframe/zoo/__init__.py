"""Shipped models: each a function that returns a spec.

``list()`` names them. Every function takes ``num_classes``, ``input_shape`` and
``width``, a factor on the numbers of channels: the published counts of parameters hold
at 1. Where a model is torchvision's too, its weights are called as in torchvision's
``state_dict``, or ``TORCHVISION_RENAME`` says how they become so. Initializers are
polyframe's defaults where torchvision's have no name here.
"""

from __future__ import annotations

import builtins

from polyframe.zoo.cifar import cifar_resnet20, cifar_resnet56
from polyframe.zoo.classic import alexnet, lenet5, nin
from polyframe.zoo.convnext import convnext_tiny
from polyframe.zoo.densenet import densenet121
from polyframe.zoo.efficient import efficientnet_b0, mnasnet1_0
from polyframe.zoo.generative import (
    conv_autoencoder,
    dcgan_discriminator,
    dcgan_generator,
)
from polyframe.zoo.inception import googlenet, inception_v3
from polyframe.zoo.mobile import (
    mobilenet_v1,
    mobilenet_v2,
    mobilenet_v3_large,
    mobilenet_v3_small,
)
from polyframe.zoo.regnet import regnet_y_400mf
from polyframe.zoo.resnet import (
    resnet18,
    resnet34,
    resnet50,
    resnet101,
    resnext50_32x4d,
    wide_resnet50_2,
)
from polyframe.zoo.resnet_v2 import resnet18_v2, resnet50_v2
from polyframe.zoo.segmentation import fcn32s, small_unet, unet
from polyframe.zoo.shufflenet import shufflenet_v2_x1_0
from polyframe.zoo.small import (
    conv4,
    digits_cnn,
    fashion_cnn,
    residual_cnn,
    simple_cnn,
)
from polyframe.zoo.squeezenet import squeezenet1_0, squeezenet1_1
from polyframe.zoo.torchvision import TORCHVISION_RENAME as TORCHVISION_RENAME
from polyframe.zoo.vgg import (
    vgg11,
    vgg11_bn,
    vgg13,
    vgg13_bn,
    vgg16,
    vgg16_bn,
    vgg19,
    vgg19_bn,
)

__all__ = [
    "alexnet",
    "cifar_resnet20",
    "cifar_resnet56",
    "conv4",
    "conv_autoencoder",
    "convnext_tiny",
    "dcgan_discriminator",
    "dcgan_generator",
    "densenet121",
    "digits_cnn",
    "efficientnet_b0",
    "fashion_cnn",
    "fcn32s",
    "googlenet",
    "inception_v3",
    "lenet5",
    "mnasnet1_0",
    "mobilenet_v1",
    "mobilenet_v2",
    "mobilenet_v3_large",
    "mobilenet_v3_small",
    "nin",
    "regnet_y_400mf",
    "residual_cnn",
    "resnet101",
    "resnet18",
    "resnet18_v2",
    "resnet34",
    "resnet50",
    "resnet50_v2",
    "resnext50_32x4d",
    "shufflenet_v2_x1_0",
    "simple_cnn",
    "small_unet",
    "squeezenet1_0",
    "squeezenet1_1",
    "unet",
    "vgg11",
    "vgg11_bn",
    "vgg13",
    "vgg13_bn",
    "vgg16",
    "vgg16_bn",
    "vgg19",
    "vgg19_bn",
    "wide_resnet50_2",
    "list",
]


def list() -> builtins.list[str]:
    """The names of the shipped models, sorted."""
    return sorted(name for name in __all__ if name != "list")
