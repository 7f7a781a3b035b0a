"""The definition of an element in NumPy, whole: text that runs without polyframe.

It is gathered from the source files by analysis: the methods that give an element its
meaning (``ROOTS``), and all methods, properties, functions and constants that these use,
and so on. ``tests/docs/test_definitions.py`` runs the text of every page and compares
its numbers with the element's own, bit for bit.
"""

from __future__ import annotations

import ast
import copy
import dataclasses
import inspect
import types
from typing import Any, TypeVar, Union, get_args, get_origin

from polyframe.compiler.python.source import literal
from polyframe.spec.element import Element
from polyframe.spec.fields import UNSET, Kind, Maybe, Several
from polyframe.spec.layers.base import Layer
from polyframe.teach.explain.layout import laid_out
from polyframe.teach.explain.numpy_text import (
    Definition,
    Edits,
    Function,
    Import,
    Module,
    checks_only,
    loads,
    module,
    without_annotations,
    without_checks,
)

ROOTS = {
    "layer": ("define", "new_state", "draw_shape", "draw"),
    "loss": ("define", "denominator_weights"),
    "optimizer": ("start", "define"),
    "initializer": ("draw",),
    "schedule": ("rate",),
    "metric": ("start", "update", "value"),
    "augmentation": ("resolved", "apply"),
}
"""Family → the methods that are an element's meaning. Those of a layer, a loss or an
augmentation are left out where the class has none of its own."""
OWN_ONLY = ("layer", "loss", "augmentation")
SIMPLER = {
    ("polyframe.spec.metrics.base", "larger_is_better"): '''\
def larger_is_better(column):
    """Whether a column of the history is to grow: losses and errors are not."""
    return not column.endswith(("loss", "mse", "mae"))
'''
}
"""What would bring in a registry is said in another way."""


def definition(cls: type[Element]) -> str:
    """The Python of an element's definition."""
    page = Page()
    page.add_element(cls)
    return laid_out(page.text())


