"""How a spec shows itself: its layers, its network as a figure."""

from __future__ import annotations

import math
import re
import subprocess
import sys

import pytest
from helpers.failing import fails

import polyframe as pf

SPEC = pf.zoo.resnet18(num_classes=10, input_shape=(3, 32, 32), width=0.25)


def test_a_spec_shows_every_layer_and_folds_its_blocks():
    html = SPEC._repr_html_()
    graph = SPEC.infer()
    for node in graph.walk():
        assert f">{node.path}<" in html, node.path
    blocks = html.count("<details>")
    assert blocks == 4 + 8 + 3  # layer1 to layer4, two in each, and the downsamplings
    assert f">{graph.num_parameters:,}<" in html and SPEC.hash in html
    # A block's row says what is in it.
    inside = (p for name, p in graph.parameters.items() if name.startswith("layer1."))
    count = sum(math.prod(p.shape) for p in inside)
    assert f'<span class="pf-n">{count:,}</span>' in html
    assert "ReLU (shared)" in html and "(N, 16, 8, 8)" in html


def test_its_other_forms_are_short_or_the_summary():
    assert repr(SPEC) == "<ModelSpec resnet18: x (N, 3, 32, 32) → (N, 10)>"
    forms = SPEC._repr_mimebundle_()
    assert forms["text/plain"] == SPEC.summary()
    assert forms["text/html"] == SPEC._repr_html_()


def test_what_deserves_a_look_is_shown():
    layers = [pf.Conv2D(4, 3, name="conv"), pf.BatchNorm(name="bn"), pf.Flatten()]
    spec = pf.Sequential([*layers, pf.Dense(3)], input_shape=(1, 8, 8))
    (note,) = spec.lint()
    assert f"Note: {note}" in re.sub(r"&#3[49];", '"', spec._repr_html_())
    several = pf.Sequential(
        [layer for _ in range(5) for layer in (pf.Conv2D(4, 1), pf.BatchNorm())],
        input_shape=(1, 8, 8),
    )
    assert "2 more notes are in spec.lint()." in several._repr_html_()


def test_a_network_is_a_figure():
    body = pf.Sequential([pf.Conv2D(2, 1), pf.ReLU()], name="body")
    spec = pf.Sequential([body, pf.Flatten(), pf.Dense(2)], input_shape=(1, 4, 4))
    figure = spec.plot()
    texts = {text.get_text() for text in figure.axes[0].texts}
    graph = spec.infer()
    assert {node.path for node in graph.nodes} <= texts
    assert "body.0" not in texts  # folded
    assert figure._repr_png_().startswith(b"\x89PNG")
    opened = {text.get_text() for text in spec.plot(depth=None).axes[0].texts}
    assert {node.path for node in graph.walk()} <= opened


def test_a_depth_that_is_none_is_refused():
    for depth in (0, 1.5, "all"):
        fails(pf.PolyframeError, lambda d=depth: SPEC.plot(d), f"depth is {depth!r}")


@pytest.mark.parametrize("package", ["matplotlib.figure", "pygraphviz"])
def test_what_is_missing_is_named_with_its_extra(package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    if package.startswith("matplotlib"):
        monkeypatch.delitem(sys.modules, "polyframe.io.figure", raising=False)
    fails(pf.PolyframeError, SPEC.plot, 'pip install "polyframe[teach]"')


def test_figures_leave_pyplot_and_the_choice_of_a_window_alone():
    code = (
        "import sys, numpy as np, polyframe as pf\n"
        "from polyframe.train import History\n"
        "from polyframe.model.confusion import plot\n"
        "pf.zoo.digits_cnn().plot()._repr_png_()\n"
        "History([{'epoch': 1, 'loss': 2.0}]).plot()._repr_png_()\n"
        "plot({'confusion_matrix': np.eye(3)})._repr_png_()\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
        "frameworks = {'torch', 'tensorflow', 'mxnet'} & set(sys.modules)\n"
        "assert not frameworks, frameworks\n"
    )
    environment = {"MPLBACKEND": "tkagg", "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
