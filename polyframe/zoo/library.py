"""The names of what is shipped: models and recipes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

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


def model(name: str) -> ModelSpec:
    """The spec of a shipped model, as it is by default."""
    from polyframe import zoo

    spec: ModelSpec = getattr(zoo, name)()
    return spec
