"""Rates, iterators of batches and augmentation through ``fit``, on every backend."""

from __future__ import annotations

import math

import numpy as np
import pytest
from helpers.failing import fails
from helpers.feature_oracle import (
    EXACT,
    Case,
    Seen,
    Trainer,
    agree,
    compiled,
    normed,
    plain,
    samples,
)
from helpers.support import BACKENDS, PAIRS, distance, within, worst

import polyframe as pf
from polyframe.data import augment, resolve
from polyframe.errors import DataError, PolyframeError, SpecError
from polyframe.randomness import order
from polyframe.spec.settings import Training

MOMENTUM = pf.SGD(0.1, momentum=0.9)
on_each = pytest.mark.parametrize("backend", BACKENDS)


# --- schedules: 14 samples in batches of 3 are five steps an epoch -----------------


def cosine(at, total):
    return (1 + math.cos(math.pi * at / total)) / 2


SCHEDULES = {
    "constant": Case(schedule="constant", rate=lambda at: 0.1),
    "step": Case(
        schedule=pf.StepSchedule(0.5, gamma=0.5), epochs=2,
        rate=lambda at: 0.1 * 0.5 ** math.floor(at / 0.5 + 1e-9),
    ),
    "multi_step": Case(
        schedule={"type": "multi_step", "milestones": [0.6, 1]},
        rate=lambda at: 0.1 * 0.1 ** ((at > 0.59) + (at > 0.99)),
    ),
    "exponential": Case(
        schedule=pf.ExponentialSchedule(0.5), rate=lambda at: 0.1 * 0.5 ** int(at)
    ),
    "polynomial": Case(
        schedule=pf.PolynomialSchedule(power=2), rate=lambda at: 0.1 * (1 - at / 2) ** 2
    ),
    "cosine": Case(
        schedule="cosine", rate=lambda at: 0.1 * cosine(at, 2), optimizer=MOMENTUM
    ),
    "cosine, accumulated": Case(
        schedule="cosine", rate=lambda at: 0.1 * cosine(at, 2),
        options={"accumulate": 2},
    ),
    "cosine_restarts": Case(
        schedule=pf.CosineRestartsSchedule(1), rate=lambda at: 0.1 * cosine(at % 1, 1)
    ),
    "warm-up": Case(
        schedule=pf.CosineSchedule(warmup=0.6, warmup_start=0.1),
        rate=lambda at: 0.1 * (0.1 + 0.9 * at / 0.6)
        if at < 0.59
        else 0.1 * cosine(at - 0.6, 1.4),
    ),
    "Adam, one_cycle": Case(
        schedule=pf.OneCycleSchedule(0.5, div=10, final_div=10, anneal="linear"),
        optimizer=pf.AdamW(0.1),
        rate=lambda at: 0.1 * (0.1 + 0.9 * at)
        if at < 0.99
        else 0.1 * (1 - 0.99 * (at - 1)),
    ),
}  # fmt: skip


