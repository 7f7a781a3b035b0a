"""What each backend does where an aspect of ``semantics`` is native, in words."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from polyframe.contract.backend import Backend
from polyframe.differences import Difference, differences
from polyframe.spec.element import Element, plain_value
from polyframe.spec.fields import UNSET
from polyframe.spec.layers import Layer
from polyframe.spec.losses import Loss
from polyframe.spec.optimizers import Optimizer
from polyframe.spec.semantics import Aspect, aspect_of


class Undecided(NamedTuple):
    """A field that semantics decide where it is not set."""

    element: str
    field: str
    aligned: object

    def of(self, backend: Backend) -> object:
        """Its value on a backend, native."""
        return backend.defaults.get(self.element, {}).get(self.field, self.aligned)


def undecided() -> Iterator[Undecided]:
    """Such fields of all layers, losses and optimizers."""
    families: tuple[type[Element], ...] = (Layer, Loss, Optimizer)
    for family in families:
        for word, element in family.registry.items():
            for f in dataclasses.fields(element):  # type: ignore[arg-type]
                if f.default is UNSET:
                    yield Undecided(word, f.name, f.metadata["aligned"])


def on_each(aspect: Aspect, backends: Sequence[Backend]) -> dict[str, str]:
    """Backend → what it does: its values of the fields on which these backends differ,
    or what the registry of differences says of it; "" where neither knows."""
    fields = [f for f in undecided() if aspect_of(f.element, f.field) == aspect.name]
    differing = [f for f in fields if len({repr(f.of(b)) for b in backends}) > 1]
    if fields:
        return {b.name: values(b, differing) for b in backends}
    known = [d for d in differences() if d.id in aspect.differences]
    return {b.name: "; ".join(said(b.name, known)) for b in backends}


def said(name: str, known: Sequence[Difference]) -> list[str]:
    """What differences say of a backend; several have their ids in front."""
    texts = [(d.id, d.backends[name]) for d in known if name in d.backends]
    return [text if len(known) == 1 else f"{id}: {text}" for id, text in texts]


def values(backend: Backend, fields: Sequence[Undecided]) -> str:
    """``RMSProp.alpha 0.99, lr 0.01 (SGD, Adagrad), lr 1 (Adadelta)``: elements where
    they have not all the same, names where there are several."""
    by_field: dict[str, dict[str, list[str]]] = {}
    for f in fields:
        groups = by_field.setdefault(f.field, {})
        groups.setdefault(shown(f.of(backend)), []).append(f.element)
    texts = []
    for field, groups in by_field.items():
        (first, *others) = (e for elements in groups.values() for e in elements)
        name = field if others else f"{first}.{field}"
        for value, elements in groups.items():
            text = f"{name} {value}" if len(by_field) > 1 else value
            texts.append(f"{text} ({', '.join(elements)})" if len(groups) > 1 else text)
    return ", ".join(texts)


def shown(value: Any) -> str:
    """A value as YAML has it."""
    plain = plain_value(value)
    if isinstance(plain, Mapping):
        fields = ", ".join(f"{k}={v}" for k, v in plain.items() if k != "type")
        return f"{plain['type']}({fields})" if fields else str(plain["type"])
    return f"{plain:.4g}" if isinstance(plain, float) else str(plain)
