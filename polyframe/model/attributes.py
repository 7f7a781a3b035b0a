"""Attributes of a model: which can be set, and that it is no data to be pickled."""

from __future__ import annotations

from typing import NoReturn

from polyframe.errors import ModelAttributeError, PolyframeError, did_you_mean
from polyframe.spec.settings import TRAINING

FIXED = {"loss", "optimizer", *TRAINING}
"""Arguments of ``compile`` that are no attributes."""
SYNONYMS = {"lr": "learning_rate", "rate": "learning_rate", "step": "steps_done"}
"""What an attribute is called elsewhere → what it is called here."""


class Attributes:
    """The base of ``Model``, whose annotated attributes are set once."""

    def __setattr__(self, name: str, value: object) -> None:
        """``ModelAttributeError`` for what a model does not have (``model.lr``), and for
        what is fixed once it is compiled (``model.seed``)."""
        kind = type(self)
        own = {
            n for each in kind.__mro__ for n in vars(each).get("__annotations__", ())
        }
        held = getattr(kind, name, None)
        replaces = callable(held) and callable(value)  # a method, as tests do
        if (name in own and name in self.__dict__) or (name in FIXED and not replaces):
            raise ModelAttributeError(
                f"{name} is fixed when a model is compiled",
                hint=f"pf.compile(…, {name}=…) makes another model",
            )
        if isinstance(held, property) and held.fset is None:
            raise ModelAttributeError(f"{name} can be read, not set")
        if callable(held) and not replaces:
            raise ModelAttributeError(f"{name} is a method of models")
        if name not in own and not hasattr(kind, name):
            known = [n for n in (*dir(kind), *own) if not n.startswith("_")]
            guess = did_you_mean(SYNONYMS.get(name, name), known)
            raise ModelAttributeError(f"a model has no attribute {name!r}.{guess}")
        object.__setattr__(self, name, value)

    def __reduce__(self) -> NoReturn:
        raise PolyframeError(
            "a model is neither pickled nor copied in part: it holds the framework's own "
            "objects",
            hint="save_weights(file) and load_weights(file), or copy.deepcopy(model)",
        )
