"""The names of what is shipped: models, recipes, data sets."""

from __future__ import annotations

from pathlib import Path

RECIPES = Path(__file__).with_name("recipes")


def recipe_names() -> list[str]:
    """The shipped recipes, sorted."""
    return sorted(path.stem for path in RECIPES.glob("*.yaml"))


def recipe_file(name: str) -> Path:
    """The file of a shipped recipe."""
    return RECIPES / f"{name}.yaml"
