"""What ``fit`` shows: nothing in a script, a bar where a person waits; no more is read
from the device for it."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

import IPython
import numpy as np
import pytest
from helpers.failing import fails
from helpers.fake_loop import row_of, step_end
from helpers.support import BACKENDS

import polyframe as pf
from polyframe.eject.notebook import executed
from polyframe.train import Plan
from polyframe.train.callbacks.bars import Bar, Lines
from polyframe.train.callbacks.notebook import (
    REFRESH,
    NotebookBar,
    somebody_waits,
    watchers_for,
)

MODEL = SimpleNamespace(
    spec=SimpleNamespace(name="small<net>"),
    backend=SimpleNamespace(title="PyTorch"),
    device="cpu",
    dtype="float32",
    graph=SimpleNamespace(num_parameters=12345),
)
HEAD = "small<net> on PyTorch, device cpu, float32: 12,345 parameters"


@pytest.fixture(scope="module")
def model():
    spec = pf.Sequential([pf.Flatten(), pf.Dense(3)], input_shape=(1, 4, 4))
    return pf.compile(spec, BACKENDS[0], loss="cross_entropy", device="cpu")


@pytest.fixture
def terminal(monkeypatch):
    """Standard error is a terminal."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)


@pytest.fixture
def kernel(monkeypatch):
    """This process is the kernel of a notebook."""
    shell = SimpleNamespace(kernel=None)
    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)


def fit(model, **more):
    x = np.zeros((8, 1, 4, 4), np.float32)
    return model.fit(x, np.arange(8) % 3, epochs=2, batch_size=4, **more)


def kinds(verbose):
    return [type(each) for each in watchers_for(verbose)]


# --- who sees what ----------------------------------------------------------------------


def test_a_script_and_a_pipe_see_nothing_unless_they_ask(model, capsys):
    fit(model)
    fit(model, verbose=0)
    assert capsys.readouterr() == ("", "")
    fit(model, verbose=1)
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == "" and len(lines) == 4  # the head, that it goes on, two epochs
    assert lines[2].startswith("epoch 5/6  loss ")


@pytest.mark.parametrize("verbose", ["auto", 1])
def test_a_notebook_has_a_bar(verbose, kernel):
    assert kinds(verbose) == [NotebookBar]
    assert kinds(2) == [Lines] and kinds(0) == kinds(False) == []


def test_a_terminal_has_a_bar_where_it_is_asked_for(terminal, monkeypatch):
    assert kinds("auto") == []  # a script on a terminal
    assert kinds(1) == kinds(True) == [Bar] and kinds(2) == [Lines]
    monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)
    assert kinds("auto") == [Bar]  # the prompt of Python


def test_a_prompt_without_a_terminal_is_a_script(monkeypatch):
    monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)
    assert not somebody_waits()


@pytest.mark.parametrize("verbose", [3, -1, "yes", None, 1.0, "0"])
def test_what_verbose_cannot_be(model, verbose):
    before = model.steps_done
    fails(
        pf.PolyframeError,
        lambda: fit(model, verbose=verbose),
        f"verbose is {verbose!r}; 'auto', 0 (nothing), 1 (a bar) or 2 (a line an epoch) "
        "is needed",
    )
    assert model.steps_done == before


def test_a_bar_is_closed_where_training_fails(model, capsys):
    class Fails(pf.Callback):
        def on_epoch_end(self, model, epoch, row):
            raise RuntimeError("planted")

    closed = []
    before = Lines.close
    try:
        Lines.close = lambda self: closed.append(self)
        with pytest.raises(RuntimeError, match="planted"):
            fit(model, verbose=2, callbacks=[Fails()])
        with pytest.raises(pf.PolyframeError):
            fit(model, verbose=2, callbacks=["unknown"])
    finally:
        Lines.close = before
    assert len(closed) == 1


def test_no_value_is_read_for_a_bar(model, monkeypatch):
    """And the loop lets the device run ahead as far as without one."""
    session, counts = model.engine.session, []

    def reads(verbose):
        seen = []
        own = type(session).read

        def read(value):
            seen.append(1)
            return own(session, value)

        with monkeypatch.context() as patch:
            patch.setattr(session, "read", read)
            fit(model, verbose=verbose)
        return len(seen)

    counts = {reads(0), reads(1), reads(2)}
    assert len(counts) == 1 and min(counts) > 0


# --- the bar in a notebook --------------------------------------------------------------


