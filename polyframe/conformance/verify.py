"""Verifying: a spec on several backends, pair by pair, tensor by tensor."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from polyframe.conformance.certificate import Certificate, Comparison
from polyframe.conformance.defaults import native_differences
from polyframe.conformance.measurements import FORWARD, GRADIENT, Bound, scaled_distance
from polyframe.conformance.subject import NUDGE, Subject
from polyframe.conformance.trace import INSPECTED, Key, Run, Trace, Traced, traced
from polyframe.contract.backend import Backend
from polyframe.contract.registry import get, require
from polyframe.errors import BackendError, PolyframeError

TWIN_FACTOR, ROUNDING_FACTOR = 10.0, 8.0
ULPS = 2.0**-22  # four units in the last place of float32
FLOAT64_REASON = (
    "10 times the distance between two runs of {0} whose initial weights differ by four "
    "units in the last place, about as much as summing in another order changes"
)
FLOAT32_REASON = (
    "float32: the largest of 8 times the smallest distance of a backend from its own "
    "float64 run, 10 times the distance between two runs of {0} whose weights differ by "
    "four units in the last place and whose hyperparameters differ by one, and 4 units"
)
HALF_REASON = (
    "{0} with weights in float32: the larger of two values of the tensor that differs most "
    "at that step: 8 times the smallest distance of a backend from its own float64 run "
    "(without {0}), and 10 times the distance between two runs of {1} whose "
    "weights differ by one unit of {0}"
)
PRECISION_BOUND = Bound(
    100.0,
    "a backend that is 100 times closer to its float64 run does not use the precision",
)
DTYPES = ("float64", "float32")
Tell = Callable[[str], None]
Tracer = Callable[[int, Run], Traced]
"""What runs a subject on the backend of that number, in this process or in another."""


def choose_dtypes(subject: Subject, requested: Sequence[str] = ()) -> tuple[str, ...]:
    """The dtypes to compare in, float64 first: those requested, else all that the
    subject can run in. PolyframeError for float64 with a ``precision``."""
    precision = subject.training.precision
    if precision is None:
        return tuple(d for d in DTYPES if d in (requested or DTYPES))
    if "float64" in requested:
        raise PolyframeError(
            f"{precision} is for weights in float32: it cannot be compared in float64",
            where="verify",
            hint="leave the dtype out, or give float32",
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

    The subject's own training settings and semantics are used. With a
    ``precision`` only float32 is compared (``dtypes`` left out means all that the
    subject can run in). With native semantics every backend has its own defaults, and
    ``differences`` of the certificate names those that differ. ``tell`` is
    called with what is being done. BackendError for fewer than two backends, or one that
    is not usable.
    """
    dtypes = choose_dtypes(subject, dtypes)
    chosen = tuple(get(b) for b in dict.fromkeys(backends))
    if len(chosen) < 2:
        raise BackendError("two backends are needed to compare", where="verify")
    for backend in chosen:  # before the first of them is opened
        require(backend, "train", where="verify")
    certificate = Certificate(subject, chosen, steps, dtypes, device)
    complete(
        certificate,
        lambda index, run: traced(subject, chosen[index], run, steps, device),
        tell,
    )
    return certificate


def runs_of(dtypes: Sequence[str], index: int) -> list[Run]:
    """The runs that a certificate needs of the backend of that number, in order: float32
    is judged by its distance from float64, so that always runs, and the first backend is
    its own twin as well."""
    several = ("float64", *(dtype for dtype in dtypes if dtype != "float64"))
    twins = (False, True) if index == 0 else (False,)
    return [Run(dtype, twin) for dtype in several for twin in twins]


def complete(certificate: Certificate, tracer: Tracer, tell: Tell) -> None:
    """Run all that a certificate needs, and put in what it says."""
    chosen, names = certificate.backends, certificate.names
    certificate.differences = native_differences(
        certificate.subject, list(dict.fromkeys(chosen))
    )
    runs: dict[tuple[int, str], Trace] = {}
    for dtype in dict.fromkeys(run.dtype for run in runs_of(certificate.dtypes, 0)):
        for index, backend in enumerate(chosen):
            tell(f"{backend.title}, {dtype}, {certificate.steps} steps")
            result = tracer(index, Run(dtype))
            certificate.programs.setdefault(names[index], {}).update(result.programs)
            runs[index, dtype] = result.tensors
        tell(f"{chosen[0].title}, {dtype}, from weights moved by {NUDGE} units")
        twin, first = tracer(0, Run(dtype, twin=True)).tensors, runs[0, dtype]
        if dtype in certificate.dtypes:
            certificate.comparisons += compare(certificate, dtype, runs, twin)
        scales = scales_of(first)
        predictions = [k for k in twin if k.kind == "prediction"]
        certificate.growth[dtype] = max(
            scaled_distance(twin[k], first[k], scales[k]) for k in predictions
        )


