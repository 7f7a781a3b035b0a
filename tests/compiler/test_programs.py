"""Programs are real modules; rewrites are exact, and made only where they are."""

from __future__ import annotations

import inspect
import pickle
import sys
import traceback
from typing import Any

import numpy as np
import pytest
from helpers.programs import IMAGE, conv, spec_of, write

import polyframe as pf
from polyframe.compiler.passes import TRAINING, rewrite
from polyframe.contract.modules import load
from polyframe.spec.interpreter import interpret

# --- modules ---------------------------------------------------------------------


def test_programs_are_modules() -> None:
    program = write(spec_of("residual_cnn"))
    module = load(program)
    assert load(program) is module
    assert sys.modules[module.__name__] is module
    model = getattr(module, program.entry)()
    again = pickle.loads(pickle.dumps(model))
    assert type(again) is type(model)
    assert inspect.getsource(module) == program.source
    text = inspect.getsource(type(model.layer1))
    assert text.startswith("class BasicBlock(nn.Module):\n")
    assert text in program.source


def test_tracebacks_show_the_programs_own_line() -> None:
    import torch

    program = write(spec_of("simple_cnn"))
    model = getattr(load(program), program.entry)()
    with pytest.raises(RuntimeError) as caught:
        model(torch.zeros(1, 4, 32, 32))
    shown = traceback.format_exception(caught.value)
    assert any("x = self.conv1(x)  # (N, 32, 30, 30)" in line for line in shown)


# --- passes ----------------------------------------------------------------------


def notes(spec: pf.ModelSpec) -> list[str]:
    graph = rewrite(spec.infer(), TRAINING)
    return [node.note for node in graph.nodes if node.note]


def test_pools_go_before_activations_only_where_nothing_else_sees_them() -> None:
    relu, pool = pf.ReLU(name="relu"), pf.MaxPool2D(2, name="pool")
    x = pf.Input((2, 8, 8))
    y = relu(x)
    z = pool(y)
    assert notes(pf.ModelSpec(x, z)) == ["pool before relu: equal, and less work"]
    assert notes(pf.ModelSpec(x, [z, y])) == []
    assert notes(pf.ModelSpec(x, [z, pf.Flatten()(y)])) == []
    average = pf.AvgPool2D(2, name="average")
    assert notes(pf.ModelSpec(x, average(y))) == []
    assert notes(pf.ModelSpec(x, pool(pf.Softmax()(x)))) == []
    assert len(notes(spec_of("alternating"))) == 3


@pytest.mark.parametrize(
    ("pool", "shape"),
    [
        (pf.MaxPool1D(3, stride=2, padding=1, ceil_mode=True, name="pool"), (2, 10)),
        (pf.MaxPool1D(2, padding=1, dilation=3, name="pool"), (2, 9)),
        (pf.MaxPool2D(2, padding=1, ceil_mode=True, name="pool"), (2, 5, 6)),
        (pf.MaxPool2D(2, dilation=2, padding="same", name="pool"), (2, 5, 6)),
        (pf.MaxPool3D(2, stride=3, ceil_mode=True, name="pool"), (2, 4, 5, 7)),
    ],
)
def test_every_max_pool_goes_before_an_activation(pool: Any, shape: Any) -> None:
    x = pf.Input(shape)
    spec = pf.ModelSpec(x, pool(pf.ReLU(name="relu")(x)))
    assert notes(spec) == ["pool before relu: equal, and less work"]
    data = np.random.default_rng(0).normal(size=(4, *shape))
    graph = spec.infer()
    changed = rewrite(graph, TRAINING)
    before, _ = interpret(graph, {}, [data])
    after, _ = interpret(changed, {}, [data])
    wanted, output = before[graph.outputs[0]], after[changed.outputs[0]]
    np.testing.assert_array_equal(wanted, output)
    assert np.isfinite(output).all()  # no window holds padding alone


@pytest.mark.parametrize(
    ("pool", "shape"),
    [
        (pf.MaxPool1D(2, padding=1, dilation=3), (2, 2)),
        (pf.MaxPool2D(3, stride=2, padding=2, dilation=(1, 2)), (2, 6, 1)),
    ],
)
def test_a_window_of_padding_alone_is_refused(pool: Any, shape: Any) -> None:
    with pytest.raises(pf.SpecError, match="padding"):
        pool.infer(shape)


def test_the_rewritten_graph_means_the_same_bit_for_bit() -> None:
    spec = spec_of("alternating")
    graph = spec.infer()
    changed = rewrite(graph, TRAINING)
    assert changed != graph
    x = np.random.default_rng(0).normal(size=(4, 2, 16, 16))
    before, _ = interpret(graph, {}, [x])
    after, _ = interpret(changed, {}, [x])
    for a, b in zip(graph.outputs, changed.outputs, strict=True):
        np.testing.assert_array_equal(before[a], after[b])
    shapes = changed.shapes()
    assert all(after[name].shape[1:] == shapes[name] for name in shapes)


def test_dropout_leaves_inference_programs_and_blocks_of_it_too() -> None:
    text = write(spec_of("sequences"), training=False).source
    assert "ropout" not in text
    assert "random" not in text
    assert "Sequential()" not in text


def test_gradients_do_not_change_with_the_rewrites() -> None:
    spec = pf.Sequential(
        [
            conv(),
            pf.ReLU(),
            pf.MaxPool2D(3, stride=2, padding=1),
            pf.Flatten(),
            pf.Dense(3),
        ],
        input_shape=IMAGE,
    )
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4, *IMAGE)), rng.integers(0, 3, 4)
    weights, sources = [], []
    for optimize in (True, False):
        model = pf.compile(
            spec,
            "torch",
            "cross_entropy",
            pf.SGD(1.0),
            dtype="float64",
            optimize=optimize,
        )
        model.train_step(x, y)
        weights.append(model.weights())
        sources.append(model.source)
    assert "equal, and less work" in sources[0] and sources[0] != sources[1]
    for name, value in weights[0].items():
        np.testing.assert_allclose(value, weights[1][name], rtol=1e-13, atol=1e-15)
