"""How long a plan takes: from cells that ran, else roughly from the recipe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from polyframe.spec.recipe import Recipe
from polyframe.spec.summary import cost
from polyframe.study.plan import Cell
from polyframe.study.records import Record

START = 12.0
"""Seconds that a process takes besides training: import, data, compiling, evaluation."""
CERTIFICATE = 20.0
"""Seconds that a contestant takes for a certificate."""
RATE = 4e9
"""Multiply-adds a second and thread; the backward pass costs two forward passes."""
STEP = 0.003
"""Seconds of a step that do not depend on its size."""
SAMPLES = {
    "digits": 1_437,
    "fashion-mnist": 60_000,
    "cifar10": 50_000,
    "synthetic": 1_024,
}
OTHER = 10_000
"""Samples of data whose number is not known without reading them."""
ROUGH = (
    f"rough: {START:g} s a cell besides training, {RATE / 1e9:g} billion multiply-adds a "
    "second and thread"
)
MEASURED = "from the cells that ran"
PARTLY = "partly from the cells that ran"


class Estimator:
    """Seconds of cells. ``recipes`` are by variant; ``add`` takes what cells took."""

    def __init__(
        self,
        recipes: Mapping[str, Recipe],
        threads: int,
        records: Iterable[Record] = (),
    ) -> None:
        self.recipes, self.threads = recipes, threads
        self.rough: dict[str, float] = {}
        self.costs: dict[int, int] = {}
        self.took: dict[tuple[str, str], list[float]] = {}
        for record in records:
            self.add(record)

    def add(self, record: Record) -> None:
        """Remember what a cell took, if it was trained to its end."""
        seconds = record.resources.get("wall_seconds")
        if record.done and seconds is not None:
            self.took.setdefault((record.contestant, record.variant), []).append(
                seconds
            )

    def seconds(self, cell: Cell) -> float:
        """Those of a cell: what the same contestant took for the same variant; else for
        others, by the ratio of their rough estimates; else the rough estimate."""
        name, variant = cell.contestant.name, cell.variant.name
        own = self.took.get((name, variant))
        if own:
            return sum(own) / len(own)
        rough = self.rough_seconds(variant)
        for near in (
            [(v, t) for (c, v), t in self.took.items() if c == name],
            [(v, t) for (_, v), t in self.took.items()],
        ):
            if near:
                ratios = [sum(t) / len(t) / self.rough_seconds(v) for v, t in near]
                return rough * sum(ratios) / len(ratios)
        return rough

    def total(self, cells: Iterable[Cell]) -> float:
        """The seconds of several cells, one after the other."""
        groups: dict[tuple[str, str], float] = {}
        seconds = 0.0
        for cell in cells:
            pair = cell.contestant.name, cell.variant.name
            if pair not in groups:
                groups[pair] = self.seconds(cell)
            seconds += groups[pair]
        return seconds

    def rough_seconds(self, variant: str) -> float:
        """Those of a variant's recipe, on any backend."""
        if variant not in self.rough:
            recipe = self.recipes[variant]
            key = id(recipe.model)  # most variants share one
            if key not in self.costs:
                self.costs[key] = sum(map(cost, recipe.model.infer().nodes))
            self.rough[variant] = rough_seconds(recipe, self.costs[key], self.threads)
        return self.rough[variant]

    def how(self, cells: Iterable[Cell]) -> str:
        """How they are known, in words."""
        if not self.took:
            return ROUGH
        pairs = {(cell.contestant.name, cell.variant.name) for cell in cells}
        return MEASURED if pairs <= self.took.keys() else PARTLY


def rough_seconds(recipe: Recipe, multiply_adds: int, threads: int) -> float:
    """Seconds of a training, give or take a factor of three:
    ``START + epochs·(steps·STEP + 3·multiply_adds·samples / (RATE·threads))``."""
    name = str(recipe.data["name"])
    train = recipe.data.get("train")
    samples = train if isinstance(train, int) else SAMPLES.get(name, OTHER)
    steps = -(-samples // recipe.batch_size)
    epoch = steps * STEP + 3 * multiply_adds * samples / (RATE * threads)
    return START + recipe.epochs * epoch
