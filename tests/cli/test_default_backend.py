"""Commands without ``-b``: the configured backend, else the first usable ones."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from helpers.command_line import call, fails

from polyframe.cli import options
from polyframe.contract.backend import Probe
from polyframe.contract.registry import get
from polyframe.errors import listed


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working folder, and a home without a configuration."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path


def test_show_takes_the_first_and_imports_nothing(here):
    result = call("show", "digits_cnn")
    assert result.stderr == "backend: torch (-b chooses another)\n"
    assert result.stdout == call("show", "digits_cnn", "-b", "torch").stdout


def test_the_configured_one_comes_first(here):
    (here / "config" / "polyframe").mkdir(parents=True)
    (here / "config" / "polyframe" / "config.yaml").write_text("backend: tensorflow\n")
    assert call("show", "digits_cnn").stderr.startswith("backend: tensorflow ")
    (here / "polyframe.yaml").write_text("backend: mxnet\n")  # nearer
    assert call("show", "digits_cnn").stderr.startswith("backend: mxnet ")
    assert options.default_backends(2, False) == ("mxnet", "torch")
    result = call("show", "digits_cnn", "-b", "torch")
    assert result.stderr == ""


def test_what_cannot_be_used_is_passed_over(here, monkeypatch):
    def missing(self):
        return Probe(False, None, problem="is not installed")

    for name in ("torch", "mxnet"):
        monkeypatch.setattr(type(get(name)), "probe", missing)
    assert options.default_backends(1, True) == ("tensorflow",)
    monkeypatch.setattr(type(get("tensorflow")), "probe", missing)
    text = fails("train", "digits_cnn")
    assert text.endswith(
        "error: no backend is usable: `polyframe doctor` says why, and what to install\n"
    )
    assert "only 0 of the 2 backends" in fails("diff", "digits_cnn")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("backend: mxnt", "unknown backend 'mxnt'. Did you mean 'mxnet'?"),
        ("backend: [1]", "polyframe.yaml: backend is [1]; a backend's name is needed"),
        (
            "backnd: torch",
            "polyframe.yaml: unknown key 'backnd'. Did you mean 'backend'?",
        ),
        ("- torch", "polyframe.yaml: is ['torch']; a mapping is needed"),
    ],
)
def test_a_wrong_configuration_is_told(here, text, message):
    (here / "polyframe.yaml").write_text(text)
    assert message in fails("show", "digits_cnn")


@pytest.mark.parametrize("command", ["train", "eject", "evaluate"])
def test_where_one_is_taken_a_second_is_refused(here, command):
    out = ("-o", "out") if command == "eject" else ()
    told = fails(command, "digits_cnn", "-b", "torch", "-b", "mxnet", *out)
    assert told.endswith(
        "error: Invalid value for '-b' / '--backend': one backend is taken, and 2 are "
        "named.\n"
    )


def test_wrong_usage_is_told_as_all_errors_are():
    for line in (["trian"], ["--nope"], ["train"], ["train", "x", "--epochs", "x"]):
        told = fails(*line).splitlines()
        assert told[0].startswith("Usage: polyframe") and told[1].startswith("Try ")
        assert told[-1].startswith("error: ")


def test_of_many_names_the_nearest_are_listed():
    assert listed(["b", "a"], "x") == "b, a"
    many = [f"vgg{n}" for n in range(30)] + ["resnet18", "resnet50"]
    text = listed(many, "resnet")
    assert text.startswith("resnet18, resnet50, ") and text.endswith(", and 22 more")
    assert "resnet18, resnet34, resnet50" in fails("summary", "resnet")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({}, "1000"),
        ({"GOMP_SPINCOUNT": "7"}, "7"),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, "None"),
    ],
)
def test_threads_of_commands_spin_for_a_short_while_unless_told_otherwise(given, kept):
    text = (
        "import os, sys\n"
        "from polyframe.cli import main\n"
        "sys.argv = ['polyframe', '--version']\n"
        "try:\n    main()\nfinally:\n    print(os.environ.get('GOMP_SPINCOUNT'))\n"
    )
    names = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
    environment = {k: v for k, v in os.environ.items() if k not in names} | given
    done = subprocess.run(
        [sys.executable, "-c", text], env=environment, capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1] == kept, done.stderr
