"""Sessions of programs that are pure functions, as JAX's are: what a step moves is given
to it and comes back, so the session holds it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from polyframe.compiler.program import Program
from polyframe.compiler.table import Target
from polyframe.contract.devices import Device
from polyframe.contract.modules import load
from polyframe.contract.session import Arrays, Native, StagedBatch, TrainingSession
from polyframe.spec.layers.base import Shape


class PureSession(TrainingSession):
    """A Python module of pure functions, with a step or without one.

    Its functions, where parameters and state are arrays by canonical name:

    - ``init(dtype)`` → (parameters, state);
    - the entry, ``forward(params, state, *inputs, training=…)`` → (outputs, state);
    - ``loss_and_gradients(params, state, *batch)`` → (loss, outputs, state, gradients);
    - ``start(params)`` → what is kept from step to step: ``step``, ``state`` (parameter →
      slot → array) and, if it is asked for, ``average`` and ``gradients``;
    - ``train_step(params, state, *batch, kept, learning_rate)``, with ``last`` where
      gradients are added up → (loss, outputs, params, state, kept).
    """

    def __init__(
        self, program: Program, target: Target, device: Device, inputs: Sequence[Shape]
    ) -> None:
        super().__init__(program, target, device, inputs)
        self.module = load(program, self)
        self.native = getattr(self.module, program.entry)
        self.params, self.state = self.module.init(target.dtype)
        self.kept: dict[str, Native] = {}

    def read(self, handle: Native) -> np.ndarray:
        return np.array(handle)

    def native_weights(self) -> Arrays:
        native = {**self.params, **self.state}
        return {name: self.read(array) for name, array in native.items()}

    def set_native_weights(self, weights: Mapping[str, np.ndarray]) -> None:
        for name, array in self._named(weights).items():
            (self.state if name in self.state else self.params)[name] = array

    def _named(self, arrays: Mapping[str, np.ndarray]) -> dict[str, Native]:
        """Arrays as the framework's own, by the same names."""
        return dict(zip(arrays, self.tensors(list(arrays.values())), strict=True))

    def call(self, arguments: Sequence[Native], training: bool) -> Native:
        return self.native(self.params, self.state, *arguments, training=training)[0]

    def native_gradients(self, batch: StagedBatch) -> tuple[Native, Native, Arrays]:
        loss, outputs, _, gradients = self.module.loss_and_gradients(
            self.params, self.state, *batch.step_arguments
        )
        return loss, outputs, {name: self.read(g) for name, g in gradients.items()}

    def _begin_once(self) -> None:
        """Make what stays from step to step; late, since averages start at weights."""
        self.kept = self.kept or self.module.start(self.params)

    def train(
        self, batch: StagedBatch, learning_rate: float, last: bool = True
    ) -> tuple[Native, Native]:
        self._begin_once()
        more = {"last": last} if "gradients" in self.kept else {}
        loss, outputs, self.params, self.state, self.kept = self.module.train_step(
            self.params, self.state, *batch.step_arguments, self.kept, learning_rate,
            **more,
        )  # fmt: skip
        return loss, outputs

    def native_state(self) -> Arrays:
        self._begin_once()
        native = {
            f"{name}/{key}": array
            for name, slots in self.kept["state"].items()
            for key, array in slots.items()
        }
        for name, array in self.kept.get("average", {}).items():
            native[f"{name}/average"] = array
        return {key: self.read(array) for key, array in native.items()}

    def set_native_state(self, state: Mapping[str, np.ndarray], step: int) -> None:
        self.kept, arrays = self.module.start(self.params), self._named(state)
        (self.kept["step"],) = self.tensors([np.array(step)])
        for name, slots in self.kept["state"].items():
            slots.update({key: arrays[f"{name}/{key}"] for key in slots})
        for name in self.kept.get("average", {}):
            self.kept["average"][name] = arrays[f"{name}/average"]

    def forget(self) -> None:
        if "gradients" in self.kept:
            zeros = self.module.start(self.params)["gradients"]
            self.kept = {**self.kept, "gradients": zeros}
