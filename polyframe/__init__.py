"""polyframe: one CNN spec, native PyTorch, TensorFlow and MXNet Gluon programs.

Public names are imported on first use (PEP 562), so that ``import polyframe`` stays as
light as NumPy; no framework is imported before a backend is used.
"""

from __future__ import annotations

import importlib
from typing import Any

from polyframe.io.version import __version__
from polyframe.spec import shipped

_ERRORS = (
    "BackendError DataError DivergedError PolyframeError ProgramError RecipeError "
    "SpecError UnsupportedError WeightsError"
)
_HOMES = {
    "polyframe.spec.layers.activation": (
        "CELU ELU GELU HardSigmoid HardSwish HardTanh LeakyReLU LogSigmoid LogSoftmax "
        "Mish PReLU ReLU ReLU6 SELU SiLU Sigmoid Softmax Softplus Softsign Tanh"
    ),
    "polyframe.spec.layers.adaptive": (
        "AdaptiveAvgPool2D AdaptiveMaxPool2D GlobalAvgPool1D GlobalAvgPool2D "
        "GlobalAvgPool3D GlobalMaxPool1D GlobalMaxPool2D GlobalMaxPool3D"
    ),
    "polyframe.spec.layers.base": "Layer",
    "polyframe.spec.layers.batch_norm": "BatchNorm",
    "polyframe.spec.layers.conv": "Conv1D Conv2D Conv3D",
    "polyframe.spec.layers.dense": "Dense Scale",
    "polyframe.spec.layers.merge": (
        "Add Average Concat Maximum Multiply ReduceMean ReduceSum Subtract"
    ),
    "polyframe.spec.layers.noise": "DropPath Dropout GaussianNoise SpatialDropout2D",
    "polyframe.spec.layers.norm": (
        "GroupNorm InstanceNorm LayerNorm LocalResponseNorm RMSNorm"
    ),
    "polyframe.spec.layers.pool": (
        "AvgPool1D AvgPool2D AvgPool3D LPPool2D MaxPool1D MaxPool2D MaxPool3D"
    ),
    "polyframe.spec.layers.resize": "ChannelShuffle PixelShuffle PixelUnshuffle Upsample",
    "polyframe.spec.layers.shape": "Crop Flatten Pad Permute Reshape Slice Split split",
    "polyframe.spec.layers.separable": "DepthwiseConv2D SeparableConv2D",
    "polyframe.spec.layers.transposed": (
        "ConvTranspose1D ConvTranspose2D ConvTranspose3D"
    ),
    "polyframe.spec.composites": (
        "BasicBlock Bottleneck ConvNorm PreActBasicBlock PreActBottleneck SqueezeExcite"
    ),
    "polyframe.spec.graph": "Block Input",
    "polyframe.spec.model": "ModelSpec Sequential",
    "polyframe.spec.fields": "UNSET",
    "polyframe.spec.losses": (
        "BinaryCrossEntropy Cosine CrossEntropy Dice Focal Hinge Huber KLDiv L1 MSE "
        "MultiMargin NLL SmoothL1 SquaredHinge Triplet"
    ),
    "polyframe.spec.optimizers": (
        "Adadelta Adagrad Adam AdamW Adamax LAMB LARS Lion NAdam RAdam RMSProp SGD"
    ),
    "polyframe.spec.initializers": (
        "Constant Dirac GlorotNormal GlorotUniform GluonDefault HeNormal HeUniform "
        "KerasDefault LeCunNormal LeCunUniform Normal Ones Orthogonal TorchDefault "
        "TruncatedNormal Uniform Zeros"
    ),
    "polyframe.spec.recipe": "Recipe load_recipe",
    "polyframe.spec.load": "load_spec",
    "polyframe.errors": _ERRORS,
    "polyframe.spec.schedules": (
        "ConstantSchedule CosineRestartsSchedule CosineSchedule ExponentialSchedule "
        "MultiStepSchedule OneCycleSchedule PolynomialSchedule "
        "ReduceOnPlateauSchedule StepSchedule"
    ),
    "polyframe.spec.metrics": (
        "Accuracy ConfusionMatrix F1 MeanAbsoluteError MeanIoU MeanSquaredError "
        "Precision Recall TopKAccuracy"
    ),
    "polyframe.spec.augmentations": (
        "CutMix Cutout Mixup Normalize OneHot RandomCrop RandomFlip"
    ),
    "polyframe.spec.callbacks": (
        "CsvLog EarlyStopping JsonLog LrMonitor Mlflow TensorBoard Timing Wandb"
    ),
    "polyframe.spec.safety": "ModelCheckpoint TerminateOnNaN",
    "polyframe.plugins": "load_plugin",
    "polyframe.model.model": "Model",
    "polyframe.model.compile": "compile",
}
_NAMES = {name: home for home, names in _HOMES.items() for name in names.split()}
_MODULES = ("backends", "data", "train", "zoo")

__all__ = ["__version__", *_NAMES, *_MODULES]


def _library() -> Any:
    return importlib.import_module("polyframe.zoo.library")


shipped.register(
    "model", lambda: _library().model_names(), lambda name: _library().model(name)
)
shipped.register(
    "recipe",
    lambda: _library().recipe_names(),
    lambda name: _library().recipe_file(name),
)


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        value = getattr(importlib.import_module(_NAMES[name]), name)
    elif name in _MODULES:
        value = importlib.import_module(f"polyframe.{name}")
    else:
        raise AttributeError(f"module 'polyframe' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
