"""Losses: every option on every shape, values and gradients."""

from __future__ import annotations

from functools import cache

from helpers.loss_cases import RUNS
from helpers.programs import step_of, write

import polyframe as pf
from polyframe.conformance.losses import (
    COUNT,
    WEIGHTS,
    outputs,
    relative_distance,
    targets,
)
from polyframe.conformance.losses import cases as loss_cases
from polyframe.conformance.measurements import FORWARD, GRADIENT
from polyframe.contract import registry
from polyframe.contract.modules import load
from polyframe.spec.losses import Loss

from .unit import forget, mutated


@cache
def loss_program(unit):
    """(program, the cases, the name of each one's function)."""
    held = [case for case in loss_cases() if case.loss.type == unit.entry]
    source = {
        1: pf.Input((COUNT,), name="vector"), 2: pf.Input((COUNT, 3), name="line"),
        3: pf.Input((COUNT, 3, 2), name="image"),
        4: pf.Input((COUNT, 2, 3, 2), name="volume"),
    }  # fmt: skip
    make = {1: pf.Dense, 2: pf.Conv1D, 3: pf.Conv2D, 4: pf.Conv3D}
    ends, used = [], []
    for number, (_, shape, _) in enumerate(held):
        sizes = () if len(shape) == 1 else (1,)
        layer = make[len(shape)](shape[0], *sizes, name=f"head{number}")
        ends.append(layer(source[len(shape)]))
        used.append(len(shape))
    inputs = [value for rank, value in source.items() if rank in used]
    spec = pf.ModelSpec(inputs, ends, name="heads")
    kinds = tuple(case.targets for case in held)
    step = step_of(spec, unit.backend, [case.loss for case in held], targets=kinds)
    names = step.functions(spec.infer())
    program = write(spec, unit.backend, step=step, dtype=unit.dtype)
    return program, {case: names[case.function] for case in held}


def loss_sources(unit):
    program, names = loss_program(unit)
    return [(program.source, list(dict.fromkeys(names.values())))]


class LossRunner:
    """A loss with every option on every shape: values and gradients."""

    def __init__(self, unit):
        self.unit = unit
        registry.get(unit.backend).probe()
        self.program, self.names = loss_program(unit)
        self.wanted = dict(self.values(self.program))
        for key, pair in self.values(self.program):
            assert self.misses(key, pair) is None, f"{unit}: cannot be repeated"

    def values(self, program):
        module = load(program)
        for number, (case, name) in enumerate(self.names.items()):
            for scale in ("usual", "extreme", "zeros"):
                x, y = outputs(case.shape, scale), targets(case)
                function = getattr(module, name)
                yield (number, scale), RUNS[self.unit.backend](function, x, y, WEIGHTS)

    def misses(self, key, pair):
        losses, gradients = self.wanted[key]
        if not relative_distance(pair[0], losses) <= FORWARD.value:
            return "values"
        if key[1] == "zeros" and Loss.find(self.unit.entry).kink_at_zero:
            return None
        return (
            None
            if relative_distance(pair[1], gradients) <= GRADIENT.value
            else "gradients"
        )

    def check(self, mutant):
        program = mutated(self.program, mutant)
        try:
            for key, pair in self.values(program):
                where = self.misses(key, pair)
                if where is not None:
                    return f"{where} {key}"
        finally:
            forget(program)
        return None
