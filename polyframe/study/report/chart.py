"""What all charts of a report have in common; they are Vega-Lite, made with Altair.

Colours of axes and texts are set by the page's style sheet, so that they follow its
theme; those of the contestants are dark enough for a white page and light enough for a
dark one (contrast at least 3 to 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from polyframe.errors import PolyframeError, one_line
from polyframe.io.json_csv import finite
from polyframe.study.report.rows import Row
from polyframe.study.report.source import Shown

if TYPE_CHECKING:
    import altair as alt

PALETTE = (
    "#0072b2", "#d55e00", "#008f68", "#b5609a", "#7b61c4", "#8c6d31", "#0e8a9a", "#c8374a",
)  # fmt: skip
GREY = "#808080"
WIDTH, HEIGHT, ROW = 640, 260, 26
"""Pixels: the width of a figure's file (a page's charts are as wide as the page), the
height of a chart of curves, and that of a row."""
CONFIG: dict[str, Any] = {
    "font": "system-ui, sans-serif",
    "range": {"category": list(PALETTE)},
    "axis": {
        "labelFontSize": 11, "titleFontSize": 12, "titleFontWeight": "normal",
        "labelSeparation": 4,
    },
    "axisY": {"labelLimit": 150},
    "legend": {
        "orient": "bottom", "columns": 3, "labelLimit": 170, "labelFontSize": 12,
        "symbolOpacity": 1, "symbolBaseFillColor": GREY, "symbolBaseStrokeColor": GREY,
        "layout": {"bottom": {"direction": "vertical"}},
    },
    "view": {"stroke": None},
}  # fmt: skip


@dataclass(frozen=True)
class Chart:
    """One chart. ``text`` says what it shows and how that was made, ``note`` what was left
    out of it; ``alt`` describes it to who cannot see it. ``spec`` is Vega-Lite with its
    rows; ``minor``: not shown until it is asked for."""

    key: str
    part: str
    title: str
    text: str
    alt: str
    note: str
    rows: tuple[Row, ...]
    spec: dict[str, Any]
    minor: bool = False


def import_altair() -> Any:
    """The package; PolyframeError if it is not installed."""
    try:
        import altair
    except ImportError:
        raise PolyframeError(
            "a report's charts are made with Altair, which is not installed",
            hint='pip install "polyframe[study]"',
        ) from None
    return altair


def vega_lite() -> str:
    """The version of Vega-Lite that Altair writes, as vl-convert names it: "v6_4"."""
    return "_".join(str(import_altair().SCHEMA_VERSION).split(".")[:2])


def printable(data: object) -> Any:
    """Plain data whose texts have control characters as escapes: vl-convert ends the
    whole process at one that XML does not have."""
    if isinstance(data, str):
        return one_line(data)
    if isinstance(data, dict):
        return {key: printable(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return type(data)(printable(value) for value in data)
    return data


def finished(
    chart: alt.Chart | alt.LayerChart | alt.FacetChart,
    rows: Sequence[Row],
    height: int,
    text: str,
) -> dict[str, Any]:
    """A chart's Vega-Lite, with its rows and what all charts have in common."""
    spec: dict[str, Any] = chart.to_dict()
    spec.pop("config", None)
    return {
        **spec,
        "description": text,
        "width": "container",
        "height": height,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "config": CONFIG,
        "datasets": {"table": finite(list(rows))},
    }


def base() -> alt.Chart:
    """A chart of the rows that ``finished`` adds."""
    import altair as alt

    return alt.Chart(alt.NamedData(name="table"))


def coloured(shown: Shown) -> alt.Color:
    """A contestant's colour: the same in all charts."""
    import altair as alt

    names = list(shown.contestants)
    colours = [PALETTE[i % len(PALETTE)] for i in range(len(names))]
    return alt.Color(
        "contestant:N",
        title=None,
        scale=alt.Scale(domain=names, range=colours),
        legend=alt.Legend() if len(names) > 1 else None,
    )


def rows_axis(rows: Sequence[Row], name: str = "group") -> alt.Y:
    """A row for each group, in the order of the data."""
    import altair as alt

    order = list(dict.fromkeys(row[name] for row in rows))
    return alt.Y(f"{name}:N", title=None, sort=order)


def height_of(rows: Sequence[Row], name: str = "group") -> int:
    """The height of a chart with a row for each group."""
    return max(2, len({row[name] for row in rows})) * ROW


def tooltip(rows: Sequence[Row], names: Sequence[str]) -> list[alt.Tooltip]:
    """What is shown of a row at the pointer."""
    import altair as alt

    first = rows[0] if rows else {}
    return [
        alt.Tooltip(f"{name}:Q", format=".5~g")
        if isinstance(first.get(name), float)
        else alt.Tooltip(f"{name}:N")
        for name in names
    ]
