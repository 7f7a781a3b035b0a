"""The training step as a CUDA graph: one launch where Python makes one an operation.

A GPU runs a small network's operations faster than Python starts them. A graph records
a step's once and replays them (PyTorch's notes, "CUDA semantics", CUDA Graphs). What it
reads and writes are the same tensors each time, so batches and the learning rate are
copied into them, and results copied out.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from dataclasses import replace
from typing import NamedTuple, Protocol

import torch

from polyframe.contract.session import Native, StagedBatch, as_sequence

Result = tuple[torch.Tensor, Native]
"""The loss of a step, and its outputs: a tensor, or a sequence of them."""
Call = Callable[[], Result]
WARM_UP = 3
"""Steps that run without recording first: libraries initialise themselves in them, and
the optimizer makes its states."""


class Recorded(NamedTuple):
    """A recorded step, the tensors it reads and those it leaves its results in."""

    replay: Callable[[], object]
    batch: StagedBatch
    result: Result


class Recorder(Protocol):
    """Runs and records steps."""

    def run(self, call: Call) -> Result:
        """Run a step, its results ready for the caller."""

    def record(self, call: Call) -> tuple[Callable[[], object], Result]:
        """Record a step, which is not run: what replays it, and its results."""


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
        for tensor in results(result):
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
    """A step, recorded once for each kind of batch: its shapes, dtypes and count.

    ``step(batch, learning_rate)`` gives (loss, outputs); ``undo()`` drops what a step
    that failed half-way left in the parameters.
    """

    def __init__(
        self,
        step: Callable[[StagedBatch, Native], Result],
        undo: Callable[[], None],
        device: str,
        recorder: Recorder,
    ) -> None:
        self.step, self.undo, self.recorder = step, undo, recorder
        self.rate = torch.zeros((), device=device)
        self.failed = False
        self.seen: Counter[Hashable] = Counter()
        self.recorded: dict[Hashable, Recorded] = {}

    def __call__(self, batch: StagedBatch, learning_rate: float) -> Result:
        """Take one step; the results are the caller's own."""
        if self.failed:
            return self.step(batch, learning_rate)
        self.rate.fill_(learning_rate)
        key = kind(batch)
        self.seen[key] += 1
        if self.seen[key] <= WARM_UP:
            return self.recorder.run(lambda: detached(self.step(batch, self.rate)))
        if key not in self.recorded:
            recording = self._record(batch)
            if recording is None:
                return self.step(batch, learning_rate)
            self.recorded[key] = recording
        recorded = self.recorded[key]
        for own, given in zip(tensors(recorded.batch), tensors(batch), strict=True):
            own.copy_(given)
        recorded.replay()
        return changed(recorded.result, torch.Tensor.clone)

    def _record(self, batch: StagedBatch) -> Recorded | None:
        """A recording; None, now and from then on, where the step cannot be recorded."""
        own = copied(batch)
        try:
            replay, result = self.recorder.record(
                lambda: detached(self.step(own, self.rate))
            )
        except RuntimeError as error:
            self.failed = True
            self.undo()
            warnings.warn(
                f"the step cannot be a CUDA graph and runs without one: {error}",
                stacklevel=2,
            )
            return None
        return Recorded(replay, own, result)


GROUPS = ("inputs", "targets", "weights", "random_numbers")
"""The fields of a staged batch that hold tensors."""


def tensors(batch: StagedBatch) -> Iterator[torch.Tensor]:
    """All tensors of a batch, in one order."""
    for group in GROUPS:
        yield from getattr(batch, group)


def copied(batch: StagedBatch) -> StagedBatch:
    """The same batch in tensors of its own."""
    groups = {group: [t.clone() for t in getattr(batch, group)] for group in GROUPS}
    return replace(batch, **groups)


def kind(batch: StagedBatch) -> Hashable:
    """What a recording is valid for: shapes, dtypes and the count."""
    return tuple((tuple(t.shape), t.dtype) for t in tensors(batch)), batch.count


def results(result: Result) -> Iterator[torch.Tensor]:
    """The tensors of a step's results."""
    loss, outputs = result
    yield loss
    yield from as_sequence(outputs)


def changed(result: Result, change: Callable[[torch.Tensor], torch.Tensor]) -> Result:
    """The same results with each tensor changed."""
    loss, outputs = result
    if isinstance(outputs, torch.Tensor):
        return change(loss), change(outputs)
    return change(loss), type(outputs)(change(output) for output in outputs)


def detached(result: Result) -> Result:
    """Results that keep no graph of the backward pass alive."""
    return changed(result, torch.Tensor.detach)
