"""Losses with options and weights, several outputs and soft targets, on every backend.

NumPy is the oracle of whole trainings; PyTorch's own function that of single losses."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.failing import fails
from helpers.feature_oracle import (
    EXACT,
    Case,
    Trainer,
    agree,
    compiled,
    normed,
    plain,
    samples,
)
from helpers.support import BACKENDS, distance, worst
from hypothesis import given, settings
from hypothesis import strategies as st

import polyframe as pf
from polyframe.errors import DataError, SpecError
from polyframe.spec.settings import Training

MOMENTUM = pf.SGD(0.1, momentum=0.9)
CLASSES = (0.5, 2.0, 1.5)
on_each = pytest.mark.parametrize("backend", BACKENDS)


def probabilities(count=14, seed=5):
    """Rows that sum to 1."""
    raw = np.random.default_rng(seed).exponential(size=(count, 3))
    return raw / raw.sum(1, keepdims=True)


def uneven(count=14):
    """Weights of samples, the first three 0: the first batch, where nothing shuffles."""
    weights = np.random.default_rng(7).exponential(size=count)
    weights[:3] = 0
    return weights


SOFT = (samples()[0], probabilities())
SMOOTH = pf.CrossEntropy(label_smoothing=0.1)
WEIGHED = pf.CrossEntropy(class_weights=CLASSES)
BOTH = pf.CrossEntropy(label_smoothing=0.2, class_weights=CLASSES)
LOSSES = {
    "smooth": Case(loss=SMOOTH),
    "smooth, soft": Case(loss=SMOOTH, data=SOFT),
    "soft": Case(data=SOFT, optimizer=MOMENTUM),
    "class weights": Case(loss=WEIGHED, optimizer=MOMENTUM),
    "class weights, soft": Case(loss=WEIGHED, data=SOFT),
    "class weights of 0": Case(loss=pf.CrossEntropy(class_weights=(0, 1, 3))),
    "sample weights": Case(weights=uneven()),
    "all of it": Case(loss=BOTH, data=SOFT, weights=uneven()),
    "accumulated": Case(loss=BOTH, weights=uneven(), options={"accumulate": 2}),
    "batch norm": Case(normed, loss=BOTH, weights=uneven(), optimizer=pf.Adam(0.01)),
}  # fmt: skip


@on_each
@pytest.mark.parametrize("case", LOSSES)
def test_fit_is_the_definition(case, backend):
    LOSSES[case].check(backend)


def torchs(logits, y, smoothing=0.0, classes=None):
    """PyTorch's own loss of logits."""
    weight = None if classes is None else torch.tensor(classes, dtype=torch.float64)
    return torch.nn.functional.cross_entropy(
        torch.tensor(logits), torch.tensor(y), weight, label_smoothing=smoothing
    ).item()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.floats(0, 1))
def test_the_weighted_mean_is_pytorchs(seed, count, smoothing):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(count, 3)), rng.integers(0, 3, count)
    rule = pf.CrossEntropy(class_weights=CLASSES)
    weights = rule.denominator_weights(y)
    mean = rule.define(x, y).sum() / weights.sum()
    assert mean == pytest.approx(torchs(x, y, 0.0, CLASSES), rel=1e-12, abs=1e-14)
    for target in (y, rng.dirichlet([1, 1, 1], count)):
        loss = pf.CrossEntropy(label_smoothing=smoothing).define(x, target).mean()
        assert loss == pytest.approx(torchs(x, target, smoothing), rel=1e-12, abs=1e-14)


@on_each
@pytest.mark.parametrize("soft", [False, True], ids=["labels", "probabilities"])
def test_loss_values_are_pytorchs(soft, backend):
    x, y = SOFT if soft else samples()
    for loss, arguments in ((SMOOTH, (0.1,)), (WEIGHED, (0.0, CLASSES))):
        model = compiled(backend, loss=loss, optimizer=pf.SGD(0.0))
        wanted = torchs(model.predict(x), y, *arguments)
        assert model.train_step(x, y) == pytest.approx(wanted, rel=1e-12)
        assert model.evaluate(x, y, batch_size=4)["loss"] == pytest.approx(wanted)


# --- weights of samples ------------------------------------------------------------


@on_each
def test_weights_of_samples_everywhere(backend):
    (x, y), w = samples(), uneven()
    loss = pf.CrossEntropy(class_weights=CLASSES)
    model = compiled(backend, loss=loss)
    trainer = Trainer(plain, loss, pf.SGD(0.1))
    whole = np.array(CLASSES)[y] * w
    wanted = (w * loss.define(trainer.predict(x), y)).sum() / whole.sum()
    measured = model.evaluate(x, y, sample_weight=w, batch_size=4)["loss"]
    assert measured == pytest.approx(wanted, rel=EXACT)
    agree(model.gradients(x, y, sample_weight=w), trainer.gradients([(x, y, w)])[1])
    assert model.train_step(x, y, sample_weight=w) == pytest.approx(wanted, rel=EXACT)
    trainer.take((x, y, w))
    agree(model.weights(), trainer.weights, backend)
    # Without weights in the next call, all count alike; the program stays.
    model.train_step(x, y)
    trainer.take((x, y))
    agree(model.weights(), trainer.weights, backend)


