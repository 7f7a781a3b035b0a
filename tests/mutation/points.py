"""Mutation points: every number, boolean and operator of a program's text, one at a time.

Texts are cut into definitions (top-level functions, classes, assignments), since equal
definitions of several programs are one thing to mutate. Docstrings, comments and names
are left out, and so is what merely feeds a layer under test (``in0_0``).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

OPERATORS = {
    ast.Add: ("+", "-"), ast.Sub: ("-", "+"), ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"), ast.FloorDiv: ("//", "/"), ast.Pow: ("**", "*"),
    ast.Mod: ("%", "//"), ast.BitAnd: ("&", "|"), ast.BitOr: ("|", "&"),
    ast.Lt: ("<", "<="), ast.LtE: ("<=", "<"), ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"), ast.Eq: ("==", "!="), ast.NotEq: ("!=", "=="),
    ast.Is: ("is", "is not"), ast.IsNot: ("is not", "is"),
    ast.In: ("in", "not in"), ast.NotIn: ("not in", "in"),
    ast.And: ("and", "or"), ast.Or: ("or", "and"),
}  # fmt: skip
WORDS = {
    "same": "valid", "valid": "same", "SAME": "VALID", "VALID": "SAME",
    "reflect": "replicate", "replicate": "reflect", "edge": "reflect",
    "REFLECT": "SYMMETRIC", "SYMMETRIC": "REFLECT", "CONSTANT": "REFLECT",
    "constant": "edge", "nearest": "bilinear", "bilinear": "nearest",
    "linear": "nearest", "bicubic": "bilinear", "mean": "sum", "sum": "mean",
    "none": "mean", "max": "avg", "avg": "max", "tanh": "none",
}  # fmt: skip
"""Strings that choose what is computed, and another that may stand in their place."""
FRONT = re.compile(r"self\.in\d+_")


@dataclass(frozen=True)
class Mutant:
    """One change of one definition: its text with ``old`` at ``start`` replaced."""

    backend: str
    text: str
    start: int
    old: str
    new: str

    @property
    def lines(self) -> tuple[str, str]:
        """The line as it was and as it is, without indentation."""
        begin = self.text.rfind("\n", 0, self.start) + 1
        stop = (self.text + "\n").index("\n", self.start + len(self.old))
        head, tail = self.text[begin : self.start], self.text[self.start : stop]
        tail = tail[len(self.old) :]
        return (head + self.old + tail).strip(), (head + self.new + tail).strip()

    @property
    def marked(self) -> str:
        """The line, the change marked: ``pool(x, «2→3»)``."""
        (before, _), old = self.lines, self.old
        begin = self.text.rfind("\n", 0, self.start) + 1
        at = self.start - begin
        line = self.text[begin:]
        indent = len(line) - len(line.lstrip())
        at -= indent
        return f"{before[:at]}«{old}→{self.new}»{before[at + len(old) :]}"

    def within(self, program: str) -> str:
        """A program's text with the change; ValueError if it lacks the definition."""
        at = ("\n" + program).index("\n" + self.text)
        start = at + self.start
        return program[:start] + self.new + program[start + len(self.old) :]


def definitions(source: str, roots: list[str] | None = None) -> list[str]:
    """The top-level texts that are reached from some names (None: all of them),
    imports left out."""
    known: dict[str, tuple[str, ast.stmt]] = {}
    lines = source.splitlines(keepends=True)
    for node in ast.parse(source).body:
        first = min(
            [node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))]
        )
        text = "".join(lines[first - 1 : node.end_lineno]).rstrip("\n")
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            known[node.name] = text, node
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    known[target.id] = text, node
    texts: dict[str, str] = {}
    open_ = [root for root in (known if roots is None else roots) if root in known]
    while open_:
        name = open_.pop(0)
        if name not in texts:
            texts[name], node = known[name]
            named = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
            open_ += sorted(named & set(known))
    return list(dict.fromkeys(texts.values()))


def mutants(backend: str, text: str) -> list[Mutant]:
    """Every mutant of a definition."""
    offsets = [0]
    for line in text.split("\n"):
        offsets.append(offsets[-1] + len(line) + 1)
    assert text.isascii(), "offsets of ast count bytes"

    def place(line: int, column: int) -> int:
        return offsets[line - 1] + column

    variants = []
    for node in _shown(ast.parse(text)):
        for start, stop, new in _changes(node, text, place):
            variants.append(Mutant(backend, text, start, text[start:stop], new))
    return variants


def _shown(node: ast.AST) -> Iterator[ast.AST]:
    """Nodes, without docstrings and what merely feeds a layer."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
            continue
        if isinstance(child, ast.JoinedStr):
            continue
        if isinstance(child, ast.Assign) and FRONT.match(ast.unparse(child.targets[0])):
            continue
        yield child
        yield from _shown(child)


def _changes(node, text, place):
    """(start, stop, what to put there) of each change at one node."""

    def begin(part):
        return place(part.lineno, part.col_offset)

    def end(part):
        return place(part.end_lineno, part.end_col_offset)

    if isinstance(node, ast.Constant):
        new = _other(node.value)
        if new is not None:
            yield begin(node), end(node), new
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.Not)):
        yield begin(node), begin(node.operand), ""
    elif isinstance(node, ast.BinOp):
        yield from _operator(node.op, end(node.left), begin(node.right), text)
    elif isinstance(node, ast.AugAssign):
        yield from _operator(node.op, end(node.target), begin(node.value), text)
    elif isinstance(node, ast.Compare):
        parts = [node.left, *node.comparators]
        for op, left, right in zip(node.ops, parts, parts[1:]):
            yield from _operator(op, end(left), begin(right), text)
    elif isinstance(node, ast.BoolOp):
        for left, right in zip(node.values, node.values[1:]):
            yield from _operator(node.op, end(left), begin(right), text)


def _other(value):
    """A constant's neighbour as text; None for one that is left alone."""
    if isinstance(value, bool):
        return str(not value)
    if isinstance(value, int):
        return str(value + 1)
    if isinstance(value, float):
        if value > 1e300:
            return repr(value / 2)  # twice that is no number
        return repr(2 * value + 0.5 * (value == 0))
    if isinstance(value, str) and value in WORDS:
        return f'"{WORDS[value]}"'
    return None


def _operator(op, start, stop, text):
    if type(op) not in OPERATORS:
        return  # "@" has no neighbour
    old, new = OPERATORS[type(op)]
    between = re.sub(r"#[^\n]*", lambda m: " " * len(m[0]), text[start:stop])
    pattern = rf"\b{old}\b" if old[0].isalpha() else re.escape(old)
    match = re.search(pattern, between)
    assert match, (old, between)
    yield start + match.start(), start + match.end(), new
