"""``polyframe eject``."""

from __future__ import annotations

import click

from polyframe.cli.completion import RECIPES
from polyframe.cli.options import (
    backend_option,
    common_options,
    parse_settings,
    set_option,
)


@click.command()
@click.argument("recipe", shell_complete=RECIPES)
@backend_option(imports=False)
@click.option(
    "-o",
    "--out",
    metavar="DIR",
    required=True,
    help="The folder for the project; new or empty.",
)
@click.option("--epochs", type=int, help="Number of epochs.")
@click.option(
    "--optimize",
    is_flag=True,
    help="Write the program with rewrites, as `train` runs it.",
)
@click.option(
    "--notebook",
    is_flag=True,
    help="Also write the script as a Jupyter notebook, with what it prints: it is run now.",
)
@click.option(
    "--time-limit",
    type=click.IntRange(1, 10**6),
    metavar="SECONDS",
    help="How long --notebook may run.  [default: 3600]",
)
@set_option
@common_options
def eject(
    recipe: str,
    backend: str,
    out: str,
    epochs: int | None,
    optimize: bool,
    notebook: bool,
    time_limit: int | None,
    settings: tuple[str, ...],
) -> None:
    """Write a recipe as a project that does without polyframe.

    RECIPE is a file or a shipped name. The script, train.py, needs only the framework
    and NumPy: data, model, training step, evaluation, checkpoints and the loop. It has
    all that the recipe says, and prints the losses of
    `polyframe train --no-optimize --device cpu` to the last bit. Ctrl-C stops it, and
    started again it goes on from its checkpoint. Beside it are weights.npz and data.npz
    (the initial weights and the data), requirements.txt, recipe.yaml, and README.md,
    which says what is what. The framework need not be installed on this machine.

    Where a backend's programs are in another language, the folder has the program as it
    is, weights.npz, data.npz, recipe.yaml, and README.md, which describes them.

    \b
    Examples:
      polyframe eject digits_cnn -b torch -o digits
      cd digits && pip install -r requirements.txt && python train.py
      polyframe eject mine.yaml -b mxnet -o mine --set schedule=cosine --epochs 3
      polyframe eject digits_cnn -b torch -o lesson --epochs 2 --notebook

    With --notebook there is train.ipynb, too: a cell for each part of the script, with
    a few words, and its output. It is run by this Python, so the framework has to be
    installed, and the packages of `pip install "polyframe[notebook]"`. If its run fails,
    nothing is written.
    """
    from pathlib import Path

    from polyframe.eject.notebook import SECONDS
    from polyframe.eject.write import check_free
    from polyframe.eject.write import eject as write
    from polyframe.run.split import with_data
    from polyframe.run.train import check_fit, load_data
    from polyframe.spec.recipe import load_recipe

    if time_limit is not None and not notebook:
        raise click.UsageError("--time-limit is for --notebook")
    check_free(Path(out))  # before data are downloaded
    changes = parse_settings(settings)
    if epochs is not None:
        changes["epochs"] = epochs
    loaded = load_recipe(recipe, changes)
    data = load_data(loaded)
    check_fit(loaded, data)
    loaded = with_data(loaded, data, lambda text: click.echo(text, err=True))
    limit = time_limit or SECONDS
    for path in write(loaded, backend, out, data, optimize, notebook, limit):
        click.echo(path)
