"""``polyframe summary``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from polyframe.cli.completion import SOURCES
from polyframe.cli.options import backend_option, common_options, load_source

if TYPE_CHECKING:
    from polyframe.contract.backend import Backend
    from polyframe.spec.layers.base import Shape


@click.command()
@click.argument("spec", shell_complete=SOURCES)
@backend_option(several=True, count=0)
@common_options
def summary(spec: str, backends: tuple[str, ...]) -> None:
    """Show a model layer by layer: shapes, fields, costs.

    SPEC is a YAML or JSON file (of a model or a recipe) or a shipped name (`polyframe
    list models`). Shapes are (N, C, H, W); with -b there is a column with the shapes in
    the layout of the backend. Costs are the number of parameters and of multiply-adds.
    Values with a * are not set in the spec; they are the defaults. Notes name
    likely mistakes; for a recipe, also those that concern its loss.

    \b
    Examples:
      polyframe summary simple_cnn
      polyframe summary my_model.yaml -b torch -b tensorflow
    """
    from polyframe.contract import registry

    model, recipe = load_source(spec)
    layouts = {name: layout_of(registry.get(name)) for name in backends}
    click.echo(model.summary(layouts, None if recipe is None else recipe.loss))


def layout_of(backend: Backend) -> Callable[[Shape], Shape]:
    """A function from the shape of a sample to its shape in the backend's layout."""
    if backend.layout == "NHWC":
        return lambda shape: (*shape[1:], shape[0])
    return lambda shape: shape
