"""Differences of native programs: each backend's own defaults, and random numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from polyframe.conformance.subject import Subject
from polyframe.contract.backend import Backend
from polyframe.spec.element import Element
from polyframe.spec.initializers import Initializer
from polyframe.spec.semantics import aspect_of, native_aspects
from polyframe.spec.typed import flatten


def native_differences(subject: Subject, backends: Sequence[Backend]) -> list[str]:
    """One line for each native default that differs between the backends, with its
    aspect, and for what each framework does by a class of its own; none with aligned
    semantics. Initializers are left out, since every run starts from the same
    weights."""
    native = native_aspects(subject.semantics)
    if not native:
        return []
    resolved = [elements(subject, backend) for backend in backends]
    lines: dict[str, None] = {}
    for same_element in zip(*resolved, strict=True):
        first = same_element[0]
        for field in dataclasses.fields(first):
            values = [getattr(element, field.name) for element in same_element]
            if isinstance(values[0], Initializer) or len(set(map(repr, values))) == 1:
                continue
            pairs = zip(backends, values, strict=True)
            listed = ", ".join(f"{b.name} {value!r}" for b, value in pairs)
            aspect = aspect_of(first.type, field.name)
            end = f" ({aspect})" if aspect else ""
            lines[f"{first.type}.{field.name}: {listed}{end}"] = None
        if getattr(first, "random", False) and "dropout" in native:
            lines[f"{first.type}: each framework draws its own random numbers"] = None
    return [*lines, *own_classes(subject, backends)]


def own_classes(subject: Subject, backends: Sequence[Backend]) -> Iterator[str]:
    """A line for each loss and the optimizer, of the backends that take the framework's
    own class with native semantics."""
    native = native_aspects(subject.semantics)
    words = [(loss.type, "loss") for loss in subject.losses]
    for word, aspect in dict.fromkeys([*words, (subject.optimizer.type, "optimizer")]):
        named = [b.name for b in backends if b.entries[word].own is not None]
        if named and aspect in native:
            yield f"{word}: the framework's own class on {', '.join(named)} ({aspect})"


def elements(subject: Subject, backend: Backend) -> list[Any]:
    """All layers, losses and the optimizer as a backend resolves them, in order."""
    defaults = subject.defaults(backend)
    graph = subject.spec.infer(defaults)
    others: Iterable[Element] = (*subject.losses, subject.optimizer)
    return [
        *(node.layer for node in flatten(graph).nodes),
        *(element.resolve(defaults) for element in others),
    ]
