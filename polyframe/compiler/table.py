"""A backend's table: what it writes for each layer, loss and optimizer.

An entry has one form or two, and each says where it holds; the first that holds is
written. Conformance tests run every form, chosen or not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from polyframe.compiler.training import LossFunction, TrainingSpec
from polyframe.errors import UnsupportedError
from polyframe.spec.layers.base import Shape
from polyframe.spec.semantics import Semantics, native_aspects
from polyframe.spec.settings import Training
from polyframe.spec.typed import TypedGraph, TypedNode


@dataclass(frozen=True)
class Target:
    """What a program is written for."""

    dtype: str = "float32"
    device: str = "cpu"  # "cpu" or "gpu"
    semantics: Semantics = "aligned"
    training: bool = True
    forms: Mapping[str, str] = field(default_factory=dict)  # entry → form to prefer
    precision: str | None = None  # "bfloat16", "float16": what the passes compute in
    optimize: bool = False  # the fastest native program, not the idiomatic one

    @property
    def plain_cpu(self) -> bool:
        """Whether it is for a CPU, in the dtype of the weights: where the faster forms
        of convolutions were measured."""
        return self.device == "cpu" and self.precision is None

    def native(self, aspect: str) -> bool:
        """Whether an aspect of ``polyframe.spec.semantics`` is the framework's own."""
        return aspect in native_aspects(self.semantics)


# Which fields an element has depends on its class, so views give it as Any.


@dataclass(frozen=True)
class View:
    """What a table entry sees of one node."""

    aspect: ClassVar[None] = None  # its forms look at the aspects themselves

    node: TypedNode
    target: Target

    @property
    def word(self) -> str:
        """The name of the entry."""
        return self.node.layer.type

    @property
    def layer(self) -> Any:
        """The layer, with nothing UNSET."""
        return self.node.layer

    @property
    def shape(self) -> Shape:
        """The first input's shape per sample: (C, H, W) or (D,)."""
        return self.node.in_shapes[0]


@dataclass(frozen=True)
class LossView:
    """What a table entry sees of one loss."""

    aspect: ClassVar[str] = "loss"

    function: LossFunction
    target: Target
    mean: bool = False
    """Whether the step needs nothing but the mean over the batch (``TrainingSpec.means``),
    which the framework's own class can return."""

    @property
    def word(self) -> str:
        """The name of the entry."""
        return self.function.loss.type

    @property
    def loss(self) -> Any:
        """The loss, with nothing UNSET, without its factor."""
        return self.function.loss

    @property
    def axes(self) -> int:
        """How many axes outputs have after the channels; 0 if it does not matter."""
        return self.function.axes

    @property
    def labels(self) -> bool:
        """Whether targets are integer labels."""
        return self.function.targets == "labels"

    @property
    def probabilities(self) -> bool:
        """Whether targets are probabilities of classes."""
        return self.function.targets == "probabilities"


@dataclass(frozen=True)
class OptimizerView:
    """What a table entry sees of the optimizer."""

    aspect: ClassVar[str] = "optimizer"

    rule: Any  # the Optimizer, with nothing UNSET; its fields depend on its class
    target: Target
    training: Training = field(default_factory=Training)

    @property
    def word(self) -> str:
        """The name of the entry."""
        return str(self.rule.type)


@dataclass(frozen=True)
class Form:
    """One way to write an entry, and where it holds.

    Both functions take a ``View``, ``LossView`` or ``OptimizerView``. ``when`` says
    whether the form holds; ``write`` returns what the backend's writer takes (``Code``,
    for Python).

    ``faster``: less idiomatic than the forms after it, and written for
    ``Target.optimize`` only; ``why`` then says for readers why it computes the same.
    """

    name: str
    write: Callable[[Any], Any]
    when: Callable[[Any], bool] = lambda view: True
    faster: bool = False
    why: str = ""


@dataclass(frozen=True)
class Entry:
    """One or two forms; ``gap`` is the reason where none of them holds.

    ``own``: of a loss or an optimizer, the forms that take the framework's own class, for
    native semantics, and ``own_gap`` the reason where none of them holds; None where
    native semantics take the same forms.

    ``snippets``: the file of the functions and classes that its code names, where they
    are not the backend's own (a plug-in's). ``since``: the version of polyframe whose
    element it was written for.
    """

    forms: tuple[Form, ...]
    gap: str = "no form holds here"
    snippets: Path | None = None
    since: str = "0.1"
    own: tuple[Form, ...] | None = None
    own_gap: str = "the framework has none of its own"


