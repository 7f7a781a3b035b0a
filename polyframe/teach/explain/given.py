"""What worked examples are given: fields, shapes and small round numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from polyframe.io.array import Array

if TYPE_CHECKING:
    from polyframe.spec.layers.base import Layer
    from polyframe.spec.losses import Loss
    from polyframe.spec.metrics import Metric

Options: TypeAlias = Mapping[str, object]
Shape: TypeAlias = tuple[int, ...]

LAYERS: Mapping[str, tuple[Options, tuple[Shape, ...]]] = {
    "AdaptiveAvgPool2D": ({"output_size": 2}, ((1, 3, 3),)),
    "AdaptiveMaxPool2D": ({"output_size": 2}, ((1, 3, 3),)),
    "AvgPool1D": ({"kernel_size": 2}, ((1, 4),)),
    "AvgPool2D": ({"kernel_size": 2}, ((1, 2, 4),)),
    "AvgPool3D": ({"kernel_size": 2}, ((1, 2, 2, 2),)),
    "ChannelShuffle": ({"groups": 2}, ((4, 1, 2),)),
    "Concat": ({}, ((2,), (3,))),
    "Conv1D": ({"out_channels": 1, "kernel_size": 2}, ((1, 4),)),
    "Conv2D": ({"out_channels": 1, "kernel_size": 2}, ((1, 3, 3),)),
    "Conv3D": ({"out_channels": 1, "kernel_size": 2}, ((1, 2, 2, 3),)),
    "ConvTranspose1D": ({"out_channels": 1, "kernel_size": 2, "stride": 2}, ((1, 2),)),
    "ConvTranspose2D": (
        {"out_channels": 1, "kernel_size": 2, "stride": 2}, ((1, 2, 2),),
    ),
    "ConvTranspose3D": ({"out_channels": 1, "kernel_size": 2}, ((1, 1, 1, 2),)),
    "Crop": ({"cropping": 1}, ((1, 3, 3),)),
    "Dense": ({"out_features": 2}, ((3,),)),
    "DepthwiseConv2D": ({"kernel_size": 2}, ((2, 2, 3),)),
    "DropPath": ({"p": 0.5}, ((2,),)),
    "Dropout": ({"p": 0.5}, ((6,),)),
    "Flatten": ({}, ((2, 1, 2),)),
    "GlobalAvgPool1D": ({}, ((2, 3),)),
    "GlobalAvgPool2D": ({}, ((2, 2, 2),)),
    "GlobalAvgPool3D": ({}, ((2, 1, 2, 2),)),
    "GlobalMaxPool1D": ({}, ((2, 3),)),
    "GlobalMaxPool2D": ({}, ((2, 2, 2),)),
    "GlobalMaxPool3D": ({}, ((2, 1, 2, 2),)),
    "GroupNorm": ({"num_groups": 2}, ((4, 1, 2),)),
    "InstanceNorm": ({}, ((2, 2, 2),)),
    "LPPool2D": ({"norm_type": 2, "kernel_size": 2}, ((1, 2, 4),)),
    "LayerNorm": ({}, ((4,),)),
    "LocalResponseNorm": ({"size": 3}, ((4, 1, 1),)),
    "LogSoftmax": ({}, ((3,),)),
    "MaxPool1D": ({"kernel_size": 2}, ((1, 4),)),
    "MaxPool2D": ({"kernel_size": 2}, ((1, 2, 4),)),
    "MaxPool3D": ({"kernel_size": 2}, ((1, 2, 2, 2),)),
    "Pad": ({"padding": 1}, ((1, 2, 2),)),
    "Permute": ({"axes": (2, 3, 1)}, ((2, 1, 3),)),
    "PixelShuffle": ({"upscale_factor": 2}, ((4, 1, 2),)),
    "PixelUnshuffle": ({"downscale_factor": 2}, ((1, 2, 4),)),
    "RMSNorm": ({}, ((4,),)),
    "ReduceMean": ({"axes": (2, 3)}, ((2, 2, 2),)),
    "ReduceSum": ({"axes": (2, 3)}, ((2, 2, 2),)),
    "Reshape": ({"shape": (2, 3)}, ((6,),)),
    "Scale": ({}, ((2, 1, 2),)),
    "SeparableConv2D": ({"out_channels": 1, "kernel_size": 2}, ((2, 2, 3),)),
    "Slice": ({"axis": 1, "start": 1}, ((4,),)),
    "Softmax": ({}, ((3,),)),
    "SpatialDropout2D": ({"p": 0.5}, ((4, 1, 2),)),
    "Split": ({"sections": 2, "index": 0}, ((4,),)),
    "Upsample": ({"scale_factor": 2}, ((1, 2, 2),)),
}  # fmt: skip
"""Layer → fields, and the shapes of its inputs; others take ``ELEMENTWISE``, or their own
first example."""
ELEMENTWISE = (5,)
COUNTS = {"BatchNorm": 4, "DropPath": 4}
"""Layers that need several samples to show what they do."""
SHAPES = {"BatchNorm": (1,)}

OPTIMIZERS: Mapping[str, Mapping[str, float]] = {"SGD": {"momentum": 0.9}}
SCHEDULES: Mapping[str, Options] = {
    "cosine_restarts": {"period": 5.0},
    "exponential": {"gamma": 0.9},
    "multi_step": {"milestones": (3, 6)},
    "reduce_on_plateau": {"patience": 2},
    "step": {"every": 3.0},
}
HISTORY = (1.0, 0.8, 0.9, 0.9, 0.9, 0.7, 0.6, 0.6, 0.6, 0.6)
"""The validation loss that a schedule which looks at it sees."""
INITIALIZERS: Mapping[str, tuple[Options, Shape]] = {
    "constant": ({"value": 0.5}, (2, 3)),
    "dirac": ({}, (2, 2, 3)),
}
AUGMENTATIONS: Mapping[str, tuple[Options, Shape]] = {
    "color_jitter": ({"brightness": 0.5, "contrast": 0.5}, (3, 2, 2)),
    "cutout": ({"size": 2}, (1, 4, 4)),
    "mixup": ({"alpha": 5.0}, (1, 2, 2)),
    "normalize": ({}, (1, 2, 2)),
    "one_hot": ({}, (1, 2, 2)),
    "rand_augment": ({}, (3, 2, 2)),
    "random_affine": ({"degrees": 90}, (1, 4, 4)),
    "random_crop": ({"padding": 1}, (1, 4, 4)),
    "random_erasing": ({"p": 1.0}, (1, 4, 4)),
    "random_flip": ({"p": 1.0}, (1, 2, 3)),
    "random_vertical_flip": ({"p": 1.0}, (1, 3, 2)),
}
LEVELS = 10
"""Pixels are tenths."""


def of_layer(cls: type[Layer]) -> tuple[Options, tuple[Shape, ...], int]:
    """(fields, the shapes of the inputs, the number of samples)."""
    count = COUNTS.get(cls.word, 1)
    if cls.word in LAYERS:
        return *LAYERS[cls.word], count
    if cls.word in SHAPES:
        return {}, (SHAPES[cls.word],), count
    options, shapes = cls.examples[0] if cls.examples else ({}, (ELEMENTWISE,))
    if not cls.__module__.startswith("polyframe."):
        return options, shapes, count
    return options, (ELEMENTWISE,) * len(shapes), count


def input_values(layer: Layer, shape: Shape, index: int) -> Array:
    """1, 2, 3, …; around 0 for elementwise functions; times 10 for a second input."""
    values = np.arange(1.0, np.prod(shape) + 1)
    if shape[1:] == ELEMENTWISE and layer.arity == (1, 1):
        values -= 1 + len(values) // 2
    scaled: Array = values.reshape(shape) * 10**index
    return scaled


def cycle(values: Sequence[float], shape: Shape) -> Array:
    """These numbers again and again."""
    return np.resize(np.asarray(values, np.float64), shape)


def bits(shape: Shape) -> Array:
    """Uniform 32-bit integers from seed 0."""
    return np.random.default_rng(0).integers(0, 2**32, shape, np.uint32)


def of_loss(cls: type[Loss]) -> tuple[Loss, Array, Array]:
    """(the loss, outputs of two samples, their targets)."""
    loss = cls(**(cls.examples[0] if cls.examples else {}))
    size = int(cls.example_shapes[0][0])
    size = size if len(cls.example_shapes) == 1 else 3
    output = np.resize([2.0, 1.5, 0.0, -1.0, 0.0, 0.5, 3.0], (2, size))
    if loss.takes == "log-probabilities":
        output = np.log(np.resize([0.5, 0.25, 0.25, 0.125, 0.125, 0.75], (2, size)))
    return loss, output, targets(loss, (2, size))


def targets(loss: Loss, shape: Shape) -> Array:
    """Targets of the first kind that a loss takes."""
    if loss.target_kinds[0] == "labels":
        return np.array([0, 2])
    patterns = {
        "from 0 to 1": [1.0, 0.0, 0.0, 0.0, 1.0, 1.0],
        "signs": [1.0, -1.0, -1.0, -1.0, 1.0, 1.0],
        "probabilities": [1.0, 0.0, 0.0, 0.25, 0.25, 0.5],
        "log-probabilities": np.log([0.5, 0.25, 0.25, 0.25, 0.25, 0.5]),
    }
    pattern = patterns.get(loss.domain, [1.0, 1.0, 0.5, -1.0, 2.0, 1.0])
    return np.resize(np.asarray(pattern, np.float64), shape)


def of_metric(cls: type[Metric]) -> tuple[Metric, Array, Array]:
    """(the metric, outputs of four samples, their targets)."""
    metric = cls(**({"k": 2} if cls.word == "top_k_accuracy" else {}))
    output = np.array(
        [[2.0, 1.0, 0.0], [0.0, 1.0, 2.0], [1.0, 3.0, 0.0], [0.0, 2.0, 1.0]]
    )
    if metric.labels:
        return metric, output, np.array([0, 2, 0, 2])
    if metric.binary:
        return (
            metric,
            output - 1,
            np.array([[1, 0, 0], [0, 0, 1], [1, 1, 0], [0, 0, 1]], bool),
        )
    return metric, output, np.round(output / 2)
