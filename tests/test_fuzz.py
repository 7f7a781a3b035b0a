"""Whole random graphs on all backends: five steps in float64, every tensor compared."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import yaml
from graph_draws import together, towers
from hypothesis import HealthCheck, Phase, assume, given, seed, settings
from hypothesis import strategies as st
from support import BACKENDS, keep_counts, within

import polyframe as pf
from polyframe import registry
from polyframe.conformance.rules import RULES
from polyframe.conformance.subject import Subject
from polyframe.conformance.trace import trace
from polyframe.conformance.verify import CHAOS, apart, bound64, sizes
from polyframe.errors import UnsupportedError
from polyframe.spec.losses import Loss
from polyframe.spec.optimizers import Optimizer

KEPT = sorted((Path(__file__).parent / "fuzz_cases").glob("*.yaml"))
STEPS, SIDE = 5, 10
GAPS = [b for b in BACKENDS if registry.get(b).gaps]
"""Backends that may refuse a graph: it is counted, and compared on the others."""
COUNTS: Counter[str] = Counter()
QUIET = {
    "max_examples": 1, "deadline": None, "database": None,
    "suppress_health_check": list(HealthCheck), "phases": (Phase.generate,),
}  # fmt: skip


def compare(spec, losses, optimizer):
    """Fails at the first tensor that parts; returns counts of what was compared."""
    subject = Subject(
        spec, loss=losses, optimizer=optimizer, batch_size=4, rate_change=3
    )
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
    twin = trace(subject.model(one, weights=subject.nudged()), subject, STEPS)
    scales = sizes(first)
    for key, value in first.items():
        scale = max(scales[key], TINY)
        own = apart(twin[key], value, scale)
        if not np.isfinite(own):
            raise NotFiniteError(str(key))
        counts["tensors"] += 1
        if own > CHAOS:  # rounding's own work: what is equal there means nothing
            counts["tensors, chaotic"] += 1
            continue
        bound = bound64(key, own, str(one))
        for backend, run in runs.items():
            off = apart(run[key], value, scale)
            assert off <= bound.value, (backend, key, off, bound.value)
    return counts


TINY = 1e-3
"""What a tensor's distance is relative to at least: slopes of saturated functions and of
norms of one value are 0 but for rounding."""


class NotFiniteError(Exception):
    """A random graph may well overflow: it is counted, and nothing is learnt of it."""


def check(found, optimizer):
    """All towers at once; if that fails, each alone, to name and shrink the culprit."""
    try:
        counts = compare(together(found), [t.loss for t in found], optimizer)
        if any(key.startswith("gap") for key in counts):
            raise UnsupportedError("which one has the gap shows alone")
        COUNTS.update(counts)
    except Exception as error:
        for tower in found:
            try:
                COUNTS.update(compare(tower.spec(), [tower.loss], optimizer))
            except NotFiniteError:
                COUNTS["graphs, not finite"] += 1
            except Exception as single:
                path = keep(*shrunk(tower, optimizer), optimizer)
                raise AssertionError(f"{single}; kept as {path}") from single
        if isinstance(error, AssertionError):  # together, and not alone
            raise
    COUNTS["graphs"] += len(found)
    COUNTS.update(f"layer {word}" for tower in found for word in tower.words)
    COUNTS.update(f"loss {tower.loss.type}" for tower in found)
    COUNTS[f"optimizer {optimizer.type}"] += len(found)


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
    names = list(RULES)
    for part in range(graphs // SIDE):
        rule = RULES[names[(number * 7 + part) % len(names)]]

        @seed(number * 1000 + part)
        @settings(**QUIET)
        @given(st.tuples(*[towers(i) for i in range(SIDE)]))
        def draw(found):
            # Hypothesis begins with the simplest of all, ten times the same.
            assume(len({word for tower in found for word in tower.words}) > SIDE)
            check(list(found), rule)  # noqa: B023 - called before the next one

        draw()


@pytest.mark.parametrize("number", range(5))
def test_100_random_graphs_agree(number):
    before = COUNTS["graphs"]
    run(number, 20)
    assert COUNTS["graphs"] - before == 20


@pytest.mark.full
@pytest.mark.parametrize("number", range(5, 105))
def test_2000_random_graphs_agree(number):
    COUNTS.clear()
    run(number, 20)
    within("random graphs: graphs", -COUNTS["graphs"], 0, (number,))
    keep_counts("random graphs", dict(COUNTS))
    assert COUNTS["tensors, chaotic"] <= 0.05 * COUNTS["tensors"]


@pytest.mark.parametrize("path", KEPT, ids=lambda p: p.stem)
def test_what_was_found_once_stays_mended(path):
    data = yaml.safe_load(path.read_text())
    spec = pf.load_spec(yaml.safe_dump(data["spec"]))
    compare(spec, [Loss.parse(data["loss"])], Optimizer.parse(data["optimizer"]))


def test_a_planted_bug_is_found_shrunk_and_kept(monkeypatch):
    from test_diff import planted

    wrong = planted("torch", "nn.Tanh()", "nn.Hardtanh()")
    monkeypatch.setattr(f"{__name__}.BACKENDS", ("torch", wrong))
    x = pf.Input((3, 4, 4), name="t0in0")
    stem = pf.Conv2D(2, 1)(x)
    nodes = [stem]
    for layer in (pf.ReLU(), pf.Tanh(), pf.Sigmoid(), pf.ELU()):
        nodes.append(layer(nodes[-1]))
    from graph_draws import Tower

    tower = Tower(0, [x], nodes, [], pf.MSE(), 4)
    with pytest.raises(AssertionError, match="kept as") as caught:
        check([tower], RULES["sgd"])
    path = Path(str(caught.value).rpartition("kept as ")[2])
    kept = yaml.safe_load(path.read_text())
    assert "Tanh" in str(kept)
    assert "Sigmoid" not in str(kept)
    path.unlink()
