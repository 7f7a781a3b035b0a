"""Loggers to services, each replaced by what the logger uses of it."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
from helpers.failing import fails
from helpers.fake_loop import play

from polyframe.errors import PolyframeError
from polyframe.spec.callbacks import (
    Wandb,
)
from polyframe.train import Plan
from polyframe.train.callbacks.start import start


@pytest.mark.parametrize(
    ("word", "module", "install"),
    [
        ("tensorboard", "tensorboardX", "pip install 'polyframe[tensorboard]'"),
        ("wandb", "wandb", "pip install wandb"),
        ("mlflow", "mlflow", "pip install mlflow"),
    ],
)
def test_a_missing_package_says_how_to_get_it(word, module, install, monkeypatch):
    for name in [n for n in sys.modules if n.split(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    text = fails(
        PolyframeError, lambda: start(word), f"{word}: needs {module}, which does not"
    )
    assert text.endswith(f"(install it with: {install})")


class FakeWandb(SimpleNamespace):
    """What the logger uses of wandb, with its rule on steps."""

    def __init__(self):
        super().__init__(begun=[], rows={}, finished=0)

    def init(self, **options):
        self.begun.append(options)
        return SimpleNamespace(id=options["id"] or "abc", log=self.log, finish=self.end)

    def log(self, values, step):
        if step >= max(self.rows, default=0):
            self.rows.setdefault(step, {}).update(values)

    def end(self):
        self.finished += 1


def test_wandb(tmp_path, monkeypatch):
    fake = FakeWandb()
    monkeypatch.setitem(sys.modules, "wandb", fake)
    make = Wandb("net", run="first")
    # It crashes two events after its checkpoint.
    _, states = play(start(make, tmp_path / "run"), 2, 3, end=7, keep=5)
    play(start(make, tmp_path / "run"), 2, 3, 5, None, states)
    folder = str((tmp_path / "run").resolve())
    common = {"project": "net", "name": "first", "dir": folder}
    assert fake.begun == [
        {**common, "id": None, "resume": None},
        {**common, "id": "abc", "resume": "allow"},
    ]
    assert sorted(fake.rows) == [1, 2, 3, 4, 5, 6]
    assert fake.rows[2] == {"train/loss": 1 / 2, "lr": 0.1}
    assert fake.rows[3] == {
        "train/loss": 1 / 3,
        "lr": 0.05,
        "train/accuracy": 0.5,
        "val/loss": 2.0,
        "val/accuracy": 0.5,
        "perf/examples_per_sec": 12.0,
    }
    assert fake.finished == 1


class FakeMlflow(SimpleNamespace):
    """What the logger uses of mlflow; each row that is sent stays."""

    def __init__(self):
        super().__init__(calls=[], rows=[], ended=0)

    def set_experiment(self, name):
        self.calls.append(name)

    def start_run(self, **options):
        self.calls.append(options)
        last = {"epoch": float(self.rows[-1][1]["epoch"])} if self.rows else {}
        return SimpleNamespace(
            info=SimpleNamespace(run_id="r1"), data=SimpleNamespace(metrics=last)
        )

    def log_metrics(self, values, step):
        self.rows.append((step, values))

    def end_run(self):
        self.ended += 1


def test_mlflow(tmp_path, monkeypatch):
    fake = FakeMlflow()
    monkeypatch.setitem(sys.modules, "mlflow", fake)
    make = {"type": "mlflow", "experiment": "nets"}
    # It crashes an epoch after its checkpoint.
    _, states = play(start(make, tmp_path), 3, 2, end=6, keep=3)
    play(start(make, tmp_path), 3, 2, 3, None, states)
    assert fake.calls == ["nets", {"run_name": None}, "nets", {"run_id": "r1"}]
    assert [(step, row["epoch"]) for step, row in fake.rows] == [(2, 1), (4, 2), (6, 3)]
    assert fake.rows[0][1] == {
        "epoch": 1,
        "train/loss": 0.75,
        "train/accuracy": 0.5,
        "val/loss": 2.0,
        "val/accuracy": 0.5,
        "lr": 0.1,
        "perf/examples_per_sec": 8.0,
    }
    assert fake.ended == 1


def test_a_service_that_refuses(tmp_path, monkeypatch):
    fake = FakeWandb()
    fake.init = lambda **options: (_ for _ in ()).throw(ValueError("no login"))
    monkeypatch.setitem(sys.modules, "wandb", fake)
    (logger,) = start("wandb", tmp_path)
    fails(
        PolyframeError,
        lambda: logger.on_fit_begin(SimpleNamespace(steps_done=0), Plan(1, 1, 1)),
        "wandb: could not begin a run: ValueError: no login",
    )
    logger.on_fit_end(None)
    assert fake.finished == 0
    damaged = "wandb: its state in the checkpoint is damaged: run is 7"
    fails(PolyframeError, lambda: logger.restore({"run": 7}), damaged)
