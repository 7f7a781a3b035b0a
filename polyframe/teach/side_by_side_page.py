"""Programs side by side as one page of HTML, without scripts or external resources.

A wide screen has a column for each framework; a phone shows one at a time, with a switch.
Everything from a spec is escaped, and the page's policy (CSP) lets the browser load and
run nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from polyframe.errors import PolyframeError
from polyframe.teach.alignment import PARTS
from polyframe.teach.rewrites import Changed, Changes
from polyframe.teach.side_by_side import Line, SideBySide, outcome

if TYPE_CHECKING:
    from types import ModuleType

TEMPLATE, STYLE = "side_by_side.html.j2", "side_by_side.css"
DEEPEST = 20
"""The deepest indentation that the style knows; deeper lines continue there."""


def page(side: SideBySide) -> str:
    """The page of programs side by side; PolyframeError where Jinja2 is not installed."""
    frameworks = " and ".join(side.titles.values())
    if len(side.titles) > 2:
        *others, last = side.titles.values()
        frameworks = f"{', '.join(others)} and {last}"
    lead = "The program, as polyframe writes and runs it."
    if len(side.titles) > 1:
        lead = (
            "Each framework's program, as polyframe writes and runs it. A row has the "
            "same layer in the same role."
        )
    if side.notes:
        lead += (
            " A number marks what the frameworks do differently; the notes below say "
            "what each does."
        )
    if side.semantics == "native":
        lead += (
            " With native semantics, a program is what its own tutorial would write."
        )
    return render(
        title=f"{side.name} in {frameworks}",
        lead=lead,
        titles=side.titles,
        side=side,
        links=links(side),
    )


def changes_page(several: Sequence[Changes]) -> str:
    """The page of what optimizing changes; PolyframeError where Jinja2 is not installed."""
    return render(
        title=f"{several[0].name}: what optimizing changes",
        lead="The idiomatic program (-) and the one that training runs (+). A number "
        "leads to what changed the line, and why the result is equal.",
        titles={str(i): one.title for i, one in enumerate(several)},
        several=several,
    )


def render(**values: object) -> str:
    """The template with values."""
    jinja2 = import_jinja2()
    from polyframe.io.version import __version__

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("polyframe.teach", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = Path(__file__).with_name(STYLE).read_text(encoding="utf-8")
    text = environment.get_template(TEMPLATE).render(
        style=style, version=__version__, indent=indent, outcome=outcome, **values
    )
    return str(text)


def import_jinja2() -> ModuleType:
    """The package; PolyframeError if it is not installed."""
    try:
        import jinja2
    except ImportError:
        raise PolyframeError(
            "a page is made with Jinja2, which is not installed",
            hint='pip install "polyframe[teach]"',
        ) from None
    return jinja2


def indent(line: Line | Changed) -> int:
    """The indentation of a line, in steps of four, as classes of the style."""
    text = "".join(words for _, words in line.tokens)
    return min((len(text) - len(text.lstrip())) // 4 * 4, DEEPEST)


def label(path: str, part: str) -> str:
    """How a row is called in a link to it."""
    if not path or part not in ("construction", "forward"):
        return PARTS[part].lower()
    return path if part == "construction" else f"{path} ({PARTS[part].lower()})"


def links(side: SideBySide) -> Mapping[int, list[tuple[int, str]]]:
    """Note → its rows, by number, with what each is."""
    labels = [
        label(cells.path, part.part) for part in side.parts for cells in part.rows
    ]
    return {
        note.number: [
            (row, labels[row])
            for row in sorted({row for rows in note.rows.values() for row in rows})
        ]
        for note in side.notes
    }
