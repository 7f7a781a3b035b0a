"""Which checkpoints there are, and that Model.fit goes on from them."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from helpers.resuming import (
    checkpoints,
    content,
    fitted,
    plain,
    steps_of,
    strays,
)
from helpers.support import worst

import polyframe as pf
from polyframe.run.train import train
from polyframe.train import Callback
from polyframe.train.callbacks import model_checkpoint
from polyframe.train.checkpoint import FOLDER, checkpoints_in, read


class Saved(Callback):
    """Which checkpoints lie there after each step that the loop pauses at."""

    def __init__(self, folder):
        self.folder, self.seen = folder, []

    def on_pause(self, model, place):
        self.seen.append(sorted(steps_of(self.folder)))


def test_every_steps_and_keep(tmp_path):
    """11 steps an epoch; one is written after each epoch too."""
    made, saved = plain(epochs=2, callbacks=checkpoints(4, keep=3)), Saved(tmp_path)
    train(made, "torch", tmp_path, callbacks=[saved])
    assert saved.seen == [
        [], [4], [4, 8], [4, 8, 11], [8, 11, 12], [11, 12, 16], [12, 16, 20],
        [16, 20, 22],
    ]  # fmt: skip
    assert strays(tmp_path) == []


def test_every_seconds(tmp_path, monkeypatch):
    """A clock that a step takes 2 seconds of; 11 steps an epoch."""
    clock = SimpleNamespace(now=0.0)

    class Ticks(Callback):
        def on_step_end(self, model, step):
            clock.now += 2.0

    monkeypatch.setattr(
        model_checkpoint, "time", SimpleNamespace(monotonic=lambda: clock.now)
    )
    callbacks = [{"type": "model_checkpoint", "every_seconds": 7.0, "keep": 9}]
    train(plain(epochs=2, callbacks=callbacks), "torch", tmp_path, callbacks=[Ticks()])
    assert sorted(steps_of(tmp_path)) == [4, 8, 11, 15, 19, 22]


def test_later_checkpoints_of_another_training_do_not_win(tmp_path):
    """Trained anew in the same folder, by Model.fit: the old ones must not push out
    the new ones, nor be gone on from."""
    options = {"callbacks": [pf.ModelCheckpoint(keep=1)], "folder": tmp_path}
    fitted(plain(), epochs=3, **options)
    assert steps_of(tmp_path) == [33]
    model, _ = fitted(plain(), epochs=1, **options)
    assert steps_of(tmp_path) == [11]
    (kept,) = checkpoints_in(tmp_path / FOLDER)
    assert worst(read(kept).weights, model.weights())[0] == 0


def test_python_api(tmp_path):
    options = {"epochs": 3, "folder": tmp_path}
    options["callbacks"] = [pf.ModelCheckpoint(every_steps=2), pf.JsonLog()]

    class Fails(Callback):
        tolerates_delay = True

        def on_step_end(self, model, step):
            if step.step == 15:
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fitted(plain(), **options | {"callbacks": [*options["callbacks"], Fails()]})
    assert steps_of(tmp_path)[0] in (12, 14)
    options["resume"] = tmp_path / FOLDER
    model, history = fitted(plain(), **options)
    other, wanted = fitted(plain(), epochs=3)
    assert worst(model.weights(), other.weights())[0] == 0
    assert (model.steps_done, model.epoch) == (other.steps_done, other.epoch) == (33, 3)
    assert history["val_loss"] == wanted["val_loss"]
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2, 3]
    before = content(tmp_path / FOLDER)
    model, again = fitted(plain(), **options)
    assert [row["loss"] for row in again.rows] == wanted["loss"]
    assert worst(model.weights(), other.weights())[0] == 0
    assert content(tmp_path / FOLDER) == before
