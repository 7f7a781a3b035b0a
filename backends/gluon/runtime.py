"""Running MXNet Gluon programs: devices, arrays, weights, the step."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from polyframe.contract.devices import Device, choose_device, threads
from polyframe.contract.module_session import ModuleSession, ModuleTrainingSession
from polyframe.contract.session import (
    OWN_STATE,
    SCALING,
    Arrays,
    Native,
    PhasedSession,
    StagedBatch,
    as_sequence,
    from_parts,
    in_parts,
)
from polyframe.errors import UnsupportedError
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

ARRAYS = {"RMSProp": ("square_avg", "grad_avg", "momentum_buffer")}
"""The names of a parameter's arrays in a class of mx.optimizer's, in its order, where
they are not ``Program.state``."""
NUMBERS = {"Nadam": "m_schedule", "LARS": "cur_lr"}
"""What such a class keeps besides arrays and the count of steps."""


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
        model = self.made()
        if any(0 in (p.shape or [0]) for p in model.collect_params().values()):
            model.infer_shape(*self.zeros())
        model.initialize(mx.init.Zero(), ctx=self.context)
        model.hybridize(static_alloc=True, static_shape=True)
        self.recorded = {name: vars(model)[name] for name in RECORDED}
        parameters = model._collect_params_with_prefix()
        slots = self.program.weights.items()
        self.parameters = {name: parameters[slot.path] for name, slot in slots}
        """Gluon's ``Parameter`` of each weight, by canonical name."""
        return model

    def made(self) -> Native:
        """A new model, its weights not initialized. Its parameters have the names that
        they have in a new process, whatever this one has made before: a ``Trainer``
        takes them in the order of their names."""
        with mx.name.NameManager():
            model = getattr(self.module, self.program.entry)()
        model.cast(self.target.dtype)
        return model

    def zeros(self) -> list[Native]:
        """A batch of one sample, for layers that learn the sizes of their inputs at their
        first call."""
        options = {"ctx": self.context, "dtype": self.target.dtype}
        return [mx.nd.zeros((1, *shape), **options) for shape in self.inputs]

    def draw_weights(self, seed: int) -> bool:
        drawn = self.made()
        mx.random.seed(seed)
        drawn.initialize(ctx=self.context)
        drawn(*self.zeros())  # draws the weights whose sizes were not known
        parameters = drawn._collect_params_with_prefix()
        for name, slot in self.program.weights.items():
            self.parameters[name].set_data(parameters[slot.path].data())
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
        facts: dict[str, int | str] = {
            "threads": threads_,
            "version": mx.__version__,
            "execution": "hybridize(static_alloc=True, static_shape=True)",
        }
        if self.device.is_gpu:
            autotune = os.environ.get("MXNET_CUDNN_AUTOTUNE_DEFAULT", "1")
            facts["autotune"] = autotune != "0"
        return facts

    def seed(self, seed: int) -> None:
        mx.random.seed(seed)


class GluonTrainingSession(GluonSession, ModuleTrainingSession, PhasedSession):
    """An MXNet Gluon program with a step."""

    def train(
        self, batch: StagedBatch, learning_rate: float, last: bool = True
    ) -> tuple[Native, Native]:
        self.begin_once()
        if not self.takes_rate:
            self.set_rate(learning_rate)
        with self.given_numbers(bool(batch.random_numbers)):
            return self.take_step(batch, learning_rate, last)

    def set_rate(self, learning_rate: float) -> None:
        trainer = self.training_objects["optimizer"]
        if isinstance(trainer.optimizer, mx.optimizer.AdaDelta):
            if learning_rate != 1:
                raise UnsupportedError(
                    "mx.optimizer's AdaDelta has no learning rate",
                    where="learning_rate",
                    hint="a rate of 1 and no schedule, or another optimizer",
                )
        elif trainer.learning_rate != learning_rate:
            trainer.set_learning_rate(learning_rate)

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
        trainer = self.training_objects["optimizer"]
        arrays: Arrays = {}
        states = trainer._updaters[0].states
        for name in self.trained():
            index = self.index(name)
            state = states[index] if index in states else self.new_state(name)
            values = self.by_name(state)
            arrays |= {f"{name}/{key}": a.asnumpy() for key, a in values.items()}
        number = self.own_number()
        if number is not None:
            value = getattr(trainer.optimizer, number)
            value = (
                trainer.learning_rate if value is None else value
            )  # before it has one
            arrays[OWN_STATE + number] = in_parts(value, self.target.dtype)
        arrays |= {key: array.asnumpy() for key, array in self.kept().items()}
        if "scaler" in self.training_objects:
            for key in SCALING:
                value = getattr(self.training_objects["scaler"], key.split("/")[1])
                arrays[key] = np.array([value], np.float32)
        return arrays

    def index(self, name: str) -> int:
        """A parameter's index in the trainer."""
        trainer = self.training_objects["optimizer"]
        index: int = trainer._param2idx[self.parameters[name].name]
        return index

    def new_state(self, name: str) -> Native:
        """A parameter's state before the first step."""
        optimizer = self.training_objects["optimizer"].optimizer
        return optimizer.create_state(self.index(name), self.parameters[name].data())

    def by_name(self, state: object) -> dict[str, Native]:
        """The arrays of a parameter's state: several, one or none."""
        names = self.program.state
        if not self.takes_rate:
            kind = type(self.training_objects["optimizer"].optimizer).__name__
            names = ARRAYS.get(kind, names)
        arrays = () if state is None else as_sequence(state)
        return dict(zip(names, arrays))

    def own_number(self) -> str | None:
        """The name of what MXNet's own class keeps besides arrays."""
        kind = type(self.training_objects["optimizer"].optimizer).__name__
        return None if self.takes_rate else NUMBERS.get(kind)

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
            made, index = self.new_state(name), self.index(name)
            for key, array in self.by_name(made).items():
                array[:] = self.copied(state[f"{name}/{key}"])
            updater.states[index], updater.states_synced[index] = made, True
        number = self.own_number()
        if number is not None:
            value = from_parts(state[OWN_STATE + number])
            setattr(trainer.optimizer, number, value)
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
