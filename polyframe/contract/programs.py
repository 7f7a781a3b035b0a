"""The programs of a spec: for training, for inference, and for looking inside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from polyframe.compiler.passes import (
    INFERENCE,
    PLAIN,
    TRAINING,
    folded_weights,
    rewrite,
)
from polyframe.compiler.program import Program
from polyframe.compiler.table import Target
from polyframe.compiler.training import TrainingSpec
from polyframe.contract.backend import Backend
from polyframe.contract.registry import require
from polyframe.errors import SpecError
from polyframe.io.array import Array
from polyframe.spec.losses import Losses, parse_losses
from polyframe.spec.model import ModelSpec
from polyframe.spec.optimizers import Optimizer
from polyframe.spec.semantics import Semantics, own_defaults, rewrites
from polyframe.spec.settings import Training
from polyframe.spec.typed import TypedGraph, with_fixed_statistics


def write_programs(
    spec: ModelSpec,
    backend: Backend,
    step: TrainingSpec | None,
    target: Target,
    optimize: bool,
    epoch: int = 0,
) -> tuple[Program, TypedGraph]:
    """The program of a spec, as it trains after that many epochs, and the typed graph it
    was written from; no framework is needed for that. Its weights are the spec's.
    ``optimize`` has no effect with native semantics."""
    graph = infer(spec, backend, target.semantics)
    if step is not None:
        step = step.at_epoch(graph, epoch)
        fixed = step.training.fixed(graph.parameters)
        if fixed:
            require(backend, "frozen_statistics", where="freeze_statistics")
        graph = with_fixed_statistics(graph, fixed)
    passes = TRAINING if target.training else PLAIN
    optimize = optimize and rewrites(target.semantics)
    rewritten = rewrite(graph, passes) if optimize else graph
    return backend.write(rewritten, replace(target, optimize=optimize), step), graph


@dataclass(frozen=True)
class Inference:
    """The program that predicts, what it was written for, and from which graph."""

    program: Program
    target: Target
    graph: TypedGraph

    def weights(self, weights: Mapping[str, Array]) -> dict[str, Array]:
        """The program's weights from the spec's: those of batch norms are folded in."""
        return folded_weights(self.graph, weights)


def write_inference(
    spec: ModelSpec, backend: Backend, target: Target, optimize: bool
) -> Inference:
    """The program of a spec that predicts and does nothing else."""
    optimize = optimize and rewrites(target.semantics)
    target = replace(target, training=False, optimize=optimize)
    graph = infer(spec, backend, target.semantics)
    if optimize:
        graph = rewrite(graph, INFERENCE)
    return Inference(backend.write(graph, target, None), target, graph)


def infer(spec: ModelSpec, backend: Backend, semantics: Semantics) -> TypedGraph:
    """The typed graph, with those defaults of the backend's own that semantics takes."""
    return spec.infer(own_defaults(backend.defaults, semantics))


def make_step(
    spec: ModelSpec,
    backend: Backend,
    loss: object,
    optimizer: Optimizer,
    training: Training,
    semantics: Semantics,
) -> TrainingSpec | None:
    """What training adds to a spec; None without a loss, SpecError if it does not fit
    the outputs."""
    if loss is None:
        return None
    defaults = own_defaults(backend.defaults, semantics)
    graph = spec.infer(defaults)
    losses: Losses = parse_losses(loss, graph.outputs)
    for each, shape in zip(losses, graph.output_shapes, strict=True):
        each.check(shape)
    if not any(each.loss_weight for each in losses):
        raise SpecError("every loss_weight is 0", where="loss")
    if graph.num_parameters:
        training.check_parameters(graph.parameters)
    if training.multiplies:
        require(backend, "parameter_groups", where="learning_rate_multipliers")
    return TrainingSpec(
        tuple(each.resolve(defaults) for each in losses),
        optimizer.resolve(defaults),
        training,
        weighted=any(each.has_denominator_weights for each in losses),
    )
