"""Whole random graphs on all backends: five steps in float64, every tensor compared."""

from __future__ import annotations

import multiprocessing
import tempfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import yaml
from helpers.changed import planted
from helpers.graph_draws import Tower, together, towers
from helpers.support import BACKENDS, keep_counts
from hypothesis import HealthCheck, Phase, assume, given, seed, settings
from hypothesis import strategies as st

import polyframe as pf
from polyframe.compiler.table import Target
from polyframe.conformance.certificate import CHAOS
from polyframe.conformance.measurements import GRADIENT, scaled_distance
from polyframe.conformance.rules import rules
from polyframe.conformance.subject import Subject
from polyframe.conformance.trace import trace
from polyframe.conformance.verify import bound64, scales_of
from polyframe.contract import registry
from polyframe.contract.programs import make_step, write_programs
from polyframe.errors import UnsupportedError
from polyframe.spec.losses import Loss
from polyframe.spec.optimizers import Optimizer
from polyframe.spec.settings import Training
from polyframe.spec.typed import flatten
from polyframe.train.arrays import as_list, as_one

KEPT = sorted((Path(__file__).parent / "kept").glob("*.yaml"))
STEPS, SIDE = 5, 10
GAPS = [b for b in BACKENDS if registry.get(b).gaps]
"""Backends that may refuse a graph: it is counted, and compared on the others."""
COUNTS: Counter[str] = Counter()
CONSTANT = "graphs, norm of a constant"
QUIET = {
    "max_examples": 1, "deadline": None, "database": None,
    "suppress_health_check": list(HealthCheck), "phases": (Phase.generate,),
}  # fmt: skip


class Shaken(Subject):
    """A twin's subject: its inputs, too, are moved by a few units in the last place."""

    def batch(self, step, index=0):
        x, y = super().batch(step, index)
        rng = np.random.default_rng(step + 100)  # predictions are step -1
        moved = [
            a + 4 * rng.choice([-1, 1], a.shape) * np.spacing(a) for a in as_list(x)
        ]
        return as_one(moved), y


def compare(spec, losses, optimizer):
    """Fails at the first tensor that parts; returns counts of what was compared."""
    options = {"optimizer": optimizer, "batch_size": 4, "rate_change": 3}
    subject, shaken = (kind(spec, losses, **options) for kind in (Subject, Shaken))
    counts, runs = Counter(), {}
    for backend in BACKENDS:
        try:
            model = subject.model(backend)
        except UnsupportedError as error:
            # A layer whose program depends on its input's size cannot be shared there.
            if backend not in GAPS and "shares a layer" not in str(error):
                raise
            counts[f"gap on {backend}"] += 1
            continue
        runs[backend] = trace(model, subject, STEPS)
    if len(runs) < 2:
        counts["graphs, refused"] += 1
        return counts
    (one, first), *_ = runs.items()
    twins = {one: [trace(shaken.model(one, weights=shaken.nudged()), shaken, STEPS)]}
    normalises = optimizer.type != "SGD"
    compared, missed = judged(twins, runs, normalises)
    if missed is not None:
        for backend in runs:
            twins[backend] = [
                trace(shaken.model(backend, weights=weights), shaken, STEPS)
                for weights in (shaken.nudged(number=i) for i in range(1, TWINS + 1))
            ]
        compared, missed = judged(twins, runs, normalises)
    if missed is not None and amplified(spec, first):
        return counts + Counter({CONSTANT: 1})
    assert missed is None, missed
    return counts + compared


TWINS = 4
"""One twin shows one sample of what one backend's rounding grows to (the sign that Lion
takes of a gradient that is 0 but for rounding may be the same by chance, or that gradient
be 0 on that backend alone): where a comparison misses, there are more, of each backend."""


def judged(twins, runs, normalises):
    """Counts, and the first tensor that is out of bounds (None: no one).

    The bound is DESIGN's for trajectories: 1e-11, or 10 times a backend's own distance.
    """
    (one, first), *_ = runs.items()
    counts, scales = Counter(), scales_of(first)
    for key, value in first.items():
        scale = max(scales[key], TINY)
        own = max(
            scaled_distance(twin[key], runs[backend][key], scale)
            for backend, each in twins.items()
            for twin in each
        )
        if not np.isfinite(own):
            raise NotFiniteError(str(key))
        counts["tensors"] += 1
        if own > CHAOS:  # rounding's own work: what is equal there means nothing
            counts["tensors, chaotic"] += 1
            continue
        bound = max(bound64(key, own, str(one)).value, GRADIENT.value)
        for backend, run in runs.items():
            off = scaled_distance(run[key], value, scale)
            if off <= bound:
                continue
            if normalises and null(key, first, scales):
                counts["tensors, of a gradient that is 0"] += 1
                continue
            return counts, (backend, key, off, bound)
    return counts, None


