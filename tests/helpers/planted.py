"""Planted bugs: small mutations of a backend's programs or sessions, as data."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from helpers.opening import Opening

import polyframe as pf
from polyframe import conformance
from polyframe.conformance.localise import localise
from polyframe.conformance.subject import Subject
from polyframe.contract import registry
from polyframe.contract.session import TrainingSession


def net():
    """A small net of many words, each with options that a bug would get wrong."""
    x = pf.Input((4, 7, 6), name="x")
    h = pf.Conv2D(4, 3, padding=((0, 1), (1, 0)), groups=2, bias=False, name="conv")(x)
    h = pf.BatchNorm(eps=1e-2, momentum=0.2, name="norm")(h)
    h = pf.LeakyReLU(0.2, name="leaky")(h)
    h = pf.MaxPool2D(3, stride=2, ceil_mode=True, name="maxpool")(h)
    h = pf.ConvTranspose2D(3, 3, stride=2, padding=1, output_padding=1, name="up")(h)
    h = pf.ELU(0.7, name="elu")(h)
    h = pf.AvgPool2D(2, padding=1, count_include_pad=False, name="avgpool")(h)
    h = pf.LayerNorm(eps=1e-2, name="layernorm")(h)
    h = pf.GELU(name="gelu")(h)
    h = pf.Conv2D(4, 2, dilation=2, name="wide")(h)
    h = pf.ReLU(name="relu")(h)
    h = pf.Upsample(5, mode="bilinear", align_corners=True, name="resize")(h)
    h = pf.Flatten(name="flatten")(h)
    h = pf.Dense(6, name="fc1")(h)
    k = pf.Dropout(0.3, name="drop")(pf.ReLU6(name="relu6")(h))
    h = pf.Add(name="add")(h, k)
    return pf.ModelSpec(x, pf.Dense(4, name="fc2")(h), name="net")


NET = net()
LOSS = pf.CrossEntropy(
    label_smoothing=0.1, class_weights=(0.5, 2.0, 1.0, 1.5), ignore_index=3
)
RULES = {
    "sgd": pf.SGD(
        0.01, momentum=0.9, nesterov=True, weight_decay=0.1, decay_on="kernels"
    ),
    "adam": pf.Adam(0.01, beta2=0.95, eps=1e-3, weight_decay=0.1),
    "adamw": pf.AdamW(0.01, eps=1e-3, weight_decay=0.1, amsgrad=True),
    "rmsprop": pf.RMSProp(0.01, alpha=0.9, eps=1e-3, momentum=0.8, centered=True),
}


POOLED = pf.Sequential(
    [
        pf.Conv2D(3, 2, name="conv"),
        pf.MaxPool2D(2, stride=2, ceil_mode=True, name="maxpool"),
        pf.GlobalAvgPool2D(name="mean"), pf.Dense(4, name="fc"),
    ],
    (2, 6, 6), name="pooled",
)  # fmt: skip


def subject(rule, spec=NET):
    """The net under a rule; the rate changes at the third step."""
    return Subject(spec, loss=LOSS, optimizer=RULES[rule], batch_size=5, rate_change=3)


@dataclass(frozen=True)
class Bug:
    """One bug: the text it changes or what it does to a session; the part of the suite
    that has to catch it; what ``diff`` has to name, None (and why) where it cannot."""

    name: str
    backend: str
    family: str
    entry: str
    pattern: str = ""
    new: str | Callable = ""
    session: Callable | None = None
    rule: str = "sgd"
    names: str | None = None  # a layer's path or an entry's type
    spec: object = NET
    why: str = ""

    def __str__(self):
        return f"{self.backend}: {self.name}"

    def plant(self):
        """The backend with the bug; ``hits`` counts the programs that it changed."""
        bug, original = self, registry.get(self.backend)

        class Planted(Opening, type(original)):
            hits = 0

            def write(self, *args):
                program, files = super().write(*args), {}
                for name, text in program.files.items():
                    files[name] = text
                    if bug.pattern:
                        files[name], count = re.subn(bug.pattern, bug.new, text)
                        Planted.hits += count
                return dataclasses.replace(program, files=files)

            def opened(self, session):
                if bug.session and isinstance(session, TrainingSession):
                    bug.session(session)
                    Planted.hits += 1
                return session

        return Planted()

    def caught(self):
        """The first value out of its bounds, with its check; None if there is none.

        A program that only raises has not been measured: the error comes through.
        """
        wrong = self.plant()
        for check in conformance.checks(wrong, [self.family]):
            if check.entry == self.entry:
                for measurement in check.measure():
                    if not measurement.passed:
                        assert type(wrong).hits, "the bug was not planted"
                        return f"{check.what}, {check.dtype}: {measurement.what}"
        return None

    def named(self):
        """What the localiser says, beside another backend."""
        wrong = self.plant()
        other = "torch" if self.backend != "torch" else "mxnet"
        divergence = localise(subject(self.rule, self.spec), other, wrong, steps=4)
        assert type(wrong).hits, "the bug was not planted"
        return divergence


# --- the kinds of changes ------------------------------------------------------------


def times(factor):
    """The last group is a number, which is multiplied."""
    return lambda m: (
        m[0][: m.start(m.lastindex) - m.start()] + repr(float(m[m.lastindex]) * factor)
    )


def inverted(m):
    """The last group is a share."""
    return m[0][: m.start(m.lastindex) - m.start()] + repr(1 - float(m[m.lastindex]))


def stale(session):
    """Does not take over the optimizer's state."""
    load = session.set_training_state
    session.set_training_state = lambda state, step: load(
        {k: np.zeros_like(v) for k, v in state.items()}, step
    )


def restarted(session):
    """Forgets how many steps there were."""
    load = session.set_training_state
    session.set_training_state = lambda state, step: load(state, 0)


def deaf(session):
    """Does not hear of a change of the learning rate."""
    train, first = session.train, []

    def same(batch, rate, last=True):
        first.append(rate)
        return train(batch, first[0], last)

    session.train = same


def full(session):
    """Divides a short batch by the count of a whole one."""
    stage = session.stage
    session.stage = lambda *a: stage(*a[:-1], 6 if a[-1] == 2 else a[-1])