class Page:
    """The definitions of one page, in the order in which Python needs them."""

    def __init__(self) -> None:
        self.imports: set[str] = set()
        self.texts: dict[tuple[str, str], str] = {}
        self.seen: dict[str, str] = {}  # each name → the module that defines it
        self.fields: dict[type[Element], set[str]] = {}  # those that a class has here

    def text(self) -> str:
        """All of it."""
        library = [i for i in self.imports if i.split()[1].split(".")[0] == "numpy"]
        standard = sorted(self.imports - set(library), key=lambda i: (i[0] == "f", i))
        parts = [*standard, "", *sorted(library, reverse=True), ""]
        return "\n".join([*parts, *self.texts.values()])

    def add_name(self, name: str, here: Module) -> None:
        """What a name stands for in a module, and all that it needs."""
        known = here.resolve(name)
        if isinstance(known, Import):
            self.imports.add(known.line)
        elif known is not None:
            self.add(known)

    def add(self, known: Definition) -> None:
        """A function, a class or a constant of polyframe, and all that it needs."""
        if known.name in self.seen:
            assert self.seen[known.name] == known.module, f"two {known.name} on a page"
            return
        self.seen[known.name] = known.module
        here, key = module(known.module), (known.module, known.name)
        if key in SIMPLER:
            self.texts[key] = SIMPLER[key]
        elif isinstance(known.node, ast.FunctionDef):
            self.texts[key] = self.function(known.node, here)
        elif isinstance(known.node, ast.ClassDef):
            if issubclass(known.value, Element):
                self.add_element(known.value)
            else:
                self.texts[key] = self.plain_class(known.node, here)
        else:
            self.needs(known.node, here)
            self.texts[key] = here.constant(known.node)

    def needs(self, node: ast.AST, here: Module) -> None:
        """Add what the names below a node stand for, but for its own variables."""
        stored = {
            n.id
            for n in ast.walk(node)
            if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
        }
        given = {n.arg for n in ast.walk(node) if isinstance(n, ast.arg)}
        for name in loads(node):
            if name not in stored | given:
                self.add_name(name, here)

    def function(
        self, node: Function, here: Module, owner: type | None = None, name: str = ""
    ) -> str:
        """The text of a function, or of a class's method; adds what it needs."""
        node, edits = copy.deepcopy(node), Edits(here.source)
        classes = {a.arg: annotated(a, here) for a in node.args.args}
        if owner is not None:
            classes["self"] = owner
        without_checks(node, here, edits, lambda call: only_checks(call, here, classes))
        for parent in supers(node):
            edits.replace(
                edits.start(parent), edits.end(parent), inherited(owner, parent)
            )
        for call in ast.walk(node):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
                self.constructor(call, here, edits)
        used = loads(node)
        for argument, cls in classes.items():
            if cls is None or issubclass(cls, Element) or argument not in used:
                continue
            if cls.__module__.startswith("polyframe."):
                self.add_name(cls.__name__, module(cls.__module__))
        without_annotations(node, edits)
        text = edits.text(node)
        if name:
            text = text.replace(f"def {node.name}(", f"def {name}(", 1)
        self.needs(ast.parse(text), here)
        return text

    def constructor(self, call: ast.Call, here: Module, edits: Edits) -> None:
        """Edit a call that makes another element: without the fields that its class has
        not on the page, and numbers as the fields keep them."""
        known = here.resolve(call.func.id)  # type: ignore[attr-defined]
        if not isinstance(known, Definition) or not isinstance(
            known.node, ast.ClassDef
        ):
            return
        if not issubclass(known.value, Element):
            return
        self.add(known)
        cls = known.value
        fields = {f.name: f for f in dataclasses.fields(cls)}
        places = [name for name, f in fields.items() if not f.kw_only]
        given = [*zip(places, call.args), *((k.arg, k.value) for k in call.keywords)]
        for name, value in given:
            if name is not None and isinstance(value, ast.Constant):
                kept = fields[name].metadata["kind"].of(cls).check(value.value)
                edits.replace(edits.start(value), edits.end(value), literal(kept))
        for keyword in list(call.keywords):
            if keyword.arg not in self.fields[cls]:
                after = edits.source.index(b",", edits.end(keyword)) + 1
                start = edits.start(keyword)
                blank = len(edits.source[:start].rstrip())
                alone = b"\n" in edits.source[blank:start]  # the first of its line
                edits.replace(blank if alone else start, after)
                call.keywords.remove(keyword)

    def plain_class(self, node: ast.ClassDef, here: Module) -> str:
        """The text of a dataclass that is no element: its fields keep their types."""
        node, edits = copy.deepcopy(node), Edits(here.source)
        for item in node.body:
            if isinstance(item, ast.FunctionDef):
                without_annotations(item, edits)
            elif isinstance(item, ast.AnnAssign):
                for name in ast.walk(item.annotation):
                    if isinstance(name, ast.Name) and name.id == "Array":
                        edits.replace(edits.start(name), edits.end(name), "np.ndarray")
                        self.imports.add("import numpy as np")
        text = edits.text(node)
        self.needs(ast.parse(text), here)
        return text

    def add_element(self, cls: type[Element]) -> None:
        """A class with an element's fields and the methods that are its meaning."""
        base = cls.__mro__[-3] if cls.family != "layer" else Layer
        roots = [
            name
            for name in ROOTS[cls.family]
            if cls.family not in OWN_ONLY
            or getattr(cls, name) is not getattr(base, name, None)
        ]
        methods, names = {}, list(roots)
        fields = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
        used, values = set(), {}
        while names:
            name = names.pop(0)
            if name in methods or name in used or name in values:
                continue
            if name in fields:
                used.add(name)
                continue
            owner, attribute = find(cls, name)
            value = owner.__dict__[attribute]
            if not callable(value) and not isinstance(value, property):
                values[name] = f"{name} = {literal(value)}"
                continue
            here = module(owner.__module__)
            node = method_node(here.class_node(owner.__name__), attribute)
            methods[name] = self.function(node, here, cls, name)
            tree = ast.parse(methods[name])
            names += [
                n.attr
                for n in ast.walk(tree)
                if isinstance(n, ast.Attribute) and getattr(n.value, "id", "") == "self"
            ]
        self.fields[cls] = used
        order = [f for f in fields.values() if f.name in used]
        lines = [self.field_line(f, cls) for f in sorted(order, key=place)]
        if used:
            self.imports.add("from dataclasses import dataclass")
            lines.insert(0, "")
        body = "\n\n".join(["\n".join([*lines, *values.values()]), *methods.values()])
        head = f"{'@dataclass' if used else ''}\nclass {cls.__name__}:\n"
        indented = "\n".join(f"    {line}".rstrip() for line in body.splitlines())
        self.seen[cls.__name__] = cls.__module__
        self.texts[cls.__module__, cls.__name__] = head + indented

    def field_line(self, field: dataclasses.Field[object], cls: type[Element]) -> str:
        """A field as a dataclass has it, with the value that ``aligned`` resolves to."""
        kind = field.metadata["kind"].of(cls)
        line = f"{field.name}: {type_text(kept_type(kind))}"
        if field.default is dataclasses.MISSING:
            return line
        aligned = field.default is UNSET
        default = field.metadata["aligned"] if aligned else field.default
        return f"{line} = {literal(kind.check(default))}"


