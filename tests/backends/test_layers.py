"""Every form of every entry, on every backend, against the definition in NumPy."""

from __future__ import annotations

import random
from functools import partial

import numpy as np
import pytest
from helpers.support import BACKENDS, held

import polyframe as pf
from polyframe import conformance
from polyframe.conformance import layers
from polyframe.conformance.cases import cases_of, has_native_randomness
from polyframe.contract.registry import get
from polyframe.spec.layers.base import Layer

LAYERS = sorted(
    word
    for word, layer in Layer.registry.items()
    if word != "Block" and layer.__module__.startswith("polyframe.spec.layers.")
)


AGREE = "gradients"
"""The suite's check of two backends; here all three are compared at once."""
CHECKS = [
    c for b in BACKENDS for c in conformance.checks(b, ["layers"]) if c.what != AGREE
]
OF_EACH_FORM = 4
"""So many examples of each form on each backend in each dtype are in the sample. The
rest is for test-full: TensorFlow traces each for a second."""
MEASURES = {word: [c for c in CHECKS if c.entry == word] for word in LAYERS}
"""By layer, so that models are used again for what is compared between backends."""


def test_every_layer_has_an_entry_and_examples_everywhere():
    for name in BACKENDS:
        assert set(get(name).table) & set(Layer.registry) == set(LAYERS)
    assert all(Layer.registry[name].examples for name in LAYERS)


def test_every_form_is_tested_in_some_dtype():
    every = {
        (backend, word, form.name)
        for backend in BACKENDS
        for word, entry in get(backend).table.items()
        if word in LAYERS
        for form in entry.forms
        if not has_native_randomness(word, form.name)  # tested in test_training.py
    }
    tested = {(c.backend, c.entry, c.what) for c in CHECKS}
    # What aligned training never writes is inference's or native semantics'.
    assert every - tested == {("mxnet", "BatchNorm", "native")}
    assert {word for word, checks in MEASURES.items() if not checks} == set()


def sample(word):
    """The examples that `make test` takes, by number: some of each form, in a fixed
    order that has nothing to do with that of the list."""
    taken = set()
    for check in MEASURES[word]:
        numbers = [
            n for n, *_ in cases_of(check.backend, word, check.what, check.dtype)
        ]
        random.Random(word).shuffle(numbers)
        missing = OF_EACH_FORM - len(taken & set(numbers))
        taken |= set([n for n in numbers if n not in taken][: max(missing, 0)])
    return taken


def cases():
    """(what is measured, its layer, whether of all examples), layer by layer."""
    for word, checks in MEASURES.items():
        between = partial(layers.gradients_between_backends, word, BACKENDS)
        several = [(check.run, str(check)) for check in checks]
        several.append((between, f"{word}, gradients between backends"))
        small = len(Layer.registry[word].examples) <= OF_EACH_FORM
        for run, name in several:
            yield pytest.param(run, word, small, id=name)
        for run, name in several if not small else ():
            whole = f"{name}, all examples"
            yield pytest.param(run, word, True, id=whole, marks=pytest.mark.full)


@pytest.mark.parametrize(("measure", "word", "whole"), list(cases()))
def test_conformance(measure, word, whole, monkeypatch):
    """Forward, gradients, statistics and what is hidden, of every form; and gradients
    between backends."""
    if not whole:
        of = Layer.registry[word]
        some = tuple(of.examples[n] for n in sorted(sample(word)))
        monkeypatch.setattr(of, "examples", some)
    held(measure())


def test_the_sample_has_every_form():
    for word, checks in MEASURES.items():
        numbers = sample(word)
        for check in checks:
            if check.what == "formula":
                continue
            cases = cases_of(check.backend, word, check.what, check.dtype)
            there = {number for number, *_ in cases}
            wanted = min(OF_EACH_FORM, len(there))
            assert len(there & numbers) >= wanted, check
    assert sum(len(sample(word)) for word in MEASURES) < sum(
        len(Layer.registry[word].examples) for word in MEASURES
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_lp_pooling_of_zeros_is_zero_and_has_a_slope_of_zero(backend):
    """The root's own gradient has no bound there."""
    x = np.zeros((2, 2, 4, 4))
    x[0, 0, 0, 0] = 2.0
    net = pf.Sequential(
        [
            pf.Conv2D(2, 1, bias=False, name="in"), pf.LPPool2D(2, 2, name="pool"),
            pf.Flatten(name="flat"), pf.Dense(1, name="out"),
        ],
        (2, 4, 4), name="zeros",
    )  # fmt: skip
    model = pf.compile(net, backend, "mse", pf.SGD(), dtype="float64", device="cpu")
    pooled = model.activations(x)["pool"]
    factors = model.weights()["in.weight"][:, 0, 0, 0]
    assert pooled[1].max() == pooled[1].min() == 0.0
    np.testing.assert_allclose(pooled[0, :, 0, 0], np.abs(2 * factors), rtol=1e-13)
    assert np.count_nonzero(pooled) == 2
    gradients = model.gradients(x, np.ones((2, 1)))
    assert all(np.isfinite(value).all() for value in gradients.values())
    assert (
        gradients["in.weight"][:, 1].max() == gradients["in.weight"][:, 1].min() == 0.0
    )


@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_of_equal_values_the_first_takes_a_pools_slope(backend, dtype, dims, dilation):
    """Falling by a little from place to place makes the first the largest."""
    pool = getattr(pf, f"MaxPool{dims}D")(3, stride=2, padding=1, dilation=dilation)
    size = (1, *[9, 7, 7][:dims])
    net = pf.Sequential([pool, pf.Flatten(), pf.Dense(1)], size, name="ties")
    model = pf.compile(net, backend, "l1", dtype=dtype, device="cpu")
    falling = 1 - np.arange(np.prod(size)).reshape(1, *size) * 1e-4
    ties, single = (
        next(
            iter(model.output_gradients(x.astype(dtype), np.full((1, 1), 9.0)).values())
        )
        for x in (np.ones((1, *size)), falling)
    )
    assert ties.shape == size and np.count_nonzero(single) > 1
    np.testing.assert_allclose(ties, single, rtol=1e-6)
