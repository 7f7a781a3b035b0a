"""What the float32 sweep trains, read from the registries: whatever is added there is
swept, too.

Losses stand side by side in one program, each on a small net of its own (a tower), so
that a backend compiles few programs. All else are cases of the suite's family
``features``.
"""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import numpy as np
from helpers.pairs import ends

import polyframe as pf
from polyframe.conformance import losses as loss_suite
from polyframe.conformance.feature_cases import CASES, Case
from polyframe.conformance.oracle import Trainer
from polyframe.conformance.rules import rules
from polyframe.conformance.subject import lowered, moved
from polyframe.data.random_batches import single
from polyframe.errors import PolyframeError
from polyframe.spec.augmentations import Augmentation
from polyframe.spec.fields import Float, Int
from polyframe.spec.losses import Loss
from polyframe.spec.ranges import Both, Range
from polyframe.spec.settings import TRAINING
from polyframe.train.augmentation import image_size

# --- losses ------------------------------------------------------------------------

COUNT, STEPS = 8, (slice(0, 5), slice(5, 8))
SHAPE = (1, 8, 8)
WEIGHTS = np.array([0.5, 0.0, 2.0, 1.25, 3.0, 1.0, 0.25, 4.0])
OPTIMIZER = pf.SGD(0.05)
AT_ONCE = 24
"""Towers in a program."""


class Tower(NamedTuple):
    """A loss on a net of its own; ``number`` keys its initial weights and its targets."""

    number: int
    loss: Loss
    shape: tuple[int, ...]
    targets: Any

    def build(self, x):
        """The output, for an input of ``SHAPE``."""
        i, (channels, *size) = self.number, self.shape
        front = pf.Tanh(name=f"tanh{i}")(pf.Conv2D(1, 2, stride=2, name=f"conv{i}")(x))
        if size:  # (1, 4, 4) → (channels, *size)
            kernel = tuple(5 - length for length in size)
            return pf.Conv2D(channels, kernel, name=f"head{i}")(front)
        pooled = pf.AvgPool2D(2, name=f"pool{i}")(front)
        return pf.Dense(channels, name=f"head{i}")(pf.Flatten(name=f"flat{i}")(pooled))

    @property
    def y(self):
        """Targets that float32 can hold."""
        case = loss_suite.Case(self.loss, self.shape, self.targets)
        y = loss_suite.targets(case, COUNT, seed=self.number)
        return single(y) if y.dtype.kind == "f" else y

    def trained(self, weighted, units=0):
        """The oracle after its steps."""
        x = pf.Input(SHAPE, name="x")
        net = pf.ModelSpec(x, self.build(x), name="tower")
        optimizer = lowered(OPTIMIZER) if units else OPTIMIZER
        trainer = Trainer(net, self.loss, optimizer)
        if units:
            trainer.begin_at(moved(trainer.weights, units, "float32"))
        for batch in batches(inputs(), self.y, weighted):
            trainer.take(batch)
        return trainer


def inputs():
    return single(np.random.default_rng(0).normal(size=(COUNT, *SHAPE)))


def batches(x, y, weighted):
    """(x, y) of each step, with sample weights or without."""
    for rows in STEPS:
        cut = [a[rows] for a in y] if isinstance(y, list) else y[rows]
        yield (x[rows], cut, *([WEIGHTS[rows]] if weighted else []))


def towers() -> dict[str, list[Tower]]:
    """Loss → every example × kind of targets × reduction on vectors, and every example ×
    kind of targets on images."""
    found: dict[str, list[Tower]] = {}
    for case in loss_suite.cases((1, 3)):
        both = ("mean", "sum") if len(case.shape) == 1 else ("mean",)
        for reduction in both:
            group = found.setdefault(case.loss.type, [])
            loss = dataclasses.replace(case.loss, reduction=reduction)
            group.append(Tower(len(group), loss, case.shape, case.targets))
    return found


def tower_groups() -> list[tuple[str, list[Tower]]]:
    """The programs: (loss, towers)."""
    return [
        (word, every[first : first + AT_ONCE])
        for word, every in towers().items()
        for first in range(0, len(every), AT_ONCE)
    ]


# --- augmentations -----------------------------------------------------------------


