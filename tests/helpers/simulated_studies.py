"""Studies that nobody trained: plans, and records with numbers drawn at random."""

from __future__ import annotations

import polyframe as pf
from polyframe.study.plan import Contestant, Settings, Study, Variant
from polyframe.study.records import Record


def a_model(classes=3):
    """A small one."""
    layers = [pf.Flatten(), pf.Dense(classes)]
    return pf.Sequential(layers, input_shape=(1, 4, 4), name="small")


ALIGNED = Variant("aligned", {"semantics": "aligned"}, "aligned")
NATIVE = Variant("native", {"semantics": "native"}, "native")
BASE = Variant("base")


def aspect(name):
    """A variant that switches one aspect."""
    return Variant(name, {"semantics": {name: "native"}}, name)


def a_study(
    contestants=("a", "b", "c"), variants=(BASE,), seeds=5, skipped=(), **settings
):
    """A plan whose contestants are backends of those names."""
    recipe = pf.load_recipe(
        {"name": "small", "model": a_model(), "metrics": ["accuracy"], "epochs": 10}
    )
    return Study(
        recipe,
        tuple(Contestant(name, name) for name in contestants),
        tuple(variants),
        tuple(range(seeds)),
        Settings(threads=1, **settings),
        tuple(skipped),
    )


def a_record(study_hash, key, accuracy=0.9, loss=0.3, speed=1000.0, **more):
    """A record of a cell that ended, with a value for each measure. ``speed``: examples a
    second; all times go with it."""
    contestant, variant, seed = key
    return Record(
        contestant,
        variant,
        seed,
        study_hash,
        **{
            "status": "done",
            "order": seed,
            "test": {"accuracy": accuracy, "loss": loss},
            "steady": {"examples_per_second": speed},
            "phases": {"training": 1e4 / speed},
            "start": {"import": 2e3 / speed, "compile": 1e3 / speed, "first step": 0.1},
            "resources": {"peak_mib": 5e5 / speed, "cpu_seconds": 2e4 / speed},
            **more,
        },
    )


def noisy(study, rng, seed_noise=0.02, noise=0.004, change=lambda key, values: values):
    """Records of all cells of a study: the same for all contestants and variants, but for
    noise. ``change``: what a cell's values (accuracy, loss, speed) become."""
    study_hash = study.hash
    shared = {seed: rng.normal(size=2) * seed_noise for seed in study.seeds}
    records = []
    for cell in study.cells():
        own = rng.normal(size=8) * noise
        values = {
            "accuracy": 0.9 + shared[cell.seed][0] + own[0],
            "loss": 0.3 * (1 + shared[cell.seed][1] + own[1]),
            "speed": 1000 * (1 + own[2]),
        }
        values = change(cell.key, values)
        seconds = 1000 / values["speed"]
        records.append(
            a_record(
                study_hash,
                cell.key,
                **values,
                phases={"training": 10 * seconds * (1 + own[3])},
                start={
                    "import": 2 * seconds * (1 + own[4]),
                    "compile": seconds * (1 + own[5]),
                },
                resources={
                    "peak_mib": 500 * seconds * (1 + own[6]),
                    "cpu_seconds": 20 * seconds * (1 + own[7]),
                },
            )
        )
    return records
