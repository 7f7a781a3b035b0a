"""The certificate: a spec on several backends, pair by pair, tensor by tensor."""

from __future__ import annotations

import datetime
import itertools
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from polyframe.conformance.defaults import native_differences
from polyframe.conformance.figures import FORWARD, GRADIENT, Bound, scaled_distance
from polyframe.conformance.subject import NUDGE, Subject
from polyframe.conformance.trace import LOOKED_AT, Key, Trace, trace
from polyframe.contract.backend import Backend
from polyframe.contract.devices import threads
from polyframe.contract.registry import get, require
from polyframe.errors import BackendError, PolyframeError

SCHEMA = 2
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
HALF = (
    "{0} with weights in float32: at that step, in the tensor which is furthest, 8 times "
    "the least that a backend is away from its own float64 run (which does without {0}), "
    "or 10 times what moving {1}'s weights by one unit of {0} does"
)
CLOSER = Bound(
    100.0,
    "a backend that is 100 times closer to its float64 run leaves the precision out",
)
DTYPES = ("float64", "float32")
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
    # what makes the backends' native programs differ, a line each
    differences: list[str] = field(default_factory=list)
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
            "settings": {
                "semantics": subject.semantics,
                **subject.training.options(),
                "freeze": list(subject.training.freeze),
            },
            "losses": [str(loss) for loss in subject.losses],
            "optimizers": {
                b.name: str(subject.optimizer.resolve(subject.defaults(b)))
                for b in self.backends
            },
            "native_differences": self.differences,
            "steps": self.steps,
            "batch_size": subject.batch_size,
            "seed": subject.seed,
            "programs": self.programs,
            "chaos": {"grown": self.grown, "bound": CHAOS, "vague": self.vague},
            "comparisons": [
                {
                    "dtype": c.dtype, "pair": list(c.pair), "step": c.key.step,
                    "kind": c.key.kind, "name": c.key.name, "value": c.value,
                    "bound": c.bound.value, "reason": c.bound.reason,
                    "passed": c.passed,
                }
                for c in self.comparisons
            ],
        }  # fmt: skip


def choose_dtypes(subject: Subject, wanted: Sequence[str] = ()) -> tuple[str, ...]:
    """The dtypes to compare in, float64 first: those wanted, else all that the subject
    can run in. PolyframeError for float64 with a ``precision``."""
    precision = subject.training.precision
    if precision is None:
        return tuple(d for d in DTYPES if d in (wanted or DTYPES))
    if "float64" in wanted:
        raise PolyframeError(
            f"{precision} is for weights in float32: it cannot be compared in float64",
            where="verify",
            hint="leave the dtype out, or take float32",
        )
    return ("float32",)


def verify(
    subject: Subject,
    backends: Sequence[str | Backend],
    steps: int = 100,
    dtypes: Sequence[str] = (),
    device: str = "cpu",
    tell: Tell = lambda text: None,
) -> Certificate:
    """Train a subject on every backend and compare every pair.

    Each dtype's run is compared tensor by tensor: all nodes in both modes, the gradients
    of the loss by all nodes and parameters, running statistics, parameters and the
    optimizer's state after the first step and the last, every loss, and predictions.

    The subject's own training settings and semantics are what runs. With a
    ``precision`` only float32 is compared (``dtypes`` left out takes all that the
    subject can run in). With native semantics every backend has its own defaults, and
    ``differences`` of the certificate names those that differ. ``tell`` hears what is
    being done. BackendError for fewer than two backends, or one that is not usable.
    """
    dtypes = choose_dtypes(subject, dtypes)
    chosen = tuple(get(b) for b in dict.fromkeys(backends))
    if len(chosen) < 2:
        raise BackendError("two backends are needed, to compare", where="verify")
    for backend in chosen:  # before the first of them is opened
        require(backend, "train", where="verify")
    made = Certificate(subject, chosen, steps, dtypes, device)
    made.differences = native_differences(subject, chosen)
    runs: dict[tuple[int, str], Trace] = {}
    # float32 is judged by its distance from float64, so that always runs.
    for dtype in ("float64", *(d for d in dtypes if d != "float64")):
        for index, backend in enumerate(chosen):
            tell(f"{backend.title}, {dtype}, {steps} steps")
            model = subject.model(backend, dtype, device)
            kept = made.programs.setdefault(backend.name, {})
            kept[dtype] = model.program.hash
            kept[f"{dtype}, inference"] = model.inference_program.hash
            runs[index, dtype] = trace(model, subject, steps)
        tell(f"{chosen[0].title}, {dtype}, from weights moved by {NUDGE} units")
        other = subject.twin(dtype)
        moved = other.model(chosen[0], dtype, device, weights=subject.nudged(dtype))
        twin = trace(moved, other, steps)
        if dtype in dtypes:
            precision = subject.training.precision
            made.comparisons += compare(chosen, dtype, runs, twin, precision)
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
    precision: str | None = None,
) -> list[Comparison]:
    """Every tensor of every pair in one dtype."""
    pairs = list(itertools.combinations(range(len(backends)), 2))
    first, exact = runs[0, dtype], [runs[i, "float64"] for i in range(len(backends))]
    # A float64 run has no loss scaling: that of another run is its own measure.
    scales, comparisons = sizes(first | exact[0]), []
    away = [rounding(runs[i, dtype], exact[i], scales) for i in range(len(backends))]
    levels = [pooled(each) for each in away]
    moved = pooled(rounding(twin, first, scales))
    grown = 0.0  # a loss is one number, which may come close by chance
    for key, value in first.items():
        scale = scales[key]
        own = scaled_distance(twin[key], value, scale)
        if key.kind == "loss":
            own = grown = max(own, grown)
        if dtype == "float64":
            bound = bound64(key, own, backends[0].title)
        elif precision is None:
            least = min(each[key] for each in away)
            bound = bound32(least, own, backends[0].title)
        else:
            group = alike(key)
            least = min(level[group] for level in levels)
            bound = bound16(least, moved[group], backends[0].title, precision)
        for i, j in pairs:
            off = scaled_distance(
                runs[i, dtype].get(key, ()), runs[j, dtype].get(key, ()), scale
            )
            pair = (backends[i].name, backends[j].name)
            comparisons.append(Comparison(dtype, pair, key, off, bound))
    if precision is None or dtype == "float64":
        return comparisons
    for i, j in pairs:
        key, pair = Key(1, "precision", precision), (backends[i].name, backends[j].name)
        ratio = closer(levels[i][1, False], levels[j][1, False])
        comparisons.append(Comparison(dtype, pair, key, ratio, CLOSER))
    return comparisons


