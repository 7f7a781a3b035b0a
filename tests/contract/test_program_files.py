"""All files of a program are kept, whatever their language: by runs, eject and diff."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from click.testing import CliRunner
from helpers.adding import taken_away
from helpers.failing import fails

import polyframe as pf
from polyframe.backends.pytorch.backend import Torch
from polyframe.cli import cli
from polyframe.compiler.program import Program
from polyframe.contract.files import program_files
from polyframe.contract.registry import register
from polyframe.eject.write import eject

NOTES, TABLE = "notes/model.prototxt", "table.bin"


class Several(Torch):
    """Its programs have a text and bytes beside the module."""

    name = "several"

    def write(self, *args):
        program = super().write(*args)
        more = {NOTES: "name: 'mine'\n", TABLE: b"\x00\xff\n"}
        return dataclasses.replace(program, files={**program.files, **more})


@pytest.fixture
def several():
    with taken_away():
        register(Several)
        yield "several"


def program(**files):
    return Program(files, "Net", {})


def held(folder):
    """Path → bytes of all files in a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_one_file_is_named_by_its_backend_several_keep_their_names():
    one = program(**{"net_torch.py": "x = 1\n"})
    assert program_files(one, "torch") == {"program_torch.py": "x = 1\n"}
    assert program_files(program(**{"net.onnx": b"\x08"}), "ort") == {
        "program_ort.onnx": b"\x08"
    }
    two = program(**{"net.prototxt": "a", "solver/solver.prototxt": "b"})
    assert program_files(two, "caffe") == {
        "program_caffe/net.prototxt": "a",
        "program_caffe/solver/solver.prototxt": "b",
    }


@pytest.mark.parametrize(
    "name",
    [
        "../x.py",
        "/x.py",
        "a/../../x",
        "a//b",
        ".hidden",
        "a\\b",
        "c:x",
        "",
        "a/",
        "ä.py",
    ],
)
def test_a_name_that_could_leave_the_folder_is_refused(name):
    for files in ({name: ""}, {"a.py": "", name: ""}):
        fails(
            pf.ProgramError,
            lambda files=files: program_files(program(**files), "torch"),
            "program: a program's file is called",
        )


def recipe(**settings):
    net = pf.Sequential([pf.Flatten(), pf.Dense(10)], (1, 8, 8), name="net")
    return pf.Recipe(net, epochs=1, batch_size=512, **settings)


def test_a_run_keeps_them_and_a_resume_clears_what_a_crash_left(several, tmp_path):
    (tmp_path / "mine.yaml").write_text(recipe().to_yaml())
    out = tmp_path / "out"
    train = ["train", str(tmp_path / "mine.yaml"), "-b", several, "-o", str(out)]
    result = CliRunner().invoke(cli, train)
    assert result.exit_code == 0, result.output
    assert f"program: {out / 'program_several'}\n" in result.output
    kept = held(out / "program_several")
    assert kept.keys() == {"net_several.py", NOTES, TABLE}
    assert kept[TABLE] == b"\x00\xff\n"
    assert b"class Net(nn.Module)" in kept["net_several.py"]
    stray = out / "program_several" / "notes" / ".model.prototxt.x"
    stray.write_text("half")
    result = CliRunner().invoke(cli, [*train, "--resume", "--epochs", "2"])
    assert result.exit_code == 0, result.output
    assert not stray.exists()
    assert held(out / "program_several") == kept
    result = CliRunner().invoke(cli, [*train, "--resume", "--epochs", "2"])
    assert "is finished" in result.output
    assert f"program: {out / 'program_several'}\n" in result.output


def test_eject_keeps_them(several, tmp_path):
    data = pf.data.load("digits")
    eject(recipe(), several, tmp_path / "out", data)
    kept = held(tmp_path / "out")
    own = {"train.py", "weights.npz", "data.npz", "requirements.txt", "recipe.yaml"}
    assert kept.keys() == {*own, "README.md", NOTES, TABLE}
    assert kept[TABLE] == b"\x00\xff\n"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"files": {"a.py": "x", "train.py": "y"}}, "is called train.py, as one of"),
        ({"files": {"a.py": "x", "../b": "y"}}, "a program's file is called '../b'"),
    ],
)
def test_what_eject_cannot_keep_is_told(change, message, several, tmp_path):
    class Other(Several):
        name = "other"

        def write(self, *args):
            program = super().write(*args)
            files = dict(program.files)
            if "files" in change:
                files = dict(zip(change["files"], [program.source, "y"], strict=True))
            return dataclasses.replace(program, **{**change, "files": files})

    other = Other()
    fails(
        pf.PolyframeError,
        lambda: eject(recipe(), other, tmp_path / "out", pf.data.load("digits")),
        message.replace("several", "other"),
    )
    assert not (tmp_path / "out").exists()


def test_diff_keeps_them(several, tmp_path):
    (tmp_path / "mine.yaml").write_text(recipe().to_yaml())
    out = tmp_path / "out"
    pair = ["-b", several, "-b", "torch", "--steps", "1", "-o", str(out)]
    result = CliRunner().invoke(cli, ["diff", str(tmp_path / "mine.yaml"), *pair])
    assert result.exit_code == 0, result.output
    kept = held(out)
    assert kept.keys() == {
        "diff.json", "program_torch.py", "program_several/net_several.py",
        f"program_several/{NOTES}", f"program_several/{TABLE}",
    }  # fmt: skip
    assert json.loads(kept["diff.json"])["agree"]


def test_what_runs_is_what_is_kept(several, tmp_path):
    model = pf.compile(recipe().model, several, "cross_entropy")
    x, y = np.zeros((2, 1, 8, 8), np.float32), np.array([1, 2])
    assert model.train_step(x, y) > 0
    assert model.program.files[NOTES] == "name: 'mine'\n"
