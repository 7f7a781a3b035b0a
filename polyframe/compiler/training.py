"""What training adds to a model, as data that every writer takes."""

from __future__ import annotations

from dataclasses import dataclass, field

from polyframe.spec.layers.base import Shape
from polyframe.spec.losses import Loss, Losses, unreduced
from polyframe.spec.optimizers import Optimizer
from polyframe.spec.settings import Training
from polyframe.spec.typed import TypedGraph


@dataclass(frozen=True)
class TrainingSpec:
    """What training adds to a model: a loss for each output, an optimizer, nothing
    UNSET; and ``weighted``, whether samples have weights."""

    losses: Losses
    optimizer: Optimizer
    training: Training = field(default_factory=Training)
    weighted: bool = False

    def functions(self, graph: TypedGraph) -> dict[tuple[Loss, int], str]:
        """The different losses and ranks (see ``function_of``), and what their
        functions are called."""
        pairs = zip(self.losses, graph.output_shapes, strict=True)
        found = list(dict.fromkeys(function_of(*pair) for pair in pairs))
        if len(found) == 1:
            return {found[0]: "loss_fn"}
        names = {}
        for number, (loss, axes) in enumerate(found, 1):
            same = sum(other.type == loss.type for other, _ in found) > 1
            names[loss, axes] = f"{loss.type}_loss{number if same else ''}"
        return names

    @property
    def sums(self) -> bool:
        """Whether all losses are summed, so that no count divides them."""
        return all(loss.reduction == "sum" for loss in self.losses)


def function_of(loss: Loss, shape: Shape) -> tuple[Loss, int]:
    """What a loss's function depends on: the loss without its factor, and the number of
    an output's axes behind the channels, if that matters."""
    return unreduced(loss), len(shape) - 1 if loss.by_axes else 0