Table = Mapping[str, Entry]
"""Name of a layer, loss or optimizer → its entry. No two of them share a name."""


def covers(table: Table, *words: str) -> bool:
    """Whether a table has forms for all of these names, for all options or some."""
    return all(word in table and table[word].forms for word in words)


_ADDED: dict[str, dict[str, Entry]] = {}


def add_entries(backend: str, table: Table) -> None:
    """Add entries for a plug-in's layers, losses and optimizers to a backend, by its
    name ("torch")."""
    _ADDED.setdefault(backend, {}).update(table)


def added_entries(backend: str) -> Table:
    """What plug-ins have added to a backend."""
    return _ADDED.get(backend, {})


def choose(table: Table, view: View | LossView | OptimizerView) -> Form | str:
    """The form for a node, a loss or the optimizer, or the reason why there is none."""
    entry, target = table.get(view.word), view.target
    if entry is None:
        return "this backend has no entry for it"
    forms, gap = entry.forms, entry.gap
    if entry.own is not None and view.aspect and target.native(view.aspect):
        forms, gap = entry.own, entry.own_gap
    applicable = [form for form in forms if form.when(view)]
    preferred = target.forms.get(view.word)
    for form in applicable:
        if form.name == preferred:
            return form
    applicable = [form for form in applicable if target.optimize or not form.faster]
    return applicable[0] if applicable else gap


@dataclass(frozen=True)
class Choice:
    """The forms that a program is written in: by path of the node, by loss, and that of
    the optimizer, if it trains."""

    nodes: Mapping[str, Form]
    losses: Mapping[LossFunction, Form] = field(default_factory=dict)
    optimizer: Form | None = None


def choose_all(
    table: Table,
    graph: TypedGraph,
    target: Target,
    step: TrainingSpec | None,
    backend: str,
) -> Choice:
    """The form of every leaf, loss and the optimizer; one UnsupportedError lists all
    that cannot be written. A layer that is called several times is made once: faster
    forms are for all calls or none.
    """
    nodes: dict[str, Form] = {}
    missing: list[str] = []
    refused: list[View | LossView | OptimizerView] = []
    plain = replace(target, optimize=False)
    calls: dict[str, set[Form | str]] = {}
    for node in graph.walk():
        calls.setdefault(node.owner, set()).add(choose(table, View(node, target)))
    for node in graph.walk():
        alike = len(calls[node.owner]) == 1
        view = View(node, target if alike else plain)
        form = choose(table, view)
        if isinstance(form, str):
            refused.append(view)
            missing.append(f"{node.path} ({node.layer.type}): {form}")
        else:
            nodes[node.path] = form
    problems = []
    if missing:
        problems = [f"cannot run {len(missing)} of the nodes: {'; '.join(missing)}"]
    losses: dict[LossFunction, Form] = {}
    rule = None
    if step is not None:
        for function in step.functions(graph):
            of_loss = LossView(function, target, step.means)
            form = choose(table, of_loss)
            if isinstance(form, str):
                refused.append(of_loss)
                problems.append(f"has no loss {function.loss.type!r}: {form}")
            else:
                losses[function] = form
        of_rule = OptimizerView(step.optimizer, target, step.training)
        form = choose(table, of_rule)
        if isinstance(form, str):
            refused.append(of_rule)
            problems.append(f"has no optimizer {step.optimizer.type!r}: {form}")
        else:
            rule = form
    if problems:
        text = f"the {backend} backend " + "; it ".join(dict.fromkeys(problems))
        raise UnsupportedError(text, where=graph.name, hint=way_out(table, refused))
    return Choice(nodes, losses, rule)


def way_out(
    table: Table, refused: Sequence[View | LossView | OptimizerView]
) -> str | None:
    """The hint of an error: the native aspects which, aligned, let a backend write what
    it refuses. None where that does not help with all of it."""
    aspects: dict[str, None] = {}
    for view in refused:
        native = native_aspects(view.target.semantics)
        for aspect in sorted(native):
            others = tuple((name, "native") for name in sorted(native - {aspect}))
            target = replace(view.target, semantics=others or "aligned")
            if not isinstance(choose(table, replace(view, target=target)), str):
                aspects[aspect] = None
                break
        else:
            return None
    return " ".join(f"--set semantics.{name}=aligned" for name in aspects)
