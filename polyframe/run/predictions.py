"""A trained model's predictions: outputs, classes and probabilities, and their files."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from polyframe.errors import PolyframeError
from polyframe.io.array import Array
from polyframe.io.atomic import write_atomic
from polyframe.io.cards import Card, Displayed, Row, Table

if TYPE_CHECKING:
    from polyframe.run.load import Opened

SHOWN = 10
"""The most samples that people are shown."""


@dataclass(frozen=True)
class Predictions(Displayed):
    """The outputs by name, and what they say of classes. In a notebook they show the first
    samples.

    Of a classifier: each sample's (or pixel's) likeliest class, (N,) or (N, H, W), and its
    probability, the softmax of the outputs; a loss of numbers from 0 to 1 with one output
    decides between two classes. Of a model of several labels: the probability
    of each, (N, K), the sigmoid of the outputs; ``classes`` is None.
    """

    outputs: Mapping[str, Array]
    classes: Array | None = None
    probabilities: Array | None = None
    names: tuple[str, ...] = field(default=())  # of the classes, where they are known
    files: tuple[str, ...] = field(default=())  # of the samples, where they are images

    def __len__(self) -> int:
        return len(next(iter(self.outputs.values())))

    def rows(self, most: int | None = None) -> list[dict[str, Any]]:
        """A mapping for each of the first samples, as plain data. For classes of pixels:
        their ``class`` as nested lists, and the ``shares`` of the classes among them; for
        several labels: the ``labels`` with a probability of at least 0.5."""
        count = len(self) if most is None else min(most, len(self))
        files = [{"file": name} for name in self.files] or [{}] * count
        return [{**files[i], **self.row(i)} for i in range(count)]

    def row(self, i: int) -> dict[str, Any]:
        """What is known of one sample, as plain data."""
        if self.probabilities is None:
            return {name: array[i].tolist() for name, array in self.outputs.items()}
        if self.classes is None:
            likely = np.flatnonzero(self.probabilities[i] >= 0.5)
            return {
                "labels": [self.name(k) for k in likely],
                "probability": self.probabilities[i].tolist(),
            }
        if self.classes.ndim > 1:
            found, counts = np.unique(self.classes[i], return_counts=True)
            shares = (counts / counts.sum()).tolist()
            names = [str(self.name(k)) for k in found]
            return {
                "class": self.classes[i].tolist(),
                "shares": dict(zip(names, shares, strict=True)),
            }
        return {
            "class": int(self.classes[i]),
            **({"name": self.names[self.classes[i]]} if self.names else {}),
            "probability": float(self.probabilities[i]),
        }

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Heads and cells of the first samples, for people. The classes of all pixels
        would be too many; their shares say enough."""
        rows = self.rows(SHOWN)
        heads = [k for k in rows[0] if not (k == "class" and "shares" in rows[0])]
        cells = [
            [str(i), *(cell(key, row[key]) for key in heads)]
            for i, row in enumerate(rows)
        ]
        return ["sample", *heads], cells

    def _card(self) -> Card:
        title = f"Predictions: {len(self):,} samples"
        if not len(self):
            return Card(title)
        heads, cells = self.table()
        more = [f"The first {SHOWN} are shown."] if len(self) > SHOWN else []
        rows = tuple(Row(tuple(each)) for each in cells)
        return Card(title, sentences=more, table=Table(tuple(heads), rows))

    def name(self, index: int) -> str | int:
        """The name of a class or label, or its number where there are no names."""
        return self.names[index] if self.names else int(index)

    def write(self, path: Path) -> None:
        """Write the outputs as they come out of the model: one array to .npy; to .npz
        all by their names, with the keys class and probability of a classifier."""
        check_path(path)
        content = io.BytesIO()
        if path.suffix.lower() == ".npz":
            extra = {"class": self.classes, "probability": self.probabilities}
            arrays = {n: a for n, a in extra.items() if a is not None}
            # By hand, because np.savez takes no array of the name "file".
            with zipfile.ZipFile(content, "w") as archive:
                for name, array in {**arrays, **self.outputs}.items():
                    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                        np.save(member, array, allow_pickle=False)
        elif len(self.outputs) > 1:
            raise PolyframeError(
                f"one array cannot hold {len(self.outputs)} outputs",
                where=str(path),
                hint="a name ending in .npz",
            )
        else:
            array = next(iter(self.outputs.values()))
            np.save(content, array, allow_pickle=False)
        write_atomic(path, content.getvalue())


def cell(key: str, value: object) -> str:
    """A value of a row as a short text."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {100 * v:.1f} %" for name, v in value.items())
    if key == "probability" and isinstance(value, float):
        return f"{100 * value:.2f} %"
    text = str(value)
    return text if len(text) <= 70 else f"{text[:67]}..."


def check_path(path: Path) -> None:
    """PolyframeError unless outputs can be written to a file of that name."""
    if path.suffix.lower() not in (".npy", ".npz"):
        raise PolyframeError("a file ending in .npy or .npz is needed", where=str(path))


def predict(
    opened: Opened, samples: Sequence[Array], layout: str = "NCHW"
) -> Predictions:
    """The predictions of a run's model for samples, one array for each input."""
    graph = opened.model.graph
    x = samples if len(samples) > 1 else samples[0]
    given = opened.model.predict(x, layout=layout)
    several = given if isinstance(given, list) else [given]
    outputs = dict(zip(graph.outputs, several, strict=True))
    loss, logits = opened.recipe.loss, several[0].astype(np.float64)
    decides = loss.domain == "from 0 to 1" and loss.takes == "logits"
    if len(outputs) > 1 or logits.ndim < 2 or not (loss.labels or decides):
        return Predictions(outputs)
    one = decides and logits.shape[1] == 1
    if one:  # between two classes: softmax of 0 and x gives 1 - σ(x) and σ(x)
        logits = np.concatenate([np.zeros_like(logits), logits], axis=1)
    known = opened.classes if len(opened.classes) == logits.shape[1] else ()
    if loss.labels or one:
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares = powers / powers.sum(axis=1, keepdims=True)
        return Predictions(outputs, shares.argmax(axis=1), shares.max(axis=1), known)
    if logits.ndim > 2:
        return Predictions(outputs)
    with np.errstate(over="ignore"):  # where e^-x is too large, the probability is 0
        return Predictions(outputs, None, 1 / (1 + np.exp(-logits)), known)
