"""``eject --notebook``: the script's parts as cells that have run; a run that fails writes
nothing."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest
from click.testing import CliRunner
from helpers.failing import fails
from helpers.support import BACKENDS

import polyframe as pf
from polyframe.cli import cli
from polyframe.eject.notebook import WORDS, executed, written
from polyframe.eject.write import eject, project

RECIPE = pf.load_recipe("digits_cnn", {"epochs": 2})


@pytest.fixture(scope="module")
def data():
    return pf.data.load("digits")


def printed(text):
    """What the cells of a notebook printed, one after the other."""
    outputs = [o for cell in json.loads(text)["cells"] for o in cell.get("outputs", [])]
    assert all(o["name"] == "stdout" for o in outputs), outputs
    return "".join("".join(o["text"]) for o in outputs)


def losses(text):
    return re.findall(r"epoch \d+: loss ([\d.e-]+)", text)


# --- what it consists of ----------------------------------------------------------------


def test_the_parts_of_a_script_are_its_cells_with_a_few_words_each(data):
    for backend in BACKENDS:
        made = project(RECIPE, backend, data)
        notebook = written("a <b>_title_</b>", made.parts)
        heads, *pairs = notebook.cells[:2], *notebook.cells[2:]
        assert heads[0].source.startswith("# a \\<b\\>\\_title\\_\\</b\\>\n")
        assert "__file__" in heads[1].source
        words, codes = pairs[::2], pairs[1::2]
        assert [c.source for c in codes] == [text.strip("\n") for _, text in made.parts]
        for (name, _), cell in zip(made.parts, words, strict=True):
            assert cell.source == f"## {name}\n\n{WORDS[name]}"
        # The script is the same text; no part of it is lost.
        script = made.files["train.py"]
        assert all(text.strip("\n") in script for _, text in made.parts)
        assert [c.id for c in notebook.cells] == [
            f"cell-{i}" for i in range(len(notebook.cells))
        ]


# --- running it -------------------------------------------------------------------------


def test_a_notebook_of_a_recipe_has_the_losses_of_fit(data, tmp_path):
    backend = "torch" if "torch" in BACKENDS else BACKENDS[0]  # imports fastest
    paths = eject(RECIPE, backend, tmp_path / "out", data, notebook=True)
    assert [path.name for path in paths][-1] == "train.ipynb"
    text = paths[-1].read_text()
    model = pf.compile(
        RECIPE.model, backend, RECIPE.loss, RECIPE.optimizer, optimize=False
    )
    history = model.fit(*data.train, epochs=2, batch_size=RECIPE.batch_size)
    assert [float(loss) for loss in losses(printed(text))] == pytest.approx(
        history["loss"], rel=1e-6
    )
    assert str(tmp_path) not in text and sys.prefix not in text


@pytest.mark.full
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_notebook_prints_what_the_script_prints(backend, data, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")  # of both
    eject(RECIPE, backend, tmp_path / "out", data, notebook=True)
    done = subprocess.run(
        [sys.executable, str(tmp_path / "out" / "train.py")],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "out" / "train.ipynb").read_text()
    assert printed(text) == done.stdout


def run(text, seconds=60, files=()):
    parts = [("First", "n = 2"), ("Second", text)]
    return executed("small", parts, dict(files), seconds)


def test_cells_run_in_a_folder_with_the_files_and_in_this_python():
    text = run(
        "import sys\nfrom pathlib import Path\n"
        "here = Path(__file__).parent\n"
        "print(n, (here / 'a' / 'b.txt').read_text(), sys.executable, __name__)",
        files={"a/b.txt": "inside"}.items(),
    )
    assert printed(text) == f"2 inside {sys.executable} __main__\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 / 0", "its run failed: ZeroDivisionError: division by zero"),
        ("import os; os._exit(1)", "Python ended while it ran"),
        pytest.param(
            "raise ValueError('\\x1b[31m' + 'x' * 9999)",
            "its run failed: ValueError: \\x1b[31mxxx",
            marks=pytest.mark.full,
        ),
    ],
)
def test_a_run_that_fails_says_why(text, message):
    fails(pf.PolyframeError, lambda: run(text), f"train.ipynb: {message}")


def test_a_run_that_takes_too_long_is_stopped():
    fails(
        pf.PolyframeError,
        lambda: run("import time; time.sleep(60)", seconds=3),
        "was stopped after 3 seconds (fewer epochs, or a longer --time-limit)",
    )


@pytest.mark.parametrize("package", ["nbformat", "nbclient", "ipykernel"])
def test_a_missing_package_is_named_with_its_extra(package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    text = fails(pf.PolyframeError, lambda: run("1"), package)
    assert 'pip install "polyframe[notebook]"' in text


# --- nothing half-written ---------------------------------------------------------------


def test_a_failed_run_leaves_no_folder(data, tmp_path, monkeypatch):
    def fail(*given):
        raise pf.PolyframeError("planted")

    monkeypatch.setattr("polyframe.eject.notebook.execute", fail)
    out = tmp_path / "out"
    with pytest.raises(pf.PolyframeError, match="planted"):
        eject(RECIPE, BACKENDS[0], out, data, notebook=True)
    assert not out.exists()


def test_another_language_has_no_notebook(data, tmp_path, monkeypatch):
    made = project(RECIPE, BACKENDS[0], data)
    monkeypatch.setattr(
        "polyframe.eject.write.project", lambda *given: type(made)(made.files)
    )
    fails(
        pf.PolyframeError,
        lambda: eject(RECIPE, BACKENDS[0], tmp_path / "out", data, notebook=True),
        "--notebook: only a program in Python is ejected as a notebook",
    )
    assert not (tmp_path / "out").exists()


def test_the_command(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "polyframe.eject.notebook.execute", lambda *given: seen.append(given[2])
    )
    out = tmp_path / "out"
    words = ["eject", "digits_cnn", "-b", BACKENDS[0], "-o", str(out)]
    done = CliRunner().invoke(cli, [*words, "--time-limit", "5"])
    assert done.exit_code == 2 and "--time-limit is for --notebook" in done.output
    done = CliRunner().invoke(cli, [*words, "--time-limit", "5", "--notebook"])
    assert done.exit_code == 0, done.output
    assert seen == [5] and str(out / "train.ipynb") in done.output
    done = CliRunner().invoke(cli, [*words, "--notebook"])
    assert done.exit_code == 2 and "exists and is not empty" in done.output
