"""The data of the charts: plain rows, few enough for one page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean, median
from typing import Any

import numpy as np

from polyframe.study.estimates import Estimate
from polyframe.study.report.source import PERCENTILES, Group, Measured, Shown

Row = dict[str, Any]
MOST_EPOCHS = 60
MOST_GROUPS = 80
MOST_DOTS = 2000
"""The most epochs of a curve, groups and single seeds that a chart shows. Where a study
has more, the rows are thinned out or summed up, and the chart's note says so."""
START = ("interpreter", "import", "data", "compile", "first step")
PHASES = (*START, "training", "evaluation", "other")


def thinned(count: int) -> str:
    """What a note says of rows that are not shown."""
    return f"{count} more are in results.csv. "


def outcome(shown: Shown) -> tuple[str, float, str]:
    """The first measure by epoch: column of a record's epochs, factor, and title."""
    first = shown.measures[0]
    factor = 100.0 if first.unit == "points" else 1.0
    unit = f" ({first.unit} of 100)" if first.unit == "points" else ""
    return f"test_{first.name}", factor, f"{first.title}{unit}"


def curve(shown: Shown, variant: str) -> tuple[list[Row], str]:
    """The first measure by epoch and contestant for one variant: mean, lowest and highest
    seed; and a note. "seconds" is the mean of the training time up to there."""
    column, factor, _ = outcome(shown)
    rows, note = [], ""
    for contestant in shown.contestants:
        cells = shown.groups.get((contestant, variant), [])
        by_epoch: dict[int, list[Mapping[str, float]]] = {}
        for cell in cells:
            for row in cell.record.epochs:
                if math.isfinite(row.get(column, math.nan)) and "epoch" in row:
                    by_epoch.setdefault(int(row["epoch"]), []).append(row)
        epochs = sorted(by_epoch)
        chosen = spread_out(epochs, MOST_EPOCHS)
        if len(chosen) < len(epochs):
            note = (
                f"Of {len(epochs)} epochs, {len(chosen)} are shown; all are in "
                "results.csv. "
            )
        for epoch in chosen:
            values = [factor * row[column] for row in by_epoch[epoch]]
            seconds = [row.get("seconds", math.nan) for row in by_epoch[epoch]]
            rows.append(
                {
                    "contestant": contestant,
                    "epoch": epoch,
                    "seconds": fmean(seconds),
                    "mean": fmean(values),
                    "lowest": min(values),
                    "highest": max(values),
                    "seeds": len(values),
                }
            )
    return rows, note


def spread_out(items: Sequence[int], most: int) -> list[int]:
    """At most so many of them, evenly spread, with the first and the last."""
    if len(items) <= most:
        return list(items)
    where = np.linspace(0, len(items) - 1, most).round().astype(int)
    return [items[i] for i in where]


def dots(shown: Shown, measure: str) -> tuple[list[Row], list[Row], str]:
    """A measure's values: a row a seed, a row a group (mean and interval), and a note.
    Without single seeds where there are too many of them."""
    order = list(shown.groups)
    groups = sorted(
        (
            g
            for g in shown.analysis.groups
            if g.measure == measure and g.values and (g.contestant, g.variant) in order
        ),
        key=lambda g: order.index((g.contestant, g.variant)),
    )
    shown_groups, note = groups[:MOST_GROUPS], ""
    if len(groups) > MOST_GROUPS:
        more = thinned(len(groups) - MOST_GROUPS)
        note = f"The first {MOST_GROUPS} groups are shown; {more}"
    total = sum(len(g.values) for g in shown_groups)
    singles: list[Row] = []
    means: list[Row] = []
    for group in shown_groups:
        row = {
            "group": shown.label((group.contestant, group.variant)),
            "contestant": group.contestant,
            "variant": group.variant,
        }
        means.append({**row, **interval(group.mean)})
        singles += [
            {**row, "seed": seed, "value": value}
            for seed, value in zip(group.seeds, group.values, strict=True)
            if math.isfinite(value)
        ]
    if total > MOST_DOTS:
        note += (
            f"The {total} single seeds are too many to draw; they are in results.csv. "
        )
        singles = []
    return singles, means, note


def interval(estimate: Estimate) -> Row:
    """An estimate as a part of a row."""
    return {
        "mean": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "n": estimate.n,
    }


def groups_of(shown: Shown) -> tuple[list[tuple[Group, list[Measured]]], str]:
    """The groups that a chart shows, and a note."""
    groups = list(shown.groups.items())
    if len(groups) <= MOST_GROUPS:
        return groups, ""
    more = thinned(len(groups) - MOST_GROUPS)
    return groups[:MOST_GROUPS], f"The first {MOST_GROUPS} groups are shown; {more}"


