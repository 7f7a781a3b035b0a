"""The coordinator: cells in turns, failures told, nothing lost, nothing repeated."""

from __future__ import annotations

import errno
import os
import sys

import pytest
from helpers.fake_studies import (
    begun,
    behave,
    fake_report,
    prepare,
    small_study,
    statuses,
)

from polyframe.errors import LockedError, PolyframeError, UnsupportedError
from polyframe.io.lock import locked
from polyframe.study import jobs
from polyframe.study.folder import StudyFolder
from polyframe.study.jobs import Local
from polyframe.study.plan import Variant
from polyframe.study.run import CONTESTANTS, Outcome, Watch, compare


class Notes(Watch):
    """Remembers what it is told."""

    def __init__(self):
        self.lines, self.events, self.planned_cells = [], [], None

    def say(self, text):
        self.lines.append(text)

    def said(self, cell, message):
        self.events.append((cell.key, message["epoch"]))

    def planned(self, study, left, pace):
        self.planned_cells = len(left)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with workers that train nothing."""
    prepare(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(jobs, "MODULE", "fake_worker")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    fakes = {}
    fake_report(fakes, lambda folders, out: (tmp_path / "reported").touch())
    for name, module in fakes.items():
        monkeypatch.setitem(sys.modules, name, module)
    return tmp_path


def run(study, folder="study", **options):
    return compare(study, folder, Local(), **options)


def test_contestants_take_turns_and_each_cell_has_its_record(here):
    notes = Notes()
    study = small_study("torch", "mxnet", seeds=2)
    assert run(study, watch=notes) == Outcome(4, 0, 0)
    assert begun(here) == ["torch 0", "mxnet 0", "torch 1", "mxnet 1"]
    records = StudyFolder("study").records()
    assert [record.order for record in records] == [0, 1, 2, 3]
    assert all(r.test["accuracy"] == 0.5 and r.study == study.hash for r in records)
    assert notes.events[0] == (("torch", "base", 0), 1)
    program = here / "study/programs/torch/base/program_torch.py"
    assert program.read_text() == "# its program"
    assert (here / "reported").exists()


def test_the_same_call_again_repeats_nothing_and_more_seeds_go_on(here):
    run(small_study(seeds=1))
    notes = Notes()
    assert run(small_study(seeds=1), watch=notes) == Outcome(2, 0, 0)
    assert (len(begun(here)), notes.planned_cells) == (2, 0)
    assert run(small_study(seeds=2)) == Outcome(4, 0, 0)
    assert begun(here)[2:] == ["torch 1", "mxnet 1"]
    assert [r.order for r in StudyFolder("study").records()] == [0, 1, 2, 3]


FAILURES = {
    "fail": ("failed", "RuntimeError: out of memory"),
    "hang": ("timeout", "took longer than 5 s and was ended"),
    "deaf": ("timeout", "took longer than 5 s and was ended"),
    "exit": ("failed", "its process ended with status 3: the last words"),
    "kill": ("failed", "its process was killed by signal 9: nothing was said"),
    "garbage": ("failed", r"said what is no message: 'Downloading: 42 %\n'"),
    "number": ("failed", r"said what is no message: '42\n'"),
    "half": ("failed", """said what is no message: '{"result": {"fac"""),
    "no record": ("failed", "its answer is no record: is damaged"),
    "another spec": ("failed", "it trained another spec: hash 'f00', not "),
}


@pytest.mark.parametrize("word", FAILURES)
def test_a_failed_cell_is_told_and_the_rest_go_on(here, word):
    behave(here, torch_0=word)
    limit = 5.0 if FAILURES[word][0] == "timeout" else 60.0
    assert run(small_study(seeds=1, time_limit=limit)) == Outcome(1, 1, 0)
    (record,) = [r for r in StudyFolder("study").records() if not r.done]
    status, error = FAILURES[word]
    assert record.key == ("torch", "base", 0)
    assert record.status == status
    assert record.error.startswith(error)
    if word in ("fail", "hang"):
        behave(here)
        study = small_study(seeds=1, time_limit=60.0)  # a longer limit is no new study
        assert run(study) == Outcome(1, 1, 0)
        assert run(study, again=True) == Outcome(2, 0, 0)
        assert begun(here) == ["torch 0", "mxnet 0", "torch 0"]


