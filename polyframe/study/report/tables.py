"""The tables of a report: texts in cells, which HTML and Markdown escape and lay out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from polyframe.errors import one_line
from polyframe.io.shown import NONE, number
from polyframe.study.estimates import HIGHER, LOWER, Comparison, Estimate
from polyframe.study.measures import Measure
from polyframe.study.records import Record
from polyframe.study.report.source import Group, Shown

MOST_ROWS = 200
LONGEST_TEXT = 300
"""The most rows of a table, and characters of a text that a worker sent."""


@dataclass(frozen=True)
class Table:
    """A table. ``strong``: (row, column) of the cells in bold: verdicts that a difference
    is there; ``left``: how many rows are not shown; ``note`` explains columns."""

    key: str
    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    strong: frozenset[tuple[int, int]] = frozenset()
    left: int = 0


def table(
    key: str,
    title: str,
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    note: str = "",
    strong: Iterable[tuple[int, int]] = (),
) -> Table:
    """A table of at most ``MOST_ROWS`` rows, with texts of one printable line."""
    lines = [tuple(one_line(cell) for cell in row) for row in rows]
    return Table(
        key,
        title,
        tuple(heads),
        tuple(lines[:MOST_ROWS]),
        note,
        frozenset(strong),
        max(0, len(lines) - MOST_ROWS),
    )


def between(estimate: Estimate, unit: str = "", signed: bool = False) -> str:
    """An interval in words: "0.1 to 0.9"."""
    if estimate.low is None or estimate.high is None:
        return "none"
    ends = (number(end, unit, signed) for end in (estimate.low, estimate.high))
    return " to ".join(ends)


def counts(shown: Shown) -> Table:
    """How many cells of each contestant ended, and how."""
    planned: dict[str, int] = dict.fromkeys(shown.contestants, 0)
    for cell in shown.study.cells():
        planned[cell.contestant.name] += 1
    rows = []
    for contestant in shown.study.contestants:
        ended = [
            c.record for c in shown.cells if c.record.contestant == contestant.name
        ]
        by_status = [
            sum(r.status == s for r in ended) for s in ("done", "failed", "timeout")
        ]
        total = planned[contestant.name]
        rows.append(
            [contestant.name, contestant.backend, str(total)]
            + [str(n) for n in (*by_status, total - len(ended))]
        )
    return table(
        "cells",
        "Trainings",
        (
            "contestant", "backend", "planned", "done", "failed", "over the time limit",
            "not run",
        ),
        rows,
    )  # fmt: skip


def failures(shown: Shown) -> Table:
    """The cells that failed, and why."""
    return table(
        "failures",
        "Trainings that did not end",
        ("contestant", "variant", "seed", "status", "reason"),
        (
            (r.contestant, r.variant, str(r.seed), r.status, cut(r.error or "not told"))
            for r in failed(shown)
        ),
    )


def failed(shown: Shown) -> list[Record]:
    """The records of cells that failed."""
    return [cell.record for cell in shown.cells if not cell.record.done]


def cut(text: str) -> str:
    """A text that is not too long for a table."""
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}…"


def skipped(shown: Shown) -> Table:
    """Contestants and variants without cells, and why."""
    return table(
        "skipped",
        "Not trained on purpose",
        ("contestant", "variant", "reason"),
        ((s.contestant, s.variant, cut(s.reason)) for s in shown.study.skipped),
    )


def certificates(shown: Shown) -> Table:
    """What was proved equal before anything was timed."""
    return table(
        "certificates",
        "Certificates",
        ("variant", "result", "compared", "worst value", "hash"),
        (
            (
                proof.variant,
                "passed" if proof.passed else "FAILED",
                f"{proof.values} values in {proof.dtypes}, {proof.steps} steps, "
                f"on {proof.backends}",
                proof.worst,
                proof.hash,
            )
            for proof in shown.proofs
        ),
    )


def numbers(shown: Shown) -> Table:
    """Each group's mean of each measure."""
    by_name = {m.name: m for m in shown.measures}
    rows = []
    for group in shown.analysis.groups:
        measure = by_name.get(group.measure)
        unit = measure.unit if measure else ""
        rows.append(
            (
                titled(group.measure, measure),
                group.contestant,
                group.variant,
                number(group.mean.value, unit),
                between(group.mean, unit),
                number(group.spread, unit),
                str(group.mean.n),
                group.mean.method,
            )
        )
    return table(
        "numbers",
        "Every contestant's numbers",
        (
            "measure", "contestant", "variant", "mean", "95 % interval",
            "standard deviation", "n", "method",
        ),
        rows,
        "n is the number of seeds.",
    )  # fmt: skip


