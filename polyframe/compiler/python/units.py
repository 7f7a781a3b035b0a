"""From a typed graph to units: the classes and containers that a program consists of.

Every block becomes a unit. A plain chain called 0, 1, 2, … becomes the framework's own
sequential container; any other becomes a class: where layers keep numbers as names, one
that extends such a container or a dictionary of layers. Units that differ in values only
share one class, whose arguments are those values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from polyframe.compiler.program import Slot
from polyframe.compiler.python.code import RANDOM, Code
from polyframe.compiler.python.source import (
    Argument,
    Call,
    Name,
    camel,
    flat,
    fresh,
    listing,
)
from polyframe.compiler.table import Form, Target, View
from polyframe.errors import UnsupportedError
from polyframe.spec.layers.base import Shape
from polyframe.spec.typed import TypedGraph, TypedNode


@dataclass(frozen=True)
class Style:
    """How one framework's classes are written."""

    forward: str  # the method (or function) of the forward pass
    base: str = "object"  # the class that a model extends
    sequential: Callable[[list[Call]], Call] = partial(listing, "")  # of children
    child: str = "{i}"  # path of a container's child {i}
    plain: tuple[str, ...] = ()  # forward texts that a container may run
    block: str = "{self}({all})"  # how a block is called
    block_base: str = ""  # the class that a block extends, if it is another
    decorator: str = ""  # of the model's class
    options: str = ""  # arguments of the model's constructor that its base takes
    numbered: str = ""  # the base of classes whose layers are 0, 1, 2, …: self[0]
    keyed: str = ""  # … and of those with other numbers among them: self["3"]
    keyed_reserved: frozenset[str] = frozenset()  # attributes the latter has besides
    reserved: frozenset[str] = frozenset()  # attributes the base class has
    names: frozenset[str] = frozenset()  # more that its programs name
    leading: tuple[str, ...] = ("self",)  # arguments of ``forward`` before the inputs …
    trailing: tuple[str, ...] = ()  # … and after them
    random: str = f"{RANDOM}=()"  # the argument of the random numbers
    container_snippets: tuple[str, ...] = ()  # what ``sequential`` names
    native: Callable[[Shape], Shape] = lambda shape: shape  # its order of axes
    made: str = ""  # a line of the model's constructor, after all that it makes
    enter: Mapping[int, str] = field(default_factory=dict)  # axes of {0}, an input …
    leave: Mapping[int, str] = field(
        default_factory=dict
    )  # … an output → as it goes on

    @property
    def closed(self) -> frozenset[str]:
        """What a variable of ``forward`` may not be called."""
        arguments = (text.partition("=")[0] for text in (*self.leading, *self.trailing))
        return self.names.union(arguments, {self.forward, RANDOM})


@dataclass
class Unit:
    """One graph that is being written: a block, or the whole model."""

    graph: TypedGraph
    path: str
    codes: dict[str, Code]
    children: dict[str, Unit]
    make: Call | None = None  # how a parent makes it; None for the whole model
    container: bool = False
    height: int = 0
    group: Group | None = None
    native_names: dict[str, str] = field(default_factory=dict)  # of its nodes

    def walk(self) -> Iterator[Unit]:
        """The units inside it, the innermost first, and itself."""
        for child in self.children.values():
            yield from child.walk()
        yield self

    @property
    def draws(self) -> int:
        """How many arrays of random numbers a call of it takes."""
        return sum(self.draws_of(node) for node in self.graph.nodes)

    def draws_of(self, node: TypedNode) -> int:
        """How many arrays of random numbers one of its nodes takes."""
        if node.body is not None:
            return self.children[node.owner_name].draws
        return int(self.codes[node.name].draws)


@dataclass
class Group:
    """Units of one class; ``parameters``: the class's arguments, the values in which the
    units differ, one for each unit."""

    name: str
    units: list[Unit]
    parameters: dict[str, tuple[object, ...]] = field(default_factory=dict)

    @property
    def made(self) -> list[str]:
        """The names of the nodes that its constructor makes something for."""
        unit = self.units[0]
        nodes = (node for node in unit.graph.nodes if not node.shared)
        return [n.name for n in nodes if unit.codes[n.name].make is not None]

    def base(self, style: Style) -> str:
        """The class that it extends."""
        numbers = sorted((name for name in self.made if name.isdigit()), key=int)
        if numbers and style.keyed:
            chain = [str(index) for index in range(len(self.made))]
            return style.numbered if numbers == chain else style.keyed
        block = bool(self.units[0].path and style.block_base)
        return style.block_base if block else style.base


