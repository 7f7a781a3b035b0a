"""The step as a CUDA graph: what is recorded when, and that results are the eager ones.

No GPU is needed: the recorder is replaced by one that keeps CUDA's rules on the CPU.
Recording runs nothing, and a replay reads and writes the recorded step's own tensors.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

import polyframe as pf
from polyframe.backends.pytorch.graphs import WARM_UP, Graphs, kind, results
from polyframe.compiler.table import Target
from polyframe.contract.devices import Device
from polyframe.contract.programs import make_step, write_programs
from polyframe.contract.registry import get
from polyframe.contract.session import StagedBatch
from polyframe.spec.settings import Training

RATE = 2.0**-6  # the same in every float


class Recorder:
    """CUDA's rules on the CPU."""

    def __init__(self, session, fails=False):
        self.session, self.fails = session, fails
        self.runs = self.records = self.replays = 0

    def run(self, call):
        self.runs += 1
        return call()

    def record(self, call):
        self.records += 1
        held = [tensor.detach().clone() for tensor in self._state()]
        result = call()
        for tensor, value in zip(self._state(), held, strict=True):
            tensor.detach().copy_(value)
        if self.fails:
            for parameter in self.session.native.parameters():
                parameter.grad = torch.ones_like(parameter)  # as half a step leaves
            raise RuntimeError("operation not permitted when stream is capturing")

        def replay():
            self.replays += 1
            for mine, new in zip(results(result), results(call()), strict=True):
                mine.copy_(new)

        return replay, result

    def _state(self):
        native, optimizer = (
            self.session.native,
            self.session.training_objects["optimizer"],
        )
        yield from native.state_dict(keep_vars=True).values()
        for state in optimizer.state.values():
            yield from (v for v in state.values() if isinstance(v, torch.Tensor))


def spec():
    return pf.Sequential(
        [
            pf.Conv2D(4, 3, padding=1),
            pf.BatchNorm(),
            pf.ReLU(),
            pf.Dropout(0.3),
            pf.Flatten(),
            pf.Dense(3),
        ],
        (2, 4, 4),
        name="graphed",
    )


def model(optimizer):
    return pf.compile(
        spec(), "torch", loss="cross_entropy", optimizer=optimizer, device="cpu"
    )


def graphed(made, fails=False):
    """The model, its steps recorded."""
    session = made.engine.session
    session.begin()
    recorder = Recorder(session, fails)
    session.graphs = Graphs(session.take_step, session.forget, "cpu", recorder)
    return recorder


def batches(sizes):
    random = np.random.default_rng(5)
    for size in sizes:
        x = random.normal(size=(size, 2, 4, 4)).astype("float32")
        yield x, random.integers(0, 3, size)