NORMS = {
    "BatchNorm": (0, 2, 3, 4),
    "InstanceNorm": (2, 3, 4),
    "GroupNorm": (2,),  # of (N, groups, values)
}
"""The axes over which they normalise."""


def amplified(spec, first):
    """Whether something constant is normalised (saturated values, channels that dropout
    has zeroed): what comes out is 0 but for rounding, times eps**-0.5 = 316, and twins
    do not show it, since nudges do not move a constant."""
    for node in flatten(spec.infer()).nodes:
        if node.layer.type not in (*NORMS, "LayerNorm", "RMSNorm"):
            continue
        for key, x in first.items():
            modes = ("forward", "inference")  # what is constant may be so in one only
            if key.kind not in modes or key.name != node.inputs[0]:
                continue
            if node.layer.type == "GroupNorm":
                x = x.reshape(len(x), node.layer.num_groups, -1)
            over = NORMS.get(node.layer.type, (-1,))
            spread = x.std(axis=tuple(axis for axis in over if axis < x.ndim))
            if (spread <= 1e-12 * np.abs(x).max()).any():
                return True
    return False


def null(key, first, scales):
    """Whether it is the update of a parameter whose gradient is 0 up to now, but for
    rounding: all optimizers but SGD divide that by its own size, or take its sign."""
    if key.kind not in ("weights", "state"):
        return False
    name = key.name.partition("/")[0]
    gradients = [k for k in first if (k.kind, k.name) == ("gradient", name)]
    return bool(gradients) and any(
        np.abs(first[k]).max() <= GRADIENT.value * max(scales[k], TINY)
        for k in gradients
        if k.step <= key.step
    )


TINY = 1e-3
"""What a tensor's distance is relative to at least: gradients of saturated functions and of
norms of one value are 0 but for rounding."""


class NotFiniteError(Exception):
    """A random graph may well overflow: it is counted, and nothing is learnt of it."""


class AloneError(Exception):
    """What is said of towers together has to be told of each alone."""


def check(group, optimizer):
    """All towers at once, but for those with a gap; if that fails, each alone, to name
    and shrink the culprit."""
    refused = [tower for tower in group if has_gap(tower, optimizer)]
    others = [tower for tower in group if not any(tower is r for r in refused)]
    alone(refused, optimizer)
    try:
        if not others:
            raise AloneError("all of them have been compared")
        counts = compare(together(others), [t.loss for t in others], optimizer)
        if CONSTANT in counts:
            raise AloneError("one has a norm of a constant")
        COUNTS.update(counts)
        COUNTS["graphs, compared"] += len(others)
    except Exception as error:
        alone(others, optimizer)
        if not isinstance(error, (AloneError, NotFiniteError)):
            raise  # together, and not alone
    COUNTS["graphs"] += len(group)
    COUNTS.update(f"layer {word}" for tower in group for word in tower.words)
    COUNTS.update(f"loss {tower.loss.type}" for tower in group)
    COUNTS[f"optimizer {optimizer.type}"] += len(group)


def has_gap(tower, optimizer):
    """Whether some backend refuses a tower; the program is written, and no more."""
    spec = tower.spec()
    for backend in BACKENDS:
        writer = registry.get(backend)
        try:
            step = make_step(
                spec, writer, [tower.loss], optimizer, Training(), "aligned"
            )
            write_programs(spec, writer, step, Target("float64"), True)
        except UnsupportedError:
            return True
    return False


def alone(group, optimizer):
    """Each by itself; the shortest beginning of one that fails is kept."""
    for tower in group:
        try:
            counts = compare(tower.spec(), [tower.loss], optimizer)
            COUNTS.update(counts)
            COUNTS["graphs, compared"] += "tensors" in counts
        except NotFiniteError:
            COUNTS["graphs, not finite"] += 1
        except Exception as single:
            path = keep(*shrunk(tower, optimizer), optimizer)
            raise AssertionError(f"{single}; kept as {path}") from single


def shrunk(tower, optimizer):
    """The shortest beginning of a tower that fails."""
    for node in tower.nodes:
        spec = tower.spec(node)
        try:
            compare(spec, [tower.loss], optimizer)
        except NotFiniteError:
            continue
        except Exception:
            return spec, tower.loss
    return tower.spec(), tower.loss


