"""Rewrites are exact: forward and gradients in float64 on every backend; the weights
that are folded are those of the moment; and lint changes nothing."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from click.testing import CliRunner
from helpers.support import BACKENDS, distance, worst

import polyframe as pf
from polyframe.cli import cli
from polyframe.compiler.passes import INFERENCE, TRAINING, folded_weights, rewrite
from polyframe.conformance.measurements import FORWARD, GRADIENT
from polyframe.spec.interpreter import interpret
from polyframe.spec.typed import flatten
from polyframe.train.feed import HostBatch, assemble_step


def chain(*layers, shape=(4, 8, 8), name="net"):
    return pf.Sequential(list(layers), shape, name=name)


def conv(channels=6, size=3, **fields):
    return pf.Conv2D(channels, size, **fields)


# Each pass's name: nets in which it applies, and what the source then says.
CHANGED = {
    "pool_before_activation": [
        (
            chain(
                conv(name="a"),
                act,
                pf.MaxPool2D(2, name="pool"),
                pf.Flatten(),
                pf.Dense(3),
            ),
            "pool before act: equal, and less work",
        )
        for act in (pf.ReLU(name="act"), pf.LeakyReLU(0.2, name="act"))
    ],
    "average_before_pointwise": [
        (
            chain(
                conv(name="a"),
                conv(5, 1, name="act", **one),
                pool,
                pf.Flatten(),
                pf.Dense(3),
            ),
            "pool before act: equal, and less work",
        )
        for one, pool in (
            ({}, pf.AvgPool2D(2, name="pool")),
            ({"groups": 1, "bias": False}, pf.AvgPool2D(3, padding=1, name="pool")),
            (
                {},
                pf.AvgPool2D(3, 2, padding=1, count_include_pad=False, name="pool"),
            ),
            ({}, pf.AvgPool2D(4, stride=3, ceil_mode=True, name="pool")),
        )
    ],
}
KEPT = [
    (pf.LeakyReLU(-0.2), pf.MaxPool2D(2)),  # falls where it is negative
    (pf.Softmax(), pf.MaxPool2D(2)),
    (conv(5, 1, bias=True), pf.AvgPool2D(3, padding=1)),  # zeros are counted, no bias
    (conv(5, 1, bias=True), pf.AvgPool2D(2, divisor_override=3)),
    (conv(5, 1), pf.AvgPool2D(3, stride=1, padding=1, count_include_pad=False)),
    (conv(5, 1, stride=2), pf.AvgPool2D(2)),
    (conv(5, 1, padding=1), pf.AvgPool2D(2)),
    (conv(5, 3), pf.AvgPool2D(2)),
]


def trained(spec, backend, optimize):
    """The source; and for one batch the outputs and gradients of the program itself."""
    model = pf.compile(
        spec, backend, "cross_entropy", pf.SGD(0.1), dtype="float64", device="cpu",
        optimize=optimize,
    )  # fmt: skip
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5, *spec.infer().inputs[0][1]))
    (batch,) = assemble_step([HostBatch([x], [rng.integers(0, 3, 5)])], None, 0, 0)
    results = model.engine.session.loss_and_gradients(model.engine.stage(batch))
    return model.source, model.engine.session.read(results[1]), results[2]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("spec", "note"),
    [case for cases in CHANGED.values() for case in cases],
    ids=[f"{name}{i}" for name, cases in CHANGED.items() for i in range(len(cases))],
)
def test_a_rewrite_is_exact_and_says_so(spec, note, backend):
    plain, before, gradients = trained(spec, backend, False)
    source, after, changed = trained(spec, backend, True)
    assert f"# {note}" in source
    assert note not in plain
    assert distance(after, before) <= FORWARD.value
    assert worst(changed, gradients)[0] <= GRADIENT.value


@pytest.mark.parametrize(("first", "second"), KEPT)
def test_what_is_not_exact_stays(first, second):
    graph = chain(first, second).infer()
    assert rewrite(graph, TRAINING) == graph


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("sizes", [(6, 12), (12, 6), (12, 16), (6, 5)])
def test_a_shared_convolution_has_one_form(backend, sizes):
    """It is made once, whatever sizes it is called on."""
    inputs = [pf.Input((3, n, n), name=f"x{n}") for n in sizes]
    head = conv(4, 1, name="head")
    ends = [pf.GlobalAvgPool2D()(head(x)) for x in inputs]
    spec = pf.ModelSpec(inputs, pf.Dense(3)(pf.Add()(*ends)))
    model = pf.compile(spec, backend, "cross_entropy", dtype="float64", device="cpu")
    x = [np.random.default_rng(n).normal(size=(2, 3, n, n)) for n in sizes]
    wanted, _ = interpret(model.graph, model.weights(), x)
    apart = distance(model.predict(x), wanted[model.graph.outputs[0]])
    assert apart <= FORWARD.value
    few = backend != "mxnet" and max(sizes) <= 8
    assert ("Pointwise" in model.source) == few


# --- folding -------------------------------------------------------------------------

NORM = {"name": "norm"}
FOLDS = {
    "conv1d": (pf.Conv1D(6, 3), (4, 9)),
    "conv2d": (conv(), (4, 8, 8)),
    "no bias": (conv(bias=False), (4, 8, 8)),
    "padded": (conv(padding=1, padding_mode="reflect", stride=2), (4, 8, 8)),
    "grouped": (conv(8, groups=2), (4, 8, 8)),
    "conv3d": (pf.Conv3D(3, 2), (2, 4, 4, 4)),
    "depthwise": (pf.DepthwiseConv2D(3, bias=False, depth_multiplier=2), (4, 8, 8)),
    "transposed": (pf.ConvTranspose2D(3, 2, stride=2), (4, 5, 5)),
    "dense": (pf.Dense(7, bias=False), (5,)),
}


def moved(graph, dtype="float64"):
    """Weights of which none is left at 0 or 1."""
    rng = np.random.default_rng(3)
    return {
        name: rng.uniform(0.3, 1.5, parameter.shape).astype(dtype)
        for name, parameter in graph.parameters.items()
    }


@pytest.mark.parametrize("norm", [{}, {"scale": False}, {"affine": False, "eps": 0.1}])
@pytest.mark.parametrize("name", FOLDS)
def test_a_batch_norm_goes_into_the_layer_in_front(name, norm):
    layer, shape = FOLDS[name]
    spec = chain(layer, pf.BatchNorm(**NORM, **norm), pf.Scale(bias=True), shape=shape)
    graph = spec.infer()
    changed = rewrite(graph, INFERENCE)
    assert len(changed.nodes) == 1
    assert changed.nodes[0].note == "norm and scale1 folded in"
    weights = moved(graph)
    x = np.random.default_rng(0).normal(size=(4, *shape))
    wanted, _ = interpret(graph, weights, [x])
    values, _ = interpret(changed, folded_weights(changed, weights), [x])
    apart = distance(values[changed.outputs[0]], wanted[graph.outputs[0]])
    assert apart <= FORWARD.value


def unfolded():
    """Nets in which a batch norm has to stay."""
    x = pf.Input((4, 8, 8))
    y = conv(name="conv")(x)
    yield "seen by others", pf.ModelSpec(x, pf.Add()(pf.BatchNorm()(y), y))
    yield "an output", pf.ModelSpec(x, [pf.BatchNorm()(y), y])
    twice = conv(4, 3, padding=1, name="conv")
    yield "a shared layer", pf.ModelSpec(x, pf.BatchNorm()(twice(twice(x))))
    norm = pf.BatchNorm(name="norm")
    yield "a shared norm", pf.ModelSpec(x, norm(twice(norm(x))))
    yield "an activation between", chain(conv(), pf.ReLU(), pf.BatchNorm())
    yield (
        "the batch's statistics",
        chain(conv(), pf.BatchNorm(track_running_stats=False)),
    )
    yield "groups", chain(pf.ConvTranspose2D(4, 2, groups=2), pf.BatchNorm())
    yield "another axis", chain(conv(), pf.Scale(axis=2))


@pytest.mark.parametrize("case", list(unfolded()), ids=lambda case: case[0])
def test_a_batch_norm_stays_where_folding_would_not_be_exact(case):
    graph = case[1].infer()
    assert rewrite(graph, INFERENCE) == graph


FOLDED = [
    pytest.param(
        name, backend, dtype, id=f"{name}-{backend}-{dtype}",
        marks=[pytest.mark.full] * ((name, backend) == ("mobilenet_v2", "tensorflow")),
    )
    for name in ("residual_cnn", "mobilenet_v2", "conv4")
    for backend in BACKENDS
    for dtype in ("float64", "float32")
]  # fmt: skip


@pytest.mark.parametrize(("name", "backend", "dtype"), FOLDED)
def test_predictions_of_folded_programs_are_the_definitions(name, backend, dtype):
    spec = getattr(pf.zoo, name)(input_shape=(3, 32, 32), num_classes=3)
    model = pf.compile(spec, backend, "cross_entropy", dtype=dtype, device="cpu")
    weights = model.weights()
    rng = np.random.default_rng(0)
    for key in weights:
        if "running" in key:
            weights[key] = (
                weights[key] + rng.uniform(0, 0.3, weights[key].shape)
            ).astype(dtype)
    model.load_weights(weights)
    x = rng.normal(size=(4, 3, 32, 32)).astype(dtype)
    exact = {n: w.astype("float64") for n, w in weights.items()}
    wanted, _ = interpret(model.graph, exact, [x.astype("float64")])
    apart = distance(model.predict(x), wanted[flatten(model.graph).outputs[0]])
    assert apart <= {"float64": 1e-12, "float32": 1e-5}[dtype]
    assert "folded in" in model.inference_source
    assert not set(model.inference_program.weights) & {
        n for n in weights if "running" in n
    }


@pytest.mark.parametrize("backend", BACKENDS)
def test_predictions_follow_the_weights(backend):
    """The folded copy is made anew after each change, whoever makes it."""
    spec = chain(conv(), pf.BatchNorm(), pf.ReLU(), pf.Flatten(), pf.Dense(3))
    options = {"dtype": "float64", "device": "cpu", "ema": 0.5}
    model = pf.compile(spec, backend, "cross_entropy", pf.SGD(0.1), **options)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(6, 4, 8, 8)), rng.integers(0, 3, 6)

    def check():
        weights = model.inference_weights()
        wanted, _ = interpret(model.graph, weights, [x])
        predictions = model.predict(x)
        assert distance(predictions, wanted[model.graph.outputs[0]]) <= FORWARD.value
        return predictions

    seen = [check()]
    for change in (
        lambda: model.train_step(x, y),
        lambda: model.load_weights(moved(model.graph)),
        lambda: model.fit(x, y, batch_size=6),
        lambda: model.engine.adapt([np.zeros((6, 3))], False),  # probabilities
        lambda: model.load_training_state(
            {n: 0.5 * a for n, a in model.training_state().items()}, 1, 0
        ),
    ):
        change()
        seen.append(check())
    changed = [not np.array_equal(a, b) for a, b in zip(seen, seen[1:])]
    assert changed == [True, True, True, False, True]


def test_predictions_follow_a_native_model_that_somebody_trains():
    import torch

    spec = chain(conv(), pf.BatchNorm(), pf.Flatten(), pf.Dense(3))
    for loss in ("cross_entropy", None):
        model = pf.compile(spec, "torch", loss, device="cpu")
        x = np.ones((2, 4, 8, 8), "f4")
        before = model.predict(x)
        with torch.no_grad():
            model.native.get_parameter("fc1.bias").add_(1.0)
        assert np.abs(model.predict(x) - before - 1).max() < 1e-5


@pytest.mark.parametrize("backend", BACKENDS)
def test_show_prints_the_program_that_predicts(backend):
    arguments = ["show", "residual_cnn", "-b", backend, "--inference"]
    plain = CliRunner().invoke(cli, arguments).stdout
    folded = CliRunner().invoke(cli, [*arguments, "--optimize"]).stdout
    model = pf.compile(pf.zoo.residual_cnn(), backend, "cross_entropy", device="cpu")
    assert folded == model.inference_source
    assert "# bn1 folded in" in folded and "# bn1 folded in" not in plain


# --- lint ----------------------------------------------------------------------------


def test_lint_names_biases_in_front_of_a_batch_norm():
    spec = chain(conv(name="a"), pf.BatchNorm(name="b"), conv(name="c", bias=False),
                 pf.BatchNorm(), conv(name="d"), pf.ReLU())  # fmt: skip
    assert spec.lint() == (
        "a has a bias that b subtracts again: its gradient is rounding, which Adam "
        "turns into full steps; bias=False leaves it out",
    )
    assert "note: a has a bias that b subtracts" in spec.summary()
    assert "note" not in pf.zoo.simple_cnn().summary()
    assert any(note.startswith("features.0 has") for note in pf.zoo.vgg11_bn().lint())


def last_blocks():
    """Two equal blocks that see one position each, as the last ones of such networks."""
    blocks = []
    for _ in range(2):
        inner = pf.Input(name="x")
        y = pf.ReLU6()(pf.BatchNorm()(pf.Conv2D(6, 3, padding=1, bias=False)(inner)))
        y = pf.BatchNorm()(pf.DepthwiseConv2D(3, padding=1, bias=False)(y))
        y = pf.Conv2D(6, 1, bias=False)(y)
        blocks.append(pf.Block(inner, pf.Add()(inner, y), kind="Last"))
    layers = [pf.Conv2D(6, 3, stride=2, padding=1), *blocks, pf.GlobalAvgPool2D()]
    return pf.Sequential([*layers, pf.Dense(3)], (3, 2, 2), name="last_blocks")


def small_images(name):
    return getattr(pf.zoo, name)(num_classes=3, input_shape=(3, 32, 32), width=0.5)


NARROW = [
    *((last_blocks, backend) for backend in BACKENDS),
    *(
        pytest.param(
            partial(small_images, name), backend, id=f"{name}-{backend}",
            # It takes two minutes to trace them.
            marks=[pytest.mark.full] * (backend == "tensorflow"),
        )
        for name in ("mobilenet_v2", "densenet121")
        for backend in BACKENDS
    ),
]  # fmt: skip


@pytest.mark.parametrize(("make", "backend"), NARROW)
def test_networks_for_large_images_train_on_small_ones(make, backend):
    """Their last blocks see one position, where other forms are written, within
    blocks."""
    spec = make()
    x = np.random.default_rng(0).normal(size=(8, *spec.infer().inputs[0][1]))
    losses, sources = [], []
    for optimize in (True, False):
        model = pf.compile(
            spec, backend, loss="cross_entropy", device="cpu", optimize=optimize
        )
        losses.append(model.train_step(x.astype("float32"), np.arange(8) % 3))
        sources.append(model.source)
    # MXNet's own kernels do as well at one position.
    assert sources[0] != sources[1] or backend == "mxnet"
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
