"""What training adds to a model, as data that every writer takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from polyframe.io.array import Array
from polyframe.spec.layers.base import Shape
from polyframe.spec.losses import Loss, Losses, TargetKind, unreduced
from polyframe.spec.optimizers import Optimizer
from polyframe.spec.settings import Training
from polyframe.spec.typed import TypedGraph


class LossFunction(NamedTuple):
    """All that the function of a loss depends on: the loss without its factor, the
    number of an output's axes after the channels (0 if it does not matter), and what
    its targets are."""

    loss: Loss
    axes: int
    targets: TargetKind

    @classmethod
    def of(
        cls, loss: Loss, shape: Shape, targets: TargetKind | None = None
    ) -> LossFunction:
        """The function for outputs of that shape per sample."""
        axes = len(shape) - 1 if loss.by_axes else 0
        return cls(unreduced(loss), axes, targets or loss.target_kinds[0])


@dataclass(frozen=True)
class TrainingSpec:
    """What training adds to a model: a loss for each output, an optimizer (nothing in
    them is UNSET) and settings; ``weighted``: whether there are sample weights.

    ``targets`` are the kinds of targets, one for each output; left out, the first kind
    that each loss takes.
    """

    losses: Losses
    optimizer: Optimizer
    training: Training = field(default_factory=Training)
    weighted: bool = False
    targets: tuple[TargetKind, ...] = ()

    def __post_init__(self) -> None:
        if not self.targets:
            kinds = tuple(loss.target_kinds[0] for loss in self.losses)
            object.__setattr__(self, "targets", kinds)

    def for_targets(self, targets: Sequence[Array]) -> TrainingSpec:
        """The same for targets of the kind of these arrays: labels, probabilities."""
        pairs = zip(self.losses, targets, strict=True)
        return replace(self, targets=tuple(loss.kind_of(t) for loss, t in pairs))

    def at_epoch(self, graph: TypedGraph, epoch: int) -> TrainingSpec:
        """The same as it is after that many epochs: with what is then still frozen."""
        training = self.training.at_epoch(graph.parameters, epoch)
        return self if training is self.training else replace(self, training=training)

    def loss_functions(self, graph: TypedGraph) -> list[LossFunction]:
        """The function of each output's loss."""
        each = zip(self.losses, graph.output_shapes, self.targets, strict=True)
        return [LossFunction.of(*one) for one in each]

    def functions(self, graph: TypedGraph) -> dict[LossFunction, str]:
        """Each different loss function → its name in the program."""
        functions = list(dict.fromkeys(self.loss_functions(graph)))
        if len(functions) == 1:
            return {functions[0]: "loss_fn"}
        names = {}
        for number, function in enumerate(functions, 1):
            word = function.loss.type
            same = sum(other.loss.type == word for other in functions) > 1
            names[function] = f"{word}_loss{number if same else ''}"
        return names

    @property
    def sums(self) -> bool:
        """Whether all losses are summed, so that no count divides them."""
        return all(loss.reduction == "sum" for loss in self.losses)

    @property
    def means(self) -> bool:
        """Whether the step needs of each loss its mean over a batch and nothing else: no
        weights, and a batch is a whole step."""
        alone = not self.weighted and self.training.accumulate == 1
        return alone and all(loss.reduction == "mean" for loss in self.losses)