@on_each
@pytest.mark.parametrize("name", SCHEDULES)
def test_each_step_has_the_rate_of_its_time(name, backend):
    case = SCHEDULES[name]
    trainer, _ = case.expected()
    model, steps, history = case.run(backend)
    assert distance([s.lr for s in steps], trainer.rates) <= 1e-14
    per_epoch = len(steps) // 2
    given = pf.compile(case.net, backend, schedule=case.schedule).schedule
    for number, step in enumerate(steps):
        at = number / per_epoch
        assert step.lr == pytest.approx(given.rate(0.1, at, 2), rel=1e-15)
        assert (step.epoch, step.index) == (number // per_epoch + 1, number % per_epoch)
    assert history["lr"] == [steps[per_epoch - 1].lr, steps[-1].lr]
    agree(model.weights(), trainer.weights, (name, backend))


@on_each
def test_reduce_on_plateau_sees_the_rows_of_fit(backend):
    (x, y), seen = samples(), Seen()
    schedule = pf.ReduceOnPlateauSchedule(patience=0, gamma=0.5, min_delta=0.999)
    model = compiled(backend, schedule=schedule)
    history = model.fit(
        x, y, epochs=4, batch_size=7, validation_data=(x, y), callbacks=[seen]
    )
    # No epoch but the first is better by a factor of 1000.
    assert [s.lr for s in seen.steps] == [0.1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.025, 0.025]
    assert history["lr"] == [0.1, 0.1, 0.05, 0.025]
    text = "reduce_on_plateau: monitor 'val_loss' is not a value of this training"
    fails(
        PolyframeError,
        lambda: compiled(backend, schedule=schedule).fit(x, y, epochs=2),
        text,
    )


@on_each
def test_a_rate_of_a_users_own_stays(backend):
    (x, y), seen = samples(), Seen()
    model = compiled(backend)
    model.learning_rate = 0.02
    model.fit(x, y, batch_size=7, callbacks=[seen])
    assert [s.lr for s in seen.steps] == [0.02, 0.02]


# --- iterators of batches ----------------------------------------------------------


def cut(x, y, w=None, size=3):
    """Batches in the order of the data."""
    arrays = (x, y) if w is None else (x, y, w)
    return [tuple(a[i : i + size] for a in arrays) for i in range(0, len(x), size)]


class Anew:
    """Begins anew each time, and cannot say how long it is."""

    def __init__(self, batches):
        self.batches, self.begun = batches, 0

    def __iter__(self):
        self.begun += 1
        yield from self.batches


def once(batches):
    yield from batches


@on_each
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_batches_are_the_same_arrays_unshuffled(accumulate, weighted, backend):
    (x, y), w = samples(), np.linspace(0.1, 2, 14) if weighted else None
    batches = cut(x, y, w)
    steps = -(-len(batches) // accumulate)

    def run(*data, **options):
        model = compiled(backend, optimizer=MOMENTUM, accumulate=accumulate)
        seen = Seen()
        history = model.fit(*data, epochs=2, callbacks=[seen], **options)
        return model.weights(), [(s.step, s.loss) for s in seen.steps], history

    end, wanted, history = run(x, y, batch_size=3, sample_weight=w, shuffle=False)
    trainer = Trainer(
        plain, "cross_entropy", MOMENTUM,
        Training(accumulate=accumulate),
    )  # fmt: skip
    trainer.fit(x, y, 2, 3, w, shuffle=False)
    agree(end, trainer.weights, backend)
    endless = [*batches] * 2 if 5 % accumulate == 0 else None
    sources = [(batches, {}), (Anew(batches), {}), (tuple(batches), {})]
    if endless:  # one pass is two epochs, which a group must not straddle
        sources += [
            (once(endless), {"steps_per_epoch": steps}),
            (Anew(batches), {"steps_per_epoch": steps}),
        ]
    for source, options in sources:
        rerun = run(source, **options)
        assert worst(rerun[0], end)[0] == 0
        assert rerun[1] == wanted
        assert rerun[2]["loss"] == history["loss"]


def test_an_epoch_of_steps_goes_on_where_the_last_one_ended():
    x, y = samples()
    batches = cut(x, y)  # five; epochs of two steps begin at 0, 2, 4, 1, …
    model = compiled("torch", optimizer=MOMENTUM)
    source = Anew(batches)
    history = model.fit(source, epochs=4, steps_per_epoch=2)
    trainer = Trainer(plain, "cross_entropy", MOMENTUM)
    for number in (0, 1, 2, 3, 4, 0, 1, 2):
        trainer.take(batches[number])
    agree(model.weights(), trainer.weights)
    assert len(history) == 4
    assert distance(model.steps_done, 8) == 0


@on_each
def test_a_schedule_needs_to_know_how_long_an_epoch_is(backend):
    (x, y), seen = samples(), Seen()
    source = Anew(cut(x, y))
    model = compiled(backend, schedule="cosine")
    fails(
        PolyframeError,
        lambda: model.fit(source, epochs=2),
        "fit: a schedule needs to know how many steps an epoch has (steps_per_epoch "
        "says it)",
    )
    assert model.steps_done == 0
    model.fit(source, epochs=2, steps_per_epoch=5, callbacks=[seen])
    wanted = [0.1 * cosine(i / 5, 2) for i in range(10)]
    assert distance([s.lr for s in seen.steps], wanted) <= 1e-15


def test_iterators_that_do_not_do():
    (x, y), w = samples(), np.ones(14)
    batches = cut(x, y)
    model = compiled("torch")

    def refused(source, text, kind=DataError, **options):
        fails(kind, lambda: model.fit(source, epochs=2, **options), text)

    refused(
        once(batches),
        "x: the iterator of batches is used up after one epoch (give something that "
        "begins anew (a list, an object with __iter__), or steps_per_epoch)",
    )
    refused([], "x: the iterator gave no batch")
    refused(once([]), "x: the iterator gave no batch")
    refused(x, "x: y is left out, and x is an array (14, ")
    refused(7, "x: y is left out, and x is 7; an iterable of batches (x, y) is needed")
    text = "; (x, y) or (x, y, sample_weight) is needed"
    for wrong in ((x,), (x, y, w, w), {"x": x}, x, None):
        refused([wrong], text)
        refused([*batches, wrong], text)
    refused([(x[:, :, :2], y)], "x (x): is (14, 1, 2, 3); (N, 1, 3, 3) is needed")
    refused([(x, y[:9])], "y: has 9 targets for 14 samples")
    refused([(x, y + 1)], "y: label 3 at sample")
    refused([*batches, (x, y, w)], "x: some batches have sample weights, others not")
    soft = np.full((14, 3), 1 / 3)
    refused(
        [*batches, (x, soft)],
        "x: a batch has targets of float64, the first one of int64",
    )
    for steps in (0, -1, 1.5, "3"):
        refused(
            batches, "steps_per_epoch is", kind=PolyframeError, steps_per_epoch=steps
        )
    refused(
        batches, "augmentation: is for arrays and data sets", augmentation=["mixup"]
    )


@pytest.mark.parametrize(("steps", "done"), [(5, 0), (3, 2)])
def test_a_one_shot_iterator_that_runs_dry_says_so(steps, done):
    x, y = samples()
    model = compiled("torch")
    fails(
        DataError,
        lambda: model.fit(once(cut(x, y)), epochs=2, steps_per_epoch=steps),
        f"x: the iterator ended after {done} of an epoch's {steps} steps (fewer "
        "steps_per_epoch or epochs, or something that begins anew)",
    )
    assert (model.steps_done, model.epoch) == (5, 1)


# --- augmentation ------------------------------------------------------------------

AUGMENTED = {
    "images": [pf.RandomCrop(1), pf.RandomFlip(), pf.Cutout(2)],
    "normalize": [pf.Normalize()],
    "normalize, given": [pf.Normalize(0.3, 2.0), pf.RandomCrop(1)],
    "one_hot": [pf.OneHot()],
    "mixup": [pf.Mixup(0.4)],
    "cutmix": [pf.RandomFlip(), pf.CutMix()],
    "all": [
        pf.Normalize(), pf.RandomCrop(1), pf.RandomFlip(), pf.Cutout(1), pf.Mixup(),
        pf.CutMix(),
    ],
}  # fmt: skip


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("name", AUGMENTED)
def test_augmented_trainings_are_the_definitions_everywhere(name, accumulate):
    (x, y), net = samples(), normed if name == "images" else plain
    trainer = Trainer(net, "cross_entropy", MOMENTUM, Training(accumulate=accumulate))
    ops = resolve(AUGMENTED[name], x)
    for epoch in range(2):
        rows = order(0, epoch, len(x))
        cuts = [rows[i : i + 4] for i in range(0, 14, 4)]
        for i in range(0, len(cuts), accumulate):
            parts, first = [], 0
            for c in cuts[i : i + accumulate]:
                parts.append(augment(ops, x[c], y[c], 0, trainer.step, first, 3))
                first += len(c)
            trainer.take(*parts)
    always = [op for op in ops if op.type == "normalize"]
    seen = augment(always, x, y, 0, 0)[0]
    weights = {}
    for backend in BACKENDS:
        model = compiled(backend, net, optimizer=MOMENTUM, accumulate=accumulate)
        history = model.fit(
            x, y, epochs=2, batch_size=4, augmentation=AUGMENTED[name],
            validation_data=(x, y),
        )  # fmt: skip
        weights[backend] = model.weights()
        agree(model.weights(), trainer.weights, (name, backend))
        # Validation and prediction see ``normalize`` and nothing else.
        assert distance(model.predict(x), trainer.predict(seen)) <= EXACT
        wanted = pf.CrossEntropy().define(trainer.predict(seen), y).mean()
        assert history["val_loss"][-1] == pytest.approx(wanted, rel=EXACT)
        assert model.evaluate(x, y)["loss"] == history["val_loss"][-1]
    for one, other in PAIRS:
        apart, tensor = worst(weights[one], weights[other])
        within("features: between backends, float64", apart, EXACT, (name, tensor))


def test_augmentation_that_does_not_fit():
    x, y = samples()
    model = compiled("torch")
    for ops, text in (
        (["one_hat"], "one_hot"),
        (
            [pf.RandomCrop(4)],
            "random_crop: padding 4 is more than the image's size 3",
        ),
        ([pf.Normalize((1.0, 2.0), (1.0, 1.0))], "normalize: mean has 2 numbers"),
    ):
        fails(SpecError, lambda ops=ops: model.fit(x, y, augmentation=ops), text)
    regression = compiled("torch", loss="mse")
    text = "takes class labels, and the targets are numbers"
    for op in ("mixup", "cutmix", "one_hot"):
        fails(
            SpecError,
            lambda op=op: regression.fit(x, np.zeros((14, 3)), augmentation=[op]),
            text,
        )
