"""``polyframe trace``."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from polyframe.cli.completion import SOURCES
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


@click.command()
@click.argument("source", metavar="SPEC|RECIPE", shell_complete=SOURCES)
@backend_option(several=True, count=0)
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
    from polyframe.cli.trace_output import print_costs, print_times, print_walk
    from polyframe.contract import registry

    if plot is not None and plot == activations:
        raise click.UsageError("--plot and --activations need a file each.")
    names = [registry.get(name).name for name in dict.fromkeys(backends)]
    for given, option in ((sample, "--input"), (weights, "--weights")):
        if given is not None and activations is None:
            raise click.UsageError(f"{option} is for --activations FILE.")
    if threads is not None:
        set_threads(threads)
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


def set_threads(count: int) -> None:
    """Set the variable that frameworks read when they are imported, until the command has
    ended."""
    name = "OMP_NUM_THREADS"
    before = os.environ.get(name)

    def restore() -> None:
        if before is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = before

    click.get_current_context().call_on_close(restore)
    os.environ[name] = str(count)


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
        from polyframe.teach.recipes import recipe_for

        graph = recipe_for(model).model.infer()
        write_atomic(Path(plot), image(figure(graph, depth), forms[plot]))
        click.echo(f"network: {plot}", err=True)
    if activations is not None:
        from polyframe.teach.activation_maps import sample_figure

        backend = backends[0] if backends else None
        made, about = sample_figure(model, depth, backend, device, sample, weights)
        write_atomic(Path(activations), image(made, forms[activations]))
        click.echo(f"activations ({about}): {activations}", err=True)
