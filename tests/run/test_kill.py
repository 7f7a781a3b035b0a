"""kill -9 at any moment, in the middle of a checkpoint too: a resume ends the same."""

from __future__ import annotations

import signal
import time

import numpy as np
import pytest
from helpers.resuming import (
    assert_same_run,
    checkpoints,
    command,
    plain,
    process,
    strays,
    written,
)
from helpers.support import BACKENDS, TORCH_FIRST

from polyframe.run.folder import read_json
from polyframe.train.checkpoint import FOLDER, checkpoints_in, read

EPOCHS = 12
PATIENCE = 300.0
"""Seconds that a process may take, on a machine with much else to do."""


def small():
    """11 steps an epoch, a checkpoint every 2; all that a resume has to keep."""
    return plain(
        epochs=EPOCHS,
        ema=0.9,
        augmentation=["random_flip", "mixup"],
        callbacks=[
            *checkpoints(2),
            {"type": "json_log", "every_step": True},
            "csv_log",
        ],
    )


class Run:
    """``polyframe train --resume``, again and again, on one backend."""

    def __init__(self, backend, place):
        self.folder = place / "run"
        self.words = command(written(small(), place), backend, self.folder, "--resume")
        self.begin, self.span = 1.0, 1.0

    def start(self):
        self.child = process(self.words)
        self.since = time.monotonic()
        self.until = self.since + PATIENCE
        self.newest = self.last()

    def last(self):
        """The newest checkpoint's name."""
        paths = checkpoints_in(self.folder / FOLDER)
        return paths[0].name if paths else ""

    def alive(self):
        assert time.monotonic() < self.until, "it hangs"
        return self.child.poll() is None

    def wait_for_training(self):
        """Until it writes checkpoints; the seconds it took."""
        while self.alive() and self.last() == self.newest:
            time.sleep(0.002)
        return time.monotonic() - self.since

    def wait_for_writing(self):
        """Until a checkpoint is half written (or half removed)."""
        while self.alive():
            if self.half():
                self.child.send_signal(signal.SIGSTOP)  # it may go on until it is told
                time.sleep(0.01)
                if self.half():
                    return
                self.child.send_signal(signal.SIGCONT)

    def half(self):
        """Whether something half written is there at this moment."""
        return bool(list((self.folder / FOLDER).glob(".step-*")))

    def kill(self):
        """Whether there still was something to kill."""
        self.child.send_signal(signal.SIGKILL)
        out, told = self.child.communicate()
        if self.child.returncode == 0:
            return False
        assert (self.child.returncode, out, told) == (-9, "", "")
        return True

    def finish(self):
        self.start()
        self.begin = self.wait_for_training()
        out, told = self.child.communicate(timeout=PATIENCE)
        # The last kill may have come after the last write: all is done then.
        assert told in ("", f"{self.folder} is finished; nothing is left to do\n")
        assert (self.child.returncode, out) == (0, "")
        self.span = time.monotonic() - self.since - self.begin

    def check(self):
        """What a kill leaves: whole files only, of which a resume can go on."""
        moments = [read(path).progress for path in checkpoints_in(self.folder / FOLDER)]
        assert all(len(moment.rows) == moment.epoch for moment in moments)
        if (self.folder / "result.json").exists():
            assert read_json(self.folder / "result.json")["status"] == "done"
        for name in ("metrics.csv", "log.csv"):
            path = self.folder / name
            assert not path.exists() or path.read_bytes().endswith(b"\n")


def kills(backend, place, wanted, rounds, seed=0):
    """Kill runs at random moments; each ends as the one that nobody killed."""
    whole = Run(backend, make(place / "whole"))
    whole.finish()
    assert strays(whole.folder) == []
    rng, done, kinds, half_written = np.random.default_rng(seed), 0, [], 0
    for number in range(rounds):
        target = wanted * (number + 1) // rounds
        run = Run(backend, make(place / f"round{number}"))
        for _ in range(3 * (target - done)):
            if done == target:
                break
            run.start()
            kind = ("writing", "training", "anywhere")[len(kinds) % 3]
            if kind == "anywhere":
                time.sleep(rng.uniform(0, whole.begin + whole.span / 2))
            else:
                run.wait_for_training()
                time.sleep(rng.uniform(0, whole.span * 1.5 * rounds / wanted / 2))
                if kind == "writing":
                    run.wait_for_writing()
            killed = run.kill()
            half_written += bool(run.folder.exists() and strays(run.folder))
            run.check()
            kinds.append((kind, killed))
            done += killed
            if not killed:  # it was done already: the next ones begin anew
                assert_same_run(run.folder, whole.folder)
                run = Run(backend, make(place / f"round{number}_{len(kinds)}"))
        run.finish()
        assert_same_run(run.folder, whole.folder)
    assert done == wanted, kinds
    return half_written, kinds


def make(place):
    place.mkdir()
    return place


@pytest.mark.parametrize("backend", TORCH_FIRST)
def test_killed_twice(backend, tmp_path):
    half_written, kinds = kills(backend, tmp_path, 2, 1)
    assert half_written, kinds


@pytest.mark.full
@pytest.mark.parametrize("backend", BACKENDS)
def test_killed_fifty_times(backend, tmp_path):
    half_written, kinds = kills(backend, tmp_path, 50, 10, seed=1)
    assert half_written >= 10, kinds
