"""Sessions: an opened program on a device, and how to talk to it.

A backend for inference has ``InferenceSession`` alone; one that trains adds
``TrainingSession``, and ``PhasedSession`` where the phases of a step can be timed. A
subclass works in the framework's own layouts (the methods called ``native_…``); the
base turns them into canonical ones, by the program's slots.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import numpy as np

from polyframe.compiler.program import Program, Slot
from polyframe.compiler.table import Target
from polyframe.contract.devices import Device
from polyframe.io.array import Array
from polyframe.spec.layers.base import Shape

Native: TypeAlias = Any
"""A value of the framework: a tensor, a model, a handle."""
Arrays: TypeAlias = dict[str, Array]
"""Arrays by canonical name."""

SCALING = tuple(f"loss_scale/{key}" for key in ("scale", "good_steps", "updates"))
"""What float16's loss scaling adds to the training state: arrays (1,)."""

OWN_STATE = "optimizer/"
"""How keys of the training state begin that belong to the optimizer as a whole: what a
framework's own class keeps besides an array for each parameter. They are vectors in the
dtype of the weights, present before the first step as well, and are read back as they
were written; ``in_parts`` makes one of a number that float32 does not hold."""

BEGAN = f"{OWN_STATE}began"
"""What ``unfreeze`` adds: the step at which the optimizer began, (2,), as
``divmod(step, 2**20)``, which float32 holds exactly."""


def in_parts(number: float, dtype: str) -> Array:
    """A number as a vector (3,) of floats whose sum it is, for ``OWN_STATE``: float32
    holds float64's 53 bits in three parts, unless they are smaller than 1e-38."""
    parts = []
    for _ in range(3):
        part = np.asarray(number, dtype)
        number -= float(part)
        parts.append(part)
    return np.stack(parts)


def from_parts(parts: Array) -> float:
    """The number of ``in_parts``."""
    first, second, third = map(float, parts)
    return first + (second + third)


def without_layout(key: str) -> bool:
    """Whether a key of the training state is of no parameter, so that its array is the
    same in every framework's layout."""
    return key in SCALING or key.startswith(OWN_STATE)


@dataclass(frozen=True, eq=False)
class StagedBatch:
    """A batch on the device, in the framework's order of axes.

    - ``inputs``, ``targets``: a tensor for each input and each output of the program.
    - ``weights``: sample weights (N,), a tensor for each output; none where the program
      takes none.
    - ``random_numbers``: those of the random layers, in the order of ``Program.draws``.
    - ``count``: the number of samples in the whole step, as the program takes it; None
      where it takes none.
    """

    inputs: Sequence[Native]
    targets: Sequence[Native]
    weights: Sequence[Native]
    random_numbers: Sequence[Native]
    count: Native

    @property
    def forward_arguments(self) -> tuple[Native, ...]:
        """What the model is called with: each input, then all random numbers."""
        return (*self.inputs, *([self.random_numbers] if self.random_numbers else []))

    @property
    def step_arguments(self) -> tuple[Native, ...]:
        """The batch's arguments of the program's step. Several inputs, targets or
        weights are one argument, a sequence; one stands alone."""
        groups = [self.inputs, self.targets, *([self.weights] if self.weights else [])]
        alone = (group if len(group) > 1 else group[0] for group in groups)
        random = [self.random_numbers] if self.random_numbers else []
        return (*alone, *random, *([] if self.count is None else [self.count]))


def as_sequence(outputs: Native) -> Sequence[Native]:
    """What a model returned, as a sequence: one output stands alone there."""
    return outputs if isinstance(outputs, (tuple, list)) else (outputs,)


