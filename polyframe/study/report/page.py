"""``report.html``: one file that needs no network and no other file.

Everything from a study's folder is escaped. The page's policy (CSP) lets the browser run
no script but the two that are in it, by their hashes, and load nothing from anywhere.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from polyframe.errors import PolyframeError, one_line
from polyframe.io.html import environment
from polyframe.io.shown import number
from polyframe.study.report.chart import Chart, vega_lite
from polyframe.study.report.results import safe
from polyframe.study.report.source import Program, Shown
from polyframe.study.report.tables import Table, across, tables

if TYPE_CHECKING:
    from types import ModuleType

TEMPLATE, SCRIPT, STYLE = "report.html.j2", "report.js", "report.css"
FEW_ROWS = 40
"""The most rows of a chart's data that the page has as a table, too."""
MOST_SENTENCES = 8
"""The most sentences of a summary that are shown before they are asked for."""
HIDDEN = ("order",)
"""Columns of a chart's rows that say nothing to a reader."""
PARTS = (
    ("outcome", "What was learnt"),
    ("ablation", "What the frameworks' defaults do"),
    ("speed", "Speed"),
    ("cost", "Memory, processor and energy"),
)
"""The parts of a study's charts, and their headings."""


def page(studies: Sequence[Shown], charts: Mapping[str, Sequence[Chart]]) -> str:
    """The page; ``charts`` are those of each study, by its key. PolyframeError where
    Jinja2 or vl-convert is not installed."""
    from polyframe.io.version import __version__

    templates = environment("polyframe.study.report", "report.html", "study")
    bundle, script = vega(), beside(SCRIPT)
    specs = {
        f"{shown.key}-{chart.key}": chart.spec
        for shown in studies
        for chart in charts[shown.key]
    }
    return str(
        templates.get_template(TEMPLATE).render(
            studies=studies,
            charts=charts,
            parts=PARTS,
            tables={shown.key: by_key(tables(shown)) for shown in studies},
            across=across(studies) if len(studies) > 1 else None,
            programs={shown.key: side_by_side(shown.programs) for shown in studies},
            data_of=data_of,
            csv_of=csv_of,
            few=FEW_ROWS,
            most=MOST_SENTENCES,
            hashes=[sha256(bundle), sha256(script)],
            bundle=bundle,
            script=script,
            style=beside(STYLE),
            specs=embedded(specs),
            kib=len(bundle.encode()) // 1024,
            version=__version__,
            line=one_line,
        )
    )


def import_vl_convert() -> ModuleType:
    """The package, which has the Vega library; PolyframeError if it is not installed."""
    try:
        import vl_convert
    except ImportError:
        raise PolyframeError(
            "a report's charts need vl-convert-python, which is not installed",
            hint='pip install "polyframe[study]"',
        ) from None
    return vl_convert


def vega() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script."""
    return str(import_vl_convert().javascript_bundle(vl_version=vega_lite()))


def beside(name: str) -> str:
    """A file of this package."""
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def sha256(script: str) -> str:
    """A script's hash, as the page's policy names it."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def embedded(data: object) -> str:
    """Data as JSON inside of a script element, which no text in it can end."""
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def by_key(several: Sequence[Table]) -> dict[str, Table]:
    """Tables by their keys."""
    return {table.key: table for table in several}


def columns_of(chart: Chart) -> list[str]:
    """The columns of a chart's data, in the order in which they first come."""
    names = dict.fromkeys(name for row in chart.rows for name in row)
    return [name for name in names if name not in HIDDEN]


def data_of(chart: Chart) -> Table:
    """A chart's data as a table."""
    names = columns_of(chart)
    rows = tuple(
        tuple(
            number(value) if isinstance(value, float) else one_line(str(value))
            for value in ("" if row.get(name) is None else row[name] for name in names)
        )
        for row in chart.rows[:FEW_ROWS]
    )
    return Table(chart.key, chart.title, tuple(names), rows)


def csv_of(chart: Chart) -> str:
    """A chart's data as the address of a CSV file."""
    names = columns_of(chart)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    for row in chart.rows:
        values = (row.get(name) for name in names)
        writer.writerow([safe(v) if isinstance(v, str) else v for v in values])
    return f"data:text/csv;base64,{base64.b64encode(text.getvalue().encode()).decode()}"


def side_by_side(programs: Sequence[Program]) -> dict[str, dict[str, list[Program]]]:
    """Programs by variant and contestant."""
    variants: dict[str, dict[str, list[Program]]] = {}
    for program in programs:
        by_contestant = variants.setdefault(program.variant, {})
        by_contestant.setdefault(program.contestant, []).append(program)
    return variants
