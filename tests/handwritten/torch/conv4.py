"""conv4 (the backbone of Vinyals et al. 2016), as an ``nn.Sequential``.

After ``torchvision/models/vgg.py`` with batch norm, whose ``features`` are the same
four layers in a row: convolution, batch norm, ReLU in place, max pool.
"""

from collections import OrderedDict

from torch import nn


def scaled(channels, width):
    return max(1, int(channels * width + 0.5))


def make(num_classes, input_shape, width):
    in_channels, height, columns = input_shape
    channels = scaled(64, width)
    layers = OrderedDict()
    for i in range(1, 5):
        layers[f"conv{i}"] = nn.Conv2d(in_channels, channels, 3, padding=1)
        layers[f"bn{i}"] = nn.BatchNorm2d(channels)
        layers[f"relu{i}"] = nn.ReLU(inplace=True)
        layers[f"pool{i}"] = nn.MaxPool2d(2)
        in_channels = channels
    layers["flatten"] = nn.Flatten()
    layers["fc"] = nn.Linear(channels * (height // 16) * (columns // 16), num_classes)
    return nn.Sequential(layers)
