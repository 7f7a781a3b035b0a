"""Emitted programs: clean under ruff, equal to the definitions, blocks as classes."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.programs import SPECS, block, chain, conv, spec_of, step_of, write
from helpers.steps import steps

import polyframe as pf
from polyframe.compiler.program import Program
from polyframe.compiler.table import Target
from polyframe.contract import registry
from polyframe.spec.interpreter import interpret
from polyframe.spec.sampling import draw, initial_weights
from polyframe.spec.typed import flatten

BACKENDS = ("torch", "tensorflow", "mxnet")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every program, in every form, as a file."""
    folder = tmp_path_factory.mktemp("programs")
    for name in SPECS:
        for backend in BACKENDS:
            for number, (optimize, training, semantics) in enumerate(
                [
                    (True, True, "aligned"),
                    (False, True, "native"),
                    (True, False, "aligned"),
                ]
            ):
                try:
                    program = write(
                        spec_of(name),
                        backend,
                        optimize,
                        training=training,
                        semantics=semantics,
                    )
                except pf.UnsupportedError as gap:  # of native semantics
                    assert semantics == "native" and 'padding="same"' in str(gap)
                    continue
                text = program.source
                compile(text, name, "exec")
                (folder / f"{name}_{backend}_{number}.py").write_text(text)
    for number, (name, spec, parts) in enumerate(steps()):
        for index, backend in enumerate(BACKENDS):
            step = step_of(spec, backend, **parts)
            precision = step.training.precision
            device = "gpu" if precision == "float16" else "cpu"  # MXNet has it there
            target = {"dtype": "float32", "precision": precision, "device": device}
            native = step.training.freeze or number % len(BACKENDS) == index
            for semantics in ("aligned", "native")[: 1 + bool(native)]:
                target["semantics"] = semantics
                try:
                    text = write(spec, backend, step=step, **target).source
                except pf.UnsupportedError:  # no class of the framework's own
                    assert semantics == "native"
                    continue
                compile(text, name, "exec")
                (folder / f"step_{name}_{backend}_{semantics}.py").write_text(text)
    return folder


@pytest.mark.parametrize("command", [["check"], ["format", "--diff"]], ids=" ".join)
def test_programs_are_clean_under_ruff(folder: Path, command: list[str]) -> None:
    line = [sys.executable, "-m", "ruff", *command, "--isolated", "--no-cache", "."]
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-6000:]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_programs_compute_what_the_spec_means(
    backend: str, name: str, training: bool
) -> None:
    spec = spec_of(name)
    programs = {
        program.source: program
        for optimize in (True, False)
        for program in [write(spec, backend, optimize, training=training)]
    }
    for program in programs.values():  # one, where there is nothing to rewrite
        check_program(backend, spec, program, training)


def check_program(
    backend: str, spec: pf.ModelSpec, program: Program, training: bool
) -> None:
    graph, rng = spec.infer(), np.random.default_rng(1)
    target = Target("float64", training=training)
    shapes = [shape for _, shape in graph.inputs]
    found_backend = registry.get(backend)
    device = found_backend.resolve_device("cpu")
    session = found_backend.open_inference(program, target, device, shapes)
    weights = initial_weights(graph.parameters, 3, "float64")
    weights = {n: w + 0.1 * rng.uniform(size=w.shape) for n, w in weights.items()}
    session.set_weights(weights)
    for key, value in session.weights().items():
        np.testing.assert_array_equal(value, weights[key])
    assert list(session.weights()) == list(weights)
    inputs = [rng.normal(size=(3, *shape)) for shape in shapes]
    random = {n.path: n for n in flatten(graph).nodes if n.layer.random}
    draws = {
        path: draw(n.layer, n.in_shapes, (0, path), 0, 3, "float64")
        for path, n in random.items()
        if training
    }
    values, _ = interpret(graph, weights, inputs, training=training, draws=draws)
    taken = [draws[path] for path in program.draws] if training else []
    arranged = session.arrange(inputs), session.arrange(taken)
    outputs = session.forward(*arranged, training)
    wanted = [values[n] for n in flatten(graph).outputs]
    for a, b in zip(outputs, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-12 * np.abs(b).max())


