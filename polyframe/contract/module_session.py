"""Sessions of programs that are Python modules, as PyTorch's, Keras's and Gluon's are:
an entry that makes the native model, and functions that make and take the objects of
training (optimizer, EMA, loss scaler)."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence

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
        self.module = load(program, self, release=self.release)
        self.native = self.build()
        keep_while_alive(self.module, self.native)
        if hasattr(self.module, "freeze"):
            self.module.freeze(self.native)

    @staticmethod
    def release(module: str) -> None:
        """Drop what the framework keeps of a program's module, by its name, when nothing
        that runs it is alive."""

    @abc.abstractmethod
    def build(self) -> Native:
        """The native model on the device, in its dtype, its weights not yet set."""


class ModuleTrainingSession(ModuleSession, TrainingSession):
    """A program whose module has ``make_<name>`` for each object of training, and
    ``train_step`` to take them."""

    def __init__(
        self, program: Program, target: Target, device: Device, inputs: Sequence[Shape]
    ) -> None:
        super().__init__(program, target, device, inputs)
        self.training_objects: dict[str, Native] = {}
        """What lives from step to step, by name; empty before training begins."""

    def begin(self) -> None:
        """Make the objects of training, as they are before the first step. An EMA
        starts at the current weights, so they are made late."""
        self.training_objects = {}
        for name in self.program.objects:
            make = getattr(self.module, f"make_{name}")
            made = make() if name == "scaler" else make(self.native)
            self.training_objects[name] = made

    def begin_once(self) -> None:
        """``begin``, unless training has begun."""
        if not self.training_objects:
            self.begin()

    @abc.abstractmethod
    def arrays_of(self, name: str) -> Mapping[str, Native]:
        """The array of each trained parameter that a training object keeps, by
        canonical name."""

    def kept(self) -> dict[str, Native]:
        """``<parameter>/<object>`` → the array, of all objects that keep some."""
        return {
            f"{parameter}/{name}": array
            for name in self.program.kept
            for parameter, array in self.arrays_of(name).items()
        }

    def take_step(
        self, batch: StagedBatch, learning_rate: Native, last: bool = True
    ) -> tuple[Native, Native]:
        """Call the program's ``train_step``: (loss, outputs)."""
        loss, outputs = self.module.train_step(
            self.native,
            *batch.step_arguments,
            *self.training_objects.values(),
            *([learning_rate] if self.takes_rate else []),
            *([] if last else [False]),
        )
        return loss, outputs

    @property
    def takes_rate(self) -> bool:
        """Whether the step takes the learning rate; else ``set_rate`` tells the
        optimizer before each step."""
        return "learning_rate" in self.program.takes

    def set_rate(self, learning_rate: float) -> None:
        """Give the optimizer, a class of the framework's own, its learning rate."""
        raise NotImplementedError
