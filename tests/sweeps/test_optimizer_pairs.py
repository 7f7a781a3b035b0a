"""All pairs of the values of two fields, of every optimizer, against its rule in NumPy.

The gradients are known to the bit, in float32 and in float64: the loss is the distance
from targets that are far away, so its gradient is 1 or -1 whatever the weights are.
"""

from __future__ import annotations

import numpy as np
import pytest
from helpers.pairs import field_values, makes, pairwise
from helpers.support import BACKENDS, keep_counts, within, worst

import polyframe as pf
from polyframe.conformance.measurements import FLOAT32, HALF_A_UNIT
from polyframe.conformance.optimizers import ReferenceOptimizer, forms
from polyframe.contract.registry import get
from polyframe.spec.optimizers import Optimizer

STEPS, CHANGE, SLOWER = 6, 4, 0.5
EXACT = 1e-12
FAR = 2.0**20


def net():
    """Two layers that add up; the weights of one have a norm of 0."""
    x = pf.Input((3,))
    zero = pf.Dense(2, weight_init="zeros", bias_init="zeros", name="zero")
    return pf.ModelSpec(x, pf.Add()(pf.Dense(2, name="fc")(x), zero(x)), name="two")


def configurations(cls):
    """Every pair of values of two fields; the rate is an example's."""
    values = field_values(cls, without=("lr",))
    rate = next((o["lr"] for o in cls.examples if "lr" in o), 0.1)
    made = pairwise(values, makes(cls))
    return [cls(**{"lr": rate} | options) for options in made]


def batch(step, dtype):
    """(inputs and targets, the gradients): numbers of few bits. Some gradients are 0."""
    rng = np.random.default_rng(step)
    x = rng.integers(-8, 9, (1, 3)) / 4
    x[0, step % 3] = 0
    signs = rng.choice([-1.0, 1.0], (1, 2))
    of_weight, of_bias = signs.T @ x / 2, signs[0] / 2  # a mean over two numbers
    gradients = {
        f"{name}.{kind}": gradient
        for name in ("fc", "zero")
        for kind, gradient in (("weight", of_weight), ("bias", of_bias))
    }
    return (x.astype(dtype), (-FAR * signs).astype(dtype)), gradients


def check(backend, rule, dtype):
    """Some steps, in which the rate changes: weights and state are those of the rule."""
    for form in forms(get(backend), rule, dtype):
        model = pf.compile(
            net(), backend, "l1", rule, dtype=dtype, device="cpu", seed=3,
            forms={rule.type: form},
        )  # fmt: skip
        exact = ReferenceOptimizer(rule, model.weights(), "float64")
        rounded = ReferenceOptimizer(rule, model.weights(), dtype)
        for step in range(STEPS):
            if step == CHANGE:
                model.learning_rate *= SLOWER
                exact.lr *= SLOWER
                rounded.lr *= SLOWER
            data, gradients = batch(step, dtype)
            model.train_step(*data)
            exact.update(gradients)
            rounded.update(gradients)
        bound = EXACT
        if dtype == "float32":
            own = worst(rounded.weights, exact.weights)[0]
            bound = FLOAT32.value * max(own, HALF_A_UNIT)
        detail = (rule.type, backend, form, rule)
        apart, name = worst(model.weights(), exact.weights)
        within(
            f"pairs of options of optimizers, {dtype}", apart, bound, (*detail, name)
        )
        if dtype == "float64":
            state = model.training_state()
            assert set(state) == set(exact.state)
            if state:
                apart, name = worst(state, exact.state)
                within("pairs of options, state", apart, EXACT, (*detail, name))


RULES = {word: configurations(cls) for word, cls in sorted(Optimizer.registry.items())}
CASES = [(word, backend) for word in RULES for backend in BACKENDS]


@pytest.mark.parametrize(("word", "backend"), CASES)
def test_a_sample_of_pairs(word, backend):
    check(backend, RULES[word][0], "float64")


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "rule",
    [
        pf.SGD(0.1, dampening=0.7),  # of the velocity, which it does not have
        pf.Adam(0.02, beta1=0.0, beta2=0.0, weight_decay=0.1),  # means of one gradient
        pf.AdamW(0.02, beta1=0.0, beta2=0.0, weight_decay=0.1),
    ],
    ids=repr,
)
def test_what_pairs_have_shown(rule, backend):
    """A small gradient after a large one must not keep the large one's rounding."""
    check(backend, rule, "float32")


@pytest.mark.full
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("word", "backend"), CASES)
def test_all_pairs(word, backend, dtype):
    for rule in RULES[word]:
        check(backend, rule, dtype)
    keep_counts("pairs of options", {f"{word}, {backend}, {dtype}": len(RULES[word])})
