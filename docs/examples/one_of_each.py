"""A plug-in with one of each kind, beside the layer of squared_relu.py.

polyframe train mine.yaml -b torch --plugin docs/examples/one_of_each.py
"""

import json
from typing import ClassVar

import numpy as np

from polyframe import data, train
from polyframe.backends.pytorch.backend import Torch
from polyframe.compiler.python.code import Code, entry
from polyframe.compiler.python.source import Name, call
from polyframe.compiler.table import Entry, Form, add_entries
from polyframe.contract.registry import register
from polyframe.io.atomic import write_atomic
from polyframe.spec.augmentations import Augmentation
from polyframe.spec.callbacks import CallbackSpec, FileName
from polyframe.spec.element import define
from polyframe.spec.fields import UNSET, Float, field
from polyframe.spec.layers.base import Layer
from polyframe.spec.losses import Loss
from polyframe.spec.metrics import Metric
from polyframe.spec.optimizers import Optimizer
from polyframe.spec.schedules import Schedule

# --- a random layer ----------------------------------------------------------------


@define
class UniformNoise(Layer):
    """``x + width · (u - 1/2)``, u from 0 to 1 for each number, while training."""

    width: float = field(Float(0.0), default=0.1)
    short: ClassVar[str] = "noise"
    random: ClassVar[bool] = True
    examples = (({}, ((3, 4, 5),)), ({"width": 0.5}, ((6,),)))

    def infer(self, *shapes):
        return shapes[0]

    def define(self, at, *x):
        return x[0] + at.draw if at.training and at.draw is not None else x[0]

    def draw_shape(self, *shapes):
        return shapes[0]

    def draw(self, bits):
        return self.width * (bits / 2**32 - 0.5)

    def draw_formula(self):
        return f"{self.width!r} * (bits / 2**32 - 0.5)"


def noise(forward):
    """An entry for aligned semantics; for inference there is nothing to write."""
    drawn = Form(
        "aligned",
        lambda view: Code(forward, draws=True),
        lambda view: view.target.semantics == "aligned" and view.target.training,
    )
    identity = Form(
        "identity", lambda view: Code("{0}"), lambda view: not view.target.training
    )
    return Entry((drawn, identity), gap="only with aligned semantics")


add_entries("torch", {"UniformNoise": noise("{0} + {draw} if random else {0}")})
add_entries("tensorflow", {"UniformNoise": noise("{0} + {draw} if random else {0}")})
added = "F.broadcast_add({0}, {draw}) if random else {0}"
add_entries("mxnet", {"UniformNoise": noise(added)})

# --- a loss ------------------------------------------------------------------------


@define
class Cauchy(Loss):
    """``mean(log(1 + (output - target)²))``, which outliers hardly move."""

    word = "cauchy"

    def define(self, output, target):
        losses = np.log1p((output - target) ** 2)
        return losses.reshape(len(losses), -1).mean(axis=1)


def cauchy(*lines):
    """The lines of a function of ``output`` and ``target``: one number a sample."""
    return entry(Code(body=("    losses = (output - target) ** 2", *lines)))


add_entries(
    "torch", {"cauchy": cauchy("    return losses.log1p().flatten(1).mean(1)  # (N,)")}
)
add_entries(
    "tensorflow",
    {
        "cauchy": cauchy(
            "    losses = tf.math.log1p(losses)",
            "    return tf.reduce_mean(losses, range(1, losses.shape.rank))  # (N,)",
        )
    },
)
add_entries(
    "mxnet",
    {
        "cauchy": cauchy(
            "    losses = nd.log1p(losses)",
            "    return nd.mean(losses, axis=0, exclude=True)  # (N,)",
        )
    },
)

# --- an optimizer ------------------------------------------------------------------


@define
class HeavyBall(Optimizer):
    """``v = inertia · v + g``; ``w -= lr · v`` (Polyak 1964)."""

    lr: float = field(Float(0.0), default=UNSET, aligned=0.01)
    inertia: float = field(Float(0.0, 1.0, below=True, above=True), default=0.9)
    examples = ({"lr": 0.1}, {"lr": 0.05, "inertia": 0.5})

    @property
    def state(self):
        return ("momentum_buffer",)

    def define(self, w, g, state, lr, step):
        state["momentum_buffer"] = self.inertia * state["momentum_buffer"] + g
        return w - lr * state["momentum_buffer"]


