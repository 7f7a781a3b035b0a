"""Training on every backend: steps, trajectories, state, draws, metrics."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.support import BACKENDS, PAIRS, distance, within, worst

import polyframe as pf
from polyframe.spec.interpreter import interpret

TRAJECTORY, GRADIENT, FORWARD, LOSSES = 1e-11, 1e-11, 1e-12, 1e-4
OPTIMIZERS = {
    "sgd": pf.SGD(0.02, momentum=0.9, weight_decay=1e-3),
    "adam": pf.Adam(1e-3),
    "adamw": pf.AdamW(1e-3),
}
NETS = {
    "simple_cnn": pf.zoo.simple_cnn(),
    "residual_cnn": pf.zoo.residual_cnn(width=8),
}


def batches(spec, steps, size, seed=0):
    """Images of ten classes that can be told apart, a fresh batch a step."""
    rng = np.random.default_rng(seed)
    shape = spec.graph.inputs[0][1]
    classes = rng.normal(size=(10, *shape))
    for _ in range(steps):
        y = rng.integers(0, 10, size)
        yield classes[y] + 0.5 * rng.normal(size=(size, *shape)), y


def trained(net, backend, optimizer, steps=100, size=8, dtype="float64", **options):
    """The model after some steps, with a change of the learning rate half-way, and
    the losses on the way."""
    model = pf.compile(
        net, backend, loss="cross_entropy", optimizer=optimizer, dtype=dtype,
        device="cpu", **options,
    )  # fmt: skip
    losses = []
    for step, (x, y) in enumerate(batches(net, steps, size)):
        if step == steps // 2:
            model.learning_rate *= 0.3
        losses.append(model.train_step(x, y))
    return model, losses


@pytest.fixture(scope="module")
def trajectories():
    """Weights after 100 float64 steps: (net, optimizer, backend) → arrays."""
    weights = {}

    def get(net, optimizer, backend):
        key = (net, optimizer, backend)
        if key not in weights:
            model, losses = trained(NETS[net], backend, OPTIMIZERS[optimizer])
            assert losses[-1] < losses[0]
            weights[key] = model.weights()
        return weights[key]

    return get


SAMPLE = {("simple_cnn", "adam"), ("residual_cnn", "sgd")}
"""What ``make test`` trains; the suite has 100 steps of three smaller nets."""
TRAINED = [
    pytest.param(
        net, rule, id=f"{net}-{rule}",
        marks=[pytest.mark.full] * ((net, rule) not in SAMPLE),
    )
    for net in NETS
    for rule in OPTIMIZERS
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), PAIRS)
@pytest.mark.parametrize(("net", "optimizer"), TRAINED)
def test_100_steps_end_on_the_same_weights(net, optimizer, one, other, trajectories):
    apart, name = worst(
        trajectories(net, optimizer, one), trajectories(net, optimizer, other)
    )
    within("100 steps, float64, between backends", apart, TRAJECTORY, (net, optimizer))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("net", NETS)
def test_one_forward_pass_is_the_definitions(net, backend):
    spec = NETS[net]
    model = pf.compile(spec, backend, loss="cross_entropy", dtype="float64")
    x, _ = next(batches(spec, 1, 8))
    known, _ = interpret(model.graph, model.weights(), [x])
    assert distance(model.predict(x), known[spec.graph.outputs[0]]) <= FORWARD
    for name, value in model.activations(x).items():
        apart = distance(value, known[name])
        within("nets: forward, float64", apart, FORWARD, (net, backend, name))


@pytest.mark.parametrize("net", NETS)
def test_gradients_agree_between_backends(net):
    spec = NETS[net]
    x, y = next(batches(spec, 1, 8))
    gradients = {}
    for backend in BACKENDS:
        model = pf.compile(spec, backend, loss="cross_entropy", dtype="float64")
        before = model.weights()
        gradients[backend] = model.gradients(x, y)
        assert worst(model.weights(), before)[0] == 0  # looking changes nothing
    for one, other in PAIRS:
        apart, name = worst(gradients[one], gradients[other])
        within(
            "nets: gradients between backends, float64", apart, GRADIENT, (net, name)
        )


# At rates above about 0.03 the residual net magnifies rounding: PyTorch's float32 run
# is then more than 1e-4 away from its own float64 run, so no two backends can be closer.
SHORT = [
    pytest.param("simple_cnn", pf.Adam(1e-3), id="simple_cnn"),
    pytest.param(
        "residual_cnn", pf.SGD(0.02, momentum=0.9), id="residual_cnn",
        marks=pytest.mark.full,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("net", "optimizer"), SHORT)
def test_float32_walks_the_same_path_for_20_steps(net, optimizer):
    losses = {
        backend: trained(NETS[net], backend, optimizer, 20, 128, "float32")[1]
        for backend in BACKENDS
    }
    for one, other in PAIRS:
        apart = [distance(a, b) for a, b in zip(losses[one], losses[other])]
        within("first 20 losses, float32", max(apart), LOSSES, (net, one, other))


@pytest.mark.parametrize("backend", BACKENDS)
def test_batch_norm_without_weights_on_the_bare_input_learns_its_statistics(backend):
    layers = [pf.BatchNorm(affine=False), pf.Flatten(), pf.Dense(2)]
    spec = pf.Sequential(layers, (2, 3, 3), name="bare")
    model = pf.compile(spec, backend, loss="mse", optimizer="sgd", dtype="float64")
    rng = np.random.default_rng(0)
    x, y = rng.normal(1, 2, size=(7, 2, 3, 3)), rng.normal(size=(7, 2))
    wanted = interpret(model.graph, model.weights(), [x], training=True)[1]
    model.train_step(x, y)
    for name, value in wanted.items():
        assert distance(model.weights()[name], value) <= 1e-12, name


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("options", [{}, {"unbiased": True}], ids=str)
def test_native_batch_norms_learn_their_statistics_too(options, backend):
    """Gluon's own layer has no helper to fold its statistics in, and a bare or frozen
    front must not keep it from its backward pass."""
    layers = [
        pf.BatchNorm(affine=False, name="bare", **options), pf.Flatten(),
        pf.Dense(6, bias=False), pf.BatchNorm(name="norm", **options), pf.Dense(2),
    ]  # fmt: skip
    spec = pf.Sequential(layers, (2, 3, 3), name="bare")
    rng = np.random.default_rng(0)
    x, y = rng.normal(1, 2, size=(7, 2, 3, 3)), rng.normal(size=(7, 2))
    for freeze in ((), ("fc1", "norm")):
        model = pf.compile(
            spec, backend, loss="mse", optimizer="sgd", semantics="native",
            dtype="float64", freeze=freeze,
        )  # fmt: skip
        before = model.weights()
        wanted = interpret(model.graph, before, [x], training=True)[1]
        model.train_step(x, y)
        after = model.weights()
        for name, value in wanted.items():
            assert distance(value, before[name]) > 1e-3
            assert distance(after[name], value) <= 1e-6, name  # float32 momentum
        moved = {n for n in before if not np.array_equal(before[n], after[n])}
        still = {n for n in before if n.partition(".")[0] in freeze} - set(wanted)
        assert moved == set(before) - still


def dropped():
    layers = [pf.Dense(16), pf.Dropout(0.4), pf.ReLU(), pf.Dropout(0.1), pf.Dense(3)]
    return pf.Sequential(layers, (8,), name="dropped")


def noisy():
    """Every other random layer, each in front of a layer with weights."""
    layers = [
        pf.Conv2D(20, 1), pf.SpatialDropout2D(0.4, name="channels"),
        pf.Conv2D(8, 1), pf.DropPath(0.4, name="paths"),
        pf.Conv2D(8, 1), pf.GaussianNoise(0.5, name="little"),
        pf.Conv2D(8, 1), pf.GaussianNoise(3.0, name="much"),
        pf.Flatten(), pf.Dense(6), pf.DropPath(0.4, name="flat"), pf.Dense(3),
    ]  # fmt: skip
    return pf.Sequential(layers, (3, 4, 5), name="noisy")


def images():
    rng = np.random.default_rng(0)
    return rng.normal(size=(64, 3, 4, 5)), rng.integers(0, 3, 64)


def check_noise(model, x):
    """What random layers do to their inputs while training, and only then."""
    seen = model.activations(x, training=True)
    calm = model.activations(x)
    front = {n.path: n.inputs[0] for n in model.graph.nodes if n.layer.random}
    for values in (calm, seen):
        assert set(front) <= set(values)
    for path in ("channels", "paths", "flat"):
        before, after = seen[front[path]], seen[path]
        axes = (2, 3) if path == "channels" else tuple(range(1, after.ndim))
        kept = (after != 0).any(axes, keepdims=True)  # all of a piece or none of it
        assert 0.4 < kept.mean() < 0.8  # 0.6 kept
        assert np.allclose(after, np.where(kept, before / 0.6, 0), rtol=1e-5)
    for path, stddev in (("little", 0.5), ("much", 3.0)):
        noise = seen[path] - seen[front[path]]
        assert abs(noise.mean()) < 0.05 * stddev
        assert abs(noise.std() / stddev - 1) < 0.05
        assert 0.64 < (abs(noise) < stddev).mean() < 0.73  # 0.683 of a normal one
    for path, before in front.items():
        assert np.array_equal(calm[path], calm[before])
    return seen


def test_other_draws_are_the_same_everywhere_and_fresh_each_step():
    x, y = images()
    activations, weights = {}, {}
    for backend in BACKENDS:
        model = pf.compile(noisy(), backend, loss="cross_entropy", dtype="float64")
        steps = []
        for _ in range(3):
            steps.append(check_noise(model, x))
            model.train_step(x, y)
        assert not np.array_equal(steps[0]["paths"] == 0, steps[1]["paths"] == 0)
        activations[backend], weights[backend] = steps, model.weights()
    for one, other in PAIRS:
        for mine, yours in zip(activations[one], activations[other]):
            assert worst(mine, yours)[0] <= 1e-11
        assert worst(weights[one], weights[other])[0] <= TRAJECTORY


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("net", [dropped, noisy], ids=lambda net: net.__name__)
def test_native_random_layers_act_and_repeat_for_one_seed(net, backend):
    x, y = images()
    x = x if net is noisy else x.reshape(64, -1)[:, :8]
    losses = []
    for _ in range(2):
        model = pf.compile(
            net(), backend, loss="cross_entropy", semantics="native", seed=5
        )
        if net is noisy:
            check_noise(model, x)
        losses.append([model.train_step(x, y) for _ in range(4)])
        assert np.array_equal(model.predict(x), model.predict(x))
    assert losses[0] == losses[1]


@pytest.mark.parametrize("backend", BACKENDS)
def test_rewrites_change_no_result(backend):
    spec = NETS["simple_cnn"]
    models = [
        trained(spec, backend, pf.SGD(0.05), 10, optimize=optimize)[0]
        for optimize in (True, False)
    ]
    assert models[0].source != models[1].source
    assert "equal, and less work" in models[0].source
    apart, name = worst(models[0].weights(), models[1].weights())
    assert apart <= TRAJECTORY, name


@pytest.mark.parametrize("backend", BACKENDS)
def test_fit_learns_the_digits_and_reports_what_evaluate_finds(backend):
    data = pf.data.load(**pf.load_recipe("digits_cnn").data)
    model = pf.compile(
        pf.zoo.digits_cnn(), backend, loss="cross_entropy", optimizer=pf.Adam(3e-3),
        metrics=["accuracy"],
    )  # fmt: skip
    rows = []

    class Watch(pf.train.Callback):
        def on_step_end(self, model, step):
            rows.append(step)

    history = model.fit(
        *data.train, epochs=5, batch_size=64, validation_data=data.test,
        callbacks=[Watch()],
    )  # fmt: skip
    assert len(history) == 5
    assert history["val_accuracy"][-1] > 0.85
    metrics = model.evaluate(*data.test)
    assert metrics["loss"] == history["val_loss"][-1]
    assert metrics["accuracy"] == history["val_accuracy"][-1]
    # 1437 samples: the last batch of 29 counts by its size, and by no more.
    steps = -(-len(data.train[0]) // 64)
    sizes = [64] * (steps - 1) + [len(data.train[0]) % 64]
    assert [step.index for step in rows] == [*range(steps)] * 5
    assert [step.step for step in rows] == [*range(1, 5 * steps + 1)]
    assert [step.epoch for step in rows[::steps]] == [1, 2, 3, 4, 5]
    assert [step.samples for step in rows] == sizes * 5
    assert {step.lr for step in rows} == {3e-3}
    losses = [step.loss for step in rows[:steps]]
    assert history["loss"][0] == pytest.approx(np.average(losses, weights=sizes))
    right = model.predict(data.test[0]).argmax(1) == data.test[1]
    assert right.mean() == metrics["accuracy"]


@pytest.mark.full
@pytest.mark.parametrize("backend", BACKENDS)
def test_fashion_cnn_reaches_90_percent_within_five_epochs(backend):
    recipe = pf.load_recipe("fashion_cnn")
    data = pf.data.load(**recipe.data)
    model = pf.compile(
        recipe.model, backend, loss=recipe.loss, optimizer=recipe.optimizer,
        metrics=["accuracy"], seed=recipe.seed,
    )  # fmt: skip
    history = model.fit(
        *data.train, epochs=5, batch_size=recipe.batch_size, validation_data=data.test
    )
    best = max(history["val_accuracy"])
    within("fashion_cnn: share of wrong answers after 5 epochs", 1 - best, 0.1, backend)
