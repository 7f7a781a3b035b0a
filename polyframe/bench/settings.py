"""What all contestants of one comparison have in common."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from polyframe.conformance.subject import Subject
from polyframe.spec.layers.base import Shape
from polyframe.spec.optimizers import SGD, Adam, Optimizer
from polyframe.spec.text import load_spec

OPTIMIZERS = ("adam", "sgd")


@dataclass(frozen=True)
class Settings:
    """One comparison, as data that goes to every process.

    - ``device``: "cpu" (GPUs are hidden from all contestants) or "gpu".
    - ``spec``: the model as YAML; ``width`` is what the shipped one was made with.
    - ``optimizer``: "adam" (rate 1e-3) or "sgd" (rate 0.01, momentum 0.9).
    - ``rivals``: the folder of hand-written programs, which are run; None without any.
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
    def subject(self) -> Subject:
        """The spec with its losses and batches of random numbers."""
        rule: Optimizer = Adam(lr=1e-3)
        if self.optimizer == "sgd":
            rule = SGD(lr=0.01, momentum=0.9)
        return Subject(load_spec(self.spec), optimizer=rule, batch_size=self.batch)

    @property
    def input_shape(self) -> Shape:
        """(C, H, W) of the first input."""
        shape: Shape = self.subject.graph.inputs[0][1]
        return shape

    @property
    def classes(self) -> int:
        """How many channels the first output has."""
        return int(self.subject.graph.output_shapes[0][0])

    def rival(self, folder: str, name: str | None = None) -> Path | None:
        """The file ``folder/name.py`` of the hand-written programs, if there is one;
        by default of this model."""
        if self.rivals is None:
            return None
        path = Path(self.rivals) / folder / f"{name or self.name}.py"
        return path if path.is_file() else None

    def to_data(self) -> dict[str, Any]:
        """Plain data."""
        return dataclasses.asdict(self)
