"""``polyframe list``: what there is."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

import click

from polyframe.cli.options import common_options

Listing = tuple[list[str], list[list[str]]]


def first_line(thing: Any) -> str:
    """The first sentence of a docstring; formulas and years may hold dots."""
    paragraph = " ".join((inspect.getdoc(thing) or "").partition("\n\n")[0].split())
    sentence = re.match(r".+?[.:](?= [A-Z(]|$)", paragraph)
    return sentence[0].removesuffix(":") if sentence else paragraph


def elements(registry: Mapping[str, Any]) -> Listing:
    """A family of elements: names and what they are."""
    rows = [[word, first_line(found)] for word, found in sorted(registry.items())]
    return ["name", "what it is"], rows


def family(module: str, base: str) -> Callable[[], Listing]:
    """The elements of a family, by the module and the name of its base class."""
    return lambda: elements(getattr(importlib.import_module(module), base).registry)


def layers() -> Listing:
    """All layers, and how far each backend supports them, as the tests found it."""
    from polyframe.contract import registry
    from polyframe.errors import BackendError
    from polyframe.spec.layers import Layer

    tables = {}
    for name in registry.backends():
        try:
            tables[name] = registry.get(name).entries
        except BackendError as error:
            click.echo(f"warning: {error}", err=True)
    known, rows = support(), []
    for word, found in sorted(Layer.registry.items()):
        if word != "Block":  # a block is made of layers; every backend writes it
            cells = [
                status(
                    word in table and bool(table[word].forms),
                    known.get(word, {}).get(name),
                )
                for name, table in tables.items()
            ]
            rows.append([word, *cells, first_line(found)])
    return ["name", *tables, "what it is"], rows


def composites() -> Listing:
    """Blocks that many networks are made of."""
    from polyframe.spec.composites import EXAMPLES

    return elements({maker.__name__: maker for maker in EXAMPLES})


def support() -> Mapping[str, Any]:
    """Layer → backend → what the tests found."""
    import json
    from importlib import resources

    text = (
        resources.files("polyframe.conformance")
        .joinpath("support.json")
        .read_text("utf-8")
    )
    found: Mapping[str, Any] = json.loads(text)["layers"]
    return found


def status(there: bool, tested: Mapping[str, Any] | None) -> str:
    """``exact``, ``exact, 2 gaps``, ``untested`` or ``-``."""
    if not there:
        return "-"
    if tested is None:
        return "untested"  # a plug-in's
    gaps = len(tested["gaps"])
    return f"exact, {gaps} gap{'s' * (gaps > 1)}" if gaps else "exact"


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
    "losses": family("polyframe.spec.losses", "Loss"),
    "optimizers": family("polyframe.spec.optimizers", "Optimizer"),
    "schedules": family("polyframe.spec.schedules", "Schedule"),
    "initializers": family("polyframe.spec.initializers", "Initializer"),
    "metrics": family("polyframe.spec.metrics", "Metric"),
    "augmentations": family("polyframe.spec.augmentations", "Augmentation"),
    "callbacks": family("polyframe.spec.safety", "CallbackSpec"),
    "settings": settings,
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
    metrics, augmentations, callbacks, settings, models, recipes,
    datasets or backends. What installed plug-ins add is among them.

    \b
    Examples:
      polyframe list layers        with what the tests found on each backend
      polyframe list recipes       what `polyframe train` takes by name
    """
    from polyframe.cli.output import print_table
    from polyframe.plugins import load_installed

    load_installed()
    heads, rows = KINDS[kind]()
    if rows:
        print_table(heads, rows)
    else:
        click.echo(f"There are no {kind} yet.")
