"""The names of what is shipped: models and recipes."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING

from polyframe.errors import SpecError

if TYPE_CHECKING:
    from polyframe.spec.model import ModelSpec

RECIPES = Path(__file__).with_name("recipes")


def recipe_names() -> list[str]:
    """The shipped recipes, sorted."""
    return sorted(path.stem for path in RECIPES.glob("*.yaml"))


def recipe_file(name: str) -> Path:
    """The file of a shipped recipe."""
    return RECIPES / f"{name}.yaml"


def model_names() -> list[str]:
    """The shipped models, sorted."""
    from polyframe import zoo

    return zoo.list()


def model(name: str, **arguments: object) -> ModelSpec:
    """The spec of a shipped model; arguments that are left out are as by default."""
    from polyframe import zoo

    make = getattr(zoo, name)
    shape, usual = arguments.get("input_shape"), input_shape_of(make)
    if isinstance(shape, tuple) and len(shape) != len(usual):
        raise SpecError(
            f"input_shape is {list(shape)}; {name} takes {len(usual)} of these numbers",
            where=name,
            hint=f"such as {list(usual)}",
        )
    spec: ModelSpec = make(**arguments)
    return spec


def input_shape_of(make: Callable[..., ModelSpec]) -> tuple[int, ...]:
    """The shape of a sample that a shipped model takes by default."""
    usual: tuple[int, ...] = signature(make).parameters["input_shape"].default
    return usual
