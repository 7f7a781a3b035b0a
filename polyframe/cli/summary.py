"""``polyframe summary``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from polyframe.cli.options import backend_option, common_options, load_source

if TYPE_CHECKING:
    from polyframe.contract.backend import Backend


@click.command()
@click.argument("spec")
@backend_option(several=True, required=False)
@common_options
def summary(spec: str, backends: tuple[str, ...]) -> None:
    """A model layer by layer: shapes, fields, costs.

    SPEC is a YAML or JSON file (of a model or a recipe) or a shipped name (`polyframe
    list models`). Shapes are (N, C, H, W); with -b there is a column for backends that
    order them in another way. Costs are parameters and multiply-adds. Values with a *
    are not set in the spec: these are the defaults that take their place.

    \b
    Examples:
      polyframe summary simple_cnn
      polyframe summary my_model.yaml -b torch -b tensorflow
    """
    from polyframe.contract import registry

    found, _ = load_source(spec)
    natives = {name: layout_of(registry.get(name)) for name in backends}
    click.echo(found.summary(natives))


def layout_of(backend: Backend) -> Any:
    """How a backend orders the axes of a sample, as a function of its shape."""
    if backend.layout == "NHWC":
        return lambda shape: (*shape[1:], shape[0])
    return lambda shape: shape
