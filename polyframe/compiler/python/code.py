"""What is written for one node of a graph, in Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from polyframe.compiler.program import Slot
from polyframe.compiler.python.source import Call
from polyframe.compiler.table import Entry, Form, View


@dataclass(frozen=True)
class Code:
    """What is written for one node.

    ``make`` constructs it (left out where it is only an expression); ``forward`` is the
    expression of the forward pass, with ``{self}`` for what was made, ``{0}``, ``{1}``,
    … or ``{all}`` for its inputs and ``{draw}`` for its random factors. ``rank``: the
    axes of inputs, where what was made takes only as many as at its first call.
    """

    forward: str = "{self}({0})"
    make: Call | None = None
    weights: Mapping[str, Slot] = field(default_factory=dict)
    snippets: tuple[str, ...] = ()
    rank: int | None = None


def entry(
    write: Callable[[View], Code] | Code, gap: str = "", snippets: Path | None = None
) -> Entry:
    """An entry of one form that holds everywhere."""
    if isinstance(write, Code):
        code = write
        return Entry((Form("native", lambda view: code),), gap, snippets)
    return Entry((Form("native", write),), gap, snippets)
