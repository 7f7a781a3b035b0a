"""An explanation as Markdown: a page of ``docs/catalogue``."""

from __future__ import annotations

from polyframe.teach.explain.parts import Block, Code, Explanation, Section, Table, Text

FENCE = {"python": "py", "text": "text"}
"""Language → what stands behind the fence on a page."""


def page(explanation: Explanation) -> str:
    """The whole page: the meaning right below the title, then the other sections."""
    first, *others = explanation.sections
    lines = [f"# {explanation.name}", "", *blocks_lines(first.blocks)]
    for section in others:
        lines += section_lines(section, 2)
    return "\n".join(lines).rstrip() + "\n"


def section_lines(section: Section, level: int) -> list[str]:
    """A section under its heading, and those in it."""
    lines = [f"{'#' * level} {section.title}", "", *blocks_lines(section.blocks)]
    for inner in section.sections:
        lines += section_lines(inner, level + 1)
    return lines


def blocks_lines(blocks: tuple[Block, ...]) -> list[str]:
    """Blocks, each with an empty line after it."""
    return [line for block in blocks for line in (*block_lines(block), "")]


def block_lines(block: Block) -> list[str]:
    """One block."""
    if isinstance(block, Text):
        return [block.text]
    if isinstance(block, Code):
        fence = FENCE.get(block.language, block.language)
        return [f"```{fence}", block.text.rstrip(), "```"]
    if isinstance(block, Table):
        return table_lines(block)
    return ["```text", block.text(), "```"]


def table_lines(table: Table) -> list[str]:
    """A table; a bar in a cell is escaped."""
    rows = [table.heads, *table.rows]
    lines = [
        f"| {' | '.join(c.replace('|', chr(92) + '|') for c in r)} |" for r in rows
    ]
    return [lines[0], "|---" * len(table.heads) + "|", *lines[1:]]
