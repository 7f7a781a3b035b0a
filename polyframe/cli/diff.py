"""``polyframe diff``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from polyframe.cli.options import backend_option, common_options, load_source

if TYPE_CHECKING:
    from pathlib import Path

    from polyframe.conformance.localise import Agreement, Divergence


@click.command()
@click.argument("source", metavar="SPEC|RECIPE")
@backend_option(several=True)
@click.option("--steps", default=5, show_default=True, type=click.IntRange(1))
@click.option("--optimizer", help="Train with this one, not with the recipe's.")
@click.option(
    "--dtype",
    type=click.Choice(["float64", "float32"]),
    help="float64, the default, tells a different computation from rounding; a recipe "
    "with a precision is compared in float32.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for other programs.")
@click.option(
    "-o",
    "--out",
    metavar="DIR",
    help="Write diff.json and the two programs that ran there.",
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
    """The first tensor at which two backends diverge.

    Both train the model from the same weights on the same random batches, in step. The
    comparison stops at the first tensor that is further apart than rounding explains: an
    output of a layer, a gradient, a running statistic, an update. It names the layer or
    the optimizer, and in float64 the backend that differs from the definition in NumPy.

    A recipe is trained with its own loss, optimizer, semantics and training settings,
    but without its schedule.

    SPEC|RECIPE is a YAML or JSON file or a shipped name. Exit code 1 if they diverge.

    \b
    Examples:
      polyframe diff simple_cnn -b torch -b mxnet
      polyframe diff my.yaml -b torch -b tensorflow --optimizer adam --steps 20
      polyframe diff my.yaml -b torch -b mxnet -o parting
    """
    from polyframe.cli.output import output_folder, print_json
    from polyframe.conformance.localise import compare
    from polyframe.conformance.subject import subject_of

    if len(backends) != 2 or backends[0] == backends[1]:
        raise click.UsageError("Two different backends are needed: -b torch -b mxnet.")
    spec, recipe = load_source(source)
    folder = output_folder(out)
    subject = subject_of(spec, recipe, optimizer)
    found = compare(subject, *backends, steps=steps, dtype=dtype)
    if folder is not None:
        keep(found, folder)
    if as_json:
        print_json(found.to_data())
    elif found.divergence is None:
        where = found.where
        place = f" ({where.kind} of {where.name}, step {where.step})" if where else ""
        click.echo(
            f"{spec.name}: {backends[0]} and {backends[1]} agree in "
            f"{found.dtype}: "
            f"{found.steps} steps, {found.tensors} tensors, at most {found.worst:.1e} "
            f"apart{place}"
        )
    else:
        tell(spec.name, found.divergence)
    if found.differences and not as_json:
        click.echo("Native defaults that differ:")
        for line in found.differences:
            click.echo(f"  {line}")
    if found.divergence is not None:
        ctx.exit(1)


def keep(found: Agreement, folder: Path) -> None:
    """diff.json, and the programs that were compared, to lay side by side."""
    from polyframe.contract.files import program_files
    from polyframe.io.atomic import write_atomic
    from polyframe.io.json_csv import to_json

    write_atomic(folder / "diff.json", to_json(found.to_data()))
    for backend, program in found.programs.items():
        for name, content in program_files(program, backend).items():
            write_atomic(folder / name, content)


def tell(name: str, found: Divergence) -> None:
    """The place, and the elements that are furthest apart."""
    from polyframe.cli.output import print_table

    click.echo(f"{name}: {found}")
    click.echo(f"The bound is that of {found.bound.reason}.")
    rows = [
        [str(list(index)), f"{a:.17g}", f"{b:.17g}", f"{abs(a - b):.1e}"]
        for index, a, b in found.worst
    ]
    print_table(["index", found.one, found.other, "apart"], rows)
    for cause in found.causes:
        click.echo(f"Known: {cause.title} ({cause.id}).")
        for name in (found.one, found.other):
            if name in cause.backends:
                click.echo(f"  {name}: {cause.backends[name]}")
        click.echo(f"  polyframe writes: {cause.remedy}")
