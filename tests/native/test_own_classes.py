"""Native semantics compute what the framework's own classes compute, bit for bit.

A rival is code that a user of the framework writes by hand: ``rivals/<backend>.py`` has

- ``OPTIMIZERS``: the optimizers of polyframe's that the framework has a class of;
- ``LOSSES``: its losses, likewise;
- ``train(rule, weights, batches, dtype)``: the weights after each batch, of a net of
  two dense layers with a tanh between them, trained with its mean squared error;
- ``loss(loss, weight, x, target, dtype)``: (value, gradient of the weight) of one dense
  layer without a bias, or for images of a 1x1 convolution.

Weights have canonical names and layouts, ``rule`` and ``loss`` have nothing UNSET.
"""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from helpers.support import BACKENDS

import polyframe as pf
from polyframe.contract import registry
from polyframe.spec.optimizers import Optimizer

NET = pf.Sequential(
    [pf.Dense(7, name="fc1"), pf.Tanh(), pf.Dense(4, name="fc2")], (5,), name="net"
)
STEPS = 50
DTYPES = ("float32", "float64")


def rival(backend):
    return importlib.import_module(f"native.rivals.{backend}")


def batches(dtype):
    rng = np.random.default_rng(7)
    return [
        (rng.normal(size=(8, 5)).astype(dtype), rng.normal(size=(8, 4)).astype(dtype))
        for _ in range(STEPS)
    ]


def rules():
    """Every optimizer by its defaults, and with each of its examples that decays all."""
    for kind in Optimizer.registry.values():
        for index, fields in enumerate(kind.examples):
            if fields.get("decay_on", "all") == "all":
                yield pytest.param(kind(**fields), id=f"{kind.__name__}-{index}")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rule", rules())
@pytest.mark.parametrize("backend", BACKENDS)
def test_optimizers_take_the_steps_of_the_frameworks_own_class(backend, rule, dtype):
    by_hand = rival(backend)

    def compiled():
        return pf.compile(
            NET, backend, "mse", rule, semantics="native", dtype=dtype, seed=1
        )

    if rule.type not in by_hand.OPTIMIZERS:
        with pytest.raises(pf.UnsupportedError, match=rule.type):
            compiled()
        return
    model = compiled()
    weights = {n: w.copy() for n, w in model.weights().items()}
    resolved = rule.resolve(registry.get(backend).defaults)
    wanted = by_hand.train(resolved, weights, batches(dtype), dtype)
    for step, (batch, after) in enumerate(zip(batches(dtype), wanted, strict=True)):
        model.train_step(*batch)
        ours = model.weights()
        for name, value in after.items():
            assert np.array_equal(ours[name], value), (step, name)
    assert not np.array_equal(ours["fc1.weight"], weights["fc1.weight"])
