"""A program: named text files, an entry, and where each weight goes.

Backends write programs; nothing here knows what language the text is in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from polyframe.spec.layers.base import Shape


@dataclass(frozen=True)
class Slot:
    """Where a canonical array lives natively: a path, and how it is turned.

    ``native = canonical.reshape(shape).transpose(perm)``; both may be left out. Where
    ``shape`` is given, ``canonical`` is the shape to go back to.
    """

    path: str
    shape: Shape | None = None
    perm: tuple[int, ...] | None = None
    canonical: Shape | None = None

    def under(self, prefix: str) -> Slot:
        """The same slot below a path."""
        path = f"{prefix}.{self.path}" if prefix else self.path
        return replace(self, path=path)

    def to_native(self, value: np.ndarray) -> np.ndarray:
        """The native array, contiguous."""
        if self.shape is not None:
            value = value.reshape(self.shape)
        if self.perm is not None:
            value = value.transpose(self.perm)
        return np.ascontiguousarray(value)

    def to_canonical(self, value: np.ndarray) -> np.ndarray:
        """The canonical array, contiguous."""
        if self.perm is not None:
            value = value.transpose(np.argsort(self.perm))
        value = np.ascontiguousarray(value)
        return value if self.canonical is None else value.reshape(self.canonical)


@dataclass(frozen=True)
class Program:
    """What a backend wrote for one spec.

    ``entry`` names the model in it; ``weights`` maps canonical names to slots;
    ``draws`` lists the paths of random layers in the order in which the program takes
    their factors; ``forms`` says which form of its entry each node took; ``built`` maps
    native paths of layers with weights to the shapes that they take, for frameworks
    that make weights late; ``state`` names what the optimizer keeps for each parameter,
    in its order.
    """

    files: Mapping[str, str]
    entry: str
    weights: Mapping[str, Slot]
    draws: tuple[str, ...] = ()
    forms: Mapping[str, str] = field(default_factory=dict)
    built: Mapping[str, Shape] = field(default_factory=dict)
    state: tuple[str, ...] = ()
    language: str = "python"

    @property
    def source(self) -> str:
        """The text; of several files, the first."""
        return next(iter(self.files.values()))

    @property
    def hash(self) -> str:
        """SHA-256 of the text."""
        text = "\0".join(f"{name}\0{text}" for name, text in self.files.items())
        return hashlib.sha256(text.encode()).hexdigest()
