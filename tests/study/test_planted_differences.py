"""Real studies in which one contestant is wrong, or slow, on purpose: they say so."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path

import pytest
from helpers.command_line import call

EPSILON = """
from polyframe.backends.pytorch import optimizers
from polyframe.compiler.python.source import Opt
inner = optimizers.options
def options(rule, names):
    given = inner(rule, names)
    return {**given, "eps": Opt(0.1, 1e-8)} if "eps" in given else given
optimizers.options = options
"""
SLOW = """
import time
from polyframe.backends.pytorch import runtime
inner = runtime.TorchTrainingSession.train
def train(*given, **options):
    began = time.perf_counter()
    handles = inner(*given, **options)
    until = time.perf_counter() + (time.perf_counter() - began) * 0.1 / 0.9
    while time.perf_counter() < until:
        pass
    return handles
runtime.TorchTrainingSession.train = train
"""


@pytest.fixture
def planted(tmp_path, monkeypatch):
    """``planted(text)``: a contestant, PyTorch in a Python that runs the text first."""
    monkeypatch.chdir(tmp_path)

    def make(text):
        (tmp_path / "changed").mkdir()
        (tmp_path / "changed" / "sitecustomize.py").write_text(text)
        python = tmp_path / "python"
        python.write_text(
            f'#!/bin/sh\nPYTHONPATH="{tmp_path}/changed" exec {sys.executable} "$@"\n'
        )
        python.chmod(python.stat().st_mode | stat.S_IXUSR)
        (tmp_path / "polyframe.yaml").write_text(
            f"contestants:\n  planted: {{backend: torch, python: {python}}}\n"
        )
        return "planted"

    return make


def results(*options, code=0):
    """What a study of PyTorch against the planted one found, by measure."""
    call(
        "compare", "digits_cnn", "-b", "torch", "-b", "planted", "--threads", 1,
        "-o", "study", "--quiet", *options, code=code,
    )  # fmt: skip
    (found,) = json.loads(Path("study/results.json").read_text())["studies"]
    sides = {each["measure"]: each for each in found["comparisons"]}
    return found, sides


@pytest.mark.full
def test_a_wrong_epsilon_is_found_with_the_right_sign(planted):
    planted(EPSILON)
    found, sides = results("--seeds", 5, "--epochs", 3)
    assert found["stamp"] == "UNVERIFIED"
    accuracy = sides["accuracy"]
    assert accuracy["verdict"] == "higher"
    assert accuracy["corrected"]["low"] > 0


@pytest.mark.full
def test_a_slowdown_of_a_tenth_is_found_with_the_right_sign(planted):
    planted(SLOW)
    found, sides = results("--seeds", 8, "--epochs", 12)
    assert found["stamp"] == "VERIFIED"
    assert sides["accuracy"]["verdict"] == "identical"
    speed = sides["examples_per_second"]
    assert speed["verdict"] == "higher"
    assert speed["estimate"]["value"] == pytest.approx(1.1, abs=0.05)
