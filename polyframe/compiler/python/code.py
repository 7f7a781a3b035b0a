"""What is written for a node, a loss or an optimizer, in Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
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
      sum, and ``{draw}`` for its random numbers if it ``draws`` any.
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


def random_entry(
    forward: str, native: Callable[[View], Code], inference: bool = False
) -> Entry:
    """A random layer: its random numbers are an input (for ``inference``, also of a
    program that does not train), or with native ``dropout`` the framework's own."""

    def aligned(view: View) -> bool:
        trains = inference or view.target.training
        return trains and not view.target.native("dropout")

    code = Code(forward, draws=True)
    return Entry((Form("aligned", lambda v: code, aligned), Form("native", native)))
