"""Loss and metrics of a session over a whole set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from polyframe.backend import Session
from polyframe.spec.losses import Losses, sample_weights
from polyframe.train.history import Measured, Row, Totals


def measure(
    session: Session,
    batches: Iterable[Sequence[np.ndarray]],
    size: int,
    prepare: Callable[[Sequence[np.ndarray]], Sequence[np.ndarray]],
    losses: Losses,
    metrics: Sequence[Measured],
) -> Row:
    """Run batches of ``size`` inputs, targets and, if there are any, weights of samples.

    ``prepare`` is applied to the inputs of each. The losses are computed by their
    definitions, in float64. Each output has a weighted mean of its own; their sum, each
    times its ``loss_weight``, is the loss.
    """
    totals = Totals(metrics, [loss.loss_weight for loss in losses])
    for batch in batches:
        inputs, targets = batch[:size], batch[size : size + len(losses)]
        rest = batch[size + len(losses) :]
        outputs = session.forward(session.arrange(prepare(inputs)))
        weights = sample_weights(losses, targets, rest[0] if rest else None)
        for i, (loss, output, target, weight) in enumerate(
            zip(losses, outputs, targets, weights, strict=True)
        ):
            values = loss.define(output.astype(np.float64), target)
            ones = np.ones(len(values)) if weight is None else weight
            totals.add_loss(float((values * ones).sum()), float(ones.sum()), i)
        totals.add(outputs, targets)
    return totals.values()
