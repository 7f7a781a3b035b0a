"""Sessions of programs that are Python modules, as PyTorch's, Keras's and Gluon's are:
an entry that makes the native model, and functions that make and take what training
keeps."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import ClassVar

from polyframe.compiler.program import Program
from polyframe.compiler.table import Target
from polyframe.contract.devices import Device
from polyframe.contract.modules import keep_while_alive, load
from polyframe.contract.session import (
    InferenceSession,
    Native,
    StagedBatch,
    TrainingSession,
)
from polyframe.spec.layers.base import Shape


class ModuleSession(InferenceSession):
    """A program that is a module: ``module`` has run its text, ``native`` is what
    ``build`` made of its entry."""

    def __init__(
        self, program: Program, target: Target, device: Device, inputs: Sequence[Shape]
    ) -> None:
        super().__init__(program, target, device, inputs)
        self.module = load(program, self)
        self.native = self.build()
        keep_while_alive(self.module, self.native)
        if hasattr(self.module, "freeze"):
            self.module.freeze(self.native)

    @abc.abstractmethod
    def build(self) -> Native:
        """The native model on the device, in its dtype, its weights not yet set."""


class ModuleTrainingSession(ModuleSession, TrainingSession):
    """A program whose module has ``make_<name>`` for what training keeps, and
    ``train_step`` to take it."""

    keeps: ClassVar[Sequence[str]] = ("optimizer", "average", "scaler")
    """What training may keep from step to step, in the order in which ``train_step``
    takes it."""

    def __init__(
        self, program: Program, target: Target, device: Device, inputs: Sequence[Shape]
    ) -> None:
        super().__init__(program, target, device, inputs)
        self.kept: dict[str, Native] = {}
        """What training keeps from step to step, by name; empty before it begins."""

    def begin(self) -> None:
        """Make what stays from step to step, as it is before the first one. It takes
        the weights of this moment, so it is made late."""
        self.kept = {}
        for name in self.keeps:
            make = getattr(self.module, f"make_{name}", None)
            if make is not None:
                self.kept[name] = make() if name == "scaler" else make(self.native)

    def begin_once(self) -> None:
        """``begin``, unless training has begun."""
        if not self.kept:
            self.begin()

    def take_step(
        self, batch: StagedBatch, learning_rate: Native, last: bool = True
    ) -> tuple[Native, Native]:
        """Call the program's ``train_step``: (loss, outputs)."""
        more = () if last else (False,)
        loss, outputs = self.module.train_step(
            self.native,
            *batch.step_arguments,
            *self.kept.values(),
            learning_rate,
            *more,
        )
        return loss, outputs
