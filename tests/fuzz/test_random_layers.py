"""Random configurations of every layer: no backend disagrees with the definition.

A draw is many configurations side by side in one program for each backend. How often
each field's values were drawn is printed (``pytest -s``), and kept by ``make test-full``
in docs/results/drawn.md.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from helpers.draws import configurations, families, tally
from helpers.support import BACKENDS, keep_counts
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from polyframe.compiler.table import Target
from polyframe.conformance.cases import (
    batch_for,
    compiled,
    form_of,
    random_factors,
    spec_around,
)
from polyframe.conformance.measurements import distance
from polyframe.spec.interpreter import interpret
from polyframe.spec.layers.base import Layer
from polyframe.train.arrays import as_one

FAMILIES = families()
DRAWN: Counter[tuple[str, str, str]] = Counter()
FORWARD, GRADIENT = 1e-11, 1e-10  # sums over more numbers than the examples have
QUIET = {
    "deadline": None, "derandomize": True, "database": None,
    "suppress_health_check": list(HealthCheck),
    "phases": (Phase.generate,),  # `check` itself finds the configuration to blame
}  # fmt: skip


def several(name, count):
    """That many configurations of a family's layers, each layer in turn."""
    layers = FAMILIES[name]
    each = [configurations(layers[i % len(layers)]) for i in range(count)]
    return st.tuples(*each).map(
        lambda configs: [
            (i, layers[i % len(layers)].word, options, shapes)
            for i, (options, shapes) in enumerate(configs)
        ]
    )


COMPARED: Counter[str] = Counter()
"""Layer type → how many comparisons were made with a second backend or the definition."""


def check(cases):
    """Forward in both modes and gradients, on all backends at once."""
    by_backend = {}
    for backend in BACKENDS:
        held = [c for c in cases if form_of(backend, c, Target("float64"), None)]
        if not held:
            continue
        model, weights = compiled(backend, held, "float64")
        x, y = batch_for(model.spec)
        for training in (False, True):
            draws = random_factors(model) if training else None
            wanted, _ = interpret(
                model.graph, weights, x, training=training, draws=draws
            )
            for name, value in model.activations(as_one(x), training=training).items():
                assert near(value, wanted[name]) <= FORWARD, (backend, name, training)
        COMPARED.update(f"{word}, forward" for _, word, _, _ in held)
        by_backend[backend] = model.gradients(as_one(x), as_one(y))
    for case in cases:
        names = list(spec_around([case]).infer().parameters)
        own = {b: g for b, g in by_backend.items() if names[0] in g}
        exact = next(iter(own.values()), {})
        names = [name for name in names if name in exact]
        scale = max((np.abs(exact[name]).max() for name in names), default=0)
        for backend, gradients in own.items():
            for name in names:
                apart = np.abs(gradients[name] - exact[name]).max()
                # Where all are 0: a norm of one value cancels numbers of up to eps ** -0.5.
                bound = max(GRADIENT * scale, 1e-13)
                assert apart <= bound, (backend, name, apart, scale)
        COMPARED[f"{case[1]}, gradients"] += max(len(own) - 1, 0)


def near(value, wanted):
    """The distance, where a result that ought to be 0 may hold rounding's leavings."""
    return 0.0 if np.abs(value - wanted).max() < 1e-14 else distance(value, wanted)


def blame(cases):
    """Check all together; if that fails, one by one, to name the configuration."""
    for _, word, options, _ in cases:
        tally(DRAWN, Layer.registry[word], options)
    try:
        check(cases)
    except Exception:
        for case in cases:
            try:
                check([case])
            except Exception as error:
                raise AssertionError(f"{case[1:]}: {error}") from error
        raise


def run(name, count, examples):
    """So many draws of so many configurations; every layer was compared in each draw
    that it stood in, and most of what was drawn differs."""
    done = []

    @settings(max_examples=examples, **QUIET)
    @given(several(name, count))
    def draw(cases):
        different = len({repr(case[1:]) for case in cases})
        assume(different > count // 3)  # the simplest
        COMPARED.clear()
        blame(cases)
        words = {word for _, word, _, _ in cases}
        missing = {w for w in words if not COMPARED[f"{w}, forward"]}
        missing |= {w for w in words if not COMPARED[f"{w}, gradients"]}
        assert not missing, f"was compared on fewer than two backends: {missing}"
        done.append(different)

    draw()
    assert len(done) == examples
    keep_counts("random layers", {f"configurations of {name}": sum(done)})


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_a_sample_of_configurations(name):
    run(name, 16, 1)


@pytest.mark.full
@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_many_configurations(name):
    run(name, 50, max(4, len(FAMILIES[name])))
    counts = {
        f"{word}.{field} = {value}": count
        for (word, field, value), count in sorted(DRAWN.items())
        if Layer.registry[word] in FAMILIES[name]
    }
    keep_counts("random layers", counts)
    print(*(f"{key}: {count}" for key, count in counts.items()), sep="\n")
