"""Running TensorFlow programs: arrays, weights, the step."""

from __future__ import annotations

import importlib
import math
import os
import random
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence

import numpy as np

from polyframe.backends.tf.framework import tf
from polyframe.backends.tf.optimizers import OWN_STATES, STATES
from polyframe.compiler.program import Program
from polyframe.compiler.table import Target
from polyframe.contract.devices import Device, keep_memory
from polyframe.contract.module_session import ModuleSession, ModuleTrainingSession
from polyframe.contract.session import (
    OWN_STATE,
    SCALING,
    Arrays,
    Native,
    PhasedSession,
    StagedBatch,
    as_sequence,
)
from polyframe.io.array import Array
from polyframe.spec.layers.base import Shape

PRODUCT = f"{OWN_STATE}product"
"""The key of the product of Nadam's momenta, which Keras's own keeps."""


class TensorFlowSession(ModuleSession):
    """A TensorFlow program on one device."""

    def __init__(
        self, program: Program, target: Target, device: Device, inputs: Sequence[Shape]
    ) -> None:
        super().__init__(program, target, device, inputs)
        self.variables = {
            name: self._find(slot.path) for name, slot in program.weights.items()
        }
        self._call = {
            training: tf.function(self._caller(training), autograph=False)
            for training in (False, True)
        }

    def build(self) -> Native:
        keep_memory()
        target = self.target
        if not target.native("tf32"):
            # TF32 rounds inputs to 10 bits, which aligned float32 does not allow.
            tf.config.experimental.enable_tensor_float_32_execution(False)
        self.dtype = tf.as_dtype(target.dtype)
        policy = tf.keras.config.dtype_policy()
        low = f"mixed_{target.precision}" if target.precision else target.dtype
        tf.keras.config.set_dtype_policy(low)
        try:
            with tf.device(self.device.name):
                self.native = getattr(self.module, self.program.entry)()
                for path, shape in self.program.built.items():
                    layer = self._find(path)
                    if not layer.built:
                        # Keras refuses images smaller than the kernel, but programs
                        # pad them before the layer: so their size is left open.
                        known: tuple[int | None, ...] = shape
                        if hasattr(layer, "kernel_size"):
                            known = (*[None] * (len(shape) - 1), shape[-1])
                        layer.build((None, *known))
                        layer.built = True
        finally:
            tf.keras.config.set_dtype_policy(policy)
        return self.native

    @staticmethod
    def release(module: str) -> None:
        private = importlib.import_module("keras.src.saving.object_registration")
        names = private.GLOBAL_CUSTOM_NAMES
        for registry in (tf.keras.utils.get_custom_objects(), names):
            for key, value in list(registry.items()):
                if module in (getattr(each, "__module__", "") for each in (key, value)):
                    del registry[key]

    def hand_out(self) -> Native:
        if not self.native.built:  # Keras saves the shape of its first call
            x = [np.zeros((1, *shape)) for shape in self.inputs]
            self.forward(self.arrange(x))
        # Programs of one name have one key: it is for the one that is in use.
        kind = type(self.native)
        name = tf.keras.utils.get_registered_name(kind)
        tf.keras.utils.get_custom_objects()[name] = kind
        return super().hand_out()

    def _caller(self, training: bool) -> Callable[..., Native]:
        native = self.native
        return lambda *arguments: native(*arguments, training=training)

    def _find(self, path: str) -> Native:
        """The layer or variable at a path below the model."""
        member = self.native
        for part in path.split("."):
            member = member[int(part)] if part.isdigit() else getattr(member, part)
        return member

    def arrange(self, arrays: Sequence[Array]) -> list[Array]:
        return [
            np.ascontiguousarray(np.moveaxis(a, 1, -1)) if a.ndim > 2 else a
            for a in arrays
        ]

    def tensors(self, arrays: Sequence[Array]) -> tuple[Native, ...]:
        with tf.device(self.device.name):
            return tuple(tf.convert_to_tensor(array) for array in arrays)

    def native_weights(self) -> Arrays:
        return {name: to_numpy(variable) for name, variable in self.variables.items()}

    def set_native_weights(self, weights: Mapping[str, Array]) -> None:
        for name, value in weights.items():
            self.variables[name].assign(value)

    def call(self, arguments: Sequence[Native], training: bool) -> Native:
        with tf.device(self.device.name):
            outputs = self._call[training](*arguments)
        return [tf.cast(output, self.dtype) for output in as_sequence(outputs)]

    def read(self, handle: Native) -> Array:
        array: Array = handle.numpy()
        return np.moveaxis(array, -1, 1) if array.ndim > 2 else array

    def facts(self) -> dict[str, int | str]:
        count = tf.config.threading.get_intra_op_parallelism_threads()
        facts: dict[str, int | str] = {
            "threads": count,
            "version": tf.__version__,
            "execution": "tf.function",
        }
        if self.device.is_gpu:
            tf32 = tf.config.experimental.tensor_float_32_execution_enabled()
            facts["TF32"] = tf32
            facts["autotune"] = os.environ.get("TF_CUDNN_USE_AUTOTUNE", "1") != "0"
        return facts

    def seed(self, seed: int) -> None:
        # Keras's random layers keep generators of their own.
        for index, layer in enumerate(self.native._flatten_layers()):
            generator = getattr(layer, "seed_generator", None)
            if generator is not None:
                generator.state.assign([seed, index])

    def draw_weights(self, seed: int) -> bool:
        own, before = self.native, random.getstate()
        random.seed(seed)  # Keras's initializers take their seeds from it
        try:
            drawn = self.build()
        finally:
            self.native = own
            random.setstate(before)
        for variable, value in zip(own.variables, drawn.variables, strict=True):
            variable.assign(value)
        return True