# --- what the text says ----------------------------------------------------------


def classes(text: str) -> list[str]:
    return [n.name for n in ast.parse(text).body if isinstance(n, ast.ClassDef)]


def test_equal_blocks_are_written_once() -> None:
    layers = [block([conv(), pf.BatchNorm(), pf.ReLU()], "Residual") for _ in range(8)]
    text = write(chain(*layers, name="eight")).source
    assert classes(text) == ["Residual", "Eight"]
    assert text.count("nn.Conv2d(") == 1
    assert text.count("Residual()") == 8


def test_blocks_that_differ_in_values_share_a_class_with_arguments() -> None:
    text = write(spec_of("values")).source
    assert classes(text) == ["Values", "Values2"]
    sizes = [block([conv(c), pf.ReLU()], "Wide") for c in (4, 4)]
    assert classes(write(chain(*sizes)).source) == ["Wide", "Model"]
    chained = [
        pf.Block(x := pf.Input(), conv(c)(pf.ReLU()(x)), kind="Grow") for c in (5, 6, 7)
    ]
    text = write(chain(*chained)).source
    assert classes(text) == ["Grow", "Model"]
    assert "def __init__(self, in_channels, out_channels):" in text
    assert "Grow(4, 5)" in text
    assert "Grow(6, 7)" in text


def test_equal_blocks_at_different_depths_are_one_class() -> None:
    text = write(spec_of("depths"), optimize=False).source
    assert classes(text) == ["Small", "Deep", "Depths"]


def test_layers_that_clash_with_native_attributes_keep_their_names() -> None:
    from torch import nn

    from polyframe.backends.pytorch.reserved import RESERVED

    public = {name for name in dir(nn.Module()) if not name.startswith("_")}
    assert public <= RESERVED
    layers = [pf.Dense(3, name=name) for name in sorted(RESERVED)]
    model = pf.compile(chain(*layers, input_shape=(3,)), "torch", loss="mse")
    x = np.ones((2, 3), "float32")
    assert model.train_step(x, x) > 0
    native = {
        name.replace("training_.", "training.") for name in model.native.state_dict()
    }
    assert native == set(model.weights())
    assert model.native.train(False).training is False
    assert model.predict(x).shape == (2, 3)


def test_a_shared_layer_that_would_need_two_forms_is_refused() -> None:
    a, b = pf.Input((1, 7, 7), name="a"), pf.Input((1, 6, 6), name="b")
    layer = pf.Conv2D(1, 3, stride=2, padding="same", name="same")
    inside = pf.Block(x := pf.Input(), pf.Conv2D(1, 3, 2, "same")(x), name="inside")
    for shared in (layer, inside):
        ends = [pf.GlobalAvgPool2D()(shared(x)) for x in (a, b)]
        spec = pf.ModelSpec([a, b], ends)
        with pytest.raises(pf.UnsupportedError, match="explicit padding") as caught:
            write(spec)
        assert str(caught.value).startswith(shared.name)


def test_time_grows_linearly_in_calls() -> None:
    """Twice the layers take twice the Python calls, not four times as many."""

    def calls(count: int) -> int:
        dense = pf.Dense(4)
        x = y = pf.Input((4, 8, 8))
        for index in range(count // 5):
            y = block([conv(), pf.BatchNorm(name=f"n{index}")], f"B{index % 3}")(y)
            y = pf.ReLU()(y)
        y = pf.GlobalAvgPool2D()(y)
        y = pf.Concat()(*[dense(y) for _ in range(count // 5)])
        total = 0

        def count_calls(frame: Any, event: str, argument: Any) -> None:
            nonlocal total
            total += event in ("call", "c_call")

        sys.setprofile(count_calls)
        try:
            spec = pf.load_spec(pf.ModelSpec(x, y).to_json())
            write(spec)
        finally:
            sys.setprofile(None)
        return total

    calls(50)  # caches
    assert calls(800) < 2.2 * calls(400)
