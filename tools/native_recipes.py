"""What each framework's own classes and defaults cost or bring: shipped recipes, trained
with aligned and with native semantics on every backend.

    python tools/native_recipes.py [--seeds 3] [recipe ...]

Prints a table and writes it to docs/results/native.md. Where native semantics end more
than a point below the aligned ones, each aspect is switched by itself, and those that cost
half of it or more are named.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
from pathlib import Path

import polyframe as pf
from polyframe.contract.registry import usable
from polyframe.errors import DataError
from polyframe.run.train import train
from polyframe.spec.semantics import NAMES
from polyframe.zoo.library import recipe_names

REPORT = Path(__file__).parents[1] / "docs" / "results" / "native.md"
POINT = 0.01
SYNTHETIC = {"name": "synthetic", "train": 1024, "test": 512}
"""What a recipe is trained on, for three epochs, whose data cannot be had here."""


def at_hand(name: str) -> tuple[pf.Recipe, str]:
    """A shipped recipe that can be trained here, and the name of its data."""
    recipe = pf.load_recipe(name)
    try:
        pf.data.load(**recipe.data)
    except DataError:
        recipe = pf.load_recipe(name, {"data": SYNTHETIC, "epochs": 3})
    return recipe, str(recipe.data["name"])


def measured(recipe: pf.Recipe, backend: str, semantics: object, seeds: int) -> float:
    """The recipe's first metric on its test data, the mean over seeds."""
    values = []
    for seed in range(seeds):
        changes = {"semantics": semantics, "seed": seed}
        folder = Path(tempfile.mkdtemp())
        try:
            result = train(pf.load_recipe(recipe, changes), backend, folder / "run")
        finally:
            shutil.rmtree(folder)
        values.append(float(result.test[recipe.metrics[0].type]))
    return statistics.fmean(values)


def costs(
    recipe: pf.Recipe, backend: str, aligned: float, native: float, seeds: int
) -> str:
    """The aspects that, alone, cost half of the difference or more."""
    guilty = []
    for aspect in NAMES:
        alone = measured(recipe, backend, {aspect: "native"}, seeds)
        if worse(recipe, aligned, alone) >= worse(recipe, aligned, native) / 2:
            guilty.append(f"{aspect} ({alone:.4f})")
    return ", ".join(guilty) or "several together"


def worse(recipe: pf.Recipe, aligned: float, native: float) -> float:
    """By how much native is worse."""
    larger = recipe.metrics[0].larger_is_better
    return aligned - native if larger else native - aligned


def main() -> None:
    """Train, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("recipes", nargs="*", default=sorted(recipe_names()))
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    lines = [
        "# Shipped recipes with native semantics",
        "",
        f"`python tools/native_recipes.py --seeds {given.seeds}` wrote this. Values are of "
        "the test data after the last",
        "epoch, means over the seeds; a recipe whose data cannot be downloaded is trained "
        "on synthetic images.",
        "",
        "| recipe, data | metric | backend | aligned | native | what costs a point |",
        "|---|---|---|---|---|---|",
    ]
    for name in given.recipes:
        recipe, data = at_hand(name)
        for backend in usable("train"):
            aligned, native = (
                measured(recipe, backend, semantics, given.seeds)
                for semantics in ("aligned", "native")
            )
            cost = ""
            if worse(recipe, aligned, native) > POINT:
                cost = costs(recipe, backend, aligned, native, given.seeds)
            metric = recipe.metrics[0].type
            row = [
                f"{name}, {data}",
                metric,
                backend,
                f"{aligned:.4f}",
                f"{native:.4f}",
            ]
            lines.append(f"| {' | '.join([*row, cost])} |")
            print(lines[-1], flush=True)
    if given.recipes == sorted(recipe_names()):
        REPORT.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
