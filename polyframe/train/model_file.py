"""Model files: the weights, and what has to travel with them.

A model file is a safetensors file whose one entry of metadata, ``polyframe``, is a JSON
mapping. ``Model.save`` writes all of it: ``version``, ``spec``, ``dtype``, ``semantics``,
``preprocessing`` (augmentations as recipes write them) and ``class_names``.
``Model.save_weights`` writes ``spec_hash`` and ``preprocessing``. A file may come from a
stranger: all of it is read as data, with bounds, and nothing is executed.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polyframe.errors import PolyframeError, WeightsError
from polyframe.io import weights as weight_files
from polyframe.io.array import Array
from polyframe.io.text import parse_json
from polyframe.spec.augmentations import Augmentation
from polyframe.spec.element import element_data, parse_several
from polyframe.spec.load import from_data
from polyframe.spec.model import ModelSpec
from polyframe.spec.semantics import Semantics, own_defaults
from polyframe.spec.settings import check_setting, plain_setting
from polyframe.train.protocol import TrainedModel

VERSION = 1
"""Raised when a key changes its meaning or goes away."""
KEY = "polyframe"


@dataclass(frozen=True)
class SavedModel:
    """The content of a model file; ``weights`` in canonical names and layouts."""

    spec: ModelSpec
    weights: Mapping[str, Array]
    preprocessing: tuple[Augmentation, ...]
    class_names: tuple[str, ...]
    dtype: str
    semantics: Semantics


def write(path: str | Path, model: TrainedModel) -> None:
    """Write a whole model, with the weights as prediction uses them. With native
    semantics the spec says what was UNSET in it: the weights are for these values, and
    another backend has others (the eps of batch norms)."""
    engine, spec = model.engine, model.spec
    if engine.semantics != "aligned":
        spec = spec.resolved(own_defaults(model.backend.defaults, engine.semantics))
    about = {
        "version": VERSION,
        "spec": spec.to_data(),
        "dtype": model.dtype,
        "semantics": plain_setting("semantics", engine.semantics),
        "preprocessing": [element_data(op) for op in engine.preprocessing],
        "class_names": list(engine.class_names),
    }
    save(path, model, about)


def write_weights(path: str | Path, model: TrainedModel) -> None:
    """Write the weights as prediction uses them, and what they were trained with."""
    about = {
        "spec_hash": model.spec.hash,
        "preprocessing": [element_data(op) for op in model.engine.preprocessing],
    }
    save(path, model, about)


def save(path: str | Path, model: TrainedModel, about: Mapping[str, Any]) -> None:
    """Write the weights with a mapping as metadata: equal models are equal files."""
    text = json.dumps(about, sort_keys=True, separators=(",", ":"))
    weight_files.save(path, model.inference_weights(), **{KEY: text})


def read(path: str | Path) -> SavedModel:
    """Read a whole model; WeightsError if it is not one that this version knows."""
    where, about = str(path), read_about(path)
    if not weight_files.looks_like_safetensors(Path(path)):
        raise WeightsError(
            "is not a safetensors file",
            where=where,
            hint="Model.save writes the files of models",
        )
    if "spec" not in about:
        raise WeightsError(
            "has weights only, and no model",
            where=where,
            hint="Model.save writes whole models; Model.load_weights reads weights",
        )
    if about.get("version") != VERSION:
        raise WeightsError(
            f"is a model file of version {about.get('version')!r:.20}; this polyframe "
            f"reads version {VERSION}",
            where=where,
        )
    names = about.get("class_names", [])
    if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
        raise WeightsError("its class_names are not a list of texts", where=where)
    dtype, semantics = about.get("dtype"), about.get("semantics")
    try:
        check_setting("dtype", dtype)
        meaning: Semantics = check_setting("semantics", semantics)
    except PolyframeError as error:
        raise WeightsError(error.message, where=f"{where}: {error.where}") from None
    return SavedModel(
        from_data(about["spec"], where),
        weight_files.load(path),
        preprocessing_of(about, where),
        tuple(names),
        str(dtype),
        meaning,
    )


def read_about(path: str | Path) -> Mapping[str, Any]:
    """A file's metadata; an empty mapping for a file that polyframe did not write."""
    if not weight_files.looks_like_safetensors(Path(path)):
        return {}
    text = weight_files.metadata(path).get(KEY)
    about = parse_json(text, str(path)) if text is not None else {}
    if not isinstance(about, Mapping):
        raise WeightsError("its metadata are not a mapping", where=str(path))
    return about


def preprocessing_of(about: Mapping[str, Any], where: str) -> tuple[Augmentation, ...]:
    """The preprocessing that a file's weights were trained with."""
    ops = parse_several(
        Augmentation, about.get("preprocessing", []), f"{where}: preprocessing"
    )
    for op in ops:
        if not op.always:
            raise WeightsError(f"{op.type} is not a preprocessing", where=where)
    return ops


def warn_of_preprocessing(path: str | Path, own: Sequence[Augmentation]) -> None:
    """Warn if the weights of a file were trained with a preprocessing that is not the
    model's own."""
    theirs = preprocessing_of(read_about(path), str(path))
    if theirs != tuple(own):
        told = ", ".join(op.label for op in theirs) or "no preprocessing"
        warnings.warn(
            f"{path}: its weights were trained with {told}, which this model does not "
            "have; pf.load_model reads both from a file of Model.save, or set "
            "model.preprocessing",
            UserWarning,
            stacklevel=3,
        )
