"""polyframe: one CNN spec, native PyTorch, TensorFlow and MXNet Gluon programs.

Public names are imported on first use (PEP 562), so that ``import polyframe`` stays as
light as NumPy; no framework is imported before a backend is used. ``__init__.pyi`` says
where each name lives; ``make stub`` writes it.
"""

import importlib
from typing import Any

import lazy_loader

from polyframe.errors import did_you_mean
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

_public, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    try:
        return _public(name)
    except AttributeError:
        if name in __all__ or name.startswith("_"):
            raise
        guess = did_you_mean(name, __all__)
    raise AttributeError(f"polyframe has no {name!r}.{guess}")
