"""A layer of one's own: the square of ReLU, on all three backends.

polyframe --plugin docs/examples/squared_relu.py show spec.yaml -b torch
"""

from typing import ClassVar

import numpy as np

from polyframe.compiler.python.code import Code, entry
from polyframe.compiler.table import add_entries
from polyframe.spec.element import define
from polyframe.spec.layers.base import Context, Layer, Shape


@define
class SquaredReLU(Layer):
    """``max(x, 0)²``, elementwise. So et al. 2021, "Primer", section 3."""

    short: ClassVar[str] = "relu"
    examples = (({}, ((3, 4, 5),)), ({}, ((6,),)))

    def infer(self, *shapes: Shape) -> Shape:
        return shapes[0]

    def define(self, at: Context, *x: np.ndarray) -> np.ndarray:
        return np.maximum(x[0], 0) ** 2


add_entries("torch", {"SquaredReLU": entry(Code("F.relu({0}).square()"))})
add_entries("tensorflow", {"SquaredReLU": entry(Code("tf.square(tf.nn.relu({0}))"))})
add_entries("mxnet", {"SquaredReLU": entry(Code("F.square(F.relu({0}))"))})
