"""Simulated studies: folders with the records of cells that nobody trained."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np

from polyframe.io.json_csv import to_json
from polyframe.spec.recipe import load_recipe
from polyframe.study.estimates import (
    HIGHER,
    LOWER,
    NO_DIFFERENCE,
    UNKNOWN,
    Ablation,
    Analysis,
    Comparison,
    Estimate,
    Group,
)
from polyframe.study.folder import PLAN, StudyFolder
from polyframe.study.measures import measures
from polyframe.study.plan import Contestant, Settings, Study, Variant
from polyframe.study.records import Record

ALIGNED = Variant("aligned", {"semantics": "aligned"}, "aligned")
ASPECTS = ("initializer", "batch_norm_momentum", "epsilon")
ABLATED = (
    ALIGNED,
    *(Variant(a, {f"semantics.{a}": "native"}, a) for a in ASPECTS),
    Variant("native", {"semantics": "native"}, "native"),
)
NAMES = ("torch", "tensorflow", "mxnet")


def plan(names=NAMES, variants=(ALIGNED,), seeds=5):
    """A study of ``digits_cnn``."""
    contestants = [Contestant(n, "torch", f"/python/{i}") for i, n in enumerate(names)]
    return Study(
        load_recipe("digits_cnn"),
        tuple(contestants),
        tuple(variants),
        tuple(range(seeds)),
        Settings(1),
    )


def record(study, cell, order, rng, epochs=3, steps=60, sample=16):
    """What a cell might have measured: contestants learn the same at the same seed, up to
    a little noise; each has its own speed."""
    at = [c.name for c in study.contestants].index(cell.contestant.name)
    level = (
        0.97 + 0.004 * math.sin(cell.seed) - 0.03 * (cell.variant.aspect == "native")
    )
    seconds = 0.8 + 0.3 * at
    rows = []
    for epoch in range(epochs + 1):
        accuracy = level - (level - 0.1) * math.exp(-2.5 * epoch) + rng.normal(0, 4e-4)
        rows.append(
            {
                "epoch": epoch, "steps": 12 * epoch, "seconds": seconds * epoch,
                "loss": 2.3 * math.exp(-epoch), "test_loss": 2.4 * math.exp(-epoch),
                "test_accuracy": float(accuracy),
            }
        )  # fmt: skip
    start = {
        "interpreter": 0.05, "import": 1 + at, "data": 0.1, "compile": 0.4,
        "first step": 0.2,
    }  # fmt: skip
    last = rows[-1]
    return Record(
        cell.contestant.name,
        cell.variant.name,
        cell.seed,
        study.hash,
        "done",
        started=1.7e9 + order,
        order=order,
        facts={
            "framework": cell.contestant.backend, "version": f"2.{at}", "threads": 1,
            "dtype": "float32", "batch_size": 128, "platform": "Linux x86_64",
            "weights_hash": f"w{cell.seed}", "device": "cpu",
        },
        start=start,
        epochs=tuple(rows),
        step_ms=tuple((4 + at + rng.gamma(2, 0.3, steps)).tolist()),
        phases={**start, "training": seconds * epochs, "evaluation": 0.2, "other": 0.1},
        test={"loss": last["test_loss"], "accuracy": last["test_accuracy"]},
        steady={"examples_per_second": 20000 / (1 + 0.2 * at)},
        divergence=tuple(
            (2**i, tuple((np.arange(1, sample + 1) + 1e-7 * at * 2**i).tolist()))
            for i in range(6)
        ),
        resources={
            "peak_mib": 300 + 100 * at + rng.normal(0, 3), "cpu_seconds": 4.0 + at,
            "energy_joules": None, "wall_seconds": 6.0,
        },
    )  # fmt: skip


def simulated(path, study=None, failed=(), certified=True, **options):
    """The folder of a study whose cells all ended; those in ``failed`` (orders) badly."""
    study = plan() if study is None else study
    folder, rng = StudyFolder(path), np.random.default_rng(0)
    Path(path).mkdir(parents=True, exist_ok=True)
    (folder.path / PLAN).write_text(to_json(study.to_data()))
    for order, cell in enumerate(study.cells()):
        made = record(study, cell, order, rng, **options)
        if order in failed:
            made = Record(
                *made.key, study.hash, "failed", "RuntimeError: out of memory",
                made.started, order,
            )  # fmt: skip
        file = folder.path / cell.path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(made.to_data()))  # as folder.write, without fsync
    if certified:
        for variant in study.variants:
            folder.write_certificate(variant.name, certificate())
    return folder


def certificate():
    """What a certificate has in it, as far as reports read it."""
    return {
        "schema": 1, "passed": True, "steps": 10,
        "backends": {"torch": "2.4", "tensorflow": "2.17"},
        "comparisons": [
            {
                "dtype": "float64", "pair": ["torch", "tensorflow"], "step": 10,
                "kind": kind, "name": "conv1.weight", "value": value, "bound": 1e-11,
                "reason": "rounding", "passed": True,
            }
            for kind, value in (("weights", 3e-13), ("gradient", 2e-12))
        ],
    }  # fmt: skip


def estimate(values):
    """A mean with twice its standard error: good enough for a test of reports."""
    n, mean = len(values), float(np.mean(values))
    if n < 2:
        return Estimate(mean, None, None, n, "one seed: no interval")
    half = 2 * float(np.std(values, ddof=1)) / math.sqrt(n)
    return Estimate(mean, mean - half, mean + half, n, "about a paired t interval")


def by_hand(study, records, certificates=None):
    """An analysis of a simulated study, without statistics worth the name."""
    done = [r for r in records if r.done]
    groups, comparisons = [], []
    for measure in measures(study.recipe):
        by_group = {}
        for each in done:
            value = measure.value(each)
            if value is not None:
                by_group.setdefault(each.key[:2], {})[each.seed] = value
        for (contestant, variant), values in by_group.items():
            spread = float(np.std(list(values.values()))) if len(values) > 1 else None
            groups.append(
                Group(
                    measure.name, contestant, variant, tuple(values),
                    tuple(values.values()), estimate(list(values.values())), spread,
                )
            )  # fmt: skip
        comparisons += against_first(study, measure, by_group)
    return Analysis(
        tuple(groups),
        tuple(comparisons),
        tuple(ablations(study, groups)),
        ("tensorflow uses 2 threads, the others 1.",),
        ("All three learn the same: 96.9 points of 100.", "torch is the fastest."),
        "VERIFIED",
        "The certificate of every variant has passed.",
    )


def against_first(study, measure, by_group):
    first = study.contestants[0].name
    for (contestant, variant), values in by_group.items():
        reference = by_group.get((first, variant), {})
        both = sorted(set(values) & set(reference))
        if contestant == first or not both:
            continue
        pairs = [
            values[s] / reference[s] if measure.relative else values[s] - reference[s]
            for s in both
        ]
        yield comparison(
            measure.name,
            (contestant, variant),
            (first, variant),
            pairs,
            measure.relative,
        )


def comparison(measure, one, other, pairs, relative=False):
    mean, null = estimate(pairs), 1.0 if relative else 0.0
    verdict = UNKNOWN
    if mean.low is not None:
        verdict = (
            HIGHER if mean.low > null else LOWER if mean.high < null else NO_DIFFERENCE
        )
    known = mean.low is not None
    return Comparison(
        measure, one, other, relative, mean, mean, 0.03 if known else None,
        0.06 if known else None, None, None, 0.8 if known else None, verdict,
    )  # fmt: skip


def ablations(study, groups):
    """For studies of ``ABLATED``."""
    if [v.aspect for v in study.variants] != [v.aspect for v in ABLATED]:
        return
    values = {
        (g.contestant, g.variant): dict(zip(g.seeds, g.values))
        for g in groups
        if g.measure == "accuracy"
    }
    names = [v.name for v in study.variants]
    for contestant in (c.name for c in study.contestants):
        if not all((contestant, name) in values for name in names):
            continue
        seeds = set.intersection(*(set(values[contestant, name]) for name in names))
        aligned, *others = (
            np.array([values[contestant, name][seed] for seed in sorted(seeds)])
            for name in names
        )
        gaps = {name: other - aligned for name, other in zip(names[1:], others)}

        def effect(name, contestant=contestant, gaps=gaps):
            pair = (contestant, name), (contestant, "aligned")
            return comparison("accuracy", *pair, gaps[name].tolist())

        total = sum(gaps[a] for a in ASPECTS)
        yield Ablation(
            contestant, "accuracy", tuple((a, effect(a)) for a in ASPECTS),
            effect("native"), estimate(total.tolist()),
            estimate((gaps["native"] - total).tolist()),
            (("weight_decay", "the recipe has none"),),
        )  # fmt: skip