@on_each
def test_a_batch_whose_weights_are_all_0_moves_nothing(backend):
    (x, y), w = samples(), uneven()
    model = compiled(backend)
    seen = []

    class Watch(pf.train.Callback):
        def on_step_end(self, model, step):
            seen.append((step.loss, model.weights()))

    start = model.weights()
    history = model.fit(
        x, y, batch_size=3, shuffle=False, sample_weight=w, callbacks=[Watch()]
    )
    assert seen[0][0] == 0
    assert worst(seen[0][1], start)[0] == 0 < worst(seen[1][1], start)[0]
    trainer = Trainer(plain, "cross_entropy", pf.SGD(0.1))
    losses = trainer.fit(x, y, 1, 3, w, shuffle=False)
    agree(model.weights(), trainer.weights, backend)
    assert distance(history["loss"], losses) <= EXACT


@on_each
def test_a_common_factor_of_all_weights_changes_nothing(backend):
    (x, y), w = samples(), uneven()
    runs = []
    for factor in (1.0, 1e-7):
        model = compiled(backend, loss=WEIGHED)
        history = model.fit(
            x, y, batch_size=4, sample_weight=factor * w,
            validation_data=(x, y, factor * w),
        )  # fmt: skip
        runs.append((model.weights(), history))
    agree(runs[0][0], runs[1][0], backend)
    for column in ("loss", "val_loss"):
        assert distance(runs[0][1][column], runs[1][1][column]) <= EXACT


@on_each
def test_validation_data_may_have_weights(backend):
    (x, y), w = samples(), uneven()
    model = compiled(backend, metrics=["accuracy"], optimizer=pf.SGD(0.0))
    rule = pf.CrossEntropy()
    values = rule.define(model.predict(x), y)
    right = model.predict(x).argmax(1) == y
    for data, weights in (((x, y), None), ((x, y, w), w), ([x, y, w], w)):
        history = model.fit(x, y, validation_data=data)
        # Both weigh the samples; the metrics of the training data have weights 1.
        for name, each in (("val_loss", values), ("val_accuracy", right)):
            wanted = np.average(each, weights=weights)
            assert history[name] == [pytest.approx(wanted, rel=EXACT)]
        assert history["accuracy"] == [right.mean()]


@pytest.mark.parametrize(
    ("weights", "text"),
    [
        (np.ones(13), "sample_weight: is (13,); one for each sample, (14,), is needed"),
        (np.zeros(14), "sample_weight: all are 0"),
        (-np.ones(14), "sample_weight: sample 0 has a negative one"),
        (np.full(14, np.nan), "sample_weight: sample 0 holds NaN or infinity"),
    ],
)
def test_bad_weights_of_samples(weights, text):
    x, y = samples()
    model = compiled("torch")
    for call in (model.fit, model.train_step, model.evaluate, model.gradients):
        fails(DataError, lambda call=call: call(x, y, sample_weight=weights), text)
    fails(DataError, lambda: model.fit(x, y, validation_data=(x, y, weights)), text)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"class_weights": (1, 2)}, "cross_entropy has 2 class_weights for 3 outputs"),
        ({"class_weights": (0, 0, 0)}, "class_weights are all 0"),
        (
            {"class_weights": (1, -1, 1)},
            "cross_entropy: class_weights is (1, -1, 1); a list, 2 or",
        ),
        (
            {"label_smoothing": 1.1},
            "cross_entropy: label_smoothing is 1.1; a finite number at least",
        ),
    ],
)
def test_bad_options_of_cross_entropy(options, text):
    loss = {"type": "cross_entropy"} | options
    fails(SpecError, lambda: compiled("torch", loss=loss), text)


# --- several inputs and outputs ----------------------------------------------------


def two_of_each():
    a, b = pf.Input((1, 3, 3), name="image"), pf.Input((4,), name="facts")
    left = pf.Flatten(name="flat")(pf.Conv2D(2, 2, name="conv")(a))
    both = pf.Concat(name="both")(left, pf.Dense(3, name="embed")(b))
    outputs = [pf.Dense(3, name="kind")(both), pf.Dense(2, name="size")(both)]
    return pf.ModelSpec([a, b], outputs, name="two_of_each")


several = two_of_each()


def several_data(count=14, seed=0):
    rng = np.random.default_rng(seed)
    x = [rng.normal(size=(count, 1, 3, 3)), rng.normal(size=(count, 4))]
    return x, [rng.integers(0, 3, count), rng.normal(size=(count, 2))]


BY_NAME = {
    "size": {"type": "mse", "loss_weight": 0.3},
    "kind": {"type": "cross_entropy", "label_smoothing": 0.1},
}
SEVERAL = {
    "by list": Case(
        several, ["cross_entropy", pf.MSE(loss_weight=0.3)], MOMENTUM,
        data=several_data(),
    ),
    "by name": Case(several, BY_NAME, pf.Adam(0.01), data=several_data()),
    "one left out": Case(
        several, [pf.CrossEntropy(loss_weight=0.0), "mse"], MOMENTUM,
        data=several_data(),
    ),
    "one for all": Case(
        several, "mse", data=(several_data()[0], [probabilities(), several_data()[1][1]])
    ),
    "weights, accumulated": Case(
        several, [pf.CrossEntropy(class_weights=CLASSES), pf.MSE(loss_weight=2.0)],
        data=several_data(), weights=uneven(), options={"accumulate": 2, "ema": 0.5},
    ),
}  # fmt: skip


