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

if TYPE_CHECKING:
    from polyframe.run.load import Opened


@dataclass(frozen=True)
class Predictions:
    """The outputs by name and, of a classifier, each sample's likeliest class (N,) and
    its probability (N,), the softmax of the outputs."""

    outputs: Mapping[str, Array]
    classes: Array | None = None
    probabilities: Array | None = None
    names: tuple[str, ...] = field(default=())  # of the classes, where they are known

    def __len__(self) -> int:
        return len(next(iter(self.outputs.values())))

    def rows(self, most: int | None = None) -> list[dict[str, Any]]:
        """A mapping for each of the first samples, as plain data."""
        count = len(self) if most is None else min(most, len(self))
        if self.classes is None or self.probabilities is None:
            return [
                {name: array[i].tolist() for name, array in self.outputs.items()}
                for i in range(count)
            ]
        return [
            {
                "class": int(self.classes[i]),
                **({"name": self.names[self.classes[i]]} if self.names else {}),
                "probability": float(self.probabilities[i]),
            }
            for i in range(count)
        ]

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
    labels = opened.recipe.loss.labels and len(graph.output_shapes[0]) == 1
    if not labels or len(outputs) > 1:
        return Predictions(outputs)
    logits = several[0].astype(np.float64)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares = powers / powers.sum(axis=1, keepdims=True)
    classes = shares.argmax(axis=1)
    known = opened.classes if len(opened.classes) == logits.shape[1] else ()
    return Predictions(outputs, classes, shares[np.arange(len(shares)), classes], known)