def titled(name: str, measure: Measure | None) -> str:
    """A measure's title with its unit."""
    if measure is None:
        return name
    return f"{measure.title}, {measure.unit}" if measure.unit else measure.title


def comparisons(shown: Shown) -> Table:
    """All comparisons, each with what it rests on. Only a verdict of "higher" or "lower"
    is printed in bold."""
    by_name = {m.name: m for m in shown.measures}
    rows, strong = [], []
    for i, each in enumerate(shown.analysis.comparisons):
        measure = by_name.get(each.measure)
        what, which = titled(each.measure, measure), sides(shown, each.one, each.other)
        rows.append((what, *which, *line(each, measure)))
        if each.verdict in (HIGHER, LOWER):
            strong.append((i, 3))
    return table(
        "comparisons",
        "Comparisons",
        (
            "measure", "one", "against", "verdict", "difference", "95 % interval",
            "corrected interval", "n", "detectable", "p (Holm)",
            "equivalence test", "method",
        ),
        rows,
        "Differences are one less the other; those with × are ratios, where 1 is no "
        "difference. The corrected interval allows for the number of comparisons (Holm); "
        "a verdict of “higher” or “lower” is given only where it excludes no difference. "
        "A difference smaller than the detectable one would probably not have been seen: "
        "this many seeds show that one with a probability of 80 %. n is the number of "
        "pairs of seeds.",
        strong,
    )  # fmt: skip


def sides(shown: Shown, one: Group, other: Group) -> tuple[str, str]:
    """What is compared, without a variant that both have."""
    alike = one[1] == other[1] and one[0] != other[0]
    return shown.label(one), other[0] if alike else shown.label(other)


def line(each: Comparison, measure: Measure | None) -> tuple[str, ...]:
    """A comparison's verdict, and its numbers."""
    times, signed = ("×" if each.relative else ""), not each.relative
    unit = times or (measure.unit if measure else "")
    return (
        verdict(each, measure),
        number(each.estimate.value, unit, signed) + times,
        between(each.estimate, unit, signed),
        between(each.corrected, unit, signed),
        str(each.estimate.n),
        NONE if each.detectable is None else number(each.detectable, unit) + times,
        number(each.p_holm),
        equivalence(each, measure),
        each.estimate.method,
    )


def verdict(each: Comparison, measure: Measure | None) -> str:
    """A verdict, and which way is better."""
    text = each.verdict
    if text in (HIGHER, LOWER) and measure and measure.larger_is_better is not None:
        better = (text == HIGHER) == measure.larger_is_better
        text += " (better)" if better else " (worse)"
    return text


def equivalence(each: Comparison, measure: Measure | None) -> str:
    """The margin and the p-value of the equivalence test."""
    if each.margin is None or each.p_equivalence is None:
        return NONE
    unit = f" {measure.unit}" if measure and measure.unit and not each.relative else ""
    return f"within {number(each.margin)}{unit}: p = {number(each.p_equivalence)}"