@on_each
@pytest.mark.parametrize("case", SEVERAL)
def test_several_outputs_have_losses_of_their_own(case, backend):
    model, trainer = SEVERAL[case].check(backend)
    x, y = SEVERAL[case].xy
    w = SEVERAL[case].weights
    outputs, wanted = trainer.predict(x), 0.0
    # Over all samples; each output has a weighted mean of its own.
    factors = trainer.factors([(x, y) if w is None else (x, y, w)])[0]
    for loss, output, target, factor in zip(trainer.losses, outputs, y, factors):
        values = loss.define(output, target)
        wanted += loss.loss_weight * (factor * values).mean()
    total = model.evaluate(x, y, sample_weight=w, batch_size=4)["loss"]
    assert total == pytest.approx(wanted, rel=EXACT)


@on_each
def test_each_output_has_metrics_of_its_own(backend):
    x, y = several_data()
    model = compiled(backend, several, BY_NAME, metrics=["accuracy", "mae", "mse"])
    history = model.fit(x, y, batch_size=4, validation_data=(x, y))
    kind, size = model.predict(x)
    wanted = {
        "kind_accuracy": (kind.argmax(1) == y[0]).mean(),
        "size_mae": np.abs(size - y[1]).mean(),
        "size_mse": ((size - y[1]) ** 2).mean(),
    }
    metrics = model.evaluate(x, y, batch_size=4)
    assert set(metrics) == {"loss", *wanted}
    for name, value in wanted.items():
        assert metrics[name] == pytest.approx(value, rel=EXACT)
        assert history[f"val_{name}"] == [pytest.approx(value, rel=EXACT)]
        assert name in history.rows[0]


@pytest.mark.parametrize(
    ("loss", "text"),
    [
        (["mse"], "loss: got 1 losses for 2 outputs"),
        (["mse", "mse", "mse"], "loss: got 3 losses for 2 outputs"),
        (
            {"kind": "mse"},
            "loss: got losses for 'kind'; one for each output is needed (outputs: kind, "
            "size; for a single loss, {type: name, …})",
        ),
        ({"kind": "mse", "sizes": "mse"}, "loss: got losses for 'kind', 'sizes'; one"),
        ([], "loss: got []; a name, {type: name, …}, or a list"),
        ([pf.MSE(loss_weight=0), pf.MSE(loss_weight=0)], "every loss_weight is 0"),
    ],
)
def test_wrong_losses_for_the_outputs(loss, text):
    fails(SpecError, lambda: compiled("torch", several, loss), text)


def test_wrong_counts_of_arrays():
    x, y = several_data()
    model = compiled("torch", several, BY_NAME)
    fails(DataError, lambda: model.fit(x[:1], y), "x: got 1 arrays, the model takes 2")
    fails(DataError, lambda: model.fit(x, y[:1]), "y: got 1 arrays, the model takes 2")
    fails(DataError, lambda: model.fit(x[0], y), "x: got 1 arrays, the model takes 2")
    fails(
        DataError, lambda: model.fit([x[0], x[1][:9]], y), "x: inputs differ in length"
    )
    fails(DataError, lambda: model.fit(x, [y[0], y[1][:9]]), "y: has 9 targets for 14")


# --- soft targets ------------------------------------------------------------------


@on_each
@pytest.mark.parametrize("ema", [None, 0.8])
def test_labels_may_become_probabilities_in_mid_training(ema, backend):
    """The program changes; weights, optimizer state, averages and step stay."""
    (x, y), soft = samples(), probabilities()
    rule = pf.Adam(0.01)
    model = compiled(backend, optimizer=rule, ema=ema)
    trainer = Trainer(plain, "cross_entropy", rule, Training(ema=ema))
    for target, w in (
        (y, None),
        (soft, None),
        (soft, uneven()),
        (y, None),
        (soft, None),
    ):
        loss = model.train_step(x, target, sample_weight=w)
        wanted = trainer.take((x, target) if w is None else (x, target, w))
        assert loss == pytest.approx(wanted, rel=EXACT)
        assert model.steps_done == trainer.step
    agree(model.weights(), trainer.weights, backend)
    agree(model.training_state(), trainer.training_state(), backend)
    assert worst(model.inference_weights(), trainer.inference_weights())[0] <= EXACT


def test_bad_probabilities():
    x, soft = samples()[0], probabilities()
    model = compiled("torch")
    wrong = soft.copy()
    wrong[4, 1] = -0.1
    fails(
        DataError, lambda: model.fit(x, wrong), "y: sample 4 has a negative probability"
    )
    text = "y: is float64 (14, 2); cross_entropy takes integer labels (N,)"
    fails(DataError, lambda: model.fit(x, soft[:, :2]), text)
