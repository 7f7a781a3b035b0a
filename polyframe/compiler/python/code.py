"""What is written for a node, a loss or an optimizer, in Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from polyframe.compiler.program import Slot
from polyframe.compiler.python.source import Call
from polyframe.compiler.table import Entry, Form, View


@dataclass(frozen=True)
class Code:
    """What is written for one node, one loss or the optimizer.

    - ``make`` constructs it. It is left out where a node is only an expression, or a
      loss a function.
    - ``forward``: of a node, the expression of the forward pass, with ``{self}`` for
      what was made, ``{0}``, ``{1}``, … or ``{all}`` for its inputs, ``{sum}`` for their
      sum, and ``{draw}`` for its random numbers if it ``draws`` any; the argument
      ``random``, which holds those of all layers, is empty where none were given.
    - ``body``: the lines of a loss's function of ``output`` and ``target`` (one number
      for each sample), indented; of an optimizer, what its backend's step says.
    - ``weights``: parameter → its slot, the path below what was made.
    - ``snippets``: functions and classes that it names; what those name is copied, too.
      ``fused.SGD`` is the one in the file ``fused.py``.
    - ``imports``: import lines for names that neither its backend nor the file of its
      snippets imports.
    - ``own``: whether this is the framework's own class, which native semantics take: a
      loss that returns one number for the batch, an optimizer that has its learning rate.
    - ``rank``: the number of the input's axes, for layers that are made for one rank.
    """

    forward: str = "{self}({0})"
    make: Call | None = None
    weights: Mapping[str, Slot] = field(default_factory=dict)
    snippets: tuple[str, ...] = ()
    rank: int | None = None
    body: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    draws: bool = False
    own: bool = False


def entry(
    write: Callable[[Any], Code] | Code, gap: str = "", snippets: Path | None = None
) -> Entry:
    """An entry of one form that holds everywhere."""
    if isinstance(write, Code):
        code = write
        return Entry((Form("native", lambda view: code),), gap, snippets)
    return Entry((Form("native", write),), gap, snippets)


RANDOM = "random"
"""The argument of a model that holds the random numbers of its layers, one array for each;
without any, they are the framework's own layers."""


def random_entry(forward: str, native: Callable[[View], Code]) -> Entry:
    """A random layer, which is the framework's own. A program that trains computes
    ``forward`` in its place when it is given random numbers, unless ``dropout`` is
    native."""

    def write(view: View) -> Code:
        own = native(view)
        either = f"{forward} if {RANDOM} else {own.forward}"
        return replace(own, forward=either, draws=True)

    def aligned(view: View) -> bool:
        return view.target.training and not view.target.native("dropout")

    return Entry((Form("aligned", write, aligned), Form("native", native)))