def compare(
    certificate: Certificate,
    dtype: str,
    runs: dict[tuple[int, str], Trace],
    twin: Trace,
) -> list[Comparison]:
    """Every tensor of every pair in one dtype."""
    backends, names = certificate.backends, certificate.names
    precision = certificate.subject.training.precision
    pairs = list(itertools.combinations(range(len(backends)), 2))
    first, exact = runs[0, dtype], [runs[i, "float64"] for i in range(len(backends))]
    # A float64 run has no loss scaling: the scale of that is its own.
    scales, comparisons = scales_of(first | exact[0]), []
    roundings = [
        rounding(runs[i, dtype], exact[i], scales) for i in range(len(backends))
    ]
    levels = [largest_by_pool(each) for each in roundings]
    twin_levels = largest_by_pool(rounding(twin, first, scales))
    largest_so_far = 0.0  # a loss is one number, and may be close by chance
    for key, value in first.items():
        scale = scales[key]
        twin_distance = scaled_distance(twin[key], value, scale)
        if key.kind == "loss":
            twin_distance = largest_so_far = max(twin_distance, largest_so_far)
        if dtype == "float64":
            bound = bound64(key, twin_distance, backends[0].title)
        elif precision is None:
            least = min(each[key] for each in roundings if key in each)
            bound = bound32(least, twin_distance, backends[0].title)
        else:
            pool = pool_of(key)
            least = min(level[pool] for level in levels)
            bound = bound16(least, twin_levels[pool], backends[0].title, precision)
        for i, j in pairs:
            difference = scaled_distance(
                runs[i, dtype].get(key, ()), runs[j, dtype].get(key, ()), scale
            )
            pair = (names[i], names[j])
            comparisons.append(Comparison(dtype, pair, key, difference, bound))
    if precision is None or dtype == "float64":
        return comparisons
    for i, j in pairs:
        key, pair = Key(1, "precision", precision), (names[i], names[j])
        ratio = precision_ratio(levels[i][1, False], levels[j][1, False])
        comparisons.append(Comparison(dtype, pair, key, ratio, PRECISION_BOUND))
    return comparisons


def rounding(run: Trace, exact: Trace, scales: Mapping[Key, float]) -> dict[Key, float]:
    """The distances of a run's tensors from those of a more exact run."""
    return {
        key: scaled_distance(value, exact.get(key, value), scales[key])
        for key, value in run.items()
        if key in scales
    }


Levels = dict[tuple[int, bool], float]


def pool_of(key: Key) -> tuple[int, bool]:
    """Tensors of one step whose rounding is pooled: those that were inspected, which is
    done in the weights' dtype, and those that training computed."""
    return key.step, key.kind in INSPECTED


def largest_by_pool(distances: Mapping[Key, float]) -> Levels:
    """The largest distance in each pool, in this step or an earlier one.

    In half precision a single tensor may be close to its float64 run by chance. The
    gradient of a bias of three classes was seen 12 times closer than its neighbours; a
    maximum of two numbers that round to the same passes its gradient to either; and
    Adam's first step changes a weight by the learning rate times the gradient's sign.
    """
    levels: Levels = {}
    for key in sorted(distances, key=lambda key: key.step):
        before = levels.get((key.step - 1, pool_of(key)[1]), 0.0)
        levels[pool_of(key)] = max(levels.get(pool_of(key), before), distances[key])
    return levels


def precision_ratio(one: float, other: float) -> float:
    """How many times closer one of two backends is to its float64 run, in the first
    step; one that does not use the precision is some thousand times closer."""
    low, high = sorted((one, other))
    return high / low if low else float("inf") if high else 1.0


def bound32(rounding: float, twin_distance: float, title: str) -> Bound:
    """The bound in float32 for a tensor with this distance from its twin, and at least
    this rounding (its distance from the float64 run) on every backend."""
    return Bound(
        max(ROUNDING_FACTOR * rounding, TWIN_FACTOR * twin_distance, ULPS),
        FLOAT32_REASON.format(title),
    )


def bound16(rounding: float, twin_distance: float, title: str, precision: str) -> Bound:
    """The bound with a precision for a tensor whose pool has this rounding and this
    distance from the twin."""
    most = max(ROUNDING_FACTOR * rounding, TWIN_FACTOR * twin_distance, ULPS)
    return Bound(most, HALF_REASON.format(precision, title))


def bound64(key: Key, twin_distance: float, title: str) -> Bound:
    """The bound in float64 for a tensor with this distance from its twin."""
    exact = FORWARD if key.kind in ("inference", "forward") else GRADIENT
    measured = TWIN_FACTOR * twin_distance
    if measured <= exact.value:
        return exact
    return Bound(measured, FLOAT64_REASON.format(title))


def scales_of(exact: Trace) -> dict[Key, float]:
    """The scale of each tensor's distance: its largest absolute value. For a gradient and
    an optimizer's state it is the largest of the layer, for an output's gradient the
    largest of all: a tensor that is 0 but for rounding (the gradient of a bias before a
    batch norm) has no scale of its own."""
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