class Handle:
    """What IPython gives to replace an output with."""

    def __init__(self, first):
        self.shown = [first._repr_mimebundle_()]

    def update(self, thing):
        self.shown.append(thing._repr_mimebundle_())


@pytest.fixture
def handle(monkeypatch):
    """A notebook's output, and a clock that stands still."""
    made = []

    def display(thing, display_id):
        assert display_id is True
        made.append(Handle(thing))
        return made[-1]

    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr("IPython.display.display", display)
    for module in ("bars", "notebook"):
        monkeypatch.setattr(
            f"polyframe.train.callbacks.{module}.perf_counter", lambda: clock.now
        )
    return made, clock


def test_a_notebooks_bar_grows_rows_and_goes_away(handle):
    made, clock = handle
    bar = NotebookBar()
    bar.on_fit_begin(MODEL, Plan(2, 4, 8))
    (out,) = made
    for number in range(1, 4):
        clock.now += 1.0
        bar.on_step_end(MODEL, step_end(number, 4))
    html = out.shown[-1]["text/html"]
    assert '<progress value="3" max="8"' in html
    assert "epoch 1/2 step 3/4  loss 0.6066  8 examples/s  0:05 left" in html
    assert "small&lt;net&gt;" in html and "<table" not in html
    clock.now += 1.0
    bar.on_epoch_end(MODEL, 1, row_of(1, 4))
    last = out.shown[-1]
    assert "<table" in last["text/html"] and "<progress" in last["text/html"]
    bar.close()
    last = out.shown[-1]
    assert "<progress" not in last["text/html"]
    assert last["text/plain"].splitlines() == [
        HEAD,
        "",
        "epoch    loss  accuracy  val_loss  val_accuracy    lr  seconds  examples_per_sec",
        "    1  0.5208   50.00 %    2.0000       50.00 %  0.05      2.0                16",
    ]
    bar.close()
    assert len(out.shown) == 6  # the first, three steps, an epoch, the end


def test_messages_to_a_notebook_are_few(handle):
    made, clock = handle
    bar = NotebookBar()
    bar.on_fit_begin(MODEL, Plan(1, 1000, 8))
    for number in range(1, 1001):
        clock.now += 0.001
        bar.on_step_end(MODEL, step_end(number, 1000))
    (out,) = made
    assert 3 <= len(out.shown) <= 1 + 1 / REFRESH + 1
    assert 'value="1000"' not in out.shown[-1]["text/html"]
    bar.close()


def test_a_bar_in_a_notebook_of_many_epochs_stays_short(handle):
    made, clock = handle
    bar = NotebookBar()
    bar.on_fit_begin(MODEL, Plan(100, 1, 8, epoch=3))
    for epoch in range(1, 80):
        clock.now += 1.0
        bar.on_step_end(MODEL, step_end(epoch, 1))
        bar.on_epoch_end(MODEL, epoch, row_of(epoch, 1))
    (out,) = made
    assert "resumes at epoch 4" in out.shown[-1]["text/html"]
    assert out.shown[-1]["text/html"].count("<tr>") == 1 + 10
    assert len(out.shown[-1]["text/html"]) < 10_000
    bar.close()


# --- in a kernel ------------------------------------------------------------------------

CELLS = [
    (
        "Fit",
        "import numpy as np, polyframe as pf\n"
        "spec = pf.Sequential([pf.Flatten(), pf.Dense(3)], input_shape=(1, 4, 4))\n"
        f"model = pf.compile(spec, {BACKENDS[0]!r}, loss='cross_entropy', device='cpu')\n"
        "x, y = np.zeros((400, 1, 4, 4), np.float32), np.arange(400) % 3\n"
        "history = model.fit(x, y, epochs=3, batch_size=1)",
    ),
    ("History", "history"),
    ("Plot", "history.plot()"),
    ("Quiet", "_ = model.fit(x, y, verbose=0)"),
]


@pytest.mark.full
def test_a_kernel_keeps_one_output_and_shows_what_a_cell_ends_with():
    cells = json.loads(executed("x", CELLS, {}, 300))["cells"]
    outputs = [cell["outputs"] for cell in cells if cell["cell_type"] == "code"][1:]
    (bar,), (history,), (figure,), quiet = outputs
    assert bar["output_type"] == "display_data" and quiet == []
    html = "".join(bar["data"]["text/html"])
    assert "<progress" not in html and html.count("<tr>") == 1 + 3
    assert "".join(history["data"]["text/html"]).count("<svg") == 1
    assert "".join(history["data"]["text/plain"]).startswith("History: 3 epochs")
    assert "image/png" in figure["data"]
