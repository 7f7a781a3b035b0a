"""Shipped models: each a function that returns a spec.

``list()`` names them; every function takes ``num_classes`` and ``input_shape``.
"""

from __future__ import annotations

import builtins

from polyframe.zoo.small import digits_cnn, fashion_cnn, residual_cnn, simple_cnn

_MODELS = ("digits_cnn", "fashion_cnn", "residual_cnn", "simple_cnn")

__all__ = [*_MODELS, "list"]


def list() -> builtins.list[str]:
    """The names of the shipped models, sorted."""
    return sorted(_MODELS)
