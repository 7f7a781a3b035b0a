"""``report.md``: summary and tables, as GitHub shows them, with links to the charts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from polyframe.errors import one_line
from polyframe.study.report.chart import Chart
from polyframe.study.report.source import Shown
from polyframe.study.report.tables import Table, across, tables

SPECIAL = re.compile(r"([\\`*_{}\[\]#|~$@]|:(?=//)|(?<=www)\.)")
ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def markdown(studies: Sequence[Shown], charts: Mapping[str, Sequence[Chart]]) -> str:
    """The page; ``charts`` are those of each study, by its key."""
    parts = []
    if len(studies) > 1:
        parts += [f"# Report across {len(studies)} studies", *lines(across(studies))]
    for shown in studies:
        parts += study(shown, charts[shown.key], "#" if len(studies) == 1 else "##")
    parts.append(
        "The same with interactive charts: `report.html`. Every measurement: "
        "`results.csv`. The estimates, for programs: `results.json`."
    )
    return "\n\n".join(parts) + "\n"


def study(shown: Shown, charts: Sequence[Chart], level: str) -> list[str]:
    """One study's part."""
    analysis = shown.analysis
    parts = [
        f"{level} {text(shown.title)}",
        f"**{text(analysis.stamp)}** {text(analysis.stamp_reason)}".rstrip(),
    ]
    summary = analysis.summary or ("No training has ended yet.",)
    parts.append("\n".join(f"- {text(sentence)}" for sentence in summary))
    warnings = [*analysis.warnings, *shown.damaged]
    if warnings:
        parts += [
            f"{level}# Warnings",
            "\n".join(f"- {text(sentence)}" for sentence in warnings),
        ]
    for each in tables(shown):
        parts += [f"{level}# {each.title}", *lines(each)]
    if charts:
        parts.append(f"{level}# Charts")
        parts += [
            f"![{text(chart.alt)}](figures/{shown.key}-{chart.key}.svg)\n\n"
            f"{text(chart.title)}. {chart.text} {text(chart.note)}".rstrip()
            for chart in charts
        ]
    if analysis.notes:
        parts.append("\n".join(f"- {text(note)}" for note in analysis.notes))
    return parts


def lines(table: Table) -> list[str]:
    """A table, and what its columns mean."""
    rows = [table.heads, tuple("---" for _ in table.heads)]
    head = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    body = []
    for i, row in enumerate(table.rows):
        cells = [
            f"**{text(cell)}**" if (i, j) in table.strong else text(cell)
            for j, cell in enumerate(row)
        ]
        body.append(f"| {' | '.join(cells)} |")
    parts = ["\n".join([head, *body])]
    if table.left:
        parts.append(f"{table.left} more rows are in results.json.")
    return [*parts, table.note] if table.note else parts


def text(raw: str) -> str:
    """A text from outside as Markdown that shows it as it is: no markup, no HTML, no
    control characters."""
    escaped = "".join(ENTITIES.get(c, c) for c in one_line(raw))
    return SPECIAL.sub(r"\\\1", escaped)