class InferenceSession(abc.ABC):
    """One opened program: a native model on a device.

    Weights and results are NumPy arrays in canonical names and layouts; batches are
    given as ``arrange`` returns them.
    """

    native: Native

    def __init__(
        self, program: Program, target: Target, device: Device, inputs: Sequence[Shape]
    ) -> None:
        """``target`` is what the program was written for; ``inputs`` are the shapes of
        its inputs per sample."""
        self.program, self.target, self.device = program, target, device
        self.inputs = tuple(inputs)
        self.shared = False
        """Whether others hold the native model, and may change it."""

    def hand_out(self) -> Native:
        """The native model for others to hold, who may change it from now on."""
        self.shared = True
        return self.native

    # --- what a backend writes ---------------------------------------------------

    @abc.abstractmethod
    def native_weights(self) -> Arrays:
        """Every weight by canonical name, in the native layout; copies."""

    @abc.abstractmethod
    def set_native_weights(self, weights: Mapping[str, Array]) -> None:
        """Load weights in the native layout, all or some."""

    @abc.abstractmethod
    def tensors(self, arrays: Sequence[Array]) -> Sequence[Native]:
        """Arranged arrays as the framework's own, on the device, in the dtypes that they
        have: floats come in the session's (``cast``), integers as they are."""

    @abc.abstractmethod
    def call(self, arguments: Sequence[Native], training: bool) -> Native:
        """What the model returns for tensors: one output, or a sequence of them. A
        backend that only infers is never asked for ``training``."""

    @abc.abstractmethod
    def read(self, handle: Native) -> Array:
        """Fetch a handle, NumPy in neutral layout; waits for the device."""

    def arrange(self, arrays: Sequence[Array]) -> list[Array]:
        """Arrays in the framework's order of axes: once, before they are cut into
        batches. All other methods take inputs, targets and random numbers arranged."""
        return list(arrays)

    def wait(self) -> None:  # noqa: B027 - optional
        """Until the device has done all that it was asked to, for timing: an update may
        still be under way when the loss of its step has been read."""

    def facts(self) -> dict[str, int | str]:
        """What the framework says of itself: ``threads`` on the CPU, ``version``,
        ``execution`` (how steps run), ``layout`` of images in memory where it is not the
        backend's; on a GPU, where it has them, ``TF32`` (whether float32 may be rounded to
        TF32) and ``autotune`` (whether kernels are chosen by timing them)."""
        return {}

    def seed(self, seed: int) -> None:  # noqa: B027 - optional
        """Seed the framework's own random layers (native semantics)."""

    def draw_weights(self, seed: int) -> bool:
        """Give all weights the values that the framework itself draws when its generator
        is seeded with that (the aspect "initializer"). False, and nothing happens, where
        it has no initializers of its own."""
        return False

    # --- what follows from it ----------------------------------------------------

    def cast(self, arrays: Sequence[Array]) -> list[Array]:
        """Floats in the session's dtype, whatever they came in; integers as they are."""
        dtype = self.target.dtype
        return [
            a.astype(dtype, copy=False) if a.dtype.kind == "f" else a for a in arrays
        ]

    def weights(self) -> Arrays:
        """All canonical arrays, parameters and state; copies."""
        native = self.native_weights()
        return {
            name: slot.to_canonical(native[name])
            for name, slot in self.program.weights.items()
        }

    def set_weights(self, weights: Mapping[str, Array]) -> None:
        """Load canonical arrays (all, or some)."""
        slots = self.program.weights
        self.set_native_weights(
            {name: slots[name].to_native(value) for name, value in weights.items()}
        )

    def forward(
        self,
        inputs: Sequence[Array],
        random_numbers: Sequence[Array] = (),
        training: bool = False,
    ) -> list[Array]:
        """The outputs; random numbers are for training mode. There running statistics may
        change or not (MXNet updates them in the backward pass): load weights before the
        next use."""
        cast = self.cast
        given = random_numbers if training and self.program.draws else ()
        random = [self.tensors(cast(given))] if given else []
        outputs = self.call([*self.tensors(cast(inputs)), *random], training)
        return [self.read(output) for output in as_sequence(outputs)]


