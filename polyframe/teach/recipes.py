"""The recipe that a spec or a recipe stands for."""

from __future__ import annotations

from dataclasses import replace

from polyframe.errors import PolyframeError
from polyframe.spec.losses import Loss, default_loss
from polyframe.spec.model import ModelSpec
from polyframe.spec.recipe import Recipe
from polyframe.spec.typed import TypedGraph, with_fixed_statistics


def recipe_for(model: Recipe | ModelSpec) -> Recipe:
    """The recipe, or that of a spec: Adam, and the loss that fits its outputs:
    cross-entropy where each is one number per class, else the mean squared error."""
    if isinstance(model, Recipe):
        return model
    return Recipe(model, loss=Loss.parse(default_loss(model.infer().output_shapes)))


def in_dtype(recipe: Recipe, dtype: str | None) -> Recipe:
    """The recipe with weights and passes in another dtype; None leaves it."""
    if dtype is None:
        return recipe
    return replace(recipe, dtype=dtype, precision=None)


def graph_of(recipe: Recipe) -> tuple[TypedGraph, frozenset[str]]:
    """The typed graph of the first step, aligned, in which frozen batch norms keep their
    statistics, and the layers that are frozen."""
    graph = recipe.model.infer()
    parameters, training = graph.parameters, recipe.training
    frozen = training.frozen(parameters) if training.freeze else ()
    return with_fixed_statistics(graph, training.fixed(parameters)), frozenset(frozen)


def check_trains(recipe: Recipe) -> None:
    """PolyframeError for a network without weights, which no backend trains."""
    if not recipe.model.num_parameters:
        raise PolyframeError(
            "has no weights, so that backends have no training step of it",
            where=recipe.model.name,
            hint="trace it without a backend",
        )
