"""The result of a comparison of two backends: where they diverge, or how close they
are."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from polyframe.compiler.program import Program
from polyframe.conformance.measurements import Bound
from polyframe.conformance.trace import Key
from polyframe.differences import Difference, causes


@dataclass(frozen=True)
class Divergence:
    """The first tensor at which two backends diverge.

    ``layer`` is the path of the layer that causes it, and ``entry`` the layer's type. For
    a weight after an update or an optimizer's state, ``entry`` is the optimizer; for the
    loss, it is the loss. ``blamed`` is the backend that differs from the definition, None
    if that is unknown.
    """

    key: Key
    layer: str
    entry: str
    one: str
    other: str
    value: float
    bound: Bound
    worst: tuple[tuple[tuple[int, ...], float, float], ...]
    blamed: str | None = None

    @property
    def causes(self) -> tuple[Difference, ...]:
        """Known differences that may cause it; of ``polyframe.differences``."""
        return causes(self.entry, self.key.kind, (self.one, self.other))

    def __str__(self) -> str:
        who = f"; {self.blamed} differs from the definition" if self.blamed else ""
        return (
            f"{self.one} and {self.other} diverge at step {self.key.step}, "
            f"{self.key.kind} of {self.key.name} ({self.layer}, {self.entry}): "
            f"relative difference {self.value:.1e}, bound {self.bound.value:.0e}{who}"
        )


@dataclass
class Agreement:
    """The divergence, or the largest distance if there is none."""

    divergence: Divergence | None = None
    dtype: str = "float64"
    tensors: int = 0
    steps: int = 0
    worst: float = 0.0
    where: Key | None = None
    programs: dict[str, Program] = field(default_factory=dict)  # backend → what it ran
    # the native defaults that differ, a line each
    differences: list[str] = field(default_factory=list)

    def to_data(self) -> dict[str, Any]:
        """Plain data, for ``diff.json``."""
        data: dict[str, Any] = {
            "agree": self.divergence is None,
            "dtype": self.dtype,
            "steps": self.steps,
            "tensors": self.tensors,
            "worst": self.worst,
            "native_differences": self.differences,
            "divergence": None,
        }
        if self.divergence is not None:
            d = self.divergence
            data["divergence"] = {
                "step": d.key.step, "kind": d.key.kind, "tensor": d.key.name,
                "layer": d.layer, "entry": d.entry, "backends": [d.one, d.other],
                "distance": d.value, "bound": d.bound.value, "reason": d.bound.reason,
                "blamed": d.blamed,
                "causes": [dataclasses.asdict(cause) for cause in d.causes],
                "worst": [
                    {"index": list(i), d.one: a, d.other: b} for i, a, b in d.worst
                ],
            }  # fmt: skip
        return data