def build(
    graph: TypedGraph, forms: Mapping[str, Form], target: Target, style: Style
) -> tuple[list[Group], Unit]:
    """The groups, each after those that it uses, and the model's unit."""
    levels: list[list[Unit]] = []  # by height, so that equal units stand together
    top = _unit(graph, "", forms, target, levels)
    groups: list[Group] = []
    class_names = set(style.names)
    for units in levels:
        by_signature: dict[object, Group] = {}
        for unit in units:
            for name, child in unit.children.items():
                unit.codes[name] = Code(style.block, child.make)
            if unit is not top and _is_container(unit, style):
                children = [unit.codes[n.name].make for n in unit.graph.nodes]
                unit.make = style.sequential([c for c in children if c is not None])
                unit.container = True
                continue
            key = (unit is top, unit.graph.name, signature(unit))
            if key not in by_signature:
                name = "Sequence" if unit.graph.name == "Sequential" else ""
                name = fresh(name or camel(unit.graph.name), class_names)
                class_names.add(name)
                by_signature[key] = Group(name, [])
            by_signature[key].units.append(unit)
        for group in by_signature.values():
            _parametrise(group)
        groups += by_signature.values()
    return groups, top


def _unit(
    graph: TypedGraph,
    path: str,
    forms: Mapping[str, Form],
    target: Target,
    levels: list[list[Unit]],
) -> Unit:
    codes: dict[str, Code] = {}
    children: dict[str, Unit] = {}
    unit = Unit(graph, path, codes, children)
    for node in graph.nodes:
        if node.body is None:
            codes[node.name] = forms[node.path].write(View(node, target))
            if node.shared:
                _check_shared(node.path, codes[node.owner_name], codes[node.name])
        elif not node.shared:
            children[node.name] = _unit(node.body, node.path, forms, target, levels)
            unit.height = max(unit.height, children[node.name].height + 1)
        else:
            this_call = _unit(node.body, node.owner, forms, target, [])
            _check_bodies(node.path, children[node.owner_name], this_call)
    while len(levels) <= unit.height:
        levels.append([])
    levels[unit.height].append(unit)
    return unit


def _check_shared(path: str, first: Code, this_call: Code) -> None:
    """UnsupportedError if a shared layer would have to be made differently for this call:
    for example where "same" padding depends on the input's size."""
    if first.rank != this_call.rank:
        raise UnsupportedError(
            f"shares a layer that was made for inputs of {first.rank} axes, but this "
            f"input has {this_call.rank}",
            where=path,
            hint="a layer of its own",
        )
    if first.make != this_call.make:
        one, other = (flat(code.make) for code in (first, this_call))
        raise UnsupportedError(
            f"shares a layer that is {one}, but this input's size needs {other}",
            where=path,
            hint="inputs of one size, or explicit padding",
        )


def _check_bodies(path: str, first: Unit, this_call: Unit) -> None:
    """The same for everything in a shared block, which is written once."""
    for name, code in first.codes.items():
        where = f"{path}.{name}"
        _check_shared(where, code, this_call.codes[name])
        if code.forward != this_call.codes[name].forward:
            raise UnsupportedError(
                f"is {code.forward} at the block's first call, but this call's sizes "
                f"need {this_call.codes[name].forward}",
                where=where,
                hint="inputs of one size, or explicit padding",
            )
    for name, child in first.children.items():
        _check_bodies(f"{path}.{name}", child, this_call.children[name])


def _is_container(unit: Unit, style: Style) -> bool:
    """Whether a unit is a chain 0, 1, 2, … of modules and nothing else."""
    before = unit.graph.inputs[0][0]
    if len(unit.graph.inputs) > 1 or unit.draws:
        return False
    for index, node in enumerate(unit.graph.nodes):
        code = unit.codes[node.name]
        chained = node.inputs == (before,) and node.name == str(index)
        if not chained or node.shared or node.note or code.make is None:
            return False
        if code.forward not in style.plain and node.body is None:
            return False
        before = node.name
    return unit.graph.outputs == (before,)


