"""Explanations for people: Markdown-like text, in colour on a terminal.

In a pipe and on a terminal they are the same text, wrapped to the width; a terminal has
headings, names and code in colour.
"""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from polyframe.teach.explain.parts import Block, Explanation, Section, Table
    from polyframe.teach.explain.registry import Run

WIDEST = 88
"""Longer lines are hard to read, however wide a terminal is; code fits into it."""
INDENT = "    "
SPAN = re.compile(r"`[^`]+`|\*\*[^*]+\*\*")


def width() -> int:
    """How wide text is."""
    return max(40, min(shutil.get_terminal_size().columns, WIDEST))


def print_explanation(explanation: Explanation) -> None:
    """Print all of an explanation."""
    heading(f"{explanation.name} ({explanation.family})", 1)
    for section in explanation.sections:
        print_section(section, 2, titled=section is not explanation.sections[0])
    if explanation.links:
        heading("See also", 2)
        paragraph(", ".join(explanation.links))


def print_section(section: Section, level: int, titled: bool = True) -> None:
    """Print a section under its heading."""
    if titled:
        heading(section.title, level)
    for block in section.blocks:
        print_block(block)
    for inner in section.sections:
        print_section(inner, level + 1)


def print_block(block: Block) -> None:
    """Print a block, and an empty line."""
    from polyframe.teach.explain.parts import Code, Table, Text

    if isinstance(block, Text):
        for part in block.text.split("\n\n"):
            paragraph(part)
    elif isinstance(block, Code):
        print_code(block.text, block.language)
    elif isinstance(block, Table):
        for line in table_lines(block):
            click.echo(styled(line))
        click.echo()
    else:
        print_code(block.text(), "text")


def heading(text: str, level: int) -> None:
    """Print a heading, and an empty line."""
    click.echo(
        click.style(
            f"{'#' * level} {text}", bold=True, fg="cyan" if level < 3 else None
        )
    )
    click.echo()


def paragraph(text: str) -> None:
    """Print a paragraph or a list, wrapped, and an empty line."""
    for item in items(text.replace("``", "`")):
        hang = "  " if item.startswith("- ") else ""
        click.echo(
            styled(
                textwrap.fill(
                    item, width(), subsequent_indent=hang, break_on_hyphens=False
                )
            )
        )
    click.echo()


def items(text: str) -> Iterator[str]:
    """The items of a list, each as one line; of what is no list, the whole."""
    for item in re.split(r"\n(?=- )", text):
        yield " ".join(item.split())


def styled(text: str) -> str:
    """Text with its spans of code and its bold words in colour on a terminal; in a pipe
    as it is."""
    if not sys.stdout.isatty():
        return text
    return SPAN.sub(in_colour, text)


def in_colour(span: re.Match[str]) -> str:
    """A span of code, or a bold one, without its marks."""
    if span[0].startswith("*"):
        return click.style(span[0].strip("*"), bold=True)
    return click.style(span[0].strip("`"), fg="green")


def print_code(text: str, language: str) -> None:
    """Print source, indented and highlighted, and an empty line."""
    text = text.rstrip()
    if sys.stdout.isatty() and language != "text":
        from rich.console import Console
        from rich.padding import Padding
        from rich.syntax import Syntax

        code = Syntax(
            text,
            language,
            theme="ansi_dark",
            background_color="default",
            word_wrap=True,
        )
        Console().print(Padding(code, (0, 0, 0, len(INDENT))))
    else:
        click.echo(textwrap.indent(text, INDENT))
    click.echo()


def table_lines(table: Table) -> list[str]:
    """A table in columns where they fit into the width, else each row as an entry: its
    first cell, and the others below it."""
    rows = [table.heads, *table.rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(table.heads))]
    if sum(widths) + 2 * len(widths) <= width():
        rows.insert(1, tuple("-" * w for w in widths))
        return [
            "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
    lines = []
    for first, *others in table.rows:
        lines.append(first)
        for head, cell in zip(table.heads[1:], others, strict=True):
            if cell:
                lines += entry(head, cell, len(others))
    return lines


def entry(head: str, cell: str, count: int) -> list[str]:
    """One cell of a row that is too long for a table; a single one needs no head."""
    text = f"{head}: {cell}" if count > 1 else cell
    return textwrap.wrap(
        text.replace("``", "`"), width(), initial_indent=INDENT, subsequent_indent=INDENT,
        break_on_hyphens=False,
    )  # fmt: skip


def print_list(rows: Mapping[str, str]) -> None:
    """Print names with what they are."""
    longest = max(map(len, rows), default=0)
    wide = longest <= 24
    for name, text in rows.items():
        text = text.replace("``", "`")
        if wide:
            filled = textwrap.fill(
                text, width(), initial_indent=name.ljust(longest + 2),
                subsequent_indent=" " * (longest + 2), break_on_hyphens=False,
            )  # fmt: skip
        else:
            filled = "\n".join([name, *entry("", text, 1)])
        click.echo(styled(filled))


def print_run(name: str, run: Run) -> None:
    """Print a demonstration, what it printed, and whether its claim holds."""
    from polyframe.teach.demonstrations import demonstration
    from polyframe.teach.explain.registry import title_of

    heading(title_of(run.backend), 2)
    print_code(demonstration(name, run.backend).text, "python")
    if run.holds is None:
        paragraph(f"It could not be run: {run.output}.")
        return
    paragraph("It printed:")
    print_code(run.output, "text")
    paragraph("Its claim holds." if run.holds else "**Its claim does not hold.**")
