"""Initializers: bounds, moments and shapes of what they draw, and PyTorch's meaning."""

from __future__ import annotations

import math

import numpy as np
import pytest
from helpers.failing import fails

import polyframe as pf
from polyframe.errors import SpecError
from polyframe.spec.initializers import Fans, Initializer

SHAPE, FANS = (400, 50, 3, 3), Fans(450, 3600)
COUNT = math.prod(SHAPE)


def drawn(initializer, shape=SHAPE, fans=FANS, seed=0):
    return initializer.draw(np.random.default_rng(seed), shape, fans)


UNIFORM = {
    pf.Uniform(): (-0.07, 0.07),
    pf.Uniform(0.5, mean=2.0): (1.5, 2.5),
    pf.GlorotUniform(): (-math.sqrt(6 / 4050), math.sqrt(6 / 4050)),
    pf.GlorotUniform(gain=2.0): (-2 * math.sqrt(6 / 4050), 2 * math.sqrt(6 / 4050)),
    pf.HeUniform(): (-math.sqrt(6 / 450), math.sqrt(6 / 450)),
    pf.HeUniform("fan_out", 0.5): (-math.sqrt(6 / 4500), math.sqrt(6 / 4500)),
    pf.LeCunUniform(): (-math.sqrt(3 / 450), math.sqrt(3 / 450)),
    pf.TorchDefault(): (-1 / math.sqrt(450), 1 / math.sqrt(450)),
    pf.KerasDefault(): (-math.sqrt(6 / 4050), math.sqrt(6 / 4050)),
    pf.GluonDefault(): (-0.07, 0.07),
}
NORMAL = {
    pf.Normal(): (0.0, 1.0),
    pf.Normal(3.0, 0.2): (3.0, 0.2),
    pf.GlorotNormal(): (0.0, math.sqrt(2 / 4050)),
    pf.GlorotNormal(0.5): (0.0, 0.5 * math.sqrt(2 / 4050)),
    pf.HeNormal(): (0.0, math.sqrt(2 / 450)),
    pf.HeNormal("fan_out", 0.5): (0.0, math.sqrt(2 / 4500)),
    pf.LeCunNormal(): (0.0, math.sqrt(1 / 450)),
}
CUT = 0.87962566103423978
"""The standard deviation of a normal distribution cut at 2 of it (SEMANTICS, 6)."""


def moments(values, mean, std):
    """Mean and standard deviation, within 5 of their own standard deviations."""
    assert abs(values.mean() - mean) <= 5 * std / math.sqrt(values.size)
    assert abs(values.std() / std - 1) <= 5 / math.sqrt(2 * values.size)


@pytest.mark.parametrize("initializer", UNIFORM, ids=str)
def test_uniform_ones_keep_within_their_bounds_and_fill_them(initializer):
    low, high = UNIFORM[initializer]
    values = drawn(initializer)
    assert values.shape == SHAPE and values.dtype == np.float64
    assert low <= values.min() <= low + (high - low) * 1e-3
    assert high - (high - low) * 1e-3 <= values.max() <= high
    moments(values, (low + high) / 2, (high - low) / math.sqrt(12))


@pytest.mark.parametrize("initializer", NORMAL, ids=str)
def test_normal_ones_have_their_moments_and_are_not_cut(initializer):
    mean, std = NORMAL[initializer]
    values = drawn(initializer)
    assert values.shape == SHAPE and values.dtype == np.float64
    moments(values, mean, std)
    beyond = (np.abs(values - mean) > 2 * std).mean()
    share = math.erfc(math.sqrt(2))
    assert abs(beyond - share) <= 5 * math.sqrt(share / COUNT)


@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (3.0, 0.2)])
def test_the_truncated_normal_is_cut_at_two_standard_deviations(mean, std):
    values = drawn(pf.TruncatedNormal(mean, std))
    assert 1.999 * std < np.abs(values - mean).max() <= 2 * std * (1 + 1e-15)
    moments(values, mean, CUT * std)
    assert drawn(pf.TruncatedNormal(), ()).shape == ()


