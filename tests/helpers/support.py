"""What the backends' tests share: small specs around a layer, distances, runs."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

from polyframe.spec.interpreter import interpret

BACKENDS = ("torch", "tensorflow", "mxnet")
TORCH_FIRST = tuple(
    pytest.param(b, marks=[pytest.mark.full] * (b != "torch")) for b in BACKENDS
)
"""PyTorch in ``make test``, the others in ``make test-full`` only: for what is done by
code that they share."""
PAIRS = tuple((a, b) for a in BACKENDS for b in BACKENDS if a < b)


def distance(a, b):
    """max|a-b| / max|b|; two arrays of zeros are at distance 0."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    assert a.shape == b.shape, (a.shape, b.shape)
    assert np.isfinite(a).all() and np.isfinite(b).all()
    scale = np.abs(b).max()
    apart = np.abs(a - b).max()
    return 0.0 if apart == 0 else float(apart / scale) if scale else np.inf


def worst(actual, wanted):
    """(the largest distance, its name) between two mappings of arrays."""
    assert set(actual) == set(wanted)
    return max((distance(actual[name], wanted[name]), name) for name in wanted)


def within(family, value, bound, detail=""):
    """Assert ``value <= bound``, and keep the value for the report of test-full."""
    path = os.environ.get("POLYFRAME_MEASURED")
    if path:
        with open(path, "a") as file:
            line = {"family": family, "value": float(value), "bound": float(bound)}
            key = [str(part) for part in detail[:2]] if detail else []
            line |= {"key": key, "detail": str(detail)}
            file.write(json.dumps(line) + "\n")
    assert value <= bound, (family, detail, value, bound)


def keep_counts(family, counts):
    """Keep how often things were drawn, for the report of test-full."""
    path = os.environ.get("POLYFRAME_MEASURED")
    if path:
        with open(path, "a") as file:
            file.write(json.dumps({"counts": family, "values": counts}) + "\n")


def as_list(x):
    return list(x) if isinstance(x, (list, tuple)) else [x]


def mean_loss(graph, loss, weights, x, y, draws=None):
    """The mean training loss by the definitions, in float64."""
    known, _ = interpret(graph, weights, as_list(x), training=True, draws=draws)
    targets = [y] if len(graph.outputs) == 1 else y
    return sum(
        loss.define(known[name], target).mean()
        for name, target in zip(graph.outputs, targets)
    )


def held(measurements):
    """Every measurement of a check is within its bound, and there is one."""
    count = 0
    for measurement in measurements:
        count += 1
        within(
            f"layers: {measurement.what}", measurement.value, measurement.bound.value,
            (measurement.entry, measurement.backend, measurement.detail),
        )  # fmt: skip
    assert count
