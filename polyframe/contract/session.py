"""Sessions: an opened program on a device, and how to talk to it."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from polyframe.compiler.program import Program

Native = Any
"""A value of the framework: a tensor, a model."""


SCALING = tuple(f"loss_scale/{key}" for key in ("scale", "good_steps", "updates"))
"""What float16's loss scaling adds to the training state: arrays (1,)."""


class Session(abc.ABC):
    """One opened program: a native model on a device, and how to talk to it.

    Weights and results cross this line as NumPy in canonical names and layouts; batches
    go in as ``arrange`` leaves them, and ``train`` returns handles, which stay on the
    device until ``read`` fetches them.
    """

    native: Native
    device: str
    program: Program
    several: bool  # whether the model has more than one input
    shared: bool = False  # whether others hold the native model, and may change it
    stages_ahead: ClassVar[bool] = True  # whether a thread may call ``stage``
    splits: ClassVar[bool] = False  # whether the two ``run_…`` below are there

    def arrange(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Arrays in the framework's order of axes: once, before they are cut into
        batches. All other methods take inputs, targets and draws arranged."""
        return list(arrays)

    @abc.abstractmethod
    def set_weights(self, weights: Mapping[str, np.ndarray]) -> None:
        """Load canonical arrays (all, or some)."""

    @abc.abstractmethod
    def weights(self) -> dict[str, np.ndarray]:
        """All canonical arrays, parameters and state."""

    @abc.abstractmethod
    def forward(
        self,
        inputs: Sequence[np.ndarray],
        draws: Sequence[np.ndarray] = (),
        training: bool = False,
    ) -> list[np.ndarray]:
        """The outputs. In training mode running statistics may change or not (MXNet
        updates them in the backward pass): load weights before the next use."""

    @abc.abstractmethod
    def loss_and_gradients(
        self, batch: Native
    ) -> tuple[Native, Native, dict[str, np.ndarray]]:
        """(loss, outputs, canonical gradients) of a staged batch; changes no weights."""

    @abc.abstractmethod
    def tensors(self, arrays: Sequence[np.ndarray]) -> Sequence[Native]:
        """Arranged arrays as the framework's own, on the device."""

    def number(self, count: int) -> Native:
        """A count as the program takes it."""
        return count

    def stage(
        self,
        inputs: Sequence[np.ndarray],
        targets: Sequence[np.ndarray],
        weights: Sequence[np.ndarray],
        draws: Sequence[np.ndarray],
        count: int,
    ) -> Native:
        """A batch as ``train`` takes it, on the device: one array of samples' weights
        for each output if the program takes them, and the samples of the whole step.

        The loop calls this from a thread of its own while the step before runs, if
        ``stages_ahead``.
        """
        x, y = self.tensors(inputs), self.tensors(targets)
        extra = []
        if len(weights):
            w = self.tensors(weights)
            extra.append(w if len(y) > 1 else w[0])
        if self.program.draws:
            extra.append(self.tensors(draws))
        x_ = x if self.several else x[0]
        return (x_, y if len(y) > 1 else y[0], *extra, self.number(count))

    @abc.abstractmethod
    def train(
        self, batch: Native, learning_rate: float, last: bool = True
    ) -> tuple[Native, Native]:
        """A staged batch's part of a step, with the update if it is the step's last;
        handles of (its part of the loss, outputs), the loss being one number."""

    @abc.abstractmethod
    def training_state(self) -> dict[str, np.ndarray]:
        """What training keeps besides weights, canonical: ``<parameter>/<state>``, with
        the optimizer's names and meaning (``program.state``) or ``average``."""

    @abc.abstractmethod
    def set_training_state(self, state: Mapping[str, np.ndarray], step: int) -> None:
        """Take back what ``training_state`` gave after that many steps; a step that had
        begun is forgotten."""

    @abc.abstractmethod
    def forget(self) -> None:
        """Drop the gradients of a step that was begun and not ended (accumulation)."""

    @abc.abstractmethod
    def read(self, handle: Native) -> np.ndarray:
        """Fetch a handle, NumPy in neutral layout; waits for the device."""

    def wait(self) -> None:  # noqa: B027 - optional
        """Until the device has done all that it was asked to, for timing: an update may
        still be under way when the loss of its step has been read."""

    def run_forward(self, batch: Native) -> Native:
        """A staged batch's forward pass in training mode, for timing it: a handle of the
        (first) output, which stays on the device. Running statistics may change."""
        raise NotImplementedError

    def run_gradients(self, batch: Native) -> Native:
        """The forward and the backward pass, for timing them: a handle of the loss. The
        gradients stay on the device; ``forget`` drops them."""
        raise NotImplementedError

    def facts(self) -> dict[str, Any]:
        """What the framework says of itself: ``threads`` on the CPU, ``version``."""
        return {}

    def split(self, batch: Native) -> tuple[Sequence[Native], Sequence[Native]]:
        """The inputs of a staged batch, and the draws as the program takes them."""
        x = batch[0] if self.several else [batch[0]]
        return list(x), [batch[-2]] if self.program.draws else []

    def seed(self, seed: int) -> None:  # noqa: B027 - optional
        """Seed the framework's own random layers (native semantics)."""
