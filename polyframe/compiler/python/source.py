"""Writing code well: calls as data, laid out as `ruff format` lays them out.

A table entry writes a construction as a ``Call``: a function and its arguments, each
with the role it plays and the default that need not be written. Because values stay
apart from text, two blocks that differ in values only can share one class.
"""

from __future__ import annotations

import ast
import builtins
import keyword
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from polyframe.errors import SpecError

WIDTH = 88
"""The longest line, ruff's default."""


@dataclass(frozen=True)
class Name:
    """Source text that is written as it is: a variable, an attribute."""

    text: str


@dataclass(frozen=True)
class Opt:
    """A value that is written only where it differs from the function's default."""

    value: object
    default: object


@dataclass(frozen=True)
class Argument:
    """One argument: its role (what a parameter standing for it would be called)."""

    role: str
    value: object  # a literal, a Name or a Call
    keyword: bool
    default: object = ...  # Ellipsis: always written

    @property
    def written(self) -> bool:
        """Whether it has to be in the source."""
        return self.default is ... or self.value != self.default


@dataclass(frozen=True)
class Call:
    """``function(arguments)tail``; without a function a list, with ``()`` a tuple, with
    ``{}`` a dict, whose keys are the roles."""

    function: str
    arguments: tuple[Argument, ...]
    tail: str = ""

    def flat(self) -> str:
        """The call on one line."""
        comma = "," if self.function == "()" and len(self.arguments) == 1 else ""
        return self.open + ", ".join(self.items()) + comma + self.close

    @property
    def display(self) -> bool:
        """Whether it is a list, a tuple or a dict."""
        return self.function in ("", "()", "{}")

    @property
    def open(self) -> str:
        """The text before the arguments."""
        if self.function == "{}":
            return "{"
        return "[" if not self.function else self.function.removesuffix("()") + "("

    @property
    def close(self) -> str:
        """The text after them."""
        if self.function == "{}":
            return "}" + self.tail
        return (")" if self.function else "]") + self.tail

    def key(self, argument: Argument) -> str:
        """The text before an argument's value."""
        if self.function == "{}":
            return f'"{argument.role}": '
        return f"{argument.role}=" if argument.keyword else ""

    def items(self) -> list[str]:
        """The arguments that are written, each on one line."""
        return [self.key(a) + flat(a.value) for a in self.arguments if a.written]


def call(
    function: str, positional: Mapping[str, object] | None = None, /, **keywords: object
) -> Call:
    """A call from positional arguments (role → value) and keywords (value or Opt)."""
    arguments = [Argument(role, v, False) for role, v in (positional or {}).items()]
    for role, value in keywords.items():
        if isinstance(value, Opt):
            arguments.append(Argument(role, value.value, True, value.default))
        else:
            arguments.append(Argument(role, value, True))
    return Call(function, tuple(arguments))


def listing(function: str, values: Iterable[object]) -> Call:
    """A call on values without roles; without a function, a list of them."""
    return Call(function, tuple(Argument("item", value, False) for value in values))


def literal(value: object) -> str:
    """The source of a checked value; anything else is a defect, and stops here."""
    if value is None or isinstance(value, (bool, int, float)):
        return repr(value)
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_ .,:/+-]*", value):
        return f'"{value}"'
    if isinstance(value, tuple):
        inner = ", ".join(literal(v) for v in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    raise SpecError(f"{value!r} is not something that is written into source")


def flat(value: object) -> str:
    """A value on one line."""
    if isinstance(value, Call):
        return value.flat()
    return value.text if isinstance(value, Name) else literal(value)


def statement(prefix: str, value: object, indent: int, comment: str = "") -> list[str]:
    """``prefix value  # comment`` on as few lines as the width allows."""
    pad = " " * indent
    tail = f"  # {comment}" if comment else ""
    one = f"{pad}{prefix}{flat(value)}"
    if len(one) + len(tail) <= WIDTH:
        return [one + tail]
    above = [f"{pad}# {comment}"] if comment else []
    if len(one) <= WIDTH:
        return [*above, one]
    value = parsed(value.text) if isinstance(value, Name) else value
    if not isinstance(value, Call):
        return [*above, *wrap(prefix, flat(value), indent)]
    if value.items() and len(pad + prefix + value.open) <= WIDTH:
        return [*above, *layout(prefix, value, "", indent)]
    inner = layout("", value, "", indent + 4)
    return [*above, f"{pad}{prefix}(", *inner, f"{pad})"]


def parsed(text: str) -> Call | Name:
    """An expression as a ``Call`` where it is one, so that it can be laid out."""

    def source(node: ast.expr) -> str:
        return text[node.col_offset : node.end_col_offset]  # one line of ASCII

    def convert(node: ast.expr) -> Call | Name:
        if isinstance(node, (ast.Tuple, ast.List)):
            display = listing("", map(convert, node.elts))
            return replace(
                display, function="()" if isinstance(node, ast.Tuple) else ""
            )
        if not isinstance(node, ast.Call):
            return Name(source(node))
        if isinstance(node.func, ast.Attribute) and isinstance(
            node.func.value, ast.Call
        ):
            inner = convert(node.func.value)  # a chain breaks in its first brackets
            assert isinstance(inner, Call)
            return replace(inner, tail=inner.tail + source(node)[len(flat(inner)) :])
        words = [Argument(str(k.arg), convert(k.value), True) for k in node.keywords]
        items = [Argument("item", convert(arg), False) for arg in node.args]
        return Call(source(node.func), (*items, *words))

    return convert(ast.parse(text, mode="eval").body)


def wrap(prefix: str, text: str, indent: int) -> list[str]:
    """A statement that is no call, in parentheses where it is too long."""
    pad = " " * indent
    if len(pad + prefix + text) <= WIDTH:
        return [pad + prefix + text]
    lines = [f"{pad}    {text}"]
    if len(lines[0]) > WIDTH:
        lines = [
            line
            for sign, part in operands(text)
            for line in layout(sign, parsed(part), "", indent + 4)
        ]
    return [f"{pad}{prefix}(", *lines, f"{pad})"]


SIGNS: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*"}


def operands(text: str) -> list[tuple[str, str]]:
    """``a if b else c``, ``a + b - c`` or ``a * b`` in parts, with the operators."""
    node, terms = ast.parse(text, mode="eval").body, []

    def source(part: ast.expr) -> str:
        return text[part.col_offset : part.end_col_offset]

    if isinstance(node, ast.IfExp):
        parts = (node.body, node.test, node.orelse)
        return list(zip(("", "if ", "else "), map(source, parts), strict=True))
    product = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult)
    while isinstance(node, ast.BinOp) and type(node.op) in SIGNS:
        if isinstance(node.op, ast.Mult) != product:
            break
        terms.append((f"{SIGNS[type(node.op)]} ", source(node.right)))
        node = node.left
    return [("", source(node)), *reversed(terms)]


