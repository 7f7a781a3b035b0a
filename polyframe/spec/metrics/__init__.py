"""Metrics: totals over a whole set, then one value; the last partial batch counts."""

from polyframe.spec.metrics.base import Metric, check_keys, larger_is_better
from polyframe.spec.metrics.binary import BinaryAccuracy
from polyframe.spec.metrics.differences import MeanAbsoluteError, MeanSquaredError
from polyframe.spec.metrics.labels import (
    F1,
    Accuracy,
    ConfusionMatrix,
    MeanIoU,
    Precision,
    Recall,
    TopKAccuracy,
)
from polyframe.spec.metrics.ranking import AUROC, AveragePrecision

__all__ = [
    "AUROC",
    "Accuracy",
    "AveragePrecision",
    "BinaryAccuracy",
    "ConfusionMatrix",
    "F1",
    "MeanAbsoluteError",
    "MeanIoU",
    "MeanSquaredError",
    "Metric",
    "Precision",
    "Recall",
    "TopKAccuracy",
    "check_keys",
    "larger_is_better",
]
