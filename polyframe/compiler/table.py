"""A backend's table: what it writes for each layer, loss and optimizer.

An entry has one form or two, each saying where it holds; the first that holds is
written. Conformance tests run every form, chosen or not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from polyframe.errors import UnsupportedError
from polyframe.spec.layers.base import Shape
from polyframe.spec.typed import TypedGraph, TypedNode


@dataclass(frozen=True)
class Target:
    """What a program is written for."""

    dtype: str = "float32"
    device: str = "cpu"  # "cpu" or "gpu"
    semantics: str = "aligned"
    training: bool = True
    forms: Mapping[str, str] = field(default_factory=dict)  # entry → form to prefer
    precision: str | None = None  # "bfloat16", "float16": what the passes compute in
    optimize: bool = False  # the fastest native program, not the idiomatic one

    @property
    def plain_cpu(self) -> bool:
        """Whether it is for a CPU, in the dtype of the weights: where the faster forms
        of convolutions were measured."""
        return self.device == "cpu" and self.precision is None


@dataclass(frozen=True)
class View:
    """What a table entry sees of one node."""

    node: TypedNode
    target: Target

    @property
    def layer(self) -> Any:
        """The layer, with nothing UNSET."""
        return self.node.layer

    @property
    def shape(self) -> Shape:
        """The first input's shape per sample: (C, H, W) or (D,)."""
        return self.node.in_shapes[0]


@dataclass(frozen=True)
class Form:
    """One way to write an entry, and where it holds.

    ``faster``: less idiomatic than those behind it, and written for
    ``Target.optimize`` only.
    """

    name: str
    write: Callable[[View], Any]
    when: Callable[[View], bool] = lambda view: True
    faster: bool = False


@dataclass(frozen=True)
class Entry:
    """One or two forms; ``gap`` is the reason where none of them holds.

    ``snippets``: the file of the functions and classes that its code names, where they
    are not the backend's own (a plug-in's).
    """

    forms: tuple[Form, ...]
    gap: str = "no form holds here"
    snippets: Path | None = None


Table = Mapping[str, Entry]


_ADDED: dict[str, dict[str, Entry]] = {}


def add_entries(backend: str, table: Table) -> None:
    """Add entries for a plug-in's layers to a backend, by its name ("torch")."""
    _ADDED.setdefault(backend, {}).update(table)


def added_entries(backend: str) -> Table:
    """What plug-ins have added to a backend."""
    return _ADDED.get(backend, {})


def choose(table: Table, node: TypedNode, target: Target) -> Form | str:
    """The form for a node, or the reason why there is none."""
    found = table.get(node.layer.type)
    if found is None:
        return "this backend has no entry for it"
    view = View(node, target)
    held = [form for form in found.forms if form.when(view)]
    wanted = target.forms.get(node.layer.type)
    for form in held:
        if form.name == wanted:
            return form
    held = [form for form in held if target.optimize or not form.faster]
    return held[0] if held else found.gap


def choose_all(
    table: Table, graph: TypedGraph, target: Target, backend: str
) -> dict[str, Form]:
    """Path → form for every leaf; one error lists all that cannot be written. A layer
    that is called several times is made once: faster forms are for all calls or none.
    """
    forms: dict[str, Form] = {}
    gaps = []
    plain = replace(target, optimize=False)
    calls: dict[str, set[Form | str]] = {}
    for node in graph.walk():
        calls.setdefault(node.owner, set()).add(choose(table, node, target))
    for node in graph.walk():
        alike = len(calls[node.owner]) == 1
        form = choose(table, node, target if alike else plain)
        if isinstance(form, str):
            gaps.append(f"{node.path} ({node.layer.type}): {form}")
        else:
            forms[node.path] = form
    if gaps:
        raise UnsupportedError(
            f"the {backend} backend cannot run {len(gaps)} of the nodes: "
            + "; ".join(gaps),
            where=graph.name,
        )
    return forms
