"""``polyframe diff``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from polyframe.cli.completion import SOURCES
from polyframe.cli.options import (
    backend_option,
    common_options,
    load_source,
    told_backends,
)

if TYPE_CHECKING:
    from polyframe.conformance.divergence import Agreement, Divergence
    from polyframe.conformance.script import ChangedScript
    from polyframe.contract.backend import Backend
    from polyframe.spec.recipe import Recipe


@click.command()
@click.argument("source", metavar="SPEC|RECIPE", shell_complete=SOURCES)
@backend_option(several=True, count=0)
@click.option(
    "--script",
    metavar="FILE",
    help="Compare a changed train.py of `polyframe eject` with what polyframe writes. Its "
    "changed lines are run.",
)
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
    script: str | None,
    steps: int,
    optimizer: str | None,
    dtype: str | None,
    as_json: bool,
    out: str | None,
) -> None:
    """Find the first tensor at which two backends diverge.

    -b names the two. Without it, they are the first two that can be used.

    Both backends train the model from the same weights on the same random batches. The
    comparison stops at the first tensor that differs by more than rounding explains: the
    output of a layer, a gradient, a running statistic or an updated parameter. The
    output names the layer or the optimizer and, in float64, the backend that differs
    from the definition in NumPy.

    With --script FILE, one backend is compared with a script that was ejected from the
    recipe and then changed. The output names the changed lines, what they belong to, and
    the first tensor that they change. The changed lines of the model and the training
    step are run, the other lines are not. The dtype is that of the recipe.

    A recipe is trained with its own loss, optimizer, semantics and training settings,
    but without its schedule.

    SPEC|RECIPE is a YAML or JSON file or a shipped name. The exit code is 1 if the
    backends diverge.

    \b
    Examples:
      polyframe diff simple_cnn -b torch -b mxnet
      polyframe diff my.yaml -b torch -b tensorflow --optimizer adam --steps 20
      polyframe diff my.yaml -b torch -b mxnet -o difference
      polyframe diff lesson/recipe.yaml -b torch --script lesson/train.py
    """
    from polyframe.cli.output import output_folder, print_json
    from polyframe.conformance.localise import compare
    from polyframe.conformance.subject import subject_of
    from polyframe.errors import PolyframeError

    count = 2 if script is None else 1
    backends = backends or told_backends(count)
    if len(set(backends)) != count or len(backends) != count:
        needed = (
            "Two different backends are needed: -b torch -b mxnet."
            if script is None
            else "--script is compared with one backend: -b torch."
        )
        raise click.UsageError(needed)
    if script is not None and optimizer is not None:
        raise click.UsageError(
            "--script takes the recipe's optimizer: leave --optimizer out."
        )
    spec, recipe = load_source(source)
    folder = output_folder(out)
    subject = subject_of(spec, recipe, optimizer)
    pair: list[str | Backend] = list(backends)
    optimize, changed = True, None
    if script is not None:
        changed = changed_script(script, recipe, backends[0])
        pair.append(changed.changed())
        assert recipe is not None
        dtype, optimize = dtype or recipe.dtype, changed.optimize
        if not as_json:
            print_changes(changed)
    try:
        result = compare(
            subject, pair[0], pair[1], steps=steps, dtype=dtype, optimize=optimize
        )
    except PolyframeError:
        raise
    except Exception as error:
        if script is None:
            raise
        text = " ".join(str(error).split())[:300]
        raise PolyframeError(
            f"cannot be run as it was changed: {type(error).__name__}: {text}",
            where=script,
            hint="only the model, the training step and imports are run",
        ) from error
    for at in changed.left_out() if changed is not None else ():
        click.echo(
            f"{script}:{at}: not run: its line is not in the programs for {result.dtype}",
            err=True,
        )
    backends = *backends, *([] if script is None else [Path(script).name])
    if folder is not None:
        write_files(result, folder)
    if as_json:
        changes = {} if changed is None else {"changes": changed.to_data()}
        print_json(result.to_data() | changes)
    elif result.divergence is None:
        where = result.where
        place = f" ({where.kind} of {where.name}, step {where.step})" if where else ""
        click.echo(
            f"{spec.name}: {backends[0]} and {backends[1]} agree in {result.dtype}: "
            f"{result.steps} steps, {result.tensors} tensors, largest relative "
            f"difference {result.worst:.1e}{place}"
        )
    else:
        print_divergence(spec.name, result.divergence, known=script is None)
    if result.differences and not as_json:
        click.echo("Native defaults that differ:")
        for line in result.differences:
            click.echo(f"  {line}")
    if result.divergence is not None:
        ctx.exit(1)


def changed_script(script: str, recipe: Recipe | None, backend: str) -> ChangedScript:
    """The script of a recipe that somebody changed."""
    from polyframe.conformance.script import ChangedScript
    from polyframe.run.split import with_data
    from polyframe.run.train import load_data

    if recipe is None:
        raise click.UsageError(
            "--script needs the recipe: the recipe.yaml that lies beside the script."
        )
    data = load_data(recipe)
    recipe = with_data(recipe, data, lambda text: click.echo(text, err=True))
    return ChangedScript(script, recipe, backend, data)


def print_changes(changed: ChangedScript) -> None:
    """Print the changed lines, and what of the program they belong to."""
    from polyframe.cli.output import safe

    if not changed.changes:
        click.echo(f"{changed.path}: no line was changed")
    for change in changed.changes:
        owners = [
            f"{path} ({role.replace('_', ' ')})" if path else role.replace("_", " ")
            for path, role in change.owners
        ]
        what = ", ".join(dict.fromkeys(owners))
        if not change.in_program:
            what = "of the script's own, which the comparison does not run"
        click.echo(f"{changed.path}:{change.line}: {what or 'of the program'}")
        for sign, lines in (("-", change.old), ("+", change.new)):
            for line in lines:
                click.echo(f"  {sign} {safe(line)}")


def write_files(result: Agreement, folder: Path) -> None:
    """Write diff.json and the programs that were compared."""
    from polyframe.contract.files import program_files
    from polyframe.io.atomic import write_atomic
    from polyframe.io.json_csv import to_json

    write_atomic(folder / "diff.json", to_json(result.to_data()))
    for backend, program in result.programs.items():
        for name, content in program_files(program, backend).items():
            write_atomic(folder / name, content)


def print_divergence(name: str, divergence: Divergence, known: bool) -> None:
    """Print where the backends diverge, the elements that differ most and, if ``known``,
    what the registry of differences says of it."""
    from polyframe.cli.output import print_table

    click.echo(f"{name}: {divergence}")
    click.echo(f"Reason for the bound: {divergence.bound.reason}.")
    rows = [
        [str(list(index)), f"{a:.17g}", f"{b:.17g}", f"{abs(a - b):.1e}"]
        for index, a, b in divergence.worst
    ]
    print_table(["index", divergence.one, divergence.other, "difference"], rows)
    for cause in divergence.causes if known else ():
        click.echo(f"Known cause: {cause.title} ({cause.id}).")
        for name in (divergence.one, divergence.other):
            if name in cause.backends:
                click.echo(f"  {name}: {cause.backends[name]}")
        click.echo(f"  polyframe writes: {cause.remedy}")