def layout(prefix: str, value: object, suffix: str, indent: int) -> list[str]:
    """A value over several lines: arguments on one line of their own, or one each."""
    pad = " " * indent
    one = f"{pad}{prefix}{flat(value)}{suffix}"
    if len(one) > WIDTH and isinstance(value, Name) and not prefix:
        first, *others = factors(value.text)
        lines = [f"{pad}{first}", *(f"{pad}* {factor}" for factor in others)]
        return [*lines[:-1], lines[-1] + suffix]
    if len(one) <= WIDTH or not isinstance(value, Call) or not value.items():
        return [one]
    lines = [f"{pad}{prefix}{value.open}"]
    inner = f"{pad}    {', '.join(value.items())}"
    written = [a for a in value.arguments if a.written]
    alone = len(written) == 1
    if len(inner) <= WIDTH and not value.display:
        lines.append(inner)
    else:
        for a in written:
            comma = "" if alone and not value.display else ","
            lines += layout(value.key(a), a.value, comma, indent + 4)
    return [*lines, f"{pad}{value.close}{suffix}"]


def factors(text: str) -> list[str]:
    """``a * b * c`` as its factors; anything else as it is."""
    node, later = ast.parse(text, mode="eval").body, []
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        later.append(text[node.right.col_offset : node.right.end_col_offset])
        node = node.left
    return [text[node.col_offset : node.end_col_offset], *reversed(later)]


def head(prefix: str, items: list[str], suffix: str, indent: int) -> list[str]:
    """A class's or function's head, its arguments in lines of their own if need be."""
    pad = " " * indent
    one, inner = f"{pad}{prefix}({', '.join(items)}){suffix}", f"{pad}    "
    if len(one) <= WIDTH:
        return [one]
    lines = [inner + ", ".join(items)]
    if len(lines[0]) > WIDTH:
        lines = [f"{inner}{item}," for item in items]
    return [f"{pad}{prefix}(", *lines, f"{pad}){suffix}"]


KEYWORDS = frozenset(keyword.kwlist)
RESERVED = KEYWORDS | frozenset(dir(builtins)) | {"self"}
"""Names that no variable or class of a program may have."""


def fresh(name: str, used: Iterable[str]) -> str:
    """``name``, or ``name2``, ``name3``, … if it is used or reserved."""
    closed = RESERVED.union(used)
    if name not in closed:
        return name
    number = 2
    while f"{name}{number}" in closed:
        number += 1
    return f"{name}{number}"


def camel(name: str) -> str:
    """``simple_cnn`` → ``SimpleCnn``: a class's name."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def size(shape: Iterable[object]) -> str:
    """A shape comment: ``(N, 32, 30, 30)``."""
    return f"(N, {', '.join(str(n) for n in shape)})"


def subscript(cuts: Iterable[slice]) -> str:
    """The slice of each axis: ``[:, 1:-1, ::2]``; whole axes at the end are left out."""

    def text(cut: slice) -> str:
        parts = ["" if n is None else str(n) for n in (cut.start, cut.stop)]
        return ":".join(parts) + (f":{cut.step}" if cut.step else "")

    texts = [text(cut) for cut in cuts]
    while len(texts) > 1 and texts[-1] == ":":
        texts.pop()
    return f"[{', '.join(texts)}]"
