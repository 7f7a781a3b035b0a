"""What frameworks call a layer, a loss or an optimizer, read from the programs.

A program names what it uses in full (``nn.BatchNorm2d`` after ``from torch import nn``).
Where all that it writes for an element is one call of its framework, that is the
framework's name for the element: ``torch.nn.BatchNorm2d``.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterable

HELD_BY_ARGUMENT = {"F": "mxnet.nd"}
"""Names of modules that a function is given: Gluon's ``hybrid_forward(self, F, x)``."""


def names_of_imports(source: str) -> dict[str, str]:
    """Each name that a module imports → what it stands for, in full."""
    names = dict(HELD_BY_ARGUMENT)
    for node in ast.parse(source).body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                names[alias.asname or alias.name.split(".")[0]] = alias.name
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def only_call(texts: Iterable[str], imports: dict[str, str]) -> str | None:
    """The framework's function or class that these statements call, in full, where it is
    the only one."""
    called = set()
    for text in texts:
        for node in ast.walk(ast.parse(textwrap.dedent(text))):
            if isinstance(node, ast.Call):
                name = dotted(node.func)
                root, _, rest = name.partition(".")
                if rest and root in imports:
                    called.add(f"{imports[root]}.{rest}")
    return called.pop() if len(called) == 1 else None


def dotted(node: ast.expr) -> str:
    """``nn.Conv2d``; "" for what is no dotted name."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        inner = dotted(node.value)
        return f"{inner}.{node.attr}" if inner else ""
    return ""


def words(name: str) -> tuple[str, ...]:
    """The words of a name, in small letters: ``BCEWithLogitsLoss`` is bce, with, logits.

    What only says the kind, "loss" or "layer" at its end, is no word.
    """
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z]+|[a-z]+|\d+[dD]?", name)
    found = [part.lower() for part in parts]
    while len(found) > 1 and found[-1] in ("loss", "layer"):
        found.pop()
    return tuple(found)


def abbreviates(short: tuple[str, ...], long: tuple[str, ...]) -> bool:
    """Whether words are those of another name, some of them by their first letters
    (``softmax, ce`` for ``softmax, cross, entropy``)."""
    if not short or not long:
        return not short and not long
    first = short[0]
    if first == long[0] and abbreviates(short[1:], long[1:]):
        return True
    initials = "".join(word[0] for word in long[: len(first)])
    return (
        len(first) > 1
        and first == initials
        and abbreviates(short[1:], long[len(first) :])
    )


def same_function(asked: str, known: str) -> bool:
    """Whether the last parts of two dotted names are the same, or abbreviate each other:
    ``CrossEntropyLoss`` and ``cross_entropy``."""
    one, other = words(asked.rsplit(".", 1)[-1]), words(known.rsplit(".", 1)[-1])
    joined = "".join(one) == "".join(other)
    return joined or abbreviates(one, other) or abbreviates(other, one)
