"""A model as a table of text: what each layer is, makes, holds and costs."""

from __future__ import annotations

import dataclasses
import math
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import zip_longest

from polyframe.spec.element import value_text
from polyframe.spec.fields import UNSET
from polyframe.spec.graph import Block, Graph
from polyframe.spec.layers.base import Layer, Shape
from polyframe.spec.lint import biases_before_norms, mistakes
from polyframe.spec.losses import Losses
from polyframe.spec.typed import TypedGraph, TypedNode

WIDTH = 100
LEGEND = """\
* not set in the spec: semantics=aligned takes this value on every backend,
  semantics=native takes each framework's own default."""


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the table, and the fields that stand below it."""

    path: str  # indented as blocks nest
    kind: str
    shape: Shape
    parameters: str = ""
    multiply_adds: str = ""
    details: str = ""


def summary(
    plain: Graph,
    graph: TypedGraph,
    spec_hash: str,
    natives: Mapping[str, Callable[[Shape], Shape]] | None = None,
    losses: Losses = (),
) -> str:
    """The table of a model's layers, totals, and notes (``losses``: of the outputs).

    ``natives`` maps a backend's name to its layout of a shape; each layout that differs
    from (N, C, H, W) gets a column of its own, headed by the backends that have it.
    A ``*`` marks a field that the spec leaves UNSET, with the value it resolves to.
    """
    rows = [Row(name, "Input", shape) for name, shape in graph.inputs]
    rows += rows_of(graph, plain, "")
    neutral = tuple(shape_text(row.shape) for row in rows)
    layouts: dict[tuple[str, ...], list[str]] = {neutral: []}
    for name, native in (natives or {}).items():
        column = tuple(shape_text(native(row.shape)) for row in rows)
        layouts.setdefault(column, []).append(name)
    columns: list[tuple[str, tuple[str, ...]]] = [
        ("Layer", tuple(row.path for row in rows)),
        ("Type", tuple(row.kind for row in rows)),
        *((f"Output\n{', '.join(names)}", cells) for cells, names in layouts.items()),
        ("Parameters", tuple(row.parameters for row in rows)),
        ("Multiply-\nadds", tuple(row.multiply_adds for row in rows)),
    ]
    inputs = ", ".join(f"{name} {shape_text(shape)}" for name, shape in graph.inputs)
    outputs = ", ".join(map(shape_text, graph.output_shapes))
    lines = [f"{graph.name}: {inputs} → {outputs}", ""]
    lines += [
        *table(columns, [row.details for row in rows]),
        "",
        *totals(graph, spec_hash),
    ]
    lines += [LEGEND] * any("*" in row.details for row in rows)
    serious = wrapped(f"note: {text}" for text in mistakes(graph, losses))
    return "\n".join(lines + serious + notes(graph))


def notes(graph: TypedGraph) -> list[str]:
    """What deserves a look and hinders no training; of many such things the first."""
    texts = biases_before_norms(graph)
    more = [f"note: {len(texts) - 1} more like this"] * (len(texts) > 1)
    return wrapped([f"note: {text}" for text in texts[:1]] + more)


def wrapped(lines: Iterable[str]) -> list[str]:
    """Long lines as several."""
    return [part for line in lines for part in textwrap.wrap(line, WIDTH)]


def rows_of(typed: TypedGraph, graph: Graph, indent: str) -> Iterator[Row]:
    """A graph's rows in the order in which they run; blocks are opened."""
    for node, plain in zip(typed.nodes, graph.nodes, strict=True):
        path, given = indent + node.path, plain.layer
        kind = given.kind if isinstance(given, Block) else given.type
        if node.shared:
            note = f"the layer and the weights of {node.owner}"
            yield Row(path, kind, node.shape, "shared", number(cost(node)), note)
        elif isinstance(given, Block) and node.body is not None:
            yield Row(path, f"{kind}:", node.shape)
            yield from rows_of(node.body, given.graph, indent + "  ")
        else:
            count = number(sum(math.prod(p.shape) for p in node.parameters.values()))
            fields = fields_text(given, node.layer)
            yield Row(path, kind, node.shape, count, number(cost(node)), fields)


def cost(node: TypedNode) -> int:
    """Multiply-adds of one sample, of all that is in a block."""
    if node.body is not None:
        return sum(map(cost, node.body.nodes))
    return node.layer.multiply_adds(*node.in_shapes)


def fields_text(given: Layer, resolved: Layer) -> str:
    """``channels=32, eps=1e-05*``: fields that are set, and (*) what UNSET became."""
    texts = {name: value_text(value) for name, value in given.written().items()}
    for field in dataclasses.fields(given):
        if getattr(given, field.name) is UNSET:
            texts[field.name] = value_text(getattr(resolved, field.name)) + "*"
    return ", ".join(f"{name}={text}" for name, text in texts.items())


def table(columns: list[tuple[str, tuple[str, ...]]], details: list[str]) -> list[str]:
    """Aligned lines: the last two columns to the right, details below their row."""
    heads = list(zip_longest(*(head.split("\n") for head, _ in columns), fillvalue=""))
    cells = [*heads, *zip(*(cells for _, cells in columns), strict=True)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    sides = [str.ljust] * (len(columns) - 2) + [str.rjust] * 2

    def line(texts: tuple[str, ...]) -> str:
        padded = zip(sides, texts, widths, strict=True)
        return "  ".join(side(text, width) for side, text, width in padded).rstrip()

    lines = [*map(line, heads), line(tuple("─" * width for width in widths))]
    indent = " " * (widths[0] + 4)
    for texts, detail in zip(cells[len(heads) :], details, strict=True):
        lines.append(line(texts))
        lines += textwrap.wrap(
            detail, max(WIDTH, len(indent) + 40),
            initial_indent=indent, subsequent_indent=indent,
        )  # fmt: skip
    return lines


def totals(graph: TypedGraph, spec_hash: str) -> Iterator[str]:
    """The lines below the table."""
    count = sum(math.prod(p.shape) for p in graph.parameters.values())
    state = count - graph.num_parameters
    yield f"Trainable parameters:       {graph.num_parameters:,}"
    yield f"State (running statistics): {state:,}"
    yield f"Weights in float32:         {4 * count / 2**20:,.3f} MiB"
    yield f"Multiply-adds a sample:     {sum(map(cost, graph.nodes)):,}"
    yield f"Hash:                       {spec_hash}"


def number(value: int) -> str:
    """``1,234``; nothing for 0."""
    return f"{value:,}" if value else ""


def shape_text(shape: Shape) -> str:
    """``(N, 16, 8, 8)``."""
    return f"({', '.join(('N', *map(str, shape)))})"
