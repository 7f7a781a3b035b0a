"""The training step as a CUDA graph: one launch where Python makes one an operation.

A GPU runs a small network's operations faster than Python starts them. A graph records
a step's once and replays them (PyTorch's notes, "CUDA semantics", CUDA Graphs). What it
reads and writes are the same tensors each time, so batches and the learning rate are
copied into them, and results out of them.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch

Result = tuple[torch.Tensor, Any]
Call = Callable[[], Result]
WARM_UP = 3
"""Steps that are run as they are before one is recorded: libraries set themselves up
in them, and the optimizer makes its states."""


class Recorded(NamedTuple):
    """A recorded step, the tensors it reads and those it leaves its results in."""

    replay: Callable[[], object]
    batch: Any
    result: Result


class CudaRecorder:
    """Runs and records on a stream of its own, as capturing asks for."""

    def __init__(self, device: str) -> None:
        self.stream = torch.cuda.Stream(device)

    def run(self, call: Call) -> Result:
        """Run a step, its results ready for the current stream."""
        current = torch.cuda.current_stream(self.stream.device)
        self.stream.wait_stream(current)
        with torch.cuda.stream(self.stream):
            result = call()
        current.wait_stream(self.stream)
        for tensor in tensors(result):
            tensor.record_stream(current)
        return result

    def record(self, call: Call) -> tuple[Callable[[], object], Result]:
        """Record a step, which is not run."""
        graph = torch.cuda.CUDAGraph()
        # Another thread may be staging the next batch.
        with torch.cuda.graph(
            graph, stream=self.stream, capture_error_mode="thread_local"
        ):
            result = call()
        return graph.replay, result


class Graphs:
    """A step that is recorded for each kind of batch: its shapes, dtypes and count.

    ``step(batch, learning_rate)`` gives (loss, outputs); ``undo()`` drops what a step
    that failed half-way left in the parameters.
    """

    def __init__(
        self,
        step: Callable[[Any, Any], Result],
        undo: Callable[[], None],
        device: str,
        recorder: Any,
    ) -> None:
        self.step, self.undo, self.recorder = step, undo, recorder
        self.rate = torch.zeros((), device=device)
        self.failed = False
        self.seen: Counter[Any] = Counter()
        self.recorded: dict[Any, Recorded] = {}

    def __call__(self, batch: Any, learning_rate: float) -> Result:
        """Take one step; the results are the caller's own."""
        if self.failed:
            return self.step(batch, learning_rate)
        self.rate.fill_(learning_rate)
        key = kind(batch)
        self.seen[key] += 1
        if self.seen[key] <= WARM_UP:
            return self.recorder.run(lambda: detached(self.step(batch, self.rate)))
        if key not in self.recorded:
            found = self._record(batch)
            if found is None:
                return self.step(batch, learning_rate)
            self.recorded[key] = found
        recorded = self.recorded[key]
        for held, given in zip(tensors(recorded.batch), tensors(batch), strict=True):
            held.copy_(given)
        recorded.replay()
        return changed(recorded.result, torch.Tensor.clone)

    def _record(self, batch: Any) -> Recorded | None:
        """A recording; None, and never one again, where the step cannot be recorded."""
        held = changed(batch, torch.Tensor.clone)
        try:
            replay, result = self.recorder.record(
                lambda: detached(self.step(held, self.rate))
            )
        except RuntimeError as error:
            self.failed = True
            self.undo()
            warnings.warn(
                f"the step cannot be a CUDA graph and runs without one: {error}",
                stacklevel=2,
            )
            return None
        return Recorded(replay, held, result)


def tensors(value: Any) -> Iterator[torch.Tensor]:
    """The tensors in nested lists and tuples."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from tensors(item)


def changed(value: Any, change: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    """The same with each tensor changed."""
    if isinstance(value, torch.Tensor):
        return change(value)
    if isinstance(value, (list, tuple)):
        return type(value)(changed(item, change) for item in value)
    return value


def detached(result: Result) -> Result:
    """Results that keep no graph of the backward pass alive."""
    found: Result = changed(result, torch.Tensor.detach)
    return found


def kind(value: Any) -> Any:
    """What a recording is good for: shapes, dtypes, and numbers as they are."""
    if isinstance(value, torch.Tensor):
        return tuple(value.shape), value.dtype
    if isinstance(value, (list, tuple)):
        return tuple(kind(item) for item in value)
    return value
