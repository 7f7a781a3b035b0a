"""What targets are for, and the losses and metrics that are meant for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from polyframe.errors import PolyframeError
from polyframe.spec.layers.base import Shape
from polyframe.spec.losses import Loss
from polyframe.spec.losses.base import Domain
from polyframe.spec.metrics import Metric


class Task(NamedTuple):
    """What targets are for.

    - ``meaning``: of the targets, for people.
    - ``domain``: what losses of numbers take that are meant for it; classes of which
      there is but one output are numbers, too.
    - ``labels``: losses of class labels are meant for it.
    """

    meaning: str
    domain: Domain
    labels: bool = False


TASKS = {
    "classification": Task("a class for each sample", "from 0 to 1", labels=True),
    "segmentation": Task("a class for each pixel", "from 0 to 1", labels=True),
    "multi-label": Task("0 or 1 for each of several labels", "from 0 to 1"),
    "multi-label segmentation": Task("0 or 1 for each label and pixel", "from 0 to 1"),
    "regression": Task("numbers", "any"),
    "image-to-image": Task("an image of numbers", "any"),
}
"""The tasks by name; ``Dataset.task`` is one of these names."""


def fitting_losses(task: str, shape: Shape) -> list[str]:
    """The losses meant for a task, for a model's output of that shape per sample, as
    recipes write them, sorted. An output of one number (or channel) decides between two
    classes."""
    return list(meant_for(task, shape))


def fitting_metrics(task: str, shape: Shape) -> list[str]:
    """The metrics that can measure a model's output of that shape per sample beside one of
    these losses, sorted."""
    losses, found = meant_for(task, shape).values(), []
    for word in sorted(Metric.registry):
        try:
            metric = Metric.find(word)()
            metric.check(shape)
        except (PolyframeError, TypeError):  # a plug-in's may need fields
            continue
        if any(metric.fits(loss) for loss in losses):
            found.append(word)
    return found


def meant_for(task: str, shape: Shape) -> dict[str, Loss]:
    """The text of each loss that is meant for a task, sorted, and the loss."""
    found: dict[str, Loss] = {}
    for word in sorted(Loss.registry):
        for text, loss in forms_of(Loss.find(word)):
            if is_meant(loss, task, shape):
                found[text] = loss
                break
    return found


def is_meant(loss: Loss, task: str, shape: Shape) -> bool:
    """Whether a loss is meant for a task, for an output of that shape per sample."""
    try:
        loss.check(shape)
    except PolyframeError:
        return False
    if TASKS[task].labels and shape[0] > 1:
        return loss.labels
    return not loss.labels and loss.domain == TASKS[task].domain


def forms_of(kind: type[Loss]) -> Iterator[tuple[str, Loss]]:
    """A loss as it is by default, and with one word that makes another loss of it:
    ``dice``, and ``{type: dice, activation: softmax}``."""
    for fields in kind.examples:
        if not fields:
            yield kind.word, kind()
        elif len(fields) == 1 and all(isinstance(v, str) for v in fields.values()):
            ((key, value),) = fields.items()
            yield f"{{type: {kind.word}, {key}: {value}}}", kind(**fields)
