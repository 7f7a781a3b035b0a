"""What is wrong with a plug-in is told: it breaks, clashes, or lacks something."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from helpers.adding import EXAMPLES, FAMILIES, SPEC, installed, taken_away
from helpers.failing import fails

import polyframe as pf
from polyframe.cli import cli
from polyframe.contract import registry

LAYER = EXAMPLES / "squared_relu.py"


def test_a_broken_package_warns_with_its_name(tmp_path, monkeypatch):
    (tmp_path / "polyframe_test_broken.py").write_text("raise ValueError('no')")
    (tmp_path / "polyframe_test_mine.py").write_text(LAYER.read_text())
    monkeypatch.syspath_prepend(str(tmp_path))
    names = ("polyframe_test_broken", "polyframe_test_nowhere", "polyframe_test_mine")
    with installed(monkeypatch, *names), pytest.warns(UserWarning) as caught:
        spec = pf.load_spec(SPEC)
    assert "SquaredReLU" in spec.to_yaml()
    texts = [str(warning.message) for warning in caught]
    assert len(texts) == 2  # each once
    assert texts[0].startswith(
        "the plug-in polyframe_test_broken (polyframe_test_broken) does not load: "
        "ValueError: no"
    )
    assert "the plug-in polyframe_test_nowhere" in texts[1]


def test_a_package_may_look_for_what_it_adds_itself(tmp_path, monkeypatch):
    text = LAYER.read_text() + "\nassert Layer.find('squared_relu') is SquaredReLU\n"
    text += "from polyframe.contract import registry\nregistry.backends()\n"
    (tmp_path / "polyframe_test_mine.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    with installed(monkeypatch, "polyframe_test_mine"):
        pf.load_spec(SPEC)


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


CLASHES = {
    "layer 'Dense', of polyframe.spec.layers.dense": "layers.base import Layer;Dense;Layer",
    "loss 'mse', of polyframe.spec.losses.distances": "losses import Loss;Mse;Loss",
    "optimizer 'Adam', of polyframe.spec.optimizers.adam": (
        "optimizers import Optimizer;ADAM;Optimizer"
    ),
    "schedule 'cosine', of polyframe.spec.schedules": (
        "schedules import Schedule;Cosine;Schedule"
    ),
    "metric 'accuracy', of polyframe.spec.metrics.labels": (
        "metrics import Metric;accuracy;Metric"
    ),
    "callback 'timing', of polyframe.spec.callbacks": (
        "callbacks import CallbackSpec;Timing;CallbackSpec"
    ),
    "augmentation 'mixup', of polyframe.spec.augmentations.mixing": (
        "augmentations import Augmentation;Mixup;Augmentation"
    ),
}


def clash(path, code):
    with taken_away():
        error = fails(
            pf.PolyframeError, lambda: pf.load_plugin(path), "there is already a"
        )
    assert error.startswith(f"plugin {path}: ")
    return error


def test_every_family_is_among_them():
    assert len(CLASHES) == len(FAMILIES)


@pytest.mark.parametrize("message", CLASHES)
def test_a_word_that_is_taken_is_told(message, tmp_path):
    module, name, base = CLASHES[message].split(";")
    path = tmp_path / "mine.py"
    path.write_text(
        f"from polyframe.spec.{module}\nfrom polyframe.spec.element import define\n"
        f"@define\nclass {name}({base}):\n    pass\n"
    )
    assert f"{name}: there is already a {message}" in clash(path, message)
    result = CliRunner().invoke(cli, ["list", "layers", "--plugin", str(path)])
    assert result.exit_code == 2
    assert "there is already a" in result.output


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "from polyframe import data\n"
            "data.register_dataset('digits', lambda: None, 'mine')",
            "there is already a data set 'digits', of polyframe.data.digits",
        ),
        (
            "from polyframe.backends.tf.backend import TensorFlow\n"
            "from polyframe.contract.registry import register\n"
            "class Mine(TensorFlow):\n    name = 'torch'\nregister(Mine)",
            "there is already a backend 'torch'",
        ),
    ],
)
def test_a_data_sets_or_a_backends_name_that_is_taken_is_told(text, message, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(text)
    assert message in clash(path, message)
    assert type(registry.get("torch")).__name__ == "Torch"


def test_a_package_that_clashes_warns_and_changes_nothing(tmp_path, monkeypatch):
    text = LAYER.read_text().replace("SquaredReLU", "ReLU")
    (tmp_path / "polyframe_test_mine.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    message = "the plug-in polyframe_test_mine .* there is already a layer 'ReLU'"
    with (
        installed(monkeypatch, "polyframe_test_mine"),
        pytest.warns(UserWarning, match=message),
    ):
        assert "plain-torch" not in registry.backends()
    assert pf.load_spec(SPEC.replace("SquaredReLU", "ReLU")).graph.nodes[1].layer == (
        pf.ReLU(name="act")
    )


def test_a_callback_that_nothing_runs_is_told(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "from polyframe.spec.callbacks import CallbackSpec\n"
        "from polyframe.spec.element import define\n"
        "@define\nclass Idle(CallbackSpec):\n    word = 'idle'\n"
    )
    from polyframe.train.callbacks.start import start as begin

    with taken_away():
        pf.load_plugin(path)
        message = "callbacks: idle: nothing is registered that runs it"
        fails(pf.PolyframeError, lambda: begin(["idle"]), message)


@pytest.mark.parametrize("name", ["a/b", "", "mine.npz", "../x", "1st"])
def test_a_data_set_cannot_be_called_like_a_file(name):
    fails(
        pf.DataError,
        lambda: pf.data.register_dataset(name, lambda: None, "mine"),
        "a data set cannot be called",
    )


def test_what_is_not_a_backend_is_not_registered():
    fails(
        pf.BackendError,
        lambda: registry.register(int),
        "a polyframe Backend is needed",
    )
