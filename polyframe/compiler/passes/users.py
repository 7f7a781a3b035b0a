"""Who reads a node's value, and who else calls its layer."""

from __future__ import annotations

from polyframe.spec.typed import TypedGraph, TypedNode


def only_user(
    node: TypedNode, users: dict[str, list[TypedNode]], graph: TypedGraph
) -> TypedNode | None:
    """The single node that reads this one, if nothing else sees its value."""
    readers = users.get(node.name, [])
    if len(readers) != 1 or node.name in graph.outputs:
        return None
    return readers[0] if len(readers[0].inputs) == 1 else None


def called_once(graph: TypedGraph) -> set[str]:
    """The layers (by their owners' paths) that one node alone calls."""
    counts: dict[str, int] = {}
    for node in graph.nodes:
        counts[node.owner] = counts.get(node.owner, 0) + 1
    return {owner for owner, count in counts.items() if count == 1}
