"""The charts of a study."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from polyframe.study.plan import slug
from polyframe.study.report import rows as data
from polyframe.study.report.chart import (
    GREY,
    HEIGHT,
    PALETTE,
    ROW,
    Chart,
    base,
    coloured,
    finished,
    height_of,
    import_altair,
    printable,
    rows_axis,
    tooltip,
)
from polyframe.study.report.rows import Row
from polyframe.study.report.source import PERCENTILES, Shown

if TYPE_CHECKING:
    import altair as alt

MOST_VARIANTS = 24
"""The most variants whose curves are drawn."""
FEW_EPOCHS = 5
"""Up to how many epochs an axis names each."""
MOST_DASHES = 6
"""The most variants that dashed lines tell apart."""
PHASE_COLOURS = (*PALETTE[4:], *PALETTE[:4])


def charts(shown: Shown) -> list[Chart]:
    """All charts of a study that have anything to show, in the order of the page."""
    import_altair()
    return [
        Chart(**printable(vars(chart)))
        for chart in (
            *curves(shown),
            *seeds(shown),
            *ablation(shown),
            *step_times(shown),
            *by_phase(shown),
            *resources(shown),
            *divergence(shown),
        )
        if chart.rows
    ]


def curves(shown: Shown) -> Iterator[Chart]:
    """The first measure over epochs and over time: two charts a variant."""
    import altair as alt

    _, _, title = data.outcome(shown)
    several = len(shown.variants) > 1
    native = [each.name for each in shown.study.variants if each.aspect == "native"]
    major = [shown.variants[0], *(native or shown.variants[1:2])]
    for variant in shown.variants[:MOST_VARIANTS]:
        rows, note = data.curve(shown, variant)
        left = len(shown.variants) - MOST_VARIANTS
        if left > 0:
            note += (
                f"Only the first {MOST_VARIANTS} variants have curves; the other {left} "
                "are in results.csv. "
            )
        what = f", {variant}" if several else ""
        for key, column, name in (
            ("epochs", "epoch", "epochs"),
            ("time", "seconds", "training time"),
        ):
            whole = whole_numbers(rows) if key == "epochs" else alt.Axis()
            x = alt.X(
                f"{column}:Q",
                title="epoch" if key == "epochs" else "seconds of training",
                axis=whole,
                scale=alt.Scale(nice=False),
            )
            y = alt.Y("mean:Q", title=title, scale=alt.Scale(zero=False))
            tip = [*tooltip(rows, ("contestant", "epoch", "seconds", "mean"))]
            tip += tooltip(rows, ("lowest", "highest", "seeds"))
            band = (
                base()
                .mark_area(opacity=0.18)
                .encode(
                    x=x,
                    y=alt.Y("lowest:Q", title=title, scale=alt.Scale(zero=False)),
                    y2="highest:Q",
                    color=coloured(shown),
                )
            )
            line = (
                base()
                .mark_line(strokeWidth=2, point={"size": 28})
                .encode(x=x, y=y, color=coloured(shown), tooltip=tip)
            )
            text = f"{shown.measures[0].title} over {name}{what}, a line a contestant"
            yield Chart(
                f"{key}-{slug(variant)}" if several else key,
                "outcome",
                f"{shown.measures[0].title.capitalize()} over {name}{what}",
                "The line is the mean of the seeds; the band goes from the lowest seed to "
                "the highest. Epoch 0 is before the first step. "
                + (
                    "Time is that of training alone, without evaluation."
                    if key == "time"
                    else ""
                ),
                f"{text}: {last_values(rows)}",
                note,
                tuple(rows),
                finished(alt.layer(band, line), rows, HEIGHT, text),
                minor=variant not in major,
            )


def whole_numbers(rows: Sequence[Row]) -> alt.Axis:
    """An axis of epochs. Vega has halves among two, also with a step of 1 at least."""
    import altair as alt

    last = max((row["epoch"] for row in rows), default=0)
    if last > FEW_EPOCHS:
        return alt.Axis(tickMinStep=1, format="d")
    return alt.Axis(values=[n for n in range(FEW_EPOCHS + 1) if n <= last], format="d")


def last_values(rows: Sequence[Row]) -> str:
    """Where curves end, in words."""
    last = {row["contestant"]: row for row in rows}
    ends = (f"{name} ends at {row['mean']:.4g}" for name, row in last.items())
    return "; ".join(list(ends)[:12])


def dots(shown: Shown, name: str, key: str, part: str) -> Iterator[Chart]:
    """One measure: a dot a seed, and the mean with its interval."""
    import altair as alt

    measure = next((m for m in shown.measures if m.name == name), None)
    if measure is None:
        return
    singles, means, note = data.dots(shown, name)
    unit = f", {measure.unit}" if measure.unit else ""
    title = f"{measure.title}{unit}"
    x = alt.X("value:Q", title=title, scale=alt.Scale(zero=False))
    y, colour = rows_axis(means), coloured(shown)
    # One table: a row with a value is a seed, a row with a mean is a group.
    rows = [*means, *singles]
    seed = (
        base()
        .transform_filter("isValid(datum.value)")
        .mark_circle(size=46, opacity=0.55, yOffset=5)
        .encode(
            x=x, y=y, color=colour, tooltip=tooltip(singles, ("group", "seed", "value"))
        )
    )
    group = base().transform_filter("isValid(datum.mean)")
    rule = group.mark_rule(strokeWidth=2, yOffset=-5).encode(
        x=alt.X("low:Q", title=title, scale=alt.Scale(zero=False)),
        x2="high:Q",
        y=y,
        color=colour,
    )
    tick = group.mark_tick(thickness=3, size=13, yOffset=-5).encode(
        x=alt.X("mean:Q", title=title, scale=alt.Scale(zero=False)),
        y=y,
        color=colour,
        tooltip=tooltip(means, ("group", "mean", "low", "high", "n")),
    )
    text = f"{measure.title}, a row a contestant"
    values = (f"{row['group']} has a mean of {row['mean']:.4g}" for row in means[:12])
    yield Chart(
        key,
        part,
        measure.title.capitalize(),
        "A dot is a seed. The upright mark is their mean, the line its interval of 95 %"
        + (
            " (there is none with one seed)." if any(r["n"] < 2 for r in means) else "."
        ),
        f"{text}: {'; '.join(values)}",
        note,
        tuple(rows),
        finished(
            alt.layer(seed, *lines(rule, means), tick), rows, height_of(rows), text
        ),
    )


def lines(rule: alt.Chart, rows: Sequence[Row]) -> list[alt.Chart]:
    """The layer of intervals, if there are any: Vega warns of a scale without numbers."""
    return [rule] if any(row["low"] is not None for row in rows) else []


def seeds(shown: Shown) -> Iterator[Chart]:
    """The first measure, seed by seed."""
    yield from dots(shown, shown.measures[0].name, "seeds", "outcome")


def resources(shown: Shown) -> Iterator[Chart]:
    """Speed, memory, processor time and energy."""
    for name, key, part in (
        ("examples_per_second", "speed", "speed"),
        ("time_to_target", "time-to-target", "speed"),
        ("peak_mib", "memory", "cost"),
        ("cpu_seconds", "processor-time", "cost"),
        ("energy_joules", "energy", "cost"),
    ):
        yield from dots(shown, name, key, part)


def ablation(shown: Shown) -> Iterator[Chart]:
    """What each default does alone, their sum, and all of them."""
    import altair as alt

    rows, note = data.effects(shown)
    _, _, outcome = data.outcome(shown)
    unit = shown.measures[0].unit
    title = f"native less aligned, {unit}" if unit else "native less aligned"
    names = list(shown.contestants)
    y, colour = rows_axis(rows, "aspect"), coloured(shown)
    offset = alt.YOffset("contestant:N", sort=names, scale=alt.Scale(domain=names))
    row = base().encode(y=y, yOffset=offset, color=colour)
    zero = (
        base()
        .mark_rule(strokeDash=[3, 3])
        .encode(x=alt.datum(0), color=alt.value(GREY))
    )
    rule = row.mark_rule(strokeWidth=2).encode(
        x=alt.X("low:Q", title=title), x2="high:Q"
    )
    point = row.mark_point(size=60, filled=True, opacity=1).encode(
        x=alt.X("mean:Q", title=title),
        shape=alt.Shape("kind:N", title=None),
        tooltip=tooltip(rows, ("contestant", "aspect", "mean", "low", "high", "n")),
    )
    height = height_of(rows, "aspect") // ROW * (ROW // 2) * (1 + len(names))
    text = "What each default of a framework does to its result"
    values = (
        f"{each['aspect']} on {each['contestant']}: {each['mean']:+.4g}"
        for each in rows[:20]
    )
    yield Chart(
        "ablation",
        "ablation",
        text,
        "Each row switches one default from aligned to the framework's own; lines are "
        "intervals of 95 %, corrected for the number of comparisons. What all of them do "
        f"at once stands against the sum of what each does alone. All in {outcome}.",
        f"{text}, in {outcome}: {'; '.join(values)}",
        note,
        tuple(rows),
        finished(alt.layer(zero, *lines(rule, rows), point), rows, height, text),
    )


def step_times(shown: Shown) -> Iterator[Chart]:
    """The distribution of step times."""
    import altair as alt

    rows, note = data.step_times(shown)
    y, colour = rows_axis(rows), coloured(shown)
    low, q1, middle, q3, high = (f"p{p}:Q" for p in PERCENTILES)
    title = "milliseconds a step"
    x = alt.X(low, title=title, scale=alt.Scale(zero=False))
    whiskers = base().mark_rule().encode(x=x, x2=high[:-2], y=y, color=colour)
    box = (
        base()
        .mark_bar(size=12, opacity=0.6)
        .encode(
            x=alt.X(q1, title=title, scale=alt.Scale(zero=False)),
            x2=q3[:-2],
            y=y,
            color=colour,
            tooltip=tooltip(rows, ("group", *(f"p{p}" for p in PERCENTILES), "seeds")),
        )
    )
    tick = (
        base()
        .mark_tick(thickness=3, size=16)
        .encode(x=alt.X(middle, title=title), y=y, color=colour)
    )
    text = "Step times in the steady state"
    values = (
        f"{row['group']} has a median of {row['p50']:.3g} ms" for row in rows[:12]
    )
    yield Chart(
        "step-times",
        "speed",
        text,
        "The mark is the median; the box holds the middle half of the steps, the line 90 % "
        "of them. Each is the median over the seeds.",
        f"{text}: {'; '.join(values)}",
        note,
        tuple(rows),
        finished(alt.layer(whiskers, box, tick), rows, height_of(rows), text),
    )


def by_phase(shown: Shown) -> Iterator[Chart]:
    """Where the time of a whole cell went, and what passed before the second step."""
    import altair as alt

    for key, part, names, title, note_text in (
        ("phases", "phases", data.PHASES, "Time by phase",
         "Mean seconds of a whole cell, from the start of its process to its end."),
        ("start", "start", data.START, "Time until training runs",
         "Mean seconds of what comes once: the interpreter, the framework's import, data, "
         "compiling and the first step."),
    ):  # fmt: skip
        rows, note = data.seconds(shown, names, part)
        there = [name for name in names if any(row["phase"] == name for row in rows)]
        colours = [
            PHASE_COLOURS[names.index(name) % len(PHASE_COLOURS)] for name in there
        ]
        chart = (
            base()
            .mark_bar(size=16)
            .encode(
                x=alt.X("seconds:Q", title="seconds", stack="zero"),
                y=rows_axis(rows),
                color=alt.Color(
                    "phase:N", title=None, scale=alt.Scale(domain=there, range=colours)
                ),
                order=alt.Order("order:Q"),
                tooltip=tooltip(rows, ("group", "phase", "seconds", "seeds")),
            )
        )
        totals: dict[str, float] = {}
        for row in rows:
            totals[row["group"]] = totals.get(row["group"], 0.0) + row["seconds"]
        values = (f"{name} {value:.3g} s" for name, value in list(totals.items())[:12])
        yield Chart(
            key,
            "speed",
            title,
            note_text,
            f"{title}, in all: {'; '.join(values)}",
            note,
            tuple(rows),
            finished(chart, rows, height_of(rows), title),
        )


def divergence(shown: Shown) -> Iterator[Chart]:
    """How far weights move apart."""
    import altair as alt

    rows, note = data.divergence(shown)
    variants = list(dict.fromkeys(row["variant"] for row in rows))
    both = (
        base()
        .transform_filter("datum.distance > 0")
        .encode(
            x=alt.X("step:Q", scale=alt.Scale(type="log", base=2), title="step"),
            y=alt.Y(
                "distance:Q",
                scale=alt.Scale(type="log"),
                title="relative distance of the weights",
                axis=alt.Axis(format=".0e", tickCount=6),
            ),
            color=coloured(shown),
        )
    )
    lines = both.mark_line(strokeWidth=2).encode(detail="run:N")
    if 1 < len(variants) <= MOST_DASHES:
        dash = alt.StrokeDash("variant:N", title=None, sort=variants)
        lines = lines.encode(strokeDash=dash)
    points = both.mark_circle(size=40, opacity=1).encode(
        tooltip=tooltip(rows, ("run", "step", "distance", "seeds"))
    )
    chart = alt.layer(lines, points)
    text = "Divergence of the weights over the steps"
    last = {row["run"]: row for row in rows}
    values = (f"{name} is {row['distance']:.1e} apart" for name, row in last.items())
    yield Chart(
        "divergence",
        "outcome",
        text,
        "The largest difference of the same sample of weights, divided by the largest "
        "weight of the sample; the median over the seeds. A run is compared with the same "
        "contestant's in float64, or else with the first contestant's. Rounding alone "
        "makes the distance grow.",
        f"{text}: {'; '.join(list(values)[:12])}",
        note,
        tuple(rows),
        finished(chart, rows, HEIGHT, text),
    )
