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
from polyframe.spec.layers.base import Layer, Parameter, Shape
from polyframe.spec.lint import biases_before_norms, mistakes
from polyframe.spec.losses import Losses
from polyframe.spec.typed import TypedGraph, TypedNode

WIDTH = 100
SHARED = "shared"
"""What stands in place of the parameters of a layer that another node made."""
LEGEND = """\
* not set in the spec: semantics=aligned takes this value on every backend,
  semantics=native takes each framework's own default."""


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the table, and the fields that stand below it. ``inside`` are the rows
    of a block."""

    path: str
    kind: str
    shape: Shape
    parameters: str = ""
    multiply_adds: str = ""
    details: str = ""
    inside: tuple[Row, ...] = ()


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
    rows = list(opened(all_rows(graph, plain)))
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
    lines = [
        head(graph),
        "",
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


def all_rows(graph: TypedGraph, plain: Graph) -> list[Row]:
    """A model's inputs and layers; those in a block are inside its row."""
    inputs = [Row(name, "Input", shape) for name, shape in graph.inputs]
    return [*inputs, *rows_of(graph, plain)]


def rows_of(typed: TypedGraph, graph: Graph) -> Iterator[Row]:
    """A graph's rows in the order in which they run."""
    for node, plain in zip(typed.nodes, graph.nodes, strict=True):
        path, given, adds = node.path, plain.layer, number(cost(node))
        kind = given.kind if isinstance(given, Block) else given.type
        if node.shared:
            note = f"the layer and the weights of {node.owner}"
            yield Row(path, kind, node.shape, SHARED, adds, note)
        elif isinstance(given, Block) and node.body is not None:
            count = number(size(node.body.parameters.values()))
            inside = tuple(rows_of(node.body, given.graph))
            yield Row(path, kind, node.shape, count, adds, inside=inside)
        else:
            count = number(size(node.parameters.values()))
            fields = fields_text(given, node.layer)
            yield Row(path, kind, node.shape, count, adds, fields)


def opened(rows: Iterable[Row], indent: str = "") -> Iterator[Row]:
    """The same with the rows of blocks below them, indented; a block has no numbers of
    its own then."""
    for row in rows:
        path = indent + row.path
        if not row.inside:
            yield dataclasses.replace(row, path=path)
            continue
        yield Row(path, f"{row.kind}:", row.shape)
        yield from opened(row.inside, indent + "  ")


def size(parameters: Iterable[Parameter]) -> int:
    """How many numbers parameters hold."""
    return sum(math.prod(parameter.shape) for parameter in parameters)


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
    facts = facts_of(graph, spec_hash)
    width = max(map(len, facts)) + 2
    yield from (f"{name}:".ljust(width) + value for name, value in facts.items())


def facts_of(graph: TypedGraph, spec_hash: str) -> dict[str, str]:
    """What is said of a whole model, by name."""
    count = size(graph.parameters.values())
    return {
        "Trainable parameters": f"{graph.num_parameters:,}",
        "State (running statistics)": f"{count - graph.num_parameters:,}",
        "Weights in float32": f"{4 * count / 2**20:,.3f} MiB",
        "Multiply-adds a sample": f"{sum(map(cost, graph.nodes)):,}",
        "Hash": spec_hash,
    }


def head(graph: TypedGraph) -> str:
    """``small_cnn: x (N, 1, 8, 8) → (N, 10)``."""
    inputs = ", ".join(f"{name} {shape_text(shape)}" for name, shape in graph.inputs)
    return f"{graph.name}: {inputs} → {', '.join(map(shape_text, graph.output_shapes))}"


def number(value: int) -> str:
    """``1,234``; nothing for 0."""
    return f"{value:,}" if value else ""


def shape_text(shape: Shape) -> str:
    """``(N, 16, 8, 8)``."""
    return f"({', '.join(('N', *map(str, shape)))})"
