"""What each backend writes for a layer, a loss or an optimizer: every form, every gap.

A *case* is an element with what it needs to be written: a layer with the shapes of its
inputs, a loss with an output's shape and the kind of its targets, an optimizer.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from polyframe.compiler.loss_cases import cases as loss_cases
from polyframe.compiler.program import WHOLE, Program, Role
from polyframe.compiler.table import (
    Form,
    LossView,
    OptimizerView,
    Target,
    View,
    choose,
)
from polyframe.compiler.training import LossFunction, TrainingSpec
from polyframe.contract import registry
from polyframe.contract.backend import Backend
from polyframe.contract.programs import infer, make_step, write_programs
from polyframe.spec.element import Element
from polyframe.spec.graph import Input
from polyframe.spec.layers import Conv1D, Conv2D, Conv3D, Dense
from polyframe.spec.layers.base import Layer, Shape
from polyframe.spec.losses import MSE, Loss, TargetKind
from polyframe.spec.model import ModelSpec, Sequential
from polyframe.spec.optimizers import SGD, Optimizer
from polyframe.spec.semantics import Semantics
from polyframe.spec.settings import Training
from polyframe.teach.explain.numpy_text import first_line

TARGETS = {
    "float64": Target("float64"),
    "float32": Target("float32"),
    "float32 with `optimize=True`": Target("float32", optimize=True),
    'float32 with `semantics="native"`': Target("float32", semantics="native"),
    "float32 for inference": Target("float32", training=False),
    "float32 on a GPU": Target("float32", device="gpu"),
}
"""What programs are written for, the usual first."""
TRAINED: tuple[Role, ...] = ("optimizer_class", "optimizer", "apply")
"""What a program says of its optimizer."""


@dataclass(frozen=True)
class Case:
    """An element, and what it is written for."""

    element: Any
    shapes: tuple[Shape, ...] = ()
    targets: TargetKind = "values"

    @property
    def options(self) -> str:
        """The fields that were given, and what else it is for."""
        given = ", ".join(f"{k}={v}" for k, v in self.element.written().items())
        text = f"`{self.element.word}({given})`"
        if isinstance(self.element, Layer):
            return f"{text} of {', '.join(map(str, self.shapes))}"
        kinds = getattr(self.element, "target_kinds", ())
        return f"{text}, targets being {self.targets}" if len(kinds) > 1 else text


@dataclass(frozen=True)
class Written:
    """What a backend writes: in which form, for which cases and target; its parts are
    the import lines, functions and classes (of a layer, the whole program)."""

    form: str
    cases: list[Case]
    target: str
    parts: tuple[str, ...]


_CASES: dict[type[Element], tuple[Case, ...]] = {}


def cases(cls: type[Element]) -> tuple[Case, ...]:
    """All examples of a layer, a loss or an optimizer."""
    if cls not in _CASES:
        _CASES[cls] = tuple(_cases(cls))
    return _CASES[cls]


def _cases(cls: type[Element]) -> Iterator[Case]:
    if issubclass(cls, Layer):
        for options, shapes in cls.examples:
            yield Case(cls(**options), shapes)
    elif issubclass(cls, Loss):
        for each in loss_cases():
            if type(each.loss) is cls:
                yield Case(each.loss, (each.shape,), each.targets)
    else:
        assert issubclass(cls, Optimizer)
        for fields in cls.examples:
            yield Case(cls(**fields))


# --- models of one layer ------------------------------------------------------------


def model_of(case: Case) -> ModelSpec:
    """A model of one layer: the case's own or, for a loss or an optimizer, one whose
    output has the shape."""
    if isinstance(case.element, Layer):
        count = len(case.shapes)
        names = ["x"] if count == 1 else [f"x{i}" for i in range(1, count + 1)]
        inputs = [Input(s, name=n) for s, n in zip(case.shapes, names, strict=True)]
        layer = replace(case.element, name="it")
        return ModelSpec(inputs, layer(*inputs), name="example")
    (shape,) = case.shapes or ((4,),)
    if len(shape) == 1:
        return Sequential([Dense(shape[0], name="it")], (3,), name="example")
    convolution = {2: Conv1D, 3: Conv2D, 4: Conv3D}[len(shape)]
    layer = convolution(shape[0], 1, name="it")
    return Sequential([layer], (2, *shape[1:]), name="example")


def step_of(case: Case, backend: Backend, semantics: Semantics) -> TrainingSpec | None:
    """How the model of a case trains."""
    if isinstance(case.element, Layer):
        return None
    is_loss = isinstance(case.element, Loss)
    loss = case.element if is_loss else MSE()
    rule = SGD() if is_loss else case.element
    step = make_step(model_of(case), backend, loss, rule, Training(), semantics)
    return replace(step, targets=(case.targets,)) if is_loss and step else step


def view_of(
    case: Case, backend: Backend, target: Target
) -> View | LossView | OptimizerView:
    """What the backend's entry sees."""
    if isinstance(case.element, Layer):
        (node,) = infer(model_of(case), backend, target.semantics).nodes
        return View(node, target)
    step = step_of(case, backend, target.semantics)
    assert step is not None
    if isinstance(case.element, Loss):
        function = LossFunction.of(step.losses[0], case.shapes[0], case.targets)
        return LossView(function, target)
    return OptimizerView(step.optimizer, target, step.training)


