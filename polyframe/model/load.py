"""``load_model``: a model from the file that ``Model.save`` wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

from polyframe.contract.backend import Backend
from polyframe.model.compile import LossArgument, compile
from polyframe.model.model import Model
from polyframe.spec.metrics import Metric
from polyframe.spec.optimizers import Optimizer
from polyframe.spec.settings import TrainingOptions
from polyframe.train import model_file


def load_model(
    path: str | Path,
    backend: str | Backend = "torch",
    loss: LossArgument = None,
    optimizer: Optimizer | str | Mapping[str, Any] | None = None,
    metrics: Sequence[Metric | str] = (),
    *,
    dtype: str | None = None,
    device: str = "auto",
    **training: Unpack[TrainingOptions],
) -> Model:
    """A model from a file of ``Model.save`` or a run folder's weights, on any backend.

    Spec, weights, preprocessing, names of the classes, dtype and semantics come from the
    file; the rest is as ``compile`` takes it. Without a ``loss`` the model only predicts;
    with one it is evaluated and trained on. ``dtype``: another one than the file's.

    The same samples give the same predictions: to the bit on the same backend, device and
    number of threads, to rounding on another. Nothing in the file is executed, so that it
    may come from a stranger. ``WeightsError`` if it is not a whole model file, or was
    written by a newer polyframe.
    """
    saved = model_file.read(path)
    model = compile(
        saved.spec,
        backend,
        loss,
        optimizer,
        metrics,
        dtype=dtype or saved.dtype,
        device=device,
        semantics=saved.semantics,
        **training,
    )
    model.engine.load_weights(saved.weights, str(path))
    model.preprocessing, model.class_names = saved.preprocessing, saved.class_names
    return model
