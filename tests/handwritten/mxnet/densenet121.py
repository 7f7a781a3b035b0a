"""densenet121 (Huang et al. 2017), in the style of Gluon's model zoo.

After ``mxnet/gluon/model_zoo/vision/densenet.py``, with a global pool at the end, so
that images may have any size. MXNet 1.9.1 cannot train it where the growth rate is no
multiple of 16 (its concat fails: "could not construct a sub-memory").
"""

# ruff: noqa: E402, N803
import numpy as np

np.bool = np.bool_  # MXNet 1.9 asks for it, and NumPy has dropped the name

from mxnet.gluon import HybridBlock, nn
from mxnet.gluon.contrib.nn import HybridConcurrent, Identity


def scaled(channels, width):
    return max(1, int(channels * width + 0.5))


def make_dense_block(num_layers, growth_rate, stage_index):
    out = nn.HybridSequential(prefix=f"stage{stage_index}_")
    with out.name_scope():
        for _ in range(num_layers):
            out.add(make_dense_layer(growth_rate))
    return out


def make_dense_layer(growth_rate):
    new_features = nn.HybridSequential(prefix="")
    new_features.add(nn.BatchNorm())
    new_features.add(nn.Activation("relu"))
    new_features.add(nn.Conv2D(4 * growth_rate, kernel_size=1, use_bias=False))
    new_features.add(nn.BatchNorm())
    new_features.add(nn.Activation("relu"))
    new_features.add(nn.Conv2D(growth_rate, kernel_size=3, padding=1, use_bias=False))

    out = HybridConcurrent(axis=1, prefix="")
    out.add(Identity())
    out.add(new_features)
    return out


def make_transition(channels):
    out = nn.HybridSequential(prefix="")
    out.add(nn.BatchNorm())
    out.add(nn.Activation("relu"))
    out.add(nn.Conv2D(channels, kernel_size=1, use_bias=False))
    out.add(nn.AvgPool2D(pool_size=2, strides=2))
    return out


class DenseNet(HybridBlock):
    def __init__(self, num_classes, width, **kwargs):
        super().__init__(**kwargs)
        growth_rate, channels = scaled(32, width), scaled(64, width)
        with self.name_scope():
            self.features = nn.HybridSequential(prefix="")
            self.features.add(
                nn.Conv2D(
                    channels, kernel_size=7, strides=2, padding=3, use_bias=False
                ),
                nn.BatchNorm(),
                nn.Activation("relu"),
                nn.MaxPool2D(pool_size=3, strides=2, padding=1),
            )
            for i, num_layers in enumerate((6, 12, 24, 16), 1):
                self.features.add(make_dense_block(num_layers, growth_rate, i))
                channels += num_layers * growth_rate
                if i != 4:
                    channels //= 2
                    self.features.add(make_transition(channels))
            self.features.add(nn.BatchNorm())
            self.features.add(nn.Activation("relu"))
            self.features.add(nn.GlobalAvgPool2D())
            self.features.add(nn.Flatten())
            self.output = nn.Dense(num_classes)

    def hybrid_forward(self, F, x):
        x = self.features(x)
        return self.output(x)


def make(num_classes, input_shape, width):
    return DenseNet(num_classes, width)
