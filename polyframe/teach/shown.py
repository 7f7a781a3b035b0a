"""Programs as they are shown: what was written for a backend, and what it says of whom.

Writing needs no framework.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from polyframe.compiler.program import Program
from polyframe.compiler.table import OptimizerView, Target, choose
from polyframe.compiler.training import TrainingSpec
from polyframe.contract import registry
from polyframe.contract.backend import Backend
from polyframe.contract.programs import (
    infer,
    make_step,
    write_inference,
    write_programs,
)
from polyframe.spec.model import ModelSpec
from polyframe.spec.recipe import Recipe
from polyframe.spec.semantics import Semantics
from polyframe.spec.typed import TypedGraph, TypedNode, flatten


@dataclass(frozen=True)
class Shown:
    """The program of one backend, and what it was written from.

    - ``spec``: the network;
    - ``graph``: the same with shapes, before rewrites, with this backend's defaults where
      semantics take them;
    - ``step``: what training adds; None for a program that predicts;
    - ``inference``: whether it was asked for as a program that predicts.
    """

    spec: ModelSpec
    backend: Backend
    program: Program
    graph: TypedGraph
    target: Target
    step: TrainingSpec | None
    inference: bool

    @property
    def name(self) -> str:
        """The backend's name, ``torch``."""
        return self.backend.name

    @property
    def title(self) -> str:
        """The framework's name for people, ``PyTorch``."""
        return self.backend.title

    @cached_property
    def flat(self) -> TypedGraph:
        """The graph without blocks."""
        return flatten(self.graph)

    @property
    def optimizer_form(self) -> str:
        """The name of the form of the optimizer; "" without one."""
        if self.step is None:
            return ""
        view = OptimizerView(self.step.optimizer, self.target, self.step.training)
        form = choose(self.backend.entries, view)
        return form if isinstance(form, str) else form.name


def write_shown(
    recipe: Recipe,
    names: Sequence[str],
    *,
    semantics: Semantics | None = None,
    optimize: bool = False,
    inference: bool = False,
) -> tuple[Shown, ...]:
    """The programs of a recipe's model for these backends, each once.

    ``semantics`` replaces the recipe's. ``optimize``: with rewrites, as `train` runs it.
    ``inference``: the program that predicts, which is the only one of a backend that
    cannot train. UnsupportedError lists what a backend cannot write.
    """
    if semantics is None:
        semantics = recipe.semantics
    target = Target(recipe.dtype, "cpu", semantics, precision=recipe.precision)
    shown = []
    for name in dict.fromkeys(names):
        backend = registry.get(name)
        if semantics != "aligned":
            registry.require(backend, "native_semantics", where="semantics")
        alone = inference or "train" not in backend.abilities
        if alone:
            graph = infer(recipe.model, backend, semantics)
            made = write_inference(recipe.model, backend, target, optimize)
            shown.append(
                Shown(
                    recipe.model, backend, made.program, graph, made.target, None, alone
                )
            )
            continue
        step = make_step(
            recipe.model, backend, recipe.loss, recipe.optimizer, recipe.training,
            semantics,
        )  # fmt: skip
        program, graph = write_programs(recipe.model, backend, step, target, optimize)
        shown.append(Shown(recipe.model, backend, program, graph, target, step, alone))
    return tuple(shown)


def walk(graph: TypedGraph) -> list[TypedNode]:
    """All nodes of a graph in order, each block before what is in it."""
    nodes: list[TypedNode] = []
    for node in graph.nodes:
        nodes.append(node)
        if node.body is not None:
            nodes += walk(node.body)
    return nodes
