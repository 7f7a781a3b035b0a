"""All pairs of classes of values of two fields, of every layer, against its definition in
NumPy: outputs, a step's loss and gradients, running statistics.

Classes of values are those of helpers/layer_pairs.py. Pairs that a layer refuses, such
as a padding that is larger than half of the window, are counted and named.
"""

from __future__ import annotations

import dataclasses

import pytest
from helpers.draws import families
from helpers.layer_checks import compare
from helpers.layer_pairs import (
    all_pairs,
    cover,
    fields_of,
    layers,
    numbered,
    pairs_of,
    value_class,
)
from helpers.support import BACKENDS, keep_counts

from polyframe.compiler.table import Target
from polyframe.conformance.cases import form_of
from polyframe.contract import registry
from polyframe.spec.layers import BatchNorm
from polyframe.spec.layers.base import Layer

FAMILIES = families()
AT_ONCE = 40  # layers in one program
LEAST = 2600
"""So many pairs there are at least."""
EVERY = 4  # layers, for the sample


def everything(of=None):
    """All configurations of some layers, or of all."""
    chosen = layers().values() if of is None else of
    return [one for layer in chosen for one in cover(layer).configurations]


def swept(backend, configurations):
    """Compare them, so many at once."""
    totals = {"right": [], "wrong": [], "gaps": [], "undefined": []}
    for first in range(0, len(configurations), AT_ONCE):
        found = compare(backend, numbered(configurations[first : first + AT_ONCE]))
        for name, some in totals.items():
            some += getattr(found, name)
    wrong = "\n".join(totals["wrong"])
    assert not wrong, f"{len(totals['wrong'])} differ on {backend}:\n{wrong}"
    return {name: len(some) for name, some in totals.items()}, totals["undefined"]


def held_by(layer):
    """The pairs that a layer's configurations hold, counted anew."""
    kinds = {
        f.name: f.metadata["kind"].of(layer)
        for f in dataclasses.fields(layer)
        if f.name in fields_of(layer)
    }
    return {
        pair
        for _, options, _ in cover(layer).configurations
        for pair in pairs_of({n: value_class(kinds[n], options[n]) for n in kinds})
    }


def test_every_pair_is_held_or_refused():
    count, refused = 0, {}
    for word, layer in layers().items():
        if not fields_of(layer):
            continue
        held = held_by(layer)
        missing = all_pairs(fields_of(layer)) - held
        assert missing == cover(layer).refused, word
        count += len(held)
        if missing:
            refused[word] = sorted(missing)
    assert count >= LEAST
    keep_counts(
        "pairs of fields of layers",
        {"held": count}
        | {f"{word} refuses {pair}": 1 for word in refused for pair in refused[word]},
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_gaps_are_few(backend):
    cases = numbered(everything())
    target = Target("float64")
    gaps = [c[1:] for c in cases if form_of(backend, c, target, None) is None]
    assert len(gaps) < 0.02 * len(cases), gaps


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_sample_of_pairs(backend):
    """One configuration of every fourth layer, in one program; not of volumes, which take
    long."""
    some = [c for w, c in layers().items() if not w.endswith("3D")][::EVERY]
    counts, _ = swept(backend, [cover(layer).configurations[-1] for layer in some])
    assert counts["right"] + counts["gaps"] == len(some)


@pytest.mark.full
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_all_pairs(name, backend):
    counts, undefined = swept(backend, everything(FAMILIES[name]))
    keep_counts(
        "pairs of fields of layers",
        {f"{name}, {backend}, {what}": n for what, n in counts.items()}
        | {f"{name}, {backend}, undefined: {one}": 1 for one in undefined},
    )


def test_a_broken_combination_is_seen():
    """One that no example holds: neither a scale nor a shift."""

    def broken(layer):
        return layer.type == "BatchNorm" and not (layer.scale or layer.shift)

    examples = [options for options, _ in BatchNorm.examples]
    assert not any(broken(Layer.find("BatchNorm")(**options)) for options in examples)

    class Wrong(type(registry.get("torch"))):
        def write(self, graph, target, step):
            nodes = tuple(
                dataclasses.replace(
                    n, layer=dataclasses.replace(n.layer, eps=2 * n.layer.eps)
                )
                if broken(n.layer)
                else n
                for n in graph.nodes
            )
            return super().write(dataclasses.replace(graph, nodes=nodes), target, step)

    cases = numbered(cover(BatchNorm).configurations)
    found = compare(Wrong(), cases)
    hit = [c for c in cases if not (c[2]["scale"] or c[2]["shift"])]
    assert hit and len(found.wrong) == len(hit)
    assert all("'scale': False, 'shift': False" in text for text in found.wrong)
