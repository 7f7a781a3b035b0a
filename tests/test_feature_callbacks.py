"""What callbacks of a user's own see and end, and where a training diverged, on every
backend."""

from __future__ import annotations

import math

import numpy as np
import pytest
from failing import fails
from feature_oracle import BACKENDS, EXACT, compiled, plain, samples
from support import distance, worst

import polyframe as pf
from polyframe.errors import DivergedError, PolyframeError
from polyframe.train import Callback, StopTraining

MOMENTUM = pf.SGD(0.1, momentum=0.9)
on_each = pytest.mark.parametrize("backend", BACKENDS)


class Teller(Callback):
    """Writes down all that it is told."""

    def __init__(self):
        self.told = []

    def on_fit_begin(self, model, plan):
        self.told.append(("begin", plan.epochs, plan.steps, plan.batch_size))

    def on_step_end(self, model, step):
        self.told.append(("step", step.step))

    def on_epoch_end(self, model, epoch, row):
        self.told.append(("epoch", epoch, row["epoch"]))

    def on_fit_end(self, model):
        self.told.append(("end", model.step))


class Lagging(Teller):
    lags = True


class Stop(Callback):
    """Ends the training behind a step, or an epoch."""

    def __init__(self, step=None, epoch=None):
        self.at = step, epoch

    def on_step_end(self, model, step):
        if step.step == self.at[0]:
            raise StopTraining(f"step {step.step}")

    def on_epoch_end(self, model, epoch, row):
        if epoch == self.at[1]:
            raise StopTraining(f"epoch {epoch}")


def snapshots(backend, steps, **options):
    """The weights before and behind each of some steps, by train_step."""
    x, y = samples()
    model = compiled(backend, optimizer=MOMENTUM, **options)
    found = [model.weights()]
    for number in range(steps):
        part = slice(3 * (number % 5), 3 * (number % 5) + 3)
        model.train_step(x[part], y[part])
        found.append(model.weights())
    return found


@on_each
@pytest.mark.parametrize("first", [False, True], ids=["behind", "in front"])
def test_a_stop_ends_behind_the_step_and_all_are_told(first, backend):
    x, y = samples()
    others = [Teller(), Lagging()]
    stop = Stop(step=7)
    callbacks = [stop, *others] if first else [*others, stop]
    model = compiled(backend, optimizer=MOMENTUM)
    history = model.fit(
        x, y, epochs=3, batch_size=3, shuffle=False, callbacks=callbacks
    )
    wanted = [
        ("begin", 3, 5, 3),
        *[("step", n) for n in range(1, 6)], ("epoch", 1, 1), ("step", 6), ("step", 7),
        ("end", 7),
    ]  # fmt: skip
    assert [c.told for c in others] == [wanted, wanted]
    assert history.stopped == "step 7"
    assert (len(history), model.step, model.epoch) == (1, 7, 1)
    assert worst(model.weights(), snapshots(backend, 7)[7])[0] == 0


@on_each
def test_a_stop_behind_an_epoch(backend):
    x, y = samples()
    teller = Lagging()
    model = compiled(backend)
    history = model.fit(x, y, epochs=9, batch_size=3, callbacks=[Stop(epoch=2), teller])
    assert history.stopped == "epoch 2"
    assert (len(history), model.step, model.epoch) == (2, 10, 2)
    assert teller.told[-2:] == [("epoch", 2, 2), ("end", 10)]
    # fit called again goes on counting.
    model.fit(x, y, epochs=1, batch_size=3, callbacks=[teller])
    assert (model.step, model.epoch) == (15, 3)
    assert teller.told[-1] == ("end", 15)
    assert ("begin", 3, 5, 3) in teller.told


@on_each
def test_a_callback_that_does_not_lag_sees_each_step_as_it_is(backend):
    (x, y), seen = samples(), []

    class Look(Callback):
        def on_step_end(self, model, step):
            assert model.step == step.step
            seen.append(model.weights())

    model = compiled(backend, optimizer=MOMENTUM)
    model.fit(
        x, y, epochs=2, batch_size=3, shuffle=False, callbacks=[Lagging(), Look()]
    )
    wanted = snapshots(backend, 10)[1:]
    assert len(seen) == len(wanted)
    for one, other in zip(seen, wanted):
        assert worst(one, other)[0] == 0


@on_each
def test_a_rest_shows_the_weights_of_its_place(backend):
    (x, y), seen = samples(), {}

    class Rest(Callback):
        def rests(self, step):
            return step % 3 == 0

        def on_rest(self, model, place):
            at = place()
            assert at.step == model.step == 5 * at.epoch + at.index
            seen[at.step] = model.weights()

    model = compiled(backend, optimizer=MOMENTUM)
    model.fit(x, y, epochs=2, batch_size=3, shuffle=False, callbacks=[Rest()])
    assert list(seen) == [0, 3, 5, 6, 9, 10]
    wanted = snapshots(backend, 10)
    for step, weights in seen.items():
        assert worst(weights, wanted[step])[0] == 0


