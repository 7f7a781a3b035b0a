"""cifar_resnet20 (He et al. 2016, section 4.2), in torchvision's style.

After ``torchvision/models/resnet.py``, with the shortcuts of option A written as in
github.com/akamaster/pytorch_resnet_cifar10.
"""

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812


def scaled(channels, width):
    return max(1, int(channels * width + 0.5))


class BasicBlock(nn.Module):
    def __init__(self, inplanes, planes, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.stride = stride
        self.before = (planes - inplanes) // 2
        self.after = planes - inplanes - self.before

    def forward(self, x):
        identity = x
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.stride != 1:
            identity = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.before, self.after))
        out += identity
        return self.relu(out)


class ResNet(nn.Module):
    def __init__(self, num_classes, input_shape, width):
        super().__init__()
        self.inplanes = scaled(16, width)
        self.conv1 = nn.Conv2d(input_shape[0], self.inplanes, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(self.inplanes)
        self.relu = nn.ReLU(inplace=True)
        self.layer1 = self._make_layer(scaled(16, width), stride=1)
        self.layer2 = self._make_layer(scaled(32, width), stride=2)
        self.layer3 = self._make_layer(scaled(64, width), stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(self.inplanes, num_classes)

    def _make_layer(self, planes, stride):
        layers = []
        for block_stride in (stride, 1, 1):
            layers.append(BasicBlock(self.inplanes, planes, block_stride))
            self.inplanes = planes
        return nn.Sequential(*layers)

    def forward(self, x):
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.layer1(x)
        x = self.layer2(x)
        x = self.layer3(x)
        x = torch.flatten(self.avgpool(x), 1)
        return self.fc(x)


def make(num_classes, input_shape, width):
    return ResNet(num_classes, input_shape, width)
