"""mobilenet_v2 (Sandler et al. 2018), in torchvision's style.

After ``torchvision/models/mobilenetv2.py``, without its initial weights.
"""

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

ROWS = (  # expansion, channels, blocks, stride of the first
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def make_divisible(v, divisor=8):
    new_v = max(divisor, int(v + divisor / 2) // divisor * divisor)
    return new_v if new_v >= 0.9 * v else new_v + divisor


def conv_norm(inp, oup, kernel_size, stride=1, groups=1):
    padding = (kernel_size - 1) // 2
    return nn.Sequential(
        nn.Conv2d(inp, oup, kernel_size, stride, padding, groups=groups, bias=False),
        nn.BatchNorm2d(oup),
        nn.ReLU6(inplace=True),
    )


class InvertedResidual(nn.Module):
    def __init__(self, inp, oup, stride, expansion):
        super().__init__()
        hidden = inp * expansion
        self.use_res_connect = stride == 1 and inp == oup
        layers = []
        if expansion != 1:
            layers.append(conv_norm(inp, hidden, 1))
        layers += [
            conv_norm(hidden, hidden, 3, stride, groups=hidden),
            nn.Conv2d(hidden, oup, 1, bias=False),
            nn.BatchNorm2d(oup),
        ]
        self.conv = nn.Sequential(*layers)

    def forward(self, x):
        if self.use_res_connect:
            return x + self.conv(x)
        return self.conv(x)


class MobileNetV2(nn.Module):
    def __init__(self, num_classes, input_shape, width):
        super().__init__()
        channels = make_divisible(32 * width)
        features = [conv_norm(input_shape[0], channels, 3, stride=2)]
        for expansion, planes, blocks, first in ROWS:
            for block in range(blocks):
                stride = first if block == 0 else 1
                inp, channels = channels, make_divisible(planes * width)
                features.append(InvertedResidual(inp, channels, stride, expansion))
        last = make_divisible(1280 * max(1.0, width))
        features.append(conv_norm(channels, last, 1))
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(last, num_classes))

    def forward(self, x):
        x = self.features(x)
        x = F.adaptive_avg_pool2d(x, (1, 1))
        x = torch.flatten(x, 1)
        return self.classifier(x)


def make(num_classes, input_shape, width):
    return MobileNetV2(num_classes, input_shape, width)
