"""Plug-ins of every kind: from files, and from packages with an entry point."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from helpers.adding import EXAMPLES, SPEC, installed, taken_away
from helpers.failing import fails
from helpers.pages import PAGES
from helpers.support import BACKENDS

import polyframe as pf
from polyframe.cli import cli
from polyframe.conformance import check_layer, checks
from polyframe.data.augment import augment
from polyframe.spec.augmentations import Geometric
from polyframe.spec.element import define

LAYER, ALL = EXAMPLES / "squared_relu.py", EXAMPLES / "one_of_each.py"
RECIPE = """
name: mine
model:
  polyframe: 1
  name: mine
  inputs: {x: [1, 8, 8]}
  layers:
  - {name: noise, type: UniformNoise, width: 0.2}
  - {name: conv, type: Conv2D, out_channels: 4, kernel_size: 3}
  - {name: act, type: SquaredReLU}
  - {name: pool, type: GlobalAvgPool2D}
  - {name: fc, type: Dense, out_features: 1}
loss: cauchy
optimizer: {type: HeavyBall, lr: 0.05}
schedule: {type: inverse_sqrt, warmup: 1}
metrics: [max_error]
callbacks: [streak]
augmentation: [{type: negative, p: 0.25}]
data: {name: ramps, count: 32}
batch_size: 16
epochs: 3
"""
WORDS = {
    "layers": "UniformNoise", "losses": "cauchy", "optimizers": "HeavyBall",
    "schedules": "inverse_sqrt", "metrics": "max_error", "callbacks": "streak",
    "augmentations": "negative", "datasets": "ramps", "backends": "plain-torch",
}  # fmt: skip
BARE = ("--set", "callbacks=[]")  # their code is not in a script
PACKAGE = "polyframe_test_pieces"


@pytest.fixture(params=["file", "package"])
def run(request, tmp_path, monkeypatch):
    """Runs a command that knows the plug-in, by its file or because it is installed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(RECIPE)
    given = []
    if request.param == "file":
        context = taken_away()
        given = ["--plugin", str(ALL), "--plugin", str(LAYER)]
    else:
        folder = tmp_path / "site" / PACKAGE
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text("")
        for path in (ALL, LAYER):
            shutil.copy(path, folder)
        monkeypatch.syspath_prepend(str(folder.parent))
        names = (f"{PACKAGE}.{path.stem}" for path in (ALL, LAYER))
        context = installed(monkeypatch, *names)

    def invoke(*args, code=0):
        result = CliRunner().invoke(cli, [*args, *given])
        assert result.exit_code == code, result.output
        return result.output

    with context:
        yield invoke


def losses(folder):
    return [row["loss"] for row in json.loads(folder.read_text())["history"]]


def test_every_kind_is_listed(run):
    for kind, word in WORDS.items():
        assert re.search(rf"^{word} ", run("list", kind), re.M), kind


@pytest.mark.parametrize("backend", [*BACKENDS, "plain-torch"])
def test_everything_trains_resumes_and_predicts(run, backend, tmp_path):
    whole, half = tmp_path / "whole", tmp_path / "half"
    run("train", "mine.yaml", "-b", backend, "-o", str(whole))
    assert json.loads((whole / "streak.json").read_text())["epoch"] == 3
    assert (
        "schedule: {type: inverse_sqrt, warmup: 1.0}"
        in (whole / "recipe.yaml").read_text()
    )
    once = ("train", "mine.yaml", "-b", backend, "-o", str(half))
    run(*once, "--epochs", "2")
    counted = json.loads((half / "streak.json").read_text())["streak"]
    run(*once, "--resume")
    assert losses(half / "result.json") == losses(whole / "result.json")
    kept = json.loads((half / "streak.json").read_text())
    assert kept == json.loads((whole / "streak.json").read_text())
    assert counted in (kept["streak"] - 1, kept["streak"]) or kept["streak"] == 0
    test = json.loads((whole / "result.json").read_text())["test"]
    assert set(test) == {"loss", "max_error"}
    again = json.loads(run("evaluate", str(whole), "--json"))
    assert again["max_error"] == test["max_error"]
    np.save("x.npy", np.zeros((2, 1, 8, 8), np.float32))
    assert len(json.loads(run("predict", str(whole), "x.npy", "--json"))) == 2


