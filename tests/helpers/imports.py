"""Who imports whom: every import of the package, lazy ones and those for types too."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

Graph = dict[str, set[str]]


def modules(root: Path) -> dict[str, Path]:
    """Dotted name → file, of ``polyframe`` and of ``backends`` beside it."""
    files = {}
    for folder, package in (
        (root / "polyframe", "polyframe"),
        (root / "backends", "polyframe.backends"),
    ):
        for path in sorted(folder.rglob("*.py")):
            inner = path.relative_to(folder)
            if "snippets" in inner.parts:  # text, not modules
                continue
            parts = [package, *inner.with_suffix("").parts]
            if parts[-1] == "__init__":
                parts.pop()
            files[".".join(parts)] = path
    return files


def imported(text: str, known: Mapping[str, object]) -> Iterator[str]:
    """The modules among ``known`` that a text imports, wherever in it: by a statement, or
    by ``importlib`` and the name as text. A relative import is an error."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.Call) and "import_module" in ast.unparse(node.func):
            texts = (n.value for n in ast.walk(node) if isinstance(n, ast.Constant))
            yield from (str(text) for text in texts if text in known)
        elif isinstance(node, ast.ImportFrom) and node.level:
            raise ValueError(f"relative import: {ast.unparse(node)}")
        elif isinstance(node, ast.ImportFrom) and node.module in known:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in known else str(node.module)


def graph(root: Path) -> Graph:
    """Module → what it imports."""
    known = modules(root)
    return {
        name: set(imported(path.read_text(encoding="utf-8"), known)) - {name}
        for name, path in known.items()
    }


def circles(graph: Graph) -> list[list[str]]:
    """Groups of modules that import each other, over however many steps (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    groups = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in graph.get(name, ()):
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            group = []
            while not group or group[-1] != name:
                group.append(stack.pop())
            if len(group) > 1:
                groups.append(sorted(group))

    for name in graph:
        if name not in index:
            visit(name)
    return groups
