"""``polyframe eject``."""

from __future__ import annotations

import click

from polyframe.cli.options import (
    backend_option,
    common_options,
    parse_settings,
    set_option,
)


@click.command()
@click.argument("recipe")
@backend_option()
@click.option(
    "-o", "--out", metavar="DIR", required=True, help="Where to; new or empty."
)
@click.option("--epochs", type=int, help="How many times the data are shown.")
@click.option("--optimize", is_flag=True, help="With the rewrites, as `train` runs it.")
@set_option
@common_options
def eject(
    recipe: str,
    backend: str,
    out: str,
    epochs: int | None,
    optimize: bool,
    settings: tuple[str, ...],
) -> None:
    """Write a recipe as a standalone script, free of polyframe.

    RECIPE is a file or a shipped name. The script, train.py, needs the framework and
    NumPy only; weights.npz and data.npz beside it hold the initial weights and the
    data, so that it prints the losses that `polyframe train --no-optimize` prints. The
    framework need not be installed here.

    \b
    Example:
      polyframe eject digits_cnn -b torch -o digits
      cd digits && python train.py
    """
    from polyframe.eject.write import eject as write
    from polyframe.run.train import check_fit, load_data
    from polyframe.spec.recipe import load_recipe

    changes = parse_settings(settings)
    if epochs is not None:
        changes["epochs"] = epochs
    loaded = load_recipe(recipe, changes)
    data = load_data(loaded)
    check_fit(loaded, data)
    for path in write(loaded, backend, out, data, optimize):
        click.echo(path)
