"""The pages of README and docs that people write, cut into their blocks of code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
GENERATED = ("docs/support.md",)
NAMES = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"]
NAMES += sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))
PAGES = {
    name: (ROOT / name).read_text(encoding="utf-8")
    for name in NAMES
    if name not in GENERATED
}
FENCE = re.compile(r"[\s>]*(?:[-*+]\s+|\d+[.)]\s+)?(`{3,}|~{3,})(.*)")
"""A fence as CommonMark has them: of backticks or tildes, indented, in a list, quoted."""
MARK = re.compile(r"<!-- (\w+)(?:: (.+))? -->")
LIST = re.compile(r"\s*([-*+]|\d+[.)])\s")


class Block(NamedTuple):
    """A block of code: where it begins, its opening line, what follows the fence there
    ("python"), its text, and what the comment above it says (``<!-- kind: value -->``)."""

    line: int
    opening: str
    tag: str
    text: str
    kind: str
    value: str


def fenced(page: str) -> list[Block]:
    """All fenced blocks of a page's text, in order."""
    blocks: list[Block] = []
    opened: tuple[int, str, str, str] | None = None
    content: list[str] = []
    lines = page.splitlines()
    for number, line in enumerate(lines, 1):
        fence = FENCE.fullmatch(line)
        if opened is None:
            if fence is not None:
                opened = number, line, fence[1], fence[2]
                content = []
        elif fence is not None and fence[1].startswith(opened[2]) and not fence[2]:
            start, opening, _, tag = opened
            mark = MARK.fullmatch(lines[start - 2]) if start > 1 else None
            kind, value = (mark[1], mark[2] or "") if mark else ("", "")
            text = "".join(f"{one}\n" for one in content)
            blocks.append(Block(start, opening, tag.strip(), text, kind, value))
            opened = None
        else:
            content.append(line)
    assert opened is None, f"the fence of line {opened and opened[0]} is never closed"
    return blocks


def prose(page: str) -> list[str]:
    """The lines of a page that are in no fenced block; blank ones in their place."""
    lines = page.splitlines()
    for block in fenced(page):
        count = block.text.count("\n") + 2
        lines[block.line - 1 : block.line - 1 + count] = [""] * count
    return lines


def indented(page: str) -> list[str]:
    """Lines that are code because they are indented, outside of lists."""
    code, before, in_list = [], "", False
    for line in prose(page):
        if line and not line[0].isspace():
            in_list = bool(LIST.match(line))
        deep = line.startswith(("    ", "\t")) and line.strip()
        if deep and not in_list and (not before.strip() or before in code):
            code.append(line)
        before = line
    return code


BLOCKS = {name: fenced(text) for name, text in PAGES.items()}


def marked(page: str, kind: str, value: str | None = None) -> list[str]:
    """The texts of a page's blocks of that kind (and value)."""
    return [
        block.text
        for block in BLOCKS[page]
        if block.kind == kind and value in (None, block.value)
    ]
