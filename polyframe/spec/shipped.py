"""The names of what is shipped: models and recipes.

They live in rooms above this one, which hand them down: a family's ``names`` and ``find``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Shelf(NamedTuple):
    """One family: its names, sorted, and what lies there under a name."""

    names: Callable[[], list[str]]
    find: Callable[..., Any]


_SHELVES: dict[str, Shelf] = {}


def register(
    family: str, names: Callable[[], list[str]], find: Callable[..., Any]
) -> None:
    """Say what is shipped of a family ("model", "recipe")."""
    _SHELVES[family] = Shelf(names, find)


def names(family: str) -> list[str]:
    """The shipped names of a family, sorted."""
    return _SHELVES[family].names() if family in _SHELVES else []


def find(family: str, name: str, **arguments: object) -> Any:
    """A shipped model's spec, with these arguments, or a shipped recipe's file."""
    return _SHELVES[family].find(name, **arguments)
