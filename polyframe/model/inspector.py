"""Looking inside a model: programs without rewrites, whose nodes can all be seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from polyframe.compiler.passes.probes import with_probes
from polyframe.compiler.program import Program
from polyframe.compiler.table import Target
from polyframe.compiler.training import TrainingSpec
from polyframe.contract.backend import Backend
from polyframe.contract.modules import program_errors
from polyframe.contract.session import InferenceSession, TrainingSession
from polyframe.io.array import Array
from polyframe.spec.model import ModelSpec
from polyframe.spec.sampling import initial_weights
from polyframe.spec.settings import Training
from polyframe.spec.typed import TypedGraph, flatten
from polyframe.train.batch_staging import Stager
from polyframe.train.feed import Batch

Probed = tuple[TrainingSession, TypedGraph, dict[str, str]]
"""A session, its graph, and node → the probe after it."""


@dataclass
class Inspector:
    """The sessions that ``gradients`` and ``activations`` run, made on first use.

    None of them trains, so they change no state of the model.
    """

    spec: ModelSpec
    graph: TypedGraph
    backend: Backend
    target: Target
    open_inference: Callable[[Program, Target], InferenceSession]
    open_training: Callable[[Program, Target], TrainingSession]
    stager: Stager
    _plain: dict[TrainingSpec, TrainingSession] = field(default_factory=dict)
    _probed: dict[TrainingSpec, Probed] = field(default_factory=dict)
    _tapped: dict[bool, tuple[InferenceSession, list[str]]] = field(
        default_factory=dict
    )

    def gradients(
        self, step: TrainingSpec, batch: Batch, weights: Mapping[str, Array]
    ) -> dict[str, Array]:
        """The gradients of a batch's loss at those weights."""
        session = self.plain(step)
        session.set_weights(weights)
        with program_errors(self.spec.name, self.backend.title):
            staged = self.stager.stage(session, batch, self.graph)
            return session.loss_and_gradients(staged)[2]

    def activations(
        self,
        inputs: Sequence[Array],
        training: bool,
        weights: Mapping[str, Array],
        number: int,
    ) -> dict[str, Array]:
        """Every node's output for arranged inputs, with the random numbers of that step."""
        session, names = self.taps(training)
        session.set_weights(weights)
        draws = self.stager.draws(session, len(inputs[0]), number)
        with program_errors(self.spec.name, self.backend.title):
            outputs = session.forward(inputs, session.arrange(draws), training)
        return dict(zip(names, outputs, strict=True))

    def output_gradients(
        self, step: TrainingSpec, batch: Batch, weights: Mapping[str, Array]
    ) -> dict[str, Array]:
        """The gradient of a batch's loss with respect to every node's output (and every
        input), summed over the samples; by a shift of zeros after each, which changes no
        value."""
        session, graph, names = self.probed(step)
        own = initial_weights(
            {n: p for n, p in graph.parameters.items() if n not in weights},
            0,
            "float64",
        )
        own = {n: w.astype(self.target.dtype) for n, w in own.items()}
        session.set_weights({**weights, **own})
        with program_errors(self.spec.name, self.backend.title):
            staged = self.stager.stage(session, batch, self.graph)
            gradients = session.loss_and_gradients(staged)[2]
        shapes = {**dict(graph.inputs), **{n.name: n.shape for n in graph.nodes}}
        return {
            name: gradients[f"{probe}.bias"].reshape(shapes[name])
            for name, probe in names.items()
        }

    def probed(self, step: TrainingSpec) -> Probed:
        """The training program without rewrites and blocks, a probe after every node;
        its graph; and the names of the probes."""
        bare = replace(step, training=Training())
        if bare not in self._probed:
            graph, names = with_probes(flatten(self.graph))
            program = self.backend.write(graph, self.target, bare)
            session = self.open_training(program, self.target)
            self._probed[bare] = session, graph, names
        return self._probed[bare]

    def plain(self, step: TrainingSpec) -> TrainingSession:
        """The training program without rewrites, nothing clipped and all weights trained;
        batch norms that are frozen keep their statistics."""
        bare = replace(step, training=Training())
        if bare not in self._plain:
            program = self.backend.write(self.graph, self.target, bare)
            self._plain[bare] = self.open_training(program, self.target)
        return self._plain[bare]

    def taps(self, training: bool) -> tuple[InferenceSession, list[str]]:
        """The program without rewrites and blocks whose outputs are all nodes, and
        their names."""
        if training not in self._tapped:
            flat = flatten(self.graph)
            names = [node.name for node in flat.nodes]
            flat = replace(flat, outputs=tuple(names))
            target = replace(self.target, training=training)
            program = self.backend.write(flat, target, None)
            self._tapped[training] = self.open_inference(program, target), names
        return self._tapped[training]
