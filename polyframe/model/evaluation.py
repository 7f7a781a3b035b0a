"""Loss and metrics of a session over a whole set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from polyframe.contract.session import InferenceSession
from polyframe.errors import SpecError
from polyframe.io.array import Array
from polyframe.spec.losses import (
    Losses,
    OutputWeights,
    check_one_number,
    sample_weights,
)
from polyframe.spec.totals import BoundMetric, Row, Totals

Arrays = Sequence[Array]
Prepare = Callable[[Arrays], Arrays]


def measure(
    session: InferenceSession,
    batches: Iterable[Arrays],
    size: int,
    prepare: Prepare,
    losses: Losses,
    metrics: Sequence[BoundMetric],
) -> Row:
    """Run batches of ``size`` inputs, targets and, if there are any, sample weights.

    ``prepare`` is applied to the inputs of each. The losses are computed by their
    definitions, in float64. Each output has a weighted mean (or sum) of its own, with the
    denominator of a step (``polyframe.spec.losses.base``) over the whole set; their sum,
    each times its ``loss_weight``, is the loss.
    """
    check_one_number(losses)
    totals = Totals(metrics, [loss.loss_weight for loss in losses])
    for i, loss in enumerate(losses):
        if loss.reduction == "sum":  # divided by 1, whatever the batches
            totals.add_loss(0.0, 1.0, i)
    for outputs, targets, given, sample_losses in _run(
        session, batches, size, prepare, losses
    ):
        for i, (values, (weights, share)) in enumerate(sample_losses):
            totals.add_loss(float((values * weights).sum()), share or 0.0, i)
        totals.add(outputs, targets, given)
    return totals.values()


def reduce(
    session: InferenceSession,
    batches: Iterable[Arrays],
    size: int,
    prepare: Prepare,
    losses: Losses,
) -> float | Array:
    """The loss over such batches; with reduction="none" that of each sample, weighted,
    (N,)."""
    each = [loss.reduction == "none" for loss in losses]
    if not any(each):
        row = measure(session, batches, size, prepare, losses, [])
        return float(row["loss"])
    if not all(each):
        raise SpecError(
            "reduction='none' is for all outputs, or for none of them", where="loss"
        )
    parts = []
    for *_, sample_losses in _run(session, batches, size, prepare, losses):
        pairs = zip(losses, sample_losses, strict=True)
        parts.append(
            sum(
                loss.loss_weight * own.weights * values for loss, (values, own) in pairs
            )
        )
    return np.concatenate(parts)


def _run(
    session: InferenceSession,
    batches: Iterable[Arrays],
    size: int,
    prepare: Prepare,
    losses: Losses,
) -> Iterator[tuple[Arrays, Arrays, Array | None, list[tuple[Array, OutputWeights]]]]:
    """Each batch's outputs, targets, sample weights and, for each output, the samples'
    losses and weights."""
    for batch in batches:
        inputs, targets = batch[:size], batch[size : size + len(losses)]
        given = batch[-1] if len(batch) > size + len(losses) else None
        outputs = session.forward(session.arrange(prepare(inputs)))
        weights = sample_weights(losses, targets, given)
        values = [
            loss.define(output.astype(np.float64), target)
            for loss, output, target in zip(losses, outputs, targets, strict=True)
        ]
        yield outputs, targets, given, list(zip(values, weights, strict=True))
