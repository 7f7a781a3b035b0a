"""Trainings as tests hold them against the oracle of ``polyframe.conformance``."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from helpers.support import as_list, distance, within, worst

import polyframe as pf
from polyframe.conformance.oracle import Trainer
from polyframe.spec.settings import Training

EXACT = 1e-11
FAMILY = "features: training against NumPy, float64"

plain = pf.Sequential(
    [
        pf.Conv2D(2, 2, name="conv"), pf.ReLU(), pf.Flatten(),
        pf.Dense(4, name="fc1"), pf.ReLU(), pf.Dense(3, name="fc2"),
    ],
    (1, 3, 3), name="plain",
)  # fmt: skip
dropped = pf.Sequential(
    [pf.Dense(5, name="fc1"), pf.Dropout(0.4, name="drop"), pf.Dense(3, name="fc2")],
    (4,),
    name="dropped",
)
# No bias before the norm: its gradient is 0, and rounding makes of it what it likes.
normed = pf.Sequential(
    [
        pf.Conv2D(2, 2, bias=False, name="conv"), pf.BatchNorm(name="bn"), pf.ReLU(),
        pf.Flatten(), pf.Dense(3, name="fc"),
    ],
    (1, 3, 3), name="normed",
)  # fmt: skip


def samples(net=plain, count=14, seed=0):
    """Random samples, and labels of three classes."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, *net.graph.inputs[0][1]))
    return x, rng.integers(0, 3, count)


def compiled(backend, net=plain, loss="cross_entropy", optimizer=None, **options):
    """A model of a float64 training on the CPU."""
    options = {"dtype": "float64", "device": "cpu"} | options
    return pf.compile(net, backend, loss, optimizer or pf.SGD(0.1), **options)


class Seen(pf.train.Callback):
    """Keeps every step that the loop tells of."""

    tolerates_delay = True

    def __init__(self):
        self.steps = []

    def on_step_end(self, model, step):
        self.steps.append(step)


@dataclass(frozen=True, eq=False)
class Case:
    """A training, as ``compile`` and ``fit`` are told of it, and what ``Trainer`` is
    told instead: the layers that freeze means, the schedule's formula."""

    net: Any = plain
    loss: Any = "cross_entropy"
    optimizer: Any = pf.SGD(0.1)
    options: dict[str, Any] = field(default_factory=dict)
    data: Any = None
    weights: Any = None
    schedule: Any = None
    rate: Any = None
    frozen: tuple[str, ...] = ()
    multipliers: dict[str, tuple[float, float]] = field(default_factory=dict)
    thawed: dict[int, tuple[str, ...]] = field(default_factory=dict)
    epochs: int = 2
    batch_size: int = 3

    @functools.cached_property
    def xy(self):
        return self.data or samples(self.net)

    @functools.cache  # noqa: B019 - as many as there are cases
    def expected(self):
        """The trainer after its last step, and each epoch's loss."""
        trainer = Trainer(
            self.net, self.loss, self.optimizer, Training(**self.options),
            frozen=self.frozen, multipliers=self.multipliers, thawed=self.thawed,
        )  # fmt: skip
        losses = trainer.fit(
            *self.xy, self.epochs, self.batch_size, self.weights, rate=self.rate
        )
        return trainer, losses

    def run(self, backend):
        """The same on a backend: (model, steps seen, history)."""
        model = compiled(
            backend, self.net, self.loss, self.optimizer, schedule=self.schedule,
            **self.options,
        )  # fmt: skip
        seen = Seen()
        history = model.fit(
            *self.xy, epochs=self.epochs, batch_size=self.batch_size, callbacks=[seen],
            sample_weight=self.weights,
        )  # fmt: skip
        return model, seen.steps, history

    def check(self, backend):
        """Hold a backend's training against NumPy; (model, trainer)."""
        trainer, losses = self.expected()
        model, steps, history = self.run(backend)
        detail = (self.net.name, self.optimizer, self.options, backend)
        distances = [
            worst(model.weights(), trainer.weights),
            worst(model.inference_weights(), trainer.inference_weights()),
            (distance([s.loss for s in steps], trainer.step_losses), "losses of steps"),
            (distance(history["loss"], losses), "losses of epochs"),
        ]
        if trainer.training_state() or model.training_state():
            distances.append(worst(model.training_state(), trainer.training_state()))
        apart, name = max(distances)
        within(FAMILY, apart, EXACT, (*detail, name))
        assert [s.lr for s in steps] == trainer.rates
        assert (
            [s.step for s in steps]
            == [*range(1, trainer.step + 1)]
            == [*range(1, model.steps_done + 1)]
        )
        x = self.xy[0]
        for a, b in zip(as_list(model.predict(x)), as_list(trainer.predict(x))):
            within(FAMILY, distance(a, b), EXACT, (*detail, "predict"))
        return model, trainer


def agree(actual, wanted, detail=""):
    """Two mappings of arrays are the same up to rounding."""
    apart, name = worst(actual, wanted)
    within(FAMILY, apart, EXACT, (detail, name))


class Stop(pf.train.Callback):
    """Ends the training after a step, or an epoch."""

    def __init__(self, step=None, epoch=None):
        self.at = step, epoch

    def on_step_end(self, model, step):
        if step.step == self.at[0]:
            raise pf.train.StopTraining(f"step {step.step}")

    def on_epoch_end(self, model, epoch, row):
        if epoch == self.at[1]:
            raise pf.train.StopTraining(f"epoch {epoch}")


class LateStop(Stop):
    """The same, a few steps after the device."""

    tolerates_delay = True


def snapshots(backend, optimizer, steps):
    """The weights before and after each of some steps, by train_step."""
    x, y = samples()
    model = compiled(backend, optimizer=optimizer)
    weights = [model.weights()]
    for number in range(steps):
        part = slice(3 * (number % 5), 3 * (number % 5) + 3)
        model.train_step(x[part], y[part])
        weights.append(model.weights())
    return weights
