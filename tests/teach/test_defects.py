"""The defects of the frameworks still show on what is installed; a healed one is told."""

from __future__ import annotations

import ast
import dataclasses
import re
from pathlib import Path

import pytest
from helpers.command_line import call
from helpers.failing import fails

from polyframe.differences import differences
from polyframe.errors import SpecError
from polyframe.spec.layers import Layer
from polyframe.spec.losses import Loss
from polyframe.spec.optimizers import Optimizer
from polyframe.teach.defect_registry import (
    FOLDER,
    FRAMEWORKS,
    LONGEST,
    defects,
    find_defect,
    load,
    report,
)
from polyframe.teach.defect_runs import Run, run, run_together, shows, verdict

ROOT = Path(__file__).parents[2]
HARMLESS = [defect for defect in defects() if not defect.crashes]
DEADLY = [defect for defect in defects() if defect.crashes]
KNOWN = {**Layer.registry, **Loss.registry, **Optimizer.registry}
MODULES = {
    "torch": {"torch"},
    "tensorflow": {"tensorflow", "keras"},
    "mxnet": {"mxnet"},
}
"""What a program may import besides NumPy and Python's own modules."""
STANDARD = {"numpy", "math", "subprocess", "sys"}
by_id = pytest.mark.parametrize("defect", defects(), ids=lambda d: d.id)


# --- each shows ------------------------------------------------------------------------


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_harmless_defects_show(framework):
    """All in one process, for the import of the framework takes the time."""
    own = [defect for defect in HARMLESS if defect.framework == framework]
    runs = run_together(own)
    told = [verdict(defect, runs[defect.id]) for defect in own]
    assert told == [f"{defect.id} shows" for defect in own]
    stale = [d.id for d in own if runs[d.id].prints != d.prints]
    assert stale == [], "these print something else now: run `python tools/defects.py`"


@pytest.mark.parametrize("defect", DEADLY, ids=lambda d: d.id)
def test_deadly_defects_show(defect):
    ended = run(defect)
    assert verdict(defect, ended) == f"{defect.id} shows"
    assert ended.prints.startswith(defect.prints.splitlines()[0])


# --- and a healed one is told -----------------------------------------------------------


def planted(program, dies=()):
    """A defect with that program."""
    whole = find_defect("torch-celu-float64")
    return dataclasses.replace(whole, id="planted", program=program, dies=dies)


RIGHT = "print('1 + 1 is', 1 + 1)\nassert 1 + 1 != 2"
DEAD = "import os, signal\nprint('now', flush=True)\nos.kill(os.getpid(), signal.{})"


def test_a_healed_defect_is_told():
    for defect in (planted(RIGHT), planted("print('whole')", ("SIGSEGV", "hangs"))):
        for ended in (run(defect), run_together([defect])["planted"]):
            told = verdict(defect, ended)
            assert not shows(defect, ended)
            assert told.startswith("planted is healed (it was seen on torch 2.13.0): ")
            assert "strike out polyframe/teach/defects/planted.*" in told
            assert told.endswith(f"take back what avoids it: {defect.avoided}")


def test_a_defect_that_is_there_is_told():
    defect = planted(RIGHT.replace("!=", "=="))
    assert run(defect) == Run("exit 0", "1 + 1 is 2\n")
    assert verdict(defect, run(defect)) == "planted shows"


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("import torchh", "No module named 'torchh'"),
        ("1 +", "invalid syntax"),
        ("import sys; sys.exit(3)", "ended with exit 3 and says nothing"),
        (DEAD.format("SIGABRT"), "ended with SIGABRT and says nothing"),
    ],
)
@pytest.mark.parametrize("dies", [(), ("SIGSEGV",)])
def test_a_program_that_is_broken_is_no_healed_one(program, message, dies):
    defect = planted(program, dies)
    told = verdict(defect, run(defect))
    assert message in told and "healed" not in told and told.isprintable()


def test_a_program_may_die_or_hang():
    deadly = planted(DEAD.format("SIGSEGV"), ("SIGABRT", "SIGSEGV"))
    assert run(deadly) == Run("SIGSEGV", "now\n")
    assert shows(deadly, run(deadly))
    hanging = planted(
        "import time\nprint('now', flush=True)\ntime.sleep(60)", ("hangs",)
    )
    ended = run(hanging, limit=1)
    assert ended == Run("hangs", "now\n")
    assert shows(hanging, ended)


def test_programs_after_one_that_dies_run_alone():
    programs = {"a": "print(1)", "b": DEAD.format("SIGSEGV"), "c": "print(3)"}
    several = [
        dataclasses.replace(planted(program), id=name)
        for name, program in programs.items()
    ]
    runs = run_together(several)
    assert [runs[name].end for name in "abc"] == ["exit 0", "SIGSEGV", "exit 0"]
    assert [runs[name].prints for name in "abc"] == ["1\n", "now\n", "3\n"]


