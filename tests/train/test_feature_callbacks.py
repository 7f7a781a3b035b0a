"""What callbacks of a user's own see and end, on every backend."""

from __future__ import annotations

import pytest
from helpers.failing import fails
from helpers.feature_oracle import Stop, compiled, samples, snapshots
from helpers.support import BACKENDS, worst

import polyframe as pf
from polyframe.errors import PolyframeError
from polyframe.train import Callback

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
        self.told.append(("end", model.steps_done))


class Lagging(Teller):
    tolerates_delay = True


@on_each
@pytest.mark.parametrize("first", [False, True], ids=["after", "before"])
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
    assert (len(history), model.steps_done, model.epoch) == (1, 7, 1)
    assert worst(model.weights(), snapshots(backend, MOMENTUM, 7)[7])[0] == 0


@on_each
def test_a_stop_behind_an_epoch(backend):
    x, y = samples()
    teller = Lagging()
    model = compiled(backend)
    history = model.fit(x, y, epochs=9, batch_size=3, callbacks=[Stop(epoch=2), teller])
    assert history.stopped == "epoch 2"
    assert (len(history), model.steps_done, model.epoch) == (2, 10, 2)
    assert teller.told[-2:] == [("epoch", 2, 2), ("end", 10)]
    # fit called again goes on counting.
    model.fit(x, y, epochs=1, batch_size=3, callbacks=[teller])
    assert (model.steps_done, model.epoch) == (15, 3)
    assert teller.told[-1] == ("end", 15)
    assert ("begin", 3, 5, 3) in teller.told


@on_each
def test_a_callback_that_does_not_lag_sees_each_step_as_it_is(backend):
    (x, y), seen = samples(), []

    class Look(Callback):
        def on_step_end(self, model, step):
            assert model.steps_done == step.step
            seen.append(model.weights())

    model = compiled(backend, optimizer=MOMENTUM)
    model.fit(
        x, y, epochs=2, batch_size=3, shuffle=False, callbacks=[Lagging(), Look()]
    )
    wanted = snapshots(backend, MOMENTUM, 10)[1:]
    assert len(seen) == len(wanted)
    for one, other in zip(seen, wanted):
        assert worst(one, other)[0] == 0


@on_each
def test_a_rest_shows_the_weights_of_its_place(backend):
    (x, y), seen = samples(), {}

    class Rest(Callback):
        def wants_pause(self, step):
            return step % 3 == 0

        def on_pause(self, model, place):
            at = place()
            assert at.step == model.steps_done == 5 * at.epoch + at.index
            seen[at.step] = model.weights()

    model = compiled(backend, optimizer=MOMENTUM)
    model.fit(x, y, epochs=2, batch_size=3, shuffle=False, callbacks=[Rest()])
    assert list(seen) == [0, 3, 5, 6, 9, 10]
    wanted = snapshots(backend, MOMENTUM, 10)
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
    assert worst(model.weights(), snapshots(backend, MOMENTUM, 10)[10])[0] == 0


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

    def run(epochs, resume, *callbacks):
        model = compiled("torch", optimizer=MOMENTUM)
        model.fit(
            x, y, epochs=epochs, batch_size=3, folder=tmp_path, resume=resume,
            callbacks=["model_checkpoint", *callbacks],
        )  # fmt: skip
        return model

    run(1, None, Counts(), Counts(), Other())
    # By class, the second with a number: their order among others does not matter.
    one, two, other = Counts(), Counts(), Other()
    model = run(3, tmp_path / "checkpoint", other, one, two)
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
    assert model.steps_done == 0


@on_each
def test_a_callbacks_own_error_comes_through(backend):
    (x, y) = samples()

    class Broken(Callback):
        def on_step_end(self, model, step):
            raise ZeroDivisionError("mine")

    model = compiled(backend)
    with pytest.raises(ZeroDivisionError, match="mine"):
        model.fit(x, y, batch_size=3, callbacks=[Broken()])
    assert model.steps_done == 1
