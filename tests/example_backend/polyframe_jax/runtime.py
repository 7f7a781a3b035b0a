"""Running JAX programs. They are pure, so a session holds what they take and give:
parameters, state, and what training keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from polyframe.compiler.program import Program
from polyframe.compiler.table import Target
from polyframe.contract.devices import Device
from polyframe.contract.modules import load
from polyframe.contract.session import Arrays, Native, StagedBatch, TrainingSession
from polyframe.spec.layers.base import Shape

jax.config.update("jax_enable_x64", True)  # or float64 would silently be float32


class JaxSession(TrainingSession):
    """A JAX program on the CPU, with a step or without."""

    def __init__(
        self, program: Program, target: Target, device: Device, inputs: Sequence[Shape]
    ) -> None:
        super().__init__(program, target, device, inputs)
        self.module = load(program, self)
        self.native = getattr(self.module, program.entry)
        self.params, self.state = self.module.init(target.dtype)
        self.kept: dict[str, Native] = {}

    def tensors(self, arrays: Sequence[np.ndarray]) -> list[jax.Array]:
        """Copies: JAX would share the memory of an array that it is given."""
        dtype = self.target.dtype
        return [jnp.array(a, dtype if a.dtype.kind == "f" else a.dtype) for a in arrays]

    def native_weights(self) -> Arrays:
        return {name: np.array(a) for name, a in (self.params | self.state).items()}

    def set_native_weights(self, weights: Mapping[str, np.ndarray]) -> None:
        for name, array in self._named(weights).items():
            (self.state if name in self.state else self.params)[name] = array

    def _named(self, arrays: Mapping[str, np.ndarray]) -> dict[str, jax.Array]:
        return dict(zip(arrays, self.tensors(list(arrays.values())), strict=True))

    def call(self, arguments: Sequence[jax.Array], training: bool) -> Native:
        return self.native(self.params, self.state, *arguments, training=training)[0]

    def read(self, handle: jax.Array) -> np.ndarray:
        return np.array(handle)

    def native_gradients(self, batch: StagedBatch) -> tuple[Native, Native, Arrays]:
        loss, outputs, _, gradients = self.module.loss_and_gradients(
            self.params, self.state, *batch.step_arguments
        )
        return loss, outputs, {name: np.array(g) for name, g in gradients.items()}

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
        groups = {n: dict(slots) for n, slots in self.kept["state"].items()}
        for name, average in self.kept.get("average", {}).items():
            groups[name]["average"] = average
        return {
            f"{n}/{k}": np.array(v) for n, g in groups.items() for k, v in g.items()
        }

    def set_native_state(self, state: Mapping[str, np.ndarray], step: int) -> None:
        self.kept, arrays = self.module.start(self.params), self._named(state)
        self.kept["step"] = jnp.array(step)
        for name, slots in self.kept["state"].items():
            slots.update({key: arrays[f"{name}/{key}"] for key in slots})
        for name in self.kept.get("average", {}):
            self.kept["average"][name] = arrays[f"{name}/average"]

    def forget(self) -> None:
        if "gradients" in self.kept:
            zeros = jax.tree.map(jnp.zeros_like, self.kept["gradients"])
            self.kept = {**self.kept, "gradients": zeros}
