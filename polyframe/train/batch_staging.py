"""Staging a batch for a session: random numbers, order of axes, device."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from polyframe.contract.session import InferenceSession, StagedBatch, TrainingSession
from polyframe.errors import PolyframeError
from polyframe.io.array import Array
from polyframe.spec.layers import BatchNorm
from polyframe.spec.sampling import draw
from polyframe.spec.typed import TypedGraph, TypedNode, flatten
from polyframe.train.feed import Batch


@dataclass(frozen=True)
class Stager:
    """Puts batches on a session's device, with the random numbers of their step."""

    graph: TypedGraph
    seed: int
    dtype: str

    def stage(
        self, session: TrainingSession, batch: Batch, graph: TypedGraph
    ) -> StagedBatch:
        """A batch with the random numbers of its step; PolyframeError for one that the
        session's ``graph``, as it is after so many epochs, cannot be trained on."""
        if batch.size == 1:
            check_single(graph)
        arrange, part = session.arrange, batch.part
        draws = self.draws(session, batch.size, batch.step, batch.first)
        return session.stage(
            part.inputs if part.arranged else arrange(part.inputs),
            [t if t.dtype.kind in "iu" else arrange([t])[0] for t in part.targets],
            batch.weights,
            arrange(draws),
            batch.count,
        )

    def draws(
        self, session: InferenceSession, count: int, step: int, first: int = 0
    ) -> list[Array]:
        """The random layers' numbers for samples ``first`` to ``first + count -
        1`` of a step, in the program's order."""
        return [
            draw(
                self._random[path].layer,
                self._random[path].in_shapes,
                (self.seed, "draw", step, path),
                first,
                count,
                self.dtype,
            )
            for path in session.program.draws
        ]

    @cached_property
    def _random(self) -> dict[str, TypedNode]:
        nodes = flatten(self.graph).nodes
        return {node.path: node for node in nodes if node.layer.random}


def check_single(graph: TypedGraph) -> None:
    """PolyframeError where a batch norm would normalise by one value."""
    for node in graph.walk():
        if (
            isinstance(node.layer, BatchNorm)
            and np.prod(node.shape[1:]) == 1
            and not node.fixed
        ):
            raise PolyframeError(
                "batch norm needs more than one value per channel to train on, "
                "and this batch has one sample",
                where=node.path,
                hint="drop_last, or a batch size that leaves no single sample over",
            )
