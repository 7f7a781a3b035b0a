"""MXNet's native programs: what a user of Gluon writes, and what Gluon does not have."""

from __future__ import annotations

import numpy as np
import pytest

import polyframe as pf
from polyframe.backends.gluon.runtime import mx
from polyframe.randomness import framework_seed

nn, nd = mx.gluon.nn, mx.nd
NET = pf.Sequential(
    [
        pf.Conv2D(4, 3, padding="same", bias=False, name="conv"), pf.BatchNorm(),
        pf.ReLU(), pf.MaxPool2D(2), pf.Flatten(), pf.Dense(8, name="fc1"),
        pf.Dropout(0.2), pf.Dense(3, name="fc2"),
    ],
    (2, 6, 6),
    name="net",
)  # fmt: skip
RNG = np.random.default_rng(4)
X = RNG.normal(size=(8, 2, 6, 6)).astype(np.float32)
Y = RNG.integers(0, 3, 8)


def compiled(optimizer="adam", spec=NET, semantics="native", **options):
    return pf.compile(
        spec, "mxnet", "cross_entropy", optimizer, semantics=semantics, **options
    )


def by_hand():
    net = nn.HybridSequential()
    net.add(
        nn.Conv2D(4, kernel_size=3, padding=1, use_bias=False),
        nn.BatchNorm(), nn.Activation("relu"), nn.MaxPool2D(2), nn.Flatten(),
        nn.Dense(8), nn.Dropout(0.2), nn.Dense(3),
    )  # fmt: skip
    return net


@pytest.mark.parametrize("hybrid", [False, True])
def test_initial_weights_are_those_of_the_same_seed_by_hand(hybrid):
    model, net = compiled(seed=5), by_hand()
    mx.random.seed(framework_seed(5))
    net.initialize()
    if hybrid:
        net.hybridize()
        with mx.autograd.record():
            net(nd.array(X))
    else:
        net(nd.array(X))
    ours = [w for n, w in model.weights().items() if "running" not in n]
    theirs = [p for p in net.collect_params().values() if p.grad_req != "null"]
    for our, their in zip(ours, theirs, strict=True):
        assert np.array_equal(our, their.data().asnumpy()), their.name
    assert np.abs(ours[0]).max() <= 0.07  # Gluon's own


def test_programs_leave_out_what_gluon_finds_itself():
    native, mixed = compiled(), compiled(semantics={"optimizer": "native"})
    assert "in_channels" not in native.source + native.inference_source
    assert "in_units" not in native.source
    assert "in_channels" in mixed.source
    assert "count" not in native.source
    assert "learning_rate" not in native.source.replace('{"learning_rate"', "")
    resnet = pf.compile(
        "resnet18", "mxnet", "cross_entropy", "adam", semantics="native"
    )
    assert len(resnet.source.splitlines()) <= 120


def test_the_order_of_parameters_is_that_of_a_new_process():
    """Nadam multiplies its schedule once for each parameter, in the order of names, and
    Gluon numbers the names of layers through the process."""
    rule = pf.NAdam(0.01)
    first = compiled(rule)
    while not nn.Dense(1).name.endswith(("dense8", "dense98", "dense998")):
        pass  # the next are dense9 and dense10, whose names sort the other way
    second = compiled(rule)
    for model in (first, second):
        for _ in range(3):
            model.train_step(X, Y)
    for name, value in first.weights().items():
        assert np.array_equal(value, second.weights()[name]), name


@pytest.mark.parametrize(
    "options",
    [
        {"accumulate": 2},
        {"ema": 0.9, "clip_norm": 0.1},
        {"freeze": ("conv",), "clip_value": 0.01},
        {"precision": "bfloat16"},
        {
            "freeze": ("conv",),
            "unfreeze": {"conv": 1},
            "learning_rate_multipliers": {"fc2": 2.0},
        },
    ],
    ids=lambda options: "-".join(options),
)
def test_settings_go_with_native_optimizers(options):
    model = compiled(pf.NAdam(0.01, weight_decay=0.01, decay_on="kernels"), **options)
    before = model.weights()
    history = model.fit(X, Y, epochs=8, batch_size=4)
    losses = [row["loss"] for row in history.rows]
    assert losses[-1] < losses[0]
    moved = {n for n, w in model.weights().items() if not np.array_equal(w, before[n])}
    kept = {"conv.weight"} if [*options] == ["freeze", "clip_value"] else set()
    assert moved == set(before) - kept


