"""mobilenet_v2 (Sandler et al. 2018), in the style of Gluon's model zoo.

After ``mxnet/gluon/model_zoo/vision/mobilenet.py``, with what torchvision's network,
which is the one that is measured, has otherwise: no expansion in the first block,
channels rounded to multiples of 8, dropout and a dense layer at the end.
"""

# ruff: noqa: E402, N803
import numpy as np

np.bool = np.bool_  # MXNet 1.9 asks for it, and NumPy has dropped the name

from mxnet.gluon import HybridBlock, nn

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


class RELU6(HybridBlock):
    def hybrid_forward(self, F, x):
        return F.clip(x, 0, 6)


def add_conv(out, channels, kernel=1, stride=1, pad=0, num_group=1, active=True):
    out.add(nn.Conv2D(channels, kernel, stride, pad, groups=num_group, use_bias=False))
    out.add(nn.BatchNorm())
    if active:
        out.add(RELU6())


class LinearBottleneck(HybridBlock):
    def __init__(self, in_channels, channels, expansion, stride, **kwargs):
        super().__init__(**kwargs)
        self.use_shortcut = stride == 1 and in_channels == channels
        hidden = in_channels * expansion
        with self.name_scope():
            self.out = nn.HybridSequential()
            if expansion != 1:
                add_conv(self.out, hidden)
            add_conv(self.out, hidden, kernel=3, stride=stride, pad=1, num_group=hidden)
            add_conv(self.out, channels, active=False)

    def hybrid_forward(self, F, x):
        out = self.out(x)
        if self.use_shortcut:
            out = F.elemwise_add(out, x)
        return out


class MobileNetV2(HybridBlock):
    def __init__(self, num_classes, width, **kwargs):
        super().__init__(**kwargs)
        channels = make_divisible(32 * width)
        with self.name_scope():
            self.features = nn.HybridSequential(prefix="features_")
            with self.features.name_scope():
                add_conv(self.features, channels, kernel=3, stride=2, pad=1)
                for expansion, planes, blocks, first in ROWS:
                    for block in range(blocks):
                        stride = first if block == 0 else 1
                        in_channels = channels
                        channels = make_divisible(planes * width)
                        self.features.add(
                            LinearBottleneck(in_channels, channels, expansion, stride)
                        )
                add_conv(self.features, make_divisible(1280 * max(1.0, width)))
                self.features.add(nn.GlobalAvgPool2D())
                self.features.add(nn.Flatten())
            self.output = nn.HybridSequential(prefix="output_")
            with self.output.name_scope():
                self.output.add(nn.Dropout(0.2), nn.Dense(num_classes))

    def hybrid_forward(self, F, x):
        x = self.features(x)
        return self.output(x)


def make(num_classes, input_shape, width):
    return MobileNetV2(num_classes, width)
