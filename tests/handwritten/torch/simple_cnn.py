"""simple_cnn, in the style of PyTorch's tutorials.

After "Training a classifier" (pytorch.org/tutorials/beginner/blitz/cifar10_tutorial):
one pool for both convolutions, and the activations as functions.
"""

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812


def scaled(channels, width):
    return max(1, int(channels * width + 0.5))


class Net(nn.Module):
    def __init__(self, num_classes, input_shape, width):
        super().__init__()
        channels, *size = input_shape
        # A convolution takes two rows and columns away, a pool halves them.
        height, columns = (((n - 2) // 2 - 2) // 2 for n in size)
        self.conv1 = nn.Conv2d(channels, scaled(32, width), 3)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(scaled(32, width), scaled(64, width), 3)
        self.fc1 = nn.Linear(scaled(64, width) * height * columns, scaled(128, width))
        self.fc2 = nn.Linear(scaled(128, width), num_classes)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(x))
        return self.fc2(x)


def make(num_classes, input_shape, width):
    return Net(num_classes, input_shape, width)
