"""polyframe: one CNN spec, native PyTorch, TensorFlow and MXNet Gluon programs.

Public names are imported on first use (PEP 562), so that ``import polyframe`` stays as
light as NumPy; no framework is imported before a backend is used. ``__init__.pyi`` says
where each name lives; ``make stub`` writes it.
"""

import importlib
from typing import Any

import lazy_loader

from polyframe.spec import shipped


def _library() -> Any:
    return importlib.import_module("polyframe.zoo.library")


shipped.register(
    "model",
    lambda: _library().model_names(),
    lambda name, **arguments: _library().model(name, **arguments),
)
shipped.register(
    "recipe",
    lambda: _library().recipe_names(),
    lambda name: _library().recipe_file(name),
)

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
