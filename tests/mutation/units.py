"""All units of a backend, and what runs the mutants of each."""

from __future__ import annotations

from collections.abc import Iterator

from polyframe.contract import registry
from polyframe.spec.losses import Loss
from polyframe.spec.optimizers import Optimizer

from .layers import LayerRunner, layer_cases, layer_sources
from .losses import LossRunner, loss_sources
from .points import definitions
from .training import TrainingRunner, optimizer_sources, step_sources
from .unit import Unit

WAYS = (("float64", "aligned"), ("float32", "aligned"), ("float64", "native"))


def units(backend: str) -> Iterator[Unit]:
    """All units of a backend."""
    for word, entry in sorted(registry.get(backend).entries.items()):
        for form in entry.forms:
            for dtype, semantics in WAYS:
                unit = Unit(backend, "layers", word, form.name, dtype, semantics)
                if layer_cases(unit):
                    yield unit
                    break
    known = registry.get(backend)
    for word in sorted(Loss.registry):
        if word in known.losses:
            yield Unit(backend, "losses", word)
    for word in sorted(Optimizer.registry):
        if word in known.optimizers:
            yield Unit(backend, "optimizers", word)
    yield Unit(backend, "step", "train_step")


def unreached(backend: str) -> list[tuple[str, str]]:
    """Forms that no example takes on the CPU."""
    reached = {(u.entry, u.form) for u in units(backend)}
    return [
        (word, form.name)
        for word, entry in sorted(registry.get(backend).entries.items())
        for form in entry.forms
        if (word, form.name) not in reached
    ]


def texts(unit: Unit) -> list[str]:
    """The definitions to mutate, of all of a unit's programs."""
    found = [
        d
        for source, roots in SOURCES[unit.family](unit)
        for d in definitions(source, roots)
    ]
    return list(dict.fromkeys(found))


def runner(unit: Unit):
    """What runs mutants of a unit: ``check(mutant)`` says how it was caught, or None."""
    return RUNNERS[unit.family](unit)


SOURCES = {
    "layers": layer_sources, "losses": loss_sources,
    "optimizers": optimizer_sources, "step": step_sources,
}  # fmt: skip
RUNNERS = {
    "layers": LayerRunner, "losses": LossRunner,
    "optimizers": TrainingRunner, "step": TrainingRunner,
}  # fmt: skip
