"""Write ``polyframe/__init__.pyi``: where every public name of polyframe lives.

Editors and type checkers read the stub, and so does ``polyframe`` itself, which imports
a name from there when it is first used. ``make stub`` runs this; the tests compare.
Modules are parsed, not imported.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1] / "polyframe"
STUB = ROOT / "__init__.pyi"
HEAD = (
    "# Made by `make stub`: what `import polyframe as pf` offers, and where it lives.\n"
)

FOLDERS = ("data", "train", "zoo")
"""Packages that are public as they are: ``pf.zoo``."""
NAMES = {
    "contract": ("backends",),
    "io": ("LoadReport", "__version__"),
    "model": ("Model", "compile", "load_model"),
    "plugins": ("load_plugin",),
    "run": ("load_run",),
    "spec": (
        "Block",
        "Input",
        "Layer",
        "ModelSpec",
        "Recipe",
        "Sequential",
        "UNSET",
        "load_recipe",
        "load_spec",
        "split",
    ),
    "train": ("Callback",),
}
"""Room → what is public there, beside its elements; the file is looked for."""


def modules(room: str = "") -> Iterator[tuple[str, ast.Module]]:
    """The modules of a room (or of all), by their dotted names inside polyframe."""
    for path in sorted(ROOT.rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        if not name.endswith("__init__") and f"{name}.".startswith(
            f"{room}." * bool(room)
        ):
            yield name, ast.parse(path.read_text(encoding="utf-8"))


def defined(module: ast.Module) -> Iterator[str]:
    """The names that a module's own top level makes."""
    for node in module.body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (t.id for t in node.targets if isinstance(t, ast.Name))


def elements() -> Iterator[tuple[str, str]]:
    """(name, module) of what a spec or recipe is made of: classes with ``@define``."""
    for name, module in modules():
        for node in module.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                decorators = map(ast.unparse, node.decorator_list)
                if "define" in decorators:
                    yield node.name, name


def public() -> dict[str, str]:
    """Every public name, and the module that it is imported from."""
    pairs = list(elements())
    for name, module in modules("errors"):
        pairs += [(word, name) for word in defined(module) if word[0].isupper()]
    for name, module in modules("spec.composites"):
        functions = (node for node in module.body if isinstance(node, ast.FunctionDef))
        pairs += [(node.name, name) for node in functions if node.name[0].isupper()]
    for room, words in NAMES.items():
        for name, module in modules(room):
            pairs += [(word, name) for word in defined(module) if word in words]
    homes: dict[str, str] = {}
    for word, name in pairs:
        if homes.setdefault(word, name) != name:
            sys.exit(f"{word} is made in {homes[word]} and in {name}")
    missing = {word for words in NAMES.values() for word in words} - set(homes)
    if missing:
        sys.exit(f"nothing is called {', '.join(sorted(missing))}")
    return homes


def stub() -> str:
    """The text of the stub."""
    lines = [f"from . import {name} as {name}" for name in FOLDERS]
    lines += sorted(
        f"from .{module} import {word} as {word}" for word, module in public().items()
    )
    return HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    STUB.write_text(stub(), encoding="utf-8")
