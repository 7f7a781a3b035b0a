"""cifar_resnet20 (He et al. 2016, section 4.2), in the style of Gluon's model zoo.

After ``BasicBlockV1`` and ``ResNetV1`` in ``mxnet/gluon/model_zoo/vision/resnet.py``,
with shortcuts of option A. MXNet's ``pad`` leaves the first two axes alone, so channels
become the third of five. (To concatenate zeros is as natural, but the gradient of that
crashes MXNet 1.9.1 where channels are no multiple of 16, and here they are 8.)
"""

# ruff: noqa: E402, N803
import numpy as np

np.bool = np.bool_  # MXNet 1.9 asks for it, and NumPy has dropped the name

from mxnet.gluon import HybridBlock, nn


def scaled(channels, width):
    return max(1, int(channels * width + 0.5))


def conv3x3(channels, stride, in_channels):
    return nn.Conv2D(
        channels,
        kernel_size=3,
        strides=stride,
        padding=1,
        use_bias=False,
        in_channels=in_channels,
    )


class BasicBlock(HybridBlock):
    def __init__(self, channels, stride, in_channels, **kwargs):
        super().__init__(**kwargs)
        self.stride = stride
        self.before = (channels - in_channels) // 2
        self.after = channels - in_channels - self.before
        self.body = nn.HybridSequential(prefix="")
        self.body.add(conv3x3(channels, stride, in_channels))
        self.body.add(nn.BatchNorm())
        self.body.add(nn.Activation("relu"))
        self.body.add(conv3x3(channels, 1, channels))
        self.body.add(nn.BatchNorm())

    def hybrid_forward(self, F, x):
        residual = x
        if self.stride != 1:
            # x[:, :, ::2, ::2], which symbols cannot write
            every, other = (None,) * 4, (None, None, 2, 2)
            residual = F.slice(x, begin=every, end=every, step=other)
            widths = (0, 0, 0, 0, self.before, self.after, 0, 0, 0, 0)
            residual = F.expand_dims(residual, axis=1)
            residual = F.pad(residual, mode="constant", pad_width=widths)
            residual = F.squeeze(residual, axis=1)
        x = self.body(x)
        return F.Activation(residual + x, act_type="relu")


class ResNet(HybridBlock):
    def __init__(self, num_classes, width, **kwargs):
        super().__init__(**kwargs)
        channels = [scaled(n, width) for n in (16, 16, 32, 64)]
        with self.name_scope():
            self.features = nn.HybridSequential(prefix="")
            self.features.add(conv3x3(channels[0], 1, 0))
            self.features.add(nn.BatchNorm())
            self.features.add(nn.Activation("relu"))
            for i in (1, 2, 3):
                stride = 1 if i == 1 else 2
                layer = nn.HybridSequential(prefix=f"stage{i}_")
                with layer.name_scope():
                    layer.add(BasicBlock(channels[i], stride, channels[i - 1]))
                    layer.add(BasicBlock(channels[i], 1, channels[i]))
                    layer.add(BasicBlock(channels[i], 1, channels[i]))
                self.features.add(layer)
            self.features.add(nn.GlobalAvgPool2D())
            self.output = nn.Dense(num_classes)

    def hybrid_forward(self, F, x):
        x = self.features(x)
        return self.output(x)


def make(num_classes, input_shape, width):
    return ResNet(num_classes, width)
