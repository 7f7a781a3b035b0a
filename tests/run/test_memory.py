"""A long training takes no more memory than a short one, each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from helpers.support import BACKENDS, TORCH_FIRST, within

CODE = """
import gc, json, sys
from polyframe.run.train import train
from polyframe.spec.recipe import load_recipe
from polyframe.train import Callback

PAGE = __import__("resource").getpagesize()


class Memory(Callback):
    def on_epoch_end(self, model, epoch, row):
        if epoch in (3, last):
            gc.collect()
            with open("/proc/self/statm") as file:
                seen.append(int(file.read().split()[1]) * PAGE)


backend, folder, last = sys.argv[1], sys.argv[2], int(sys.argv[3])
seen = []
recipe = load_recipe("digits_cnn", {"epochs": last, "device": "cpu"})
train(recipe, backend, folder, callbacks=[Memory()])
print(json.dumps(seen))
"""


def growth(backend, folder, epochs):
    """Resident memory after the last epoch over that after the third, less 1."""
    words = [sys.executable, "-c", CODE, backend, str(folder), str(epochs)]
    env = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(words, capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    early, late = json.loads(done.stdout.splitlines()[-1])
    assert early > 30e6  # a framework is there
    return late / early - 1


@pytest.mark.parametrize("backend", TORCH_FIRST)
def test_memory_does_not_grow(backend, tmp_path):
    within("memory, 20 epochs", growth(backend, tmp_path / "run", 20), 0.04, backend)


@pytest.mark.full
@pytest.mark.parametrize("backend", BACKENDS)
def test_memory_does_not_grow_over_200_epochs(backend, tmp_path):
    within("memory, 200 epochs", growth(backend, tmp_path / "run", 200), 0.02, backend)
