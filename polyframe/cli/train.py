"""``polyframe train``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from polyframe.cli.completion import RECIPES
from polyframe.cli.options import (
    backend_option,
    common_options,
    parse_settings,
    set_option,
)

if TYPE_CHECKING:
    from polyframe.run.train import RunResult


@click.command()
@click.argument("recipe", shell_complete=RECIPES)
@backend_option()
@click.option("--epochs", type=int, help="Number of epochs.")
@click.option("--batch-size", type=int, help="Samples in a batch.")
@click.option(
    "--seed",
    type=int,
    help="Seed of the initial weights, the order of the data and dropout.",
)
@click.option(
    "--split",
    type=float,
    metavar="SHARE",
    help="Share of the training data to validate on, as 0.2.",
)
@click.option("--device", help="auto (a GPU if there is one), cpu, gpu, gpu:1.")
@click.option("--dtype", help="float32 or float64.")
@set_option
@click.option("-o", "--out", metavar="DIR", help="The run folder; new or empty.")
@click.option(
    "--no-optimize",
    is_flag=True,
    help="Run the program without rewrites, as `show` shows it.",
)
@click.option("--resume", is_flag=True, help="Resume from the newest checkpoint.")
@click.option(
    "--deterministic",
    is_flag=True,
    help="Ask the framework for reproducible results, bit for bit, on a GPU too.",
)
@click.option("--quiet", is_flag=True, help="Print errors only.")
@common_options
def train(
    recipe: str,
    backend: str,
    settings: tuple[str, ...],
    out: str | None,
    no_optimize: bool,
    resume: bool,
    deterministic: bool,
    quiet: bool,
    **options: object,
) -> None:
    """Train a recipe on one backend.

    RECIPE is a YAML or JSON file, or the name of a shipped one (`polyframe list
    recipes`). It contains the model, loss, optimizer, metrics, data and settings. Options
    of this command override it. With equal seeds, training starts from the same weights
    and uses the data in the same order on every backend, so losses can be compared.

    \b
    Examples:
      polyframe train digits_cnn -b torch
      polyframe train digits_cnn -b tensorflow --epochs 2 --seed 1
      polyframe train simple_cnn -b mxnet --set data=synthetic
      polyframe train my_recipe.yaml -b torch -o runs/first --device gpu
      polyframe train digits_cnn -b torch --set "optimizer={type: SGD, lr: 0.1}"
      polyframe train digits_cnn -b mxnet --set "schedule={type: cosine, warmup: 1}"
      polyframe train digits_cnn -b torch --split 0.2 --set callbacks=[early_stopping]
      polyframe train digits_cnn -b torch --set data=photos --set model.num_classes=3
      polyframe train digits_cnn -b torch --set callbacks=[tensorboard] -o runs/a
      polyframe train digits_cnn -b torch -o runs/a --resume

    `--set KEY=VALUE` changes any key of the recipe. A dot separates levels (optimizer.lr,
    model.num_classes, model.layers.fc.out_features), and the value is YAML. `--set
    data=synthetic` generates data that fit the model.

    After each epoch the validation data are evaluated: those of the data set, or the part
    of its training data that --split takes. Early stopping and the best weights are
    chosen by them. The test data are evaluated once, at the end.

    A run writes a folder, by default runs/<name>/<backend>/<number>:

    \b
      recipe.yaml           the recipe, including the options given here
      program_<backend>.py  the native program that ran
      metrics.csv           a row per epoch: loss, metrics, seconds, examples/s
      weights.safetensors   the weights after the last complete epoch
      checkpoint/           checkpoints for --resume; best.safetensors
      result.json           the results
      env.json              versions, device, threads

    A checkpoint is written after each epoch and each minute (`model_checkpoint` in the
    recipe's callbacks changes that). Ctrl-C finishes the current step and writes a
    checkpoint; a second Ctrl-C stops at once. With --resume, the same command continues
    from the last checkpoint, even if the process was killed. The result is the same, bit
    for bit, as without the interruption. Training can also be resumed on another
    backend. Without a checkpoint, --resume starts a new training. A folder that another
    process trains into is refused.
    """
    from polyframe.spec.recipe import load_recipe

    changes = {key: value for key, value in options.items() if value is not None}
    loaded = load_recipe(recipe, parse_settings(settings) | changes)
    watchers: list[Any] = []
    if not quiet:
        from polyframe.spec.summary import notes
        from polyframe.train.callbacks.bars import Bar, Lines

        watchers = [Bar() if sys.stderr.isatty() else Lines()]
        for line in notes(loaded.model.infer()):
            click.echo(line, err=True)
    from polyframe.run.train import Interrupted
    from polyframe.run.train import train as run

    try:
        try:
            result = run(
                loaded,
                backend,
                out,
                not no_optimize,
                watchers,
                resume,
                deterministic,
                lambda text: click.echo(text, err=True),
            )
        finally:
            for watcher in watchers:
                watcher.close()
    except Interrupted as interruption:
        result = interruption.result
        click.echo(
            f"interrupted in epoch {len(result.history) + 1} of {loaded.epochs}; the "
            f"weights so far are in {result.path}",
            err=True,
        )
        raise click.exceptions.Exit(130) from None
    if not quiet:
        print_report(result)


def print_report(result: RunResult) -> None:
    """Print the final table, a row for each epoch, and the paths of the results."""
    from polyframe.cli.output import print_matrices, print_table
    from polyframe.io.shown import excerpt, is_scalar, shown, shown_all

    rows = result.history
    names = [name for name, value in rows[0].items() if is_scalar(value)]
    # Before a resume, other values may have been recorded.
    cells = [
        [shown(n, row[n]) if is_scalar(row.get(n)) else "-" for n in names]
        for row in rows
    ]
    gap = ["…", *[""] * (len(names) - 1)]
    print_table([name.replace("_", " ") for name in names], excerpt(cells, gap))
    validated = {n[4:]: v for n, v in rows[-1].items() if n.startswith("val_")}
    print_matrices(result.test or validated, result.classes)
    if result.stopped:
        click.echo(f"stopped: {result.stopped}")
    if result.test:
        click.echo(f"test:    {shown_all(result.test)}")
    click.echo(f"program: {result.program}")
    click.echo(f"folder:  {result.path}  ({result.seconds:.1f} s)")
