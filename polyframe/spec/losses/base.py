"""A loss: one value per sample; the step divides their sum by a global count.

With sample weights ``s``, the mean over a whole step (all its batches, if gradients
are accumulated) or a whole data set is ``Σ s[n]·loss[n] / Σ s[n]·d[n]``. ``d`` is 1,
except where a loss has class weights or ignores labels: then it is the weight of the
sample's labels, as in PyTorch's ``CrossEntropyLoss(weight=…)`` (Keras divides by the
count instead). So a common factor of all class weights changes nothing. For labels of
pixels, ``loss[n]`` and ``d[n]`` are means over the sample's pixels, an ignored one adding
0 to both: the quotient is the mean over the pixels that are kept, however they are spread
over samples. Where the denominator is 0, all being ignored, the mean is 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np

from polyframe.errors import SpecError, brief
from polyframe.io.array import Array
from polyframe.spec.element import Element, define_base, own_hint
from polyframe.spec.fields import Choice, Float, field
from polyframe.spec.layers.base import Shape
from polyframe.spec.losses.targets import values

__all__ = [
    "Domain",
    "Loss",
    "Losses",
    "OutputWeights",
    "TargetKind",
    "check_one_number",
    "default_loss",
    "normalise_weights",
    "parse_losses",
    "sample_weights",
    "unreduced",
]

TargetKind = Literal["values", "labels", "probabilities"]
"""What the targets of an output are: numbers as the output's, integer labels of classes,
or probabilities of them. A loss is written differently for each."""
Takes = Literal["logits", "log-probabilities", "anything"]
"""What the outputs have to be for a loss; ``lint`` compares it with the last layer."""
Domain = Literal[
    "any", "from 0 to 1", "signs", "probabilities", "log-probabilities", "unused"
]
"""Which numbers targets of the kind "values" may be."""


@define_base
class Loss(Element, family="loss"):
    """The base of all losses.

    - ``loss_weight``: its factor in the sum, where a model has several outputs.
    - ``reduction``: "mean" over all samples; their "sum" (of the losses per sample:
      PyTorch adds up all numbers in them, too); "none" for ``Model.loss`` alone, which
      then gives one loss for each sample, (N,).
    """

    loss_weight: float = field(Float(0.0), default=1.0, kw_only=True)
    reduction: str = field(
        Choice(("mean", "sum", "none")), default="mean", kw_only=True
    )

    takes: ClassVar[Takes] = "anything"  # what the outputs have to be
    by_axes: ClassVar[bool] = False  # the program's text depends on the outputs' rank
    examples: ClassVar[tuple[dict[str, Any], ...]] = ({},)  # fields that tests set
    example_shapes: ClassVar[tuple[Shape, ...]] = (
        (4,),
        (4, 3),
        (4, 3, 2),
        (4, 2, 3, 2),
    )
    kink_at_zero: ClassVar[bool] = False  # no gradient where all outputs are 0

    @property
    def labels(self) -> bool:
        """Whether targets are integer class labels (or probabilities of classes)."""
        return False

    @property
    def target_kinds(self) -> tuple[TargetKind, ...]:
        """The kinds of targets that it takes; the first is what programs are written
        for before there are any."""
        return ("labels",) if self.labels else ("values",)

    @property
    def domain(self) -> Domain:
        """Which numbers its targets are, where they are neither labels nor their
        probabilities."""
        return "any"

    @property
    def binary(self) -> bool:
        """Whether each number of the output is a prediction by itself: of the positive
        class above 0. A target is positive above ½ (also of -1 and 1)."""
        return not self.labels and self.domain in ("from 0 to 1", "signs")

    @property
    def ignored_label(self) -> int | None:
        """The label that does not count (``ignore_index``), which may lie outside the
        classes; None without one."""
        return None

    def kind_of(self, target: Array) -> TargetKind:
        """What targets of that dtype are; SpecError where the loss's fields are not
        for them."""
        return self.target_kinds[0]

    def check(self, shape: Shape) -> None:
        """SpecError unless the loss is defined for an output of that shape per sample."""

    def take(self, target: Array, shape: Shape, dtype: str) -> Array:
        """Targets as programs take them, for an output of that shape per sample;
        DataError for what the loss is not defined on."""
        return values(target, shape, dtype)

    def define(self, output: Array, target: Array) -> Array:
        """The definition: one loss for each sample, (N,)."""
        raise NotImplementedError

    def denominator_weights(self, target: Array) -> Array | None:
        """What each sample counts in the mean's denominator, by its target, (N,); None
        if all count 1."""
        return None

    @property
    def has_denominator_weights(self) -> bool:
        """Whether ``denominator_weights`` gives weights, for labels."""
        return False

    def needs_rank(self, shape: Shape, pixels: bool = True) -> None:
        """SpecError unless an output is (classes,), or, with ``pixels``, that for each
        pixel."""
        if len(shape) != 1 and not (pixels and 1 < len(shape) <= 4):
            images = " or (classes, height, width)" if pixels else ""
            raise SpecError(
                f"{self.type} takes logits (classes,){images} per sample, got {shape}",
                hint="put a Flatten or GlobalAvgPool2D and a Dense at the end",
            )


def per_sample(losses: Array) -> Array:
    """The mean over all axes but N."""
    means: Array = losses.reshape(len(losses), -1).mean(axis=1)
    return means


Losses = tuple[Loss, ...]
"""One loss for each output of a model."""


def parse_losses(value: object, outputs: Sequence[str] | None = None) -> Losses:
    """Losses from one for all outputs, a list in the outputs' order, or a mapping.

    Without ``outputs`` (their names), one alone stays one.
    """
    one = isinstance(value, (str, Loss)) or (
        isinstance(value, Mapping) and "type" in value
    )
    if one:
        return (Loss.parse(value),) * (len(outputs) if outputs else 1)
    if isinstance(value, Mapping):
        if outputs is None or set(value) != set(outputs):
            known = ", ".join(outputs or ())
            raise SpecError(
                f"got losses for {', '.join(map(brief, value))}; one for each output "
                f"is needed",
                where="loss",
                hint=f"outputs: {known}; for a single loss, {{type: name, …}}",
            )
        value = [value[name] for name in outputs]
    if not isinstance(value, (list, tuple)) or not value:
        raise SpecError(
            f"got {brief(value)}; a name, {{type: name, …}}, or a list with one for "
            "each output is needed",
            where="loss",
            hint=own_hint(value),
        )
    if outputs is not None and len(value) != len(outputs):
        raise SpecError(
            f"got {len(value)} losses for {len(outputs)} outputs", where="loss"
        )
    return tuple(Loss.parse(item) for item in value)


def default_loss(shapes: Sequence[Shape]) -> str:
    """The loss of a model that comes without one, by its outputs' shapes per sample:
    cross-entropy where each is one number per class, else the mean squared error. One
    number alone is no class: its cross-entropy is 0 whatever it is, and so are gradients.
    """
    classes = all(len(shape) == 1 and shape[0] > 1 for shape in shapes)
    return "cross_entropy" if classes else "mse"


def check_one_number(losses: Losses) -> None:
    """SpecError where a loss is not reduced to one number, as training needs."""
    if any(loss.reduction == "none" for loss in losses):
        raise SpecError(
            "reduction='none' leaves one loss for each sample, and training and "
            "evaluate need one number",
            where="loss",
            hint="'mean' or 'sum'; Model.loss(x, y) gives the losses of the samples",
        )


class OutputWeights(NamedTuple):
    """One output's sample weights, and what the weighted sum of the losses is divided by:
    ``share``, or None where it is not divided."""

    weights: Array  # (N,)
    share: float | None


def sample_weights(
    losses: Losses, targets: Sequence[Array], given: Array | None
) -> list[OutputWeights]:
    """Each output's sample weights (``given``, else 1), and their share in the
    denominator."""
    outputs = []
    for loss, target in zip(losses, targets, strict=True):
        weights = np.ones(len(target)) if given is None else given
        own = loss.denominator_weights(target)
        share = weights.sum() if own is None else (weights * own).sum()
        outputs.append(
            OutputWeights(weights, float(share) if loss.reduction == "mean" else None)
        )
    return outputs


def normalise_weights(
    weights: Sequence[Sequence[OutputWeights]], sizes: Sequence[int]
) -> list[list[Array]]:
    """Weights (part → output), scaled so that their shares in the denominator add up to
    the number of samples; 0 where all shares are 0, unchanged where a loss is a sum."""
    scaled: list[list[Array]] = [[] for _ in weights]
    for column in zip(*weights, strict=True):
        factor = 1.0
        shares = [given.share for given in column if given.share is not None]
        if shares:
            total = sum(shares)
            factor = sum(sizes) / total if total else 0.0
        for row, given in zip(scaled, column, strict=True):
            row.append(given.weights * factor)
    return scaled


def unreduced(loss: Loss) -> Loss:
    """The loss without its ``loss_weight`` and ``reduction``, which the step applies."""
    return replace(loss, loss_weight=1.0, reduction="mean")
