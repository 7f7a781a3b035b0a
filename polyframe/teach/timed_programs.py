"""The programs of one backend that are timed in one process: each different layer alone,
the frames, and the whole step."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from polyframe.contract.registry import get
from polyframe.contract.session import Native, PhasedSession
from polyframe.data.random_batches import batch
from polyframe.errors import UnsupportedError
from polyframe.io.array import Array
from polyframe.model.compile import compile as compile_model
from polyframe.model.model import Model
from polyframe.spec.losses import MSE, Loss, parse_losses
from polyframe.spec.model import ModelSpec
from polyframe.spec.recipe import Recipe, load_recipe
from polyframe.spec.settings import Training
from polyframe.teach.recipes import graph_of
from polyframe.teach.single_layers import (
    Layout,
    SingleLayer,
    frame,
    frames_of,
    single_layers,
)
from polyframe.train.arrays import as_one
from polyframe.train.feed import SampleWeighting, assemble_step

AT_LEAST, MOST_CALLS = 0.01, 500
"""Seconds that a measurement of one program lasts at least, and the most calls in it."""
WHOLE, FAST = "whole", "fast"
"""The whole step as the idiomatic program, and as the one that ``train`` runs."""


@dataclass(frozen=True)
class TimingSettings:
    """What is timed, and how; equal for all backends.

    ``recipe``: its plain data, of which model, loss, optimizer, dtype, semantics and
    training settings take part. ``device``: as ``compile`` takes it.
    """

    backend: str
    recipe: Mapping[str, Any]
    batch_size: int
    threads: int
    device: str = "cpu"

    @cached_property
    def trained(self) -> Recipe:
        """The recipe, each step of one batch."""
        return replace(load_recipe(self.recipe), accumulate=1)

    def to_data(self) -> dict[str, Any]:
        """Plain data."""
        return dataclasses.asdict(self)


def layers_of(recipe: Recipe, layout: Layout) -> dict[str, SingleLayer]:
    """Each layer of a recipe's network by its path, as it is in the first step."""
    graph, frozen = graph_of(recipe)
    return single_layers(graph, layout, frozen)


def layer_key(layer: SingleLayer) -> str:
    """Equal for layers that are timed once."""
    return f"{layer.spec.hash}{' frozen' * layer.frozen}"


class Timed:
    """An opened program with a batch on the device, and the calls that are timed."""

    def __init__(self, model: Model, losses: tuple[Loss, ...], batch_size: int) -> None:
        self.model = model
        graph, engine = model.graph, model.engine
        outputs = list(zip(graph.outputs, graph.output_shapes, strict=True))
        x, y = batch(graph.inputs, outputs, losses, batch_size, 0)
        checked = engine.check_batch((as_one(self.cast(x)), as_one(self.cast(y)), None))
        engine.adapt(checked.targets, False)
        assert isinstance(engine.session, PhasedSession)  # `require` has seen to it
        self.session = engine.session
        (part,) = assemble_step([checked], self.weighting, 0, 0)
        self.staged = engine.stage(part)
        calls = {"forward": self.forward, "gradients": self.gradients}
        self.calls = {name: (call, self.count(call)) for name, call in calls.items()}

    def cast(self, arrays: list[Array]) -> list[Array]:
        """Floats in the model's dtype."""
        dtype = self.model.dtype
        return [np.asarray(a, dtype if a.dtype.kind == "f" else None) for a in arrays]

    @property
    def weighting(self) -> SampleWeighting | None:
        """How samples are weighted, where the program takes weights."""
        engine = self.model.engine
        return engine.sample_weights_of if engine.weighted else None

    def forward(self) -> Native:
        """A forward pass in training mode."""
        return self.session.run_forward(self.staged)

    def gradients(self) -> Native:
        """A forward and a backward pass."""
        return self.session.run_gradients(self.staged)

    def step(self) -> Native:
        """A whole step."""
        return self.session.train(self.staged, self.model.learning_rate)[0]

    def with_step(self) -> Timed:
        """Time whole steps, too."""
        self.calls["step"] = self.step, self.count(self.step)
        return self

    def count(self, call: Callable[[], object]) -> int:
        """How many calls a measurement takes, after two that prepare the program."""
        self.seconds(call, 2)
        once = min(self.seconds(call, 1) for _ in range(3))
        return min(max(math.ceil(AT_LEAST / max(once, 1e-9)), 1), MOST_CALLS)

    def seconds(self, call: Callable[[], object], count: int) -> float:
        """Seconds of one call, the mean of ``count``."""
        self.session.wait()
        began = time.perf_counter()
        for _ in range(count):
            handle = call()
        self.session.read(handle)
        self.session.wait()
        took = (time.perf_counter() - began) / count
        self.session.forget()
        return took

    def round(self) -> dict[str, float]:
        """One measurement of each call."""
        return {name: self.seconds(*each) for name, each in self.calls.items()}


class TimedPrograms:
    """All programs of a backend. ``missing``: key → why there is no program of it."""

    def __init__(self, settings: TimingSettings) -> None:
        self.settings = settings
        self.missing: dict[str, str] = {}
        recipe = settings.trained
        losses = parse_losses(recipe.loss, recipe.model.graph.outputs)
        self.programs = {
            name: self.opened(
                recipe.model, losses, optimize, recipe.training
            ).with_step()
            for name, optimize in ((WHOLE, False), (FAST, True))
        }
        layout = get(settings.backend).layout
        found = layers_of(recipe, layout)
        layers = {layer_key(each): each for each in found.values()}
        shapes = frames_of([*layers.values()])
        specs = {key: (each.spec, each.frozen) for key, each in layers.items()}
        specs |= {str(shape): (frame(shape, layout), False) for shape in shapes}
        for key, (spec, frozen) in specs.items():
            freeze = ("layer",) if frozen else ()
            training = Training(precision=recipe.precision, freeze=freeze)
            try:
                self.programs[key] = self.opened(spec, (MSE(),), False, training)
            except UnsupportedError as error:
                self.missing[key] = str(error)

    def opened(
        self,
        spec: ModelSpec,
        losses: tuple[Loss, ...],
        optimize: bool,
        training: Training,
    ) -> Timed:
        """A program, run a few times."""
        recipe = self.settings.trained
        model = compile_model(
            spec, self.settings.backend, list(losses), recipe.optimizer,
            dtype=recipe.dtype, device=self.settings.device,
            semantics=recipe.semantics, optimize=optimize, **training.options(),
        )  # fmt: skip
        return Timed(model, losses, self.settings.batch_size)

    def facts(self) -> dict[str, int | str]:
        """The framework's version, its number of threads, the device."""
        timed = self.programs[WHOLE]
        return {**timed.session.facts(), "device": str(timed.model.device)}

    def round(self) -> dict[str, dict[str, float]]:
        """One measurement of each program, in turn."""
        return {key: timed.round() for key, timed in self.programs.items()}
