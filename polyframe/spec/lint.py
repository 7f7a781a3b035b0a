"""What is allowed in a spec, and most likely not meant."""

from __future__ import annotations

from polyframe.spec.layers.batch_norm import BatchNorm
from polyframe.spec.typed import TypedGraph, flatten


def lint(graph: TypedGraph) -> tuple[str, ...]:
    """A sentence for each thing that deserves a look."""
    return tuple(biases_before_norms(graph))


def biases_before_norms(graph: TypedGraph) -> list[str]:
    """Biases that a batch norm alone sees. It subtracts the mean of each channel, and
    the bias with it: its gradient is zero but for rounding (Ioffe & Szegedy 2015,
    section 3.2), which an optimizer like Adam turns into full steps."""
    flat = flatten(graph)
    users = flat.users()
    notes = []
    for node in flat.nodes:
        readers = users.get(node.name, [])
        if (
            node.layer.out_axis is not None
            and "bias" in node.parameters
            and node.name not in flat.outputs
            and readers
            and all(isinstance(reader.layer, BatchNorm) for reader in readers)
        ):
            notes.append(
                f"{node.name} has a bias that {readers[0].name} subtracts again: its "
                "gradient is rounding, which Adam turns into full steps; bias=False "
                "leaves it out"
            )
    return notes
