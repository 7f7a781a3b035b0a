"""``polyframe compare``: options, the plan, progress in a pipe and on a terminal."""

from __future__ import annotations

import io
import json
import sys

import pytest
from helpers.command_line import call, fails
from helpers.fake_studies import begun, behave, fake_report, prepare, small_study
from rich.console import Console

from polyframe.cli.study_progress import Lines, LiveTable
from polyframe.study import jobs
from polyframe.study.estimate import Estimator
from polyframe.study.folder import StudyFolder
from polyframe.study.plan import Variant
from polyframe.study.records import Record
from polyframe.study.variants import recipes

TWO = ("compare", "digits_cnn", "-b", "torch", "-b", "mxnet", "--no-certify")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with workers that train nothing."""
    prepare(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(jobs, "MODULE", "fake_worker")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    fakes = {}
    fake_report(fakes)
    for name, module in fakes.items():
        monkeypatch.setitem(sys.modules, name, module)
    return tmp_path


def test_a_study_in_a_pipe_is_a_line_a_cell(here):
    behave(here, mxnet_1="fail")
    result = call(*TWO, "--seeds", 2, code=1)
    lines = result.stderr.splitlines()
    assert lines[:2] == [
        "torch: Torch 1, Python 3, polyframe 0",
        "mxnet: Mxnet 1, Python 3, polyframe 0",
    ]
    assert lines[2].startswith("4 cells to run, about 0:5")  # rough
    assert lines[3] == ("1/4  torch, base, seed 0: accuracy 50.00 %, 2.0 s, 0:06 left")
    assert lines[6:] == [
        "4/4  mxnet, base, seed 1: failed: RuntimeError: out of memory",
        "error: 1 cell failed (add --retry-failed to run them again)",
    ]
    assert result.stdout.splitlines() == [
        "cells:  3 done, 1 failed",
        "folder: studies/digits_cnn/1",
    ]
    behave(here)
    result = call(*TWO, "--seeds", 2, "--retry-failed", "--json", "--quiet")
    assert result.stderr == ""
    assert json.loads(result.stdout) == {
        "folder": "studies/digits_cnn/1",
        "done": 4,
        "failed": 0,
        "left": 0,
    }


def test_the_default_folder_is_that_of_the_same_study_or_a_new_one(here):
    call(*TWO, "--seeds", 1)
    result = call(*TWO, "--seeds", 2)
    assert "goes on in studies/digits_cnn/1" in result.stderr
    assert "2 cells to run (2 of 4 are kept)" in result.stderr
    result = call(*TWO, "--seeds", 1, "--epochs", 2)
    assert "folder: studies/digits_cnn/2" in result.stdout
    result = call(*TWO, "--seeds", 2, "--first-seed", 0, "--time-limit", 9)
    assert "folder: studies/digits_cnn/1" in result.stdout
    assert len(begun(here)) == 6


def test_a_dry_run_shows_the_plan_and_runs_nothing(here):
    options = ("--seeds", 2, "--grid", "optimizer.lr=0.1,0.2", "--dry-run")
    lines = call("compare", "digits_cnn", "-b", "torch", "-b", "mxnet", *options)
    text = lines.stdout
    assert "2 contestants, 2 variants, 2 seeds: 8 cells, 8 to run" in text
    assert "      1  torch, lr=0.1, seed 0\n      2  mxnet, lr=0.1, seed 0" in text
    assert "one cell after the other (rough: 12 s a cell besides training" in text
    assert "and about 1:20 before, for certificates" in text
    data = json.loads(
        call("compare", "digits_cnn", "-b", "torch", *options, "--json").stdout
    )
    assert data["cells"][1] == ["torch", "lr=0.2", 0]
    assert data["certificate_seconds"] == 0  # there is nothing to compare it with
    assert data["settings"]["certify_steps"] == 10
    assert (begun(here), (here / "studies").exists()) == ([], False)
    ablation = call("compare", "digits_cnn", "-b", "torch", "--ablate", "--dry-run")
    assert "left out of torch: norm_momentum, norm_epsilon" in ablation.stdout


def test_all_options_are_in_the_plan(here):
    call(
        *TWO, "--seeds", 1, "--first-seed", 7, "--epochs", 2, "--batch-size", 32,
        "--dtype", "float64", "--set", "optimizer.lr=0.5", "--semantics", "initializer",
        "--threads", 3, "--time-limit", 60, "--target", 0.9, "--margin", 0.01,
        "-o", "out", "--grid", "clip_norm=null,1.0",
    )  # fmt: skip
    study = StudyFolder("out").study()
    recipe, settings = study.recipe, study.settings
    assert (recipe.epochs, recipe.batch_size, recipe.dtype) == (2, 32, "float64")
    assert (recipe.optimizer.lr, recipe.semantics) == (
        0.5,
        (("initializer", "native"),),
    )
    assert (settings.threads, settings.time_limit, settings.certify_steps) == (3, 60, 0)
    assert (settings.target, settings.margin, study.seeds) == (0.9, 0.01, (7,))
    assert [v.name for v in study.variants] == ["clip_norm=null", "clip_norm=1.0"]
    assert {record.seed for record in StudyFolder("out").records()} == {7}


BAD = {
    "-b torch -b torch": "two contestants are called 'torch'",
    "-b torch@/nowhere": "contestant torch@/nowhere: /nowhere does not exist",
    "-b torch --grid lr=": "the grid is empty",
    "-b torch --grid optimizer.lrr=1": "Did you mean 'lr'?",
    "-b torch --ablate --grid epochs=1,2": "--ablate and --grid exclude each other",
    "-b torch --ablate --semantics native": "--ablate and --semantics exclude each",
    "-b torch --seeds 0": "0 is not in the range",
    "-b torch --resume": "there is no such study to go on with (leave --resume out",
    "-b torch --set metrics=[] --target 0.9": "target: the recipe has no metric",
    "-b torch --target nan": "target: got nan; a finite number is needed",
    "-b torch --margin inf": "margin: got inf; a finite number is needed",
    "-b torch --time-limit nan": "time_limit: got nan; a finite number is needed",
    "-b torch --target 90": "target: got 90; at most 1 is needed, since accuracy is a",
    "-b torch --first-seed 9223372036854775805": "got 9223372036854775809; a whole",
    "-b torch -o behaviour.json": "behaviour.json: is a file, not a folder",
    "-b torch -o .": "the folder is not empty, and not a study's: it has no study.json",
    "": "Missing option '-b'",
    "simple_cnn -b torch": "one RECIPE is compared, not 2",
}


@pytest.mark.parametrize("words", BAD)
def test_bad_input_is_one_message_and_runs_nothing(here, words):
    message = fails("compare", "digits_cnn", *words.split())
    assert BAD[words] in message
    assert begun(here) == []


def test_the_folder_of_another_study_is_refused(here):
    call(*TWO, "--seeds", 1, "-o", "out")
    message = fails(*TWO, "--seeds", 1, "-o", "out", "--epochs", 3, "--threads", 7)
    assert "the folder holds another study: recipe.epochs, settings.threads" in message
    message = fails("compare", "digits_cnn", "-b", "torch", "--seeds", 1, "-o", "out")
    assert "out: the folder has" in message or "another study" in message
    assert len(begun(here)) == 2


# --- programs of others -----------------------------------------------------------------

PROGRAM = """\
import torch
from torch import nn
model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
optimizer = torch.optim.SGD(model.parameters(), lr={})
"""


def test_check_names_what_is_unfair(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, rate in (("a", 0.1), ("b", 0.2), ("c", 0.1)):
        (tmp_path / f"{name}.py").write_text(PROGRAM.format(rate))
    text = call("compare", "--check", "a.py", "b.py", code=1).stdout
    assert "0.1 (a.py:4)" in text
    assert "0.2 (b.py:4)" in text
    data = json.loads(call("compare", "--check", "a.py", "c.py", "--json").stdout)
    assert data["fair"] is True
    assert "2 to 20 programs" in fails("compare", "--check", "a.py")


# --- on a terminal --------------------------------------------------------------------


def live(study, height=40):
    """A table on a terminal, and what is shown there so far."""
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=100, height=height)
    table = LiveTable(console)

    def shown():
        plain = Console(file=io.StringIO(), width=100)
        plain.print(table.table())
        return plain.file.getvalue()

    pace = Estimator(recipes(study.recipe, study.variants), 1)
    table.planned(study, list(study.cells()), pace)
    return table, shown, text


def done(cell, **test):
    resources = {"wall_seconds": 10.0}
    return Record(*cell.key, "", "done", test=test, resources=resources)


def test_the_table_has_a_row_for_each_contestant_and_variant():
    study = small_study(
        "torch", "mxnet", variants=[Variant("[a]"), Variant("b", {"epochs": 2})]
    )
    table, shown, text = live(study)
    first, second, *_ = study.cells()
    try:
        message = {"event": "epoch", "epoch": 3, "of": 10, "test_accuracy": 0.8}
        table.said(first, message)
        row = next(line for line in shown().splitlines() if "torch" in line)
        assert [cell.strip() for cell in row.strip("│").split("│")] == [
            "torch", "[a]", "0/2", "0", "3/10", "accuracy 80.00 %",
        ]  # fmt: skip
        table.ended(first, done(first, accuracy=0.9))
        table.ended(second, Record(*second.key, "", "failed", "no memory [x]"))
        lines = shown().splitlines()
        assert "1/2" in lines[3]
        assert "accuracy 90.00 %" in lines[3]
        assert "2 of 8 cells, " in lines[-1]
        assert "2/8  mxnet, [a], seed 0: failed: no memory [x]" in text.getvalue()
    finally:
        table.close()


def test_a_cell_without_the_first_metric_has_its_loss():
    study = small_study("torch", "mxnet", seeds=1)
    table, _, _ = live(study)
    first, second = study.cells()
    lines = Lines()
    said = []
    lines.say = said.append
    lines.planned(study, [first, second], table.pace)
    lines.ended(first, done(first, loss=0.25))
    lines.ended(second, done(second))
    table.close()
    assert said[1].startswith("1/2  torch, base, seed 0: loss 0.25")
    assert said[2] == "2/2  mxnet, base, seed 0: 10.0 s"


def test_the_report_is_named_at_the_end(here):
    folder = here / "studies/digits_cnn/1"
    call(*TWO, "--seeds", 1)
    (folder / "report.html").touch()
    result = call(*TWO, "--seeds", 2)
    assert result.stdout.splitlines()[-1] == "report: studies/digits_cnn/1/report.html"


def test_a_low_terminal_shows_the_rows_where_something_happens():
    study = small_study(
        "torch", variants=[Variant(f"v{i}", {"epochs": i + 1}) for i in range(30)]
    )
    table, shown, _ = live(study, height=15)
    try:
        last = list(study.cells())[29]
        table.said(last, {"event": "epoch", "epoch": 1, "of": 2})
        lines = shown()
        assert "v29" in lines
        assert "24 more" in lines
        assert len(lines.splitlines()) <= 15
    finally:
        table.close()


# --- for real -------------------------------------------------------------------------


def test_a_small_study_of_two_frameworks(tmp_path, monkeypatch):
    """With certificate and report: what a user gets."""
    monkeypatch.chdir(tmp_path)
    command = (
        "compare", "digits_cnn", "-b", "torch", "-b", "mxnet", "--seeds", 1,
        "--epochs", 1, "--threads", 1, "-o", "study",
    )  # fmt: skip
    result = call(*command)
    assert "cells:  2 done, 0 failed" in result.stdout
    assert "certificate of base: passed" in result.stderr
    torch, mxnet = StudyFolder("study").records()
    assert (torch.key, mxnet.key) == (("torch", "base", 0), ("mxnet", "base", 0))
    for fact in ("spec_hash", "weights_hash", "data_hash", "order_hash", "threads"):
        assert torch.facts[fact] == mxnet.facts[fact], fact
    assert torch.test["loss"] == pytest.approx(mxnet.test["loss"], rel=1e-3)
    assert (tmp_path / "study/programs/mxnet/base/program_mxnet.py").exists()
    assert "VERIFIED" in (tmp_path / "study/report.md").read_text()
    assert "0 cells to run (2 of 2 are kept)" in call(*command).stderr
