"""Running TensorFlow programs: devices, arrays, weights, the step."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from polyframe.backends.tf.optimizers import STATES
from polyframe.compiler.program import Program
from polyframe.compiler.table import Target
from polyframe.contract.devices import keep_memory, pick, threads
from polyframe.contract.modules import load
from polyframe.contract.session import SCALING, Session


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what TensorFlow's C++ prints while it starts off the user's terminal."""
    try:
        kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    except OSError:  # stderr is closed
        yield
        return
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
with _quiet():
    import tensorflow as tf

    for _gpu in tf.config.list_physical_devices("GPU"):
        # Otherwise TensorFlow takes all of the memory at once, also from others.
        with contextlib.suppress(RuntimeError):
            tf.config.experimental.set_memory_growth(_gpu, True)
    with contextlib.suppress(RuntimeError):  # somebody has used TensorFlow before us
        tf.config.threading.set_intra_op_parallelism_threads(threads())
    tf.config.list_logical_devices()
# Each model traces functions of its own; TensorFlow takes that for careless retracing.
tf.get_logger().setLevel("ERROR")


def devices() -> tuple[str, ...]:
    """``/CPU:0``, ``/GPU:0``, …"""
    gpus = len(tf.config.list_physical_devices("GPU"))
    return ("/CPU:0", *(f"/GPU:{i}" for i in range(gpus)))


def resolve_device(device: str) -> str:
    """``/CPU:0`` or ``/GPU:i``."""
    index = pick(device, len(devices()) - 1, "TensorFlow")
    return "/CPU:0" if index is None else f"/GPU:{index}"


