"""Optimizers, with PyTorch's exact meaning: state names, order, where ε stands.

PyTorch's own are defined as ``torch/optim/*.py`` computes them on one tensor (2.13);
the others as in their papers.
"""

from polyframe.spec.optimizers.adam import Adam, Adamax, AdamW, NAdam, RAdam
from polyframe.spec.optimizers.adaptive import Adadelta, Adagrad, RMSProp
from polyframe.spec.optimizers.base import Optimizer, State
from polyframe.spec.optimizers.layerwise import LAMB, LARS
from polyframe.spec.optimizers.sgd import SGD
from polyframe.spec.optimizers.sign import Lion

__all__ = [
    "LAMB",
    "LARS",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Lion",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSProp",
    "State",
]
