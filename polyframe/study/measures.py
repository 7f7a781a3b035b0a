"""What a study measures: each a name, a unit, and how a record tells it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from polyframe.spec.metrics import Metric
from polyframe.spec.recipe import Recipe
from polyframe.study.records import Record

TIME_TO_TARGET = "time_to_target"


@dataclass(frozen=True)
class Measure:
    """One number of a cell.

    ``unit``: after which number: "points" (of 100), "s", "/s", "MiB", "J" or "".
    ``larger_is_better``: None where neither is. ``relative``: whether contestants are
    compared by their ratio (times, speeds) and not by their difference. ``value``: the
    number of a record, in that unit; None where it has none. ``kind``: "outcome" (of what
    is learnt), "speed" or "cost".
    """

    name: str
    title: str
    unit: str
    larger_is_better: bool | None
    relative: bool
    kind: str
    value: Callable[[Record], float | None]


def measures(recipe: Recipe, target: float | None = None) -> tuple[Measure, ...]:
    """The measures of a recipe's study, the most important one first: its first metric
    on the test data (or the loss, without one)."""
    several = [
        *(outcome(m) for m in recipe.metrics if m.larger_is_better is not None),
        Measure(
            "loss", "test loss", "", False, False, "outcome", of("test", "loss")
        ),
        Measure(
            "examples_per_second", "examples/s in the steady state", "/s", True, True,
            "speed", of("steady", "examples_per_second"),
        ),
        Measure(
            "training_seconds", "training", "s", False, True, "speed",
            of("phases", "training"),
        ),
        Measure(
            "import_seconds", "import of the framework", "s", False, True, "cost",
            of("start", "import"),
        ),
        Measure(
            "compile_seconds", "compiling, and the first step", "s", False, True, "cost",
            compile_seconds,
        ),
        Measure(
            "peak_mib", "peak memory", "MiB", False, True, "cost",
            of("resources", "peak_mib"),
        ),
        Measure(
            "cpu_seconds", "processor time", "s", False, True, "cost",
            of("resources", "cpu_seconds"),
        ),
        Measure(
            "energy_joules", "energy", "J", False, True, "cost",
            of("resources", "energy_joules"),
        ),
    ]  # fmt: skip
    if target is not None and recipe.metrics:
        several.append(time_to(recipe, target))
    return tuple(several)


def outcome(metric: Metric) -> Measure:
    """A metric of the test data. Those of which more is better are shares of 1, shown in
    points of 100."""
    factor, unit = (100.0, "points") if metric.larger_is_better else (1.0, "")
    return Measure(
        metric.key,
        f"test {metric.key.replace('_', ' ')}",
        unit,
        metric.larger_is_better,
        False,
        "outcome",
        of("test", metric.key, factor),
    )


def of(part: str, key: str, factor: float = 1.0) -> Callable[[Record], float | None]:
    """What reads one number of a part of a record."""

    def value(record: Record) -> float | None:
        number = getattr(record, part).get(key)
        return None if number is None else factor * number

    return value


def compile_seconds(record: Record) -> float | None:
    """The seconds of compiling and of the first step."""
    parts = [record.start.get(key) for key in ("compile", "first step")]
    return sum(part for part in parts if part is not None) or None


def time_to(recipe: Recipe, target: float) -> Measure:
    """The seconds of training after which the first metric has reached a value, on the
    test data: linear between two epochs; none where it is not reached."""
    metric = recipe.metrics[0]
    column, sign = f"test_{metric.key}", 1.0 if metric.larger_is_better else -1.0

    def value(record: Record) -> float | None:
        before = None
        for row in record.epochs:
            if column not in row or "seconds" not in row:
                continue
            if sign * row[column] >= sign * target:
                if before is None:
                    return row["seconds"]
                share = (target - before[column]) / (row[column] - before[column])
                return before["seconds"] + share * (row["seconds"] - before["seconds"])
            before = row
        return None

    title = f"time to a test {metric.key.replace('_', ' ')} of {target:g}"
    return Measure(TIME_TO_TARGET, title, "s", False, True, "speed", value)
