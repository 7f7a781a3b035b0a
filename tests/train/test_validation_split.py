"""``validation_split``, ``validation_batch_size`` and ``drop_last`` of ``fit``."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.failing import fails
from helpers.feature_oracle import Seen, agree, compiled, plain, samples
from helpers.support import BACKENDS, worst

import polyframe as pf
from polyframe.conformance.oracle import Trainer
from polyframe.data import build
from polyframe.data.split import split_rows
from polyframe.errors import DataError, PolyframeError
from polyframe.randomness import order
from polyframe.spec.settings import Training

on_each = pytest.mark.parametrize("backend", BACKENDS)
MOMENTUM = pf.SGD(0.1, momentum=0.9)
W = np.array([0.5, 1, 2, 4] * 8)[:30]
TIMES = ("seconds", "examples_per_sec")


def trained(backend, *data, **options):
    """A model trained with much of what a training may have; its weights and rows."""
    model = compiled(
        backend, optimizer=MOMENTUM, accumulate=2, ema=0.5, seed=3, metrics=["accuracy"]
    )
    history = model.fit(
        *data, epochs=2, batch_size=4, augmentation=["normalize", "mixup"],
        drop_last=True, **options,
    )  # fmt: skip
    rows = [{k: v for k, v in row.items() if k not in TIMES} for row in history.rows]
    return model, rows


def same(one, other):
    """Two trainings are the same, bit for bit."""
    assert one[1] == other[1]
    assert worst(one[0].weights(), other[0].weights())[0] == 0
    assert worst(one[0].training_state(), other[0].training_state())[0] == 0
    assert one[0].preprocessing == other[0].preprocessing


@on_each
def test_a_split_is_the_same_as_two_parts_given_by_hand(backend):
    x, y = samples(count=30)
    rows = split_rows(30, 0.3, 3, y, W)
    parts = [(x[part], y[part], W[part]) for part in rows]
    by_hand = trained(
        backend, *parts[0][:2], sample_weight=parts[0][2], validation_data=parts[1]
    )
    assert "val_accuracy" in by_hand[1][0] and by_hand[0].steps_done == 6
    same(trained(backend, x, y, sample_weight=W, validation_split=0.3), by_hand)
    data = pf.data.from_arrays(x, y, weights=W)
    same(trained(backend, data, validation_split=0.3), by_hand)
    # Rounding may depend on the size of a batch, and nothing else does.
    small = trained(
        backend, x, y, sample_weight=W, validation_split=0.3, validation_batch_size=2
    )
    assert small[1][1]["val_loss"] == pytest.approx(
        by_hand[1][1]["val_loss"], rel=1e-12
    )
    agree(small[0].weights(), by_hand[0].weights())
    # Bytes are converted a batch at a time; a data set may have its validation part.
    pixels = np.random.default_rng(1).integers(0, 256, x.shape, np.uint8)
    stored = build("bytes", (pixels, y), None)
    apart = pf.data.split(stored, 0.3, seed=3)
    same(trained(backend, stored, validation_split=0.3), trained(backend, apart))


@on_each
def test_drop_last_is_without_the_last_batch(backend):
    """14 samples in batches of 3, of which the last has two; two batches a step."""
    x, y = samples()
    trainer = Trainer(plain, "cross_entropy", MOMENTUM, Training(accumulate=2))
    w = np.linspace(0.1, 2, 14)
    for epoch in range(2):
        rows = order(0, epoch, 14)[:12]
        cuts = [rows[i : i + 3] for i in range(0, 12, 3)]
        for first in (0, 2):
            trainer.take(*((x[c], y[c], w[c]) for c in cuts[first : first + 2]))
    seen = Seen()
    model = compiled(backend, optimizer=MOMENTUM, accumulate=2)
    model.fit(
        x, y, epochs=2, batch_size=3, sample_weight=w, drop_last=True, callbacks=[seen]
    )
    agree(model.weights(), trainer.weights, backend)
    assert [step.samples for step in seen.steps] == [6, 6, 6, 6]
    # Without a sample over, it changes nothing.
    weights = []
    for drop in (False, True):
        model = compiled(backend)
        model.fit(x[:12], y[:12], batch_size=3, shuffle=False, drop_last=drop)
        weights.append(model.weights())
    assert worst(*weights)[0] == 0


def test_a_data_sets_test_data_are_not_looked_at():
    x, y = samples()
    data = pf.data.from_arrays(x, y, x, y)
    model = compiled("torch")
    history = model.fit(data, epochs=2)
    assert not any(name.startswith(("val_", "test_")) for name in history.rows[0])
    call = lambda: compiled("torch").fit(data, callbacks=["early_stopping"])  # noqa: E731
    fails(PolyframeError, call, "val_… needs validation data")
    assert model.evaluate(data)["loss"] == model.evaluate(x, y)["loss"]


def test_the_split_of_several_outputs_is_by_the_first_with_labels():
    given = pf.Input((4,))
    spec = pf.ModelSpec(
        given, [pf.Dense(2, name="a")(given), pf.Dense(3, name="b")(given)], name="two"
    )
    x, numbers = np.random.default_rng(0).random((2, 20, 4))
    y = np.arange(20) % 3
    model = pf.compile(spec, "torch", ["mse", "cross_entropy"], "SGD", dtype="float64")
    fit = {"epochs": 1, "batch_size": 4}
    history = model.fit(x, [numbers[:, :2], y], validation_split=0.3, **fit)
    rows = split_rows(20, 0.3, 0, y)
    other = pf.compile(spec, "torch", ["mse", "cross_entropy"], "SGD", dtype="float64")
    part = [(x[r], [numbers[r, :2], y[r]]) for r in rows]
    wanted = other.fit(*part[0], validation_data=part[1], **fit)
    assert history["val_loss"] == wanted["val_loss"]


def test_classes_of_a_binary_loss_have_their_shares():
    """Its targets become numbers (N, 1), and the split is by what was given."""
    x, y = np.random.default_rng(0).random((20, 4)), np.arange(20) // 16
    rows = split_rows(20, 0.25, 0, y)
    assert y[rows.validation].sum() == 1

    def trained(loss, *data, **options):
        layers = [pf.Dense(1)]
        model = pf.compile(pf.Sequential(layers, (4,)), "torch", loss, "SGD")
        return model.fit(*data, **options)["val_loss"]

    for loss, labels in (("binary_cross_entropy", y), ("hinge", 2 * y - 1)):
        parts = [(x[part], labels[part]) for part in rows]
        wanted = trained(loss, *parts[0], validation_data=parts[1])
        for given in (labels, labels[:, None]):
            assert trained(loss, x, given, validation_split=0.25) == wanted
    data = pf.data.from_arrays(x, y)
    wanted = trained("binary_cross_entropy", data, validation_split=0.25)
    assert trained("binary_cross_entropy", x, y == 1, validation_split=0.25) == wanted
    # Whole numbers to regress are no classes, and each may be there once.
    assert trained("mse", x, np.arange(20), validation_split=0.25)


ERRORS = [
    ({"validation_split": 1.5}, "validation_split is 1.5; a finite number above 0 and"),
    ({"validation_split": 0.01}, "validation_split: 0.01 of the 14 samples leaves none"),
    ({"validation_split": 0.2, "validation_data": samples()},
     "validation_split: is given, and so are validation_data; only one says what to"),
    ({"validation_batch_size": 0}, "validation_batch_size is 0; a whole number"),
    ({"validation_batch_size": 2, "validation_data": [samples()]},
     "validation_batch_size: validation_data are batches already"),
    ({"drop_last": True, "batch_size": 15}, "drop_last: leaves nothing to train on: 14 "
     "samples are less than a batch of 15 (a smaller batch_size)"),
    ({"drop_last": 1}, "drop_last is 1; true or false is needed"),
]  # fmt: skip


def test_what_cannot_be_meant_is_one_error_and_costs_no_step():
    model = compiled("torch")
    before = model.weights()
    for options, text in ERRORS:
        call = lambda given=options: model.fit(*samples(), **given)  # noqa: E731
        fails(PolyframeError, call, text)
    for options in ({"validation_split": 0.2}, {"drop_last": True}):
        call = lambda given=options: model.fit([samples()], **given)  # noqa: E731
        fails(DataError, call, f"{next(iter(options))}: is for arrays and data sets")
    with_part = pf.data.split(pf.data.from_arrays(*samples()), 0.3)
    call = lambda: model.fit(with_part, validation_split=0.2)  # noqa: E731
    fails(DataError, call, "validation_split: arrays has a validation part of its own")
    assert model.steps_done == 0 and worst(model.weights(), before)[0] == 0