@pytest.mark.parametrize("backend", [*BACKENDS, "plain-torch"])
def test_everything_ejects(run, backend, tmp_path):
    run("eject", "mine.yaml", "-b", backend, "-o", "out", *BARE)
    text = (tmp_path / "out" / "train.py").read_text()
    assert "(0.2 * (bits / 2**32 - 0.5)).astype(DTYPE)" in text
    for command in (["check"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--isolated", "out/train.py"]
        done = subprocess.run(ruff, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout
    script = [sys.executable, "train.py"]
    done = subprocess.run(script, capture_output=True, text=True, cwd=tmp_path / "out")
    assert done.returncode == 0, done.stderr
    run("train", "mine.yaml", "-b", backend, "-o", "run", "--no-optimize", *BARE)
    found = re.findall(r"^epoch \d+: loss ([\d.e-]+)", done.stdout, re.M)
    printed = [float(loss) for loss in found]
    assert printed == losses(tmp_path / "run/result.json")


def test_everything_is_shown_verified_and_compared(run):
    assert "losses.log1p()" in run("show", "mine.yaml", "-b", "torch")
    assert "UniformNoise" in run("summary", "mine.yaml")
    assert "made by a plug-in" in run("data", "info", "ramps", "--no-images")
    every = [word for name in [*BACKENDS, "plain-torch"] for word in ("-b", name)]
    text = run("verify", "mine.yaml", *every, "--steps", "2")
    assert "mine: equal on torch, tensorflow, mxnet, plain-torch" in text
    pair = ("-b", "plain-torch", "-b", "mxnet", "--steps", "2")
    text = run("diff", "mine.yaml", *pair, "-o", "found")
    assert "mine: plain-torch and mxnet agree" in text


def test_what_a_plug_in_adds_passes_the_suite(run):
    run("list", "layers")  # loads it
    ours = {"UniformNoise", "SquaredReLU", "cauchy", "HeavyBall"}
    seen = set()
    for name in BACKENDS:
        for check in checks(name, ["layers", "losses", "optimizers"]):
            words = {check.entry, check.entry.partition(",")[0]}
            if words & ours:
                seen |= words & ours
                measured = list(check.run())
                assert measured and all(m.passed for m in measured), measured[:3]
    assert seen == ours


def test_what_moves_pixels_is_written_as_the_page_says():
    (arguments,) = re.findall(r"`move\((.+?)\)`", PAGES["docs/plugins.md"])
    methods: dict[str, object] = {"words": 1}
    exec(f"def move(self, {arguments}):\n    return images[..., ::-1]", methods)
    x, y = (
        np.random.default_rng(0).random((4, 3, 8, 8)),
        np.arange(256).reshape(4, 8, 8),
    )
    with taken_away():
        mirror = define(type("Mirror", (Geometric,), methods))
        moved, target = augment([mirror()], x, y, 0, 0)
    np.testing.assert_array_equal(moved, x[..., ::-1])
    np.testing.assert_array_equal(target, y[..., ::-1])


# --- a layer -----------------------------------------------------------------------


@pytest.fixture
def layer():
    with taken_away():
        yield pf.load_plugin(LAYER).SquaredReLU


def test_it_is_a_layer_like_any_other(layer):
    spec = pf.load_spec(SPEC)
    assert pf.load_spec(spec.to_yaml()).hash == spec.hash
    assert "SquaredReLU" in spec.summary()
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, 3, 8, 8)), rng.normal(size=(8, 4))
    outputs = {}
    for backend in BACKENDS:
        model = pf.compile(spec, backend, loss="mse", dtype="float64")
        model.fit(x, y, epochs=2, batch_size=4)
        outputs[backend] = model.predict(x)
        assert np.allclose(outputs[backend], outputs["torch"], rtol=1e-11, atol=0)


def test_its_conformance_is_checked_like_that_of_any_other(layer):
    measured = check_layer(layer, BACKENDS)
    assert len(measured) > 30 and all(m.passed for m in measured)
    told = "SquaredReLU on torch: forward, float64: "
    assert any(str(m).startswith(told) for m in measured)


def test_a_wrong_entry_is_found_out(layer, monkeypatch):
    from polyframe.compiler import table
    from polyframe.compiler.python.code import Code, entry

    wrong = entry(Code("F.relu({0})"))
    monkeypatch.setitem(table._ADDED["torch"], "SquaredReLU", wrong)
    missed = [f for f in check_layer(layer, ["torch"]) if not f.passed]
    assert {f.what.split(",")[0] for f in missed} >= {
        "forward", "gradients against central differences",
    }  # fmt: skip


def test_a_wrong_formula_is_found_out(monkeypatch):
    with taken_away():
        noise = pf.load_plugin(ALL).UniformNoise
        measurements = [
            f for f in check_layer(noise, ["torch"]) if f.what == "draw_formula"
        ]
        assert len(measurements) == 2 and all(f.passed for f in measurements)
        monkeypatch.setattr(noise, "draw_formula", lambda self: "bits / 2**32")
        measurements = [
            f for f in check_layer(noise, ["torch"]) if f.what == "draw_formula"
        ]
        assert len(measurements) == 2 and not any(f.passed for f in measurements)


def test_a_random_layer_without_a_formula_is_not_ejected(monkeypatch, tmp_path):
    from polyframe.eject.write import eject

    with taken_away():
        noise = pf.load_plugin(ALL).UniformNoise
        monkeypatch.setattr(noise, "draw_formula", pf.ReLU().draw_formula.__func__)
        net = pf.Sequential(
            [pf.Flatten(), noise(name="noise"), pf.Dense(10)], (1, 8, 8)
        )
        data = pf.data.load("digits")
        message = "noise: UniformNoise has no draw_formula, so no script can draw"
        fails(
            pf.UnsupportedError,
            lambda: eject(pf.Recipe(net), "torch", tmp_path / "out", data),
            message,
        )


def test_a_file_is_run_once(layer):
    assert pf.load_plugin(LAYER).SquaredReLU is layer


def test_a_file_that_was_changed_takes_the_place_of_what_it_was(tmp_path):
    path = tmp_path / "mine.py"
    with taken_away():
        path.write_text(LAYER.read_text())
        first = pf.load_plugin(path).SquaredReLU
        path.write_text(LAYER.read_text() + "\n")
        assert pf.load_plugin(path).SquaredReLU is not first


def test_the_command_line_takes_a_file_before_and_after_the_command(tmp_path):
    (tmp_path / "mine.yaml").write_text(SPEC)
    plugin, spec = ["--plugin", str(LAYER)], str(tmp_path / "mine.yaml")
    command = [sys.executable, "-m", "polyframe"]
    for arguments in (
        [*plugin, "show", spec, "-b", "torch"],
        ["show", spec, "-b", "torch", *plugin],
    ):
        shown = subprocess.run(
            [*command, *arguments], capture_output=True, text=True, check=True
        )
        assert "F.relu(x).square()" in shown.stdout
    without = subprocess.run(
        [*command, "show", spec, "-b", "torch"], capture_output=True, text=True
    )
    assert without.returncode == 2
    assert "act: unknown layer 'SquaredReLU'." in without.stderr


SNIPPETS = '''
"""Copied into programs."""


def twice(x):
    """The double."""
    return x + x
'''
TWICE = """
from pathlib import Path

from polyframe.compiler.python.code import Code, entry
from polyframe.compiler.table import add_entries
from polyframe.spec.element import define
from polyframe.spec.layers.base import Layer


@define
class Twice(Layer):
    '''The double.'''

    examples = (({}, ((3,),)),)

    def infer(self, *shapes):
        return shapes[0]

    def define(self, at, *x):
        return x[0] + x[0]


code = Code("twice({0})", snippets=("twice",))
add_entries("torch", {"Twice": entry(code, snippets=Path(__file__).with_name("text.py"))})
"""


def test_text_of_its_own_is_copied_and_missing_backends_are_named(tmp_path):
    (tmp_path / "text.py").write_text(SNIPPETS)
    (tmp_path / "twice.py").write_text(TWICE)
    with taken_away():
        twice = pf.load_plugin(tmp_path / "twice.py").Twice
        spec = pf.Sequential([twice(name="it")], input_shape=(3,), name="doubled")
        model = pf.compile(spec, "torch", loss=None)
        assert "def twice(x):" in model.source
        assert model.predict(np.ones((1, 3))).tolist() == [[2, 2, 2]]
        message = "doubled: the mxnet backend cannot run 1 of the nodes: it (Twice)"
        fails(
            pf.UnsupportedError, lambda: pf.compile(spec, "mxnet", loss=None), message
        )


# --- an optimizer with a state of its own ---------------------------------------------

OWN_STATE = """
from pathlib import Path

from polyframe.compiler.python.code import Code, entry
from polyframe.compiler.python.source import Name, call
from polyframe.compiler.table import add_entries
from polyframe.spec.element import define
from polyframe.spec.fields import Float, field
from polyframe.spec.optimizers import Optimizer


@define
class Rolling(Optimizer):
    lr: float = field(Float(0.0), default=0.1)

    @property
    def state(self):
        return ("speed",)

    def define(self, w, g, state, lr, step):
        state["speed"] = 0.5 * state["speed"] + g
        return w - lr * state["speed"]


make = call("Rolling", {"variables": Name("model.trainable_variables")})
code = Code(make=make, snippets=("Rolling",))
file = Path(__file__).with_name("rolling.py")
add_entries("tensorflow", {"Rolling": entry(code, snippets=file)})
"""
ROLLING = """
import tensorflow as tf


class Rolling:
    def __init__(self, variables):
        self.variables = variables
        self.speed = [tf.Variable(tf.zeros_like(w)) for w in variables]

    def apply(self, gradients, learning_rate):
        for w, s, g in zip(self.variables, self.speed, gradients):
            s.assign(0.5 * s + g)
            w.assign_sub(learning_rate * s)
"""


def test_an_optimizer_names_its_state_itself(tmp_path):
    (tmp_path / "rolling.py").write_text(ROLLING)
    (tmp_path / "mine.py").write_text(OWN_STATE)
    with taken_away():
        pf.load_plugin(tmp_path / "mine.py")
        for check in checks("tensorflow", ["optimizers"]):
            if check.entry.startswith("Rolling"):
                measured = list(check.run())
                assert measured and all(m.passed for m in measured), measured[:3]
                return
    raise AssertionError("there was no check of it")
