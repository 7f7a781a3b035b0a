"""Graphs of layers: how specs are put together in Python.

A graph is frozen data: named nodes, each a layer and the names of its inputs. Calling a
layer on a tensor only remembers the call; ``ModelSpec`` and ``Block`` collect the calls
that lead to their outputs, give names, and forget the tensors.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from polyframe.errors import SpecError, brief
from polyframe.spec.element import PART, check_name, define
from polyframe.spec.fields import Int, Kind, field
from polyframe.spec.layers.base import Layer, Shape, Tensor


@dataclass(frozen=True)
class Node:
    """One call of a layer. ``shares`` names the node whose layer it uses."""

    name: str
    layer: Layer
    inputs: tuple[str, ...]
    shares: str | None = None


@dataclass(frozen=True)
class Graph:
    """Named inputs (with shapes, but in blocks), nodes in order, and outputs."""

    inputs: tuple[tuple[str, Shape | None], ...]
    nodes: tuple[Node, ...]
    outputs: tuple[str, ...]

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for name in (*(name for name, _ in self.inputs), *(n.name for n in self.nodes)):
            check_node_name(name, "name")
            if name in seen:
                raise SpecError("two layers or inputs have this name", where=name)
            seen.add(name)
        if not self.nodes:
            raise SpecError("no layer stands between inputs and outputs", where="graph")
        read = {*self.outputs, *(source for n in self.nodes for source in n.inputs)}
        for name, _ in self.inputs:
            if name not in read:
                raise SpecError(
                    "is read by no layer", where=f"input {name!r}", hint="remove it"
                )


def Input(shape: Sequence[int] | None = None, name: str | None = None) -> Tensor:  # noqa: N802
    """An input of a graph; ``shape`` is per sample, without N: ``(3, 32, 32)``.

    Inside a ``Block`` leave the shape out: it comes from where the block stands.
    """
    if name is not None:
        check_name(name, "input name")
    given = None if shape is None else check_shape(shape, name)
    return Tensor(None, (), given, name)


def check_node_name(name: object, what: str) -> str:
    """A name of a node: as of a layer, or up to six digits by position."""
    if isinstance(name, str) and name.isascii() and name.isdigit() and len(name) <= 6:
        return name
    return check_name(name, what)


def check_shape(shape: object, name: str | None = None) -> Shape:
    """A shape of one sample: one to four whole numbers from 1."""
    size = Int()
    where = f"input {name!r}" if name else "input shape"
    try:
        if isinstance(shape, (str, bytes)) or not isinstance(shape, Iterable):
            raise ValueError
        checked = tuple(size.check(n) for n in shape)
        if not 1 <= len(checked) <= 4:
            raise ValueError
    except ValueError:
        raise SpecError(
            f"got {brief(shape)}; one to four numbers from 1 to {size.high} are "
            "needed, without the batch: (channels, height, width)",
            where=where,
        ) from None
    return checked


class GraphKind(Kind[Graph]):
    """A graph; made by ``Block`` and ``Sequential`` only."""

    @property
    def allowed(self) -> str:
        return "a graph"

    def check(self, value: object) -> Graph:
        """The graph itself."""
        if not isinstance(value, Graph):
            raise ValueError
        return value


class NameKind(Kind[str]):
    """A name that may stand in source."""

    @property
    def allowed(self) -> str:
        return "a letter, then letters, digits and _ (64 at most)"

    def check(self, value: object) -> str:
        """The name."""
        if not isinstance(value, str) or not PART.fullmatch(value):
            raise ValueError
        return value


NUMBERED = "Sequential"
"""The kind of blocks in which unnamed layers are called 0, 1, 2, … as in PyTorch."""


@define
class Block(Layer):
    """A graph of layers used as one layer; equal blocks are written as one class.

    ``pf.Block(x, y, kind="BasicBlock")`` collects what lies between the tensors ``x``
    and ``y``; ``kind`` becomes the name of the emitted class. The weights inside are
    called ``<block>.<layer>.<param>``. Unnamed layers inside are called ``conv1``,
    ``relu1``, …, but in a block of the kind ``Sequential`` 0, 1, 2, … as in PyTorch.
    """

    graph: Graph = field(GraphKind())
    kind: str = field(NameKind(), default="Block")

    short: ClassVar[str] = "block"
    arity: ClassVar[tuple[int, int | None]] = (1, None)

    def __init__(
        self,
        inputs: Tensor | Sequence[Tensor] = (),
        outputs: Tensor | Sequence[Tensor] = (),
        *,
        kind: str = "Block",
        name: str | None = None,
        graph: Graph | None = None,
    ) -> None:
        if graph is None:
            graph = collect(inputs, outputs, number=kind == NUMBERED)
        if len(graph.outputs) != 1:
            raise SpecError("a block has one output", where=name or kind)
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "graph", graph)
        object.__setattr__(self, "kind", kind)
        Layer.__post_init__(self)

    def infer(self, *shapes: Shape) -> Shape:
        """The shape of the block's output."""
        known = dict(zip((name for name, _ in self.graph.inputs), shapes, strict=True))
        for node in self.graph.nodes:
            layer: Layer = node.layer.resolve({})
            known[node.name] = layer.infer(*(known[source] for source in node.inputs))
        return known[self.graph.outputs[0]]


