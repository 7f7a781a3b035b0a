"""``polyframe trace``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from polyframe.cli.options import (
    backend_option,
    common_options,
    parse_settings,
    set_option,
    shipped,
    size_options,
)

if TYPE_CHECKING:
    from polyframe.spec.model import ModelSpec
    from polyframe.spec.recipe import Recipe
    from polyframe.spec.typed import TypedGraph
    from polyframe.teach.step_walk import Numbers, Tensor, Walked
    from polyframe.teach.timing import BackendTimes
    from polyframe.teach.trace import Traced

BUSY = 0.5
"""How far turns may lie apart, as a share of a step, before times are called rough."""
MOST_TENSORS = 12
"""The most tensors of a phase that are printed."""
BAR, EIGHTHS = 8, " ▏▎▍▌▋▊▉"


@click.command()
@click.argument("source", metavar="SPEC|RECIPE")
@backend_option(several=True, required=False)
@click.option(
    "--depth",
    default=1,
    show_default=True,
    type=click.IntRange(1),
    help="Levels of blocks to show; at 1 each block is one row, or one box.",
)
@click.option(
    "--batch-size",
    type=click.IntRange(1),
    help="Samples of the step.  [default: a recipe's, else 32; with --step 8]",
)
@click.option(
    "--dtype",
    type=click.Choice(["float32", "float64"]),
    help="Of weights and samples.  [default: a recipe's, else float32]",
)
@click.option(
    "--threads",
    type=click.IntRange(1),
    help="Threads of each backend.  [default: number of processors]",
)
@click.option(
    "--device", default="cpu", show_default=True, help="auto, cpu, gpu, gpu:1."
)
@click.option(
    "--repeats",
    default=7,
    show_default=True,
    type=click.IntRange(1, 1000),
    help="How often each layer is timed, in turn.",
)
@click.option(
    "--step",
    "walks",
    is_flag=True,
    help="Show the numbers of one training step instead, tensor by tensor, beside the "
    "definition in NumPy.",
)
@click.option(
    "--plot",
    metavar="FILE",
    help="Draw the network to this file (.svg, .png or .pdf).",
)
@click.option(
    "--activations",
    metavar="FILE",
    help="Draw each layer's output for one sample to this file (.png, .svg or .pdf).",
)
@click.option(
    "--input",
    "sample",
    metavar="FILE",
    help="The sample for --activations: .npy, .npz or an image.  [default: the first "
    "of a recipe's data, else made up]",
)
@click.option(
    "--weights",
    metavar="FILE",
    help="Weights for --activations, such as those of a run.  [default: initial ones]",
)
@set_option
@size_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON to stdout.")
@common_options
def trace(
    source: str,
    backends: tuple[str, ...],
    depth: int,
    batch_size: int | None,
    dtype: str | None,
    threads: int | None,
    device: str,
    repeats: int,
    walks: bool,
    plot: str | None,
    activations: str | None,
    sample: str | None,
    weights: str | None,
    settings: tuple[str, ...],
    width: float | None,
    input_shape: str | None,
    as_json: bool,
) -> None:
    """Look inside one training step, layer by layer.

    Without -b, the output is what the spec alone tells: shapes, parameters, memory and
    multiply-adds of each layer, forward and backward. No framework is needed.

    With -b, the time of each layer on each backend is measured as well. Each layer is a
    program of its own, which is timed alone. The whole step is timed, too, and the
    difference between it and the sum of its layers is shown. Each backend has a process
    of its own, and they take turns.

    --step shows numbers instead of costs: the first training step, tensor by tensor, from
    the batch to the new weights. The definition in NumPy stands beside the values of each
    backend, with the largest relative distance from it. In float64 only rounding is left.

    --plot and --activations draw pictures in addition to the table. Activations are those
    of the first backend of -b, or of the definition in NumPy.

    SPEC|RECIPE is a YAML or JSON file or a shipped name. A recipe's loss, optimizer and
    settings are used; a model is trained with its default loss and Adam.

    \b
    Examples:
      polyframe trace simple_cnn
      polyframe trace resnet18 --depth 2 --plot resnet18.svg
      polyframe trace digits_cnn -b torch -b tensorflow -b mxnet
      polyframe trace digits_cnn -b torch -b mxnet --step --dtype float64
      polyframe trace digits_cnn --activations digits.png --input seven.npy
    """
    from polyframe.cli.output import print_json

    names = list(dict.fromkeys(backends))
    for given, option in ((sample, "--input"), (weights, "--weights")):
        if given is not None and activations is None:
            raise click.UsageError(f"{option} is for --activations FILE.")
    model = loaded(source, settings, width, input_shape)
    draw(model, names, depth, device, plot, activations, sample, weights)
    if walks:
        from polyframe.teach.step_walk import BATCH, walk

        walked = walk(model, names, batch_size or BATCH, dtype, device, report)
        report("")
        if as_json:
            print_json(walked.to_data())
        else:
            print_walk(walked)
        return
    from polyframe.teach.trace import trace as measure

    traced = measure(model, names, batch_size, dtype, threads, device, repeats, report)
    report("")
    if as_json:
        print_json(traced.to_data(depth))
        return
    print_costs(traced, depth)
    if traced.times:
        click.echo()
        print_times(traced, depth, repeats)


def report(text: str) -> None:
    """Show what is under way on a terminal."""
    if sys.stderr.isatty():
        click.echo(f"\r\033[K{text}", err=True, nl=False)


def loaded(
    source: str, settings: Sequence[str], width: float | None, input_shape: str | None
) -> ModelSpec | Recipe:
    """The recipe, or the spec where there is none."""
    from polyframe.spec.recipe import load_recipe

    spec, recipe = shipped(source, width, input_shape)
    changes = parse_settings(settings)
    if recipe is None:
        if changes:
            raise click.UsageError("--set is for recipes, and this is a model alone.")
        return spec
    return load_recipe(recipe, changes) if changes else recipe


# --- pictures ----------------------------------------------------------------------------


def draw(
    model: ModelSpec | Recipe,
    backends: Sequence[str],
    depth: int,
    device: str,
    plot: str | None,
    activations: str | None,
    sample: str | None,
    weights: str | None,
) -> None:
    """Write the pictures that are asked for; their names are checked before any work."""
    from polyframe.io.atomic import write_atomic
    from polyframe.spec.network_plot import figure, format_of, image

    forms = {path: format_of(path) for path in (plot, activations) if path is not None}
    if plot is not None:
        graph = graph_of(model)
        write_atomic(Path(plot), image(figure(graph, depth), forms[plot]))
        click.echo(f"network: {plot}", err=True)
    if activations is not None:
        from polyframe.teach.activation_maps import sample_figure

        backend = backends[0] if backends else None
        made, about = sample_figure(model, depth, backend, device, sample, weights)
        write_atomic(Path(activations), image(made, forms[activations]))
        click.echo(f"activations ({about}): {activations}", err=True)


def graph_of(model: ModelSpec | Recipe) -> TypedGraph:
    """The typed graph, aligned."""
    from polyframe.spec.recipe import Recipe

    return (model.model if isinstance(model, Recipe) else model).infer()


# --- tables ------------------------------------------------------------------------------


def print_costs(traced: Traced, depth: int) -> None:
    """Print what the spec alone tells."""
    from polyframe.cli.output import print_table
    from polyframe.spec.summary import number, shape_text

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
    print_table(heads, rows)
    click.echo(
        f"\nMultiply-adds are those of one sample. Memory of the step: "
        f"{memory.total / size:,.1f} {unit}:"
    )
    for name, value in memory._asdict().items():
        told = f"{name} ({recipe.optimizer.label})" if name == "optimizer" else name
        click.echo(f"  {told:<24}{value / size:>12,.1f}")


def print_times(traced: Traced, depth: int, repeats: int) -> None:
    """Print what was measured, the backends beside each other."""
    from polyframe.cli.output import print_table
    from polyframe.teach.trace import phases_of

    times = traced.times
    heads = ["layer", *(h for t in times for h in (t.backend, "backward", "share"))]
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
    print_table(heads, rows, title="milliseconds, forward and backward")
    click.echo()
    for each in times:
        print_facts(each, repeats)


FAST, UPDATE = "as train runs it", "its update"


def print_facts(times: BackendTimes, repeats: int) -> None:
    """Print what was measured how, and what to make of it."""
    threads = times.facts.get("threads", "?")
    whole = times.whole.forward + times.whole.backward
    ratio = whole / sum(times.sum) if sum(times.sum) else float("nan")
    text = (
        f"{times.title} {times.facts.get('version', '')}, {times.facts['device']}, "
        f"{threads} threads: medians of {repeats} turns. The whole step takes "
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


def print_walk(walked: Walked) -> None:
    """Print a step, phase by phase."""
    from polyframe.cli.output import print_table
    from polyframe.teach.step_walk import PHASES, by_phase

    click.echo(
        f"{walked.name}: the first training step, batch of {walked.batch_size} "
        f"({walked.source}), {walked.dtype}"
    )
    heads = ["tensor", "by", "mean", "std", "min", "max", "first numbers", "distance"]
    for number, (phase, tensors) in enumerate(by_phase(walked.tensors), 1):
        rows = [cells for t in tensors[:MOST_TENSORS] for cells in walk_rows(t)]
        click.echo()
        print_table(heads, rows, title=f"{number}. {PHASES[phase]}")
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
        distance = "" if apart is None else f"{apart:.1e}"
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
    import textwrap

    return textwrap.fill(text, 80)