def ablations(shown: Shown) -> Table:
    """The effect of each framework's default, their sum, and the whole."""
    by_name = {m.name: m for m in shown.measures}
    rows: list[tuple[str, ...]] = []
    strong = []
    for each in shown.analysis.ablations:
        measure = by_name.get(each.measure)
        unit = "" if measure is None else "×" if measure.relative else measure.unit
        start = (each.contestant, titled(each.measure, measure))
        whole = [("all at once", each.whole)] if each.whole else []
        for aspect, effect in (*each.effects, *whole):
            if effect.verdict in (HIGHER, LOWER):
                strong.append((len(rows), 3))
            said = verdict(effect, measure)
            rows.append((*start, aspect, said, *effect_of(effect.corrected, unit)))
        sums = ("sum of these", each.total), ("all at once, less the sum", each.rest)
        for aspect, estimate in sums:
            if estimate is not None:
                rows.append((*start, aspect, NONE, *effect_of(estimate, unit)))
        for aspect, reason in each.without:
            rows.append(
                (*start, aspect, f"no effect: {reason}", NONE, NONE, NONE, NONE)
            )
    return table(
        "ablation",
        "The effect of each default",
        (
            "contestant", "measure", "default", "verdict", "native less aligned",
            "95 % interval", "n", "method",
        ),
        rows,
        "Each row changes one default from aligned to the framework's own. Those with × "
        "are ratios of native to aligned, and their sum is a product. The intervals are "
        "corrected for the number of comparisons.",
        strong,
    )  # fmt: skip


def effect_of(estimate: Estimate, unit: str) -> tuple[str, ...]:
    """An effect's number, interval, n and method."""
    times, signed = ("×" if unit == "×" else ""), unit != "×"
    return (
        number(estimate.value, unit, signed) + times,
        between(estimate, unit, signed),
        str(estimate.n),
        estimate.method,
    )


def environment(shown: Shown) -> Table:
    """What each contestant ran with. A fact that changes with the seed or the variant is
    compared between contestants for each of them."""
    names = list(dict.fromkeys(n for c in shown.done for n in c.record.facts))
    rows: list[tuple[str, ...]] = []
    for name in names:
        values: dict[str, set[str]] = {}
        by_cell: dict[tuple[str, int], set[str]] = {}
        for cell in shown.done:
            text = fact(cell.record.facts.get(name))
            values.setdefault(cell.record.contestant, set()).add(text)
            by_cell.setdefault((cell.record.variant, cell.record.seed), set()).add(text)
        if len(set.union(*values.values())) == 1:
            (text,) = set.union(*values.values())
            rows.append((name, "all", text))
        elif all(len(v) == 1 for v in values.values()):
            rows += [(name, c, *v) for c, v in values.items()]
        elif all(len(v) == 1 for v in by_cell.values()):
            rows.append(
                (name, "all", "differs by seed or variant; equal for all contestants")
            )
        else:
            rows += [(name, c, some(v)) for c, v in values.items()]
    return table("environment", "Environment", ("fact", "contestant", "value"), rows)


def fact(value: object) -> str:
    """A fact of a cell as a text."""
    if value is None:
        return "not told"
    return cut(value if isinstance(value, str) else json.dumps(value, sort_keys=True))


def some(values: set[str]) -> str:
    """A few of several values."""
    shown = ", ".join(sorted(values)[:3])
    more = len(values) - 3
    return f"{shown} and {more} others" if more > 0 else shown


def across(studies: Sequence[Shown]) -> Table:
    """The first measure of every group of several studies."""
    rows = []
    for shown in studies:
        first = shown.measures[0]
        for group in shown.analysis.groups:
            if group.measure == first.name:
                rows.append(
                    (
                        shown.title, titled(first.name, first), group.contestant,
                        group.variant, number(group.mean.value, first.unit),
                        between(group.mean, first.unit), str(group.mean.n),
                        shown.analysis.stamp,
                    )
                )  # fmt: skip
    return table(
        "across",
        "Across the studies",
        (
            "study", "measure", "contestant", "variant", "mean", "95 % interval", "n",
            "stamp",
        ),
        rows,
        "Studies differ in more than their contestants: nothing here is tested between "
        "them.",
    )  # fmt: skip


def tables(shown: Shown) -> list[Table]:
    """All tables of a study that have rows, in the order of the page."""
    several = (
        certificates, comparisons, numbers, ablations, counts, failures, skipped,
        environment,
    )  # fmt: skip
    return [made for make in several if (made := make(shown)).rows]