def test_constants():
    assert (drawn(pf.Zeros()) == 0).all()
    assert (drawn(pf.Ones()) == 1).all()
    assert (drawn(pf.Constant(-2.5)) == -2.5).all()
    assert (drawn(pf.Constant()) == 0).all()


@pytest.mark.parametrize("shape", [(7, 3), (3, 7), (5, 5), (4, 3, 2, 2), (20, 2, 3)])
@pytest.mark.parametrize("gain", [1.0, 1.5])
def test_orthogonal_kernels_are(shape, gain):
    values = drawn(pf.Orthogonal(gain), shape)
    flat = values.reshape(shape[0], -1)
    rows, columns = flat.shape
    product = flat @ flat.T if rows <= columns else flat.T @ flat
    assert values.shape == shape
    assert np.abs(product - gain**2 * np.eye(min(rows, columns))).max() <= 1e-14


def test_orthogonal_matrices_prefer_no_sign():
    """The mean of many is 0 only with the signs of R's diagonal set."""
    rng = np.random.default_rng(0)
    many = [pf.Orthogonal().draw(rng, (3, 3), Fans(3, 3)) for _ in range(4000)]
    assert np.abs(np.mean(many, axis=0)).max() <= 5 / math.sqrt(3 * 4000)


@pytest.mark.parametrize(
    ("shape", "groups"),
    [
        ((4, 4, 3), 1), ((6, 4, 3, 3), 1), ((2, 5, 4, 3), 1), ((6, 2, 3, 3), 3),
        ((6, 5, 1, 3, 2), 2),
    ],
)  # fmt: skip
def test_dirac_is_pytorchs(shape, groups):
    import torch

    wanted = torch.nn.init.dirac_(torch.empty(shape), groups)
    assert np.array_equal(drawn(pf.Dirac(groups), shape), wanted.numpy())


def test_a_convolution_of_dirac_hands_its_input_on():
    layer = pf.Conv2D(4, 3, padding=1, bias=False, weight_init="dirac")
    model = pf.compile(pf.Sequential([layer], (4, 5, 6)), "torch", dtype="float64")
    x = np.random.default_rng(0).normal(size=(2, 4, 5, 6))
    assert np.array_equal(model.predict(x), x)


@pytest.mark.parametrize(
    ("initializer", "shape", "text"),
    [
        (pf.Orthogonal(), (5,), "orthogonal: is for weights of two dimensions or more"),
        (pf.Dirac(), (5, 5), "dirac: is for kernels"),
        (pf.Dirac(2), (5, 5, 3), "a multiple of groups (2), not (5, 5, 3)"),
    ],
)
def test_shapes_that_have_no_such_kernel(initializer, shape, text):
    fails(SpecError, lambda: drawn(initializer, shape), text)


@pytest.mark.parametrize("made", [pf.KerasDefault(), pf.GluonDefault()], ids=str)
def test_defaults_with_zero_biases(made):
    assert (drawn(made, (400,)) == 0).all()


@pytest.mark.parametrize("word", Initializer.registry)
def test_each_draws_the_same_from_one_seed(word):
    initializer = Initializer.parse(word)
    first, again, other = (drawn(initializer, seed=seed) for seed in (3, 3, 4))
    assert np.array_equal(first, again) and first.shape == SHAPE
    fixed = word in ("zeros", "ones", "constant", "dirac")
    assert np.array_equal(first, other) == fixed


@pytest.mark.parametrize(
    ("layer", "shape", "fans"),
    [
        (pf.Dense(7), (5,), (5, 7)),
        (pf.Conv2D(8, (3, 2)), (6, 9, 9), (36, 48)),
        (pf.Conv2D(8, 3, groups=2), (6, 9, 9), (27, 72)),
        (pf.Conv1D(8, 3, groups=4), (8, 9), (6, 24)),
    ],
    ids=str,
)
def test_fans_are_those_of_pytorchs_init(layer, shape, fans):
    """``_calculate_fan_in_and_fan_out`` of the weight: O times the kernel's size."""
    import torch

    weight = layer.parameters(shape)["weight"]
    assert weight.fans == Fans(*fans)
    count = torch.nn.init._calculate_fan_in_and_fan_out
    assert count(torch.empty(weight.shape)) == fans