@functools.cache
def chosen(case: Case, name: str, label: str) -> Form | str:
    """The form that a backend writes for one of TARGETS, or the reason why there is
    none."""
    backend = registry.get(name)
    return choose(backend.entries, view_of(case, backend, TARGETS[label]))


# --- texts --------------------------------------------------------------------------


@functools.cache
def program_of(case: Case, name: str, label: str) -> Program:
    """The program that a backend writes for a case and one of TARGETS."""
    backend, target = registry.get(name), TARGETS[label]
    step = step_of(case, backend, target.semantics)
    return write_programs(model_of(case), backend, step, target, target.optimize)[0]


@functools.cache
def parts_of(case: Case, name: str, label: str) -> tuple[str, ...]:
    """What the program says for a case: of a layer the whole program; of a loss its
    function; of an optimizer how it is made and applied; both with what they need."""
    program = program_of(case, name, label)
    if isinstance(case.element, Layer):
        return (program.source.rstrip(),)
    if isinstance(case.element, Loss):
        (path,) = (p for p, roles in program.source_map.items() if "loss" in roles)
        return with_needs(program, [(path, "loss")])
    known = program.source_map[WHOLE]
    return with_needs(program, [(WHOLE, role) for role in TRAINED if role in known])


def with_needs(program: Program, wanted: Sequence[tuple[str, Role]]) -> tuple[str, ...]:
    """Lines of a program, after the imports, functions and classes that they name."""
    lines = program.source.splitlines()
    spans = [program.source_map[path][role] for path, role in wanted]
    tree = ast.parse(program.source)
    named = {name: node for node in tree.body for name in names_given(node)}
    kept: list[ast.stmt] = []
    queue = [
        node
        for node in tree.body
        if any(span.first <= first_line(node) <= span.last for span in spans)
    ]
    while queue:
        node = queue.pop()
        if node not in kept:
            kept.append(node)
            read = (n.id for n in ast.walk(node) if isinstance(n, ast.Name))
            queue += [named[name] for name in read if name in named]
    return tuple(
        "\n".join(lines[first_line(node) - 1 : node.end_lineno])
        for node in sorted(kept, key=first_line)
    )


def names_given(node: ast.stmt) -> list[str]:
    """What a statement of a module gives names to."""
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return [node.name]
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return [(a.asname or a.name).split(".")[0] for a in node.names]
    if isinstance(node, ast.Assign):
        return [t.id for t in node.targets if isinstance(t, ast.Name)]
    return []


# --- all forms and gaps of an entry -------------------------------------------------


def written(cls: type[Element], name: str) -> list[Written]:
    """Each form of a backend's entry, at the first example that takes it; of a loss, for
    each kind of targets; of losses and optimizers, also the last example, which sets
    more fields. What is the same text is there once."""
    every = cases(cls)
    entry = registry.get(name).entries.get(cls.word)
    seen: dict[tuple[str, ...], Written] = {}
    for form in sorted(entry.forms if entry else (), key=lambda form: form.faster):
        shown = [first_with(form, every, name)]
        if not issubclass(cls, Layer):
            for kind in dict.fromkeys(case.targets for case in every):
                of_kind = [case for case in every if case.targets == kind]
                shown.append(first_with(form, of_kind, name))
            shown.append(first_with(form, richest(every), name))
        for first in shown:
            if first is None:
                continue
            case, label = first
            parts = parts_of(case, name, label)
            if parts not in seen:
                seen[parts] = Written(form.name, [case], label, parts)
            elif case not in seen[parts].cases:
                seen[parts].cases.append(case)
    return list(seen.values())


def richest(every: Sequence[Case]) -> list[Case]:
    """Cases by how many fields they set, most first; of equal ones the first."""
    return sorted(every, key=lambda case: -len(case.element.written()))


def first_with(form: Form, every: Sequence[Case], name: str) -> tuple[Case, str] | None:
    """The first case, and what it is written for, for which a form is chosen."""
    for label in TARGETS:
        for case in every:
            if chosen(case, name, label) == form:
                return case, label
    return None


def gaps(cls: type[Element], name: str) -> dict[str, list[str]]:
    """Reason → the cases that a backend cannot write, in any dtype; a reason that no
    example shows has none."""
    reasons = dict[str, list[str]]()
    declared = registry.get(name).reasons.get(cls.word)
    if declared is not None:
        reasons[declared] = []
    for label in ("float64", "float32"):
        for case in cases(cls):
            form = chosen(case, name, label)
            if isinstance(form, str):
                known = reasons.setdefault(form, [])
                if case.options not in known:
                    known.append(case.options)
    return reasons


def names_defined(part: str) -> list[str]:
    """What a part of a module gives names to."""
    return [name for node in ast.parse(part).body for name in names_given(node)]
