"""``polyframe diff``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from polyframe.cli.completion import SOURCES
from polyframe.cli.options import backend_option, common_options, load_source

if TYPE_CHECKING:
    from pathlib import Path

    from polyframe.conformance.divergence import Agreement, Divergence


@click.command()
@click.argument("source", metavar="SPEC|RECIPE", shell_complete=SOURCES)
@backend_option(several=True, count=2)
@click.option(
    "--steps",
    default=5,
    show_default=True,
    type=click.IntRange(1),
    help="Training steps.",
)
@click.option("--optimizer", help="Use this optimizer instead of the recipe's.")
@click.option(
    "--dtype",
    type=click.Choice(["float64", "float32"]),
    help="By default float64, where rounding errors are tiny; float32 for a recipe with "
    "a precision.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON to stdout.")
@click.option(
    "-o",
    "--out",
    metavar="DIR",
    help="Write diff.json and the two programs to this folder.",
)
@common_options
@click.pass_context
def diff(
    ctx: click.Context,
    source: str,
    backends: tuple[str, ...],
    steps: int,
    optimizer: str | None,
    dtype: str | None,
    as_json: bool,
    out: str | None,
) -> None:
    """Find the first tensor at which two backends diverge.

    Both backends train the model from the same weights on the same random batches. The
    comparison stops at the first tensor that differs by more than rounding explains: the
    output of a layer, a gradient, a running statistic or an updated parameter. The
    output names the layer or the optimizer and, in float64, the backend that differs
    from the definition in NumPy.

    A recipe is trained with its own loss, optimizer, semantics and training settings,
    but without its schedule.

    SPEC|RECIPE is a YAML or JSON file or a shipped name. The exit code is 1 if the
    backends diverge.

    \b
    Examples:
      polyframe diff simple_cnn -b torch -b mxnet
      polyframe diff my.yaml -b torch -b tensorflow --optimizer adam --steps 20
      polyframe diff my.yaml -b torch -b mxnet -o difference
    """
    from polyframe.cli.output import output_folder, print_json
    from polyframe.conformance.localise import compare
    from polyframe.conformance.subject import subject_of

    if len(backends) != 2 or backends[0] == backends[1]:
        raise click.UsageError("Two different backends are needed: -b torch -b mxnet.")
    spec, recipe = load_source(source)
    folder = output_folder(out)
    subject = subject_of(spec, recipe, optimizer)
    result = compare(subject, *backends, steps=steps, dtype=dtype)
    if folder is not None:
        write_files(result, folder)
    if as_json:
        print_json(result.to_data())
    elif result.divergence is None:
        where = result.where
        place = f" ({where.kind} of {where.name}, step {where.step})" if where else ""
        click.echo(
            f"{spec.name}: {backends[0]} and {backends[1]} agree in {result.dtype}: "
            f"{result.steps} steps, {result.tensors} tensors, largest relative "
            f"difference {result.worst:.1e}{place}"
        )
    else:
        print_divergence(spec.name, result.divergence)
    if result.differences and not as_json:
        click.echo("Native defaults that differ:")
        for line in result.differences:
            click.echo(f"  {line}")
    if result.divergence is not None:
        ctx.exit(1)


def write_files(result: Agreement, folder: Path) -> None:
    """Write diff.json and the programs that were compared."""
    from polyframe.contract.files import program_files
    from polyframe.io.atomic import write_atomic
    from polyframe.io.json_csv import to_json

    write_atomic(folder / "diff.json", to_json(result.to_data()))
    for backend, program in result.programs.items():
        for name, content in program_files(program, backend).items():
            write_atomic(folder / name, content)


def print_divergence(name: str, divergence: Divergence) -> None:
    """Print where the backends diverge, and the elements that differ most."""
    from polyframe.cli.output import print_table

    click.echo(f"{name}: {divergence}")
    click.echo(f"Reason for the bound: {divergence.bound.reason}.")
    rows = [
        [str(list(index)), f"{a:.17g}", f"{b:.17g}", f"{abs(a - b):.1e}"]
        for index, a, b in divergence.worst
    ]
    print_table(["index", divergence.one, divergence.other, "difference"], rows)
    for cause in divergence.causes:
        click.echo(f"Known cause: {cause.title} ({cause.id}).")
        for name in (divergence.one, divergence.other):
            if name in cause.backends:
                click.echo(f"  {name}: {cause.backends[name]}")
        click.echo(f"  polyframe writes: {cause.remedy}")
