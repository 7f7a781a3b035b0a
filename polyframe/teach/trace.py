"""``trace``: inside one training step, layer by layer.

from polyframe.teach.trace import trace
traced = trace("digits_cnn", backends=["torch", "mxnet"])
traced.costs["conv1"].forward, traced.times[0].layers["conv1"].backward
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from polyframe.contract.devices import threads as available
from polyframe.spec.model import ModelSpec
from polyframe.spec.recipe import Recipe
from polyframe.spec.typed import TypedGraph
from polyframe.teach.costs import (
    FLAT,
    Cost,
    Memory,
    Row,
    costs_of,
    memory_of,
    rows_of,
    total,
)
from polyframe.teach.recipes import graph_of, in_dtype, recipe_for
from polyframe.teach.single_layers import Phases
from polyframe.teach.timing import BackendTimes, StepTimes, time_layers

BATCH = 32
"""The size of a batch where there is no recipe that says it."""


@dataclass(frozen=True)
class Traced:
    """What a training step of a recipe takes, layer by layer.

    - ``costs``: path → shapes, numbers and multiply-adds (``teach.costs``);
    - ``times``: what was measured, one for each backend (``teach.timing``).
    """

    recipe: Recipe
    batch_size: int
    graph: TypedGraph
    costs: Mapping[str, Cost]
    times: Sequence[BackendTimes] = ()

    @property
    def total(self) -> Cost:
        """The cost of all layers."""
        return total(self.costs)

    def rows(self, depth: int = FLAT) -> list[Row]:
        """The rows of a table with so many levels of blocks."""
        return rows_of(self.graph, depth)

    def cost(self, row: Row) -> Cost:
        """The cost of a row."""
        return total(self.costs, row.leaves)

    def memory(self, cost: Cost) -> Memory:
        """The bytes of some layers in a step with this batch, dtype and optimizer."""
        recipe = self.recipe
        return memory_of(cost, self.batch_size, recipe.dtype, recipe.optimizer)

    def to_data(self, depth: int = FLAT) -> dict[str, Any]:
        """Plain data: a mapping for each row, the totals, and what was measured, in
        seconds and bytes. Multiply-adds are of one sample, bytes of the batch."""
        return {
            "name": self.recipe.model.name,
            "batch_size": self.batch_size,
            "dtype": self.recipe.dtype,
            "layers": [self._row_data(row) for row in self.rows(depth)],
            "total": self._cost_data(self.total),
            "backends": {
                each.backend: {
                    **each.facts,
                    "layers_alone": phases_data(each.sum),
                    "step": step_data(each.whole),
                    "step_with_rewrites": step_data(each.fast),
                    "missing": dict(each.missing),
                }
                for each in self.times
            },
        }

    def _row_data(self, row: Row) -> dict[str, Any]:
        data: dict[str, Any] = {
            "layer": row.path,
            "type": row.kind.removesuffix(":"),
            "level": row.level,
            "output": list(row.shape),
        }
        if not row.leaves:
            return data
        data |= self._cost_data(self.cost(row))
        data["seconds"] = {
            each.backend: phases_data(phases_of(each, row)) for each in self.times
        }
        return data

    def _cost_data(self, cost: Cost) -> dict[str, Any]:
        return {
            "parameters": cost.parameters,
            "trained": cost.trained,
            "state": cost.state,
            "multiply_adds": {"forward": cost.forward, "backward": cost.backward},
            "bytes": self.memory(cost)._asdict(),
        }


def trace(
    model: Recipe | ModelSpec,
    backends: Sequence[str] = (),
    batch_size: int | None = None,
    dtype: str | None = None,
    threads: int | None = None,
    device: str = "cpu",
    repeats: int = 7,
    say: Callable[[str], None] = lambda text: None,
) -> Traced:
    """What a training step takes, layer by layer; with ``backends``, also measured.

    - ``model``: a recipe, whose model, loss, optimizer, dtype, semantics and training
      settings are taken, or a spec, which is trained with its default loss and Adam;
    - ``batch_size``: the recipe's if left out, or 32; ``dtype``: the recipe's if left
      out, or float32; ``threads``: of each backend, all processors if left out;
      ``device``: as ``compile`` takes it;
    - ``repeats``: how many turns each backend has; ``say`` is told what is under way.

    Errors of the backends as ``time_layers`` has them, before anything is measured.
    """
    recipe = in_dtype(recipe_for(model), dtype)
    size = batch_size or (recipe.batch_size if isinstance(model, Recipe) else BATCH)
    graph, frozen = graph_of(recipe)
    measured: Sequence[BackendTimes] = ()
    if backends:
        measured = time_layers(
            recipe, backends, size, threads or available(), device, repeats, say
        )
    return Traced(recipe, size, graph, costs_of(graph, frozen), measured)


def phases_of(measured: BackendTimes, row: Row) -> Phases | None:
    """The time of a row's layers; None where one of them could not be run alone."""
    if any(path not in measured.layers for path in row.leaves):
        return None
    each = [measured.layers[path] for path in row.leaves]
    return Phases(sum(p.forward for p in each), sum(p.backward for p in each))


def phases_data(phases: Phases | None) -> dict[str, float] | None:
    """Plain data."""
    return None if phases is None else phases._asdict()


def step_data(times: StepTimes) -> dict[str, float]:
    """Plain data."""
    return {
        "forward": times.forward,
        "backward": times.backward,
        "update": times.update,
        "total": times.step,
        "spread": times.spread,
    }
