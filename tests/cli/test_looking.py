"""Commands that only look: summary, list, data info, doctor."""

from __future__ import annotations

import json
import sys
from importlib import metadata

import numpy as np
import pytest
from helpers.command_line import call

from polyframe import zoo
from polyframe.cli.catalogue import KINDS
from polyframe.cli.output import print_table
from polyframe.spec.graph import Input
from polyframe.spec.layers import Conv2D, ReLU
from polyframe.spec.model import ModelSpec, Sequential
from polyframe.spec.semantics import NAMES


def test_summary() -> None:
    for name in zoo.list():
        text = call("summary", name, "-b", "torch").stdout
        assert max(map(len, text.splitlines())) <= 128  # deep paths take room
        assert f"{getattr(zoo, name)().num_parameters:,}" in text
    assert "  layer1.conv1 " in call("summary", "residual_cnn").stdout
    assert "eps=1e-05*" in call("summary", "residual_cnn").stdout


def test_summary_of_shared_layers_several_outputs_and_layouts() -> None:
    x, conv = Input((3, 8, 6)), Conv2D(3, 3, padding=1, bias=False)
    block = Sequential([Conv2D(3, 1), ReLU()], name="twice")
    y = conv(conv(x))
    spec = ModelSpec(x, [block(block(y)), y])
    text = spec.summary()
    assert "the layer and the weights of conv1" in text
    assert "the layer and the weights of twice" in text
    assert f"Trainable parameters:       {81 + 12}\n" in text
    assert f"Multiply-adds a sample:     {48 * (2 * 81 + 2 * 9):,}\n" in text
    natives = {"a": lambda s: s, "b": lambda s: (*s[1:], s[0])}
    wide = spec.summary(natives)
    assert "(N, 3, 8, 6)  (N, 8, 6, 3)" in wide


def test_list() -> None:
    assert "torch" in call("list", "layers").stdout
    words = "cross_entropy AdamW cosine he_normal accuracy mixup early_stopping "
    words += "clip_norm dropout simple_cnn fashion-mnist PyTorch"
    kinds = "losses optimizers schedules initializers metrics augmentations callbacks "
    kinds += "settings aspects models datasets backends"
    for kind, word in zip(kinds.split(), words.split(), strict=True):
        assert word in call("list", kind).stdout
    # Those that keep a run safe are defined apart from the others.
    assert "terminate_on_nan" in call("list", "callbacks").stdout
    told = call("list", "--help").stdout.partition("KIND is ")[2].partition(".")[0]
    told = " ".join(told.split()).removesuffix(" (of the frameworks)")
    assert told.replace(" or ", ", ") == ", ".join(KINDS)
    assert "shipped with polyframe" in call("list", "recipes").stdout


def test_list_aspects_says_what_each_backend_does() -> None:
    text = call("list", "aspects").stdout
    rows = {entry.split()[0]: " ".join(entry.split()) for entry in text.split("\n\n")}
    assert list(rows) == [*NAMES]
    assert "mxnet 0.1 tensorflow 0.01 torch 0.1" in rows["norm_momentum"]
    assert "glorot_uniform" in rows["initializer"]
    assert "velocity: v = m v + g; w -= lr v" in rows["optimizer"]
    settings = call("list", "settings").stdout
    told = "or a mapping of aspects (`polyframe list aspects`) to these"
    assert told in " ".join(settings.split())


def test_long_entries_fit_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for columns, widest in (("60", 60), ("400", 100)):
        monkeypatch.setenv("COLUMNS", columns)
        for kind in ("aspects", "settings"):
            lines = call("list", kind).stdout.splitlines()
            assert 0.8 * widest < max(map(len, lines)) <= widest


def test_list_as_json() -> None:
    (first, *_) = json.loads(call("list", "aspects", "--json").stdout)
    assert first["name"] == "initializer" and "glorot" in first["tensorflow"]
    losses = json.loads(call("list", "losses", "--json").stdout)
    assert "cross_entropy" in [loss["name"] for loss in losses]


def test_data_info() -> None:
    text = call("data", "info", "digits").stdout
    assert "(N, 1, 8, 8) of float32" in text
    assert "1,437 to train, 360 to test" in text
    np.savez("r.npz", x=np.zeros((4, 2)), y=np.arange(4.0))
    assert "targets: (N) of float64, 0 to 3" in call("data", "info", "r.npz").stdout


def test_doctor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polyframe.contract.registry.backends", lambda: ["torch"])
    assert "PyTorch" in call("doctor").stdout
    report = json.loads(call("doctor", "--json").stdout)
    assert report["backends"]["torch"]["usable"] is True
    monkeypatch.setattr(metadata, "version", lambda name: "1.9.1")
    result = call("doctor", "--json", code=1)
    assert "mxnet-cu112" in json.loads(result.stdout)["conflict"]
    assert "error: mxnet 1.9.1 and mxnet-cu112 1.9.1 are both" in result.stderr


def test_a_light_table_has_no_lines_between_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    for light in (False, True):
        print_table(["layer", "ms"], [["conv", "1.5"], ["[red]", "22"]], "times", light)
        text = capsys.readouterr().out
        assert ("│" in text) is not light and "times" in text and "[red]" in text
