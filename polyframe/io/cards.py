"""How objects show themselves in a notebook: a card, as HTML and as plain text.

An object says what its card holds (``Displayed``); the layout is that of one template,
which escapes everything. The colours are those of the page around it, dark or light.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from polyframe.errors import PolyframeError, one_line
from polyframe.io.curves import Curves
from polyframe.io.html import environment
from polyframe.io.shown import aligned, numeric

TEMPLATE = "card.html.j2"
HTML, TEXT = "text/html", "text/plain"


@dataclass(frozen=True)
class Row:
    """A row of a table; the rows ``inside`` are folded below it."""

    cells: tuple[str, ...]
    inside: tuple[Row, ...] = ()


@dataclass(frozen=True)
class Table:
    """A table. Columns of numbers are aligned to the right."""

    heads: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def nested(self) -> bool:
        """Whether rows are folded below others."""
        return any(row.inside for row in self.rows)

    @property
    def numeric(self) -> list[bool]:
        """Which columns hold numbers."""
        return numeric(self.heads, [cells for _, cells in flat(self.rows)])


def flat(rows: Sequence[Row], depth: int = 0) -> Iterator[tuple[int, tuple[str, ...]]]:
    """The cells of all rows, and how deep each is folded."""
    for row in rows:
        yield depth, row.cells
        yield from flat(row.inside, depth + 1)


@dataclass(frozen=True)
class Meter:
    """How much of something is done; ``total`` is None where nobody knows."""

    done: int
    total: int | None
    text: str


@dataclass(frozen=True)
class Card:
    """What an object shows of itself.

    ``verdict``: a word or two, and whether they are good news (None: neither); ``facts``:
    name → value; ``folded``: title → a card, or text as it is, that is shown when it is
    asked for. Plain text leaves curves and folded parts out.
    """

    title: str
    verdict: tuple[str, bool | None] | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    sentences: Sequence[str] = ()
    table: Table | None = None
    curves: Sequence[Curves] = ()
    meter: Meter | None = None
    folded: Mapping[str, Card | str] = field(default_factory=dict)

    def html(self) -> str | None:
        """The card as a fragment of HTML; None where Jinja2 is not installed."""
        try:
            templates = environment("polyframe.io", "a card")
        except PolyframeError:
            return None
        return templates.get_template(TEMPLATE).render(card=self)

    def text(self) -> str:
        """The card as plain text."""
        parts = [f"{self.title}: {self.verdict[0]}" if self.verdict else self.title]
        width = max(map(len, self.facts), default=0) + 2
        parts += [f"{name}:".ljust(width) + v for name, v in self.facts.items()]
        parts += self.sentences
        if self.table is not None:
            rows = [
                ("  " * depth + cells[0], *cells[1:])
                for depth, cells in flat(self.table.rows)
            ]
            parts += ["", *aligned(self.table.heads, rows)]
        if self.meter is not None:
            parts.append(self.meter.text)
        # What a name consists of moves no cursor, and changes no colours.
        return "\n".join(map(one_line, parts))


class Displayed:
    """An object that shows itself in a notebook: HTML, and text for everything else."""

    def _card(self) -> Card:
        """What it shows."""
        raise NotImplementedError

    def _text(self) -> str:
        """The same as plain text."""
        return self._card().text()

    def _repr_html_(self) -> str | None:
        """HTML, for notebooks and tools that ask for nothing else."""
        return self._card().html()

    def _repr_mimebundle_(
        self,
        include: Collection[str] | None = None,
        exclude: Collection[str] | None = None,
    ) -> dict[str, str]:
        """All forms by their type, as Jupyter and IPython take them."""
        html = self._repr_html_()
        forms = {TEXT: self._text(), **({HTML: html} if html is not None else {})}
        return {
            form: content
            for form, content in forms.items()
            if (not include or form in include) and form not in (exclude or ())
        }
