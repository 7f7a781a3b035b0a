"""The backend of docs/adding_a_backend.md: it is short, it passes the suite, and it says
what it cannot do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from helpers.adding import taken_away
from helpers.failing import fails

import polyframe as pf
from polyframe import conformance
from polyframe.cli import cli
from polyframe.contract import registry
from polyframe.contract.files import program_files
from polyframe.errors import ConformanceError, UnsupportedError
from polyframe.spec.layers.base import Layer

FILE = Path(__file__).parents[2] / "docs" / "examples" / "onnxruntime_backend.py"


@pytest.fixture(scope="module")
def backend():
    """The registered backend, for this file only."""
    with taken_away():
        pf.load_plugin(FILE)
        yield registry.get("onnxruntime")


@pytest.fixture(scope="module")
def suite(backend):
    return conformance.checks("onnxruntime")


def test_it_is_short():
    assert len(FILE.read_text().splitlines()) < 200


def test_the_suite_asks_for_what_it_can_do(backend, suite):
    kinds = {(check.family, check.dtype) for check in suite}
    assert kinds == {("gaps", "float32"), ("layers", "float32"), ("files", "float32")}
    assert {c.entry for c in suite if c.family == "layers"} == set(backend.table)
    declared = {c.entry for c in suite if c.what == "declared"}
    assert declared == set(Layer.registry) - {"Block"}


@pytest.mark.parametrize("family", ["gaps", "layers", "files"])
def test_it_passes_the_suite(suite, family):
    checks = [check for check in suite if check.family == family]
    assert checks and all(check.run() for check in checks)


@pytest.mark.parametrize(
    ("old", "new", "entry", "message"),
    [
        ('"Relu"', '"Neg"', "ReLU", "predict, float32"),
        ("view.layer.eps", "2 * view.layer.eps", "BatchNorm", "float32 error"),
        ("array.copy()", "array + 1", "weights", "weights, saved"),
        ("len(view.node.shape) == 1", "True", "Flatten", "is refused"),
        ('{"Block"}', '{"Block", "GELU"}', "GELU", "neither written nor in gaps.yaml"),
    ],
)
def test_the_suite_catches_a_wrong_text(backend, old, new, entry, message):
    text = FILE.read_text()
    assert text.count(old) == 1
    text = text.replace(old, new).replace("register(OnnxRuntime)", "")
    namespace = {"__name__": "wrong"}
    exec(text, namespace)
    wrong = conformance.checks(namespace["OnnxRuntime"]())
    missed = []
    for check in wrong:
        if check.entry == entry:
            try:
                check.run()
            except ConformanceError as error:
                missed.append(str(error))
    assert any(message in text for text in missed), missed


def test_predictions_are_those_of_torch(backend):
    models = [pf.compile("simple_cnn", name, seed=3) for name in ("torch", backend)]
    x = np.random.default_rng(0).normal(size=(7, 3, 32, 32))
    wanted, predictions = (model.predict(x, batch_size=3) for model in models)
    assert np.abs(predictions - wanted).max() <= 2e-6 * np.abs(wanted).max()
    changed = {name: 2 * w for name, w in models[0].weights().items()}
    for model in models:
        model.load_weights(changed)
    wanted, again = (model.predict(x) for model in models)
    assert np.abs(again - wanted).max() <= 2e-6 * np.abs(wanted).max()
    assert np.abs(again - predictions).max() > 0.1 * np.abs(predictions).max()


def test_what_it_cannot_do_is_said(backend):
    others = "(backends that can: mxnet, tensorflow, torch)"
    fails(
        UnsupportedError,
        lambda: pf.compile("simple_cnn", "onnxruntime", "cross_entropy"),
        f"the onnxruntime backend cannot train {others}",
    )
    fails(
        UnsupportedError,
        lambda: pf.compile("simple_cnn", "onnxruntime", dtype="float64"),
        f"the onnxruntime backend cannot compute in float64 {others}",
    )
    fails(
        UnsupportedError,
        lambda: pf.compile(
            pf.Sequential([pf.Dense(3), pf.GELU(name="act")], (4,)), "onnxruntime"
        ),
        "act (GELU): an example needs no more layers (ours)",
    )


def test_the_program_is_a_graph_with_a_text_beside_it(backend):
    model = pf.compile("simple_cnn", "onnxruntime")
    program = model.program
    assert program.language == "onnx" and program.entry == "simple_cnn.onnx"
    graph = onnx.load_from_string(program.files["simple_cnn.onnx"]).graph
    outputs = [node.output[0] for node in graph.node]
    assert sorted(outputs) == sorted(node.path for node in model.graph.nodes)
    assert {one.name for one in graph.initializer} == set(model.weights())
    for node in graph.node:
        (line,) = program.lines(node.output[0], "forward")
        assert line.strip().startswith(f"{node.output[0]} = {node.op_type}")
    assert list(program_files(program, "onnxruntime")) == [
        "program_onnxruntime/simple_cnn.onnx",
        "program_onnxruntime/simple_cnn.onnx.txt",
    ]


def test_show_prints_the_text_and_names_the_bytes(backend):
    command = ["show", "digits_cnn", "-b", "onnxruntime"]
    for more in ([], ["--inference"], ["--optimize"]):
        done = CliRunner().invoke(cli, [*command, *more])
        assert done.exit_code == 0
        assert "fc = Gemm <transB: int = 1> (flatten, " in done.stdout
        assert "ONNX Runtime: digits_cnn.onnx (onnx, " in done.stderr
        assert " bytes) is not text\n" in done.stderr
    plain = CliRunner().invoke(cli, ["show", "digits_cnn", "-b", "torch"])
    assert plain.stderr == ""


def test_verify_takes_the_backends_that_train(backend):
    assert "onnxruntime" in registry.usable()
    assert "onnxruntime" not in registry.usable("train", "float64")