def signature(unit: Unit) -> tuple[object, ...]:
    """What two units must have in common to share a class: all but literal values."""
    return (
        tuple(name for name, _ in unit.graph.inputs),
        unit.graph.outputs,
        tuple(
            (
                node.name,
                node.owner_name,
                node.inputs,
                node.note,
                unit.draws_of(node),
                unit.codes[node.owner_name if node.body else node.name].forward,
                skeleton(unit.codes[node.owner_name if node.body else node.name].make),
            )
            for node in unit.graph.nodes
        ),
    )


def skeleton(value: object) -> object:
    """A call without its literal values."""
    if isinstance(value, Call):
        return value.function, tuple(
            (a.role, a.keyword, repr(a.default), skeleton(a.value))
            for a in value.arguments
        )
    return value if isinstance(value, Name) or value is None else "literal"


def leaves(value: object, role: str = "value") -> list[tuple[str, object]]:
    """The literal values of a call with their roles, in order."""
    if isinstance(value, Call):
        return [leaf for a in value.arguments for leaf in leaves(a.value, a.role)]
    return [] if isinstance(value, Name) or value is None else [(role, value)]


def unit_leaves(unit: Unit) -> list[tuple[str, object]]:
    """The literal values of all that a unit makes."""
    return [
        leaf
        for node in unit.graph.nodes
        if not node.shared
        for leaf in leaves(unit.codes[node.name].make)
    ]


def _parametrise(group: Group) -> None:
    """Find the values in which the units differ; each becomes an argument of the class."""
    rows = [unit_leaves(unit) for unit in group.units]
    known: set[object] = set()
    for column in zip(*rows, strict=True):
        values = tuple(value for _, value in column)
        if len(set(exact(values))) > 1 and exact(values) not in known:
            known.add(exact(values))
            role = column[0][0]
            role = "value" if role == "item" else role
            group.parameters[fresh(role, group.parameters)] = values
    for index, unit in enumerate(group.units):
        unit.group = group
        unit.make = Call(
            group.name,
            tuple(
                Argument(role, values[index], len(group.parameters) > 2)
                for role, values in group.parameters.items()
            ),
        )


def exact(values: tuple[object, ...]) -> tuple[object, ...]:
    """Values that are equal only where their types are too: 1 is not True."""
    return tuple((type(value), value) for value in values)


def named(group: Group) -> dict[str, Call | None]:
    """Node → construction, with the group's arguments in place of their values."""
    rows = [iter(unit_leaves(unit)) for unit in group.units]
    names = {exact(v): Name(role) for role, v in group.parameters.items()}

    def of_call(call: Call) -> Call:
        arguments = (replace(a, value=of_value(a.value)) for a in call.arguments)
        return Call(call.function, tuple(arguments))

    def of_value(value: object) -> object:
        if isinstance(value, Call):
            return of_call(value)
        if isinstance(value, Name) or value is None:
            return value
        return names.get(exact(tuple(next(row)[1] for row in rows)), value)

    first = group.units[0]
    makes = {
        n.name: first.codes[n.name].make for n in first.graph.nodes if not n.shared
    }
    return {name: make and of_call(make) for name, make in makes.items()}


def weight_map(unit: Unit, style: Style, prefix: str = "") -> dict[str, Slot]:
    """Canonical name → slot, for everything that a unit made."""
    slots: dict[str, Slot] = {}
    for index, node in enumerate(unit.graph.nodes):
        if node.shared or unit.codes[node.name].make is None:
            continue
        item = style.child.format(i=index)
        name = item if unit.container else unit.native_names[node.name]
        native = f"{prefix}.{name}" if prefix else name
        if node.body is not None:
            slots |= weight_map(unit.children[node.name], style, native)
        else:
            own = unit.codes[node.name].weights
            for parameter in node.parameters:
                slots[f"{node.owner}.{parameter}"] = own[parameter].under(native)
    return slots
