"""Trainings with binary losses, their smoothing and their metrics: what ``fit``,
``validation_data`` and ``evaluate`` report is scikit-learn's, for the model's outputs."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.support import BACKENDS, TORCH_FIRST
from sklearn import metrics as sk

import polyframe as pf
from polyframe.train import Callback
from polyframe.train.checkpoint import FOLDER, newest

on_each = pytest.mark.parametrize("backend", BACKENDS)
rng = np.random.default_rng(0)
X = rng.normal(size=(22, 1, 4, 4)).astype("float32")
TAGS = rng.integers(0, 2, (22, 3)).astype("float32")
MASKS = (rng.random((22, 1, 4, 4)) < 0.3).astype("float32")
WEIGHTS = rng.choice([0.0, 0.5, 1.0, 2.0], 22)
METRICS = [
    "binary_accuracy", "precision", "recall", "f1", "mean_iou", "auroc",
    "average_precision", {"type": "auroc", "average": "micro"},
]  # fmt: skip
TAG_LOSS = pf.BinaryCrossEntropy((0.5, 2.0, 1.0), label_smoothing=0.2)
MASK_LOSS = pf.Focal(label_smoothing=0.1, loss_weight=0.5)


def compiled(backend, **options):
    """Three tags for each image, and a mask."""
    image = pf.Input((1, 4, 4))
    tags = pf.Dense(3, name="tags")(pf.Flatten()(image))
    mask = pf.Conv2D(1, 3, padding="same", name="mask")(image)
    return pf.compile(
        pf.ModelSpec(image, [tags, mask], name="both"), backend,
        loss=[TAG_LOSS, MASK_LOSS], metrics=METRICS, device="cpu",
        **{"optimizer": pf.SGD(0.0), **options},
    )  # fmt: skip


def oracle(scores, target, weights):
    """scikit-learn's metrics of several labels, (N, C), or of one, (N,)."""
    wanted, said = target.astype(int), (scores > 0).astype(int)
    macro = {"average": "macro"} if wanted.ndim > 1 else {}
    many = np.broadcast_to(weights.reshape(-1, *[1] * (wanted.ndim - 1)), wanted.shape)
    flat, w = (wanted.ravel(), scores.ravel()), {"sample_weight": weights}
    options = {**macro, **w, "zero_division": 0}
    return {
        "binary_accuracy": np.average(wanted == said, weights=many),
        "precision": sk.precision_score(wanted, said, **options),
        "recall": sk.recall_score(wanted, said, **options),
        "f1": sk.f1_score(wanted, said, **options),
        "mean_iou": sk.jaccard_score(wanted, said, **options),
        "auroc": sk.roc_auc_score(wanted, scores, **w),
        "average_precision": sk.average_precision_score(wanted, scores, **w),
        "auroc_micro": sk.roc_auc_score(*flat, sample_weight=many.ravel()),
    }


def binary(x, t, smoothing, positive=1.0):
    """Cross-entropy of logits with smoothed targets, in float64."""
    t = (1 - smoothing) * t + smoothing / 2
    yes, no = np.log1p(np.exp(-x)), np.log1p(np.exp(x))
    return t, positive * t * yes + (1 - t) * no


def total_loss(tags, mask):
    """The weighted mean of both losses, from their formulas."""
    _, one = binary(tags.astype(float), TAGS, 0.2, np.array([0.5, 2.0, 1.0]))
    x = mask.astype(float)
    t, each = binary(x, MASKS, 0.1)
    p = 1 / (1 + np.exp(-x))
    wrong = p * (1 - t) + (1 - p) * t
    other = (0.25 * t + 0.75 * (1 - t)) * wrong**2 * each
    losses = one.mean(1) + 0.5 * other.mean((1, 2, 3))
    return np.average(losses, weights=WEIGHTS)


@on_each
def test_training_validation_and_evaluation_report_scikit_learns(backend):
    """Nothing moves, so that all outputs of an epoch are those of ``predict``."""
    model = compiled(backend, accumulate=2)
    tags, mask = model.predict(X)
    pixels = np.repeat(WEIGHTS, 16)
    wanted = {
        f"{name}_{key}": value
        for name, values in (
            ("tags", oracle(tags, TAGS, WEIGHTS)),
            ("mask", oracle(mask.ravel(), MASKS.ravel(), pixels)),
        )
        for key, value in values.items()
    }
    y, given = [TAGS, MASKS], {"sample_weight": WEIGHTS, "batch_size": 5}
    found = model.evaluate(X, y, **given)
    history = model.fit(X, y, **given, validation_data=(X, y, WEIGHTS), epochs=1)
    row = history.rows[0]
    assert set(found) == {"loss", *wanted}
    validated = {name: row[f"val_{name}"] for name in found}
    for values in (found, validated):  # in training it is the mean of the steps' means
        assert values["loss"] == pytest.approx(total_loss(tags, mask), rel=1e-5)
    for values in (found, validated, row):
        for name, value in wanted.items():
            assert values[name] == pytest.approx(value, rel=1e-12), name


@pytest.mark.parametrize("backend", TORCH_FIRST)
def test_what_is_kept_of_an_epoch_is_resumed(backend, tmp_path):
    """From between two steps: the rows are those of a training that was not cut."""

    class Fails(Callback):
        def on_step_end(self, model, step):
            if step.step == 9:  # of the second epoch
                raise ZeroDivisionError

    def run(*callbacks, **options):
        model = compiled(backend, optimizer=pf.Adam(0.1))
        return model.fit(
            X, [TAGS, MASKS], epochs=2, batch_size=4, folder=tmp_path,
            validation_data=(X, [TAGS, MASKS]),
            callbacks=[pf.EarlyStopping("val_tags_auroc", patience=9), *callbacks],
            **options,
        )  # fmt: skip

    whole = run()
    with pytest.raises(ZeroDivisionError):
        run(pf.ModelCheckpoint(every_steps=2), Fails())
    assert newest(tmp_path / FOLDER).progress.index == 2  # of the second epoch
    again = run(resume=tmp_path / FOLDER)
    timed = {"seconds", "examples_per_sec"}
    for one, other in zip(again.rows, whole.rows, strict=True):
        for name in one.keys() - timed:
            assert one[name] == other[name], name
