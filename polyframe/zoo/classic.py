"""The networks that came first: LeNet-5, AlexNet, Network in Network."""

from __future__ import annotations

from polyframe.spec.composites import chain
from polyframe.spec.layers import (
    AdaptiveAvgPool2D,
    AvgPool2D,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool2D,
    Layer,
    MaxPool2D,
    ReLU,
    Tanh,
)
from polyframe.spec.model import ModelSpec
from polyframe.zoo.blocks import Shape, model, scaled


def lenet5(
    num_classes: int = 10, input_shape: Shape = (1, 32, 32), width: float = 1.0
) -> ModelSpec:
    """LeNet-5 in today's layers: 61,706 parameters.

    LeCun et al. 1998, section II.B and figure 2. C3 reads all maps of S2 (the paper's
    table I leaves some out), the subsampling has no parameters, tanh is not scaled, and a
    dense layer stands for the radial basis functions.
    """
    layers = [
        Conv2D(scaled(6, width), 5, name="conv1"),
        Tanh(name="tanh1"),
        AvgPool2D(2, name="pool1"),
        Conv2D(scaled(16, width), 5, name="conv2"),
        Tanh(name="tanh2"),
        AvgPool2D(2, name="pool2"),
        Flatten(name="flatten"),
        Dense(scaled(120, width), name="fc1"),
        Tanh(name="tanh3"),
        Dense(scaled(84, width), name="fc2"),
        Tanh(name="tanh4"),
        Dense(num_classes, name="fc3"),
    ]
    return model(layers, input_shape, "lenet5")


def alexnet(
    num_classes: int = 1000, input_shape: Shape = (3, 224, 224), width: float = 1.0
) -> ModelSpec:
    """AlexNet for one GPU: 61,100,840 parameters.

    Krizhevsky 2014 ("One weird trick"), after Krizhevsky et al. 2012;
    ``torchvision/models/alexnet.py``. Without local response normalisation.
    """
    features: list[Layer] = [
        Conv2D(scaled(64, width), 11, stride=4, padding=2),
        ReLU(),
        MaxPool2D(3, stride=2),
        Conv2D(scaled(192, width), 5, padding=2),
        ReLU(),
        MaxPool2D(3, stride=2),
    ]
    for channels in (384, 256, 256):
        features += [Conv2D(scaled(channels, width), 3, padding=1), ReLU()]
    features.append(MaxPool2D(3, stride=2))
    hidden = scaled(4096, width)
    classifier = [
        *(Dropout(), Dense(hidden), ReLU()),
        *(Dropout(), Dense(hidden), ReLU()),
        Dense(num_classes),
    ]
    layers = [
        chain(features, "Features", "features"),
        AdaptiveAvgPool2D(output_size=6, name="avgpool"),
        Flatten(name="flatten"),
        chain(classifier, "Classifier", "classifier"),
    ]
    return model(layers, input_shape, "alexnet")


def nin(
    num_classes: int = 10, input_shape: Shape = (3, 32, 32), width: float = 1.0
) -> ModelSpec:
    """Network in Network for CIFAR-10: 966,986 parameters.

    Lin et al. 2014, figure 2, and section 3.2 for the global average pool; the sizes
    are those of the authors' Caffe definition for CIFAR-10 (names too: conv1, cccp1,
    …). Pools overlap and round up, as in Caffe.
    """
    layers = [
        *_perceptron(1, (192, 160, 96), 5, width),
        MaxPool2D(3, stride=2, ceil_mode=True, name="pool1"),
        Dropout(name="drop1"),
        *_perceptron(2, (192, 192, 192), 5, width),
        AvgPool2D(3, stride=2, ceil_mode=True, name="pool2"),
        Dropout(name="drop2"),
        *_perceptron(3, (192, 192), 3, width),
        Conv2D(num_classes, 1, name="cccp6"),
        ReLU(name="relu_cccp6"),
        GlobalAvgPool2D(name="pool3"),
    ]
    return model(layers, input_shape, "nin")


def _perceptron(
    number: int, channels: tuple[int, ...], size: int, width: float
) -> list[Layer]:
    """A convolution and 1×1 convolutions: a small perceptron that slides (eq. 2)."""
    first, *rest = (scaled(c, width) for c in channels)
    layers: list[Layer] = [
        Conv2D(first, size, padding=size // 2, name=f"conv{number}"),
        ReLU(name=f"relu{number}"),
    ]
    for index, c in enumerate(rest, 2 * number - 1):
        layers.append(Conv2D(c, 1, name=f"cccp{index}"))
        layers.append(ReLU(name=f"relu_cccp{index}"))
    return layers
