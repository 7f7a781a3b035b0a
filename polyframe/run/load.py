"""Models from run folders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from polyframe.model.model import Model
    from polyframe.spec.recipe import Recipe


@dataclass(frozen=True)
class Opened:
    """A trained model, the recipe that it comes from, and its classes' names."""

    model: Model
    recipe: Recipe
    classes: tuple[str, ...]


def open_run(
    run: str, backend: str | None, device: str, predict: bool, best: bool
) -> Opened:
    """Build a run's model from its recipe and weights, on any backend.

    The folder may come from a stranger: recipe and weights are read as data and checked
    against each other; the program in the folder is written anew, never read.
    """
    from polyframe.contract import registry
    from polyframe.data import at_rest
    from polyframe.errors import PolyframeError
    from polyframe.model.compile import compile
    from polyframe.run.folder import read_run
    from polyframe.spec.semantics import own_defaults

    recipe, weights, trained_on, classes = read_run(run, best)
    backend = backend or trained_on
    if backend is None:
        raise PolyframeError(
            "its env.json does not say on which backend it was trained",
            where=run,
            hint="name one with -b",
        )
    spec = recipe.model
    if recipe.semantics != "aligned" and trained_on is not None:
        defaults = registry.get(trained_on).defaults
        spec = spec.resolved(own_defaults(defaults, recipe.semantics))
    model = compile(
        spec,
        backend,
        loss=None if predict else recipe.loss,
        optimizer=recipe.optimizer,
        metrics=recipe.metrics,
        dtype=recipe.dtype,
        device=device,
        seed=recipe.seed,  # so that a split of the same data is the same
        semantics=recipe.semantics,
        precision=recipe.precision,
    )
    model.preprocessing, model.class_names = at_rest(recipe.augmentation), classes
    model.load_weights(weights)
    return Opened(model, recipe, classes)


def load_run(
    folder: str | Path,
    backend: str | None = None,
    *,
    device: str = "auto",
    best: bool = False,
) -> Model:
    """The trained model of a run folder, with the recipe's loss, metrics and
    preprocessing: it predicts, evaluates, and can be trained on.

    - ``backend``: where it runs; left out, where it was trained.
    - ``best``: the weights of the best epoch (``ModelCheckpoint``), not of the last one.

    The folder may come from a stranger; nothing in it is executed. ``PolyframeError`` if
    it is not a run folder, ``WeightsError`` if it has no weights yet or they do not fit.
    """
    return open_run(str(folder), backend, device, False, best).model