class TrainingSession(InferenceSession):
    """An opened program with a step. ``train`` returns handles, which stay on the device
    until ``read`` fetches them."""

    stages_ahead: ClassVar[bool] = True
    """Whether a thread beside the steps may call ``stage``."""

    began: int | None = None
    """The step of the training at which the optimizer began; None: at the first."""

    # --- what a backend writes ---------------------------------------------------

    @abc.abstractmethod
    def train(
        self, batch: StagedBatch, learning_rate: float, last: bool = True
    ) -> tuple[Native, Native]:
        """Train on a staged batch, which is a step or (accumulation) a part of one; the
        weights are updated if it is the step's ``last``. Handles of (its share of the
        step's loss, a scalar; the outputs)."""

    @abc.abstractmethod
    def native_gradients(self, batch: StagedBatch) -> tuple[Native, Native, Arrays]:
        """(loss, outputs, gradients by canonical name in the native layout) of a staged
        batch; changes no weights."""

    @abc.abstractmethod
    def native_state(self) -> Arrays:
        """``training_state`` in the native layout, copies."""

    @abc.abstractmethod
    def set_native_state(self, state: Mapping[str, Array], step: int) -> None:
        """``set_training_state`` in the native layout."""

    @abc.abstractmethod
    def forget(self) -> None:
        """Drop the gradients of an unfinished step (accumulation)."""

    def number(self, count: int) -> Native:
        """A count as the program takes it."""
        return count

    # --- what follows from it ----------------------------------------------------

    def stage(
        self,
        inputs: Sequence[Array],
        targets: Sequence[Array],
        weights: Sequence[Array],
        random_numbers: Sequence[Array],
        count: int,
    ) -> StagedBatch:
        """A batch on the device, from arranged arrays: one array of sample weights (N,)
        for each output if the program takes them; ``count`` samples in the whole step.

        The loop calls this from a thread of its own while the step before runs, if
        ``stages_ahead``.
        """
        cast = self.cast
        return StagedBatch(
            self.tensors(cast(inputs)),
            self.tensors(cast(targets)),
            self.tensors(cast(weights)),
            self.tensors(cast(random_numbers)) if self.program.draws else (),
            self.number(count) if "count" in self.program.takes else None,
        )

    def loss_and_gradients(self, batch: StagedBatch) -> tuple[Native, Native, Arrays]:
        """(loss, outputs, canonical gradients) of a staged batch; changes no weights."""
        loss, outputs, native = self.native_gradients(batch)
        slots = self.program.weights
        gradients = {
            name: slots[name].to_canonical(value) for name, value in native.items()
        }
        return loss, outputs, gradients

    def training_state(self) -> Arrays:
        """What training needs besides weights, canonical: ``<parameter>/<state>``, with
        the optimizer's names and meaning (``program.state``), ``<parameter>/average``
        with ``ema``, ``SCALING`` in float16, the optimizer's ``OWN_STATE``, and ``BEGAN``
        where it began late."""
        state = {
            key: value if without_layout(key) else self._slot(key).to_canonical(value)
            for key, value in self.native_state().items()
        }
        if self.began is not None:
            state[BEGAN] = np.array(divmod(self.began, 2**20), self.target.dtype)
        return state

    def set_training_state(self, state: Mapping[str, Array], step: int) -> None:
        """Restore what ``training_state`` gave after ``step`` optimizer steps; the
        gradients of an unfinished step are dropped."""
        state = dict(state)
        if BEGAN in state:
            high, low = map(int, state.pop(BEGAN))
            self.began = high * 2**20 + low
            step -= self.began
        native = {
            key: value if without_layout(key) else self._slot(key).to_native(value)
            for key, value in state.items()
        }
        self.set_native_state(native, step)

    def _slot(self, key: str) -> Slot:
        """The slot of the parameter that a key of the training state belongs to."""
        return self.program.weights[key.rpartition("/")[0]]


class PhasedSession(TrainingSession):
    """A session whose step can be timed in parts: the ability ``phases``."""

    @abc.abstractmethod
    def run_forward(self, batch: StagedBatch) -> Native:
        """A staged batch's forward pass in training mode: a handle of the (first)
        output, which stays on the device. Running statistics may change."""

    @abc.abstractmethod
    def run_gradients(self, batch: StagedBatch) -> Native:
        """The forward and the backward pass: a handle of the loss. The gradients stay on
        the device; ``forget`` drops them."""
