"""Layers of other people's: from a file, and from a package with an entry point."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from helpers.failing import fails
from helpers.support import BACKENDS

import polyframe as pf
from polyframe import plugins
from polyframe.cli import cli
from polyframe.conformance import check_layer
from polyframe.spec.layers.base import Layer

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docs" / "examples" / "squared_relu.py"
SPEC = """
polyframe: 1
name: mine
inputs: {x: [3, 8, 8]}
layers:
  - {name: conv, type: Conv2D, out_channels: 4, kernel_size: 3}
  - {name: act, type: SquaredReLU}
  - {name: pool, type: GlobalAvgPool2D}
"""
SNIPPETS = '''
"""Copied into programs."""


def twice(x):
    """The double."""
    return x + x
'''
LAYER = """
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


@pytest.fixture(scope="module")
def layer():
    return pf.load_plugin(FILE).SquaredReLU


def test_it_is_a_layer_like_any_other(layer):
    spec = pf.load_spec(SPEC)
    assert pf.load_spec(spec.to_yaml()).hash == spec.hash
    assert "SquaredReLU" in spec.summary()
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, 3, 8, 8)), rng.normal(size=(8, 4))
    found = {}
    for backend in BACKENDS:
        model = pf.compile(spec, backend, loss="mse", dtype="float64")
        model.fit(x, y, epochs=2, batch_size=4)
        found[backend] = model.predict(x)
        assert np.allclose(found[backend], found["torch"], rtol=1e-11, atol=0)


def test_its_conformance_is_checked_like_that_of_any_other(layer):
    figures = check_layer(layer, BACKENDS)
    assert len(figures) > 30 and all(figure.passed for figure in figures)
    assert str(figures[0]).startswith("SquaredReLU on torch: forward, float64: ")


def test_a_wrong_entry_is_found_out(layer, monkeypatch):
    from polyframe.compiler import table
    from polyframe.compiler.python.code import Code, entry

    wrong = entry(Code("F.relu({0})"))
    monkeypatch.setitem(table._ADDED["torch"], "SquaredReLU", wrong)
    missed = [f for f in check_layer(layer, ["torch"]) if not f.passed]
    assert {f.what.split(",")[0] for f in missed} >= {
        "forward", "gradients against central differences",
    }  # fmt: skip


def test_a_file_is_run_once(layer):
    assert pf.load_plugin(FILE).SquaredReLU is layer is Layer.registry["SquaredReLU"]


def test_the_command_line_takes_a_file_before_and_behind_the_command(tmp_path):
    (tmp_path / "mine.yaml").write_text(SPEC)
    plugin, spec = ["--plugin", str(FILE)], str(tmp_path / "mine.yaml")
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


def test_text_of_its_own_is_copied_and_missing_backends_are_named(tmp_path):
    (tmp_path / "text.py").write_text(SNIPPETS)
    (tmp_path / "twice.py").write_text(LAYER)
    twice = pf.load_plugin(tmp_path / "twice.py").Twice
    spec = pf.Sequential([twice(name="it")], input_shape=(3,), name="doubled")
    model = pf.compile(spec, "torch", loss=None)
    assert "def twice(x):" in model.source
    assert model.predict(np.ones((1, 3))).tolist() == [[2, 2, 2]]
    message = "doubled: the mxnet backend cannot run 1 of the nodes: it (Twice)"
    fails(pf.UnsupportedError, lambda: pf.compile(spec, "mxnet", loss=None), message)


def test_installed_packages_are_found_when_a_spec_names_their_layer(
    tmp_path, monkeypatch
):
    name = "polyframe_test_plugin"
    text = FILE.read_text().replace("SquaredReLU", "CubedReLU")
    (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    point = metadata.EntryPoint("mine", name, plugins.GROUP)
    broken = metadata.EntryPoint("broken", "polyframe_not_there", plugins.GROUP)
    monkeypatch.setattr(plugins.metadata, "entry_points", lambda group: [point, broken])
    plugins.load_installed.cache_clear()
    with pytest.warns(UserWarning, match="the plug-in broken .* does not load"):
        spec = pf.load_spec(SPEC.replace("SquaredReLU", "CubedReLU"))
    assert "CubedReLU" in spec.to_yaml()
    plugins.load_installed.cache_clear()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "there is no such file"),
        ("raise ValueError('no')", "raised ValueError: no"),
        ("def broken(:", "raised SyntaxError"),
    ],
)
def test_what_is_wrong_with_a_file_is_told(text, message, tmp_path):
    path = tmp_path / "plugin.py"
    if text is not None:
        path.write_text(text)
    fails(pf.PolyframeError, lambda: pf.load_plugin(path), message)
    result = CliRunner().invoke(cli, ["list", "layers", "--plugin", str(path)])
    assert result.exit_code == 2 and message in result.output