def sgd(function, rate, first, snippet=()):
    """Each framework's programs have such an optimizer: SGD with momentum."""

    def write(view):
        rule = view.rule
        options = {"lr": rule.lr} if rate else {}
        options["momentum"] = rule.inertia
        name, value = first
        given = {name: rule.lr if value is None else Name(value)}
        return Code(make=call(function, given, **options), snippets=snippet)

    return entry(write)


parameters, variables = "model.parameters()", "model.trainable_variables"
add_entries(
    "torch", {"HeavyBall": sgd("torch.optim.SGD", True, ("params", parameters))}
)
add_entries(
    "tensorflow", {"HeavyBall": sgd("SGD", False, ("variables", variables), ("SGD",))}
)
add_entries(
    "mxnet",
    {"HeavyBall": sgd("SGD", False, ("learning_rate", None), ("exact.SGD",))},
)

# --- a schedule --------------------------------------------------------------------


@define
class InverseSqrt(Schedule):
    """``1 / sqrt(1 + at)``, at being the epochs that have passed."""

    word = "inverse_sqrt"

    def factor(self, at, total, rows):
        return 1 / np.sqrt(1 + at)


# --- a metric ----------------------------------------------------------------------


@define
class MaxError(Metric):
    """The largest of |output - target| over all numbers."""

    word = "max_error"
    larger_is_better = False

    def start(self, shape):
        return np.zeros(1)

    def update(self, totals, output, target, weights=None):
        errors = np.abs(output - target)
        if weights is not None:
            errors = errors[weights > 0]
        return np.maximum(totals, errors.max(initial=0))

    def value(self, totals):
        return float(totals[0])


# --- a callback --------------------------------------------------------------------


@define
class Streak(CallbackSpec):
    """Writes how many epochs in a row the loss has fallen."""

    word = "streak"
    file: str = field(FileName(".json"), default="streak.json")

    @property
    def writes(self):
        return self.file


class StreakCounter(train.SpecCallback):
    """Runs ``streak``. What ``state`` gives goes into checkpoints."""

    def __init__(self, spec, folder):
        super().__init__(spec, folder)
        self.last, self.count = None, 0

    def on_epoch_end(self, model, epoch, row):
        fallen = self.last is None or row["loss"] < self.last
        self.last, self.count = row["loss"], self.count + 1 if fallen else 0
        write_atomic(
            self.folder / self.spec.file,
            json.dumps({"streak": self.count, "epoch": epoch}),
        )

    def state(self):
        return {"last": self.last, "count": self.count}

    def restore(self, state):
        self.last, self.count = float(state["last"]), int(state["count"])


train.register_callback(Streak, StreakCounter)

# --- an augmentation ---------------------------------------------------------------


@define
class Negative(Augmentation):
    """Turns the sign of a sample, with probability ``p``, and of its target."""

    word = "negative"
    words = 1  # uniform 32-bit integers for each sample
    p: float = field(Float(0.0, 1.0), default=0.5)

    def apply(self, x, y, bits, classes):
        sign = np.where(bits[:, 0] < self.p * 2**32, -1, 1).astype(x.dtype)
        return (
            x * sign.reshape(-1, *[1] * (x.ndim - 1)),
            y * sign.reshape(-1, *[1] * (y.ndim - 1)),
        )


# --- a data set --------------------------------------------------------------------


def ramps(*, size=8, count=64):
    """Images that grow to the right; the target is how steeply."""
    slope = np.linspace(-1, 1, count, dtype=np.float32)
    x = slope[:, None, None, None] * np.linspace(0, 1, size, dtype=np.float32)
    x = np.broadcast_to(x, (count, 1, size, size)).copy()
    every = slope[:, None].copy()
    test = slice(None, None, 4)
    return data.build(
        "ramps", (x, every), (x[test], every[test]), source="made by a plug-in"
    )


data.register_dataset(
    "ramps", ramps, "images that grow to the right; options size, count"
)

# --- a backend ---------------------------------------------------------------------


class PlainTorch(Torch):
    """PyTorch under another name, with the defaults of Keras's batch norm."""

    name = "plain-torch"
    title = "PyTorch, plainly"
    defaults: ClassVar = {"BatchNorm": {"eps": 1e-3, "momentum": 0.01}}


register(PlainTorch)