def collect(
    inputs: Tensor | Sequence[Tensor],
    outputs: Tensor | Sequence[Tensor],
    number: bool = False,
) -> Graph:
    """The graph between tensors, with a name for every node.

    ``number``: unnamed nodes are called by their index, else by kind and count.
    """
    inputs, outputs = tensors(inputs, "inputs"), tensors(outputs, "outputs")
    reached = reach(outputs)
    if len(set(map(id, inputs))) < len(inputs):
        raise SpecError("an input is listed twice", where="inputs")
    for tensor in inputs:
        if tensor.layer is not None:
            raise SpecError(f"is the output of {tensor.layer.label}", where="inputs")
    for tensor in reached:
        if tensor.layer is None and not any(tensor is i for i in inputs):
            raise SpecError(
                f"the outputs need the input {tensor.name or tensor.shape}, "
                "which is not among the inputs",
                where="inputs",
            )
    calls = [tensor for tensor in reached if tensor.layer is not None]
    names = name_all(inputs, calls, number)
    owners: dict[int, str] = {}
    nodes = []
    for tensor in calls:
        assert tensor.layer is not None
        name = names[id(tensor)]
        owner = owners.setdefault(id(tensor.layer), name)
        sources = tuple(names[id(source)] for source in tensor.inputs)
        layer = replace_name(tensor.layer, owner)
        nodes.append(Node(name, layer, sources, None if owner == name else owner))
    return Graph(
        tuple((names[id(i)], i.shape) for i in inputs),
        tuple(nodes),
        tuple(names[id(o)] for o in outputs),
    )


def replace_name(layer: Layer, name: str) -> Layer:
    """The layer under its node's name (digits stand for 'no name of its own')."""
    own = None if name.isdigit() else name
    if layer.name == own:
        return layer
    if isinstance(layer, Block):
        return Block(graph=layer.graph, kind=layer.kind, name=own)
    return replace(layer, name=own)


def tensors(value: object, what: str) -> list[Tensor]:
    """One tensor or several, as a list; SpecError for anything else."""
    items: list[Tensor] = []
    for tensor in value if isinstance(value, (list, tuple)) else [value]:
        if not isinstance(tensor, Tensor):
            raise SpecError(f"got {brief(tensor)}; a tensor is needed", where=what)
        items.append(tensor)
    if not items:
        raise SpecError("there are none", where=what)
    return items


def reach(outputs: Sequence[Tensor]) -> list[Tensor]:
    """All tensors that lead to the outputs, in the order in which they were made."""
    seen: dict[int, Tensor] = {}
    todo = list(outputs)
    while todo:
        tensor = todo.pop()
        if id(tensor) not in seen:
            seen[id(tensor)] = tensor
            todo.extend(tensor.inputs)
    return sorted(seen.values(), key=lambda tensor: tensor.order)


class Names:
    """The names of one graph: those that are given are taken first, then new ones are
    made, which clash with none. Python and text name layers with it, so that they agree.

    ``number``: unnamed layers are called by their index, else by kind and count.
    """

    def __init__(self, number: bool) -> None:
        self.number = number
        self.holders: dict[str, int] = {}  # name → id of what has it
        self.counts: dict[str, int] = {}

    def take(self, name: str, holder: int) -> str:
        """The name, which is its holder's from now on; SpecError if it is another's."""
        if self.holders.setdefault(name, holder) != holder:
            raise SpecError("two layers or inputs have this name", where=name)
        return name

    def fresh(self, short: str, start: int = 1) -> str:
        """``short`` and the next count that makes a name which nothing has."""
        while True:
            self.counts[short] = self.counts.get(short, start - 1) + 1
            name = f"{short}{self.counts[short]}"
            if name not in self.holders:
                return name

    def layer(self, index: int, short: str) -> str:
        """A name for an unnamed layer."""
        return str(index) if self.number else self.fresh(short)

    def further_call(self, index: int, first: str) -> str:
        """A name for a further call of a shared layer, whose first call has a name."""
        if self.number and first.isdigit():
            return str(index)
        return self.fresh(f"{first}_", 2)


def name_all(
    inputs: Sequence[Tensor], calls: Sequence[Tensor], number: bool
) -> dict[int, str]:
    """A name for every tensor; two layers of one name are an error."""
    names: dict[int, str] = {}
    known = Names(number)
    for tensor in inputs:
        if tensor.name:
            names[id(tensor)] = known.take(tensor.name, id(tensor))
    for tensor in calls:
        if tensor.layer is not None and tensor.layer.name:
            known.take(tensor.layer.name, id(tensor.layer))
    single = len(inputs) == 1
    for tensor in inputs:
        if id(tensor) not in names:
            free = single and "x" not in known.holders
            name = "x" if free else known.fresh("input")
            names[id(tensor)] = known.take(name, id(tensor))
    first: dict[int, str] = {}
    for index, tensor in enumerate(calls):
        layer = tensor.layer
        assert layer is not None
        base = first.get(id(layer))
        if base is not None:
            name = known.take(known.further_call(index, base), id(tensor))
        elif layer.name:
            name = layer.name
        else:
            name = known.take(known.layer(index, layer.short), id(layer))
        first.setdefault(id(layer), name)
        names[id(tensor)] = name
    return names
