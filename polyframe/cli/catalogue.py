"""``polyframe list``: what there is."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import click

from polyframe.cli.options import common_options
from polyframe.teach.explain.docstrings import first_line

if TYPE_CHECKING:
    from polyframe.spec.element import Element

Listing = tuple[list[str], list[list[str]]]


def elements(registry: Mapping[str, object]) -> Listing:
    """A family of elements: names and what they are."""
    rows = [[word, first_line(element)] for word, element in sorted(registry.items())]
    return ["name", "what it is"], rows


def registry_of(module: str, base: str) -> Mapping[str, type[Element]]:
    """Name → class of a family, by the module and the name of its base class."""
    registry: Mapping[str, type[Element]]
    registry = getattr(importlib.import_module(module), base).registry
    return registry


def family(module: str, base: str) -> Callable[[], Listing]:
    """The elements of a family."""
    return lambda: elements(registry_of(module, base))


def supported(family: str, module: str, base: str) -> Callable[[], Listing]:
    """Layers, losses or optimizers, and how far each backend supports them: what the
    tests measured, or whether there is an entry where they did not."""

    def listing() -> Listing:
        from polyframe.conformance.support import load_support, status
        from polyframe.contract import registry
        from polyframe.errors import BackendError

        tables = {}
        for name in registry.backends():
            try:
                tables[name] = registry.get(name).entries
            except BackendError as error:
                click.echo(f"warning: {error}", err=True)
        known, rows = load_support()[family], []
        for word, element in sorted(registry_of(module, base).items()):
            if word == "Block":  # a block is made of layers; every backend writes it
                continue
            cells = []
            for name, table in tables.items():
                own = known.get(word, {}).get(name)
                there = word in table and bool(table[word].forms)
                untested = "untested" if there else "-"  # of a plug-in, or on one
                cells.append(status(own) if own else untested)
            rows.append([word, *cells, first_line(element)])
        return ["name", *tables, "what it is"], rows

    return listing


def composites() -> Listing:
    """Blocks that many networks are made of."""
    from polyframe.spec.composites import EXAMPLES

    return elements({maker.__name__: maker for maker in EXAMPLES})


def settings() -> Listing:
    """All settings of a recipe: what is allowed, the default, what each does."""
    import dataclasses

    from polyframe.spec.settings import RunSettings, Training

    fields = [*dataclasses.fields(RunSettings), *dataclasses.fields(Training)]
    rows = [
        [
            field.name,
            "nothing" if field.default in (None, ()) else str(field.default),
            field.metadata["kind"].allowed,
            field.metadata["help"],
        ]
        for field in fields
    ]
    return ["name", "default", "allowed", "what it does"], rows


def aspects() -> Listing:
    """The aspects of semantics: what is native with each, and what each backend does."""
    from polyframe.contract import registry
    from polyframe.contract.aspects import on_each
    from polyframe.errors import BackendError
    from polyframe.spec.semantics import ASPECTS

    backends, rows = [], []
    for name in registry.backends():
        try:
            backends.append(registry.get(name))
        except BackendError as error:
            click.echo(f"warning: {error}", err=True)
    for aspect in ASPECTS:
        cells = on_each(aspect, backends)
        rows.append(
            [aspect.name, aspect.help, *(cells[b.name] or "-" for b in backends)]
        )
    return ["name", "what is native", *(b.name for b in backends)], rows


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


def defects() -> Listing:
    """Defects of the frameworks that polyframe met."""
    from polyframe.teach.defect_registry import FRAMEWORKS, defects

    rows = [[d.id, FRAMEWORKS[d.framework], d.title] for d in defects()]
    return ["name", "framework", "what is wrong"], rows


KINDS: dict[str, Callable[[], Listing]] = {
    "layers": supported("layers", "polyframe.spec.layers", "Layer"),
    "composites": composites,
    "losses": supported("losses", "polyframe.spec.losses", "Loss"),
    "optimizers": supported("optimizers", "polyframe.spec.optimizers", "Optimizer"),
    "schedules": family("polyframe.spec.schedules", "Schedule"),
    "initializers": family("polyframe.spec.initializers", "Initializer"),
    "metrics": family("polyframe.spec.metrics", "Metric"),
    "augmentations": family("polyframe.spec.augmentations", "Augmentation"),
    "callbacks": family("polyframe.spec.safety", "CallbackSpec"),
    "settings": settings,
    "aspects": aspects,
    "models": models,
    "recipes": recipes,
    "datasets": datasets,
    "backends": backends,
    "defects": defects,
}


SENTENCES = ("settings", "aspects")
"""Kinds of which each has several sentences, too many for the cells of a table."""


@click.command("list")
@click.argument("kind", type=click.Choice(list(KINDS)), metavar="KIND")
@click.option("--json", "as_json", is_flag=True, help="Print JSON to stdout.")
@common_options
def list_command(kind: str, as_json: bool) -> None:
    """List layers, losses, recipes, data sets, …

    KIND is layers, composites, losses, optimizers, schedules, initializers,
    metrics, augmentations, callbacks, settings, aspects, models,
    recipes, datasets, backends or defects (of the frameworks). Those of
    installed plug-ins are included.

    \b
    Examples:
      polyframe list layers        and what each backend supports
      polyframe list recipes       what `polyframe train` takes by name
    """
    from polyframe.cli.output import print_entries, print_json, print_table
    from polyframe.plugins import load_installed

    load_installed()
    heads, rows = KINDS[kind]()
    if as_json:
        print_json([dict(zip(heads, row, strict=True)) for row in rows])
    elif kind in SENTENCES:
        print_entries(heads, rows)
    elif rows:
        print_table(heads, rows)
    else:
        click.echo(f"There are no {kind} yet.")
