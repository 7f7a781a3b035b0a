"""Graphs of layers: how specs are put together in Python.

A graph is frozen data: named nodes, each a layer and the names of its inputs. Calling a
layer on a tensor only remembers the call; ``ModelSpec`` and ``Block`` collect the calls
behind their outputs, give names, and forget the tensors.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as plain_field
from typing import Any, ClassVar

from polyframe.errors import SpecError
from polyframe.spec.element import PART, brief, check_name, define
from polyframe.spec.fields import Int, Kind, field
from polyframe.spec.layers.base import Layer, Shape

_clock = itertools.count()


@dataclass(frozen=True, eq=False)
class Tensor:
    """A value that flows through a graph while it is put together."""

    layer: Layer | None
    inputs: tuple[Tensor, ...] = ()
    shape: Shape | None = None  # of an input: per sample, without N
    name: str | None = None
    order: int = plain_field(default_factory=lambda: next(_clock))


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
    return Tensor(None, (), None if shape is None else check_shape(shape, name), name)


def check_node_name(name: Any, what: str) -> str:
    """A name of a node: as of a layer, or up to six digits by position."""
    digits = isinstance(name, str) and name.isascii() and name.isdigit()
    return name if digits and len(name) <= 6 else check_name(name, what)


def check_shape(shape: Any, name: str | None = None) -> Shape:
    """A shape of one sample: one to four whole numbers from 1."""
    size = Int()
    where = f"input {name!r}" if name else "input shape"
    try:
        if isinstance(shape, (str, bytes)) or not isinstance(shape, Iterable):
            raise ValueError
        found = tuple(size.check(n) for n in shape)
        if not 1 <= len(found) <= 4:
            raise ValueError
    except ValueError:
        raise SpecError(
            f"got {brief(shape)}; one to four numbers from 1 to {size.high} are "
            "needed, without the batch: (channels, height, width)",
            where=where,
        ) from None
    return found


def check_arity(layer: Layer, count: int, where: str) -> None:
    """SpecError unless the layer takes that many inputs."""
    least, most = layer.arity
    if count < least or (most is not None and count > most):
        wanted = str(least) if least == most else f"at least {least}"
        if most is not None and count > most > least:
            wanted = f"at most {most}"
        raise SpecError(f"takes {wanted} inputs, got {count}", where=where)


def connect(layer: Layer, inputs: tuple[Any, ...]) -> Tensor:
    """What calling a layer does: check the inputs and remember the call."""
    if len(inputs) == 1 and isinstance(inputs[0], (list, tuple)):
        inputs = tuple(inputs[0])
    check_arity(layer, len(inputs), layer.label)
    for tensor in inputs:
        if not isinstance(tensor, Tensor):
            raise SpecError(
                f"was called on {brief(tensor)}; a tensor of the graph is needed",
                where=layer.label,
                hint="start from pf.Input(shape)",
            )
    return Tensor(layer, inputs)


class GraphKind(Kind):
    """A graph; made by ``Block`` and ``Sequential`` only."""

    allowed = "a graph"

    def check(self, value: Any) -> Graph:
        """The graph itself."""
        if not isinstance(value, Graph):
            raise ValueError
        return value


class NameKind(Kind):
    """A name that may stand in source."""

    allowed = "a letter, then letters, digits and _ (64 at most)"

    def check(self, value: Any) -> str:
        """The name."""
        if not isinstance(value, str) or not PART.fullmatch(value):
            raise ValueError
        return value


@define
class Block(Layer):
    """A graph of layers used as one layer; equal blocks are written as one class.

    ``pf.Block(x, y, kind="BasicBlock")`` collects what lies between the tensors ``x``
    and ``y``; ``kind`` becomes the name of the emitted class. The weights inside are
    called ``<block>.<layer>.<param>``.
    """

    graph: Any = field(GraphKind())
    kind: str = field(NameKind(), default="Block")

    short: ClassVar[str] = "block"
    arity: ClassVar[tuple[int, int | None]] = (1, None)

    def __init__(
        self,
        inputs: Any = None,
        outputs: Any = None,
        *,
        kind: str = "Block",
        name: str | None = None,
        graph: Graph | None = None,
    ) -> None:
        if graph is None:
            graph = collect(inputs, outputs)
        if len(graph.outputs) != 1:
            raise SpecError("a block has one output", where=name or kind)
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "graph", graph)
        object.__setattr__(self, "kind", kind)
        Layer.__post_init__(self)


@dataclass(frozen=True)
class ModelSpec:
    """A whole model: any directed acyclic graph of layers. It is data, and frozen.

    ``pf.ModelSpec(x, y, name="two_paths")`` collects what lies between the inputs ``x``
    and the outputs ``y``, each a tensor or a list of them. ``summary``, ``to_yaml``,
    ``hash`` and the rest are methods; ``pf.compile`` makes it run.
    """

    graph: Graph
    name: str = "model"

    def __init__(self, inputs: Any, outputs: Any = None, name: str = "model") -> None:
        graph = inputs if isinstance(inputs, Graph) else collect(inputs, outputs)
        object.__setattr__(self, "graph", graph)
        object.__setattr__(self, "name", check_name(name, "model name"))
        for word, shape in graph.inputs:
            if shape is None:
                raise SpecError("its shape is missing", where=f"input {word!r}")
        self.infer()  # a spec that exists is one whose shapes meet

    def infer(self, defaults: Any = None) -> Any:
        """The typed graph: shapes and parameters at every node (see spec.typed)."""
        from polyframe.spec.typed import infer

        return infer(self, defaults or {})

    @property
    def num_parameters(self) -> int:
        """How many trainable numbers the model has."""
        return int(self.infer().num_parameters)

    @property
    def hash(self) -> str:
        """SHA-256 of the canonical JSON text: equal for equal specs, everywhere."""
        from polyframe.spec.text import spec_hash

        return spec_hash(self)

    def to_yaml(self) -> str:
        """The spec as YAML; ``pf.load_spec`` reads it back."""
        from polyframe.spec.text import to_yaml

        return to_yaml(self)

    def to_json(self) -> str:
        """The spec as JSON; ``pf.load_spec`` reads it back."""
        from polyframe.spec.text import to_json

        return to_json(self)

    def lint(self) -> tuple[str, ...]:
        """What is most likely not meant, a sentence each: biases in front of a batch
        norm. Nothing is changed."""
        from polyframe.spec.lint import lint

        return lint(self.infer())

    def summary(self) -> str:
        """A table of layers: shapes, parameters, multiply-adds, resolved defaults."""
        from polyframe.spec.summary import summary

        return summary(self)


def Sequential(  # noqa: N802
    layers: Sequence[Layer],
    input_shape: Sequence[int] | None = None,
    name: str | None = None,
) -> Any:
    """Layers one after the other: a ``ModelSpec``, or without ``input_shape`` a block.

    As a block, unnamed layers inside are called 0, 1, 2, … as in PyTorch.
    """
    where = name or "Sequential"
    if isinstance(layers, Layer) or not isinstance(layers, Iterable):
        raise SpecError(f"takes a list of layers, got {brief(layers)}", where=where)
    layers = list(layers)
    for index, layer in enumerate(layers):
        if not isinstance(layer, Layer):
            raise SpecError(
                f"item {index} is {brief(layer)}; a layer is needed", where=where
            )
    if not layers:
        raise SpecError("has no layers", where=where)
    x = Input(input_shape, name="x")
    y = x
    for layer in layers:
        y = connect(layer, (y,))
    if input_shape is not None:
        return ModelSpec(x, y, name=name or "model")
    return Block(kind="Sequential", name=name, graph=collect(x, y, number=True))


def collect(inputs: Any, outputs: Any, number: bool = False) -> Graph:
    """The graph between tensors, with a name for every node.

    ``number``: unnamed nodes are called by their index, else by kind and count.
    """
    inputs, outputs = tensors(inputs, "inputs"), tensors(outputs, "outputs")
    found = reach(outputs)
    if len(set(map(id, inputs))) < len(inputs):
        raise SpecError("an input is listed twice", where="inputs")
    for tensor in inputs:
        if tensor.layer is not None:
            raise SpecError(f"is the output of {tensor.layer.label}", where="inputs")
    for tensor in found:
        if tensor.layer is None and not any(tensor is i for i in inputs):
            raise SpecError(
                f"the outputs need the input {tensor.name or tensor.shape}, "
                "which is not among the inputs",
                where="inputs",
            )
    calls = [tensor for tensor in found if tensor.layer is not None]
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


def tensors(value: Any, what: str) -> list[Tensor]:
    """One tensor or several, as a list."""
    found = list(value) if isinstance(value, (list, tuple)) else [value]
    if not found:
        raise SpecError("there are none", where=what)
    for tensor in found:
        if not isinstance(tensor, Tensor):
            raise SpecError(f"got {brief(tensor)}; a tensor is needed", where=what)
    return found


def reach(outputs: Sequence[Tensor]) -> list[Tensor]:
    """All tensors behind the outputs, in the order in which they were made."""
    seen: dict[int, Tensor] = {}
    todo = list(outputs)
    while todo:
        tensor = todo.pop()
        if id(tensor) not in seen:
            seen[id(tensor)] = tensor
            todo.extend(tensor.inputs)
    return sorted(seen.values(), key=lambda tensor: tensor.order)


def name_all(
    inputs: Sequence[Tensor], calls: Sequence[Tensor], number: bool
) -> dict[int, str]:
    """A name for every tensor; two layers of one name are an error."""
    names: dict[int, str] = {}
    owner: dict[str, int] = {}  # name -> id of the layer or input that has it

    def take(name: str, holder: int) -> str:
        if owner.setdefault(name, holder) != holder:
            raise SpecError("two layers or inputs have this name", where=name)
        return name

    for tensor in inputs:
        if tensor.name:
            names[id(tensor)] = take(tensor.name, id(tensor))
    for tensor in calls:
        if tensor.layer is not None and tensor.layer.name:
            take(tensor.layer.name, id(tensor.layer))
    counts: dict[str, int] = {}

    def fresh(short: str, start: int = 1) -> str:
        while True:
            counts[short] = counts.get(short, start - 1) + 1
            name = f"{short}{counts[short]}"
            if name not in owner:
                return name

    single = len(inputs) == 1
    for tensor in inputs:
        if id(tensor) not in names:
            name = "x" if single and "x" not in owner else fresh("input")
            names[id(tensor)] = take(name, id(tensor))
    first: dict[int, str] = {}
    for index, tensor in enumerate(calls):
        layer = tensor.layer
        assert layer is not None
        base = first.get(id(layer))
        if base is not None:  # a further call of a shared layer
            name = take(fresh(f"{base}_", 2), id(tensor))
        elif layer.name:
            name = layer.name
        elif number:
            name = take(str(index), id(layer))
        else:
            name = take(fresh(layer.short), id(layer))
        first.setdefault(id(layer), name)
        names[id(tensor)] = name
    return names
