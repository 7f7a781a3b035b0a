"""JSON and CSV as every reader takes them."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

LONGEST = 2**30
"""The most bytes that a run's own texts may have: a history with a confusion matrix of
many classes an epoch is longer than what people write."""


def to_json(data: object) -> str:
    """Indented JSON that every reader takes: NaN and infinity become null."""
    return json.dumps(finite(data), indent=2, ensure_ascii=False) + "\n"


def finite(data: object) -> object:
    """Plain data without arrays, NaN and infinity, which JSON does not know."""
    if isinstance(data, Mapping):
        return {key: finite(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [finite(value) for value in data]
    if isinstance(data, (np.ndarray, np.generic)):
        return finite(data.tolist())
    if isinstance(data, float) and not math.isfinite(data):
        return None
    return data


def row_of(data: Mapping[str, Any]) -> dict[str, Any]:
    """A row of a history as JSON has it, as it was; ValueError or TypeError unless it
    is one: numbers by name, null for NaN, a confusion matrix as lists of numbers.
    """
    row: dict[str, Any] = {}
    for name, value in data.items():
        if not name.isprintable() or isinstance(value, (str, bool, Mapping)):
            raise ValueError(name)
        if isinstance(value, list):
            row[name] = np.array(value)
            if row[name].ndim != 2 or row[name].dtype.kind not in "if":
                raise ValueError(name)
        else:
            row[name] = math.nan if value is None else value
            float(row[name])  # OverflowError where no other reader could take it
    return row


def to_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """One line of column names, one line a row; numbers as Python writes them, what is
    no single number left out."""
    columns = [name for name, value in rows[0].items() if np.ndim(value) == 0]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
