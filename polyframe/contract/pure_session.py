"""Sessions of programs that are pure functions, as JAX's are: a step is given all that it
changes and returns it, so the session holds it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from polyframe.compiler.program import Program
from polyframe.compiler.table import Target
from polyframe.contract.devices import Device
from polyframe.contract.modules import load
from polyframe.contract.session import Arrays, Native, StagedBatch, TrainingSession
from polyframe.io.array import Array
from polyframe.spec.layers.base import Shape


class PureSession(TrainingSession):
    """A Python module of pure functions, with a step or without one.

    Its functions, where parameters and state are arrays by canonical name:

    - ``init(dtype)`` → (parameters, state);
    - the entry, ``forward(params, state, *inputs, training=…)`` → (outputs, state);
    - ``loss_and_gradients(params, state, *batch)`` → (loss, outputs, state, gradients);
    - ``start(params)`` → the training state, a mapping of ``step``, ``state`` (parameter
      → name of the optimizer's array → array), of each name of ``program.kept`` with an
      array for each trained parameter, and ``gradients`` if they are accumulated;
    - ``train_step(params, state, *batch, training_state, learning_rate)``, with ``last``
      where gradients are accumulated → (loss, outputs, params, state, training state).
    """

    def __init__(
        self, program: Program, target: Target, device: Device, inputs: Sequence[Shape]
    ) -> None:
        super().__init__(program, target, device, inputs)
        self.module = load(program, self)
        self.native = getattr(self.module, program.entry)
        self.params, self.state = self.module.init(target.dtype)
        self.training_objects: dict[str, Native] = {}

    def read(self, handle: Native) -> Array:
        return np.array(handle)

    def native_weights(self) -> Arrays:
        native = {**self.params, **self.state}
        return {name: self.read(array) for name, array in native.items()}

    def set_native_weights(self, weights: Mapping[str, Array]) -> None:
        for name, array in self._named(weights).items():
            (self.state if name in self.state else self.params)[name] = array

    def _named(self, arrays: Mapping[str, Array]) -> dict[str, Native]:
        """Arrays as the framework's own, by the same names."""
        return dict(
            zip(arrays, self.tensors(self.cast(list(arrays.values()))), strict=True)
        )

    def call(self, arguments: Sequence[Native], training: bool) -> Native:
        return self.native(self.params, self.state, *arguments, training=training)[0]

    def native_gradients(self, batch: StagedBatch) -> tuple[Native, Native, Arrays]:
        loss, outputs, _, gradients = self.module.loss_and_gradients(
            self.params, self.state, *batch.step_arguments
        )
        return loss, outputs, {name: self.read(g) for name, g in gradients.items()}

    def _begin_once(self) -> None:
        """Make the training objects; late, since an EMA starts at the current weights."""
        self.training_objects = self.training_objects or self.module.start(self.params)

    def train(
        self, batch: StagedBatch, learning_rate: float, last: bool = True
    ) -> tuple[Native, Native]:
        self._begin_once()
        accumulates = "gradients" in self.training_objects
        loss, outputs, self.params, self.state, self.training_objects = (
            self.module.train_step(
                self.params,
                self.state,
                *batch.step_arguments,
                self.training_objects,
                learning_rate,
                **({"last": last} if accumulates else {}),
            )
        )
        return loss, outputs

    def native_state(self) -> Arrays:
        self._begin_once()
        native = {
            f"{name}/{key}": array
            for name, slots in self.training_objects["state"].items()
            for key, array in slots.items()
        }
        for key in self.program.kept:
            kept = self.training_objects[key].items()
            native |= {f"{name}/{key}": array for name, array in kept}
        return {key: self.read(array) for key, array in native.items()}

    def set_native_state(self, state: Mapping[str, Array], step: int) -> None:
        self.training_objects, arrays = (
            self.module.start(self.params),
            self._named(state),
        )
        (self.training_objects["step"],) = self.tensors([np.array(step)])
        for name, slots in self.training_objects["state"].items():
            slots.update({key: arrays[f"{name}/{key}"] for key in slots})
        for key in self.program.kept:
            kept = self.training_objects[key]
            kept.update({name: arrays[f"{name}/{key}"] for name in kept})

    def forget(self) -> None:
        if "gradients" in self.training_objects:
            zeros = self.module.start(self.params)["gradients"]
            self.training_objects = {**self.training_objects, "gradients": zeros}