# --- what they are ----------------------------------------------------------------------


def test_there_are_enough_and_each_names_what_there_is():
    assert len(defects()) >= 40
    assert {defect.framework for defect in defects()} == set(FRAMEWORKS)
    assert len(DEADLY) >= 4
    registry = {d.id: d for d in differences()}
    pinned = re.findall(
        r"^([\w-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.M
    )
    versions = {name.removesuffix("_cpu"): version for name, version in pinned}
    for defect in defects():
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", defect.id)
        assert defect.id.startswith(f"{defect.framework}-")
        assert set(defect.entries) <= set(KNOWN), defect.id
        if defect.difference is not None:
            assert set(defect.entries) & set(registry[defect.difference].entries)
        for name, version in defect.versions.items():
            assert versions[name] == version, (defect.id, "seen on another version")


@by_id
def test_a_program_is_minimal_and_native(defect):
    tree = ast.parse(defect.program)
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module.split(".")[0])
    assert imported <= MODULES[defect.framework] | STANDARD
    assert "polyframe" not in defect.program
    assert len([line for line in defect.program.splitlines() if line.strip()]) <= 22
    last = tree.body[-1]
    if defect.crashes:
        assert ast.unparse(last).startswith("print(")  # it is not reached
        assert "flush=True" in defect.program
    else:
        assert isinstance(last, ast.Assert)
        assert any(isinstance(node, ast.Name) for node in ast.walk(last.test))
    assert defect.prints.strip()


def test_only_files_of_defects_are_there():
    ids = {defect.id for defect in defects()}
    assert {path.name for path in FOLDER.iterdir()} == {
        f"{name}.{end}" for name in ids for end in ("yaml", "native", "txt")
    }


def test_the_report_says_all():
    defect = find_defect("tensorflow-conv-1x1-strides")
    text = report(defect)
    for part in (
        defect.title, defect.wrong, defect.program, defect.prints, defect.expected,
        defect.consequence, defect.reported, "tensorflow 2.21.0",
        "the process ends with SIGSEGV or SIGABRT, or it hangs:",
    ):  # fmt: skip
        assert part.strip() in text
    assert "polyframe" not in text
    assert "ends with" not in report(find_defect("mxnet-selu-gradient"))


def test_they_are_listed_and_found():
    listed = call("list", "defects").stdout
    for defect in defects():
        assert defect.id in listed and defect.title in listed
    message = (
        "there is no defect 'torch-celu-float'. Did you mean 'torch-celu-float64'?"
    )
    fails(SpecError, lambda: find_defect("torch-celu-float"), message)


# --- a wrong file is told ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("title: >-", "titel: >-"), "has no key 'titel'. Did you mean 'title'?"),
        (("dies: []\n", ""), "needs the key dies"),
        (("framework: torch", "framework: caffe"), "framework is none of torch, "),
        (("id: torch-celu-float64", "id: other"), "id is 'other', the file's name"),
        (("{torch: 2.13.0}", "{torch: 2.13}"), "a version is not a text (quote it:"),
        (("{torch: 2.13.0}", "2.13.0"), "versions is not a mapping of packages"),
        (("entries: [CELU]", "entries: CELU"), "entries is not a list of names"),
        (("dies: []", "dies: [SIGKILL]"), "dies may hold SIGABRT, "),
        (("reported: null", "reported: javascript:x"), "reported is not an address"),
        (
            ("difference: null", "difference: 3"),
            "difference is neither a text nor null",
        ),
        (("title: >-", "title: 3\nwhy: >-"), "has no key 'why'"),
        (
            ("entries: [CELU]", "entries: [CELU]\nentries: []"),
            "'entries' is given twice",
        ),
    ],
)
def test_a_wrong_file_is_told(change, message, tmp_path):
    name = "torch-celu-float64"
    for end in ("yaml", "native", "txt"):
        text = (FOLDER / f"{name}.{end}").read_text()
        if end == "yaml":
            assert change[0] in text
            text = text.replace(*change)
        (tmp_path / f"{name}.{end}").write_text(text)
    fails(SpecError, lambda: load(tmp_path), message)


def test_files_are_bounded_and_whole(tmp_path):
    name = "torch-celu-float64"
    for end in ("yaml", "native"):
        (tmp_path / f"{name}.{end}").write_text((FOLDER / f"{name}.{end}").read_text())
    fails(SpecError, lambda: load(tmp_path), "there is no such file")
    (tmp_path / f"{name}.txt").write_text("x" * (LONGEST + 1))
    fails(SpecError, lambda: load(tmp_path), f"is larger than {LONGEST} bytes")
    (tmp_path / f"{name}.yaml").write_text("- 3")
    fails(SpecError, lambda: load(tmp_path), "is not a mapping")