def classes():
    """One label a sample, of colour images."""
    layers = [
        pf.Conv2D(2, 3, stride=3, name="conv"),
        pf.Flatten(name="flat"),
        pf.Dense(3, name="fc"),
    ]
    return pf.Sequential(layers, (3, 8, 8), name="classes")


def masks():
    """A label a pixel."""
    return pf.Sequential([pf.Conv2D(3, 1, name="conv")], (3, 8, 8), name="masks")


def colours():
    """Images as targets."""
    return pf.Sequential([pf.Conv2D(3, 1, name="conv")], (3, 8, 8), name="colours")


NETS = {"cross_entropy": (classes, masks), "mse": (colours,)}


@dataclasses.dataclass(frozen=True, eq=False)
class Augmented(Case):
    """A training on images from 0 to 1, as augmentations expect them."""

    def samples(self, count=COUNT):
        _, y, weights = super().samples(count)
        rng = np.random.default_rng(1)
        return single(rng.random((count, 3, 8, 8))), single_of(y), weights


def single_of(y):
    return single(y) if y.dtype.kind == "f" else y


def augmentations() -> dict[str, Case]:
    """Every augmentation with its defaults, with the ends of each field's range and with
    its examples, for each kind of targets that it is for."""
    found = {}
    for word, cls in sorted(Augmentation.registry.items()):
        for op in configurations(cls):
            for loss, nets in NETS.items():
                for net in nets:
                    if fits(op, net, loss):
                        name = f"{op!r}, {net.__name__}"
                        found[name] = Augmented(
                            net, loss, pf.SGD(0.1), augmentation=(op,), batch_size=4
                        )
        assert any(name.startswith(cls.__name__) for name in found), word
    return found


def configurations(cls):
    """Objects of an augmentation that differ in one field from its defaults."""
    fields = [f for f in dataclasses.fields(cls) if "kind" in f.metadata]
    base = {
        f.name: some(f.metadata["kind"])
        for f in fields
        if f.default is dataclasses.MISSING
    }
    options = [base, *getattr(cls, "examples", ())]
    for f in fields:
        kind = f.metadata["kind"]
        drawn = [within(kind)] if isinstance(kind, (Range, Both)) else []
        options += [base | {f.name: value} for value in (*ends(kind), *drawn)]
    made = {}
    for each in options:
        try:
            op = cls(**(base | dict(each)))
        except PolyframeError:  # fields that belong together
            continue
        made[repr(op)] = op
    return list(made.values())


def some(kind):
    """A value of a field that has no default."""
    if isinstance(kind, Int):
        return max(kind.low, min(3, kind.high))
    if isinstance(kind, Float):
        return min(max(kind.low, 0.5), kind.high)
    return within(kind)


def within(kind):
    """A range well within that of a field whose values are drawn."""
    if isinstance(kind, Both):
        return kind.high / 4, kind.high / 10
    if not isinstance(kind, Range):
        raise NotImplementedError(f"say in `examples` what {kind!r} takes")
    if kind.low < 0:
        reach = 0.4 * min(kind.high, 60.0)
        return -reach, reach
    return 0.5 * min(kind.high, 1.0), 0.9 * min(kind.high, 1.0)


def fits(op, net, loss):
    """Whether an augmentation is for the samples and targets of a net."""
    shape = net().infer({}).output_shapes[0]
    labels = Loss.parse(loss).labels
    try:
        op.check((3, 8, 8), shape[0] if labels else None, image_size(shape))
    except PolyframeError:
        return False
    return True


# --- everything --------------------------------------------------------------------


def optimizers() -> dict[str, Case]:
    """Every optimizer in every example."""
    return {name: Case(optimizer=rule, batch_size=5) for name, rule in rules().items()}


def settings() -> dict[str, Case]:
    """The suite's cases of training settings: each setting is in one of them, but for
    the precision, which is a sweep of its own over these."""
    used = {name for case in CASES.values() for name in case.options}
    missing = set(TRAINING) - used - {"precision"}
    assert not missing, f"no case in feature_cases.py has {missing}"
    return {n: c for n, c in CASES.items() if c.options or c.decay or c.weighted}


def plain_cases() -> dict[str, Case]:
    return {"optimizers": optimizers(), "settings": settings()}
