"""Writing a study's report: all of its files, each as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from polyframe.errors import PolyframeError
from polyframe.io.atomic import write_atomic
from polyframe.study.folder import StudyFolder
from polyframe.study.report.chart import WIDTH, Chart, vega_lite
from polyframe.study.report.charts import charts
from polyframe.study.report.markdown import markdown
from polyframe.study.report.page import import_vl_convert, page
from polyframe.study.report.results import SCHEMA_FILE, to_csv, to_text
from polyframe.study.report.source import Shown, collect

CHARTS = "figures"
ELSEWHERE = "polyframe report STUDY -o DIR writes it elsewhere"
SCALE = 2.0
"""Pixels of a PNG to one of its chart."""
WHITE = {"background": "white", "padding": 8}


def write_report(folders: Sequence[str | Path], out: str | Path) -> list[Path]:
    """Make the report of one study, or one across several, in the folder ``out``:
    report.html, report.md, results.csv, results.json with its schema, and the charts as
    SVG and PNG in figures/. The paths of the files, report.html first.

    PolyframeError where a folder is no study's, or a package of ``polyframe[study]`` is
    not installed; no file is written then.
    """
    return write(read_studies(folders), Path(out))


def read_studies(folders: Sequence[str | Path]) -> list[Shown]:
    """All that is shown of the studies in these folders."""
    from polyframe.study.analysis import analyse

    studies = []
    for path in folders:
        folder = StudyFolder(path)
        folder.study()  # before any work, so that what is wrong is told at once
        studies.append(folder)
    return distinct([collect(folder, analyse) for folder in studies])


def distinct(studies: Sequence[Shown]) -> list[Shown]:
    """The studies, with keys and titles that tell them apart."""
    kept: dict[str, Shown] = {}
    titles = [shown.title for shown in studies]
    for shown in studies:
        key, i = shown.key, 2
        while key in kept:
            key, i = f"{shown.key}-{i}", i + 1
        title = shown.title
        if titles.count(title) > 1:
            title = f"{title} ({shown.folder})"
        kept[key] = replace(shown, key=key, title=title)
    return list(kept.values())


def write(studies: Sequence[Shown], out: Path) -> list[Path]:
    """Write all files of a report; their paths."""
    if (out / CHARTS).is_symlink():
        raise PolyframeError(
            "is a link, and a report writes into no folder but its own",
            where=str(out / CHARTS),
            hint=f"remove the link; {ELSEWHERE}",
        )
    made = {shown.key: charts(shown) for shown in studies}
    files: dict[str, str | bytes] = {
        "report.html": page(studies, made),
        "report.md": markdown(studies, made),
        "results.csv": to_csv(studies),
        "results.json": to_text(studies),
        SCHEMA_FILE.name: SCHEMA_FILE.read_text(encoding="utf-8"),
    }
    for key, several in made.items():
        for chart in several:
            svg, png = pictures(chart)
            files[f"{CHARTS}/{key}-{chart.key}.svg"] = svg
            files[f"{CHARTS}/{key}-{chart.key}.png"] = png
    try:
        for name, content in files.items():
            write_atomic(out / name, content)
    except PolyframeError as error:
        raise PolyframeError(error.message, where=error.where, hint=ELSEWHERE) from None
    return [out / name for name in files]


def pictures(chart: Chart) -> tuple[str, bytes]:
    """A chart as SVG and as PNG, with its title."""
    vl_convert = import_vl_convert()
    spec = {**chart.spec, **WHITE, "width": WIDTH, "title": chart.title}
    svg = vl_convert.vegalite_to_svg(spec, vl_version=vega_lite())
    return str(svg), bytes(vl_convert.svg_to_png(svg, scale=SCALE))
