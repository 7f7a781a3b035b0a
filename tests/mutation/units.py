"""All units of a backend, and what runs the mutants of each."""

from __future__ import annotations

from collections.abc import Iterator

from polyframe.compiler.table import covers
from polyframe.contract import registry
from polyframe.spec.layers.base import Layer
from polyframe.spec.losses import Loss
from polyframe.spec.optimizers import Optimizer

from .layers import LayerRunner, layer_cases, layer_sources
from .losses import LossRunner, loss_sources
from .native import FAMILIES, OwnRunner, own_runs, own_sources
from .points import definitions
from .training import TrainingRunner, optimizer_sources, step_sources
from .unit import Unit

WAYS = (("float64", "aligned"), ("float32", "aligned"), ("float64", "native"))


def units(backend: str) -> Iterator[Unit]:
    """All units of a backend."""
    entries = registry.get(backend).entries
    for word in sorted(set(entries) & set(Layer.registry)):
        for form in entries[word].forms:
            for dtype, semantics in WAYS:
                unit = Unit(backend, "layers", word, form.name, dtype, semantics)
                if layer_cases(unit):
                    yield unit
                    break
    for family, known in (("losses", Loss), ("optimizers", Optimizer)):
        for word in sorted(known.registry):
            if covers(entries, word):
                yield Unit(backend, family, word)
    yield Unit(backend, "step", "train_step")
    yield from own_units(backend)


def own_units(backend: str) -> Iterator[Unit]:
    """Those of the forms that native semantics take, and of the step with these."""
    entries = registry.get(backend).entries
    for family, known in (("own losses", Loss), ("own optimizers", Optimizer)):
        for word in sorted(set(entries) & set(known.registry)):
            for form in entries[word].own or ():
                unit = Unit(backend, family, word, form.name, semantics="native")
                if own_runs(unit):
                    yield unit
    yield Unit(backend, "own step", "train_step", semantics="native")


def unreached(backend: str) -> list[tuple[str, str]]:
    """Forms that no example takes on the CPU; of losses and optimizers, those of their
    own that native semantics take."""
    reached = {(u.entry, u.form) for u in units(backend)}
    entries = registry.get(backend).entries
    return [
        (word, form.name)
        for word, entry in sorted(entries.items())
        for form in (entry.forms if word in Layer.registry else entry.own or ())
        if (word, form.name) not in reached
    ]


def texts(unit: Unit) -> list[str]:
    """The definitions to mutate, of all of a unit's programs."""
    pieces = [
        d
        for source, roots in SOURCES[unit.family](unit)
        for d in definitions(source, roots)
    ]
    return list(dict.fromkeys(pieces))


def runner(unit: Unit):
    """What runs mutants of a unit: ``check(mutant)`` says how it was caught, or None."""
    return RUNNERS[unit.family](unit)


SOURCES = {
    "layers": layer_sources, "losses": loss_sources,
    "optimizers": optimizer_sources, "step": step_sources,
    **dict.fromkeys(FAMILIES, own_sources),
}  # fmt: skip
RUNNERS = {
    "layers": LayerRunner, "losses": LossRunner,
    "optimizers": TrainingRunner, "step": TrainingRunner,
    **dict.fromkeys(FAMILIES, OwnRunner),
}  # fmt: skip
