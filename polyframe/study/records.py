"""The record of a cell: what its process measured, as it is kept in the study's folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SCHEMA = 1
"""The version of a record."""
STATUSES = ("done", "failed", "timeout")


@dataclass(frozen=True)
class Record:
    """What one cell measured.

    - ``study``: the hash of the plan's recipe and settings. ``status``: "done", "failed"
      (``error`` says why) or "timeout".
    - ``started``: seconds since 1970; ``order``: how many cells had begun before it.
    - ``facts``: what has to be equal, and what identifies the run: polyframe, python,
      platform, processor, framework, version, device, threads, dtype, batch_size,
      parameters, spec_hash, program_hash, weights_hash (of the initial weights), data_hash,
      order_hash, optimize, semantics, and what the session tells (TF32, layout, …).
    - ``start``: seconds of "interpreter", "import", "data", "compile", "first step".
    - ``epochs``: a row an epoch, from 0 (before the first step): "epoch", "steps",
      "seconds" (of training since the first step began, without evaluation), "loss" (of
      training), and of the test data "test_loss", "test_<metric>".
    - ``step_ms``: at most 1,000 step times in milliseconds, of the steady state.
    - ``phases``: seconds of the whole cell by phase: those of ``start``, "training",
      "evaluation", "other".
    - ``test``: loss and metrics of the test data after the last epoch.
    - ``steady``: "examples_per_second" after the first epoch (or the first ten steps).
    - ``divergence``: (step, values of the same up to 256 weights) at steps 1, 2, 4, …;
      only where the plan asks for it.
    - ``resources``: "peak_mib", "cpu_seconds", "energy_joules" (None where the system does
      not tell it), "wall_seconds".
    """

    contestant: str
    variant: str
    seed: int
    study: str
    status: str
    error: str | None = None
    started: float = 0.0
    order: int = 0
    facts: Mapping[str, Any] = field(default_factory=dict)
    start: Mapping[str, float] = field(default_factory=dict)
    epochs: tuple[Mapping[str, float], ...] = ()
    step_ms: tuple[float, ...] = ()
    phases: Mapping[str, float] = field(default_factory=dict)
    test: Mapping[str, float] = field(default_factory=dict)
    steady: Mapping[str, float] = field(default_factory=dict)
    divergence: tuple[tuple[int, tuple[float, ...]], ...] = ()
    resources: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, int]:
        """That of its cell."""
        return self.contestant, self.variant, self.seed

    @property
    def done(self) -> bool:
        """Whether it was trained to its end."""
        return self.status == "done"

    def to_data(self) -> dict[str, Any]:
        """Plain data, for a cell's JSON file."""
        return {"schema": SCHEMA, **vars(self)}
