"""The settings of a comparison, equal for all contestants."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from polyframe.data.random_batches import batch
from polyframe.io.array import Array
from polyframe.spec.layers.base import Shape
from polyframe.spec.load import load_spec
from polyframe.spec.losses import Losses, default_loss, parse_losses
from polyframe.spec.model import ModelSpec
from polyframe.spec.optimizers import SGD, Adam, Optimizer
from polyframe.spec.typed import TypedGraph

OPTIMIZERS = ("adam", "sgd")


@dataclass(frozen=True)
class Settings:
    """The settings of one comparison, sent to every process.

    - ``device``: "cpu" (GPUs are hidden from all contestants) or "gpu".
    - ``spec``: the model as YAML; ``width`` is that of a shipped model.
    - ``optimizer``: "adam" (rate 1e-3) or "sgd" (rate 0.01, momentum 0.9).
    - ``rivals``: the folder of hand-written programs, which are run; None for none.
    """

    spec: str
    name: str
    batch: int = 32
    threads: int = 1
    dtype: str = "float32"
    device: str = "cpu"
    optimizer: str = "adam"
    width: float = 1.0
    rivals: str | None = None

    @cached_property
    def model_spec(self) -> ModelSpec:
        """The model."""
        return load_spec(self.spec)

    @cached_property
    def graph(self) -> TypedGraph:
        """Its typed graph, aligned."""
        return self.model_spec.infer()

    @cached_property
    def losses(self) -> Losses:
        """One loss for each output."""
        return parse_losses(default_loss(self.graph.output_shapes), self.graph.outputs)

    @property
    def update_rule(self) -> Optimizer:
        """The optimizer of the training step."""
        if self.optimizer == "sgd":
            return SGD(lr=0.01, momentum=0.9)
        return Adam(lr=1e-3)

    def random_batch(self) -> tuple[list[Array], list[Array]]:
        """Random inputs and targets, a list of each, in float64."""
        outputs = list(zip(self.graph.outputs, self.graph.output_shapes, strict=True))
        return batch(self.graph.inputs, outputs, self.losses, self.batch, 0)

    @property
    def input_shape(self) -> Shape:
        """(C, H, W) of the first input."""
        return self.graph.inputs[0][1]

    @property
    def classes(self) -> int:
        """The number of classes: the channels of the first output."""
        return self.graph.output_shapes[0][0]

    def rival(self, folder: str, name: str | None = None) -> Path | None:
        """The file ``folder/name.py`` of the hand-written programs, if it exists; ``name``
        is by default that of the model."""
        if self.rivals is None:
            return None
        path = Path(self.rivals) / folder / f"{name or self.name}.py"
        return path if path.is_file() else None

    def to_data(self) -> dict[str, Any]:
        """Plain data."""
        return dataclasses.asdict(self)
