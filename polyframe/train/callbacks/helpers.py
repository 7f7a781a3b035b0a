"""What the callbacks made from specs have in common."""

from __future__ import annotations

import importlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from polyframe.errors import PolyframeError, brief
from polyframe.spec.callbacks import CallbackSpec
from polyframe.spec.fields import Kind
from polyframe.train.callbacks.base import Callback


class SpecCallback(Callback):
    """A callback made from its spec. It writes into ``folder`` only once training has
    begun; it does not look at the model's weights, so it tolerates delay."""

    tolerates_delay = True
    spec: Any
    """Its fields depend on its class."""

    def __init__(self, spec: CallbackSpec, folder: Path) -> None:
        self.spec, self.folder = spec, folder


def json_line(values: Mapping[str, int | float]) -> str:
    """Numbers as a line of JSON, which knows neither NaN nor infinity: null."""
    finite = {k: v if math.isfinite(v) else None for k, v in values.items()}
    return json.dumps(finite, ensure_ascii=False) + "\n"


def restored(where: str, state: object, kinds: Mapping[str, Kind[Any]]) -> list[Any]:
    """The values of a callback's state, which comes from a file, in ``kinds``' order."""
    values = []
    if not isinstance(state, Mapping):
        raise PolyframeError(
            f"its state in the checkpoint is damaged: {brief(state)} is not a mapping",
            where=where,
        )
    for key, kind in kinds.items():
        try:
            values.append(kind.check(state.get(key)))
        except (ValueError, OverflowError):
            raise PolyframeError(
                f"its state in the checkpoint is damaged: {key} is "
                f"{brief(state.get(key))}; {kind.allowed} is needed",
                where=where,
            ) from None
    return values


def package(name: str, where: str, install: str) -> Any:
    """Import a module that only this callback needs; PolyframeError says how to install
    it where it is missing."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise PolyframeError(
            f"needs {name.partition('.')[0]}, which does not import: {error}",
            where=where,
            hint=f"install it with: {install}",
        ) from None
