"""Running MXNet Gluon programs: devices, arrays, weights, the step."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from polyframe.backend import Session
from polyframe.compiler.devices import pick, threads
from polyframe.compiler.modules import load
from polyframe.compiler.program import Program
from polyframe.compiler.table import Target


def _import_mxnet() -> Any:
    """Import MXNet with the NumPy names it was written for, which NumPy has dropped.

    They are there during the import only. MXNet reads its thread count then, too.
    """
    os.environ.setdefault("OMP_NUM_THREADS", str(threads()))
    old = {"bool": np.bool_}
    added = [name for name in old if name not in np.__dict__]
    for name in added:
        setattr(np, name, old[name])
    try:
        import mxnet
    finally:
        for name in added:
            delattr(np, name)
    return mxnet


mx = _import_mxnet()


def devices() -> tuple[str, ...]:
    """``cpu(0)``, ``gpu(0)``, …, as MXNet writes its contexts."""
    return ("cpu(0)", *(f"gpu({i})" for i in range(mx.context.num_gpus())))


def resolve_device(device: str) -> str:
    """``cpu(0)`` or ``gpu(i)``."""
    index = pick(device, mx.context.num_gpus(), "MXNet")
    return "cpu(0)" if index is None else f"gpu({index})"


class GluonSession(Session):
    """An MXNet Gluon program on one device."""

    def __init__(
        self, program: Program, target: Target, device: str, inputs: int
    ) -> None:
        self.program, self.device, self.dtype = program, device, target.dtype
        self.several = inputs > 1
        kind, _, index = device.rstrip(")").partition("(")
        self.context = mx.Context(kind, int(index))
        self.module = load(program)
        self.native = getattr(self.module, program.entry)()
        self.native.cast(target.dtype)
        self.native.initialize(mx.init.Zero(), ctx=self.context)
        self.native.hybridize(static_alloc=True, static_shape=True)
        parameters = self.native._collect_params_with_prefix()
        self.parameters = {
            name: parameters[slot.path] for name, slot in program.weights.items()
        }
        self.optimizer: Any = None

    def tensors(self, arrays: Sequence[np.ndarray]) -> list[Any]:
        found = []
        for array in arrays:
            if array.dtype.kind == "f":
                array = array.astype(self.dtype, copy=False)
            # Shares the memory, and marks its argument read-only: so a view of it.
            shared = mx.nd.from_numpy(np.ascontiguousarray(array).view())
            found.append(shared.as_in_context(self.context))
        return found

    def set_weights(self, weights: Mapping[str, np.ndarray]) -> None:
        for name, value in weights.items():
            native = self.program.weights[name].to_native(value)
            array = mx.nd.array(native, ctx=self.context, dtype=self.dtype)
            self.parameters[name].set_data(array)

    def weights(self) -> dict[str, np.ndarray]:
        return {
            name: slot.to_canonical(self.parameters[name].data().asnumpy())
            for name, slot in self.program.weights.items()
        }

    def forward(
        self,
        inputs: Sequence[np.ndarray],
        draws: Sequence[np.ndarray] = (),
        training: bool = False,
    ) -> list[np.ndarray]:
        extra = [self.tensors(draws)] if self.program.draws else []
        mode = mx.autograd.train_mode if training else mx.autograd.predict_mode
        with mode():
            outputs = self.native(*self.tensors(inputs), *extra)
        outputs = outputs if isinstance(outputs, (tuple, list)) else (outputs,)
        return [self.read(output) for output in outputs]

    def loss_and_gradients(
        self,
        inputs: Sequence[np.ndarray],
        targets: Sequence[np.ndarray],
        draws: Sequence[np.ndarray],
        count: int,
    ) -> tuple[Any, Any, dict[str, np.ndarray]]:
        loss, outputs = self.module.loss_and_gradients(
            self.native, *self.stage(inputs, targets, draws, count)
        )
        gradients = {
            name: slot.to_canonical(self.parameters[name].grad().asnumpy())
            for name, slot in self.program.weights.items()
            if self.parameters[name].grad_req != "null"
        }
        return loss, outputs, gradients

    def train(self, batch: Any, learning_rate: float) -> tuple[Any, Any]:
        if self.optimizer is None:
            self.optimizer = self.module.make_optimizer(self.native)
        found: tuple[Any, Any] = self.module.train_step(
            self.native, *batch, self.optimizer, learning_rate
        )
        return found

    def read(self, handle: Any) -> np.ndarray:
        array: np.ndarray = handle.asnumpy()
        return array

    def seed(self, seed: int) -> None:
        mx.random.seed(seed)