@on_each
def test_looking_in_between_changes_nothing(backend):
    x, y = samples()

    class Nosy(Callback):
        def on_step_end(self, model, step):
            model.predict(x)
            model.gradients(x, y)
            model.activations(x, training=True)
            model.training_state()
            model.evaluate(x, y)

    model = compiled(backend, optimizer=MOMENTUM)
    model.fit(x, y, epochs=2, batch_size=3, shuffle=False, callbacks=[Nosy()])
    assert worst(model.weights(), snapshots(backend, 10)[10])[0] == 0


def test_a_callbacks_state_comes_back_with_a_checkpoint(tmp_path):
    x, y = samples()

    class Counts(Callback):
        def __init__(self):
            self.steps = 0

        def on_step_end(self, model, step):
            self.steps += 1

        def state(self):
            return {"steps": self.steps}

        def restore(self, state):
            self.steps = state["steps"]

    class Other(Counts):
        def state(self):
            return {}

    def run(epochs, *callbacks):
        model = compiled("torch", optimizer=MOMENTUM)
        model.fit(
            x, y, epochs=epochs, batch_size=3, folder=tmp_path,
            resume=tmp_path / "checkpoint",
            callbacks=["model_checkpoint", *callbacks],
        )  # fmt: skip
        return model

    run(1, Counts(), Counts(), Other())
    # By class, the second with a number: their order among others does not matter.
    one, two, other = Counts(), Counts(), Other()
    model = run(3, other, one, two)
    assert (one.steps, two.steps, other.steps) == (15, 15, 10)
    whole = compiled("torch", optimizer=MOMENTUM)
    whole.fit(x, y, epochs=3, batch_size=3)
    assert worst(model.weights(), whole.weights())[0] == 0


@pytest.mark.parametrize(
    ("callbacks", "text"),
    [
        (["early_stoping"], "Did you mean 'early_stopping'?"),
        ([3], "callbacks: got 3; an object of a class of polyframe.train.Callback"),
        ([Callback], "callbacks: got "),
    ],
)
def test_what_is_no_callback(callbacks, text):
    x, y = samples()
    model = compiled("torch")
    fails(PolyframeError, lambda: model.fit(x, y, callbacks=callbacks), text)
    assert model.step == 0


@on_each
def test_a_callbacks_own_error_comes_through(backend):
    (x, y) = samples()

    class Broken(Callback):
        def on_step_end(self, model, step):
            raise ZeroDivisionError("mine")

    model = compiled(backend)
    with pytest.raises(ZeroDivisionError, match="mine"):
        model.fit(x, y, batch_size=3, callbacks=[Broken()])
    assert model.step == 1


# --- divergence --------------------------------------------------------------------


class Plant(Callback):
    """Sets the first number of a weight behind a step."""

    def __init__(self, step, name, value):
        self.step, self.name, self.value = step, name, value

    def on_step_end(self, model, step):
        if step.step == self.step:
            weights = model.weights()
            weights[self.name].flat[0] = self.value
            model.load_weights(weights)


def diverge(backend, text, where, x, y, before=(), every=500, **options):
    """fit fails with that text; the model behind it."""
    fit = {"epochs": 3, "batch_size": 3, "shuffle": False}
    model = compiled(backend, **options)
    guard = pf.TerminateOnNaN(every)
    message = fails(
        DivergedError,
        lambda: model.fit(x, y, callbacks=[*before, guard], **fit),
        text,
    )
    assert message.startswith(f"{where}: the loss became ")
    assert "a lower learning rate, clip_norm, or a warm-up" in message
    return model


LINEAR = pf.Sequential([pf.Flatten(), pf.Dense(3, name="fc")], (1, 3, 3), name="linear")


def numbers(net=LINEAR):
    return samples(net)[0], np.random.default_rng(3).normal(size=(14, 3))


EVERY = pytest.mark.parametrize("every", [1, 2, 500])


@on_each
@EVERY
@pytest.mark.parametrize("sample", [0, 10, 13])
def test_an_output_that_overflows_is_named(sample, every, backend):
    x, y = samples()
    x[sample] = 1e200
    step = sample // 3 + 1
    model = compiled(backend, optimizer=MOMENTUM)
    start = {
        n: w * 1e120 if n == "fc1.weight" else w for n, w in model.weights().items()
    }
    start["conv.weight"] = np.abs(start["conv.weight"]) + 1
    start["fc2.weight"] *= 0  # so that the losses before are tame
    model.load_weights(start)
    seen = []

    class Look(Callback):
        def on_rest(self, model, place):
            seen.append((model.step, model.weights()))

        def rests(self, step):
            return True

    text = f"step {step} (epoch 1, its step {step}): the loss became nan; the first "
    text += "tensor at fault is the output of fc1"
    fails(
        DivergedError,
        lambda: model.fit(
            x * 1.0, y, batch_size=3, shuffle=False, callbacks=[Look(), guard(every)]
        ),
        text,
    )
    assert model.step == step - 1
    assert worst(model.weights(), dict(seen)[step - 1])[0] == 0


def guard(every):
    return {"type": "terminate_on_nan", "every": every}
