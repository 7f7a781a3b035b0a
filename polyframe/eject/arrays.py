"""The arrays beside an ejected program: its data and its initial weights, as ``.npz``."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from polyframe.data import Dataset, batch_of
from polyframe.data.split import rows_of
from polyframe.errors import DataError
from polyframe.io.array import Array
from polyframe.spec.layers.base import Shape
from polyframe.spec.losses import Loss, Losses
from polyframe.spec.losses.targets import with_channel
from polyframe.spec.recipe import Recipe
from polyframe.spec.typed import TypedGraph
from polyframe.train.arrays import as_one, check_sample_weight, prepare
from polyframe.train.checks import check_targets
from polyframe.train.evaluation_data import is_lazy


@dataclass(frozen=True)
class Samples:
    """Data for a model with several inputs or outputs, which no data set has.

    - ``train``: (inputs, targets), a list of arrays each, in the order of the model's.
    - ``validation``, ``test``: the same, or None.
    - ``weights``: the sample weights of the training data, (N,), or None.
    """

    train: tuple[Sequence[Array], Sequence[Array]]
    validation: tuple[Sequence[Array], Sequence[Array]] | None = None
    test: tuple[Sequence[Array], Sequence[Array]] | None = None
    weights: Array | None = None


@dataclass(frozen=True)
class Prepared:
    """The data of a script, as they are written.

    - ``arrays``: the content of ``data.npz``: ``x_train``, ``y_train``, ….
    - ``inputs``, ``targets``: the beginnings of their names.
    - ``parts``: "train", and "validation" and "test" where there are some.
    - ``samples``: the dtype of the samples when they are augmented.
    """

    arrays: Mapping[str, Array]
    inputs: tuple[str, ...]
    targets: tuple[str, ...]
    parts: tuple[str, ...]
    samples: str

    @property
    def weighted(self) -> bool:
        """Whether the samples have weights."""
        return "weights_train" in self.arrays

    @property
    def in_bytes(self) -> bool:
        """Whether there are samples as bytes, which mean x / 255."""
        return any(
            array.dtype == np.uint8
            for name, array in self.arrays.items()
            if name.rpartition("_")[0] in self.inputs
        )

    @property
    def count(self) -> int:
        """The number of samples to train on."""
        return len(self.arrays[f"{self.targets[0]}_train"])


def prepared(
    data: Dataset | Samples, recipe: Recipe, graph: TypedGraph, losses: Losses
) -> Prepared:
    """The data of a recipe as a script reads them: split, and checked as ``fit`` does."""
    inputs, targets = (
        tuple(f"{letter}{i}" if count > 1 else letter for i in range(count))
        for letter, count in (("x", len(graph.inputs)), ("y", len(graph.outputs)))
    )
    arrays: dict[str, Array] = {}
    parts = parts_of(data, recipe)
    lazy = isinstance(data, Dataset) and is_lazy(data.train[0])
    for name, (x, y, weights) in parts.items():
        x, y = as_one(several(x)), as_one(several(y))
        samples = prepare(graph.inputs, x, recipe.dtype, "NCHW")
        if lazy:
            samples = [as_read(each) for each in several(x)]
        taken = check_targets(
            losses, graph.output_shapes, y, len(samples[0]), recipe.dtype
        )
        if lazy:  # floats keep their dtype until a batch of them is cut
            pairs = zip(several(y), taken, strict=True)
            taken = [
                batch_of(given, slice(None)).reshape(own.shape)
                if own.dtype.kind == given.dtype.kind == "f"
                else own
                for given, own in pairs
            ]
        else:
            samples = [in_bytes(each) for each in samples]
        arrays |= {f"{key}_{name}": a for key, a in zip(inputs, samples, strict=True)}
        arrays |= {f"{key}_{name}": a for key, a in zip(targets, taken, strict=True)}
        if weights is not None:
            arrays[f"weights_{name}"] = check_weights(weights, len(taken[0]))
    in_bytes_already = lazy and several(data.train[0])[0].dtype == np.uint8
    samples_dtype = "float32" if in_bytes_already else recipe.dtype
    return Prepared(arrays, inputs, targets, tuple(parts), samples_dtype)


Given = Array | Sequence[Array]
DataPart = tuple[Given, Given, Array | None]


def parts_of(data: Dataset | Samples, recipe: Recipe) -> dict[str, DataPart]:
    """The parts of the data that a training looks at: inputs, targets, sample weights."""
    held = {"validation": data.validation, "test": data.test}
    parts: dict[str, DataPart] = {"train": (*data.train, data.weights)}
    if recipe.split is not None:
        if isinstance(data, Samples):
            raise DataError("is for data sets", where="split", hint="validation=(x, y)")
        (x, y), weights = data.train, data.weights
        rows = rows_of(data, recipe.split, recipe.seed, "split")
        for name, part in (("train", rows.train), ("validation", rows.validation)):
            own = None if weights is None else weights[part]
            parts[name] = (x[part], y[part], own)
    return parts | {
        name: (*part, None) for name, part in held.items() if part is not None
    }


def several(arrays: Given) -> list[Array]:
    """One array alone, or several, as a list."""
    return [arrays] if isinstance(arrays, np.ndarray) else list(arrays)


def check_weights(weights: Array, count: int) -> Array:
    """Sample weights in float64; DataError for what are none."""
    checked = check_sample_weight(weights, count)
    assert checked is not None
    return checked


def as_read(x: Array) -> Array:
    """Samples as a batch of them is read: bytes as they are, floats in native ones."""
    return np.ascontiguousarray(x) if x.dtype == np.uint8 else batch_of(x, slice(None))


def in_bytes(x: Array) -> Array:
    """Samples that were read from bytes as bytes again; all others as they are."""
    if x.dtype.kind != "f" or not x.size or not 0 <= x.min() <= x.max() <= 1:
        return x
    whole = np.rint(x * 255).astype(np.uint8)
    floats = whole.astype(np.float32) / np.float32(255)
    return whole if np.array_equal(floats.astype(x.dtype), x) else x


def arrays(data: Dataset, loss: Loss, output: Shape) -> dict[str, Array]:
    """A data set's arrays for a folder; images that were read from bytes are stored as
    bytes, and targets have the output's shape where the loss compares numbers."""
    _, test = data.evaluated
    values = {
        "x_train": data.train[0],
        "y_train": data.train[1],
        "x_test": test[0],
        "y_test": test[1],
    }
    if not loss.labels and loss.domain != "unused":
        for name in ("y_train", "y_test"):
            target = with_channel(values[name], output)
            values[name] = target if target.dtype.kind == "f" else target * 1.0
    for name in ("x_train", "x_test"):
        if values[name].dtype == np.float32:
            values[name] = in_bytes(values[name])
    return values


def packed(values: Mapping[str, Array]) -> bytes:
    """Arrays as the bytes of a compressed ``.npz``."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **values)
    return buffer.getvalue()
