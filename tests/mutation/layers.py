"""Layers: all examples of a form in one program, held against the one as written."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
from helpers.programs import step_of, write

import polyframe as pf
from polyframe.compiler.table import Target
from polyframe.conformance.cases import batch_for, examples, form_of, spec_around
from polyframe.conformance.layers import defined_outputs, distance_and_bound
from polyframe.conformance.measurements import (
    DIFFERENCES,
    FLOAT32,
    FORWARD,
    HALF_A_UNIT,
    distance,
)
from polyframe.contract import registry
from polyframe.randomness import generator
from polyframe.spec.layers.base import Layer
from polyframe.spec.sampling import initial_weights
from polyframe.train.batch_staging import Stager
from polyframe.train.feed import HostBatch, assemble_step

from .unit import differ, forget, mutated


@cache
def layer_cases(unit):
    target = Target(unit.dtype, semantics=unit.semantics)
    return [
        case
        for case in examples(unit.entry)
        if form_of(unit.backend, case, target, unit.form) == unit.form
    ]


def layer_program(unit):
    spec = spec_around(layer_cases(unit))
    step = step_of(spec, unit.backend, "mse", pf.SGD(lr=0.0))
    forms = {unit.entry: unit.form}
    return write(
        spec, unit.backend, optimize=False, step=step, dtype=unit.dtype, forms=forms,
        semantics=unit.semantics,
    )  # fmt: skip


def case_of(name):
    """The number of the case that a parameter belongs to."""
    return re.match(r"i[nt](\d+)", name)[1]


def layer_sources(unit):
    program = layer_program(unit)
    return [(program.source, [program.entry])]


class LayerRunner:
    """All examples of a form, in one program."""

    def __init__(self, unit):
        self.unit, self.program = unit, layer_program(unit)
        self.backend = registry.get(unit.backend)
        self.backend.probe()
        spec = spec_around(layer_cases(unit))
        defaults = self.backend.defaults if unit.semantics == "native" else {}
        self.graph = spec.infer(defaults)
        self.target = Target(unit.dtype, semantics=unit.semantics)
        self.device = self.backend.resolve_device("cpu")
        weights = initial_weights(self.graph.parameters, 0, "float64")
        for name, value in weights.items():
            moved = value + generator(3, name).uniform(0.1, 0.5, value.shape)
            weights[name] = moved.astype(unit.dtype)
        self.weights = weights
        large = (
            unit.dtype == "float64"
            or Layer.find(unit.entry).__module__ == pf.ReLU.__module__
        )
        self.x, self.y = batch_for(spec, dtype=unit.dtype, wide=large)
        self.stager = Stager(self.graph, 0, unit.dtype)
        self.trained = {}
        self.kept = [n for n, p in self.graph.parameters.items() if not p.trainable]
        self.wanted = dict(self.stages(self.program))
        self.bounds = self.errors() if unit.dtype == "float32" else {}
        for stage, value in self.stages(self.program):
            assert self.apart(stage, value) is None, f"{unit}: cannot be repeated"

    def errors(self):
        """Output → (the definition's, what it may err by), for each mode."""
        bounds = {}
        for training in (False, True):
            draws = self.stager.draws(self.session(self.program), len(self.x[0]), 0)
            options = {"training": training}
            if training:
                options["draws"] = dict(zip(self.program.draws, draws, strict=True))
            (wanted, _), (written, _) = defined_outputs(
                self.graph, self.weights, self.x, **options
            )
            bounds[training] = {
                name: (
                    wanted[name],
                    FLOAT32.value
                    * max(distance(written[name], wanted[name]), HALF_A_UNIT),
                )
                for name in self.graph.outputs
            }
        return bounds

    def session(self, program):
        """A program with a step, opened."""
        shapes = [shape for _, shape in self.graph.inputs]
        session = self.backend.open_training(program, self.target, self.device, shapes)
        session.set_weights(self.weights)
        return session

    def stages(self, program):
        """What a program computes, in the order in which it is quick to know."""
        session = self.session(program)
        x = session.arrange(self.x)
        for training in (False, True):
            session.seed(7)
            draws = (
                session.arrange(self.stager.draws(session, len(self.x[0]), 0))
                if self.program.draws
                else []
            )
            values = session.forward(x, draws, training)
            yield training, dict(zip(self.graph.outputs, values, strict=True))
        if self.unit.backend == "tensorflow":  # Keras: without a mode it is inference
            session.set_weights(self.weights)
            values = session.native(*session.tensors(x))
            values = values if isinstance(values, (list, tuple)) else [values]
            values = map(session.read, values)
            yield False, dict(zip(self.graph.outputs, values, strict=True))
        session.set_weights(self.weights)
        part = HostBatch(tuple(self.x), tuple(self.y), None)
        (batch,) = assemble_step([part], None, 0, 0)
        staged = self.stager.stage(session, batch, self.graph)
        session.seed(7)
        if self.unit.dtype == "float32":
            session.read(session.train(staged, 1e-2)[0])
            values = session.forward(x, [], False)
            yield (
                "definition",
                (
                    session.weights(),
                    dict(zip(self.graph.outputs, values, strict=True)),
                ),
            )
            return
        yield "gradients", session.loss_and_gradients(staged)[2]
        session.set_weights(self.weights)
        session.seed(7)
        session.read(session.train(staged, 1e-2)[0])
        weights = session.weights()
        yield "statistics", {name: weights[name] for name in self.kept}
        session.set_weights({n: w for n, w in weights.items() if n in self.kept})
        values = session.forward(x, draws, False)  # shows what else was trained
        yield "after a step", dict(zip(self.graph.outputs, values, strict=True))

    def apart(self, stage, values):
        wanted = self.wanted[stage]
        if stage == "gradients":
            scales = {}
            for name, value in wanted.items():
                size = np.abs(value).max(initial=0)
                scales[case_of(name)] = max(scales.get(case_of(name), 0.0), size)
            for name, value in wanted.items():
                away = np.abs(values[name] - value).max(initial=0)
                if not away <= DIFFERENCES.value * scales[case_of(name)]:
                    return name
            return None
        if stage == "definition":
            return self.hidden(*values)
        if self.bounds and stage in (True, False):
            for name, (exact, bound) in self.bounds[stage].items():
                if not distance(values[name], exact) <= bound:
                    return name
            return None
        return differ(values, wanted, distance, FORWARD.value)

    def hidden(self, weights, outputs):
        """The first output that is not the definition's at the weights that are named."""
        (wanted, _), (written, _) = defined_outputs(self.graph, weights, self.x)
        for name in self.kept:  # the definition of statistics is the suite's to know
            value = self.trained.setdefault(name, weights[name])
            if not distance(weights[name], value) <= FLOAT32.value * HALF_A_UNIT:
                return name
        for name, value in outputs.items():
            apart, bound = distance_and_bound(
                value, wanted[name], written[name], "float32"
            )
            if not apart <= bound.value:
                return name
        return None

    def check(self, mutant):
        program = mutated(self.program, mutant)
        try:
            for stage, values in self.stages(program):
                where = self.apart(stage, values)
                if where is not None:
                    return f"{stage}: {where}"
        finally:
            forget(program)
        return None
