"""What ``polyframe trace`` prints: tables of costs, of times and of numbers."""

from __future__ import annotations

import textwrap

import click

from polyframe.cli.output import print_table
from polyframe.spec.summary import number, shape_text
from polyframe.teach.step_walk import PHASES, Numbers, Tensor, Walked, by_phase
from polyframe.teach.timing import BackendTimes
from polyframe.teach.trace import Traced, phases_of

BUSY = 0.5
"""How far turns may lie apart, as a share of a step, before times are called rough."""
MOST_TENSORS = 12
"""The most tensors of a phase that are printed."""
BAR, EIGHTHS = 6, " ▏▎▍▌▋▊▉"
FAST, UPDATE = "as train runs it", "its update"


def print_costs(traced: Traced, depth: int) -> None:
    """Print what the spec alone tells."""
    recipe, whole = traced.recipe, traced.total
    memory, work = traced.memory(whole), whole.forward + whole.backward
    unit, size = ("KiB", 2**10) if memory.total < 2**24 else ("MiB", 2**20)
    click.echo(
        f"{recipe.model.name}: one training step, batch of {traced.batch_size}, "
        f"{recipe.dtype}\n"
    )
    rows = []
    for row in traced.rows(depth):
        cells = ["  " * row.level + row.path, row.kind, shape_text(row.shape)]
        if not row.leaves:
            rows.append([*cells, "", "", "", "", ""])
            continue
        cost = traced.cost(row)
        rows.append(
            [
                *cells, number(cost.parameters),
                f"{traced.memory(cost).activations / size:,.1f}",
                number(cost.forward), number(cost.backward),
                bar(cost.forward + cost.backward, work),
            ]
        )  # fmt: skip
    rows.append(
        [
            "all layers", "", "", number(whole.parameters),
            f"{memory.activations / size:,.1f}",
            number(whole.forward), number(whole.backward), "",
        ]
    )  # fmt: skip
    heads = [
        "layer", "type", "output", "parameters", f"activations, {unit}",
        "multiply-adds", "backward", "share",
    ]  # fmt: skip
    print_table(heads, rows, light=True)
    click.echo(
        f"\nMultiply-adds are those of one sample. Memory of the step: "
        f"{memory.total / size:,.1f} {unit}:"
    )
    for name, value in memory._asdict().items():
        told = f"{name} ({recipe.optimizer.label})" if name == "optimizer" else name
        click.echo(f"  {told:<24}{value / size:>12,.1f}")


def print_times(traced: Traced, depth: int, repeats: int) -> None:
    """Print what was measured, the backends beside each other."""
    times = traced.times
    heads = ["layer"]
    for each in times:
        heads += [f"{each.backend}: forward", "backward", "share"]
    rows = []
    for row in traced.rows(depth):
        cells = ["  " * row.level + row.path]
        for each in times:
            phases = phases_of(each, row) if row.leaves else None
            if phases is None:
                cells += ["-" if row.leaves else "", "", ""]
            else:
                cells += [milli(phases.forward), milli(phases.backward)]
                cells.append(bar(sum(phases), sum(each.sum)))
        rows.append(cells)
    summed, whole, fast, update = (
        ["sum of the layers"],
        ["whole step"],
        [FAST],
        [UPDATE],
    )
    for each in times:
        summed += [milli(each.sum.forward), milli(each.sum.backward), ""]
        whole += [milli(each.whole.forward), milli(each.whole.backward), ""]
        fast += [milli(each.fast.forward), milli(each.fast.backward), ""]
        update += ["", milli(each.fast.update), ""]
    rows += [summed, whole, fast, update]
    print_table(heads, rows, title="milliseconds, forward and backward", light=True)
    click.echo()
    for each in times:
        print_facts(each, repeats)


def print_facts(times: BackendTimes, repeats: int) -> None:
    """Print what was measured how, and what to make of it."""
    threads = counted(times.facts.get("threads", "?"), "thread")
    whole = times.whole.forward + times.whole.backward
    ratio = whole / sum(times.sum) if sum(times.sum) else float("nan")
    text = (
        f"{times.title} {times.facts.get('version', '')}, {times.facts['device']}, "
        f"{threads}: medians of {counted(repeats, 'turn')}. The whole step takes "
        f"{ratio:.2f} times as long as its layers alone"
    )
    click.echo(wrapped(f"{text}; with the update {1e3 * times.fast.step:.2f} ms."))
    if times.whole.spread > BUSY:
        click.echo(
            wrapped(
                f"The turns lie {100 * times.whole.spread:.0f} % apart: something else "
                "ran, and these times are rough."
            )
        )
    for path, reason in times.missing.items():
        click.echo(wrapped(f"{path} was not timed alone: {reason}"))


def counted(count: int | str, word: str) -> str:
    """``1 turn``, ``2 turns``."""
    return f"{count} {word}{'s' * (count != 1)}"


def print_walk(walked: Walked) -> None:
    """Print a step, phase by phase."""
    click.echo(
        f"{walked.name}: the first training step, batch of {walked.batch_size} "
        f"({walked.source}), {walked.dtype}"
    )
    heads = ["tensor", "by", "mean", "std", "min", "max", "first numbers", "distance"]
    for place, (phase, tensors) in enumerate(by_phase(walked.tensors), 1):
        rows = [cells for t in tensors[:MOST_TENSORS] for cells in walk_rows(t)]
        click.echo()
        print_table(heads, rows, title=f"{place}. {PHASES[phase]}", light=True)
        if len(tensors) > MOST_TENSORS:
            click.echo(f"… {len(tensors) - MOST_TENSORS} more; --json has all of them")
    click.echo()
    for name, apart in walked.largest.items():
        click.echo(f"{name}: largest relative distance {apart:.1e}")
    for note in walked.notes:
        click.echo(wrapped(f"note: {note}"))


def walk_rows(tensor: Tensor) -> list[list[str]]:
    """The rows of one tensor: one for each backend and NumPy."""
    rows = []
    shape = str(tensor.shape) if tensor.shape else ""
    for i, (who, numbers) in enumerate(tensor.numbers.items()):
        apart = tensor.distances.get(who)
        name = (tensor.name, shape)[i] if i < 2 else ""
        distance = "" if apart is None else f"{apart:.1e}" if apart else "0"
        rows.append([name, who, *number_cells(numbers), distance])
    if len(rows) == 1 and shape:
        rows[0][0] = f"{tensor.name} {shape}"
    return rows


def number_cells(numbers: Numbers) -> list[str]:
    """Mean, deviation, range and first numbers as text."""
    *known, first = numbers
    cells = ["" if value is None else f"{value:.4g}" for value in known]
    return [*cells, " ".join(f"{value:.4g}" for value in first)]


def bar(value: float, of: float) -> str:
    """A share as a bar and in percent; nothing for 0."""
    if not value or not of:
        return ""
    share = value / of
    full, rest = divmod(round(share * BAR * 8), 8)
    drawn = "█" * full + EIGHTHS[rest].strip()
    return f"{100 * share:3.0f} % {drawn}"


def milli(seconds: float) -> str:
    """Milliseconds as text."""
    return f"{1e3 * seconds:.3f}"


def wrapped(text: str) -> str:
    """A text in lines of at most 80 characters."""
    return textwrap.fill(text, 80)
