"""Every difference of the registry is shown by native programs that hold on the installed
versions, and that fail where the behaviour is another one."""

from __future__ import annotations

import dataclasses
import os
import sys

import pytest
from helpers import demonstrated
from helpers.failing import fails
from helpers.support import BACKENDS

import polyframe.differences
from polyframe.differences import Difference, differences
from polyframe.errors import BackendError, PolyframeError, SpecError
from polyframe.teach import demonstrations as module
from polyframe.teach.demonstrations import (
    FOLDER,
    demonstration,
    demonstrations,
    judge,
    parse,
    run,
)

SEEN = {"torch": demonstrated.installed("torch"), "mxnet": "1.9.1"}
PLANTED = Difference(
    id="some-sum",
    title="t",
    topic="layers",
    entries=(),
    kinds=(),
    backends={"torch": "3", "mxnet": "4"},
    meaning="m",
    remedy="r",
    matters="w",
    source="s",
    versions=SEEN,
)
"""A difference whose programs need no framework, and so little time."""
TORCH = "x = 3\nprint(x)\nassert x == 3\n"
MXNET = "x = 4\nprint(x)\nassert x == 4\n"


@pytest.mark.parametrize("backend", BACKENDS)
def test_demonstrations_hold_and_refute_wrong_claims(backend):
    """In one test for each framework: importing it takes longer than all of them."""
    assert demonstrated.breaches(differences(), backend) == []


@pytest.mark.full
@pytest.mark.parametrize("backend", BACKENDS)
def test_none_lives_on_what_another_has_done(backend):
    """They share a process, where one might find what others left: the other way round."""
    assert demonstrated.breaches(differences()[::-1], backend) == []


def test_each_demonstration_belongs_to_an_entry():
    wanted = {
        f"{d.id.replace('-', '_')}/{name}.native"
        for d in differences()
        for name in d.backends
    }
    there = {str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.native")}
    assert there == wanted


def test_one_runs_as_a_program_of_its_own():
    shown = demonstration("batchnorm-momentum", "torch")
    assert shown.text == f"{shown.body}assert {shown.claim}\n"
    assert "import torch" in shown.body
    outcome = run("batchnorm-momentum", "torch")
    assert outcome.holds
    assert float(outcome.output) == pytest.approx(0.9)


@pytest.fixture
def plant(tmp_path, monkeypatch):
    """Puts programs in the place of the demonstrations, and gives their difference."""

    def planted(torch=TORCH, mxnet=MXNET, **changes):
        entry = dataclasses.replace(PLANTED, **changes)
        folder = tmp_path / "some_sum"
        folder.mkdir()
        for name, text in (("torch", torch), ("mxnet", mxnet)):
            if text is not None:
                (folder / f"{name}.native").write_text(text)
        monkeypatch.setattr(module, "FOLDER", tmp_path)
        monkeypatch.setattr(polyframe.differences, "differences", lambda: (entry,))
        return entry

    return planted


def test_a_right_demonstration_has_no_breaches(plant):
    entry = plant()
    for name in entry.backends:
        assert demonstrated.breaches([entry], name) == []
    assert demonstrated.breaches([entry], "tensorflow") == []  # it says nothing of it


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"torch": "x = 5\nprint(x)\nassert x == 3"},  # the behaviour has changed
            "some-sum on torch: x == 3: fails (it printed '5')",
        ),
        (
            {"mxnet": TORCH},  # both claim the same
            "some-sum: nothing is refuted on torch; it needs `wrong`",
        ),
        (
            {"torch": "x = 3\nassert x == 3"},
            "some-sum on torch: prints nothing",
        ),
        (
            {"torch": "x = 1 / 0\nassert x == 3"},
            "some-sum on torch: ZeroDivisionError: division by zero",
        ),
        (
            {
                "torch": "y = 3\nprint(y)\nassert y == 3"
            },  # its claims cannot be exchanged
            "some-sum on torch: wrong: x == 4: NameError: name 'x' is not defined",
        ),
        (
            {"wrong": {"torch": "x > 2"}},
            "some-sum on torch: wrong: x > 2: holds (it printed '3')",
        ),
        (
            {"wrong": {"torch": "x >"}},
            "some-sum: invalid syntax",
        ),
        (
            {"torch": None},
            "some-sum: no demonstration on torch",
        ),
        (
            {"torch": "print(1)"},
            "some-sum: some-sum/torch.native: does not end with `assert <claim>`",
        ),
        (
            {"versions": {**SEEN, "torch": "1.0.0"}},
            f"some-sum: seen on torch 1.0.0; {SEEN['torch']} is installed: look",
        ),
        (
            {"torch": "import os\nos.kill(os.getpid(), 9)\nassert True"},
            "some-sum on torch: its process was killed by signal 9",
        ),
    ],
)
def test_a_wrong_demonstration_is_seen(changes, message, plant):
    (breach,) = demonstrated.breaches([plant(**changes)], "torch")
    assert breach.startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = (\nassert x", "is not Python: '(' was never closed"),
        ("x = '\0'\nassert x", "is not Python: "),
        ("x = 1\n" * 10 + "assert x", "has 11 lines; at most 10 fit"),
        (
            "import numpy, polyframe as p\nassert p",
            "imports polyframe; it is to be nati",
        ),
        (
            "from polyframe.spec import x\nassert x",
            "imports polyframe; it is to be nati",
        ),
        ("", "does not end with `assert <claim>`"),
        ("assert 1\nx = 1", "does not end with `assert <claim>`"),
        ("if 1:\n    assert 1", "does not end with `assert <claim>`"),
        ("assert 1, 'a message'", "does not end with `assert <claim>`"),
    ],
)
def test_a_text_that_is_no_demonstration_is_refused(text, message):
    fails(
        SpecError, lambda: parse(text, "a-b", "torch"), f"a-b/torch.native: {message}"
    )


