"""Running MXNet Gluon programs: devices, arrays, weights, the step."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from polyframe.compiler.program import Program, Slot
from polyframe.compiler.table import Target
from polyframe.contract.devices import pick, threads
from polyframe.contract.modules import load
from polyframe.contract.session import SCALING, Session


def _import_mxnet() -> Any:
    """Import MXNet with the NumPy names it was written for, which NumPy has dropped.

    They are there during the import only. MXNet reads its thread count then, too, and
    at its first copy from how many numbers on copies take several threads: never, here.
    They run in Python's thread, and OpenMP would keep threads for it beside those of
    MXNet's own: more than there are processors, so that all of them sleep after each
    operation and have to be woken. A step of MobileNet-v2 took twice as long.
    """
    os.environ.setdefault("OMP_NUM_THREADS", str(threads()))
    os.environ.setdefault("MXNET_CPU_PARALLEL_SIZE", str(2**31 - 1))
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

    splits = True

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
        if hasattr(self.module, "freeze"):
            self.module.freeze(self.native)
        self.kept: dict[str, Any] = {}

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
            self.parameters[name].set_data(
                self._array(self.program.weights[name], value)
            )

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

    def loss_and_gradients(self, batch: Any) -> tuple[Any, Any, dict[str, np.ndarray]]:
        loss, outputs = self.module.loss_and_gradients(self.native, *batch)
        gradients = {
            name: slot.to_canonical(self.parameters[name].grad().asnumpy())
            for name, slot in self._trained().items()
        }
        return loss, outputs, gradients

    def train(
        self, batch: Any, learning_rate: float, last: bool = True
    ) -> tuple[Any, Any]:
        if not self.kept:
            self._begin()
        more = () if last else (False,)
        found: tuple[Any, Any] = self.module.train_step(
            self.native, *batch, *self.kept.values(), learning_rate, *more
        )
        return found

    def _begin(self) -> None:
        """What stays from step to step, as before the first one: it takes the weights
        of this moment, so it is made late."""
        for name in ("optimizer", "average"):
            make = getattr(self.module, f"make_{name}", None)
            if make is not None:
                self.kept[name] = make(self.native)
        if hasattr(self.module, "make_scaler"):
            self.kept["scaler"] = self.module.make_scaler()

    def _trained(self) -> dict[str, Slot]:
        """The slots of the parameters that training moves, by canonical name."""
        return {
            name: slot
            for name, slot in self.program.weights.items()
            if self.parameters[name].grad_req != "null"
        }

    def _averages(self) -> dict[str, Any]:
        """Parameter's native name → its average."""
        average = self.kept["average"]
        return {p.name: a for p, a in zip(average.parameters, average.values)}

    def training_state(self) -> dict[str, np.ndarray]:
        if not self.kept:
            self._begin()
        trainer, found = self.kept["optimizer"], {}
        states = trainer._updaters[0].states
        for name, slot in self._trained().items():
            parameter = self.parameters[name]
            index = trainer._param2idx[parameter.name]
            values = states.get(index)
            if values is None:  # before its first step
                values = trainer.optimizer.create_state(index, parameter.data())
            if len(self.program.state) == 1:
                values = [values]
            for key, value in zip(self.program.state, values or ()):
                found[f"{name}/{key}"] = slot.to_canonical(value.asnumpy())
        if "average" in self.kept:
            averages = self._averages()
            for name, slot in self._trained().items():
                average = averages[self.parameters[name].name].asnumpy()
                found[f"{name}/average"] = slot.to_canonical(average)
        if "scaler" in self.kept:
            for key in SCALING:
                value = getattr(self.kept["scaler"], key.split("/")[1])
                found[key] = np.array([value], np.float32)
        return found

    def forget(self) -> None:
        for parameter in self.parameters.values():
            if parameter.grad_req == "add":
                parameter.zero_grad()

    def set_training_state(self, state: Mapping[str, np.ndarray], step: int) -> None:
        self._begin()
        self.forget()
        if "scaler" in self.kept:
            scaler = self.kept["scaler"]
            scaler.scale = state[SCALING[0]].item()
            scaler.good_steps, step = (int(state[key].item()) for key in SCALING[1:])
            scaler.updates = step
        trainer = self.kept["optimizer"]
        trainer.optimizer.begin_num_update = trainer.optimizer.num_update = step
        updater = trainer._updaters[0]
        for name, slot in self._trained().items():
            values = [
                self._array(slot, state[f"{name}/{k}"]) for k in self.program.state
            ]
            if values:
                index = trainer._param2idx[self.parameters[name].name]
                several = len(values) > 1
                updater.states[index] = tuple(values) if several else values[0]
                updater.states_synced[index] = True
        if "average" in self.kept:
            averages = self._averages()
            for name, slot in self._trained().items():
                value = self._array(slot, state[f"{name}/average"])
                averages[self.parameters[name].name][:] = value

    def _array(self, slot: Slot, value: np.ndarray) -> Any:
        native = slot.to_native(value)
        return mx.nd.array(native, ctx=self.context, dtype=self.dtype)

    def read(self, handle: Any) -> np.ndarray:
        array: np.ndarray = handle.asnumpy()
        return array

    def wait(self) -> None:
        mx.nd.waitall()

    def run_forward(self, batch: Any) -> Any:
        inputs, draws = self.split(batch)
        with mx.autograd.record():
            outputs = self.native(*inputs, *draws)
        return outputs[0] if isinstance(outputs, (tuple, list)) else outputs

    def run_gradients(self, batch: Any) -> Any:
        return self.module.loss_and_gradients(self.native, *batch)[0]

    def facts(self) -> dict[str, Any]:
        threads_ = int(os.environ["OMP_NUM_THREADS"])  # read when it was imported
        return {"threads": threads_, "version": mx.__version__}

    def seed(self, seed: int) -> None:
        mx.random.seed(seed)
