"""The house: each room stands on the rooms below it, and nothing goes in circles."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from helpers import imports

ROOT = Path(__file__).parents[2]
LEVELS = (
    ("errors",),
    ("randomness", "plugins", "io"),
    ("spec", "differences"),
    ("zoo", "data", "compiler"),
    ("contract",),
    ("backends", "train", "workers"),
    ("model", "eject"),
    ("run",),
    ("conformance", "bench", "study", "teach", "exchange", "compress"),
    ("cli",),
    ("", "__main__"),  # the package itself
)
"""Rooms from the ground up; those of one level do not know each other."""
LEVEL = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}
BESIDE = {("study", "conformance"), ("study", "bench")}
"""(room, room of its own level that it may use)."""
LOOSE = {"errors.py", "randomness.py", "plugins.py", "__init__.py", "__main__.py"}


def room(module):
    """The room of a module; "" for the package itself."""
    return ".".join(module.split(".")[1:2])


def upward(graph):
    """Imports of a room that does not stand below, as texts."""
    breaches = []
    for module, others in graph.items():
        for other in others:
            own, there = room(module), room(other)
            if own == there or (own, there) in BESIDE:
                continue
            if LEVEL[there] >= LEVEL[own]:
                breaches.append(f"{module} imports {other}")
    return breaches


def test_every_room_has_its_level():
    known = {room(name) for name in imports.modules(ROOT)}
    assert known <= set(LEVEL)
    loose = {path.name for path in (ROOT / "polyframe").glob("*.py")}
    assert loose <= LOOSE


def test_no_import_goes_up():
    assert upward(imports.graph(ROOT)) == []


def test_no_circles():
    assert imports.circles(imports.graph(ROOT)) == []


def test_no_backend_knows_another():
    for module, others in imports.graph(ROOT).items():
        own = module.split(".")[:3]
        if own[:2] == ["polyframe", "backends"] and len(own) == 3:
            assert all(
                o.split(".")[:3] == own or room(o) != "backends" for o in others
            ), module


FRAMEWORKS = {"torch", "tensorflow", "tf_keras", "keras", "mxnet", "jax"}


def frameworks(text):
    """The frameworks that a text imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return {name.split(".")[0] for name in names} & FRAMEWORKS


def test_only_backends_import_a_framework():
    """Each its own; programs that are shown and run are text, not modules."""
    own = {"pytorch": {"torch"}, "tf": {"tensorflow", "keras"}, "gluon": {"mxnet"}}
    for path in (ROOT / "polyframe").rglob("*.py"):
        assert not frameworks(path.read_text("utf-8")), path
    for folder, names in own.items():
        for path in (ROOT / "backends" / folder).rglob("*.py"):
            assert frameworks(path.read_text("utf-8")) <= names, path


@pytest.mark.parametrize(
    "text",
    ["import mxnet as mx", "def f():\n    from torch import nn", "import keras.ops"],
)
def test_a_framework_is_seen(text):
    assert frameworks(text)


def test_files_are_short():
    for folder in ("polyframe", "backends", "tests", "tools"):
        for path in (ROOT / folder).rglob("*.py"):
            if "build" not in path.parts:
                lines = len(path.read_text(encoding="utf-8").splitlines())
                assert lines <= 400, f"{path.relative_to(ROOT)} has {lines} lines"


@pytest.mark.parametrize(
    "text",
    [
        "import polyframe.cli",
        "def f():\n    from polyframe.cli import main",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import polyframe.cli",
        "from polyframe import cli",
        "import importlib\nimportlib.import_module('polyframe.cli')",
    ],
)
def test_an_arrow_up_is_seen(text):
    graph = imports.graph(ROOT)
    graph["polyframe.spec.graph"] |= set(imports.imported(text, graph))
    assert upward(graph) == ["polyframe.spec.graph imports polyframe.cli"]


def test_a_relative_import_is_refused():
    with pytest.raises(ValueError, match="relative import: from ..cli import main"):
        list(imports.imported("from ..cli import main", imports.modules(ROOT)))


def test_a_circle_is_seen():
    graph = imports.graph(ROOT)
    graph["polyframe.errors"] |= {"polyframe.spec.typed"}
    (circle,) = imports.circles(graph)
    assert {"polyframe.errors", "polyframe.spec.typed"} <= set(circle)