def place(field: dataclasses.Field[object]) -> tuple[bool, bool]:
    """Where a field stands: those without a default first, a family's own last."""
    return field.default is not dataclasses.MISSING, bool(field.kw_only)


def annotated(argument: ast.arg, here: Module) -> type | None:
    """polyframe's class that an argument is of, by its annotation."""
    if not isinstance(argument.annotation, ast.Name):
        return None
    known = here.resolve(argument.annotation.id)
    is_class = isinstance(known, Definition) and isinstance(known.node, ast.ClassDef)
    return known.value if is_class else None  # type: ignore[union-attr]


def only_checks(call: ast.Call, here: Module, classes: dict[str, type | None]) -> bool:
    """Whether a call can do nothing but raise an error of polyframe's."""
    called = call.func
    if isinstance(called, ast.Name):
        known = here.resolve(called.id)
        if not (
            isinstance(known, Definition) and isinstance(known.node, ast.FunctionDef)
        ):
            return False
        node, there = known.node, module(known.module)
        own = {a.arg: annotated(a, there) for a in node.args.args}
        return checks_only(node.body, there, lambda c: only_checks(c, there, own))
    if not (isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name)):
        return False
    cls = classes.get(called.value.id)
    if cls is None or not inspect.isfunction(getattr(cls, called.attr, None)):
        return False
    owner, name = find(cls, called.attr)
    there = module(owner.__module__)
    node = method_node(there.class_node(owner.__name__), name)
    own = {"self": cls}
    return checks_only(node.body, there, lambda c: only_checks(c, there, own))


def find(cls: type, name: str) -> tuple[type, str]:
    """The class that gives another one an attribute, and what it is called there."""
    if "__" in name.strip("_"):  # what a parent's method is called on the page
        parent, _, name = name.partition("__")
        mro = cls.__mro__
        after = next(
            i for i, c in enumerate(mro) if c.__name__.strip("_").lower() == parent
        )
        return next(c for c in mro[after:] if name in c.__dict__), name
    return next(c for c in cls.__mro__ if name in c.__dict__), name


def method_node(node: ast.ClassDef, name: str) -> Function:
    """The statement of a method."""
    functions = (n for n in node.body if isinstance(n, ast.FunctionDef))
    return next(n for n in functions if n.name == name)


def supers(node: ast.AST) -> list[ast.Attribute]:
    """The ``super().name`` below a node."""
    return [
        n
        for n in ast.walk(node)
        if isinstance(n, ast.Attribute)
        and isinstance(n.value, ast.Call)
        and getattr(n.value.func, "id", "") == "super"
    ]


def inherited(cls: type | None, node: ast.Attribute) -> str:
    """What a page says for ``super().name``: the parent's, under a name of its own."""
    assert cls is not None
    owners = [c for c in cls.__mro__ if node.attr in c.__dict__]
    return f"self.{owners[1].__name__.strip('_').lower()}__{node.attr}"


def kept_type(kind: Kind[object]) -> Any:
    """The type of the values that a kind keeps."""
    if isinstance(kind, Maybe):
        return kept_type(kind.kind) | None
    if isinstance(kind, Several):
        return tuple[kept_type(kind.kind), ...]  # type: ignore[misc]
    for base in kind.__orig_bases__:  # type: ignore[attr-defined]
        if issubclass(get_origin(base), Kind):
            (kept,) = get_args(base)
            open_ones = getattr(kept, "__parameters__", ())
            free = isinstance(kept, TypeVar) or bool(open_ones)
            return kept[kept_type(kind.kind)] if free else kept  # type: ignore
    raise TypeError(kind)


def type_text(kept: object) -> str:
    """A type as Python writes it."""
    if get_origin(kept) in (Union, types.UnionType):
        return " | ".join(type_text(each) for each in get_args(kept))
    if kept is types.NoneType:
        return "None"
    return kept.__name__ if type(kept) is type else str(kept)
