"""Reads a program: its calls, and the statements that decide something."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from polyframe.errors import PolyframeError
from polyframe.study.lint import adjust, usage
from polyframe.study.lint.program import Program
from polyframe.study.lint.reader import Reader
from polyframe.study.lint.source import lines_of, parse, read
from polyframe.study.lint.tables import Framework, aliases, frameworks
from polyframe.study.lint.values import Names

VARIABLES = {"OMP_NUM_THREADS": "threads"}
"""Variables of the environment, and the settings that they are."""


def extract(path: Path) -> Program:
    """What a Python program says; PolyframeError if it cannot be read, or is of none of
    the frameworks."""
    text = read(path)
    tree = parse(text, str(path))
    names = Names(tree, aliases())
    framework = framework_of(names, str(path))
    program = Program(path, framework.title, framework)
    reader = Reader(program, framework, names, lines_of(text))
    for node in nodes(tree, reader):
        visit(node, reader)
    adjust.adjust(program, tree, names)
    usage.check(program, tree, names)
    program.readings.sort(key=lambda each: each.line)
    return program


def framework_of(names: Names, where: str) -> Framework:
    """The one framework that a program imports, or whose calls it has most."""
    known = frameworks()
    roots = {"keras": "tensorflow", "torchvision": "torch"}
    imported = {
        roots.get(root, root)
        for root in (
            n.split(".")[0] for n in map(names.canonical, names.imports.values())
        )
    } & set(known)
    if not imported:
        raise PolyframeError(
            "imports none of PyTorch, TensorFlow, Keras, MXNet",
            where=where,
            hint="give a program that trains with one of them",
        )
    called = [names.dotted(n.func) for n in names.scopes if isinstance(n, ast.Call)]

    def count(name: str) -> int:
        return sum(each in known[name].calls for each in called)

    return known[max(sorted(imported), key=count)]


def nodes(tree: ast.Module, reader: Reader) -> Iterator[ast.AST]:
    """All nodes, but for those inside helpers that are polyframe's own."""
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        yield node
        if isinstance(node, ast.ClassDef) and reader.helper(node.name) is not None:
            continue
        pending += ast.iter_child_nodes(node)


def visit(node: ast.AST, reader: Reader) -> None:
    """Read what a node says."""
    if isinstance(node, ast.Call):
        reader.call(node)
    elif isinstance(node, ast.Assign):
        for target in node.targets:
            flag(target, node, reader)
            variable(target, node, reader)
    elif isinstance(node, ast.For):
        loop(node, reader)
    elif isinstance(node, ast.BinOp):
        division(node, reader)


def flag(target: ast.expr, node: ast.Assign, reader: Reader) -> None:
    """Read flags: ``torch.backends.cudnn.allow_tf32 = True``."""
    if isinstance(target, ast.Attribute):
        row = reader.framework.attributes.get(reader.dotted(target))
        if row is not None:
            reader.add(str(row["setting"]), node.value, meanings=row["values"])


def variable(target: ast.expr, node: ast.Assign, reader: Reader) -> None:
    """Read ``os.environ["OMP_NUM_THREADS"] = "2"``."""
    if not isinstance(target, ast.Subscript) or not isinstance(
        target.slice, ast.Constant
    ):
        return
    setting = VARIABLES.get(str(target.slice.value))
    if setting is None or reader.dotted(target.value) != "os.environ":
        return
    text = node.value.value if isinstance(node.value, ast.Constant) else ""
    if isinstance(text, str) and text.isdecimal() and len(text) < 9:
        reader.add(setting, node.value, value=int(text))
    else:
        reader.add(setting, node.value, problem=f"is computed at line {node.lineno}")


def loop(node: ast.For, reader: Reader) -> None:
    """Read ``for epoch in range(10)``."""
    names = [n.id for n in ast.walk(node.target) if isinstance(n, ast.Name)]
    if not any("epoch" in name.lower() for name in names):
        return
    source = node.iter
    bounds: list[ast.expr] = []
    if isinstance(source, ast.Call) and isinstance(source.func, ast.Name):
        bounds = source.args if source.func.id == "range" else []
    if len(bounds) == 1:
        reader.add("epochs", bounds[0])
    elif len(bounds) == 2:
        length = ast.BinOp(bounds[1], ast.Sub(), bounds[0])
        reader.add("epochs", ast.copy_location(length, source))
    else:
        problem = f"is decided by the loop of line {node.lineno}"
        reader.add("epochs", node, problem=problem)


def division(node: ast.BinOp, reader: Reader) -> None:
    """Read ``x / 255``."""
    right = node.right
    by_255 = isinstance(right, ast.Constant) and right.value == 255
    if (
        by_255
        and isinstance(node.op, ast.Div)
        and not isinstance(node.left, ast.Constant)
    ):
        reader.add("normalisation", node, value="/ 255")
