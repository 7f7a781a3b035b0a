"""The settings of a comparison, equal for all contestants."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from polyframe.data.random_batches import batch
from polyframe.io.array import Array
from polyframe.spec.layers.base import Shape
from polyframe.spec.losses import Loss, Losses, default_loss, parse_losses
from polyframe.spec.model import ModelSpec
from polyframe.spec.optimizers import SGD, Adam, Optimizer
from polyframe.spec.recipe import Recipe, load_recipe
from polyframe.spec.typed import TypedGraph

OPTIMIZERS: Mapping[str, Optimizer] = {
    "adam": Adam(lr=1e-3),
    "sgd": SGD(lr=0.01, momentum=0.9),
}
"""What a model without a recipe may be trained with, and hand-written programs are."""


def recipe_of(spec: ModelSpec, optimizer: str = "adam") -> Recipe:
    """How a model that comes without a recipe is trained: with its default loss, and the
    accuracy where that is of labels."""
    loss = Loss.parse(default_loss(spec.infer().output_shapes))
    metrics: Any = ("accuracy",) if loss.labels else ()
    return Recipe(spec, loss=loss, optimizer=OPTIMIZERS[optimizer], metrics=metrics)


@dataclass(frozen=True)
class Settings:
    """The settings of one comparison, sent to every process.

    - ``recipe``: model, loss, optimizer, metrics, dtype and training settings, as a
      recipe's plain data; its data set, augmentation, schedule, callbacks and initial
      weights take no part.
    - ``device``: "cpu" (GPUs are hidden from all contestants) or "gpu".
    - ``width``: that of a shipped model.
    - ``rivals``: the folder of hand-written programs, which are run; None for none.
    """

    recipe: Mapping[str, Any]
    name: str
    batch: int = 32
    threads: int = 1
    device: str = "cpu"
    width: float = 1.0
    rivals: str | None = None

    @classmethod
    def of(
        cls,
        recipe: Recipe,
        name: str,
        batch: int = 32,
        threads: int = 1,
        device: str = "cpu",
        width: float = 1.0,
        rivals: str | None = None,
    ) -> Settings:
        """The settings for a recipe, without its parts that take no part."""
        bare = replace(
            recipe, augmentation=(), callbacks=(), schedule=None, initial_weights=None
        )
        return cls(bare.to_data(), name, batch, threads, device, width, rivals)

    @cached_property
    def trained(self) -> Recipe:
        """The recipe."""
        return load_recipe(self.recipe)

    @cached_property
    def graph(self) -> TypedGraph:
        """The typed graph of its model, aligned."""
        return self.trained.model.infer()

    @cached_property
    def losses(self) -> Losses:
        """One loss for each output."""
        return parse_losses(self.trained.loss, self.graph.outputs)

    @property
    def dtype(self) -> str:
        """That of the weights."""
        return self.trained.dtype

    @property
    def optimizer(self) -> str | None:
        """The word for what a hand-written program trains with; None where it does
        something else: such a program knows two optimizers, the default loss, float32,
        and no training settings."""
        recipe = self.trained
        for word, rule in OPTIMIZERS.items():
            plain = recipe_of(recipe.model)
            parts = (recipe.optimizer, recipe.loss, recipe.dtype)
            same = parts == (rule, plain.loss, plain.dtype)
            if same and not recipe.training.changed() and recipe.semantics == "aligned":
                return word
        return None

    @property
    def told(self) -> str:
        """Optimizer, loss and the settings that are not the default, for people."""
        recipe = self.trained
        changed = [f"{key} {value}" for key, value in recipe.training.changed().items()]
        if recipe.semantics != "aligned":
            changed.append(f"semantics {recipe.semantics}")
        return ", ".join([recipe.optimizer.label, recipe.loss.label, *changed])

    def random_batch(self) -> tuple[list[Array], list[Array]]:
        """Random inputs and targets, a list of each, in float64."""
        outputs = list(zip(self.graph.outputs, self.graph.output_shapes, strict=True))
        return batch(self.graph.inputs, outputs, self.losses, self.batch, 0)

    @property
    def input_shape(self) -> Shape:
        """(C, H, W) of the first input."""
        return self.graph.inputs[0][1]

    @property
    def classes(self) -> int:
        """The number of classes: the channels of the first output."""
        return self.graph.output_shapes[0][0]

    def rival(self, folder: str, name: str | None = None) -> Path | None:
        """The file ``folder/name.py`` of the hand-written programs, if it exists and does
        the same; ``name`` is by default that of the model."""
        if self.rivals is None or self.optimizer is None:
            return None
        path = Path(self.rivals) / folder / f"{name or self.name}.py"
        return path if path.is_file() else None

    def to_data(self) -> dict[str, Any]:
        """Plain data."""
        return dataclasses.asdict(self)
