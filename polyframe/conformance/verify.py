"""The certificate: a spec on several backends, pair by pair, tensor by tensor."""

from __future__ import annotations

import datetime
import itertools
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from polyframe.conformance.figures import FORWARD, GRADIENT, Bound, scaled_distance
from polyframe.conformance.subject import NUDGE, Subject
from polyframe.conformance.trace import Key, Trace, trace
from polyframe.contract.backend import Backend
from polyframe.contract.devices import threads
from polyframe.contract.registry import get, require
from polyframe.errors import BackendError

SCHEMA = 1
TWIN, OWN = 10.0, 8.0
CHAOS = 1e-9
VAGUE = 1e-2
ULPS = 2.0**-22  # four units in the last place of float32
SELF = (
    "10 times the distance of {0} from itself when its initial weights are moved by four "
    "units in the last place, as sums taken in another order are"
)
SINGLE = (
    "float32: 8 times the least that a backend is away from its own float64 run, or 10 "
    "times what moving {0}'s weights by four units in the last place and its "
    "hyperparameters by one does, or 4 units"
)
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Comparison:
    """One tensor on two backends."""

    dtype: str
    pair: tuple[str, str]
    key: Key
    value: float
    bound: Bound

    @property
    def passed(self) -> bool:
        """Whether it is within its bound; what is not a number is not."""
        return self.value <= self.bound.value


