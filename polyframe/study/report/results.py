"""A study's results for other programs: JSON with a schema, and a tidy CSV."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from polyframe.errors import one_line
from polyframe.io.json_csv import finite
from polyframe.study.estimates import Ablation, Comparison, Estimate, Group
from polyframe.study.measures import Measure
from polyframe.study.report.source import PERCENTILES, Measured, Shown

SCHEMA = 1
"""The version of results.json."""
SCHEMA_FILE = Path(__file__).with_name("results.schema.json")
COLUMNS = (
    "study",
    "contestant",
    "variant",
    "seed",
    "epoch",
    "measure",
    "value",
    "unit",
)
RISKY = ("=", "+", "-", "@")
"""How a text may begin that a spreadsheet would take for a formula."""


def results(studies: Sequence[Shown]) -> dict[str, Any]:
    """Plain data as ``results.schema.json`` has it; NaN is null in its JSON."""
    from polyframe.io.version import __version__

    return {
        "schema": SCHEMA,
        "polyframe": __version__,
        "studies": [study_data(shown) for shown in studies],
    }


def to_text(studies: Sequence[Shown]) -> str:
    """``results.json``: ASCII alone, so that no name in it commands a terminal."""
    return json.dumps(finite(results(studies)), indent=2, allow_nan=False) + "\n"


def study_data(shown: Shown) -> dict[str, Any]:
    """One study's."""
    analysis, study = shown.analysis, shown.study
    status = [cell.record.status for cell in shown.cells]
    planned = sum(1 for _ in study.cells())
    return {
        "name": study.name,
        "folder": shown.folder,
        "hash": study.hash,
        "stamp": analysis.stamp,
        "stamp_reason": analysis.stamp_reason,
        "summary": list(analysis.summary),
        "warnings": [*analysis.warnings, *shown.damaged],
        "notes": list(analysis.notes),
        "contestants": [
            {"name": c.name, "backend": c.backend} for c in study.contestants
        ],
        "variants": [variant.to_data() for variant in study.variants],
        "seeds": list(study.seeds),
        "cells": {
            "planned": planned,
            **{name: status.count(name) for name in ("done", "failed", "timeout")},
            "not_run": planned - len(status),
        },
        "failures": [
            {
                "contestant": r.contestant, "variant": r.variant, "seed": r.seed,
                "status": r.status, "error": r.error or "",
            }
            for r in (cell.record for cell in shown.cells)
            if not r.done
        ],
        "certificates": [dict(vars(proof)) for proof in shown.proofs],
        "measures": [measure_data(measure) for measure in shown.measures],
        "groups": [group_data(group) for group in analysis.groups],
        "comparisons": [comparison_data(each) for each in analysis.comparisons],
        "ablations": [ablation_data(each) for each in analysis.ablations],
    }  # fmt: skip


def measure_data(measure: Measure) -> dict[str, Any]:
    """What a measure is, without the function that reads it."""
    names = ("name", "title", "unit", "larger_is_better", "relative", "kind")
    return {name: getattr(measure, name) for name in names}


def group_data(group: Group) -> dict[str, Any]:
    """A group with its values by seed."""
    return {**vars(group), "mean": estimate_data(group.mean)}


def estimate_data(estimate: Estimate | None) -> dict[str, Any] | None:
    """An estimate, or None."""
    return None if estimate is None else dict(vars(estimate))


def comparison_data(each: Comparison | None) -> dict[str, Any] | None:
    """A comparison, or None."""
    if each is None:
        return None
    sides = {
        side: {"contestant": contestant, "variant": variant}
        for side, (contestant, variant) in (("one", each.one), ("other", each.other))
    }
    estimates = {
        name: estimate_data(getattr(each, name)) for name in ("estimate", "corrected")
    }
    return {**vars(each), **sides, **estimates}


def ablation_data(each: Ablation) -> dict[str, Any]:
    """An ablation."""
    return {
        "contestant": each.contestant,
        "measure": each.measure,
        "effects": [
            {"aspect": aspect, "comparison": comparison_data(comparison)}
            for aspect, comparison in each.effects
        ],
        "whole": comparison_data(each.whole),
        "total": estimate_data(each.total),
        "rest": estimate_data(each.rest),
        "without": [{"aspect": a, "reason": reason} for a, reason in each.without],
    }


def to_csv(studies: Sequence[Shown]) -> str:
    """One line a measurement. ``epoch`` is empty for what a whole cell measured. Step
    times are their percentiles; the steps themselves are in the cells' records."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for shown in studies:
        for cell in shown.cells:
            record = cell.record
            names = [
                safe(name) for name in (shown.title, record.contestant, record.variant)
            ]
            for epoch, measure, value, unit in measurements(shown, cell):
                if value is not None and math.isfinite(value):
                    measurement = (epoch, safe(measure), repr(float(value)), unit)
                    writer.writerow((*names, record.seed, *measurement))
    return text.getvalue()


def measurements(
    shown: Shown, cell: Measured
) -> Iterator[tuple[int | str, str, float | None, str]]:
    """Epoch ("" for the whole cell), measure, value and unit of all of a cell's."""
    record = cell.record
    for row in record.epochs:
        epoch = int(row["epoch"]) if math.isfinite(row.get("epoch", math.nan)) else ""
        for name, value in row.items():
            if name != "epoch":
                yield epoch, name, value, "s" if name == "seconds" else ""
    for measure in shown.measures:
        yield "", measure.name, measure.value(record), measure.unit
    for percentile, value in zip(PERCENTILES, cell.step_ms, strict=False):
        yield "", f"step_ms_p{percentile}", value, "ms"
    for part, numbers in (("start", record.start), ("phase", record.phases)):
        for name, value in numbers.items():
            yield "", f"{part}_{name.replace(' ', '_')}_seconds", value, "s"
    known = {measure.name for measure in shown.measures}
    for name, number in record.resources.items():
        if name not in known:
            yield "", name, number, ""


def safe(text: str) -> str:
    """A text that no spreadsheet takes for a formula and no terminal for a command: with
    an apostrophe before what would begin one, control characters as escapes."""
    line = one_line(text)
    return f"'{line}" if line.lstrip().startswith(RISKY) else line
