"""Losses and their gradients on every backend, against the definition."""

from __future__ import annotations

import numpy as np
import pytest
from support import BACKENDS, distance, within

import polyframe as pf
from polyframe.spec.losses import Loss
from polyframe.spec.meaning import interpret

SCALES = {"usual": 1.0, "extreme": 1e3}


def model_for(backend, loss, dtype):
    """A dense layer that hands its input on, so that the loss is all there is."""
    spec = pf.Sequential([pf.Dense(6, name="fc")], (6,), name="bare")
    model = pf.compile(spec, backend, loss=loss, dtype=dtype, device="cpu")
    weights = {"fc.weight": np.eye(6), "fc.bias": np.zeros(6)}
    model.load_weights({n: w.astype(dtype) for n, w in weights.items()})
    return model


def targets(loss, count):
    rng = np.random.default_rng(1)
    if Loss.find(loss).labels:
        return rng.integers(0, 6, count)
    return rng.normal(size=(count, 6))


def test_every_loss_is_tested_here():
    assert set(Loss.registry) == {"cross_entropy", "mse"}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("loss", sorted(Loss.registry))
def test_a_loss_and_its_gradients_are_the_definitions(loss, scale, backend):
    model = model_for(backend, loss, "float64")
    rng = np.random.default_rng(0)
    x, y = SCALES[scale] * rng.normal(size=(9, 6)), targets(loss, 9)
    rule = Loss.parse(loss)
    found = model.gradients(x, y)
    model.learning_rate = 0.0
    assert model.train_step(x, y) == pytest.approx(rule.define(x, y).mean(), rel=1e-12)
    assert model.evaluate(x, y)["loss"] == pytest.approx(rule.define(x, y).mean())
    step = 1e-5 * SCALES[scale]
    for index in np.ndindex(3, 6):
        weight = np.eye(6)
        losses = []
        for sign in (1, -1):
            weight[index] = np.eye(6)[index] + sign * step / SCALES[scale]
            known, _ = interpret(
                model.graph, model.weights() | {"fc.weight": weight}, [x]
            )
            losses.append(rule.define(known["fc"], y).mean())
        wanted = (losses[0] - losses[1]) / (2 * step / SCALES[scale])
        apart = abs(found["fc.weight"][index] - wanted)
        assert apart <= 1e-7 * np.abs(found["fc.weight"]).max()


@pytest.mark.parametrize("loss", sorted(Loss.registry))
def test_gradients_of_losses_agree_between_backends(loss):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(64, 6)), targets(loss, 64)
    exact = model_for("torch", loss, "float64").gradients(x, y)["fc.bias"]
    for backend in BACKENDS:
        found = model_for(backend, loss, "float64").gradients(x, y)["fc.bias"]
        family = "losses: gradients between backends, float64"
        within(family, distance(found, exact), 1e-12, (loss, backend))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("loss", sorted(Loss.registry))
def test_a_float32_loss_errs_no_more_than_rounding(loss, backend):
    rng = np.random.default_rng(0)
    x, y = 0.3 * rng.normal(size=(256, 6)).astype("float32"), targets(loss, 256)
    model = model_for(backend, loss, "float32")
    wide = np.asarray(y, "float64" if y.dtype.kind == "f" else y.dtype)
    rule = Loss.parse(loss)
    exact = np.mean(rule.define(x.astype("float64"), wide))
    model.learning_rate = 0.0
    found = model.train_step(x, y)
    family = "losses: float32 error / half a unit in the last place"
    within(family, abs(found - exact) / exact / 2**-24, 8, (loss, backend))