def test_a_program_that_would_leave_the_folder_is_refused(here):
    behave(here, torch_0="leave")
    with pytest.raises(PolyframeError, match="a program's file is called"):
        run(small_study("torch", seeds=1))
    assert not list(here.rglob("left.py"))


def test_a_half_written_cell_runs_again(here):
    run(small_study("torch", seeds=2))
    path = here / "study/cells/torch/base/seed-1.json"
    whole = path.read_text()
    path.write_text(whole[: len(whole) // 2])
    notes = Notes()
    assert run(small_study("torch", seeds=2), watch=notes) == Outcome(2, 0, 0)
    assert begun(here) == ["torch 0", "torch 1", "torch 1"]
    assert "seed-1.json: is damaged" in notes.lines[0]
    assert "the cell counts as not run" in notes.lines[0]


def test_a_full_disk_is_one_message_and_no_cell_is_lost(here, monkeypatch):
    real = os.fsync
    count = 0

    def fsync(handle):
        nonlocal count
        count += 1
        if count > 5:  # the plan, contestants, a program, its cell, a program
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(handle)

    monkeypatch.setattr("polyframe.io.atomic.os.fsync", fsync)
    with pytest.raises(PolyframeError) as caught:
        run(small_study(seeds=2))
    assert str(caught.value) == (
        "study/cells/mxnet/base/seed-0.json: cannot be written: No space left on device "
        "(all cells that ended before are kept, and the same command goes on)"
    )
    assert statuses(here / "study") == {"torch 0": "done"}
    monkeypatch.setattr("polyframe.io.atomic.os.fsync", real)
    assert run(small_study(seeds=2)) == Outcome(4, 0, 0)
    assert begun(here) == ["torch 0", "mxnet 0", "mxnet 0", "torch 1", "mxnet 1"]


def test_a_report_that_cannot_be_written_is_a_line(here, monkeypatch):
    def report(folders, out):
        raise PolyframeError("altair is not installed", hint="pip install …")

    module = sys.modules["polyframe.study.report.write"]
    monkeypatch.setattr(module, "write_report", report)
    notes = Notes()
    assert run(small_study("torch", seeds=1), watch=notes).done == 1
    assert notes.lines == [
        "no report: altair is not installed (pip install …); the cells are kept"
    ]


def test_the_folder_of_another_study_is_refused(here):
    run(small_study("torch", seeds=2))
    other = small_study("torch", "mxnet", variants=[Variant("a", {"epochs": 3})])
    with pytest.raises(PolyframeError, match=r"has 2 cells that this plan has not"):
        run(other)
    with pytest.raises(PolyframeError, match=r"has 1 cells that this plan has not"):
        run(small_study("torch", seeds=1))
    (here / "full").mkdir()
    (here / "full/notes.txt").touch()
    with pytest.raises(PolyframeError, match="the folder is not empty, and not a"):
        run(small_study("torch", seeds=1), "full")
    assert len(begun(here)) == 2


@pytest.mark.parametrize("name", ["cells/evil", "cells/torch/base", "programs/torch"])
def test_nothing_outside_is_touched_through_a_link(here, name):
    run(small_study("torch", seeds=1))
    mine = here / "mine/base"
    mine.mkdir(parents=True)
    for hidden in (".env", ".seed-0.json.a"):
        (mine / hidden).touch()
    link = here / "study" / name
    if link.exists():
        link.rename(link.with_name("aside"))
        link.with_name("aside").rename(here / "aside")
    link.symlink_to(here / "mine")
    with pytest.raises(PolyframeError, match="is a link, and a study writes into no"):
        run(small_study("torch", seeds=2))
    assert len(list(mine.iterdir())) == 2
    assert begun(here) == ["torch 0"]


def test_hidden_files_that_no_study_wrote_stay(here):
    run(small_study("torch", seeds=1))
    folder = here / "study/cells/torch/base"
    (folder / ".notes").touch()
    (folder / ".seed-0.json.x1").touch()
    run(small_study("torch", seeds=2))
    assert [p.name for p in folder.iterdir() if p.name.startswith(".")] == [".notes"]


def test_a_folder_that_cannot_be_read_is_one_message(here, monkeypatch):
    def refused(self):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    (here / "study").mkdir()
    monkeypatch.setattr("pathlib.Path.iterdir", refused)
    with pytest.raises(PolyframeError, match=r"study: cannot be read: Permission den"):
        run(small_study("torch", seeds=1))


def test_one_study_at_a_time(here):
    run(small_study("torch", seeds=1))
    with locked(here / "study"), pytest.raises(LockedError):
        run(small_study("torch", seeds=2))
    assert len(begun(here)) == 1


# --- the contestants are asked first -----------------------------------------------

REFUSED = {
    "protocol": (2, "its polyframe speaks protocol 2 of studies; this one speaks 1"),
    "spec_hash": ("f00", "its polyframe reads the model as another spec (hash 'f00', "),
    "usable": (False, "mxnet is not usable: None"),
}


@pytest.mark.parametrize("key", REFUSED)
def test_a_contestant_that_cannot_take_part_ends_it_before_any_cell(here, key):
    value, text = REFUSED[key]
    behave(here, about_mxnet={key: value})
    with pytest.raises(PolyframeError) as caught:
        run(small_study())
    assert str(caught.value).startswith(f"contestant mxnet: {text}")
    assert begun(here) == []
    assert not (here / "study").exists()


def test_versions_may_not_change_while_a_study_goes_on(here):
    run(small_study("torch", seeds=1))
    assert (here / "study" / CONTESTANTS).exists()
    behave(here, about_torch={"version": "2"})
    with pytest.raises(PolyframeError) as caught:
        run(small_study("torch", seeds=2))
    assert str(caught.value) == (
        "contestant torch: version was '1' when the study began, and is '2' now "
        "(install the former one, or begin a new study in another folder)"
    )


# --- certificates ---------------------------------------------------------------------

VARIANTS = (
    Variant("aligned", {"semantics": "aligned"}, "aligned"),
    Variant("native", {"semantics": "native"}, "native"),
)


def certified(monkeypatch, answer):
    """Take certificates with a function; what it was called for."""
    taken = []

    def certify(study, variant, executor, folder=None):
        taken.append(variant.name)
        return answer(variant)

    monkeypatch.setattr("polyframe.study.certify.certify", certify)
    return taken


def passed(*contestants):
    """What a certificate that passed says of the contestants."""
    return {"passed": True, "contestants": {each.name: {} for each in contestants}}


def study_with_certificates():
    study = small_study(seeds=1, variants=VARIANTS)
    object.__setattr__(study.settings, "certify_steps", 2)
    return study


def test_aligned_variants_are_certified_once_before_any_cell(here, monkeypatch):
    def answer(variant):
        assert begun(here) == []
        return passed(*study_with_certificates().contestants)

    taken, notes = certified(monkeypatch, answer), Notes()
    run(study_with_certificates(), watch=notes)
    run(study_with_certificates())
    assert taken == ["aligned"]
    assert StudyFolder("study").certificate("aligned")["passed"]
    assert "certificate of aligned: passed" in notes.lines


def test_a_contestant_that_joins_and_a_damaged_certificate_have_it_taken_again(
    here, monkeypatch
):
    certificates = []
    taken = certified(monkeypatch, lambda variant: certificates.pop())

    def taken_on(*names, seeds=1):
        study = small_study(*names, seeds=seeds, variants=VARIANTS)
        object.__setattr__(study.settings, "certify_steps", 2)
        certificates[:] = [passed(*study.contestants)]
        run(study)
        return len(taken)

    assert taken_on("torch", "mxnet") == 1
    assert taken_on("torch", "mxnet", seeds=2) == 1
    assert taken_on("torch", "mxnet", "tensorflow", seeds=2) == 2
    path = here / "study/certificates/aligned.json"
    path.write_text(path.read_text()[:-9])
    assert taken_on("torch", "mxnet", "tensorflow", seeds=3) == 3


def test_tensors_lie_in_the_folder_where_the_next_run_removes_them(here, monkeypatch):
    folders = []

    def certify(study, variant, executor, folder=None):
        folders.append(folder)
        return passed(*study.contestants)

    monkeypatch.setattr("polyframe.study.certify.certify", certify)
    run(study_with_certificates())
    assert folders == [here / "study"]


def test_a_certificate_that_fails_or_cannot_be_taken_is_told(here, monkeypatch):
    def impossible(variant):
        raise UnsupportedError("no float64")

    notes = Notes()
    certified(monkeypatch, impossible)
    assert run(study_with_certificates(), watch=notes).done == 4
    assert "no certificate of aligned: no float64" in notes.lines
    certified(monkeypatch, lambda variant: {"passed": False})
    assert run(study_with_certificates(), "second", watch=notes).done == 4
    assert notes.lines[-1].startswith("the certificate of aligned failed")
