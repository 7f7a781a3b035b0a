"""Optimizers, with PyTorch's exact meaning: state names, order, where ε stands.

PyTorch's own are defined as ``torch/optim/*.py`` computes them on one tensor (2.13);
the others as in their papers. Adding one: a class in a file here, and an entry in each
backend.
"""

from polyframe.spec.optimizers.adam import *
from polyframe.spec.optimizers.adaptive import *
from polyframe.spec.optimizers.base import *
from polyframe.spec.optimizers.layerwise import *
from polyframe.spec.optimizers.sgd import *
from polyframe.spec.optimizers.sign import *
