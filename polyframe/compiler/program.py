"""A program: named files, an entry, the place of each weight, and a source map.

Backends write programs; nothing here knows what language the text is in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

import numpy as np

from polyframe.io.array import Array
from polyframe.spec.layers.base import Shape

Role = Literal[
    "construction",
    "forward",
    "loss",
    "optimizer",
    "optimizer_class",
    "freeze",
    "loss_and_gradients",
    "apply",
    "train_step",
]
"""What lines of a program do: making a node and calling it; the loss of an output;
making the optimizer, and its class (or function) where the program has that; freezing
layers; the functions of the training step."""
WHOLE = ""
"""The key, in a source map, of what belongs to the whole program."""


class Span(NamedTuple):
    """Lines of a file, from ``first`` to ``last``, both included and counted from 1."""

    file: str
    first: int
    last: int


class Helpers(NamedTuple):
    """The section of a program that holds what exactness needs, apart from the model:
    its lines, and why each of its functions and classes is there, by name."""

    span: Span
    reasons: Mapping[str, str]


SourceMap = Mapping[str, Mapping[Role, Span]]
"""Path of a node (of an output, for its loss; ``WHOLE`` for optimizer and step) → role →
lines. A node inside a block has the lines of the block's class; where a layer or a block
is shared, each call has a path of its own, and its construction is the first one's. A
node that is an expression has no construction, and what a rewrite has folded into another
node has that one's lines."""


@dataclass(frozen=True)
class Slot:
    """Where a canonical array is kept natively: a path, and its layout there.

    ``native = canonical.reshape(shape).transpose(perm).reshape(flat)``; each may be left
    out. Where ``shape`` is given, ``canonical`` is the canonical array's own shape.
    ``flat`` is the native shape where axes are one after they were permuted.
    """

    path: str
    shape: Shape | None = None
    perm: tuple[int, ...] | None = None
    canonical: Shape | None = None
    flat: Shape | None = None

    def under(self, prefix: str) -> Slot:
        """The same slot below a path."""
        path = f"{prefix}.{self.path}" if prefix else self.path
        return replace(self, path=path)

    def to_native(self, value: Array) -> Array:
        """The native array, contiguous."""
        if self.shape is not None:
            value = value.reshape(self.shape)
        if self.perm is not None:
            value = value.transpose(self.perm)
        value = np.ascontiguousarray(value)
        return value if self.flat is None else value.reshape(self.flat)

    def to_canonical(self, value: Array) -> Array:
        """The canonical array, contiguous."""
        if self.flat is not None:
            assert self.shape is not None and self.perm is not None
            value = value.reshape([self.shape[axis] for axis in self.perm])
        if self.perm is not None:
            value = value.transpose(np.argsort(self.perm))
        value = np.ascontiguousarray(value)
        return value if self.canonical is None else value.reshape(self.canonical)


@dataclass(frozen=True)
class Program:
    """What a backend wrote for one spec.

    - ``files``: texts or, in binary formats, bytes; the first is the one that is run.
    - ``entry``: the name of the model in it.
    - ``weights``: canonical name → slot.
    - ``draws``: the paths of the random layers, in the order in which the program takes
      their random numbers.
    - ``forms``: path of a node → the name of the form that was written for it.
    - ``built``: native path of a layer with weights → the shape of its input per sample,
      for frameworks that make weights late.
    - ``state``: the names of the optimizer's arrays for each parameter, in order.
    - ``objects``: the names of what lives from step to step, as the step takes them.
    - ``kept``: those of them that keep an array for each trained parameter.
    - ``takes``: what the step takes besides batch and objects: "count", the number of
      samples in the whole step, and "learning_rate"; a step that does not take the rate
      finds it in its optimizer.
    - ``language``: of the files that are text.
    - ``source_map``: which lines belong to which node and role.
    - ``helpers``: the section of helpers, where it has one.
    - ``imports`` and ``body``, of a Python module: the import lines of the file that is
      run, and its lines after them. A script is made of these; without ``body`` a
      program is used as it is.
    """

    files: Mapping[str, str | bytes]
    entry: str
    weights: Mapping[str, Slot]
    draws: tuple[str, ...] = ()
    forms: Mapping[str, str] = field(default_factory=dict)
    built: Mapping[str, Shape] = field(default_factory=dict)
    state: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    takes: frozenset[str] = frozenset({"count", "learning_rate"})
    language: str = "python"
    source_map: SourceMap = field(default_factory=dict)
    helpers: Helpers | None = None
    imports: tuple[str, ...] = ()
    body: Span | None = None

    @property
    def texts(self) -> dict[str, str]:
        """The files that are text."""
        return {n: text for n, text in self.files.items() if isinstance(text, str)}

    @property
    def source(self) -> str:
        """The program's text: the first file that is text; "" without any."""
        return next(iter(self.texts.values()), "")

    @property
    def hash(self) -> str:
        """SHA-256 of all files."""
        parts = (
            name.encode() + b"\0" + (c.encode() if isinstance(c, str) else c)
            for name, c in self.files.items()
        )
        return hashlib.sha256(b"\0".join(parts)).hexdigest()

    def lines(self, path: str, role: Role) -> list[str]:
        """The lines that the source map names."""
        span = self.source_map[path][role]
        return self.texts[span.file].splitlines()[span.first - 1 : span.last]

    def owners(self, file: str, line: int) -> Iterator[tuple[str, Role]]:
        """(path, role) of all that a line belongs to, the shortest spans first."""
        owners = [
            (span.last - span.first, path, role)
            for path, roles in self.source_map.items()
            for role, span in roles.items()
            if span.file == file and span.first <= line <= span.last
        ]
        owners.sort(key=lambda owner: owner[0])
        return ((path, role) for _, path, role in owners)