class TensorFlowSession(Session):
    """A TensorFlow program on one device."""

    # A thread that copies beside a step disturbs TensorFlow's own threads: a step cost
    # 1.036 of the bare one with it and 1.016 without (simple_cnn, two cores).
    stages_ahead = False
    splits = True

    def __init__(
        self, program: Program, target: Target, device: str, inputs: int
    ) -> None:
        keep_memory()
        if target.semantics == "aligned":
            # TF32 rounds inputs to 10 bits: not what aligned float32 means.
            tf.config.experimental.enable_tensor_float_32_execution(False)
        self.program, self.device = program, device
        self.several = inputs > 1
        self.numbers: dict[float, Any] = {}
        self.dtype = tf.as_dtype(target.dtype)
        self.module = load(program)
        policy = tf.keras.config.dtype_policy()
        low = f"mixed_{target.precision}" if target.precision else target.dtype
        tf.keras.config.set_dtype_policy(low)
        try:
            with tf.device(device):
                self.native = getattr(self.module, program.entry)()
                for path, shape in program.built.items():
                    layer = self._find(path)
                    if not layer.built:
                        # Keras refuses images smaller than a kernel, which programs
                        # pad before the layer sees them: their size stays open.
                        known: tuple[int | None, ...] = shape
                        if hasattr(layer, "kernel_size"):
                            known = (*[None] * (len(shape) - 1), shape[-1])
                        layer.build((None, *known))
                        layer.built = True
        finally:
            tf.keras.config.set_dtype_policy(policy)
        self.variables = {
            name: self._find(slot.path) for name, slot in program.weights.items()
        }
        if hasattr(self.module, "freeze"):
            self.module.freeze(self.native)
        self.kept: dict[str, Any] = {}
        step = getattr(self.module, "train_step", None)
        if step is not None:
            # A function of its own for each model: one for all would keep every
            # model's graphs alive.
            self.step = step.python_function
            self.traced: dict[Any, Any] = {}
            self.gradient = tf.function(self.module.loss_and_gradients, autograph=False)
        self.call = {
            training: tf.function(self._caller(training), autograph=False)
            for training in (False, True)
        }

    def _caller(self, training: bool) -> Any:
        native = self.native
        return lambda *arguments: native(*arguments, training=training)

    def _find(self, path: str) -> Any:
        found = self.native
        for part in path.split("."):
            found = found[int(part)] if part.isdigit() else getattr(found, part)
        return found

    def arrange(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [
            np.ascontiguousarray(np.moveaxis(a, 1, -1)) if a.ndim > 2 else a
            for a in arrays
        ]

    def tensors(self, arrays: Sequence[np.ndarray]) -> tuple[Any, ...]:
        with tf.device(self.device):
            return tuple(
                tf.convert_to_tensor(a, self.dtype if a.dtype.kind == "f" else None)
                for a in arrays
            )

    def set_weights(self, weights: Mapping[str, np.ndarray]) -> None:
        for name, value in weights.items():
            slot = self.program.weights[name]
            self.variables[name].assign(slot.to_native(value))

    def weights(self) -> dict[str, np.ndarray]:
        found = {}
        for name, slot in self.program.weights.items():
            value = self.variables[name].numpy()
            found[name] = slot.to_canonical(value).copy()
        return found

    def forward(
        self,
        inputs: Sequence[np.ndarray],
        draws: Sequence[np.ndarray] = (),
        training: bool = False,
    ) -> list[np.ndarray]:
        extra = [self.tensors(draws)] if self.program.draws else []
        with tf.device(self.device):
            outputs = self.call[training](*self.tensors(inputs), *extra)
        outputs = outputs if isinstance(outputs, (tuple, list)) else (outputs,)
        return [self.read(tf.cast(output, self.dtype)) for output in outputs]

    def number(self, count: float) -> Any:
        if count not in self.numbers:  # most steps take those of the last one
            if len(self.numbers) >= 8:
                self.numbers.clear()
            with tf.device(self.device):
                self.numbers[count] = tf.constant(count, self.dtype)
        return self.numbers[count]

    def loss_and_gradients(self, batch: Any) -> tuple[Any, Any, dict[str, np.ndarray]]:
        with tf.device(self.device):
            loss, outputs, native = self.gradient(self.native, *batch)
        found = {}
        for name, gradient in self._by_name(native).items():
            slot = self.program.weights[name]
            found[name] = slot.to_canonical(gradient.numpy()).copy()
        return loss, outputs, found

    def train(
        self, batch: Any, learning_rate: float, last: bool = True
    ) -> tuple[Any, Any]:
        if not self.kept:
            self._begin()
        rate = self.number(learning_rate)
        with tf.device(self.device):
            found: tuple[Any, Any] = self._trace(batch, rate, last)(*batch, rate)
        return found

    def _trace(self, batch: Any, rate: Any, last: bool) -> Any:
        """The step's graph for batches of that size. It takes tensors alone, and is
        kept here: a ``tf.function`` that is also given the model and looks for the
        graph by all its arguments took 1.03 of a step of simple_cnn."""
        x, y = (part[0] if isinstance(part, tuple) else part for part in batch[:2])
        key = (x.shape[0], y.dtype, last)
        if key not in self.traced:
            more = () if last else (False,)

            def step(*given: Any) -> Any:
                kept = self.kept.values()
                return self.step(self.native, *given[:-1], *kept, given[-1], *more)

            function = tf.function(step, autograph=False)
            self.traced[key] = function.get_concrete_function(*batch, rate)
        return self.traced[key]

    def _begin(self) -> None:
        """What stays from step to step, as before the first one: it takes the weights
        of this moment, so it is made late."""
        with tf.device(self.device):
            for name in ("optimizer", "sums", "average"):
                make = getattr(self.module, f"make_{name}", None)
                if make is not None:
                    self.kept[name] = make(self.native)
            if hasattr(self.module, "make_scaler"):
                self.kept["scaler"] = self.module.make_scaler()

    def _by_name(self, values: Sequence[Any]) -> dict[str, Any]:
        """Values in the order of the trained variables, by canonical name."""
        trained = self.native.trainable_variables
        by_variable = {id(v): value for v, value in zip(trained, values, strict=True)}
        return {
            name: by_variable[id(variable)]
            for name, variable in self.variables.items()
            if id(variable) in by_variable
        }

    def _states(self) -> dict[str, tuple[str, Any]]:
        """``<parameter>/<state>`` → (the parameter, the variable that holds it)."""
        if not self.kept:
            self._begin()
        lists = {
            key: getattr(self.kept["optimizer"], STATES[key])
            for key in self.program.state
        }
        if "average" in self.kept:
            lists["average"] = self.kept["average"].values
        return {
            f"{name}/{key}": (name, variable)
            for key, variables in lists.items()
            for name, variable in self._by_name(variables).items()
        }

    def training_state(self) -> dict[str, np.ndarray]:
        found = {
            key: self.program.weights[name].to_canonical(variable.numpy()).copy()
            for key, (name, variable) in self._states().items()
        }
        for key, variable in self._scaling().items():
            found[key] = np.array([variable.numpy()], np.float32)
        return found

    def _scaling(self) -> dict[str, Any]:
        """The variables of float16's loss scaling, if there is any."""
        if "scaler" not in self.kept:
            return {}
        return {key: getattr(self.kept["scaler"], key.split("/")[1]) for key in SCALING}

    def forget(self) -> None:
        if "sums" in self.kept:
            self.kept["sums"].clear()

    def set_training_state(self, state: Mapping[str, np.ndarray], step: int) -> None:
        for key, (name, variable) in self._states().items():
            variable.assign(self.program.weights[name].to_native(state[key]))
        for key, variable in self._scaling().items():
            variable.assign(tf.cast(state[key].item(), variable.dtype))
            step = int(variable) if key.endswith("/updates") else step
        optimizer = self.kept["optimizer"]
        optimizer.step.assign(step)
        if hasattr(optimizer, "product"):  # of NAdam's momenta
            momenta = map(optimizer.momentum, range(1, step + 1))
            optimizer.product.assign(math.prod(momenta))
        self.forget()

    def read(self, handle: Any) -> np.ndarray:
        array: np.ndarray = handle.numpy()
        return np.moveaxis(array, -1, 1) if array.ndim > 2 else array

    def run_forward(self, batch: Any) -> Any:
        inputs, draws = self.split(batch)
        with tf.device(self.device):
            outputs = self.call[True](*inputs, *draws)
        return outputs[0] if isinstance(outputs, (tuple, list)) else outputs

    def run_gradients(self, batch: Any) -> Any:
        with tf.device(self.device):
            return self.gradient(self.native, *batch)[0]

    def facts(self) -> dict[str, Any]:
        found = tf.config.threading.get_intra_op_parallelism_threads()
        return {"threads": found, "version": tf.__version__}

    def seed(self, seed: int) -> None:
        # Keras's random layers keep generators of their own.
        for index, layer in enumerate(self.native._flatten_layers()):
            generator = getattr(layer, "seed_generator", None)
            if generator is not None:
                generator.state.assign([seed, index])