class TensorFlowTrainingSession(
    TensorFlowSession, ModuleTrainingSession, PhasedSession
):
    """A TensorFlow program with a step."""

    # A thread that copies during a step disturbs TensorFlow's own threads: a step took
    # 1.036 times as long as the plain program's with it, 1.016 times without (simple_cnn,
    # two cores).
    stages_ahead = False

    def __init__(
        self, program: Program, target: Target, device: Device, inputs: Sequence[Shape]
    ) -> None:
        super().__init__(program, target, device, inputs)
        self._numbers: dict[float, Native] = {}
        self._rate: float | None = None  # what Keras's own optimizer has
        # A function of its own for each model: one for all would keep every model's
        # graphs alive.
        self._train_step = self.module.train_step.python_function
        self._traced: dict[Hashable, Native] = {}
        self._gradients = tf.function(self.module.loss_and_gradients, autograph=False)

    def number(self, count: float) -> Native:
        if count not in self._numbers:  # most steps have the count and rate of the last
            if len(self._numbers) >= 8:
                self._numbers.clear()
            with tf.device(self.device.name):
                self._numbers[count] = tf.constant(count, self.dtype)
        return self._numbers[count]

    def begin(self) -> None:
        floatx, self._rate = tf.keras.config.floatx(), None
        tf.keras.config.set_floatx(self.target.dtype)  # Keras's learning rate is in it
        try:
            with tf.device(self.device.name):
                super().begin()
        finally:
            tf.keras.config.set_floatx(floatx)

    def set_rate(self, learning_rate: float) -> None:
        if learning_rate == self._rate:
            return
        optimizer, self._rate = self.training_objects["optimizer"], learning_rate
        if hasattr(optimizer, "groups"):
            optimizer.set_rate(learning_rate)
        else:
            optimizer.learning_rate.assign(learning_rate)

    def train(
        self, batch: StagedBatch, learning_rate: float, last: bool = True
    ) -> tuple[Native, Native]:
        self.begin_once()
        rate = []
        if self.takes_rate:
            rate.append(self.number(learning_rate))
        else:
            self.set_rate(learning_rate)
        with tf.device(self.device.name):
            step = self._step_for(batch, rate, last)
            loss, outputs = step(*batch.step_arguments, *rate)
        return loss, outputs

    def _step_for(self, batch: StagedBatch, rate: list[Native], last: bool) -> Native:
        """The step's graph for batches of that size. It takes tensors alone and is cached
        here: with a ``tf.function`` that also takes the model and looks up the graph by
        all its arguments, a step of simple_cnn took 1.03 times as long."""
        key = (batch.inputs[0].shape[0], batch.targets[0].dtype, last)
        if key not in self._traced:
            last_argument = () if last else (False,)
            count = len(batch.step_arguments)

            def step(*given: Native) -> Native:
                objects = self.training_objects.values()
                of_batch, rates = given[:count], given[count:]
                return self._train_step(
                    self.native, *of_batch, *objects, *rates, *last_argument
                )

            function = tf.function(step, autograph=False)
            self._traced[key] = function.get_concrete_function(
                *batch.step_arguments, *rate
            )
        return self._traced[key]

    def native_gradients(self, batch: StagedBatch) -> tuple[Native, Native, Arrays]:
        with tf.device(self.device.name):
            loss, outputs, native = self._gradients(self.native, *batch.step_arguments)
        gradients = self._by_name(native).items()
        return loss, outputs, {name: to_numpy(value) for name, value in gradients}

    def _by_name(
        self, values: Sequence[Native], trained: Sequence[Native] | None = None
    ) -> dict[str, Native]:
        """Values in the order of the trained variables (or those given), by canonical
        name."""
        if trained is None:
            trained = self.native.trainable_variables
        by_variable = {id(v): value for v, value in zip(trained, values, strict=True)}
        return {
            name: by_variable[id(variable)]
            for name, variable in self.variables.items()
            if id(variable) in by_variable
        }

    def arrays_of(self, name: str) -> dict[str, Native]:
        return self._by_name(self.training_objects[name].values)

    def _states(self) -> dict[str, Native]:
        """``<parameter>/<state>`` → the variable that holds it."""
        self.begin_once()
        states = {
            f"{name}/{key}": variable
            for key in self.program.state
            for arrays, trained in self._arrays(key)
            for name, variable in self._by_name(arrays, trained).items()
        }
        return states | self.kept()

    def _arrays(self, key: str) -> Iterator[tuple[list[Native], list[Native]]]:
        """The variables that hold an array of that canonical name, and those that they
        are for, for each optimizer."""
        for optimizer, trained in self._optimizers():
            if isinstance(optimizer, tf.keras.optimizers.Optimizer):
                ends = OWN_STATES.get(type(optimizer).__name__, {})
                end = f"_{ends.get(key, key)}"
                yield [v for v in optimizer.variables if v.name.endswith(end)], trained
            else:
                yield list(getattr(optimizer, STATES.get(key, key))), trained

    def _optimizers(self) -> list[tuple[Native, list[Native]]]:
        """The optimizer and the variables that it trains: several where groups of
        variables have factors of their own."""
        optimizer = self.training_objects["optimizer"]
        trained = list(self.native.trainable_variables)
        if not hasattr(optimizer, "groups"):
            return [(optimizer, trained)]
        return [(own, [trained[i] for i in rows]) for rows, _, own in optimizer.groups]

    def _scaling(self) -> dict[str, Native]:
        """The variables of float16's loss scaling, if there is any."""
        if "scaler" not in self.training_objects:
            return {}
        return {
            key: getattr(self.training_objects["scaler"], key.split("/")[1])
            for key in SCALING
        }

    def _products(self) -> list[Native]:
        """The product of Nadam's momenta, which Keras's own keeps: one and the same in
        each group of variables."""
        optimizers = (optimizer for optimizer, _ in self._optimizers())
        return [o._u_product for o in optimizers if hasattr(o, "_u_product")]

    def native_state(self) -> Arrays:
        arrays = {key: to_numpy(variable) for key, variable in self._states().items()}
        for key, variable in self._scaling().items():
            arrays[key] = np.array([variable.numpy()], np.float32)
        for product in self._products():
            arrays[PRODUCT] = to_numpy(product).reshape(1)
        return arrays

    def set_native_state(self, state: Mapping[str, Array], step: int) -> None:
        for key, variable in self._states().items():
            variable.assign(state[key])
        for key, variable in self._scaling().items():
            variable.assign(tf.cast(state[key].item(), variable.dtype))
            step = int(variable) if key.endswith("/updates") else step
        for product in self._products():
            product.assign(state[PRODUCT].item())
        for optimizer, _ in self._optimizers():
            if isinstance(optimizer, tf.keras.optimizers.Optimizer):
                optimizer.iterations.assign(step)
            if hasattr(optimizer, "step"):  # a plug-in's optimizer may not count steps
                optimizer.step.assign(step)
            if hasattr(optimizer, "product"):  # of NAdam's momenta
                momenta = map(optimizer.momentum, range(1, step + 1))
                optimizer.product.assign(math.prod(momenta))
        self.forget()

    def forget(self) -> None:
        if "sums" in self.training_objects:
            self.training_objects["sums"].clear()

    def run_forward(self, batch: StagedBatch) -> Native:
        with tf.device(self.device.name):
            return as_sequence(self._call[True](*batch.forward_arguments))[0]

    def run_gradients(self, batch: StagedBatch) -> Native:
        with tf.device(self.device.name):
            return self._gradients(self.native, *batch.step_arguments)[0]


def to_numpy(tensor: Native) -> Array:
    """A tensor's or a variable's numbers, as an array of their own."""
    array: Array = tensor.numpy()
    return array.copy()
