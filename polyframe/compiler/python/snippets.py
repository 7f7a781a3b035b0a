"""Snippets: functions and classes that are copied into programs.

They are in Python files that are read and never imported. With a snippet, all snippets
that it names are copied, and the import lines on top of its file that it needs.
"""

from __future__ import annotations

import ast
import functools
import symtable
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from polyframe.errors import BackendError


class Snippet(NamedTuple):
    """A name that code asks for, and the plug-in's file that it may be in."""

    name: str
    library: Path | None = None


class Copied(NamedTuple):
    """A function or class on its way into a program."""

    name: str
    text: str
    path: Path


@functools.cache
def definitions(path: Path) -> dict[str, str]:
    """The functions and classes of a file, as text."""
    text = path.read_text(encoding="utf-8")
    lines = text.split("\n")  # once: ast.get_source_segment would, for each of them
    found = {}
    for node in ast.parse(text).body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            *above, last = lines[node.lineno - 1 : node.end_lineno]
            end = last.encode()[: node.end_col_offset].decode()
            found[node.name] = "\n".join([*above, end])
    return found


@functools.cache
def imports_of(path: Path) -> tuple[str, ...]:
    """The import lines on top of a file."""
    return tuple(
        ast.unparse(node)
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Import)
        or (isinstance(node, ast.ImportFrom) and node.module != "__future__")
    )


@functools.cache
def library(path: Path) -> tuple[Path, ...]:
    """The files of snippets in a folder and those inside it (or the one file), without
    what only ejected scripts take."""
    if path.is_file():
        return (path,)
    left_out = ("__init__", "eject", "eject_native")
    files = (p for p in path.rglob("*.py") if p.stem not in left_out)
    return tuple(sorted(files, key=lambda p: (len(p.parts), p)))


@functools.cache
def defined_in(paths: tuple[Path, ...]) -> frozenset[str]:
    """The names of all functions and classes in some files."""
    return frozenset(name for path in paths for name in definitions(path))


def snippet(path: Path, name: str) -> str:
    """The text of a function or class in a file."""
    return definitions(path)[name]


@functools.lru_cache(4096)
def global_names(text: str) -> frozenset[str]:
    """The global names that a text uses: modules, functions and classes."""
    names: set[str] = set()
    scopes = [symtable.symtable(text, "<snippet>", "exec")]
    while scopes:
        scope = scopes.pop()
        scopes += scope.get_children()
        at_top = scope.get_type() == "module"
        names.update(
            symbol.get_name()
            for symbol in scope.get_symbols()
            if symbol.is_referenced() and (at_top or symbol.is_global())
        )
    return frozenset(names)


def copied(snippets: Iterable[Snippet], paths: Sequence[Path]) -> list[Copied]:
    """The texts of snippets, each after those that it names; ``paths`` are the
    backend's own files. BackendError where one is missing, or two that differ have one
    name."""
    by_name: dict[str, Copied] = {}

    def copy(name: str, files: tuple[Path, ...]) -> None:
        one = _find(name, files)
        if one.name in by_name:
            other = by_name[one.name]
            if other.text != one.text:
                raise BackendError(
                    f"two snippets are called {one.name!r}: in {other.path} and in "
                    f"{one.path}",
                    hint="give one of them another name",
                )
            return
        nearest = (one.path, *files)
        for other_name in sorted(global_names(one.text) & defined_in(nearest)):
            if other_name != one.name and other_name not in by_name:
                copy(other_name, nearest)
        by_name[one.name] = one

    for item in snippets:
        own = () if item.library is None else (item.library,)
        copy(item.name, (*own, *paths))
    return list(by_name.values())


def _find(name: str, paths: Sequence[Path]) -> Copied:
    stem, _, last = name.rpartition(".")
    for path in paths:
        if (not stem or path.stem == stem) and last in definitions(path):
            return Copied(last, definitions(path)[last], path)
    raise BackendError(
        f"there is no snippet {name!r} in {', '.join(p.name for p in paths)}"
    )
