"""A changed script of ``eject``: its lines are found, named and run."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner
from helpers.failing import fails
from helpers.support import BACKENDS

import polyframe as pf
from polyframe.cli import cli
from polyframe.conformance.localise import compare
from polyframe.conformance.script import ChangedScript
from polyframe.conformance.subject import subject_of
from polyframe.eject.write import project


def residual(channels):
    x = pf.Input(name="x")
    y = pf.Conv2D(channels, 3, padding="same", name="conv")(x)
    return pf.Block(x, pf.ReLU(name="relu")(pf.Add(name="add")(y, x)), kind="Residual")


SPEC = pf.Sequential(
    [
        pf.Conv2D(2, 3, padding="same", name="stem"),
        pf.BatchNorm(name="norm"),
        residual(2), residual(2), residual(2),
        pf.MaxPool2D(2, name="pool"), pf.ReLU(name="relu"),
        pf.Dropout(0.3, name="drop"), pf.Flatten(name="flatten"),
        pf.Dense(3, name="fc"),
    ],
    (1, 4, 4), name="net",
)  # fmt: skip
RECIPE = pf.Recipe(
    SPEC, loss="cross_entropy", optimizer=pf.Adam(1e-2, weight_decay=0.1),
    dtype="float64", epochs=1, batch_size=4,
)  # fmt: skip
RNG = np.random.default_rng(0)
DATA = pf.data.from_arrays(RNG.normal(size=(8, 1, 4, 4)), RNG.integers(0, 3, 8))


def text_of(backend, recipe=RECIPE, optimize=False):
    return project(recipe, backend, DATA, optimize).files["train.py"]


def changed(tmp_path, text, backend="torch", recipe=RECIPE):
    path = tmp_path / "train.py"
    path.write_text(text, encoding="utf-8")
    return ChangedScript(path, recipe, backend, DATA)


def swap(text, old, new, nth=0):
    """The text with the nth of some equal parts replaced."""
    pieces = text.split(old)
    assert len(pieces) > nth + 1, (old, text)
    return old.join(pieces[: nth + 1]) + new + old.join(pieces[nth + 1 :])


def found(script, steps=2):
    """Where a changed script diverges, and that all its changes were run."""
    result = compare(
        subject_of(SPEC, script.recipe), script.backend, script.changed(), steps=steps,
        dtype="float64", optimize=script.optimize,
    )  # fmt: skip
    assert script.run == {c.line for c in script.changes if c.in_program}
    return result.divergence


DECAY = {
    "torch": ("weight_decay=0.1)", "weight_decay=0.2)"),
    "tensorflow": ("variables, weight_decay=0.1", "variables, weight_decay=0.2"),
    "mxnet": ("Adam(0.01, weight_decay=0.1", "Adam(0.01, weight_decay=0.2"),
}
LOSSES = {
    "torch": ("losses.sum() / count", "2 * losses.sum() / count"),
    "tensorflow": ("tf.reduce_sum(losses) / count", "tf.reduce_sum(losses)"),
    "mxnet": ("losses.sum() / count", "2 * losses.sum() / count"),
}
ONES = {
    "torch": ("    return F.cross_entropy", "    return 3 * F.cross_entropy"),
    "tensorflow": ("    return tf.nn.sparse", "    return 3 * tf.nn.sparse"),
    "mxnet": ("    return losses  # (N,)", "    return 3 * losses  # (N,)"),
}
CASES = {  # what is changed → (by backend, who owns the line, where it is seen)
    "construction": (
        dict.fromkeys(BACKENDS, ("self.pool = nn.Max", "self.pool = nn.Avg"))
        | {"tensorflow": ("layers.MaxPooling2D", "layers.AveragePooling2D")},
        ("pool", "construction"), ("inference", "pool"),
    ),
    "forward": (
        dict.fromkeys(BACKENDS, ("x = self.relu(x)", "x = 2 * self.relu(x)")),
        ("relu", "forward"), (None, None),
    ),
    "block": (
        dict.fromkeys(BACKENDS, ("y = self.relu(y)", "y = self.relu(y) + 1")),
        ("block1.relu", "forward"), (None, None),
    ),
    "loss": (ONES, ("fc", "loss"), (None, None)),
    "optimizer": (DECAY, ("", "optimizer"), ("weights", None)),
    "step": (LOSSES, ("", "loss_and_gradients"), (None, None)),
}  # fmt: skip


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", CASES)
def test_a_change_is_named_and_found(case, backend, tmp_path):
    edits, owner, (kind, layer) = CASES[case]
    script = changed(tmp_path, swap(text_of(backend), *edits[backend]), backend)
    (change,) = script.changes
    assert change.in_program
    assert (change.line, change.new) == (
        1 + script.path.read_text().splitlines().index(change.new[0]), change.new
    )  # fmt: skip
    assert owner in change.owners
    if backend != "torch" and case != ("construction" if backend == "mxnet" else None):
        return  # the plain suite has no time for more
    ran(script, kind, layer)


@pytest.mark.full
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", CASES)
def test_a_change_is_found_on_each_backend(case, backend, tmp_path):
    edits, _, seen = CASES[case]
    ran(changed(tmp_path, swap(text_of(backend), *edits[backend]), backend), *seen)


def ran(script, kind, layer):
    divergence = found(script)
    assert divergence is not None
    assert kind is None or divergence.key.kind == kind
    assert layer is None or divergence.layer == layer


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_unchanged_script_agrees(backend, tmp_path):
    script = changed(tmp_path, text_of(backend), backend)
    assert script.changes == []
    script = changed(tmp_path, text_of(backend, optimize=True), backend)
    assert script.changes == []
    if backend == "torch":
        assert found(script) is None


@pytest.mark.parametrize("optimize", [False, True])
def test_a_changed_script_of_either_kind_is_known(optimize, tmp_path):
    text = text_of("torch", optimize=optimize)
    script = changed(tmp_path, swap(text, "(8, 3)", "(8, 3, bias=True)"))
    assert script.optimize == optimize
    assert [c.owners for c in script.changes] == [(("fc", "construction"),)]
    assert found(script) is None


def test_lines_that_are_equal_are_told_apart(tmp_path):
    """The blocks and the losses have some: only the one that was changed is."""
    text = swap(text_of("torch"), "return loss, outputs", "return loss + 1, outputs", 1)
    script = changed(tmp_path, text)
    first, last = script.changes[0].place
    program = script.program.source.splitlines()
    assert program[first:last] == ["    return loss, outputs"]
    assert program[:first].count(program[first]) == 1
    assert found(script) is not None


def test_lines_put_in_and_taken_out_are_run(tmp_path):
    text = text_of("torch")
    norm = "        x = self.norm(x)  # (N, 2, 4, 4)\n"
    script = changed(tmp_path, swap(text, norm, ""))
    assert script.changes[0].owners == (("norm", "forward"),)
    assert found(script) is not None
    script = changed(tmp_path, swap(text, norm, norm + "        x = x.tanh()\n"))
    assert script.changes[0].old == ()
    assert script.changes[0].owners == (("norm", "forward"),)
    assert found(script) is not None


def test_a_new_function_and_a_new_import_are_run(tmp_path):
    text = swap(text_of("torch"), "import json\n", "import json\nimport math\n")
    function = "def bent(x):\n    return x * math.pi\n\n\n"
    text = swap(text, "class Net(nn", function + "class Net(nn")
    text = swap(text, "x = self.norm(x)", "x = bent(self.norm(x))")
    script = changed(tmp_path, text)
    assert [c.in_program for c in script.changes] == [True] * 3
    assert found(script) is not None


def test_the_scripts_own_lines_are_told_and_not_run(tmp_path):
    text = swap(text_of("torch"), "EPOCHS = 1", "EPOCHS = 7")
    script = changed(tmp_path, text)
    assert [c.in_program for c in script.changes] == [False]
    assert found(script) is None


def test_another_file_is_refused(tmp_path):
    text = text_of("torch")
    bad = {
        "def (\n" + text: "train.py:1: is not Python: ",
        "import os\n": "train.py: is not a script of recipe on PyTorch (give the recipe",
        text_of(
            "mxnet"
        ): "train.py: is not a script of recipe on PyTorch (give the recipe",
    }
    for wrong, message in bad.items():
        fails(pf.PolyframeError, lambda t=wrong: changed(tmp_path, t), message)
    other = text_of("torch").replace("recipe on", "other on", 1)
    fails(pf.PolyframeError, lambda: changed(tmp_path, other), "is not a script of")
    path = tmp_path / "train.py"
    path.write_bytes(b"\xff\xfe")
    for name, message in (("train.py", "UTF-8"), ("absent.py", "absent.py")):
        path = tmp_path / name
        fails(
            pf.PolyframeError, lambda p=path: ChangedScript(p, RECIPE, "torch", DATA),
            message,
        )  # fmt: skip


@pytest.fixture(scope="module")
def lesson(tmp_path_factory):
    """The folder of an ejected recipe."""
    folder = tmp_path_factory.mktemp("ejected") / "lesson"
    done = CliRunner().invoke(
        cli, ["eject", "digits_cnn", "-b", "torch", "-o", str(folder)]
    )
    assert done.exit_code == 0, done.output
    return folder


def diff(lesson, tmp_path, old, new, *options):
    """What the command prints about a script in which a text was replaced."""
    path = tmp_path / "mine.py"
    path.write_text(swap((lesson / "train.py").read_text(), old, new))
    command = ["diff", str(lesson / "recipe.yaml"), "-b", "torch", "--steps", "1"]
    return CliRunner().invoke(cli, [*command, "--script", str(path), *options])


def test_the_command_names_the_change(lesson, tmp_path):
    done = diff(lesson, tmp_path, "lr=0.003)", "lr=0.003, eps=1e-3)")
    assert done.exit_code == 1
    assert ": optimizer\n  -     return torch.optim.Adam(" in done.stdout
    assert "torch and mine.py diverge at step 1, weights of" in done.stdout
    done = diff(lesson, tmp_path, "EPOCHS = 10", "EPOCHS = 3")
    assert done.exit_code == 0
    assert "of the script's own, which the comparison does not run" in done.stdout
    assert "torch and mine.py agree in float32" in done.stdout


def test_the_command_as_json_has_the_changes(lesson, tmp_path):
    done = diff(lesson, tmp_path, "MaxPool2d(2)", "AvgPool2d(2)", "--json")
    data = json.loads(done.stdout)
    (change,) = data["changes"]
    assert change["owners"] == [{"layer": "pool1", "role": "construction"}]
    assert change["run"] and change["new"] == ["        self.pool1 = nn.AvgPool2d(2)"]
    assert data["divergence"]["layer"] == "pool1"


def test_a_script_that_cannot_run_is_not_a_bug_of_polyframe(lesson, tmp_path):
    done = diff(lesson, tmp_path, "MaxPool2d(2)", "MaxPool2d(size)")
    assert done.exit_code == 2
    assert "mine.py: cannot be run as it was changed: NameError: name 'size'" in (
        done.stderr
    )
    assert "bug in polyframe" not in done.stderr


def test_options_that_do_not_go_with_a_script_are_refused(lesson, tmp_path):
    same = ("EPOCHS", "EPOCHS")
    done = diff(lesson, tmp_path, *same, "--optimizer", "adam")
    assert (done.exit_code, "leave --optimizer out" in done.stderr) == (2, True)
    done = diff(lesson, tmp_path, *same, "-b", "mxnet")
    assert (done.exit_code, "with one backend" in done.stderr) == (2, True)
