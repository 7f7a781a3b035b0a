"""A backend in a package of its own, as a stranger would write one: the core needs no
change for it. `make install` puts it beside the development environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1] / "example_backend"
INSTALLED = Path(sys.prefix, "example")
QUICK = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
"""XLA spends most of the suite's time on making small programs fast."""


def python(*arguments, **variables):
    """Python that sees the package; what it printed."""
    path = os.pathsep.join([str(INSTALLED), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": path.rstrip(os.pathsep), **variables},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    return done.stdout


def suite(*arguments, **variables):
    said = python(
        "-m", "pytest", str(HERE / "tests"), "-q", "-p", "no:cacheprovider", *arguments,
        **variables,
    )  # fmt: skip
    assert " passed" in said and "skipped" not in said, said


def test_what_is_installed_is_this():
    for name in ("*.py", "*.yaml"):
        for path in sorted((HERE / "polyframe_jax").glob(name)):
            there = INSTALLED / "polyframe_jax" / path.name
            assert there.is_file(), f"{path.name} is not installed: run make install"
            assert there.read_text() == path.read_text(), f"{path.name}: make install"


def test_its_own_tests_pass():
    """Without float32, and without what takes XLA longest."""
    slow = ("float32", "Conv", "AvgPool", "cross_entropy")
    suite("-k", " and ".join(f"not {name}" for name in slow), XLA_FLAGS=QUICK)


@pytest.mark.full
def test_its_own_tests_pass_as_xla_compiles_for_users():
    suite()


def test_doctor_lists_it():
    report = json.loads(python("-m", "polyframe", "doctor", "--json"))
    assert report["backends"]["jax"]["usable"] is True


def test_a_model_is_the_same_on_it_and_on_torch():
    said = python(
        "-m", "polyframe", "verify", "simple_cnn", "-b", "jax", "-b", "torch",
        "--steps", "3", XLA_FLAGS=QUICK,
    )  # fmt: skip
    assert "jax" in said and "torch" in said
