"""Every configuration that PyTorch's layer of a name accepts, the spec accepts, with the
same shape and, where nothing is random, the same values."""

from __future__ import annotations

import dataclasses
import inspect
import warnings

import numpy as np
import pytest
import torch
from helpers.draws import ranks, shapes, values
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import polyframe as pf
from polyframe.spec.fields import UNSET
from polyframe.spec.layers.base import Context, Layer

OTHER_NAMES = {
    "HardTanh": "Hardtanh", "HardSwish": "Hardswish", "HardSigmoid": "Hardsigmoid",
    "LogSigmoid": "LogSigmoid", "SpatialDropout2D": "Dropout2d", "Dense": "Linear",
}  # fmt: skip
BY_RANK = {"BatchNorm": "BatchNorm{}d", "InstanceNorm": "InstanceNorm{}d"}
FIELDS = {"axis": "dim", "start_axis": "start_dim", "end_axis": "end_dim"}
FROM_SHAPE = ("in_channels", "num_features", "num_channels", "in_features")
LEFT_ALONE = {"weight_init", "bias_init", "name"}


def torch_class(word, rank):
    """PyTorch's layer of that name, if it has one."""
    name = OTHER_NAMES.get(word, word)
    if word in BY_RANK:
        name = BY_RANK[word].format({1: 1, 2: 1, 3: 2, 4: 3}[rank])
    for candidate in (name, f"{name[:-1]}d" if name.endswith("D") else name):
        if hasattr(torch.nn, candidate):
            return getattr(torch.nn, candidate)
    return None


WORDS = sorted(
    word
    for word, layer in Layer.registry.items()
    if word != "Block" and torch_class(word, ranks(layer)[-1]) is not None
)
# Multi-axis normalisation is told in axes here, and in sizes there.
WORDS = [word for word in WORDS if word not in ("LayerNorm", "RMSNorm")]


@st.composite
def attempts(draw, word):
    """Fields that PyTorch's layer has, too, drawn one by one, and a shape; they need
    not fit."""
    layer = Layer.registry[word]
    rank = draw(st.sampled_from(ranks(layer)))
    shape = draw(shapes(rank))
    known = inspect.signature(torch_class(word, rank)).parameters
    options = {}
    for f in dataclasses.fields(layer):
        name = FIELDS.get(f.name, f.name)
        if "kind" not in f.metadata or name not in known or f.name in LEFT_ALONE:
            continue
        if f.default is dataclasses.MISSING or draw(st.booleans()):
            value = draw(values(f.metadata["kind"].of(layer)))
            if value is not UNSET:
                options[f.name] = value
    return options, shape


def accepted(word, options, shape):
    """(PyTorch's layer, its output for zeros), or None where it refuses."""
    cls = torch_class(word, len(shape))
    given = {FIELDS.get(name, name): value for name, value in options.items()}
    if word in ("Softmax", "LogSoftmax"):
        given.setdefault("dim", 1)  # without it PyTorch guesses, and warns
    for name in FROM_SHAPE:
        if name in inspect.signature(cls).parameters:
            given[name] = shape[-1] if name == "in_features" else shape[0]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            layer = cls(**given).double()
            # LPPool2d takes roots of negative sums; polyframe sums absolute values.
            low = 0.1 if word == "LPPool2D" else -2
            x = torch.linspace(low, 2, 3 * int(np.prod(shape)), dtype=torch.float64)
            x = x.reshape(3, *shape)
            cls(**given).double()(x)  # InstanceNorm refuses 1x1 only in training
            layer.eval()
            return layer, x.numpy(), layer(x).detach().numpy()
    except (RuntimeError, ValueError, TypeError, AssertionError, IndexError):
        return None


def mixes_samples(options, rank):
    """Whether an axis is that of the samples."""
    return any(options.get(name) in (0, -rank - 1) for name in FIELDS)


@pytest.mark.parametrize("word", WORDS)
def test_what_pytorch_accepts_the_spec_accepts(word):
    met = []

    @settings(
        max_examples=60, deadline=None, derandomize=True, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(attempts(word))
    def attempt(case):
        options, shape = case
        made = accepted(word, options, shape)
        if made is None or made[2].size == 0 or not np.isfinite(made[2]).all():
            return
        if made[2].shape[0] != 3 or mixes_samples(options, len(shape)):
            return  # a spec's layers never reach over N
        met.append(options)
        native, x, wanted = made
        layer = Layer.registry[word](**options).resolve({})
        spec = pf.ModelSpec(y := pf.Input(shape), layer(y), name="one")
        assert spec.infer().output_shapes == (wanted.shape[1:],)
        # LPPool2d takes a window that hangs over for a whole one, full of its mean.
        over = word == "LPPool2D" and options.get("ceil_mode")
        if not layer.random and not over:
            state = {k: v.numpy() for k, v in native.state_dict().items()}
            mine = layer.parameters(shape)
            weights = {name: state[name].reshape(mine[name].shape) for name in mine}
            with np.errstate(over="ignore"):  # in a branch that is not taken
                value = layer.define(Context(weights), x)
            assert np.allclose(value, wanted, rtol=1e-9, atol=1e-12, equal_nan=True)

    attempt()
    assert len(met) >= 5, "few draws were ones that PyTorch accepts"


def test_most_layers_are_compared():
    assert len(WORDS) >= 45
