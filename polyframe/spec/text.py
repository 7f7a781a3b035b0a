"""Specs as text: YAML and JSON, both ways.

Text is data from strangers: nothing in it is executed, aliases are refused, nesting and
size are bounded, a key given twice is an error.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import fields
from typing import Any

from polyframe.errors import SpecError, brief, did_you_mean
from polyframe.plugins import load_installed
from polyframe.spec.element import check_name, element_data
from polyframe.spec.graph import NUMBERED, Block, Graph, Names, Node, check_node_name
from polyframe.spec.layers.base import Layer, check_arity
from polyframe.spec.typed import DEEPEST

VERSION = 1
MODEL_KEYS = ("polyframe", "name", "inputs", "layers", "outputs")
BLOCK_KEYS = ("kind", "inputs", "layers", "outputs")
WIRING = ("from", "shares")


# --- to text ---------------------------------------------------------------------


def to_data(name: str, graph: Graph) -> dict[str, Any]:
    """A spec as plain dicts, lists, strings and numbers."""
    shapes = {word: list(shape or ()) for word, shape in graph.inputs}
    data = graph_data(graph)
    return {"polyframe": VERSION, "name": name, **data, "inputs": shapes}


def graph_data(graph: Graph) -> dict[str, Any]:
    """Inputs, layers and outputs; wiring is left out where a chain explains it."""
    names = [name for name, _ in graph.inputs]
    before = names[:1] if len(names) == 1 else []
    layers = []
    for node in graph.nodes:
        item: dict[str, Any] = {"name": node.name}
        if node.shares:
            item["shares"] = node.shares
        elif isinstance(node.layer, Block):
            item |= {"type": "Block", "kind": node.layer.kind}
            item |= graph_data(node.layer.graph)
        else:
            item |= element_data(node.layer)
        if list(node.inputs) != before:
            item["from"] = list(node.inputs)
        layers.append(item)
        before = [node.name]
    data: dict[str, Any] = {"inputs": names, "layers": layers}
    if list(graph.outputs) != before:
        data["outputs"] = list(graph.outputs)
    return data


def to_json(name: str, graph: Graph) -> str:
    """The spec as indented JSON."""
    return json.dumps(to_data(name, graph), indent=2) + "\n"


def to_yaml(name: str, graph: Graph) -> str:
    """The spec as YAML, a line per layer where it is short."""
    from polyframe.io.text import dump

    return dump(to_data(name, graph))


def spec_hash(name: str, graph: Graph) -> str:
    """SHA-256 of the canonical JSON: sorted keys, no white space."""
    text = json.dumps(to_data(name, graph), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


# --- from text -------------------------------------------------------------------


def parse_text(text: str, where: str, as_json: bool = False) -> Any:
    """Plain data from text (JSON is read by the YAML reader too, if it is not a file
    ending in .json)."""
    from polyframe.io.text import parse_json, parse_yaml

    return parse_json(text, where) if as_json else parse_yaml(text, where)


@contextmanager
def at(outer: str) -> Iterator[None]:
    """Errors raised inside say that they are in ``outer``."""
    try:
        yield
    except SpecError as error:
        where = f"{outer}: {error.where}" if error.where else outer
        raise SpecError(error.message, where=where, hint=error.hint) from None


def graph_from(
    data: Mapping[str, Any],
    inputs: tuple[tuple[str, Any], ...],
    where: str | None = None,
    depth: int = 0,
    number: bool = False,
) -> Graph:
    """A graph from its layers in any order; a cycle is an error that shows it.

    ``number``: unnamed layers are called by their index, else by kind and count.
    """
    if not isinstance(data["layers"], list) or not data["layers"]:
        raise SpecError(
            f"layers is {brief(data['layers'])}; a list of layers is needed",
            where=where,
        )
    names = [name for name, _ in inputs]
    before = names[:1] if len(names) == 1 else []
    # A word is a layer without fields, as it is a loss or a metric elsewhere.
    layers = [{"type": x} if isinstance(x, str) else x for x in data["layers"]]
    listed = name_layers(layers, names, number)
    items: dict[str, tuple[Mapping[str, Any], tuple[str, ...]]] = {}
    for name, item in zip(listed, layers, strict=True):
        items[name] = item, read_by(name, item, before)
        before = [name]
    outputs = data.get("outputs", before)
    outputs = [outputs] if isinstance(outputs, str) else outputs
    if not isinstance(outputs, list) or not outputs:
        raise SpecError(f"outputs is {brief(outputs)}; a list of names", where=where)
    for user, sources in [
        *((name, sources) for name, (_, sources) in items.items()),
        ("outputs", tuple(outputs)),
    ]:
        for source in sources:
            if not isinstance(source, str) or source not in {*items, *names}:
                raise SpecError(
                    f"reads {brief(source)}, which is not a layer or an input."
                    f"{did_you_mean(str(source), [*items, *names])}",
                    where=user,
                    hint=no_index(source, listed),
                )
    for name, (item, _) in items.items():
        first = item.get("shares")
        if first is not None and first not in listed:
            raise shares_error(name, first, no_index(first, listed))
    nodes: dict[str, Node] = {}
    wired = {name: sources for name, (_, sources) in items.items()}
    order = sort(wired)
    check_needed(order, wired, outputs)
    for name in order:
        nodes[name] = node_from(name, *items[name], nodes, depth)
    return Graph(inputs, tuple(nodes.values()), tuple(outputs))


def name_layers(
    items: Sequence[object], inputs: Sequence[str], number: bool
) -> list[str]:
    """The names of the layers of a list: those that are given, and for the others those
    that they would get in Python."""
    names, layers, given = Names(number), [], {}
    for name in inputs:
        names.take(name, -1)
    for index, item in enumerate(items):
        where = f"layers[{index}]"
        if not isinstance(item, Mapping):
            raise SpecError(f"is {brief(item)}; {{type: …, …}} is needed", where=where)
        layers.append(item)
        if "name" in item:
            name = check_node_name(item["name"], f"{where}: name")
            given[index] = names.take(name, index)
    return [
        given.get(index) or names.take(new_name(names, index, item), index)
        for index, item in enumerate(layers)
    ]


def new_name(names: Names, index: int, item: Mapping[str, object]) -> str:
    """The name of an unnamed layer; SpecError where there can be none."""
    where, first = f"layers[{index}]", item.get("shares")
    if first is None:
        return names.layer(index, layer_class(item.get("type"), where).short)
    if not isinstance(first, str):
        raise shares_error(where, first)
    if not first.isdigit() or names.number:
        return names.further_call(index, first)
    if first not in names.holders:
        raise shares_error(where, first, BY_NAME)
    raise SpecError(f"shares {first!r}, and needs a name of its own", where=where)


BY_NAME = "unnamed layers are called by their type and a count: conv1, relu1, …"


def no_index(word: object, listed: Sequence[str]) -> str | None:
    """The way out where ``word`` is an index in the list of layers and not a name."""
    text = str(word)
    if not text.isdecimal() or len(text) > 6 or int(text) >= len(listed):
        return None
    return f"layer {text} of the list is called {listed[int(text)]!r}; {BY_NAME}"


def shares_error(where: str, shares: object, hint: str | None = None) -> SpecError:
    """The error of a layer that shares what is no earlier layer."""
    return SpecError(
        f"shares {brief(shares)}: the name of an earlier layer is needed, and no fields "
        "beside it",
        where=where,
        hint=hint,
    )


def read_by(
    name: str, item: Mapping[str, object], before: list[str]
) -> tuple[str, ...]:
    """The names that a layer reads; ``before``: what it reads if it does not say."""
    sources = item.get("from", before)
    sources = [sources] if isinstance(sources, str) else sources
    if not isinstance(sources, list) or not sources:
        raise SpecError(
            f"from is {brief(sources)}; the names of its inputs are needed", where=name
        )
    return tuple(sources)


def layer_class(kind: object, where: str) -> type[Layer]:
    """The class of layers that a type names."""
    if not isinstance(kind, str):
        raise SpecError(f"type is {brief(kind)}; a layer's name is needed", where=where)
    if kind not in Layer.registry:
        load_installed()  # other people's packages
    if kind not in Layer.registry:
        known = [word for word in Layer.registry if word != "Block"]
        raise SpecError(
            f"unknown layer {brief(kind)}.{did_you_mean(kind, known)}",
            where=where,
            hint="`polyframe list layers` shows them",
        )
    make = Layer.registry[kind]
    assert issubclass(make, Layer)
    return make


def node_from(
    name: str,
    item: Mapping[str, Any],
    sources: tuple[str, ...],
    nodes: Mapping[str, Node],
    depth: int,
) -> Node:
    """One node from its data."""
    options = {k: v for k, v in item.items() if k not in ("name", *WIRING)}
    shares = item.get("shares")
    if shares is not None:
        owner = nodes.get(shares) if isinstance(shares, str) else None
        if owner is None or owner.shares or options:
            raise shares_error(name, shares)
        return Node(name, owner.layer, sources, owner.name)
    own = None if name.isdigit() else name
    kind = options.pop("type", None)
    make = layer_class(kind, name)
    if make is Block:
        layer: Layer = block_from(name, own, options, depth + 1)
    else:
        known_fields = [f.name for f in fields(make)]
        mapping(options, f"{name} ({kind})", known_fields)
        with nullcontext() if own else at(name):
            layer = make(**options, name=own)
    check_arity(layer, len(sources), f"{name} ({kind})")
    return Node(name, layer, sources)


def block_from(
    name: str, own: str | None, data: Mapping[str, Any], depth: int
) -> Block:
    """A block from its data."""
    if depth > DEEPEST:
        raise SpecError(f"blocks nest more than {DEEPEST} deep", where=name)
    data = mapping(data, name, BLOCK_KEYS, needed=("inputs", "layers"))
    names = data["inputs"]
    if not isinstance(names, list) or not names:
        raise SpecError(
            f"inputs is {brief(names)}; a list of names is needed", where=name
        )
    kind = data.get("kind", "Block")
    with at(name):
        inputs = tuple((check_name(word, "input name"), None) for word in names)
        number = kind == NUMBERED
        graph = graph_from(data, inputs, depth=depth, number=number)
    with nullcontext() if own else at(name):
        return Block(graph=graph, kind=kind, name=own)


def check_needed(
    order: list[str], sources: Mapping[str, tuple[str, ...]], outputs: list[str]
) -> None:
    """SpecError for a layer that no output needs: Python cannot make one either."""
    needed = set(outputs)
    for name in reversed(order):
        if name not in needed:
            raise SpecError(
                "no output needs it", where=name, hint="remove it, or add it to outputs"
            )
        needed.update(sources[name])


def sort(sources: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Names, each after what it reads; otherwise in the given order."""
    done: dict[str, None] = {}
    for start in sources:
        path = {start: iter(sources[start])} if start not in done else {}
        while path:
            name, rest = next(reversed(path.items()))
            wanted = next((s for s in rest if s in sources and s not in done), None)
            if wanted is None:
                done[name] = None
                del path[name]
            elif wanted in path:
                names = list(path)
                cycle = [*names[names.index(wanted) :], wanted]
                raise SpecError(
                    f"the layers form a cycle: {' → '.join(reversed(cycle))}",
                    where=wanted,
                )
            else:
                path[wanted] = iter(sources[wanted])
    return list(done)


def mapping(
    data: object,
    where: str | None,
    known: Sequence[str],
    needed: Sequence[str] = (),
) -> Mapping[str, Any]:
    """The mapping itself, if its keys are known and the needed ones are there."""
    if not isinstance(data, Mapping):
        raise SpecError(f"is {brief(data)}; a mapping is needed", where=where)
    for key in data:
        if key not in known:
            raise SpecError(
                f"unknown key {brief(key)}.{did_you_mean(str(key), known)}",
                where=where,
                hint=f"known: {', '.join(known)}",
            )
    for key in needed:
        if key not in data:
            raise SpecError(f"key {key!r} is missing", where=where)
    return data
