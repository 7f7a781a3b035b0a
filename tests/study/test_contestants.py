"""Contestants: words and configuration files become a backend in a Python, or an error."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from helpers.command_line import call, fails

from polyframe.errors import PolyframeError
from polyframe.io.config import config_file
from polyframe.io.text import parse_yaml
from polyframe.study import jobs
from polyframe.study.contestants import (
    about,
    configured,
    diagnosis,
    identity,
    parse_contestants,
)
from polyframe.study.plan import Contestant

ABOUT = {"polyframe": "0", "protocol": 1, "usable": True, "spec_hash": None}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    return tmp_path


def environment(path, python=sys.executable):
    """A virtual environment as ``venv`` makes it: links, and pyvenv.cfg."""
    (path / "bin").mkdir(parents=True)
    (path / "pyvenv.cfg").touch()
    (path / "bin/python").symlink_to(python)
    (path / "bin/python3").symlink_to("python")
    return path


def script(path, text):
    """A program that is called as a Python is."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def error(*words, named=None):
    with pytest.raises(PolyframeError) as caught:
        parse_contestants(words, named)
    return str(caught.value)


def test_a_backend_is_in_this_python():
    assert parse_contestants(["torch", "mxnet"]) == (
        Contestant("torch", "torch"),
        Contestant("mxnet", "mxnet"),
    )


def test_another_python_is_named_by_its_folder_or_itself(here):
    environment(here / "torch24")
    environment(here / "project/.venv")
    python = str(here / "torch24/bin/python")
    assert parse_contestants(["torch", "torch@torch24", "torch@project/.venv"]) == (
        Contestant("torch", "torch"),
        Contestant("torch@torch24", "torch", python),
        Contestant("torch@project/.venv", "torch", f"{here}/project/.venv/bin/python"),
    )
    assert parse_contestants([f"torch@{python}"]) == (
        Contestant("torch@torch24", "torch", python),
    )


def test_one_python_by_two_paths_is_one_contestant(here):
    venv = environment(here / "a")
    (here / "b").symlink_to(venv)
    assert identity(str(venv / "bin/python3")) == identity(str(here / "b/bin/python"))
    other = environment(here / "c")
    assert identity(str(other / "bin/python")) != identity(str(venv / "bin/python"))
    assert error("torch@a", "torch@b") == (
        f"compare: torch@a and torch@b are one: torch in {here}/b/bin/python (to compare "
        "it with itself, write torch@a#2)"
    )
    assert parse_contestants(["torch@a", "mxnet@b"])[1].backend == "mxnet"
    assert "are one: torch in" in error("torch", f"torch@{sys.executable}")


def test_a_contestant_is_compared_with_itself_on_purpose_only(here):
    assert error("torch", "torch") == (
        "compare: two contestants are called 'torch' (give each a name of its own in "
        "polyframe.yaml, or write torch#2 to compare it with itself)"
    )
    assert "write torch#3 to compare" in error("torch", "torch#2", "torch#2")
    assert parse_contestants(["torch", "torch#2"])[1] == Contestant("torch#2", "torch")
    named = {"again": Contestant("again", "torch")}
    for words in (("torch", "again"), ("again", "torch")):
        assert len(parse_contestants(words, named)) == 2


def test_wrong_words(here):
    (here / "file").touch()
    (here / "empty").mkdir()
    assert error() == "compare: no contestant is given (such as -b torch)"
    assert "no backend or contestant 'tsorch'. Did you mean 'torch'?" in error("tsorch")
    assert error("torch@").startswith("contestant 'torch@': is not BACKEND@PYTHON")
    assert f"{here}/nothing does not exist (name the folder" in error("torch@nothing")
    assert f"{here}/empty has no bin/python" in error("torch@empty")
    assert f"{here}/file is not a program, so no Python" in error("torch@file")
    named = {"old": Contestant("old", "torch", "/nowhere/python")}
    assert "contestant old: /nowhere/python does not exist" in error("old", named=named)


def test_pythons_of_a_cluster_are_not_looked_for_here():
    named = {"old": Contestant("old", "torch", "/nowhere/old")}
    words = ["old", "torch@/nowhere/python3", "torch@/nowhere/new"]
    pythons = [c.python for c in parse_contestants(words, named, here=False)]
    assert pythons == [
        "/nowhere/old/bin/python",
        "/nowhere/python3",
        "/nowhere/new/bin/python",
    ]


# --- the configuration file ----------------------------------------------------------