def keep(spec, loss, optimizer):
    """A failing case as a file, to be put among the kept ones."""
    data = {
        "spec": yaml.safe_load(spec.to_yaml()),
        "loss": {"type": loss.type, **loss.written()},
        "optimizer": {"type": optimizer.type, **optimizer.written()},
    }
    path = Path(tempfile.gettempdir()) / f"fuzz-{spec.hash[:12]}.yaml"
    path.write_text(yaml.safe_dump(data, sort_keys=False))
    return path


def run(number, graphs):
    """That many graphs, ten at a time, from a seed."""
    known = list(rules().values())
    for part in range(graphs // SIDE):
        rule = known[(number * 7 + part) % len(known)]

        @seed(number * 1000 + part)
        @settings(**QUIET)
        @given(st.tuples(*[towers(i) for i in range(SIDE)]))
        def draw(group):
            # Hypothesis begins with the simplest of all, ten times the same.
            assume(len({word for tower in group for word in tower.words}) > SIDE)
            check(list(group), rule)  # noqa: B023 - called before the next one

        draw()


def nearly_all(counts, graphs):
    """Those that were drawn were compared, but for a few that are told."""
    assert counts["graphs"] == graphs
    assert counts["graphs, compared"] >= 0.9 * graphs, counts
    assert counts["tensors"] >= 50 * graphs, counts
    assert counts["tensors, chaotic"] <= 0.05 * counts["tensors"], counts
    assert counts[CONSTANT] <= 0.05 * graphs, counts


NUMBERS = [pytest.param(n, marks=[pytest.mark.full] * (n > 0)) for n in range(5)]


@pytest.mark.parametrize("number", NUMBERS)
def test_20_random_graphs_agree(number):
    COUNTS.clear()
    run(number, 20)
    nearly_all(COUNTS, 20)


def part(number):
    """80 graphs and what was counted; in a process of its own, since TensorFlow keeps
    some 10 MB of every model that it has traced."""
    for shard in range(4 * number, 4 * number + 4):
        run(5 + shard, 20)
    return dict(COUNTS)


@pytest.mark.full
@pytest.mark.parametrize("number", range(25))
def test_2000_random_graphs_agree(number):
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        counts = pool.submit(part, number).result()
    keep_counts("random graphs", counts)
    nearly_all(Counter(counts), 80)


def test_there_are_kept_cases():
    assert len(KEPT) >= 4


@pytest.mark.parametrize("path", KEPT, ids=lambda p: p.stem)
def test_what_was_found_once_stays_mended(path):
    data = yaml.safe_load(path.read_text())
    spec = pf.load_spec(yaml.safe_dump(data["spec"]))
    losses = [Loss.parse(data["loss"])]
    counts = compare(spec, losses, Optimizer.parse(data["optimizer"]))
    told = counts["tensors"] or counts[CONSTANT]
    assert told or data.get("refused") and counts["graphs, refused"], counts


def test_a_planted_bug_is_found_shrunk_and_kept(monkeypatch):
    wrong = planted("torch", "nn.Tanh()", "nn.Hardtanh()")
    monkeypatch.setattr(f"{__name__}.BACKENDS", ("torch", wrong))
    x = pf.Input((3, 4, 4), name="t0in0")
    stem = pf.Conv2D(2, 1)(x)
    nodes = [stem]
    for layer in (pf.ReLU(), pf.Tanh(), pf.Sigmoid(), pf.ELU()):
        nodes.append(layer(nodes[-1]))
    tower = Tower(0, [x], nodes, [], pf.MSE(), 4)
    with pytest.raises(AssertionError, match="kept as") as caught:
        check([tower], pf.SGD(0.1))
    path = Path(str(caught.value).rpartition("kept as ")[2])
    kept = yaml.safe_load(path.read_text())
    assert "Tanh" in str(kept)
    assert "Sigmoid" not in str(kept)
    path.unlink()


def test_a_sum_of_two_shapes_whatever_the_batch():
    """Keras takes (N, 1, 1, 1) for a bias where N is the height."""
    x = pf.Input((2, 4, 3), name="x")
    mean = pf.ReduceMean(axes=(1, 2, 3), keepdims=True, name="mean")(x)
    spec = pf.ModelSpec(x, pf.Add(name="add")(x, mean), name="shifted")
    for count in (2, 3, 4):
        batch = np.random.default_rng(0).normal(size=(count, 2, 4, 3))
        wanted = batch + batch.mean((1, 2, 3), keepdims=True)
        for backend in BACKENDS:
            output = pf.compile(spec, backend, dtype="float64").predict(batch)
            assert np.abs(output - wanted).max() < 1e-14, (backend, count)
