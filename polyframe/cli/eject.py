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
    """
    from pathlib import Path

    from polyframe.eject.write import check_free
    from polyframe.eject.write import eject as write
    from polyframe.run.split import with_data
    from polyframe.run.train import check_fit, load_data
    from polyframe.spec.recipe import load_recipe

    check_free(Path(out))  # before data are downloaded
    changes = parse_settings(settings)
    if epochs is not None:
        changes["epochs"] = epochs
    loaded = load_recipe(recipe, changes)
    data = load_data(loaded)
    check_fit(loaded, data)
    loaded = with_data(loaded, data, lambda text: click.echo(text, err=True))
    for path in write(loaded, backend, out, data, optimize):
        click.echo(path)