def test_accumulated_gradients_are_those_of_the_whole_batch():
    net = pf.Sequential([pf.Flatten(), pf.Dense(3)], (2, 6, 6), name="net")
    rule = pf.SGD(0.1, momentum=0.9)
    parts, whole = compiled(rule, net, accumulate=2), compiled(rule, net)
    parts.fit(X, Y, epochs=3, batch_size=4, shuffle=False)
    whole.fit(X, Y, epochs=3, batch_size=8, shuffle=False)
    for name, value in whole.weights().items():
        np.testing.assert_allclose(parts.weights()[name], value, rtol=1e-5, atol=1e-7)


def test_sample_weights_go_with_gluons_losses():
    net = pf.Sequential([pf.Flatten(), pf.Dense(3)], (2, 6, 6), name="net")
    model, weights = compiled(pf.SGD(0.0), net), np.array([2.0] * 4 + [0.0] * 4)
    loss = model.train_step(X, Y, sample_weight=weights)
    assert loss == pytest.approx(model.train_step(X[:4], Y[:4]), rel=1e-5)
    assert "loss_fn = gluon.loss.SoftmaxCrossEntropyLoss()" in model.source
    assert "loss_fn(outputs, target) * weights" in model.source


@pytest.mark.parametrize(
    "layers",
    [
        [pf.Conv2D(4, 3, stride=2, padding="same")],
        [pf.MaxPool2D(2, padding="same"), pf.Conv2D(4, 1)],
        [pf.SeparableConv2D(4, 3, stride=2, padding="same")],
    ],
)
def test_same_with_strides_has_no_meaning_of_mxnets(layers):
    spec = pf.Sequential([*layers, pf.Flatten(), pf.Dense(3)], (2, 6, 6), name="net")
    for semantics in ("native", {"padding": "native"}):
        with pytest.raises(pf.UnsupportedError, match="give numbers for each side"):
            compiled(spec=spec, semantics=semantics)
    compiled(spec=spec, semantics={"optimizer": "native"})


def test_a_pool_that_has_no_padding_is_written():
    layers = [pf.LPPool2D(2, 2, name="pool"), pf.Flatten(), pf.Dense(3)]
    spec = pf.Sequential(layers, (2, 6, 6), name="net")
    for semantics in ("native", {"padding": "native"}):
        assert compiled(spec=spec, semantics=semantics).predict(X).shape == (len(X), 3)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (
            {"clip_norm": 1.0, "dtype": "float64"},
            "clip_norm: gluon.utils.clip_global_norm",
        ),
        ({"optimizer": pf.RMSProp(), "dtype": "float64"}, "and no float64"),
        ({"optimizer": pf.Adadelta(0.5)}, "has no learning rate"),
        (
            {
                "optimizer": pf.Adadelta(),
                "learning_rate_multipliers": {"*.bias": 2.0},
            },
            "has no learning rate",
        ),
        ({"optimizer": pf.LAMB(decay_on="kernels")}, "biases, scales and shifts"),
        ({"optimizer": pf.AdamW()}, "mx.optimizer has no AdamW"),
    ],
)
def test_what_mxnet_does_not_have_is_told(options, reason):
    with pytest.raises(pf.UnsupportedError, match=reason):
        compiled(**options)


def test_a_schedule_needs_a_rate():
    model = compiled(pf.Adadelta())
    model.train_step(X, Y)
    model.learning_rate = 0.5
    with pytest.raises(pf.UnsupportedError, match="AdaDelta has no learning rate"):
        model.train_step(X, Y)


@pytest.mark.parametrize(
    ("aspect", "own", "ours"),
    [
        ("optimizer", "def apply(model, optimizer)", "gluon.loss.Softmax"),
        ("loss", "loss_fn(outputs, target).mean()", '"adam"'),
        (
            "clipping",
            "gluon.utils.clip_global_norm(",
            "loss_fn(outputs, target).mean()",
        ),
    ],
)
def test_an_aspect_alone_changes_its_part(aspect, own, ours):
    net = pf.Sequential([pf.Flatten(), pf.Dense(3)], (2, 6, 6), name="net")
    model, aligned = (
        compiled("adam", net, semantics, clip_norm=0.5, seed=2)
        for semantics in ({aspect: "native"}, "aligned")
    )
    assert own in model.source
    assert ours not in model.source
    for _ in range(3):
        assert model.train_step(X, Y) == pytest.approx(aligned.train_step(X, Y), 1e-4)
