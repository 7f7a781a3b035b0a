"""The suite: checks as data, for any backend.

Each family asks a backend for what it states in its ``abilities``: one that does not
train is held against the definitions of layers, and one without float64 in float32.

The authors of a backend run the whole suite with a few lines in their own tests::

    from polyframe import conformance

    @pytest.mark.parametrize("check", conformance.checks("jax"), ids=str)
    def test_conformance(check):
        check.run()
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from polyframe.compiler.table import Target
from polyframe.conformance.measurements import Measurement
from polyframe.contract.backend import Backend
from polyframe.contract.programs import write_programs
from polyframe.contract.registry import get, require, usable
from polyframe.errors import BackendError, ConformanceError, UnsupportedError
from polyframe.spec.layers import Dense
from polyframe.spec.model import Sequential

FAMILIES = ("gaps", "layers", "losses", "optimizers", "training", "features", "files")
"""Modules of this package, each with ``checks(backend, device)``."""
TRAINING = frozenset({"losses", "optimizers", "training", "features"})
"""Those of them that are for backends that train, with float64 among their dtypes: a
sample of each runs in float32, too, and in each precision that the device has."""


@dataclass(frozen=True)
class Check:
    """One check of a backend: (family, entry, what, dtype, device)."""

    family: str  # "layers"
    entry: str  # "Conv2D"
    what: str  # "native, forward"
    dtype: str
    device: str
    backend: str
    measure: Callable[[], Iterable[Measurement]] = field(repr=False, compare=False)

    def __str__(self) -> str:
        parts = (self.family, self.entry, self.what, self.dtype, self.device)
        return f"{self.backend}: " + ", ".join(parts)

    def run(self) -> list[Measurement]:
        """All measurements; ConformanceError, with the worst, if one is out of bounds or
        there is none."""
        measurements = list(self.measure())
        missed = [measurement for measurement in measurements if not measurement.passed]
        if missed:
            missed.sort(key=lambda measurement: measurement.excess, reverse=True)
            more = f" (and {len(missed) - 3} more)" if len(missed) > 3 else ""
            texts = "; ".join(str(measurement) for measurement in missed[:3])
            raise ConformanceError(f"{texts}{more}", where=str(self))
        if not measurements:
            raise ConformanceError("nothing was measured", where=str(self))
        return measurements


def checks(
    backend: str | Backend,
    families: Sequence[str] = FAMILIES,
    device: str = "cpu",
) -> list[Check]:
    """The suite for one backend, in the order in which to run it.

    ``families`` are some of ``FAMILIES``; those that train have no checks for a backend
    that does not. BackendError if the backend does not load or is not usable, or trains
    without float64: one that was asked for is never skipped.
    """
    chosen = get(backend)
    if "train" in chosen.abilities:
        require(chosen, "float64")
    probe = chosen.probe()
    if not probe.usable:
        raise BackendError(
            f"is not usable: {probe.problem}",
            where=chosen.name,
            hint=f"install it with: {chosen.install}",
        )
    return list(_checks(chosen, families, device))


def partners(backend: Backend) -> list[Backend]:
    """The other usable backends that it can be compared with: those that train in
    float64."""
    others = usable("train", "float64").items()
    return [other for name, other in others if name != backend.name]


def dtypes(backend: Backend) -> list[str]:
    """Those of weights that it can compute in."""
    return [d for d in ("float64", "float32") if d in {"float32", *backend.abilities}]


def precisions(backend: Backend, device: str) -> list[str]:
    """The precisions that it can compute in on a device."""
    net = Sequential([Dense(1, name="fc")], (1,), name="tiny")
    kind = backend.resolve_device(device).kind
    found: list[str] = []
    for precision in ("bfloat16", "float16"):
        if precision in backend.abilities:
            target = Target("float32", kind, precision=precision, training=False)
            with suppress(UnsupportedError):
                write_programs(net, backend, None, target, False)
                found.append(precision)
    return found


def _checks(backend: Backend, families: Sequence[str], device: str) -> Iterator[Check]:
    for family in families:
        if family in TRAINING and "train" not in backend.abilities:
            continue
        module = importlib.import_module(f"polyframe.conformance.{family}")
        yield from module.checks(backend, device)