def test_the_file_of_the_working_folder_counts_before_the_users(here):
    assert config_file() is None
    user = here / "home/polyframe/config.yaml"
    user.parent.mkdir(parents=True)
    user.write_text("contestants: {old: {backend: torch, python: ../venv}}")
    assert configured(config_file()) == {
        "old": Contestant("old", "torch", str(here / "home/venv"))
    }
    (here / "polyframe.yaml").write_text("contestants: {new: {backend: mxnet}}")
    assert configured(config_file()) == {"new": Contestant("new", "mxnet")}


WRONG = {
    "[1]": "is [1]; a mapping is needed",
    "contestant: {}": "unknown key 'contestant'. Did you mean 'contestants'?",
    "contestants: [torch]": "contestants is ['torch']; a mapping is needed",
    "contestants: {torch: {backend: torch}}": "cannot be called 'torch'",
    "contestants: {no: {backend: torch}}": "cannot be called False",
    "contestants: {a@b: {backend: torch}}": "cannot be called 'a@b'",
    "contestants: {a: torch}": "contestants.a: is 'torch'; a mapping is needed",
    "contestants: {a: {python: x}}": "contestants.a: backend is None",
    "contestants: {a: {backend: torch, python: 3}}": "python is 3; a path is needed",
    "contestants: {a: {backend: torch, path: x}}": "unknown key 'path'.",
    "contestants: {": "polyframe.yaml: is not YAML",
}


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_file_is_one_message(here, text):
    (here / "polyframe.yaml").write_text(text)
    message = fails("compare", "digits_cnn", "-b", "torch")
    assert message.startswith("error: polyframe.yaml")
    assert WRONG[text] in message


# --- what a Python has ------------------------------------------------------------------


def test_a_python_that_has_no_worker_is_told_why(here, monkeypatch):
    monkeypatch.setattr(jobs, "MODULE", "no_such_module")
    listing = script(here / "listing", "ls $0")
    told = about(Contestant("one", "torch", str(listing)))
    assert told == {
        "usable": False,
        "problem": f"{listing} is no Python",
        "hint": None,
    }
    for has, text in (
        ('"polyframe": false', "its Python 3.9.1 has no polyframe"),
        (
            '"polyframe": true, "worker": false',
            "its Python 3.9.1 has no polyframe that can run studies",
        ),
    ):
        said = f'{{"python": "3.9.1", {has}}}'
        python = script(here / "python", f"echo '{said}'")
        told = about(Contestant("one", "torch", str(python)))
        assert (told["usable"], told["problem"]) == (False, text)
        assert told["hint"].startswith(f"install it: {python} -m pip install")
    assert diagnosis(Contestant("this", "torch")) is None
    told = about(Contestant("this", "torch"))
    assert "No module named no_such_module" in told["problem"]


def test_doctor_shows_each_configured_contestant(here, monkeypatch):
    monkeypatch.setattr("polyframe.contract.registry.backends", list)
    assert "contestant" not in call("doctor").stdout
    assert json.loads(call("doctor", "--json").stdout)["contestants"] == {}
    answer = {"status": "done", "result": {**ABOUT, "python": "3.12", "version": "2.4"}}
    monkeypatch.setattr(
        "polyframe.study.contestants.run_job", lambda job: answer if job.name else {}
    )
    environment(here / "venv")
    Path("polyframe.yaml").write_text(
        "contestants:\n"
        "  torch-2.4: {backend: torch, python: venv}\n"
        "  lost: {backend: torch, python: nowhere}\n"
    )
    lines = call("doctor").stdout.splitlines()
    row = next(line for line in lines if line.startswith("torch-2.4"))
    assert row.split() == [
        "torch-2.4",
        "torch",
        "2.4",
        "3.12",
        "0",
        "yes",
        f"{here}/venv",
    ]
    assert f"lost: {here}/nowhere does not exist" in lines
    told = json.loads(call("doctor", "--json").stdout)["contestants"]
    assert told["torch-2.4"]["version"] == "2.4"
    assert (told["lost"]["usable"], told["lost"]["backend"]) == (False, "torch")


def test_the_example_of_the_help_is_a_configuration_file(here):
    text = call("compare", "--help").stdout
    lines = text[text.index("    contestants:") :].split("\n\n")[0]
    path = here / "polyframe.yaml"
    path.write_text(lines)
    assert parse_yaml(lines, "help")
    assert configured(path)["torch-2.4"].python == "/opt/venvs/torch24"
