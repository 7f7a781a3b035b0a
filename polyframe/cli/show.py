"""``polyframe show``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from polyframe.cli.completion import SOURCES
from polyframe.cli.options import (
    backend_option,
    common_options,
    load_source,
    semantics_option,
)

if TYPE_CHECKING:
    from polyframe.compiler.program import Program
    from polyframe.spec.semantics import Semantics


@click.command()
@click.argument("source", metavar="SPEC|RECIPE", shell_complete=SOURCES)
@backend_option(several=True, imports=False)
@click.option(
    "--optimize",
    is_flag=True,
    help="Show the program that `train` runs, with rewrites.",
)
@click.option("--inference", is_flag=True, help="Show the program for prediction.")
@semantics_option
@click.option(
    "--annotate",
    is_flag=True,
    help="Show the canonical path of each layer on its lines, and what each helper is "
    "for.",
)
@click.option(
    "--full", is_flag=True, help="Show the helpers, which are folded otherwise."
)
@common_options
def show(
    source: str,
    backends: tuple[str, ...],
    optimize: bool,
    inference: bool,
    semantics: Semantics | None,
    annotate: bool,
    full: bool,
) -> None:
    """Show the native program of a model.

    The program is idiomatic code for the framework. With --optimize, it is the program
    that `polyframe train` runs.

    SPEC|RECIPE is a YAML or JSON file or a shipped name. If a name is both a model and a
    recipe, the recipe is used. The program of a recipe trains with the recipe's loss and
    optimizer. The program of a model trains with Adam and with cross-entropy if the
    output is one number per class, else with the mean squared error. The framework need
    not be installed.

    A backend that cannot train has only a program that predicts. Files of a program
    that are not text are named on stderr.

    The programs of several backends are shown side by side if the terminal is wide
    enough. In a pipe, the output is plain text and can be saved as a file.

    What a framework needs to compute exactly what the spec says is in one section of
    helpers at the end. On a terminal, and with --annotate, it is folded.

    \b
    Examples:
      polyframe show digits_cnn -b torch
      polyframe show digits_cnn -b torch --optimize > digits.py
      polyframe show residual_cnn -b torch -b tensorflow -b mxnet
      polyframe show digits_cnn -b torch -b tensorflow --semantics native
    """
    from polyframe.compiler.table import Target
    from polyframe.compiler.views import view
    from polyframe.contract import registry
    from polyframe.contract.programs import make_step, write_inference, write_programs
    from polyframe.spec.losses import Loss, default_loss
    from polyframe.spec.recipe import Recipe

    spec, recipe = load_source(source)
    if recipe is None:
        loss = Loss.parse(default_loss(spec.infer().output_shapes))
        recipe = Recipe(spec, loss=loss)
    if semantics is None:
        semantics = recipe.semantics
    target = Target(recipe.dtype, "cpu", semantics, precision=recipe.precision)
    programs = []
    for name in dict.fromkeys(backends):
        backend = registry.get(name)
        if semantics != "aligned":
            registry.require(backend, "native_semantics", where="semantics")
        if inference or "train" not in backend.abilities:
            written = write_inference(spec, backend, target, optimize).program
        else:
            step = make_step(
                spec, backend, recipe.loss, recipe.optimizer, recipe.training,
                semantics,
            )  # fmt: skip
            written, _ = write_programs(spec, backend, step, target, optimize)
        if annotate or on_terminal():
            written = view(written, annotate=annotate, full=full)
        programs.append((name, backend.title, written))
    if on_terminal():
        print_in_colour(programs)
    else:
        print_plain(programs)
    for _, title, program in programs:
        for file, content in program.files.items():
            if isinstance(content, bytes):
                size = f"{program.language}, {len(content):,} bytes"
                click.echo(f"{title}: {file} ({size}) is not text", err=True)


def on_terminal() -> bool:
    """Whether people read the output, not a pipe."""
    return sys.stdout.isatty()


def print_plain(programs: list[tuple[str, str, Program]]) -> None:
    """Print the texts without markup; several files get a comment line each."""
    files = [
        (title, file, text)
        for _, title, program in programs
        for file, text in program.texts.items()
    ]
    for i, (title, file, text) in enumerate(files):
        if len(files) > 1:
            click.echo(f"{chr(10) if i else ''}# ==== {title}: {file} ====\n")
        click.echo(text, nl=not text.endswith("\n"))


def print_in_colour(programs: list[tuple[str, str, Program]]) -> None:
    """Print the texts in colour, side by side if they fit."""
    from rich.console import Console
    from rich.syntax import Syntax
    from rich.table import Table

    console = Console()
    width = 3 + sum(
        max(map(len, text.splitlines()), default=0) + 3
        for _, _, program in programs
        for text in program.texts.values()
    )
    titles, texts = [], []
    for _, title, program in programs:
        for file, text in program.texts.items():
            titles.append(f"{title}: {file}")
            texts.append(
                Syntax(
                    text,
                    program.language,
                    theme="ansi_dark",
                    background_color="default",
                    word_wrap=width > console.width,
                )
            )
    if len(texts) > 1 and width <= console.width:
        table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
        for title in titles:
            table.add_column(title, header_style="bold")
        table.add_row(*texts)
        console.print(table)
        return
    for title, syntax in zip(titles, texts, strict=True):
        if len(texts) > 1:
            console.rule(title, align="left")
        console.print(syntax)
