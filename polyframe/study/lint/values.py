"""The values of expressions that can be told without running anything: constants, names
that are given one once, arithmetic of numbers, and the names of what is imported."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

DEEPEST = 30
"""How many names and operations may hang on each other."""
FRAMEWORKS = {"torch", "torchvision", "tensorflow", "keras", "mxnet", "numpy"}
"""Packages whose names are constants."""
MOST_STEPS = 5000
"""How many expressions are looked at for one value."""
LARGEST_INTEGER = 2**63
Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


class NotReadError(Exception):
    """Why a value cannot be told."""


@dataclass(frozen=True)
class Dotted:
    """A name of what is imported: ``torch.float64``."""

    name: str


@dataclass
class Scope:
    """The names of a module, class or function: each with all that it is given."""

    node: ast.AST
    parent: Scope | None = None
    given: dict[str, list[ast.AST]] = field(default_factory=dict)
    arguments: set[str] = field(default_factory=set)

    @property
    def title(self) -> str:
        """How people call it."""
        return getattr(self.node, "name", "a lambda")


class Names:
    """All names of a program, and what they are."""

    def __init__(self, tree: ast.Module, aliases: Mapping[str, str]) -> None:
        self.aliases = aliases
        self.scopes: dict[ast.AST, Scope] = {}
        self.parents: dict[ast.AST, ast.AST] = {}
        self.imports: dict[str, str] = {}
        self.module = Scope(tree)
        self.classes: dict[str, ast.ClassDef] = {}
        self.options: dict[str, ast.expr | None] = {}  # of a command line
        self.known: dict[str, str] = {}  # names that were looked up
        self.steps = 0  # of the value that is being told
        self.walk(tree)

    def walk(self, tree: ast.Module) -> None:
        """Note the scope of each node, and what each name is given."""
        pending: list[tuple[ast.AST, Scope]] = [(tree, self.module)]
        while pending:
            node, scope = pending.pop()
            self.scopes[node] = scope
            self.note(node, scope)
            inner = scope
            if isinstance(node, SCOPES):
                inner = Scope(node, scope)
                if not isinstance(node, ast.ClassDef):
                    inner.arguments = {each.arg for each in arguments(node)}
            for child in ast.iter_child_nodes(node):
                self.parents[child] = node
                pending.append((child, inner))

    def note(self, node: ast.AST, scope: Scope) -> None:
        """Note what a statement gives to names."""
        if isinstance(node, ast.Import):
            for each in node.names:
                name = each.asname or each.name.split(".")[0]
                self.imports[name] = each.name if each.asname else name
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for each in node.names:
                self.imports[each.asname or each.name] = f"{node.module}.{each.name}"
        elif isinstance(node, ast.Call):
            self.options.update(option(node))
        elif isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            scope.given.setdefault(node.name, []).append(node)
            if isinstance(node, ast.ClassDef):
                self.classes[node.name] = node
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                self.give(scope, target, node.value)
        elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and node.value:
            self.give(scope, node.target, node.value)
        elif isinstance(
            node, (ast.AugAssign, ast.For, ast.AsyncFor, ast.comprehension)
        ):
            self.give(scope, node.target, node)
        elif isinstance(node, (ast.withitem,)) and node.optional_vars:
            self.give(scope, node.optional_vars, node)
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            for name in node.names:  # whoever may give it another value
                self.module.given.setdefault(name, []).extend((node, node))

    def give(self, scope: Scope, target: ast.AST, value: ast.AST) -> None:
        """Note what a target is given; parts of a tuple one by one."""
        pairs = [(target, value)]
        while pairs:
            target, value = pairs.pop()
            if isinstance(target, (ast.Tuple, ast.List)):
                parts: Sequence[ast.AST] = [value] * len(target.elts)
                if isinstance(value, (ast.Tuple, ast.List)):
                    if len(value.elts) == len(target.elts):
                        parts = value.elts
                else:
                    parts = [target] * len(target.elts)  # no part can be told
                pairs += zip(target.elts, parts, strict=True)
            elif isinstance(target, ast.Starred):
                pairs.append((target.value, target))
            elif isinstance(target, ast.Name):
                scope.given.setdefault(target.id, []).append(value)

    def dotted(self, node: ast.AST, scope: Scope | None = None, depth: int = 0) -> str:
        """The full name of what is imported, "" for all else: ``torch.nn.Linear`` for
        ``nn.Linear``."""
        scope = scope or self.scopes.get(node, self.module)
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or depth > DEEPEST or len(parts) > DEEPEST:
            return ""
        try:
            given = self.lookup(node.id, scope)
        except NotReadError:
            return ""
        if given is not None:
            if len(given) != 1 or not isinstance(given[0], (ast.Name, ast.Attribute)):
                return ""
            start = self.dotted(given[0], None, depth + 1)
        else:
            start = self.imports.get(node.id, "")
        return self.canonical(".".join([start, *reversed(parts)])) if start else ""

    def canonical(self, name: str) -> str:
        """A dotted name as ``calls.yaml`` has it."""
        if name not in self.known:
            self.known[name] = self.renamed(name)
        return self.known[name]

    def renamed(self, name: str) -> str:
        """A name whose beginning is another in ``calls.yaml``."""
        longest = max(
            (a for a in self.aliases if f"{name}.".startswith(f"{a}.")),
            key=len,
            default="",
        )
        return self.aliases[longest] + name[len(longest) :] if longest else name

    def lookup(self, name: str, scope: Scope) -> list[ast.AST] | None:
        """All that a name is given in the nearest scope that has it; None if no scope
        has. NotReadError for an argument of a function."""
        at: Scope | None = scope
        while at is not None:
            if name in at.arguments and name not in at.given:
                raise NotReadError(f"is an argument of {at.title}")
            skipped = isinstance(at.node, ast.ClassDef) and at is not scope
            if name in at.given and not skipped:
                return at.given[name]
            at = at.parent
        return self.module.given.get(name)

    def value(self, node: ast.AST, depth: int = 0) -> object:
        """The value of an expression; NotReadError says why there is none."""
        self.steps = self.steps + 1 if depth else 0
        if depth > DEEPEST or self.steps > MOST_STEPS:
            raise NotReadError("hangs on too many names")
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, (ast.Tuple, ast.List)):
            return tuple(self.value(each, depth + 1) for each in node.elts[:1000])
        if isinstance(node, ast.Dict):
            return {
                self.value(key, depth + 1): self.value(each, depth + 1)
                for key, each in zip(node.keys[:1000], node.values, strict=False)
                if isinstance(key, ast.Constant)
            }
        if isinstance(node, ast.UnaryOp):
            return unary(node.op, self.value(node.operand, depth + 1))
        if isinstance(node, ast.BinOp):
            left, right = (self.value(n, depth + 1) for n in (node.left, node.right))
            return binary(node.op, left, right)
        if isinstance(node, ast.Subscript):
            return item(
                self.value(node.value, depth + 1), self.value(node.slice, depth + 1)
            )
        if isinstance(node, (ast.Name, ast.Attribute)):
            return self.named(node, depth)
        raise NotReadError(f"is computed at line {getattr(node, 'lineno', 0)}")

    def is_parsed(self, node: ast.expr, scope: Scope) -> bool:
        """Whether a name is what ``parse_args`` returned."""
        if not isinstance(node, ast.Name):
            return False
        given = self.lookup(node.id, scope)
        return (
            given is not None
            and len(given) == 1
            and isinstance(given[0], ast.Call)
            and isinstance(given[0].func, ast.Attribute)
            and given[0].func.attr == "parse_args"
        )

    def named(self, node: ast.Name | ast.Attribute, depth: int) -> object:
        """The value of a name, of an attribute of a class, or of what is imported."""
        scope = self.scopes.get(node, self.module)
        if isinstance(node, ast.Attribute):
            if isinstance(node.value, ast.Name) and node.value.id in self.classes:
                owner = self.classes[node.value.id]
                values = [
                    each.value
                    for each in owner.body
                    if isinstance(each, (ast.Assign, ast.AnnAssign)) and each.value
                    for target in targets(each)
                    if isinstance(target, ast.Name) and target.id == node.attr
                ]
                if len(values) == 1:
                    return self.value(values[0], depth + 1)
            if self.is_parsed(node.value, scope) and node.attr in self.options:
                value = self.options[node.attr]
                if value is None:
                    raise NotReadError(
                        f"is the option {node.attr}, which has no default"
                    )
                return self.value(value, depth + 1)
            name = self.dotted(node, scope)
            if name:
                return imported(name)
            raise NotReadError(f"is an attribute at line {node.lineno}")
        given = self.lookup(node.id, scope)
        if given is None:
            name = self.dotted(node, scope)
            if name:
                return imported(name)
            raise NotReadError(f"{node.id} is not given a value that can be told")
        if len(given) > 1:
            lines = sorted({getattr(each, "lineno", 0) for each in given[:8]})
            raise NotReadError(
                f"{node.id} is given values at lines {', '.join(map(str, lines[:4]))}"
            )
        return self.value(given[0], depth + 1)


def option(node: ast.Call) -> dict[str, ast.expr | None]:
    """The option that a call of ``add_argument`` makes, with its default."""
    if not isinstance(node.func, ast.Attribute) or node.func.attr != "add_argument":
        return {}
    texts = [a.value for a in node.args if isinstance(a, ast.Constant)]
    long = [t[2:] for t in texts if isinstance(t, str) and t.startswith("--")]
    defaults = [k.value for k in node.keywords if k.arg == "default"]
    name = long[0].replace("-", "_") if long else ""
    return {name: defaults[0] if defaults else None} if name else {}


def imported(name: str) -> Dotted:
    """A name of a framework; NotReadError for one of another file."""
    module, _, last = name.rpartition(".")
    if name.partition(".")[0] not in FRAMEWORKS:
        raise NotReadError(f"{last} comes from {module or last}")
    return Dotted(name)


def arguments(function: Function) -> Iterator[ast.arg]:
    """All arguments of a function."""
    a = function.args
    yield from (*a.posonlyargs, *a.args, *a.kwonlyargs)
    yield from (each for each in (a.vararg, a.kwarg) if each is not None)


def targets(node: ast.Assign | ast.AnnAssign) -> list[ast.expr]:
    """What a statement assigns to."""
    return node.targets if isinstance(node, ast.Assign) else [node.target]


def number(value: object) -> float | int:
    """A number; NotReadError for all else, and for giant ones."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise NotReadError("is computed of what is no number")
    if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        raise NotReadError("is a giant number")
    return value


