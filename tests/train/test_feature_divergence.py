"""Where a training diverged, and what it leaves, on every backend."""

from __future__ import annotations

import math

import numpy as np
import pytest
from helpers.failing import fails
from helpers.feature_oracle import LateStop, Stop, compiled, samples, snapshots
from helpers.support import BACKENDS, worst

import polyframe as pf
from polyframe.errors import DivergedError
from polyframe.train import Callback

MOMENTUM = pf.SGD(0.1, momentum=0.9)
on_each = pytest.mark.parametrize("backend", BACKENDS)
two = pf.Sequential(
    [pf.Flatten(), pf.Dense(4, name="first"), pf.ReLU(), pf.Dense(3, name="last")],
    (1, 3, 3), name="two",
)  # fmt: skip
MSE = {"net": two, "loss": "mse", "optimizer": pf.SGD(0.001, momentum=0.9)}
HINT = "(a lower learning rate, clip_norm, or a warm-up before the schedule often"


class Kept(Callback):
    """Weights and state of all steps that came to rest."""

    def __init__(self):
        self.at = {}

    def wants_pause(self, step):
        return True

    def on_pause(self, model, place):
        self.at[model.steps_done] = model.weights() | model.training_state()


class Plant(Callback):
    """Fills weights with numbers after a step."""

    def __init__(self, step, **values):
        self.step = step
        self.values = {key.replace("_", "."): value for key, value in values.items()}

    def on_step_end(self, model, step):
        if step.step == self.step:
            weights = model.weights()
            for name, value in self.values.items():
                weights[name].fill(value)
            model.load_weights(weights)


def numbers(seed=3):
    return samples(two)[0], np.random.default_rng(seed).normal(size=(14, 3))


def diverges(model, text, left, x, y, every=500, callbacks=(), **options):
    """fit says so, and leaves the model as it was after step ``left``."""
    options = {"epochs": 2, "batch_size": 3, "shuffle": False} | options
    kept = Kept()
    guard = {"type": "terminate_on_nan", "every": every}
    message = fails(
        DivergedError,
        lambda: model.fit(x, y, callbacks=[*callbacks, kept, guard], **options),
        text,
    )
    assert HINT in message
    assert model.steps_done == left
    state = model.weights() | model.training_state()
    assert all(np.array_equal(state[name], kept.at[left][name]) for name in state)


@on_each
@pytest.mark.parametrize("every", [1, 2, 500])
@pytest.mark.parametrize("sample", [0, 10])
def test_an_output_that_overflows_is_named(sample, every, backend):
    x, y = numbers()
    x[sample] = 1.7e308
    model = compiled(backend, **MSE)
    model.load_weights(model.weights() | {"first.weight": np.full((4, 9), 0.5)})
    step = sample // 3 + 1
    text = f"step {step} (epoch 1, its step {step}): the loss became "
    diverges(model, text, step - 1, x, y, every)
    again = compiled(backend, **MSE)
    again.load_weights(again.weights() | {"first.weight": np.full((4, 9), 0.5)})
    text = "; the first tensor at fault is the output of first "
    diverges(again, text, step - 1, x, y, every)


@on_each
def test_a_loss_that_overflows_is_told_from_layers(backend):
    x, y = numbers()
    y[7] = 1e200
    text = "step 3 (epoch 1, its step 3): the loss became inf; every layer's output is "
    text += "finite, the loss itself is at fault"
    diverges(compiled(backend, **MSE), text, 2, x, y)


@on_each
@pytest.mark.parametrize("sample", [4, 13])
def test_a_gradient_that_overflows_is_named_with_its_step(sample, backend):
    x, y = numbers()
    x[sample] = 1e170
    tiny = MSE | {"optimizer": pf.SGD(1e-30)}
    model = compiled(backend, **tiny)
    model.load_weights({n: np.abs(w) * 1e-10 for n, w in model.weights().items()})
    step = sample // 3 + 2  # the first of the next epoch, for the last sample
    epoch, index = (step - 1) // 5 + 1, (step - 1) % 5 + 1
    text = f"step {step} (epoch {epoch}, its step {index}): the loss became nan; the "
    text += f"first tensor at fault is the gradient of first.weight at step {step - 1}"
    diverges(model, text, step - 2, x, y)


@on_each
def test_a_rate_that_is_far_too_high_is_an_update_at_fault(backend):
    x, y = numbers()
    model = compiled(backend, **MSE | {"optimizer": pf.SGD(1e308)})
    text = (
        "step 2 (epoch 1, its step 2): the loss became nan; the first tensor at fault "
    )
    text += "is the update of first.weight at step 1"
    diverges(model, text, 0, x, 1e3 * y)


