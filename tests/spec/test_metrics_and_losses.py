"""Which metrics are for the outputs of which losses; how recipes name them."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.failing import fails

import polyframe as pf
from polyframe.errors import DataError, SpecError
from polyframe.spec.losses import Loss
from polyframe.spec.metrics import Metric
from polyframe.spec.recipe import load_recipe
from polyframe.spec.totals import bind_metrics

BINARY = "auroc, average_precision, binary_accuracy, f1, mean_iou, precision, recall"


@pytest.mark.parametrize(
    ("metric", "loss", "text"),
    [
        ("accuracy", "binary_cross_entropy",
         "metrics: accuracy needs class labels, which binary_cross_entropy does not take "
         f"(metrics for binary_cross_entropy: {BINARY})"),
        ("top_k_accuracy", "focal", f"focal does not take (metrics for focal: {BINARY})"),
        ("confusion_matrix", "hinge", "confusion_matrix needs class labels, which hinge"),
        ("mse", "binary_cross_entropy",
         "metrics: mse needs targets that are numbers, which binary_cross_entropy does "),
        ("mae", "dice", f"dice does not take (metrics for dice: {BINARY})"),
        ("binary_accuracy", "cross_entropy",
         "metrics: binary_accuracy needs binary targets, which cross_entropy does not "
         "take (metrics for cross_entropy: accuracy, auroc, average_precision, confusion"),
        ("auroc", "mse",
         "metrics: auroc needs class labels or binary targets, which mse does not "),
        ("f1", "l1", "l1 does not take (metrics for l1: mae, mse"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("shape", [(1,), (4,)])
def test_one_clear_error_for_a_metric_of_other_outputs(metric, loss, text, shape):
    losses = (Loss.parse(loss),)

    def bind():
        bind_metrics([Metric.parse(metric)], losses, [("y", shape)])

    fails(SpecError, bind, text)


def test_each_output_has_the_metrics_that_fit_its_loss():
    losses = pf.CrossEntropy(), pf.BinaryCrossEntropy(), pf.MSE()
    outputs = [("kind", (3,)), ("tags", (1,)), ("size", (2,))]
    names = ["accuracy", "f1", "auroc", "binary_accuracy", "mse"]
    bound = bind_metrics([Metric.parse(name) for name in names], losses, outputs)
    assert [each.key for each in bound] == [
        "kind_accuracy", "kind_f1", "tags_f1", "kind_auroc", "tags_auroc",
        "tags_binary_accuracy", "size_mse",
    ]  # fmt: skip


def test_a_recipe_names_them(tmp_path):
    recipe = load_recipe(
        {
            "model": pf.Sequential([pf.Dense(4)], (3,)),
            "loss": {"type": "binary_cross_entropy", "label_smoothing": 0.1},
            "metrics": ["f1", "auroc", "average_precision",
                        {"type": "binary_accuracy", "threshold": 0.3},
                        {"type": "auroc", "average": "micro"}],
            "callbacks": [{"type": "early_stopping", "monitor": "val_auroc"}],
        }
    )  # fmt: skip
    assert [m.key for m in recipe.metrics][-2:] == ["binary_accuracy", "auroc_micro"]
    (tmp_path / "tags.yaml").write_text(recipe.to_yaml())
    assert load_recipe(tmp_path / "tags.yaml") == recipe
    assert recipe.loss == pf.BinaryCrossEntropy(label_smoothing=0.1)
    stop = pf.EarlyStopping("val_average_precision")
    assert recipe.callbacks[0].smaller is stop.smaller is False


def test_targets_of_another_kind():
    with pytest.raises(DataError) as caught:
        pf.BinaryAccuracy().update(np.zeros(2), np.zeros((4, 1)), np.zeros(4, bool))
    assert str(caught.value) == "y: is bool (4,); bool (4, 1) is needed"
    with pytest.raises(
        SpecError, match="threshold is 1.0; a finite number above 0 and be"
    ):
        pf.BinaryAccuracy(1.0)
    with pytest.raises(
        SpecError, match="label_smoothing is 1.5; a finite number at leas"
    ):
        pf.Focal(label_smoothing=1.5)
