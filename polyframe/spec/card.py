"""A model as it shows itself in a notebook: a table of layers, its blocks folded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from polyframe.io import cards
from polyframe.spec.graph import Graph
from polyframe.spec.lint import lint
from polyframe.spec.summary import SHARED, Row, all_rows, facts_of, head, shape_text
from polyframe.spec.typed import TypedGraph

HEADS = ("Layer", "Type", "Output", "Parameters", "Multiply-adds")
MOST_NOTES = 3
"""The most notes that are shown; the summary has all of them."""


def card(plain: Graph, graph: TypedGraph, spec_hash: str) -> cards.Card:
    """What a spec shows: layers with shapes and parameters, totals, and what is most
    likely not meant (``spec.lint``)."""
    found = lint(graph, ())
    notes = [f"Note: {text}" for text in found[:MOST_NOTES]]
    if len(found) > MOST_NOTES:
        notes.append(f"{len(found) - MOST_NOTES} more notes are in spec.lint().")
    return cards.Card(
        head(graph),
        facts=facts_of(graph, spec_hash),
        sentences=notes,
        table=cards.Table(HEADS, tuple(folded(all_rows(graph, plain)))),
    )


def folded(rows: Iterable[Row]) -> Iterator[cards.Row]:
    """The rows of the summary as those of a card."""
    for row in rows:
        shared = row.parameters == SHARED
        cells = (
            row.path,
            f"{row.kind} ({SHARED})" if shared else row.kind,
            shape_text(row.shape),
            "" if shared else row.parameters,
            row.multiply_adds,
        )
        yield cards.Row(cells, tuple(folded(row.inside)))