@on_each
def test_a_high_rate_lets_the_loss_overflow_some_steps_on(backend):
    """The usual case: it grows until it overflows; the model is as before that step."""
    x, y = numbers()
    model = compiled(backend, **MSE | {"optimizer": pf.SGD(1e30)}, schedule="cosine")
    with pytest.raises(DivergedError) as caught:
        model.fit(x, y, epochs=9, batch_size=3, callbacks=["terminate_on_nan"])
    bad = int(str(caught.value).split()[1])
    assert 2 <= bad <= 20
    assert all(np.isfinite(w).all() for w in model.weights().values())
    again = compiled(backend, **MSE | {"optimizer": pf.SGD(1e30)}, schedule="cosine")
    again.fit(x, y, epochs=9, batch_size=3, callbacks=[Stop(step=model.steps_done)])
    assert model.steps_done in (bad - 1, bad - 2)
    assert worst(model.weights(), again.weights())[0] == 0


@on_each
def test_what_a_callback_planted_is_found(backend):
    x, y = numbers()
    # A copy each step holds what the callback did after the last one.
    for values, fault in (
        ({"first_weight": np.inf}, "weight first.weight"),
        (
            {"first_weight": 1e200, "first_bias": 1e205, "last_weight": 1e200},
            "output of last",
        ),
    ):
        model = compiled(backend, **MSE)
        text = "step 4 (epoch 1, its step 4): the loss became "
        plant = Plant(3, **values)
        diverges(model, text, 3, x, y, every=1, callbacks=[plant])
        again = compiled(backend, **MSE)
        text = f"; the first tensor at fault is the {fault} "
        diverges(again, text, 3, x, y, every=1, callbacks=[plant])


@on_each
@pytest.mark.parametrize("sample", [6, 10])
def test_every_batch_of_an_accumulated_step_is_looked_at(sample, backend):
    x, y = numbers()
    x[sample] = 1.7e308  # in the first or the second batch of step 2
    model = compiled(backend, **MSE, accumulate=2, ema=0.9)
    model.load_weights(model.weights() | {"first.weight": np.full((4, 9), 0.5)})
    text = "; the first tensor at fault is the output of first "
    diverges(model, text, 1, x, y)


@on_each
def test_batches_of_an_iterator_cannot_be_had_again(backend):
    x, y = numbers()
    y[7] = 1e200
    batches = [(x[i : i + 3], y[i : i + 3]) for i in range(0, 14, 3)]
    model = compiled(backend, **MSE)
    fails(
        DivergedError,
        lambda: model.fit(batches, callbacks=["terminate_on_nan"]),
        "step 3 (epoch 1, its step 3): the loss became inf; its batches cannot be made "
        f"again to see where that began {HINT}",
    )


@on_each
def test_without_the_guard_nan_is_what_history_says(backend):
    x, y = numbers()
    y[7] = 1e200
    history = compiled(backend, **MSE).fit(x, y, batch_size=3, shuffle=False)
    assert not math.isfinite(history["loss"][0])


@on_each
def test_the_guard_changes_no_training_that_does_not_diverge(backend):
    x, y = samples()
    model = compiled(backend, optimizer=MOMENTUM)
    model.fit(
        x, y, epochs=2, batch_size=3, shuffle=False,
        callbacks=[{"type": "terminate_on_nan", "every": 3}],
    )  # fmt: skip
    assert worst(model.weights(), snapshots(backend, MOMENTUM, 10)[10])[0] == 0


@on_each
@pytest.mark.parametrize("guarded", [False, True], ids=["stopped", "diverged"])
def test_no_gradients_of_a_half_done_step_stay_behind(guarded, backend):
    """A callback that tolerates delay ends the training while a later step has begun."""

    x, y = samples()
    options = {"loss": "mse", "optimizer": MOMENTUM, "accumulate": 3}
    targets = np.random.default_rng(3).normal(size=(14, 3))
    targets[5] *= 1e200 if guarded else 1  # in step 2; the loss overflows
    model = compiled(backend, **options)
    fit = {"epochs": 9, "batch_size": 1, "shuffle": False}
    if guarded:
        with pytest.raises(DivergedError, match="step 2 .*the loss itself is at fault"):
            model.fit(x, targets, callbacks=["terminate_on_nan"], **fit)
        assert model.steps_done == 1
    else:
        model.fit(x, targets, callbacks=[LateStop(step=2)], **fit)
        assert 2 <= model.steps_done <= 4
    again = compiled(backend, **options)
    again.fit(x, targets, callbacks=[Stop(step=model.steps_done)], **fit)
    for each in (model, again):
        each.train_step(x[:3], targets[:3])
    assert worst(model.weights(), again.weights())[0] == 0
