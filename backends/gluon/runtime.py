"""Running MXNet Gluon programs: devices, arrays, weights, the step."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from polyframe.contract.devices import Device, choose_device, threads
from polyframe.contract.module_session import ModuleSession, ModuleTrainingSession
from polyframe.contract.session import (
    SCALING,
    Arrays,
    Native,
    PhasedSession,
    StagedBatch,
    as_sequence,
)
from polyframe.io.array import Array


def _import_mxnet() -> Native:
    """Import MXNet with the NumPy names it was written for, which NumPy has dropped.

    The names are there during the import only. MXNet then also reads its number of
    threads and, at its first copy, the size from which copies use several threads:
    here they never do. Copies run in Python's thread, and OpenMP would keep threads for
    it besides MXNet's own. These would be more threads than processors, so that they
    all sleep after each operation: a step of MobileNet-v2 took twice as long.
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
BLOCKED = (3, 5)
"""Axes of weights that oneDNN may rearrange for good and MXNet cannot write to."""


def devices() -> tuple[str, ...]:
    """``cpu(0)``, ``gpu(0)``, …, as MXNet writes its contexts."""
    return ("cpu(0)", *(f"gpu({i})" for i in range(mx.context.num_gpus())))


def resolve_device(device: str) -> Device:
    """``cpu(0)`` or ``gpu(i)``."""
    gpus = mx.context.num_gpus()
    return choose_device(device, gpus, "MXNet", cpu="cpu(0)", gpu="gpu({})")


RECORDED = (
    "_cached_graph",
    "_cached_op",
    "_cached_op_args",
    "_in_format",
    "_out_format",
)
"""Where a hybridised block keeps the one call that it has recorded."""


class GluonSession(ModuleSession):
    """An MXNet Gluon program on one device."""

    def build(self) -> Native:
        self.context = mx.Context(self.device.kind, self.device.index)
        model = getattr(self.module, self.program.entry)()
        model.cast(self.target.dtype)
        model.initialize(mx.init.Zero(), ctx=self.context)
        model.hybridize(static_alloc=True, static_shape=True)
        self.recorded = {name: vars(model)[name] for name in RECORDED}
        parameters = model._collect_params_with_prefix()
        slots = self.program.weights.items()
        self.parameters = {name: parameters[slot.path] for name, slot in slots}
        """Gluon's ``Parameter`` of each weight, by canonical name."""
        return model

    def draw_weights(self, seed: int) -> bool:
        mx.random.seed(seed)
        self.native.initialize(ctx=self.context, force_reinit=True)
        return True

    def tensors(self, arrays: Sequence[Array]) -> list[Native]:
        tensors = []
        for array in arrays:
            # Shares the memory, and marks its argument read-only: so a view of it.
            shared = mx.nd.from_numpy(np.ascontiguousarray(array).view())
            tensors.append(shared.as_in_context(self.context))
        return tensors

    def copied(self, array: Array) -> Native:
        """An array on the device that shares no memory with the given one."""
        return mx.nd.array(array, ctx=self.context, dtype=self.target.dtype)

    def native_weights(self) -> Arrays:
        return {name: p.data().asnumpy() for name, p in self.parameters.items()}

    def set_native_weights(self, weights: Mapping[str, Array]) -> None:
        for name, value in weights.items():
            parameter = self.parameters[name]
            if value.ndim in BLOCKED:
                # Prediction leaves the weights of Conv1D and Conv3D in oneDNN's own
                # layout, into which MXNet does not copy ("to.IsDefaultData()"); what is
                # filled with a number has the usual one.
                parameter.data()[:] = 0
            parameter.set_data(self.copied(value))

    def call(self, arguments: Sequence[Native], training: bool) -> Native:
        mode = mx.autograd.train_mode if training else mx.autograd.predict_mode
        with mode(), self.given_numbers(len(arguments) > len(self.inputs)):
            return self.native(*arguments)

    @contextlib.contextmanager
    def given_numbers(self, given: bool) -> Iterator[None]:
        """While the model is called with random numbers, if they are ``given``: it then
        has a recorded call of its own, since a hybridised block refuses calls that are
        not like the one that it has recorded, as users' without the numbers."""
        if not given:
            yield
            return
        own: dict[str, Native] = self.native.__dict__
        users = {name: own[name] for name in RECORDED}
        own.update(self.recorded)
        try:
            yield
        finally:
            self.recorded = {name: own[name] for name in RECORDED}
            own.update(users)

    def read(self, handle: Native) -> Array:
        array: Array = handle.asnumpy()
        return array

    def wait(self) -> None:
        mx.nd.waitall()

    def facts(self) -> dict[str, int | str]:
        threads_ = int(os.environ["OMP_NUM_THREADS"])  # read when it was imported
        return {"threads": threads_, "version": mx.__version__}

    def seed(self, seed: int) -> None:
        mx.random.seed(seed)


