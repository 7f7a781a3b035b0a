"""A training loop in NumPy, by the definitions: what every feature of ``fit`` means.

Gradients are the definitions' own, by complex steps, Im f(w + ih) / h, which nothing
cancels in (Squire & Trapp 1998): exact to rounding. So no framework is in it.
"""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from support import as_list, distance, within, worst

import polyframe as pf
from polyframe.randomness import draw, initial_weights, order
from polyframe.spec.losses import parse_losses
from polyframe.spec.meaning import interpret
from polyframe.spec.settings import Training
from polyframe.spec.typed import flatten

EXACT = 1e-11
STEP = 1e-30
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


class Analytic(np.ndarray):
    """Complex numbers whose variance can be differentiated: NumPy's takes |x|."""

    def __array_function__(self, function, types, args, kwargs):
        found = super().__array_function__(function, types, args, kwargs)
        return found.view(Analytic) if isinstance(found, np.ndarray) else found

    def var(self, axis=None, ddof=0):
        apart = (self - self.mean(axis, keepdims=True)) ** 2
        return apart.sum(axis) / (self.size // apart.sum(axis).size - ddof)


class Trainer:
    """Whole steps on canonical weights; everything is public and may be looked at.

    ``frozen`` are the layers that ``freeze`` means, spelt out.
    """

    def __init__(self, net, loss, optimizer, training=None, seed=0, frozen=()):
        self.graph, self.seed = net.infer({}), seed
        self.training = training or Training()
        self.losses = parse_losses(loss, self.graph.outputs)
        self.optimizer = optimizer.resolve({})
        self.lr = self.optimizer.lr
        parameters = self.graph.parameters
        self.weights = initial_weights(parameters, seed, "float64")
        self.trainable = [n for n, p in parameters.items() if p.trainable]
        self.trained = [n for n in self.trainable if n.rpartition(".")[0] not in frozen]
        self.norms = {n.owner for n in self.graph.walk() if n.layer.type == "BatchNorm"}
        self.state = {n: self.optimizer.start(self.weights[n]) for n in self.trained}
        self.average = {n: self.weights[n].copy() for n in self.trained}
        self.step = 0
        self.losses_seen, self.rates = [], []

    def draws(self, count, first):
        """The factors of dropout for samples ``first`` … of this step."""
        nodes = [n for n in flatten(self.graph).nodes if n.layer.random]
        return {
            n.path: draw(n.layer, n.in_shapes, (self.seed, "draw", self.step, n.path),
                         first, count, "float64")
            for n in nodes
        }  # fmt: skip

    def loss(self, weights, part, factors, first, count):
        """One batch's share of a step's loss, and its new running statistics."""
        x, y = as_list(part[0]), as_list(part[1])
        known, state = interpret(
            self.graph, weights, x, training=True, draws=self.draws(len(x[0]), first)
        )
        total = 0.0
        for loss, name, target, factor in zip(
            self.losses, self.graph.outputs, y, factors
        ):
            values = loss.define(known[name], target)
            total = total + loss.loss_weight * (factor * values).sum() / count
        return total, state

    def slope(self, *batch):
        """The gradients of ``loss``, by a complex step in each number."""
        found = {}
        analytic = {
            n: w.astype(complex).view(Analytic) for n, w in self.weights.items()
        }
        for name in self.trainable:
            found[name] = np.zeros(self.weights[name].shape)
            for index in np.ndindex(found[name].shape):
                analytic[name][index] += 1j * STEP
                found[name][index] = self.loss(analytic, *batch)[0].imag / STEP
                analytic[name][index] -= 1j * STEP
        return found

    def factors(self, parts):
        """Weights of samples, over their labels' mean: part → output → (N,)."""
        found = [[] for _ in parts]
        for index, loss in enumerate(self.losses):
            columns, every = [], []
            for part in parts:
                y = as_list(part[1])[index]
                w = np.ones(len(y)) if len(part) < 3 else np.asarray(part[2], float)
                columns.append(w)
                if loss.type == "cross_entropy" and loss.class_weights and y.ndim == 1:
                    w = w * np.array(loss.class_weights)[y]
                every.append(w)
            mean = np.concatenate(every).mean()
            for row, w in zip(found, columns):
                row.append(w / mean if mean else w)
        return found

    def gradients(self, parts):
        """(loss, gradients) of a whole step; running statistics move."""
        count = sum(len(as_list(part[1])[0]) for part in parts)
        first, total, sums = 0, 0.0, None
        for part, factors in zip(parts, self.factors(parts)):
            batch = (part, factors, first, count)
            slopes = self.slope(*batch)
            loss, state = self.loss(self.weights, *batch)
            self.weights |= state
            total += loss
            sums = slopes if sums is None else {n: sums[n] + slopes[n] for n in sums}
            first += len(as_list(part[1])[0])
        return total, sums

    def take(self, *parts):
        """One optimizer step on some batches; its loss."""
        loss, gradients = self.gradients(parts)
        gradients = {n: gradients[n] for n in self.trained}
        bound, limit = self.training.clip_norm, self.training.clip_value
        if bound is not None:
            norm = np.sqrt(sum((g**2).sum() for g in gradients.values()))
            gradients = {
                n: g * min(1, bound / (norm + 1e-6)) for n, g in gradients.items()
            }
        if limit is not None:
            gradients = {n: np.clip(g, -limit, limit) for n, g in gradients.items()}
        self.step += 1
        for name, g in gradients.items():
            self.weights[name] = self.rule(name).define(
                self.weights[name], g, self.state[name], self.lr, self.step
            )
            if self.training.ema is not None:
                a, keep = self.average[name], self.training.ema
                self.average[name] = keep * a + (1 - keep) * self.weights[name]
        self.losses_seen.append(loss)
        self.rates.append(self.lr)
        return loss

    def rule(self, name):
        """The optimizer as it treats a parameter: "kernels" spelt out by names."""
        o = self.optimizer
        if o.decay_on == "all":
            return o
        vector = name.endswith(".bias") or name.rpartition(".")[0] in self.norms
        decay = 0.0 if vector else o.weight_decay
        return dataclasses.replace(o, weight_decay=decay, decay_on="all")

    def fit(self, x, y, epochs, batch_size, w=None, shuffle=True, rate=None):
        """Epochs over arrays; ``rate`` gives the step's rate by epochs done."""
        count, group = len(as_list(y)[0]), self.training.accumulate
        losses = []
        for epoch in range(epochs):
            rows = order(self.seed, epoch, count) if shuffle else np.arange(count)
            cuts = [rows[i : i + batch_size] for i in range(0, count, batch_size)]
            groups = [cuts[i : i + group] for i in range(0, len(cuts), group)]
            losses.append(0.0)
            for index, cut in enumerate(groups):
                if rate is not None:
                    self.lr = rate(epoch + index / len(groups))
                parts = [
                    tuple(rows_of(a, c) for a in (x, y, *([] if w is None else [w])))
                    for c in cut
                ]
                share = sum(map(len, cut)) / count
                losses[-1] += self.take(*parts) * share
        return losses

    def training_state(self):
        """As ``Model.training_state`` gives it."""
        found = {f"{n}/{k}": v for n in self.state for k, v in self.state[n].items()}
        if self.training.ema is not None:
            found |= {f"{n}/average": a for n, a in self.average.items()}
        return found

    def inference_weights(self):
        """Averages where there are any."""
        return self.weights | (self.average if self.training.ema is not None else {})

    def predict(self, x):
        known, _ = interpret(self.graph, self.inference_weights(), as_list(x))
        found = [known[name] for name in self.graph.outputs]
        return found if len(found) > 1 else found[0]


def rows_of(array, rows):
    return [a[rows] for a in array] if isinstance(array, list) else array[rows]


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

    lags = True

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
    epochs: int = 2
    batch_size: int = 3

    @functools.cached_property
    def xy(self):
        return self.data or samples(self.net)

    @functools.cache  # noqa: B019 - as many as there are cases
    def expected(self):
        """The trainer behind its last step, and each epoch's loss."""
        trainer = Trainer(
            self.net, self.loss, self.optimizer, Training(**self.options),
            frozen=self.frozen,
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
        found = [
            worst(model.weights(), trainer.weights),
            worst(model.inference_weights(), trainer.inference_weights()),
            (distance([s.loss for s in steps], trainer.losses_seen), "losses of steps"),
            (distance(history["loss"], losses), "losses of epochs"),
        ]
        if trainer.training_state() or model.training_state():
            found.append(worst(model.training_state(), trainer.training_state()))
        apart, name = max(found)
        within(FAMILY, apart, EXACT, (*detail, name))
        assert [s.lr for s in steps] == trainer.rates
        assert (
            [s.step for s in steps]
            == [*range(1, trainer.step + 1)]
            == [*range(1, model.step + 1)]
        )
        x = self.xy[0]
        for a, b in zip(as_list(model.predict(x)), as_list(trainer.predict(x))):
            within(FAMILY, distance(a, b), EXACT, (*detail, "predict"))
        return model, trainer


def agree(found, wanted, detail=""):
    """Two mappings of arrays are the same up to rounding."""
    apart, name = worst(found, wanted)
    within(FAMILY, apart, EXACT, (detail, name))


class Stop(pf.train.Callback):
    """Ends the training behind a step, or an epoch."""

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

    lags = True


def snapshots(backend, optimizer, steps):
    """The weights before and behind each of some steps, by train_step."""
    x, y = samples()
    model = compiled(backend, optimizer=optimizer)
    found = [model.weights()]
    for number in range(steps):
        part = slice(3 * (number % 5), 3 * (number % 5) + 3)
        model.train_step(x[part], y[part])
        found.append(model.weights())
    return found