def unary(op: ast.unaryop, value: object) -> object:
    """``-x``, ``+x``, ``not x``."""
    if isinstance(op, ast.Not) and isinstance(value, bool):
        return not value
    if isinstance(op, ast.USub):
        return -number(value)
    if isinstance(op, ast.UAdd):
        return number(value)
    raise NotReadError("is computed")


def binary(op: ast.operator, left: object, right: object) -> object:
    """Arithmetic of two numbers."""
    a, b = number(left), number(right)
    try:
        if isinstance(op, ast.Add):
            return number(a + b)
        if isinstance(op, ast.Sub):
            return number(a - b)
        if isinstance(op, ast.Mult):
            return number(a * b)
        if isinstance(op, ast.Div):
            return a / b
        if isinstance(op, ast.FloorDiv):
            return a // b
        if isinstance(op, ast.Pow) and abs(b) < 64 and math.log2(abs(a) + 1) < 64:
            return number(a**b) if isinstance(b, float) or b < 0 else power(a, int(b))
    except (ArithmeticError, ValueError, TypeError) as error:
        raise NotReadError(f"cannot be computed: {error}") from None
    raise NotReadError("is computed")


def power(base: float | int, exponent: int) -> float | int:
    """``base ** exponent``, never larger than a number may be."""
    result: float | int = 1
    for _ in range(exponent):
        result = number(result * base)
    return result


def item(owner: object, key: object) -> object:
    """One item of a constant mapping or tuple."""
    try:
        if isinstance(owner, dict):
            return owner[key]
        if isinstance(owner, tuple) and isinstance(key, int):
            return owner[key]
    except (KeyError, IndexError, TypeError):
        pass
    raise NotReadError("is an item that cannot be told")