@dataclass
class Certificate:
    """What was compared, how, and what came out."""

    subject: Subject
    backends: tuple[Backend, ...]
    steps: int
    dtypes: tuple[str, ...]
    device: str
    comparisons: list[Comparison] = field(default_factory=list)
    programs: dict[str, dict[str, str]] = field(default_factory=dict)
    # dtype → how far the first backend's predictions are from its nudged self's
    grown: dict[str, float] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether all is within bounds, and the case means something."""
        return bool(self.comparisons) and not (self.missed or self.chaotic)

    @property
    def chaotic(self) -> bool:
        """Whether rounding grows so much in float64 that equality means nothing."""
        return not self.grown["float64"] <= CHAOS

    @property
    def vague(self) -> bool:
        """Whether it grows so much in float32 that only the first step tells much."""
        return self.grown.get("float32", 0.0) > VAGUE

    @property
    def missed(self) -> list[Comparison]:
        """What is out of bounds."""
        return [c for c in self.comparisons if not c.passed]

    def to_data(self) -> dict[str, Any]:
        """The certificate as plain data, for ``certificate.json``."""
        from polyframe.io.version import __version__

        subject = self.subject
        return {
            "schema": SCHEMA,
            "passed": self.passed,
            "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "polyframe": __version__,
            "platform": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
            "backends": {b.name: b.probe().version for b in self.backends},
            "device": self.device,
            "threads": threads(),
            "spec": {"name": subject.spec.name, "hash": subject.spec.hash},
            "losses": [str(loss) for loss in subject.losses],
            "optimizer": str(subject.optimizer),
            "steps": self.steps,
            "batch_size": subject.batch_size,
            "seed": subject.seed,
            "programs": self.programs,
            "chaos": {"grown": self.grown, "bound": CHAOS, "vague": self.vague},
            "figures": [
                {
                    "dtype": c.dtype, "pair": list(c.pair), "step": c.key.step,
                    "kind": c.key.kind, "name": c.key.name, "value": c.value,
                    "bound": c.bound.value, "reason": c.bound.reason,
                    "passed": c.passed,
                }
                for c in self.comparisons
            ],
        }  # fmt: skip


def verify(
    subject: Subject,
    backends: Sequence[str | Backend],
    steps: int = 100,
    dtypes: Sequence[str] = ("float64", "float32"),
    device: str = "cpu",
    tell: Tell = lambda text: None,
) -> Certificate:
    """Train a subject on every backend and compare every pair.

    Each dtype's run is compared tensor by tensor: all nodes in both modes, the slopes of
    the loss in all nodes and parameters, running statistics, parameters and the
    optimizer's state behind the first step and the last, every loss, and predictions.
    ``tell`` hears what is being done. BackendError for fewer than two backends, or one
    that is not usable.
    """
    found = tuple(get(b) for b in dict.fromkeys(backends))
    if len(found) < 2:
        raise BackendError("two backends are needed, to compare", where="verify")
    for backend in found:  # before the first of them is opened
        require(backend, "train", "float64", where="verify")
    made = Certificate(subject, found, steps, tuple(dtypes), device)
    runs: dict[tuple[int, str], Trace] = {}
    # float32 is judged by its distance from float64, so that always runs.
    for dtype in ("float64", *(d for d in dtypes if d != "float64")):
        for index, backend in enumerate(found):
            tell(f"{backend.title}, {dtype}, {steps} steps")
            model = subject.model(backend, dtype, device)
            kept = made.programs.setdefault(backend.name, {})
            kept[dtype] = model.program.hash
            kept[f"{dtype}, inference"] = model.inference_program.hash
            runs[index, dtype] = trace(model, subject, steps)
        tell(f"{found[0].title}, {dtype}, from weights moved by {NUDGE} units")
        other = subject.twin(dtype)
        moved = other.model(found[0], dtype, device, weights=subject.nudged(dtype))
        twin = trace(moved, other, steps)
        if dtype in dtypes:
            made.comparisons += compare(found, dtype, runs, twin)
        first = runs[0, dtype]
        scales = sizes(first)
        ends = [k for k in twin if k.kind == "prediction"]
        made.grown[dtype] = max(
            scaled_distance(twin[k], first[k], scales[k]) for k in ends
        )
    return made


def compare(
    backends: Sequence[Backend],
    dtype: str,
    runs: dict[tuple[int, str], Trace],
    twin: Trace,
) -> list[Comparison]:
    """Every tensor of every pair in one dtype."""
    first, exact = runs[0, dtype], [runs[i, "float64"] for i in range(len(backends))]
    scales, found = sizes(exact[0]), []
    grown = 0.0  # a loss is one number, which may come close by chance
    for key, value in first.items():
        scale = scales[key]
        own = scaled_distance(twin[key], value, scale)
        if key.kind == "loss":
            own = grown = max(own, grown)
        bound = bound64(key, own, backends[0].title)
        if dtype != "float64":
            away = [
                scaled_distance(runs[i, dtype][key], exact[i][key], scale)
                for i in range(len(backends))
            ]
            most = max(OWN * min(away), TWIN * own, ULPS)
            bound = Bound(most, SINGLE.format(backends[0].title))
        for i, j in itertools.combinations(range(len(backends)), 2):
            off = scaled_distance(runs[i, dtype][key], runs[j, dtype][key], scale)
            pair = (backends[i].name, backends[j].name)
            found.append(Comparison(dtype, pair, key, off, bound))
    return found


def bound64(key: Key, own: float, title: str) -> Bound:
    """What float64 allows a tensor whose twin is ``own`` away."""
    exact = FORWARD if key.kind in ("inference", "forward") else GRADIENT
    return exact if TWIN * own <= exact.value else Bound(TWIN * own, SELF.format(title))


def sizes(exact: Trace) -> dict[Key, float]:
    """What a tensor's distance is relative to: its largest number in float64. Of a
    gradient and an optimizer's state it is the largest of its layer's, of an output's
    gradient that of all: what is 0 but for rounding (of a bias in front of a batch norm)
    has no size of its own."""
    found = {key: float(np.abs(value).max(initial=0)) for key, value in exact.items()}
    shared: dict[Any, float] = {}
    for key, size in found.items():
        shared[group(key)] = max(shared.get(group(key), 0.0), size)
    return {key: shared[group(key)] for key in found}


def group(key: Key) -> tuple[int, str, str]:
    """Tensors of one group share their scale."""
    name, _, state = key.name.partition("/")
    if key.kind in ("gradient", "state"):
        return key.step, f"{key.kind} {state}", name.rpartition(".")[0]
    return key.step, key.kind, "" if key.kind == "output gradient" else name
