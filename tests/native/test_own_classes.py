"""Native semantics compute what the framework's own classes compute, bit for bit.

A rival is code that a user of the framework writes by hand: ``rivals/<backend>.py`` has

- ``OPTIMIZERS``: the optimizers of polyframe's that the framework has a class of, and
  ``lacks(rule)``, if it is there: whether the class lacks an option of a rule's;
- ``FLOAT32_ONLY`` and ``WITHOUT_RATE``, if they are there: those of them that train
  nothing else, and that have no learning rate;
- ``LOSSES``: its losses, likewise;
- ``FEATURES``: what of ``SETTINGS`` the framework's own classes can do; the rest is a
  gap;
- ``train(rule, weights, batches, dtype, rates, clip=None, factors=None)``: the weights
  after each batch, of a net of two dense layers with a tanh between them, trained with
  its mean squared error at these learning rates, one for each batch. ``clip`` is
  ("clip_norm" or "clip_value", the bound), ``factors`` a mapping of parameters to
  (factor of the learning rate, of the weight decay);
- ``rate_of(optimizer)``: the learning rate of an optimizer of the framework's, that of a
  factor of 1;
- ``loss(loss, weight, x, target, dtype)``: (value, gradient of the weight) of one dense
  layer without a bias, or for images (N, C, H, W) of a 1x1 convolution; None where the
  framework's own classes have not what ``loss`` or the kind of the targets asks for.

Weights and images have canonical names and layouts; ``rule`` and ``loss`` have nothing
UNSET.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from helpers.own_classes import (
    NET,
    SETTINGS,
    batch_of,
    batches,
    head_of,
    optimizers_of_setting,
    rate_as_made,
    rival,
    rival_arguments,
)
from helpers.support import BACKENDS

import polyframe as pf
from polyframe.conformance.losses import cases
from polyframe.contract import registry
from polyframe.io import weights as weight_files
from polyframe.spec.optimizers import Optimizer

STEPS, STOP = 50, 3
DTYPES = ("float32", "float64")


def full(unless):
    return () if unless else pytest.mark.full


# --- optimizers ------------------------------------------------------------------


def rules():
    """Every optimizer by its defaults, and with each of its examples that decays all."""
    for kind in Optimizer.registry.values():
        examples = [f for f in kind.examples if f.get("decay_on", "all") == "all"]
        for index, fields in enumerate(examples):
            few = index in (0, len(examples) - 1)
            for dtype in DTYPES:
                yield pytest.param(
                    kind(**fields),
                    dtype,
                    id=f"{kind.__name__}-{index}-{dtype}",
                    marks=full(few and dtype == "float32"),
                )


def resumed(model, compiled, folder):
    """A new model, to which the state of another has come through files."""
    path, fresh = folder / "state.safetensors", compiled()
    fresh.load_weights(model.weights())
    weight_files.save(path, model.training_state())
    fresh.load_training_state(weight_files.load(path), model.steps_done, model.epoch)
    return fresh


@pytest.mark.parametrize("rule, dtype", list(rules()))
@pytest.mark.parametrize("backend", BACKENDS)
def test_optimizers_take_the_steps_of_the_frameworks_own_class(
    backend, rule, dtype, tmp_path
):
    """Also at other rates, and where a file interrupts them."""
    by_hand = rival(backend)

    def compiled():
        return pf.compile(
            NET, backend, "mse", rule, semantics="native", dtype=dtype, seed=1
        )

    resolved = rule.resolve(registry.get(backend).defaults)
    lacks = getattr(by_hand, "lacks", lambda rule: False)
    single = dtype == "float64" and rule.type in getattr(by_hand, "FLOAT32_ONLY", ())
    if rule.type not in by_hand.OPTIMIZERS or single or lacks(resolved):
        with pytest.raises(
            pf.UnsupportedError, match=f"has no optimizer {rule.type!r}"
        ):
            compiled()
        return
    model = compiled()
    weights = model.weights()
    if rule.type in getattr(by_hand, "WITHOUT_RATE", ()):
        rates = [resolved.lr] * STEPS
    else:
        rates = [resolved.lr if n % 10 < 7 else resolved.lr / 3 for n in range(STEPS)]
        made = rate_as_made(backend, model)
        assert math.isclose(made, resolved.lr, rel_tol=1e-6)
    data = batches(dtype, STEPS)
    wanted = by_hand.train(resolved, weights, data, dtype, rates)
    for step, (batch, after) in enumerate(zip(data, wanted, strict=True)):
        if step == STOP:
            model = resumed(model, compiled, tmp_path)
        model.learning_rate = rates[step]
        model.train_step(*batch)
        ours = model.weights()
        for name, value in after.items():
            assert np.array_equal(ours[name], value), (step, name)
    assert not np.array_equal(ours["fc1.weight"], weights["fc1.weight"])


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_settings_act_as_the_framework_has_them(backend, setting):
    by_hand, options = rival(backend), SETTINGS[setting]
    for rule in optimizers_of_setting(setting):

        def compiled(rule=rule):
            return pf.compile(
                NET, backend, "mse", rule, semantics="native", seed=1, **options
            )

        if setting not in by_hand.FEATURES:
            with pytest.raises(pf.UnsupportedError):
                compiled()
            continue
        model = compiled()
        assert math.isclose(rate_as_made(backend, model), rule.lr, rel_tol=1e-6)
        resolved = rule.resolve(registry.get(backend).defaults)
        wanted = by_hand.train(
            resolved, model.weights(), batches("float32", 5), "float32", [rule.lr] * 5,
            *rival_arguments(setting),
        )  # fmt: skip
        for batch in batches("float32", 5):
            model.train_step(*batch)
        for name, value in model.weights().items():
            assert np.array_equal(wanted[-1][name], value), (rule.type, name)


# --- losses ----------------------------------------------------------------------


def loss_cases():
    """Every example of a loss for vectors and images, with each kind of targets; once for
    each loss in ``make test``."""
    seen = set()
    for number, case in enumerate(cases(ranks=(1, 3))):
        for dtype in DTYPES:
            sample = dtype == "float32" and case.loss.type not in seen
            yield pytest.param(
                case,
                dtype,
                id=f"{case.loss.type}-{number}-{dtype}",
                marks=full(sample),
            )
        seen.add(case.loss.type)


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")  # PyTorch's KLDivLoss
@pytest.mark.parametrize("case, dtype", list(loss_cases()))
@pytest.mark.parametrize("backend", BACKENDS)
def test_losses_are_the_frameworks_own(backend, case, dtype):
    by_hand, loss = rival(backend), case.loss
    spec, (x, y) = head_of(case), batch_of(case, dtype)
    options = {"semantics": "native", "dtype": dtype, "seed": 3}
    weight = pf.compile(spec, backend, **options).weights()["head.weight"]
    wanted = None
    if loss.type in by_hand.LOSSES:
        wanted = by_hand.loss(loss, weight, x, y, dtype)
    if wanted is None:
        with pytest.raises(pf.UnsupportedError, match=f"has no loss {loss.type!r}: "):
            pf.compile(spec, backend, loss, pf.SGD(0.0), **options).train_step(x, y)
        return
    model = pf.compile(spec, backend, loss, pf.SGD(0.0), **options)
    value, gradient = wanted
    ours = model.train_step(x, y), model.gradients(x, y)["head.weight"]
    if loss.has_denominator_weights:
        # The loop gives each sample its weight, so the sum is another one.
        close = {"rtol": 1e-5 if dtype == "float32" else 1e-13, "atol": 1e-6}
        np.testing.assert_allclose(ours[0], value, **close)
        np.testing.assert_allclose(ours[1], gradient, **close)
    else:
        assert ours[0] == value
        assert np.array_equal(ours[1], gradient)
