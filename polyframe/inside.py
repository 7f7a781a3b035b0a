"""Looking inside a model: programs without rewrites, whose nodes can all be seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from polyframe.backend import Backend, Session
from polyframe.compiler.modules import program_errors
from polyframe.compiler.program import Program
from polyframe.compiler.steps import Step
from polyframe.compiler.table import Target
from polyframe.programs import write_programs
from polyframe.spec.graph import ModelSpec
from polyframe.spec.settings import Training
from polyframe.spec.typed import TypedGraph, flatten
from polyframe.staging import Stager
from polyframe.train.feed import Batch


@dataclass
class Inspector:
    """The sessions that ``gradients`` and ``activations`` run, made on first use.

    None of them trains, so looking changes no state.
    """

    spec: ModelSpec
    graph: TypedGraph
    backend: Backend
    target: Target
    open: Callable[[Program, Target], Session]
    stager: Stager
    _plain: dict[Step, Session] = field(default_factory=dict)
    _tapped: dict[bool, tuple[Session, list[str]]] = field(default_factory=dict)

    def gradients(
        self, step: Step, batch: Batch, weights: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """The gradients of a batch's loss at those weights."""
        session = self.plain(step)
        session.set_weights(weights)
        with program_errors(self.spec.name, self.backend.title):
            return session.loss_and_gradients(self.stager.stage(session, batch))[2]

    def activations(
        self,
        inputs: Sequence[np.ndarray],
        training: bool,
        weights: Mapping[str, np.ndarray],
        number: int,
    ) -> dict[str, np.ndarray]:
        """Every node's output for arranged inputs, with the draws of that step."""
        session, names = self.taps(training)
        session.set_weights(weights)
        draws = self.stager.draws(session, len(inputs[0]), number)
        with program_errors(self.spec.name, self.backend.title):
            outputs = session.forward(inputs, session.arrange(draws), training)
        return dict(zip(names, outputs, strict=True))

    def plain(self, step: Step) -> Session:
        """The training program without rewrites, nothing frozen or clipped."""
        bare = replace(step, training=Training())
        if bare not in self._plain:
            program, _ = write_programs(
                self.spec, self.backend, bare, self.target, False
            )
            self._plain[bare] = self.open(program, self.target)
        return self._plain[bare]

    def taps(self, training: bool) -> tuple[Session, list[str]]:
        """The program without rewrites and blocks whose outputs are all nodes, and
        their names."""
        if training not in self._tapped:
            flat = flatten(self.graph)
            names = [node.name for node in flat.nodes]
            flat = replace(flat, outputs=tuple(names))
            target = replace(self.target, training=training)
            program = self.backend.write(flat, target, None)
            self._tapped[training] = self.open(program, target), names
        return self._tapped[training]
