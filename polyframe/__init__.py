"""polyframe: one CNN spec, native PyTorch, TensorFlow and MXNet Gluon programs.

Public names are imported on first use (PEP 562), so that ``import polyframe`` stays as
light as NumPy; no framework is imported before a backend is used.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_ERRORS = (
    "BackendError DataError DivergedError PolyframeError ProgramError RecipeError "
    "SpecError UnsupportedError WeightsError"
)
_HOMES = {
    "polyframe.spec.layers.activation": "ReLU Softmax",
    "polyframe.spec.layers.adaptive": "GlobalAvgPool2D",
    "polyframe.spec.layers.base": "Layer",
    "polyframe.spec.layers.batch_norm": "BatchNorm",
    "polyframe.spec.layers.conv": "Conv2D",
    "polyframe.spec.layers.dense": "Dense",
    "polyframe.spec.layers.merge": "Add Concat",
    "polyframe.spec.layers.noise": "Dropout",
    "polyframe.spec.layers.norm": "",
    "polyframe.spec.layers.pool": "AvgPool2D MaxPool2D",
    "polyframe.spec.layers.resize": "",
    "polyframe.spec.layers.shape": "Flatten",
    "polyframe.spec.layers.transposed": "",
    "polyframe.spec.graph": "Block Input ModelSpec Sequential",
    "polyframe.spec.fields": "UNSET",
    "polyframe.spec.losses": "CrossEntropy MSE",
    "polyframe.spec.optimizers": "Adam AdamW SGD",
    "polyframe.spec.initializers": (
        "GlorotNormal GlorotUniform HeNormal HeUniform Ones TorchDefault Uniform Zeros"
    ),
    "polyframe.spec.recipe": "Recipe load_recipe",
    "polyframe.spec.text": "load_spec",
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
    "polyframe.model": "Model",
    "polyframe.build": "compile",
}
_NAMES = {name: home for home, names in _HOMES.items() for name in names.split()}
_MODULES = ("backends", "data", "train", "zoo")

__all__ = [*_NAMES, *_MODULES]


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
