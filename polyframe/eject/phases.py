"""Programs of one training that differ: where layers are unfrozen, the model, its optimizer
and its step are others from some epoch on."""

from __future__ import annotations

import io
import tokenize
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from polyframe.compiler.program import Program
from polyframe.compiler.python.snippets import global_names
from polyframe.eject.lines import definitions


@dataclass(frozen=True)
class Later:
    """What is different from an epoch on: the text of the definitions that the
    programs before do not have, and the names under which its own are found: name in the
    program → name in the script; ``own``: their text in the program."""

    text: str
    names: Mapping[str, str]
    own: Mapping[str, str]


def body_of(program: Program) -> str:
    """A program's text after its imports."""
    assert program.body is not None
    first, last = program.body.first, program.body.last
    return "\n".join(program.source.splitlines()[first - 1 : last])


def later(
    first: Program, program: Program, number: int, before: Sequence[Later] = ()
) -> Later:
    """What ``program``, the ``number``-th of a training, has besides the first one and
    what is there ``before`` it."""
    known, own = definitions(body_of(first)), definitions(body_of(program))
    other = {name for name, text in own.items() if known.get(name) != text}
    while True:  # what names a definition that is another one is another one, too
        more = {name for name in own if global_names(own[name]) & (other - {name})}
        if more <= other:
            break
        other |= more
    names = {name: f"{name}{number}" for name in other}
    for earlier in before:
        alike = {name for name in other if earlier.own.get(name) == own[name]}
        while True:  # what names one that is not alike is not alike
            asked = {name: global_names(own[name]) & other for name in alike}
            fewer = {name for name in alike if asked[name] <= alike}
            if fewer == alike:
                break
            alike = fewer
        names |= {name: earlier.names[name] for name in alike}
    written = [name for name in own if names.get(name) == f"{name}{number}"]
    texts = [renamed(own[name], names) for name in written]
    return Later("\n\n\n".join(texts), names, {name: own[name] for name in other})


def renamed(text: str, names: Mapping[str, str]) -> str:
    """A text with other global names."""
    if not names:
        return text
    lines = text.splitlines(keepends=True)
    tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    for at, token in reversed(list(enumerate(tokens))):
        if token.type != tokenize.NAME or token.string not in names:
            continue
        if is_other(tokens, at):
            continue
        (row, start), (_, end) = token.start, token.end
        line = lines[row - 1]
        lines[row - 1] = line[:start] + names[token.string] + line[end:]
    return "".join(lines)


def is_other(tokens: list[tokenize.TokenInfo], at: int) -> bool:
    """Whether a name is an attribute's or a keyword's."""
    before = tokens[at - 1].string if at else ""
    after = tokens[at + 1].string if at + 1 < len(tokens) else ""
    return before == "." or (after == "=" and before in ("(", ","))
