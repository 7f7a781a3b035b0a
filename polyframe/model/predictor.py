"""What ``predict`` and ``evaluate`` run: the inference program, with folded weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from polyframe.compiler.program import Program
from polyframe.compiler.table import Target
from polyframe.contract.backend import Backend
from polyframe.contract.programs import Inference, write_inference
from polyframe.contract.session import InferenceSession
from polyframe.io.array import Array
from polyframe.spec.model import ModelSpec


@dataclass
class Predictor:
    """The inference program of a model and, on first use, a session of it."""

    spec: ModelSpec
    backend: Backend
    target: Target
    open: Callable[[Program, Target], InferenceSession]
    state: int | None = None  # the number of the weights that the session has

    @cached_property
    def written(self) -> Inference:
        """The program, and how its weights come from the model's."""
        return write_inference(
            self.spec, self.backend, self.target, self.target.optimize
        )

    @property
    def source(self) -> str:
        """The inference program, as text."""
        return self.written.program.source

    @cached_property
    def session(self) -> InferenceSession:
        """A session of its own, which nobody trains."""
        return self.open(self.written.program, self.written.target)

    def at(
        self, state: int | None, weights: Callable[[], Mapping[str, Array]]
    ) -> InferenceSession:
        """The session with these weights, which are loaded only if ``state`` differs from
        the last call's, or is None."""
        if state is None or state != self.state:
            self.session.set_weights(self.written.weights(weights()))
            self.state = state
        return self.session