class GluonTrainingSession(GluonSession, ModuleTrainingSession, PhasedSession):
    """An MXNet Gluon program with a step."""

    def train(
        self, batch: StagedBatch, learning_rate: float, last: bool = True
    ) -> tuple[Native, Native]:
        self.begin_once()
        with self.given_numbers(bool(batch.random_numbers)):
            return self.take_step(batch, learning_rate, last)

    def native_gradients(self, batch: StagedBatch) -> tuple[Native, Native, Arrays]:
        with self.given_numbers(bool(batch.random_numbers)):
            loss, outputs = self.module.loss_and_gradients(
                self.native, *batch.step_arguments
            )
        parameters = self.parameters
        gradients = {name: parameters[name].grad().asnumpy() for name in self.trained()}
        return loss, outputs, gradients

    def trained(self) -> list[str]:
        """The canonical names of the parameters that are trained."""
        return [n for n, p in self.parameters.items() if p.grad_req != "null"]

    def arrays_of(self, name: str) -> dict[str, Native]:
        made = self.training_objects[name]
        native = {p.name: array for p, array in zip(made.parameters, made.values)}
        return {n: native[self.parameters[n].name] for n in self.trained()}

    def native_state(self) -> Arrays:
        self.begin_once()
        trainer, arrays = self.training_objects["optimizer"], {}
        states = trainer._updaters[0].states
        for name in self.trained():
            parameter = self.parameters[name]
            index = trainer._param2idx[parameter.name]
            values = states.get(index)
            if values is None:  # before its first step
                values = trainer.optimizer.create_state(index, parameter.data())
            if len(self.program.state) == 1:
                values = [values]
            for key, value in zip(self.program.state, values or ()):
                arrays[f"{name}/{key}"] = value.asnumpy()
        arrays |= {key: array.asnumpy() for key, array in self.kept().items()}
        if "scaler" in self.training_objects:
            for key in SCALING:
                value = getattr(self.training_objects["scaler"], key.split("/")[1])
                arrays[key] = np.array([value], np.float32)
        return arrays

    def set_native_state(self, state: Mapping[str, Array], step: int) -> None:
        self.begin()
        self.forget()
        if "scaler" in self.training_objects:
            scaler = self.training_objects["scaler"]
            scaler.scale = state[SCALING[0]].item()
            scaler.good_steps, step = (int(state[key].item()) for key in SCALING[1:])
            scaler.updates = step
        trainer = self.training_objects["optimizer"]
        trainer.optimizer.begin_num_update = trainer.optimizer.num_update = step
        updater = trainer._updaters[0]
        for name in self.trained():
            values = [self.copied(state[f"{name}/{k}"]) for k in self.program.state]
            if values:
                index = trainer._param2idx[self.parameters[name].name]
                several = len(values) > 1
                updater.states[index] = tuple(values) if several else values[0]
                updater.states_synced[index] = True
        for key, array in self.kept().items():
            array[:] = self.copied(state[key])

    def forget(self) -> None:
        for parameter in self.parameters.values():
            if parameter.grad_req == "add":
                parameter.zero_grad()

    def run_forward(self, batch: StagedBatch) -> Native:
        given = bool(batch.random_numbers)
        with self.given_numbers(given), mx.autograd.record():
            return as_sequence(self.native(*batch.forward_arguments))[0]

    def run_gradients(self, batch: StagedBatch) -> Native:
        with self.given_numbers(bool(batch.random_numbers)):
            return self.module.loss_and_gradients(self.native, *batch.step_arguments)[0]
