"""``polyframe data``: data sets, as text and as images."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from polyframe.cli.completion import DATA
from polyframe.cli.options import common_options, parse_settings

if TYPE_CHECKING:
    from polyframe.data import Dataset


@click.group()
def data() -> None:
    """Show data sets."""


@data.command()
@click.argument("name", shell_complete=DATA)
@click.option(
    "--set",
    "settings",
    metavar="OPTION=VALUE",
    multiple=True,
    help="An option of the data set, as YAML: --set size=[32,32]. May be given several "
    "times.",
)
@click.option(
    "-o",
    "--out",
    metavar="FILE",
    help="File for the sheet of images.  [default: NAME.png]",
)
@click.option("--no-images", is_flag=True, help="Do not write a sheet of images.")
@common_options
def info(
    name: str, settings: tuple[str, ...], out: str | None, no_images: bool
) -> None:
    """Show a data set: shapes, counts, values, task, labels, images.

    NAME is one of `polyframe list datasets`, a file that ends in .npz or .csv, or a
    folder of .npy files or images, with masks or without. A data set that is not on this
    machine is downloaded first, if possible. The losses and metrics shown are those that
    are meant for the task.

    The command also writes a sheet of images. It shows the first samples of the first
    ten classes, one row for each class.

    \b
    Examples:
      polyframe data info digits
      polyframe data info samples.npz --no-images
      polyframe data info signals.npz --set layout=NCL
      polyframe data info photos/ --set size=[64,64] -o photos_small.png
    """
    from polyframe.data import load
    from polyframe.errors import DataError

    if out is not None and no_images:
        raise click.UsageError("-o and --no-images exclude each other.")
    if out is not None and not out.lower().endswith(".png"):
        raise DataError("a file ending in .png is needed", where=out)
    options = parse_settings(settings)
    if "name" in options:
        raise DataError("there is no option 'name'", where="--set")
    dataset = load(name, **options)
    for line in describe_dataset(dataset):
        click.echo(line)
    if not no_images:
        write_sheet(dataset, out)


def write_sheet(dataset: Dataset, out: str | None) -> None:
    """Write the sheet, or print why there is none; an error if ``out`` is given."""
    from pathlib import Path

    from polyframe.data.sheet import sheet
    from polyframe.errors import DataError
    from polyframe.io.atomic import write_atomic

    try:
        content = sheet(dataset)
    except DataError as error:
        if out is not None:
            raise
        hint = f" ({error.hint})" if error.hint else ""
        click.echo(f"\nno sheet of images: {error.message}{hint}")
        return
    stem = dataset.name
    for suffix in (".npz", ".csv"):
        stem = stem.removesuffix(suffix)
    path = Path(out or f"{stem or 'images'}.png")
    write_atomic(path, content)
    click.echo(f"\nimages: {path}")


def describe_dataset(dataset: Dataset) -> Iterable[str]:
    """Lines about a data set."""
    from polyframe.cli.output import safe
    from polyframe.data.statistics import statistics
    from polyframe.spec.tasks import TASKS, fitting_losses, fitting_metrics

    x, y = dataset.train
    validation = dataset.validation
    held_out = f", {len(validation[0]):,} to validate" if validation else ""
    test = 0 if dataset.test is None else len(dataset.test[0])
    yield f"name:    {safe(dataset.name)}"
    yield f"source:  {safe(dataset.source)}"
    yield f"samples: {len(x):,} to train{held_out}, {test:,} to test"
    scaled = ", used as x / 255" if x.dtype.kind == "u" else ""
    yield f"shape:   {shape_of(dataset.input_shape)} of {x.dtype}{scaled}"
    low, high, mean, deviation = statistics(x)
    yield (
        f"values:  {low:.4g} to {high:.4g}, mean {mean:.4g}, "
        f"standard deviation {deviation:.4g}"
    )
    if dataset.weights is not None:
        low, high, mean, _ = statistics(dataset.weights)
        yield f"weights: {low:.4g} to {high:.4g}, mean {mean:.4g}"
    task = dataset.task
    yield f"task:    {task} ({TASKS[task].meaning})"
    for name, fitting in (("losses", fitting_losses), ("metrics", fitting_metrics)):
        yield f"{name + ':':8} {', '.join(fitting(task, dataset.output_shape)) or 'none'}"
    if dataset.num_classes is None:
        low, high, mean, _ = statistics(y)
        yield f"targets: {shape_of(y.shape[1:])} of {y.dtype}, {low:.4g} to " + (
            f"{high:.4g}, mean {mean:.4g}"
        )
        if task == "multi-label":
            yield ""
            yield from histogram(dataset)
        return
    yield f"classes: {dataset.num_classes}"
    if y.ndim > 1:
        yield f"labels:  {shape_of(y.shape[1:])}, one for each pixel"
    if dataset.ignore_index is not None:
        count = (~dataset.counts(y)).sum()
        yield f"ignored: label {dataset.ignore_index}, {count:,} times"
    yield ""
    yield from histogram(dataset)


def shape_of(shape: tuple[int, ...]) -> str:
    """``(N, 1, 8, 8)``."""
    return f"({', '.join(('N', *map(str, shape)))})"


def histogram(dataset: Dataset, most: int = 50, width: int = 40) -> Iterable[str]:
    """A bar for each class (or label): its number of training samples (or pixels)."""
    from polyframe.cli.output import safe
    from polyframe.data.statistics import class_counts

    counts = class_counts(dataset)
    size = len(counts)
    names = [safe(name) for name in dataset.classes or map(str, range(size))]
    room = max(map(len, names[:most]), default=0)
    for name, count in zip(names[:most], counts[:most], strict=False):
        bar = "█" * round(width * count / counts.max())
        yield f"  {name:>{room}}  {count:>7,}  {bar}".rstrip()
    if size > most:
        yield f"  … and {size - most:,} more classes"
