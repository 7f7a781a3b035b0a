"""``polyframe list`` and ``polyframe data info``: what there is."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click

from polyframe.cli.options import debug_option

if TYPE_CHECKING:
    import numpy as np

    from polyframe.data import Dataset

Listing = tuple[list[str], list[list[str]]]


def first_line(thing: Any) -> str:
    """The first line of a docstring."""
    return (inspect.getdoc(thing) or "").partition("\n")[0]


def elements(registry: Mapping[str, Any]) -> Listing:
    """A family of elements: names and what they are."""
    rows = [[word, first_line(found)] for word, found in sorted(registry.items())]
    return ["name", "what it is"], rows


def layers() -> Listing:
    """All layers, and the backends whose table has an entry for each."""
    from polyframe import registry
    from polyframe.errors import BackendError
    from polyframe.spec.layers import Layer

    tables = {}
    for name in registry.backends():
        try:
            tables[name] = registry.get(name).table
        except BackendError as error:
            click.echo(f"warning: {error}", err=True)
    rows = []
    for word, found in sorted(Layer.registry.items()):
        if word != "Block":  # a block is made of layers; every backend writes it
            on = ", ".join(name for name, table in tables.items() if word in table)
            rows.append([word, on or "-", first_line(found)])
    return ["name", "backends", "what it is"], rows


def losses() -> Listing:
    """All losses."""
    from polyframe.spec.losses import Loss

    return elements(Loss.registry)


def optimizers() -> Listing:
    """All optimizers."""
    from polyframe.spec.optimizers import Optimizer

    return elements(Optimizer.registry)


def initializers() -> Listing:
    """All initializers."""
    from polyframe.spec.initializers import Initializer

    return elements(Initializer.registry)


def metrics() -> Listing:
    """All metrics."""
    from polyframe.spec.metrics import Metric

    return elements(Metric.registry)


def schedules() -> Listing:
    """There are none yet."""
    return ["name", "what it is"], []


def models() -> Listing:
    """All shipped models."""
    from polyframe import zoo

    rows = [[name, first_line(getattr(zoo, name))] for name in zoo.list()]
    return ["name", "what it is"], rows


def recipes() -> Listing:
    """All shipped recipes, with the comment on top of their files."""
    from polyframe.library import recipe_file, recipe_names

    def comment(name: str) -> str:
        line = recipe_file(name).read_text(encoding="utf-8").partition("\n")[0]
        return line.removeprefix("#").strip() if line.startswith("#") else ""

    return ["name", "what it is"], [[name, comment(name)] for name in recipe_names()]


def datasets() -> Listing:
    """All data sets by name."""
    from polyframe.data import describe, names

    return ["name", "what it is"], [[name, describe(name)] for name in names()]


def backends() -> Listing:
    """All registered backends; nothing is imported to see whether they work."""
    from polyframe import registry
    from polyframe.errors import BackendError

    rows = []
    for name in registry.backends():
        try:
            backend = registry.get(name)
        except BackendError as error:
            rows.append([name, "-", error.message])
            continue
        rows.append([name, backend.title, backend.install])
    return ["name", "framework", "install it with"], rows


KINDS: dict[str, Callable[[], Listing]] = {
    "layers": layers,
    "losses": losses,
    "optimizers": optimizers,
    "schedules": schedules,
    "initializers": initializers,
    "metrics": metrics,
    "models": models,
    "recipes": recipes,
    "datasets": datasets,
    "backends": backends,
}


@click.command("list")
@click.argument("kind", type=click.Choice(list(KINDS)), metavar="KIND")
@debug_option
def list_command(kind: str) -> None:
    """What there is: layers, losses, recipes, data sets, …

    KIND is layers, losses, optimizers, schedules, initializers, metrics, models,
    recipes, datasets or backends.

    \b
    Examples:
      polyframe list layers        with the backends that can run each
      polyframe list recipes       what `polyframe train` takes by name
    """
    from polyframe.cli.output import print_table

    heads, rows = KINDS[kind]()
    if rows:
        print_table(heads, rows)
    else:
        click.echo(f"There are no {kind} yet.")


# --- data ------------------------------------------------------------------------


@click.group()
def data() -> None:
    """Look at data sets."""


@data.command()
@click.argument("name")
@debug_option
def info(name: str) -> None:
    """A data set's look: shapes, counts, values, and how its labels are spread.

    NAME is one of `polyframe list datasets`, or a file that ends in .npz. A set that is
    not on this machine is fetched first, if it can be.

    \b
    Examples:
      polyframe data info digits
      polyframe data info samples.npz
    """
    from polyframe.data import load

    dataset = load(name)
    for line in describe_dataset(dataset):
        click.echo(line)


def describe_dataset(dataset: Dataset) -> Iterable[str]:
    """Lines about a data set."""
    from polyframe.cli.output import safe

    x, y = dataset.train
    test = 0 if dataset.test is None else len(dataset.test[0])
    yield f"name:    {safe(dataset.name)}"
    yield f"source:  {safe(dataset.source)}"
    yield f"samples: {len(x):,} to train, {test:,} to test"
    yield f"shape:   {shape_of(dataset.input_shape)} of {x.dtype}"
    yield (
        f"values:  {x.min():.4g} to {x.max():.4g}, mean {x.mean(dtype=float):.4g}, "
        f"standard deviation {x.std(dtype=float):.4g}"
    )
    if dataset.num_classes is None:
        yield f"targets: {shape_of(y.shape[1:])} of {y.dtype}, {y.min():.4g} to " + (
            f"{y.max():.4g}, mean {y.mean(dtype=float):.4g}"
        )
        return
    yield f"classes: {dataset.num_classes}"
    yield ""
    yield from histogram(dataset)


def shape_of(shape: tuple[int, ...]) -> str:
    """``(N, 1, 8, 8)``."""
    return f"({', '.join(('N', *map(str, shape)))})"


def histogram(dataset: Dataset, most: int = 50, width: int = 40) -> Iterable[str]:
    """A bar for each class: how often it is in the training data."""
    import numpy as np

    from polyframe.cli.output import safe

    size = dataset.num_classes or 0
    counts: np.ndarray = np.bincount(dataset.train[1], minlength=size)
    names = [safe(name) for name in dataset.classes or map(str, range(size))]
    room = max(map(len, names[:most]))
    for name, count in zip(names[:most], counts[:most], strict=False):
        bar = "█" * round(width * count / counts.max())
        yield f"  {name:>{room}}  {count:>7,}  {bar}".rstrip()
    if size > most:
        yield f"  … and {size - most:,} more classes"