def step_times(shown: Shown) -> tuple[list[Row], str]:
    """Percentiles of the step times in milliseconds, a row a group: the median over the
    seeds of each seed's percentile."""
    rows = []
    groups, note = groups_of(shown)
    for group, cells in groups:
        several = [cell.step_ms for cell in cells if cell.step_ms]
        if several:
            middle = map(median, zip(*several, strict=True))
            rows.append(
                {
                    "group": shown.label(group),
                    "contestant": group[0],
                    "variant": group[1],
                    **{f"p{p}": v for p, v in zip(PERCENTILES, middle, strict=True)},
                    "seeds": len(several),
                }
            )
    return rows, note


def seconds(shown: Shown, names: Sequence[str], part: str) -> tuple[list[Row], str]:
    """Mean seconds by phase, of a record's ``start`` or ``phases``."""
    rows = []
    groups, note = groups_of(shown)
    for group, cells in groups:
        for order, name in enumerate(names):
            values = [
                value
                for cell in cells
                if math.isfinite(
                    value := getattr(cell.record, part).get(name, math.nan)
                )
            ]
            if values:
                rows.append(
                    {
                        "group": shown.label(group),
                        "contestant": group[0],
                        "variant": group[1],
                        "phase": name,
                        "order": order,
                        "seconds": fmean(values),
                        "seeds": len(values),
                    }
                )
    return rows, note


def divergence(shown: Shown) -> tuple[list[Row], str]:
    """How far weights have moved apart by step: max|a-b| / max|b|, the median over the
    seeds. b is the same contestant's run in float64 with the same seed; where there is
    none, the first contestant's run of the same variant and seed."""
    kept = {cell.record.key: cell for cell in shown.done if cell.weights}
    exact = {
        (cell.record.contestant, cell.record.seed): cell
        for cell in kept.values()
        if cell.record.facts.get("dtype") == "float64"
    }
    apart: dict[tuple[Group, str, int], list[float]] = {}
    for (contestant, variant, seed), cell in kept.items():
        other, against = exact.get((contestant, seed)), "its float64 run"
        if other is None or other is cell:
            first = shown.contestants[0]
            other, against = kept.get((first, variant, seed)), first
        if other is None or other is cell:
            continue
        for step, values in cell.weights.items():
            distance = relative_distance(values, other.weights.get(step))
            if distance is not None:
                key = (contestant, variant), against, step
                apart.setdefault(key, []).append(distance)
    rows = [
        {
            "run": f"{shown.label(group)} against {against}",
            "contestant": group[0],
            "variant": group[1],
            "step": step,
            "distance": median(distances),
            "seeds": len(distances),
        }
        for (group, against, step), distances in sorted(apart.items())
    ]
    equal = sum(row["distance"] == 0 for row in rows)
    note = (
        f"{equal} distances are exactly 0, which has no position on a logarithmic axis; "
        "they are in the data. "
        if equal
        else ""
    )
    lines = list(dict.fromkeys(row["run"] for row in rows))
    if len(lines) <= MOST_GROUPS:
        return rows, note
    some = set(lines[:MOST_GROUPS])
    note += f"The first {MOST_GROUPS} of {len(lines)} pairs are shown. "
    return [row for row in rows if row["run"] in some], note


Weights = np.ndarray[Any, np.dtype[np.float64]]


def relative_distance(one: Weights, other: Weights | None) -> float | None:
    """max|a-b| / max|b|; None where they cannot be compared."""
    if other is None or one.shape != other.shape:
        return None
    largest = float(np.abs(other).max())
    distance = float(np.abs(one - other).max())
    if not largest or not math.isfinite(distance):
        return None
    return distance / largest


def effects(shown: Shown) -> tuple[list[Row], str]:
    """The ablation of the first measure: a row an aspect, one for their sum and one for
    the whole."""
    rows = []
    for ablation in shown.analysis.ablations:
        if ablation.measure != shown.measures[0].name:
            continue
        lines: list[tuple[str, str, Estimate]] = [
            (aspect, "one default", comparison.corrected)
            for aspect, comparison in ablation.effects
        ]
        if ablation.total is not None:
            lines.append(("sum of these", "all defaults", ablation.total))
        if ablation.whole is not None:
            lines.append(("all at once", "all defaults", ablation.whole.corrected))
        if ablation.rest is not None:
            lines.append(("all at once, less the sum", "all defaults", ablation.rest))
        rows += [
            {
                "contestant": ablation.contestant,
                "aspect": aspect,
                "kind": kind,
                **interval(estimate),
            }
            for aspect, kind, estimate in lines
        ]
    # Frameworks have different defaults: all of them stand above the first sum.
    rows.sort(key=lambda row: row["kind"] != "one default")
    left = len(rows) - MOST_GROUPS
    note = f"{left} more are in results.json. " if left > 0 else ""
    return rows[:MOST_GROUPS], note
