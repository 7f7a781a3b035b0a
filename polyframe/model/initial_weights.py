"""The weights that a model begins with."""

from __future__ import annotations

from polyframe.compiler.table import Target
from polyframe.contract.session import InferenceSession
from polyframe.randomness import framework_seed
from polyframe.spec.model import ModelSpec
from polyframe.spec.sampling import initial_weights, unset_weights
from polyframe.spec.typed import TypedGraph


def set_initial_weights(
    session: InferenceSession,
    spec: ModelSpec,
    graph: TypedGraph,
    target: Target,
    seed: int,
) -> None:
    """Give a session's weights their first values: polyframe draws them, and with native
    ``initializer`` the framework draws those that the spec says nothing of."""
    weights = initial_weights(graph.parameters, seed, target.dtype)
    if target.native("initializer") and session.draw_weights(framework_seed(seed)):
        for name in unset_weights(spec, graph):
            del weights[name]
    session.set_weights(weights)
