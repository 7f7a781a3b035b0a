"""The settings of a training that are plain values, as data: recipe and compile."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from polyframe.errors import PolyframeError, SpecError, brief, did_you_mean
from polyframe.spec.fields import Choice, Float, Int, Kind, Maybe, Several, Text

KINDS: dict[str, Kind[Any]] = {
    "batch_size": Int(1, 2**20),
    "epochs": Int(1, 10**6),
    "seed": Int(0, 2**63 - 1),
    "dtype": Choice(("float32", "float64")),
    "precision": Maybe(Choice(("bfloat16", "float16"))),
    "semantics": Choice(("aligned", "native")),
    "accumulate": Int(1, 2**16),
    "clip_norm": Maybe(Float(0.0, above=True)),
    "clip_value": Maybe(Float(0.0, above=True)),
    "ema": Maybe(Float(0.0, 1.0, below=True)),
    "freeze": Several(Text()),
}


@dataclasses.dataclass(frozen=True)
class Training:
    """What a training step does besides loss and optimizer.

    - ``clip_norm``: scale all gradients by min(1, clip_norm / (norm + 1e-6)), ``norm``
      being that of all of them together (Pascanu et al. 2013, algorithm 1; the 1e-6 is
      PyTorch's).
    - ``clip_value``: bring each number of each gradient into ±clip_value.
    - ``accumulate``: add up the gradients of that many batches before each update.
    - ``ema``: keep averages of the weights, ``a = ema·a + (1-ema)·w`` after each step,
      which start at the initial weights; validation and prediction use them (Polyak &
      Juditsky 1992; running statistics are taken as they are).
    - ``freeze``: names or patterns (``conv1``, ``layer1.*``) of layers and blocks whose
      weights stay as they are; a batch norm's running statistics still move.
    - ``precision``: "bfloat16" or "float16" computes the forward and backward pass in
      it, with weights, loss and update in float32 (Micikevicius et al. 2018).
    """

    clip_norm: float | None = None
    clip_value: float | None = None
    accumulate: int = 1
    ema: float | None = None
    freeze: tuple[str, ...] = ()
    precision: str | None = None

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = check_setting(field.name, getattr(self, field.name))
            object.__setattr__(self, field.name, value)
        if self.clip_norm is not None and self.clip_value is not None:
            raise SpecError(
                "clip_norm and clip_value are both given; one clips", where="clip_norm"
            )

    def frozen(self, parameters: Mapping[str, Any]) -> tuple[str, ...]:
        """The layers that ``freeze`` names, among those with such parameters."""
        layers = list(dict.fromkeys(name.rpartition(".")[0] for name in parameters))
        found: dict[str, None] = {}
        for pattern in self.freeze:
            hits = [layer for layer in layers if matches(layer, pattern)]
            if not hits:
                raise SpecError(
                    f"{brief(pattern)} names no layer with weights."
                    f"{did_you_mean(pattern, layers)}",
                    where="freeze",
                    hint=f"layers with weights: {', '.join(layers[:12])}"
                    + (", …" if len(layers) > 12 else ""),
                )
            found |= dict.fromkeys(hits)
        if layers and len(found) == len(layers):
            raise SpecError("nothing is left to train", where="freeze")
        return tuple(layer for layer in layers if layer in found)


def matches(layer: str, pattern: str) -> bool:
    """Whether a pattern names a layer, or a block around it."""
    parts = layer.split(".")
    around = [".".join(parts[:end]) for end in range(1, len(parts) + 1)]
    return any(fnmatchcase(path, pattern) for path in around)


def check_setting(key: str, value: Any) -> Any:
    """The normalised value of a setting; an error that names it."""
    kind = KINDS[key]
    try:
        return kind.check(value)
    except (ValueError, OverflowError):
        raise PolyframeError(
            f"got {brief(value)}; {kind.allowed} is needed", where=key
        ) from None