OPTIMIZERS = [pf.Adam(RATE), pf.AdamW(RATE), pf.SGD(RATE, momentum=0.5)]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: o.type)
def test_replayed_steps_are_the_eager_ones(optimizer):
    """Losses and weights, with two sizes of batches and a rate that changes."""
    eager, recorded = model(optimizer), model(optimizer)
    recorder = graphed(recorded)
    sizes = [8] * 6 + [5] * 5 + [8] * 3
    losses = []
    for number, (x, y) in enumerate(batches(sizes)):
        rate = RATE / 2 ** (number // 4)
        pair = []
        for made in (eager, recorded):
            made.learning_rate = rate
            pair.append(made.train_step(x, y))
        losses.append(pair)
    assert losses == [[one, one] for one, _ in losses]
    for name, value in eager.weights().items():
        np.testing.assert_array_equal(recorded.weights()[name], value, err_msg=name)
    assert (recorder.runs, recorder.records) == (2 * WARM_UP, 2)
    assert recorder.replays == len(sizes) - 2 * WARM_UP


def test_results_stay_as_they_were():
    """The loop reads a loss when later steps have been taken already, and may take a
    batch again."""
    made = model(pf.SGD(RATE))
    graphed(made)
    handles, read, given = [], [], []
    for x, y in batches([8] * 7):
        draws = made.engine.draws(8, 0)
        batch = made.engine.session.stage([x], [y], [], draws, 8)
        loss, outputs = made.engine.session.train(batch, RATE)
        handles.append((loss, outputs))
        read.append((loss.item(), outputs.sum().item()))
        given.append((batch.inputs[0].clone(), batch.inputs[0]))
    assert [(a.item(), b.sum().item()) for a, b in handles] == read
    assert len(set(read)) == len(read)
    assert all(torch.equal(before, after) for before, after in given)


def test_what_cannot_be_recorded_runs_without_a_graph():
    eager, recorded = model(pf.Adam(RATE)), model(pf.Adam(RATE))
    recorder = graphed(recorded, fails=True)
    losses = []
    with pytest.warns(UserWarning, match="cannot be a CUDA graph.*capturing"):
        for x, y in batches([8] * 7):
            losses.append((eager.train_step(x, y), recorded.train_step(x, y)))
    assert all(one == two for one, two in losses)
    assert (recorder.records, recorder.replays) == (1, 0)


def test_a_model_that_was_handed_out_and_new_states_are_not_replayed():
    """Others may freeze or swap parameters; a checkpoint brings other tensors."""
    made = model(pf.Adam(RATE))
    recorder = graphed(made)
    for x, y in batches([8] * 5):
        made.train_step(x, y)
    assert recorder.replays == 2
    first = made.engine.session.graphs
    made.engine.session.set_training_state(made.training_state(), 5)
    assert made.engine.session.graphs is not first
    made.engine.session.graphs = first
    assert made.native is made.engine.session.native
    for x, y in batches([8] * 2):
        made.train_step(x, y)
    assert recorder.replays == 2


@pytest.mark.parametrize(
    ("optimizer", "how", "answer"),
    [
        (pf.Adam(), {}, True),
        (pf.SGD(), {}, True),
        (pf.RMSProp(), {}, False),  # not fused
        (pf.Adam(), {"optimize": False}, False),
        (pf.Adam(), {"semantics": "native"}, False),
        (pf.Adam(), {"dtype": "float64"}, False),
        (pf.Adam(), {"ema": 0.9}, False),
        (pf.Adam(), {"accumulate": 2}, False),
    ],
    ids=lambda value: getattr(value, "type", str(value)),
)
def test_what_may_be_recorded(optimizer, how, answer):
    """Decided by everything but the device, which there is none of here."""
    made = pf.compile(
        spec(), "torch", loss="cross_entropy", optimizer=optimizer, device="cpu", **how
    )
    session = made.engine.session
    session.begin()
    session.device = Device("gpu", 0, "cuda:0")
    # As in a program for a GPU:
    session.training_objects["optimizer"].defaults["capturable"] = True
    assert session.recordable() is answer
    session.device = Device("cpu", 0, "cpu")
    assert session.recordable() is False


@pytest.mark.parametrize(
    ("optimizer", "said"),
    [
        (pf.Adam(), "fused=True, capturable=True"),
        (pf.AdamW(), "fused=True, capturable=True"),
        (pf.SGD(), "fused=True"),
        (pf.Adagrad(), "lr=0.01"),  # PyTorch has its fused kernel for CPUs only
    ],
    ids=lambda value: getattr(value, "type", ""),
)
def test_a_gpus_program_makes_an_optimizer_that_can_be_recorded(optimizer, said):
    backend = get("torch")
    step = make_step(spec(), backend, "cross_entropy", optimizer, Training(), "aligned")
    for optimize in (True, False):
        target = Target(device="gpu", optimize=optimize)
        program, _ = write_programs(spec(), backend, step, target, optimize)
        made = next(s for s in program.source.splitlines() if "torch.optim." in s)
        assert made.endswith(f"{said})") is (optimize or said == "lr=0.01"), made


def test_numbers_in_a_batch_are_part_of_its_kind():
    """The count of samples is written into a recording."""

    def batch(x, count):
        return StagedBatch([x], [torch.zeros(2)], (), (), count)

    x = torch.zeros(2, 3)
    assert kind(batch(x, 2)) == kind(batch(torch.ones(2, 3), 2))
    for other in (batch(x, 4), batch(x[:1], 2), batch(x.double(), 2)):
        assert kind(batch(x, 2)) != kind(other)