def rounding(run: Trace, exact: Trace, scales: Mapping[Key, float]) -> dict[Key, float]:
    """How far a run's tensors are from those of another, which stands for the truth."""
    return {
        key: scaled_distance(value, exact.get(key, value), scales[key])
        for key, value in run.items()
        if key in scales
    }


Levels = dict[tuple[int, bool], float]


def alike(key: Key) -> tuple[int, bool]:
    """Tensors of one step whose rounding is pooled: those that were looked at, which is
    done in the weights' dtype, and those that training made."""
    return key.step, key.kind in LOOKED_AT


def pooled(away: Mapping[Key, float]) -> Levels:
    """The furthest of all tensors that are alike, in this step or one before.

    In half precision a single tensor may be close to its float64 run by chance. The
    gradient of a bias of three classes was seen 12 times closer than its neighbours; a
    maximum of two numbers that round to the same hands its gradient on to either; and
    Adam's first step moves a weight by the rate times the gradient's sign.
    """
    levels: Levels = {}
    for key in sorted(away, key=lambda key: key.step):
        before = levels.get((key.step - 1, alike(key)[1]), 0.0)
        levels[alike(key)] = max(levels.get(alike(key), before), away[key])
    return levels


def closer(one: float, other: float) -> float:
    """How many times closer to its float64 run one of two backends is, in its first
    step; one that leaves a precision out is some thousand times closer."""
    low, high = sorted((one, other))
    return high / low if low else float("inf") if high else 1.0


def bound32(away: float, own: float, title: str) -> Bound:
    """What float32 allows a tensor whose twin is ``own`` away, and that is at least
    ``away`` from its float64 run on every backend."""
    return Bound(max(OWN * away, TWIN * own, ULPS), SINGLE.format(title))


def bound16(away: float, own: float, title: str, precision: str) -> Bound:
    """What a precision allows a tensor if those like it are ``away`` from the float64
    run on every backend, and ``own`` from the twin."""
    most = max(OWN * away, TWIN * own, ULPS)
    return Bound(most, HALF.format(precision, title))


def bound64(key: Key, own: float, title: str) -> Bound:
    """What float64 allows a tensor whose twin is ``own`` away."""
    exact = FORWARD if key.kind in ("inference", "forward") else GRADIENT
    return exact if TWIN * own <= exact.value else Bound(TWIN * own, SELF.format(title))


def sizes(exact: Trace) -> dict[Key, float]:
    """What a tensor's distance is relative to: its largest number in float64. Of a
    gradient and an optimizer's state it is the largest of its layer's, of an output's
    gradient that of all: what is 0 but for rounding (of a bias in front of a batch norm)
    has no size of its own."""
    shared: dict[tuple[int, str, str], float] = {}
    for key, value in exact.items():
        size = float(np.abs(value).max(initial=0))
        shared[group(key)] = max(shared.get(group(key), 0.0), size)
    return {key: shared[group(key)] for key in exact}


def group(key: Key) -> tuple[int, str, str]:
    """Tensors of one group share their scale."""
    name, _, state = key.name.partition("/")
    if key.kind in ("gradient", "state"):
        return key.step, f"{key.kind} {state}", name.rpartition(".")[0]
    return key.step, key.kind, "" if key.kind == "output gradient" else name
