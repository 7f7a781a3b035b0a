"""Random layers of native semantics are the framework's own, with its own generator: the
same bits as the layer by hand with the same seed, a new seed each step.

``rivals/<backend>.py`` has ``noise(layer, x, seed)``: what the framework's own gives for
images in training, after its generator got that seed.
"""

from __future__ import annotations

import numpy as np
import pytest
from helpers.own_classes import rival
from helpers.support import BACKENDS

import polyframe as pf
from polyframe.randomness import native_seed

SHAPE, COUNT, SEED = (4, 5, 3), 6, 9
LAYERS = (
    pf.Dropout(0.3), pf.SpatialDropout2D(0.3), pf.DropPath(0.4), pf.GaussianNoise(0.2),
)  # fmt: skip


def compiled(backend, layer, dtype="float32"):
    x = pf.Input(SHAPE, name="x")
    y = layer(x)
    spec = pf.ModelSpec(x, [y, pf.Conv2D(2, 1, name="head")(y)], name="net")
    losses = [pf.MSE(loss_weight=0.0), pf.MSE()]
    return pf.compile(
        spec, backend, losses, pf.SGD(0.0), semantics="native", seed=SEED, dtype=dtype
    )


def batch(dtype="float32"):
    rng = np.random.default_rng(3)
    shapes = (SHAPE, SHAPE, (2, *SHAPE[1:]))
    return [rng.normal(size=(COUNT, *shape)).astype(dtype) for shape in shapes]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.type)
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_random_layer_is_the_frameworks_own(backend, layer, dtype):
    by_hand, (x, *_) = rival(backend), batch(dtype)
    model = compiled(backend, layer, dtype)
    session = model.engine.session
    session.set_weights(model.weights())
    session.seed(5)
    ours = session.forward(session.arrange([x]), [], True)[0]
    wanted = by_hand.noise(layer, x, 5)
    assert np.array_equal(ours, wanted)
    assert not np.array_equal(wanted, x)
    session.seed(6)
    assert not np.array_equal(session.forward(session.arrange([x]), [], True)[0], ours)
    assert np.array_equal(session.forward(session.arrange([x]), [], False)[0], x)
    assert np.array_equal(model.predict(x)[0], x)


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.type)
@pytest.mark.parametrize("backend", BACKENDS)
def test_each_step_has_a_seed_of_its_own(backend, layer):
    by_hand, (x, *targets) = rival(backend), batch("float64")
    model = compiled(backend, layer, "float64")
    weights = model.weights()
    kernel, bias = weights["head.weight"][:, :, 0, 0], weights["head.bias"]
    half = 2 if backend == "mxnet" else 1  # L2Loss is half of the square
    for step in range(3):
        y = by_hand.noise(layer, x, native_seed(SEED, step))
        outputs = np.einsum("oc,nchw->nohw", kernel, y) + bias[:, None, None]
        loss = ((outputs - targets[1]) ** 2).mean() / half
        np.testing.assert_allclose(model.train_step(x, targets), loss, rtol=1e-12)
