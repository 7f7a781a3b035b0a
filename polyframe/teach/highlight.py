"""The words of a program by their kind, for terminals and pages alike."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pygments.lexer import Lexer

Tokens = tuple[tuple[str, str], ...]
"""A line as (kind, text); the kind is one of ``KINDS`` or ""."""

KINDS = ("comment", "keyword", "name", "number", "string")
"""What is coloured: comments, keywords, names that are defined here, numbers, texts."""


def highlight(text: str, language: str) -> list[Tokens]:
    """The lines of a text. Everything is of the kind "" for a language that Pygments does
    not know, and where it is not installed."""
    lexer = lexer_of(language)
    if lexer is None:
        return [(("", line),) if line else () for line in text.split("\n")]
    lines: list[list[tuple[str, str]]] = [[]]
    for token, words in lexer.get_tokens(text):
        kind = kind_of(str(token))
        first, *others = words.split("\n")
        _add(lines[-1], kind, first)
        for line in others:
            lines.append([])
            _add(lines[-1], kind, line)
    count = text.count("\n") + 1
    return [tuple(line) for line in lines[:count]]


def _add(line: list[tuple[str, str]], kind: str, text: str) -> None:
    if not text:
        return
    if line and line[-1][0] == kind:
        text = line.pop()[1] + text
    line.append((kind, text))


@cache
def kind_of(token: str) -> str:
    """The kind of one of Pygments' tokens, by its name."""
    name = token.removeprefix("Token.")
    if name.startswith("Comment"):
        return "comment"
    if name.startswith(("Keyword", "Operator.Word")):
        return "keyword"
    if name.startswith(("Name.Class", "Name.Function", "Name.Decorator")):
        return "name"
    if name.startswith("Literal.Number"):
        return "number"
    return "string" if name.startswith("Literal.String") else ""


@cache
def lexer_of(language: str) -> Lexer | None:
    """Pygments' lexer, which changes no line; None without one."""
    try:
        if language == "python":
            from pygments.lexers.python import PythonLexer

            return PythonLexer(stripnl=False, ensurenl=False)
        from pygments.lexers import get_lexer_by_name
        from pygments.util import ClassNotFound
    except ImportError:
        return None
    try:
        return get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None
