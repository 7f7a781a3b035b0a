"""Every activation at 0, near it and far from it: no overflow, and the same gradient
everywhere, also at kinks."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.support import BACKENDS

import polyframe as pf
from polyframe.spec.interpreter import interpret
from polyframe.spec.layers import activation
from polyframe.spec.layers.base import Context

SIZES = np.array([0.0, 1e-8, 1.0, 20.0, 100.0, 1e3])
POINTS = np.concatenate([SIZES, -SIZES])
ACTIVATIONS = [
    *(pf.Layer.registry[name]() for name in activation.__all__ if "max" not in name),
    pf.LeakyReLU(0.3),
    pf.LeakyReLU(-0.3),
    pf.ELU(0.3),
    pf.CELU(0.3),
    pf.GELU("tanh"),
    pf.HardTanh(-20.0, 100.0),
    pf.Softplus(2.0),
    pf.Softplus(threshold=20.0),
]
LIMITS = {"float64": (1e-12, 1e-15), "float32": (2e-6, 2e-7)}


def gradients(layer, backend, dtype):
    """The layer's values at the points, and its gradients there: the weights of a scale in
    front are the points, its input is 1, and the loss is half the sum of squares of
    (output - target), whose own gradient there is 1."""
    front = pf.Scale(name="points")
    tail = pf.ReduceSum(1, keepdims=True)
    spec = pf.Sequential([front, layer, tail], (POINTS.size,), name="points")
    model = pf.compile(spec, backend, loss="mse", dtype=dtype, device="cpu")
    first = {name: value for name, value in model.weights().items()}
    model.load_weights(first | {"points.weight": POINTS.astype(dtype)})
    x = np.ones((1, POINTS.size), dtype)
    (name,) = (n.path for n in model.graph.nodes if n.layer.type == layer.type)
    values = model.activations(x)[name][0]
    total = model.predict(x)
    gradient = model.gradients(x, total - dtype_of(dtype)(0.5))["points.weight"]
    return values, gradient


def dtype_of(dtype):
    return np.dtype(dtype).type


@pytest.mark.parametrize("dtype", LIMITS)
@pytest.mark.parametrize("layer", ACTIVATIONS, ids=str)
def test_values_and_gradients_far_out_and_at_zero(layer, dtype):
    relative, absolute = LIMITS[dtype]
    resolved = layer.resolve({})
    parameters = {"weight": np.array([0.25])}
    with np.errstate(all="raise", under="ignore"):
        wanted = resolved.define(Context(parameters), POINTS[None])[0]
    results = {backend: gradients(layer, backend, dtype) for backend in BACKENDS}
    for values, gradient in results.values():
        assert np.isfinite(values).all() and np.isfinite(gradient).all()
        np.testing.assert_allclose(values, wanted, rtol=relative, atol=absolute)
    exact = results["torch"][1]
    for _, gradient in results.values():
        np.testing.assert_allclose(gradient, exact, rtol=relative, atol=10 * absolute)


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_activation_may_follow_a_convolution_and_a_norm_at_rest(backend):
    """TensorFlow would fuse the three where the statistics are fixed, with kernels for
    some activations only."""
    x, ends = pf.Input((2, 5, 5)), []
    for index, layer in enumerate(ACTIVATIONS):
        y = pf.BatchNorm(name=f"bn{index}")(pf.Conv2D(2, 3, bias=False)(x))
        ends.append(layer(y))
    y = pf.Dense(3, name="fc")(pf.GlobalAvgPool2D()(pf.Concat()(ends)))
    spec = pf.ModelSpec(x, y, name="branches")
    model = pf.compile(
        spec, backend, "cross_entropy", pf.SGD(0.1), optimize=False, freeze="bn*"
    )
    rng = np.random.default_rng(0)
    images, labels = rng.normal(size=(4, 2, 5, 5)).astype("float32"), np.arange(4) % 3
    outputs, _ = interpret(model.graph, model.weights(), [images], training=False)
    np.testing.assert_allclose(
        model.predict(images), outputs[spec.graph.outputs[0]], rtol=1e-4, atol=1e-5
    )
    losses = [model.train_step(images, labels) for _ in range(5)]
    assert losses[-1] < losses[0]