def test_blank_lines_and_comments_do_not_count():
    text = "# alone: a reason\n\n# a comment\n" + "x = 1\n\n" * 9 + "assert (x ==\n 1)"
    with_comment = parse(text.replace("\n 1", " 1"), "a-b", "torch")
    assert with_comment.alone == "a reason"
    assert with_comment.claim == "x == 1"
    fails(SpecError, lambda: parse(text, "a-b", "torch"), "has 11 lines")


def test_reading_does_not_run_anything():
    text = "raise SystemExit\nassert 1"
    assert parse(text, "a-b", "torch").body == "raise SystemExit\n"


def test_what_is_not_there_is_told(plant):
    plant(mxnet=None)
    assert [d.backend for d in demonstrations("some-sum")] == ["torch"]
    for name in ("mxnet", "jax", "../torch"):
        fails(
            SpecError,
            lambda name=name: demonstration("some-sum", name),
            f"some-sum: has no demonstration on '{name}'; there are those on torch",
        )
    fails(
        SpecError,
        lambda: run("some-some", "torch"),
        "there is no difference 'some-some'. Did you mean 'some-sum'?",
    )


def test_a_program_of_its_own_tells_what_it_did(plant):
    plant(torch="x = 3\nprint(x)\nassert x == 4")
    outcome = run("some-sum", "torch")
    assert (outcome.holds, outcome.output) == (False, "3\n")
    assert run("some-sum", "mxnet", python=os.path.relpath(sys.executable)).holds


@pytest.mark.parametrize(
    ("text", "options", "kind", "message"),
    [
        (
            "import no_such_framework\nassert 1",
            {},
            BackendError,
            "some-sum on torch: its process ended with status 1: ModuleNotFoundError: No "
            "module named 'no_such_framework'",
        ),
        (
            "import os\nos.kill(os.getpid(), 9)\nassert 1",
            {},
            BackendError,
            "some-sum on torch: its process was killed by signal 9: nothing was said",
        ),
        (
            "import time\ntime.sleep(60)\nassert 1",
            {"limit": 0.5},
            BackendError,
            "some-sum on torch: took longer than 0.5 s",
        ),
        (
            TORCH,
            {"python": "/no/such/python"},
            PolyframeError,
            "/no/such/python: there is no such interpreter: No such file or directory",
        ),
    ],
)
def test_a_program_that_does_not_get_to_its_claim_is_an_error(
    text, options, kind, message, plant
):
    plant(torch=text)
    fails(kind, lambda: run("some-sum", "torch", **options), message)


def test_programs_share_a_process_but_nothing_else():
    """Unless they are alone: those change what the others would see."""
    first = "import os, sys\nprint(os.getpid())\nsys.mine = x = 1\nassert x"
    second = "import os, sys\nprint(os.getpid(), hasattr(sys, 'mine'))\nassert 1"
    texts = [first, second, f"# alone: a reason\n{second}"]
    chosen = [parse(text, "a-b", "torch") for text in texts]
    judged = judge(chosen, [["x"], ["1", "x"], ["1"]])
    (one,), (other, there), (alone, here) = (j.output.split() for j in judged)
    assert one == other != alone
    assert (there, here) == ("True", "False")
    assert judged[0].verdicts == {"x": "holds"}
    assert judged[1].verdicts["x"] == "NameError: name 'x' is not defined"


def test_what_is_written_past_python_does_not_disturb_the_answers():
    text = "import os\nos.write(1, b'native')\nprint('[]')\nx = 0\nassert x == 0"
    (judged,) = judge([parse(text, "a-b", "torch")], [["x == 0", "x == 1"]])
    assert (judged.output, judged.error) == ("[]\n", "")
    assert judged.verdicts == {"x == 0": "holds", "x == 1": "fails"}


def test_a_process_that_dies_is_an_error_of_those_it_did_not_finish():
    texts = ["assert 1", "import os\nos._exit(3)\nassert 1", "assert 1"]
    chosen = [parse(text, "a-b", "torch") for text in texts]
    judged = judge(chosen, [["1"]] * 3)
    assert judged[0].verdicts == {"1": "holds"}
    for each in judged[1:]:
        assert each.error == "its process ended with status 3: nothing was said"


def test_a_program_leaves_no_files():
    """It runs in a folder of its own, that is removed."""
    text = "import os\nopen('a.txt', 'w').close()\nprint(os.getcwd())\nassert 1"
    (judged,) = judge([parse(text, "a-b", "torch")], [["1"]])
    assert not os.path.exists(judged.output.strip())
