"""The weights from which a recipe's training starts, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from polyframe.errors import RecipeError, brief
from polyframe.io.state_dicts import check_rules
from polyframe.spec.fields import Bool, Text
from polyframe.spec.text import mapping

KEY = "initial_weights"


@dataclass(frozen=True)
class InitialWeights:
    """A file of weights, and how ``Model.load_weights`` takes it: all of them by default,
    with ``strict: false`` those that fit; ``rename`` maps beginnings of names."""

    file: str
    strict: bool = True
    rename: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, value: object) -> InitialWeights:
        """From a file's name, or ``{file: …, strict: …, rename: …}``."""
        if isinstance(value, cls):
            return value
        if isinstance(value, (str, Path)):
            value = {"file": str(value)}
        options = dict(mapping(value, KEY, ("file", "strict", "rename"), ("file",)))
        for name, kind in (("file", Text(4096)), ("strict", Bool())):
            try:
                if name in options:
                    options[name] = kind.check(options[name])
            except ValueError:
                raise RecipeError(
                    f"got {brief(options[name])}; {kind.allowed} is needed",
                    where=name,
                ) from None
        check_rules(options.get("rename", {}))
        return cls(**options)

    def to_data(self) -> str | dict[str, Any]:
        """Plain data, of which ``parse`` makes the same."""
        if self == InitialWeights(self.file):
            return self.file
        return {"file": self.file, "strict": self.strict, "rename": dict(self.rename)}
