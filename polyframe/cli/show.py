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
from polyframe.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from polyframe.spec.semantics import Semantics
    from polyframe.teach.shown import Shown


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
    help="Write into the source what each layer is called, what each framework does "
    "differently there, and what each helper is for.",
)
@click.option(
    "--full", is_flag=True, help="Show the helpers, which are folded otherwise."
)
@click.option(
    "--diff",
    "differences",
    is_flag=True,
    help="Show what --optimize changes: which rewrite did what, and why it is exact.",
)
@click.option(
    "--html",
    metavar="FILE",
    help="Write a page instead: one file that opens without a network.",
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
    differences: bool,
    html: str | None,
) -> None:
    """Show the native program of a model, of several frameworks side by side.

    The program is idiomatic code for the framework. With --optimize, it is the program
    that `polyframe train` runs. The frameworks need not be installed.

    SPEC|RECIPE is a YAML or JSON file or a shipped name. If a name is both a model and a
    recipe, the recipe is used. The program of a recipe trains with the recipe's loss and
    optimizer. The program of a model trains with Adam and with cross-entropy if the
    output is one number per class, else with the mean squared error. A backend that
    cannot train has only a program that predicts. Files of a program that are not text
    are named on stderr.

    Of one backend, the program is printed as it is; in a pipe, it can be saved as a file.
    Of several, rows show the same layer in the same role: construction, forward pass,
    loss, optimizer, training step. Numbers such as [1] mark what the frameworks do
    differently, and the notes below say what each does and what polyframe writes
    therefore. A wide terminal has a column for each framework; on a narrow one (and in a
    pipe, unless COLUMNS is set) they follow each other within each section.

    With --semantics native, each program is what the framework's own tutorial would
    write. The notes then say where results differ.

    What a framework needs to compute exactly what the spec says is in one section of
    helpers at the end. It is folded, but for one backend in a pipe.

    \b
    Examples:
      polyframe show digits_cnn -b torch
      polyframe show digits_cnn -b torch --optimize > digits.py
      polyframe show residual_cnn -b torch -b tensorflow -b mxnet
      polyframe show digits_cnn -b torch -b tensorflow --semantics native
      polyframe show digits_cnn -b mxnet --annotate
      polyframe show digits_cnn -b torch --diff
      polyframe show resnet18 -b torch -b mxnet --html resnet18.html
    """
    from polyframe.cli.show_output import print_lines, width_of
    from polyframe.teach.recipes import recipe_for
    from polyframe.teach.shown import write_shown

    if html == "":
        raise click.UsageError("--html needs the name of a file, such as page.html.")
    if html is not None and not html.lower().endswith((".html", ".htm")):
        # a spec or a script, named by mistake, would be replaced by the page
        raise click.UsageError(f"--html {html}: the name of a page ends in .html.")
    if differences and (optimize or annotate):
        other = "--optimize" if optimize else "--annotate"
        raise click.UsageError(f"--diff and {other} exclude each other.")
    spec, recipe = load_source(source)
    if recipe is None:
        recipe = recipe_for(spec)
    try:
        shown = write_shown(
            recipe,
            backends,
            semantics=semantics,
            optimize=optimize,
            inference=inference,
        )
    except UnsupportedError as error:
        raise with_option(error, semantics or recipe.semantics) from None
    terminal = on_terminal()
    if differences:
        show_changes(shown, full, html)
    elif html is not None:
        from polyframe.teach.side_by_side import side_by_side
        from polyframe.teach.side_by_side_page import page

        write_page(html, page(side_by_side(shown, annotate=annotate, full=full)))
    elif len(shown) > 1:
        from polyframe.teach.listing import listing
        from polyframe.teach.side_by_side import side_by_side

        side = side_by_side(shown, annotate=annotate, full=full)
        print_lines(listing(side, width_of(terminal), notes=not annotate), terminal)
    else:
        print_program(shown[0], annotate, full or not (terminal or annotate))
    name_others(shown)


def with_option(error: UnsupportedError, semantics: Semantics) -> UnsupportedError:
    """The error with a hint for `show`, which has --semantics and no --set: the aspects
    that stay native."""
    import re

    from polyframe.spec.semantics import NAMES, native_aspects

    aligned = re.findall(r"--set semantics\.(\w+)=aligned", error.hint or "")
    if not aligned:
        return error
    native = native_aspects(semantics) - {*aligned}
    rest = ",".join(name for name in NAMES if name in native)
    return UnsupportedError(
        error.message, where=error.where, hint=f"--semantics {rest or 'aligned'}"
    )


def on_terminal() -> bool:
    """Whether people read the output, not a pipe."""
    return sys.stdout.isatty()


def print_program(shown: Shown, annotate: bool, full: bool) -> None:
    """Print one program as it is, each of its files."""
    from polyframe.cli.show_output import print_lines
    from polyframe.compiler.views import view
    from polyframe.teach.highlight import highlight
    from polyframe.teach.side_by_side import annotated_program

    program = view(shown.program, full=full)
    if annotate:
        program = annotated_program([shown], full)[shown.name]
    for number, (file, text) in enumerate(program.texts.items()):
        if len(program.texts) > 1:
            head = f"# ==== {shown.title}: {file} ====\n"
            click.echo(f"\n{head}" if number else head)
        if on_terminal():
            print_lines(map(list, highlight(text.rstrip("\n"), program.language)), True)
        else:
            click.echo(text, nl=not text.endswith("\n"))


def show_changes(shown: Sequence[Shown], full: bool, html: str | None) -> None:
    """Print what optimizing changes in each program, or write the page of it."""
    from polyframe.cli.show_output import print_lines, width_of
    from polyframe.teach.rewrites import changes

    several = [changes(one, full=full) for one in shown]
    if html is not None:
        from polyframe.teach.side_by_side_page import changes_page

        write_page(html, changes_page(several))
        return
    from polyframe.teach.listing import change_listing

    terminal = on_terminal()
    for number, one in enumerate(several):
        if number:
            click.echo()
        print_lines(change_listing(one, width_of(terminal)), terminal)


def write_page(file: str, text: str) -> None:
    """Write a page, and say so on stderr."""
    from pathlib import Path

    from polyframe.io.atomic import write_atomic

    write_atomic(Path(file), text)
    click.echo(f"written: {file}", err=True)


def name_others(shown: Sequence[Shown]) -> None:
    """Name the files that are not text, on stderr."""
    from polyframe.teach.side_by_side import not_text

    for one in shown:
        for line in not_text(one):
            click.echo(line, err=True)
