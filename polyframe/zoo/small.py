"""Small networks for first steps, teaching and tests."""

from __future__ import annotations

from polyframe.spec.graph import Block, Input
from polyframe.spec.layers import (
    Add,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool2D,
    Layer,
    MaxPool2D,
    ReLU,
)
from polyframe.spec.model import ModelSpec, Sequential
from polyframe.zoo.blocks import Shape, model, scaled


def simple_cnn(
    num_classes: int = 10, input_shape: Shape = (3, 32, 32), width: float = 1.0
) -> ModelSpec:
    """Two convolutions and two dense layers: 315,722 parameters.

    Conv 32 3×3, ReLU, max pool 2, conv 64 3×3, ReLU, max pool 2, dense 128, ReLU, dense.
    """
    layers = [
        Conv2D(scaled(32, width), 3, name="conv1"),
        ReLU(name="relu1"),
        MaxPool2D(2, name="pool1"),
        Conv2D(scaled(64, width), 3, name="conv2"),
        ReLU(name="relu2"),
        MaxPool2D(2, name="pool2"),
        Flatten(name="flatten"),
        Dense(scaled(128, width), name="fc1"),
        ReLU(name="relu3"),
        Dense(num_classes, name="fc2"),
    ]
    return model(layers, input_shape, "simple_cnn")


def conv4(
    num_classes: int = 5, input_shape: Shape = (3, 84, 84), width: float = 1.0
) -> ModelSpec:
    """Conv-4, the embedding of few-shot learning, with a dense layer: 121,093 parameters.

    Vinyals et al. 2016, section 4.1.1 and Snell et al. 2017, section 3.1: four times a
    convolution of 64 3×3 filters, batch norm, ReLU and max pool 2.
    """
    channels = scaled(64, width)
    layers: list[Layer] = []
    for i in range(1, 5):
        layers += [
            Conv2D(channels, 3, padding="same", name=f"conv{i}"),
            BatchNorm(name=f"bn{i}"),
            ReLU(name=f"relu{i}"),
            MaxPool2D(2, name=f"pool{i}"),
        ]
    layers += [Flatten(name="flatten"), Dense(num_classes, name="fc")]
    return model(layers, input_shape, "conv4")


def fashion_cnn(
    num_classes: int = 10, input_shape: Shape = (1, 28, 28), width: float = 1.0
) -> ModelSpec:
    """The demo's network for Fashion-MNIST: 421,642 parameters.

    Two padded convolutions, each with ReLU and max pool, a dense layer, dropout 0.25,
    and a dense layer.
    """
    layers = [
        Conv2D(scaled(32, width), 3, padding="same", name="conv1"),
        ReLU(name="relu1"),
        MaxPool2D(2, name="pool1"),
        Conv2D(scaled(64, width), 3, padding="same", name="conv2"),
        ReLU(name="relu2"),
        MaxPool2D(2, name="pool2"),
        Flatten(name="flatten"),
        Dense(scaled(128, width), name="fc1"),
        ReLU(name="relu3"),
        Dropout(0.25, name="dropout"),
        Dense(num_classes, name="fc2"),
    ]
    return model(layers, input_shape, "fashion_cnn")


def digits_cnn(
    num_classes: int = 10, input_shape: Shape = (1, 8, 8), width: float = 1.0
) -> ModelSpec:
    """A network for scikit-learn's 8×8 digits and for tests: 6,090 parameters.

    Two padded convolutions, each with ReLU and max pool, and a dense layer.
    """
    layers = [
        Conv2D(scaled(16, width), 3, padding="same", name="conv1"),
        ReLU(name="relu1"),
        MaxPool2D(2, name="pool1"),
        Conv2D(scaled(32, width), 3, padding="same", name="conv2"),
        ReLU(name="relu2"),
        MaxPool2D(2, name="pool2"),
        Flatten(name="flatten"),
        Dense(num_classes, name="fc"),
    ]
    return model(layers, input_shape, "digits_cnn")


def residual_cnn(
    num_classes: int = 10, input_shape: Shape = (3, 32, 32), width: int = 16
) -> ModelSpec:
    """A stem and three residual blocks: 78,042 parameters.

    After He et al. 2016, section 4.2. The blocks have ``width``, ``2·width`` and
    ``4·width`` channels (here it is their number, not a factor); the last two halve the
    image and project their shortcut. Batch norm follows every convolution, none of
    which has a bias.
    """
    x = Input(input_shape, name="x")
    y = Conv2D(width, 3, padding=1, bias=False, name="conv1")(x)
    y = ReLU(name="relu")(BatchNorm(name="bn1")(y))
    y = basic_block("layer1", width)(y)
    y = basic_block("layer2", 2 * width, stride=2, project=True)(y)
    y = basic_block("layer3", 4 * width, stride=2, project=True)(y)
    y = GlobalAvgPool2D(name="pool")(y)
    return ModelSpec(x, Dense(num_classes, name="fc")(y), name="residual_cnn")


def basic_block(
    name: str, channels: int, stride: int = 1, project: bool = False
) -> Block:
    """``relu(x + bn(conv(relu(bn(conv(x))))))``; a 1×1 convolution fits the shortcut."""
    x = Input(name="x")
    y = Conv2D(channels, 3, stride=stride, padding=1, bias=False, name="conv1")(x)
    y = ReLU(name="relu1")(BatchNorm(name="bn1")(y))
    y = Conv2D(channels, 3, padding=1, bias=False, name="conv2")(y)
    y = BatchNorm(name="bn2")(y)
    shortcut = x
    if project:
        layers = [Conv2D(channels, 1, stride=stride, bias=False), BatchNorm()]
        shortcut = Sequential(layers, name="shortcut")(x)
    y = ReLU(name="relu2")(Add(name="add")(y, shortcut))
    return Block(x, y, kind="DownBlock" if project else "BasicBlock", name=name)
