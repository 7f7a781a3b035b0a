"""What an explanation is made of: sections of text, tables, code and numbers.

Texts are Markdown of one kind: paragraphs, lists with ``- ``, spans of code in backticks.
How they look is for others to say: ``markdown`` for pages, the command line for terminals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from polyframe.io.array import Array

Number: TypeAlias = "float | Array | str"
"""What a worked example shows: a number, an array of them, or a word."""


@dataclass(frozen=True)
class Text:
    """One or more paragraphs."""

    text: str


@dataclass(frozen=True)
class Code:
    """A piece of source."""

    text: str
    language: str = "python"


@dataclass(frozen=True)
class Table:
    """A table: the heads of its columns, and rows of as many cells."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Values:
    """Numbers with their names, in order: what a worked example is given, or gives."""

    values: tuple[tuple[str, Number], ...]

    def text(self) -> str:
        """``name = numbers``, a line or several each; four digits after the point."""
        import numpy as np

        width = max((len(name) for name, _ in self.values), default=0)
        lines = []
        for name, value in self.values:
            head = f"{name.ljust(width)} = "
            if isinstance(value, str):
                lines.append(head + value)
                continue
            shown = np.array2string(
                np.asarray(value), precision=4, suppress_small=True, floatmode="maxprec",
                max_line_width=88 - len(head), separator=" ", prefix=head,
            )  # fmt: skip
            lines.append(head + shown)
        return "\n".join(lines)


Block: TypeAlias = Text | Code | Table | Values


@dataclass(frozen=True)
class Section:
    """A part of an explanation: ``key`` is what data call it, ``title`` its heading."""

    key: str
    title: str
    blocks: tuple[Block, ...] = ()
    sections: tuple[Section, ...] = ()


@dataclass(frozen=True)
class Explanation:
    """All that there is to say of a topic.

    - ``family``, ``name``: of the topic, such as "layer", "BatchNorm";
    - ``summary``: what it is, in a line;
    - ``formulas``: those in its text;
    - ``links``: topics to go on with, as ``family/name``.
    """

    family: str
    name: str
    summary: str
    sections: tuple[Section, ...]
    formulas: tuple[str, ...] = ()
    links: tuple[str, ...] = field(default=())

    @property
    def topic(self) -> str:
        """``layer/BatchNorm``."""
        return f"{self.family}/{self.name}"


def as_data(explanation: Explanation) -> dict[str, object]:
    """An explanation as plain data, for JSON."""
    return {
        "topic": explanation.topic,
        "family": explanation.family,
        "name": explanation.name,
        "summary": explanation.summary,
        "formulas": list(explanation.formulas),
        "sections": [section_data(each) for each in explanation.sections],
        "links": list(explanation.links),
    }


def section_data(section: Section) -> dict[str, object]:
    """A section as plain data."""
    data: dict[str, object] = {
        "key": section.key,
        "title": section.title,
        "blocks": [block_data(block) for block in section.blocks],
    }
    if section.sections:
        data["sections"] = [section_data(each) for each in section.sections]
    return data


def block_data(block: Block) -> Mapping[str, object]:
    """A block as plain data: ``{text}``, ``{code, language}``, ``{heads, rows}`` or
    ``{values}``, a mapping of names to numbers or nested lists of them."""
    if isinstance(block, Text):
        return {"text": block.text}
    if isinstance(block, Code):
        return {"code": block.text, "language": block.language}
    if isinstance(block, Table):
        return {"heads": list(block.heads), "rows": [list(row) for row in block.rows]}
    return {"values": {name: plain(value) for name, value in block.values}}


def plain(value: Number) -> object:
    """A number, or nested lists of numbers."""
    return value if isinstance(value, (str, float, int)) else value.tolist()
