"""``polyframe list``: what there is."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import click

from polyframe.cli.options import common_options

if TYPE_CHECKING:
    from polyframe.spec.element import Element

Listing = tuple[list[str], list[list[str]]]


def first_line(thing: object) -> str:
    """The first sentence of a docstring; formulas and years may hold dots."""
    paragraph = " ".join((inspect.getdoc(thing) or "").partition("\n\n")[0].split())
    sentence = re.match(r".+?[.:](?= [A-Z(]|$)", paragraph)
    return sentence[0].removesuffix(":") if sentence else paragraph


def elements(registry: Mapping[str, object]) -> Listing:
    """A family of elements: names and what they are."""
    rows = [[word, first_line(element)] for word, element in sorted(registry.items())]
    return ["name", "what it is"], rows


def supported(family: str, registry: Mapping[str, type[Element]]) -> Listing:
    """Layers, losses or optimizers, and how far each backend supports them: what the
    tests measured, or whether there is an entry where they did not."""
    from polyframe.conformance.support import load_support, status
    from polyframe.contract import registry as backends
    from polyframe.errors import BackendError
    from polyframe.plugins import load_installed

    load_installed()
    tables = {}
    for name in backends.backends():
        try:
            tables[name] = backends.get(name).entries
        except BackendError as error:
            click.echo(f"warning: {error}", err=True)
    known, rows = load_support()[family], []
    for word, element in sorted(registry.items()):
        if word == "Block":  # a block is made of layers; every backend writes it
            continue
        cells = []
        for name, table in tables.items():
            own = known.get(word, {}).get(name)
            there = word in table and bool(table[word].forms)
            untested = "untested" if there else "-"  # of a plug-in, or on one's backend
            cells.append(status(own) if own else untested)
        rows.append([word, *cells, first_line(element)])
    return ["name", *tables, "what it is"], rows


def layers() -> Listing:
    """All layers."""
    from polyframe.spec.layers import Layer

    return supported("layers", Layer.registry)


def composites() -> Listing:
    """Blocks that many networks are made of."""
    from polyframe.spec.composites import EXAMPLES

    return elements({maker.__name__: maker for maker in EXAMPLES})


def losses() -> Listing:
    """All losses."""
    from polyframe.spec.losses import Loss

    return supported("losses", Loss.registry)


def optimizers() -> Listing:
    """All optimizers."""
    from polyframe.spec.optimizers import Optimizer

    return supported("optimizers", Optimizer.registry)


def initializers() -> Listing:
    """All initializers."""
    from polyframe.spec.initializers import Initializer

    return elements(Initializer.registry)


def metrics() -> Listing:
    """All metrics."""
    from polyframe.spec.metrics import Metric

    return elements(Metric.registry)


def schedules() -> Listing:
    """All schedules."""
    from polyframe.spec.schedules import Schedule

    return elements(Schedule.registry)


def augmentations() -> Listing:
    """All augmentations."""
    from polyframe.spec.augmentations import Augmentation

    return elements(Augmentation.registry)


def settings() -> Listing:
    """All settings of a training, with their defaults."""
    import dataclasses

    from polyframe.spec.settings import RunSettings, Training
    from polyframe.spec.summary import value_text

    rows = [
        [f.name, f.metadata["kind"].allowed, value_text(f.default), f.metadata["help"]]
        for group in (RunSettings, Training)
        for f in dataclasses.fields(group)
    ]
    return ["name", "what it takes", "default", "what it does"], rows


def callbacks() -> Listing:
    """All callbacks."""
    from polyframe.spec import safety  # noqa: F401 - registers its own
    from polyframe.spec.callbacks import CallbackSpec

    return elements(CallbackSpec.registry)


def models() -> Listing:
    """All shipped models."""
    from polyframe import zoo

    rows = [[name, first_line(getattr(zoo, name))] for name in zoo.list()]
    return ["name", "what it is"], rows


def recipes() -> Listing:
    """All shipped recipes, with the comment on top of their files."""
    from polyframe.zoo.library import recipe_file, recipe_names

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
    from polyframe.contract import registry
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
    "composites": composites,
    "losses": losses,
    "optimizers": optimizers,
    "schedules": schedules,
    "initializers": initializers,
    "metrics": metrics,
    "augmentations": augmentations,
    "settings": settings,
    "callbacks": callbacks,
    "models": models,
    "recipes": recipes,
    "datasets": datasets,
    "backends": backends,
}


@click.command("list")
@click.argument("kind", type=click.Choice(list(KINDS)), metavar="KIND")
@common_options
def list_command(kind: str) -> None:
    """What there is: layers, losses, recipes, data sets, …

    KIND is layers, composites, losses, optimizers, schedules, initializers,
    metrics, augmentations, settings, callbacks, models, recipes, datasets or
    backends.

    \b
    Examples:
      polyframe list layers        and what each backend supports
      polyframe list recipes       what `polyframe train` takes by name
    """
    from polyframe.cli.output import print_table

    heads, rows = KINDS[kind]()
    if rows:
        print_table(heads, rows)
    else:
        click.echo(f"There are no {kind} yet.")
