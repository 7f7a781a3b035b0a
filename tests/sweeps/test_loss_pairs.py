"""All pairs of the values of two fields, of every loss, against its definition in NumPy:
reductions, factors, kinds of targets and vectors or images among them.

All configurations of a loss are heads of one model; each weight is one logit.
"""

from __future__ import annotations

import numpy as np
import pytest
from helpers.pairs import field_values, pairwise
from helpers.support import BACKENDS, keep_counts, within

from polyframe.conformance.losses import (
    WEIGHTS,
    Case,
    as_weight,
    expected_loss,
    model_of,
    outputs,
    relative_distance,
    set_logits,
    targets,
)
from polyframe.errors import SpecError
from polyframe.spec.losses import Loss
from polyframe.train.arrays import as_one

WORDS = sorted(Loss.registry)
FAMILY = "pairs of options of losses"
SINGLE = 2.0**-18
"""The bound in float32: 64 roundings of numbers as large as the largest."""


def case_of(cls, options):
    """The loss, the output's shape and the kind of targets; None if they do not fit."""
    fields = {k: v for k, v in options.items() if k not in ("shape", "targets")}
    try:
        loss = cls(**fields)
        loss.check(options["shape"])
    except SpecError:
        return None
    fits = options["targets"] in loss.target_kinds
    return Case(loss, options["shape"], options["targets"]) if fits else None


def configurations(cls):
    """Every pair of values of two fields, of shapes and of kinds of targets."""
    values = field_values(cls) | {
        "loss_weight": (1.0, 0.5, 0.0),
        "reduction": ("mean", "sum"),
        "shape": tuple(s for s in cls.example_shapes if len(s) in (1, 3)),
        "targets": ("values", "labels", "probabilities"),
    }
    made = pairwise(values, lambda options: case_of(cls, options) is not None)
    return [case_of(cls, options) for options in made]


CASES = {word: configurations(Loss.find(word)) for word in WORDS}


def check(backend, cases, dtype):
    """The loss of a step and its gradients, with sample weights and without."""
    losses, shapes = [case.loss for case in cases], [case.shape for case in cases]
    model, x, _ = model_of(backend, losses, shapes, dtype=dtype)
    y = [targets(case) for case in cases]
    given = [a.astype(dtype) if a.dtype.kind == "f" else a for a in y]
    y = [a.astype("float64") if a.dtype.kind == "f" else a for a in given]
    exact = dtype == "float64"
    for scale, weights in (("usual", WEIGHTS), ("extreme", None), ("usual", None)):
        logits = [  # other numbers than the targets, which have seed 1
            outputs(s, scale, seed=100 + i).astype(dtype).astype("float64")
            for i, s in enumerate(shapes)
        ]
        set_logits(model, logits)
        wanted = [
            expected_loss(*each, weights)
            for each in zip(losses, logits, y, strict=True)
        ]
        named = {} if weights is None else {"sample_weight": weights}
        gradients = model.gradients(x, as_one(given), **named)
        for i, (_, gradient) in enumerate(wanted):
            apart = relative_distance(gradients[f"head{i}.weight"], as_weight(gradient))
            detail = (losses[i].type, backend, losses[i], cases[i], scale, len(named))
            within(
                f"{FAMILY}, gradients, {dtype}",
                apart,
                1e-8 if exact else SINGLE,
                detail,
            )
        total = np.array([sum(value for value, _ in wanted)])
        size = max(1e-3, sum(abs(value) for value, _ in wanted))
        value = model.train_step(x, as_one(given), **named)
        apart = abs(value - total[0]) / size
        within(
            f"{FAMILY}, {dtype}", apart, 1e-12 if exact else SINGLE, (backend, scale)
        )


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_sample_of_pairs(backend):
    """One configuration of each loss."""
    check(backend, [cases[0] for cases in CASES.values()], "float64")


@pytest.mark.full
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("word", WORDS)
def test_all_pairs(word, backend, dtype):
    check(backend, CASES[word], dtype)
    keep_counts("pairs of options", {f"{word}, {backend}, {dtype}": len(CASES[word])})
