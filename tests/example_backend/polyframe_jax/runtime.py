"""Running JAX programs: arrays, weights, the step.

A program is pure, so the session holds what it takes and gives: parameters, state, and
what training keeps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from polyframe.compiler.program import Program
from polyframe.compiler.table import Target
from polyframe.contract.modules import load
from polyframe.contract.session import Session

jax.config.update("jax_enable_x64", True)  # or float64 would silently be float32


class JaxSession(Session):
    """A JAX program on the CPU."""

    def __init__(
        self, program: Program, target: Target, device: str, several: bool
    ) -> None:
        self.program, self.device, self.several = program, device, several
        self.dtype = jnp.dtype(target.dtype)
        self.module = load(program)
        self.native = getattr(self.module, program.entry)
        self.place = jax.devices("cpu")[0]
        self.params, self.state = self._put(self.module.init(self.dtype))
        self.kept: dict[str, Any] | None = None

    def _put(self, tree: Any) -> Any:
        return jax.device_put(tree, self.place)

    def tensors(self, arrays: Sequence[np.ndarray]) -> list[jax.Array]:
        """Copies: JAX would share the memory of an array that it is given."""
        return [
            self._put(jnp.array(a, self.dtype if a.dtype.kind == "f" else a.dtype))
            for a in arrays
        ]

    def set_weights(self, weights: Mapping[str, np.ndarray]) -> None:
        arrays = dict(zip(weights, self.tensors(list(weights.values()))))
        held = self.state.keys()
        self.state = self.state | {n: a for n, a in arrays.items() if n in held}
        self.params = self.params | {n: a for n, a in arrays.items() if n not in held}

    def weights(self) -> dict[str, np.ndarray]:
        found = self.params | self.state
        return {name: self.read(found[name]) for name in self.program.weights}

    def forward(
        self,
        inputs: Sequence[np.ndarray],
        draws: Sequence[np.ndarray] = (),
        training: bool = False,
    ) -> list[np.ndarray]:
        extra = [self.tensors(draws)] if self.program.draws and training else []
        outputs, _ = self.native(
            self.params, self.state, *self.tensors(inputs), *extra, training=training
        )
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        return [self.read(output) for output in outputs]

    def loss_and_gradients(self, batch: Any) -> tuple[Any, Any, dict[str, np.ndarray]]:
        loss, outputs, _, gradients = self.module.loss_and_gradients(
            self.params, self.state, *batch
        )
        return loss, outputs, {name: self.read(g) for name, g in gradients.items()}

    def _keeping(self) -> dict[str, Any]:
        """What stays from step to step; made late, since averages start at weights."""
        if self.kept is None:
            self.kept = self.module.start(self.params)
        return self.kept

    def train(
        self, batch: Any, learning_rate: float, last: bool = True
    ) -> tuple[Any, Any]:
        kept = self._keeping()
        more = {"last": last} if "gradients" in kept else {}
        loss, outputs, self.params, self.state, self.kept = self.module.train_step(
            self.params, self.state, *batch, kept, learning_rate, **more
        )
        return loss, outputs

    def training_state(self) -> dict[str, np.ndarray]:
        kept = self._keeping()
        found = {}
        for name, slots in kept["state"].items():
            for key in self.program.state:
                found[f"{name}/{key}"] = self.read(slots[key])
        for name, value in kept.get("average", {}).items():
            found[f"{name}/average"] = self.read(value)
        return found

    def set_training_state(self, state: Mapping[str, np.ndarray], step: int) -> None:
        arrays = dict(zip(state, self.tensors(list(state.values()))))
        fresh = self.module.start(self.params)
        fresh["step"] = jnp.array(step)
        for name, slots in fresh["state"].items():
            fresh["state"][name] = {key: arrays[f"{name}/{key}"] for key in slots}
        if "average" in fresh:
            fresh["average"] = {n: arrays[f"{n}/average"] for n in fresh["average"]}
        self.kept = fresh

    def forget(self) -> None:
        if self.kept is not None and "gradients" in self.kept:
            zeros = jax.tree.map(jnp.zeros_like, self.kept["gradients"])
            self.kept = {**self.kept, "gradients": zeros}

    def read(self, handle: Any) -> np.ndarray:
        return np.array(handle)
