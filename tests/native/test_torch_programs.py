"""What PyTorch's programs say with native semantics, and what PyTorch lacks."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.failing import fails

import polyframe as pf
from polyframe.backends.pytorch.optimizers import TABLE

NATIVE = {"backend": "torch", "semantics": "native", "seed": 2}
LINES = 120
IMAGE = (3, 8, 8)


def net(*layers, shape=(5,)):
    return pf.Sequential(list(layers), shape, name="net")


def dense():
    return net(pf.Dense(7, name="fc1"), pf.Tanh(), pf.Dense(4, name="fc2"))


def labels(count=6):
    rng = np.random.default_rng(4)
    return rng.normal(size=(count, 5)).astype("f4"), rng.integers(0, 4, count)


def test_a_program_is_what_a_tutorial_has():
    model = pf.compile("digits_cnn", loss="cross_entropy", **NATIVE)
    step = model.source[model.source.index("loss_fn =") :]
    assert (
        step
        == '''\
loss_fn = nn.CrossEntropyLoss()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.001)


def loss_and_gradients(model, x, target):
    """The loss; its gradients are added to the parameters'."""
    outputs = model(x)
    loss = loss_fn(outputs, target)
    loss.backward()
    return loss, outputs


def apply(optimizer):
    optimizer.step()
    optimizer.zero_grad()


def train_step(model, x, target, optimizer):
    loss, outputs = loss_and_gradients(model, x, target)
    apply(optimizer)
    return loss, outputs
'''
    )
    assert 'nn.Conv2d(1, 16, kernel_size=3, padding="same")' in model.source
    whole = pf.compile("resnet18", loss="cross_entropy", **NATIVE)
    assert len(whole.source.splitlines()) <= LINES


def test_an_aspect_alone_is_switched():
    def source(**semantics):
        options = NATIVE | {"semantics": semantics}
        return pf.compile(dense(), loss="cross_entropy", **options).source

    assert "fused" not in source(optimizer="native")
    assert 'reduction="none"' in source(optimizer="native")
    assert "nn.CrossEntropyLoss()" in source(loss="native")
    assert "fused" in source(loss="native")


def test_losses_of_several_outputs_are_added():
    import torch
    from torch import nn

    x = pf.Input((5,), name="x")
    heads = [pf.Dense(n, name=f"fc{n}")(x) for n in (4, 2)]
    spec = pf.ModelSpec(x, heads, name="net")
    losses = ["cross_entropy", pf.MSE(loss_weight=0.5)]
    model = pf.compile(spec, loss=losses, **NATIVE)
    lines = """
    loss = cross_entropy_loss(outputs[0], target[0])
    loss = loss + 0.5 * mse_loss(outputs[1], target[1])
"""
    assert lines in model.source
    data, label = labels()
    values = np.random.default_rng(5).normal(size=(6, 2)).astype("f4")
    w = {name: torch.tensor(value) for name, value in model.weights().items()}
    outputs = [
        nn.functional.linear(torch.tensor(data), w[f"fc{n}.weight"], w[f"fc{n}.bias"])
        for n in (4, 2)
    ]
    first = nn.CrossEntropyLoss()(outputs[0], torch.tensor(label))
    second = nn.MSELoss()(outputs[1], torch.tensor(values))
    assert model.train_step(data, [label, values]) == (first + 0.5 * second).item()


@pytest.mark.parametrize(
    "loss, options",
    [
        (pf.CrossEntropy(class_weights=(1.0, 2.0, 3.0, 4.0)), {}),
        (pf.CrossEntropy(ignore_index=1), {}),
        (pf.CrossEntropy(reduction="sum"), {}),
        (pf.CrossEntropy(), {"accumulate": 2}),
    ],
    ids=str,
)
def test_a_step_that_needs_each_samples_loss_calls_the_function(loss, options):
    """The optimizer is PyTorch's own all the same, and what is learnt is the same."""
    x, y = labels()
    models = [
        pf.compile(
            dense(), loss=loss, optimizer=pf.SGD(0.1), **NATIVE | {"semantics": s},
            **options,
        )
        for s in ("native", {"optimizer": "native"})
    ]  # fmt: skip
    source = models[0].source
    assert "F.cross_entropy(" in source and 'reduction="none"' in source
    assert "return torch.optim.SGD(model.parameters(), lr=0.1)\n" in source
    models[1].load_weights(models[0].weights())
    for model in models:
        model.fit(x, y, batch_size=3)
    for name, value in models[0].weights().items():
        np.testing.assert_allclose(models[1].weights()[name], value, rtol=1e-6)


def test_groups_hold_their_own_rates():
    model = pf.compile(
        dense(), loss="cross_entropy", optimizer=pf.Adam(0.1), **NATIVE,
        learning_rate_multipliers={"fc1": 0.5},
    )  # fmt: skip
    assert '            "lr": 0.1 * rate,\n' in model.source
    model.train_step(*labels())
    model.learning_rate = 0.01
    model.train_step(*labels())
    optimizer = model.engine.session.training_objects["optimizer"]
    assert {group["lr"] for group in optimizer.param_groups} == {0.01, 0.005}


def test_a_training_is_resumed_to_the_bit(tmp_path):
    """NAdam's product of momenta begins anew when a layer is unfrozen, after step 2."""
    x, y = labels()
    options = {
        "loss": "cross_entropy",
        "optimizer": pf.NAdam(0.05),
        "freeze": "fc1",
        "unfreeze": {"fc1": 1},
    }
    whole = pf.compile(dense(), **options, **NATIVE)
    assert whole.training_state()["optimizer/mu_product"].tolist() == [1.0]
    whole.fit(x, y, epochs=3, batch_size=3)
    state = whole.training_state()
    assert 0 < state["optimizer/mu_product"][0] < 1
    first = pf.compile(dense(), **options, **NATIVE)
    saver = [pf.ModelCheckpoint()]
    first.fit(x, y, epochs=2, batch_size=3, callbacks=saver, folder=tmp_path)
    again = pf.compile(dense(), **options, **NATIVE)
    again.fit(x, y, epochs=3, batch_size=3, resume=tmp_path / "checkpoint")
    for name, value in (whole.weights() | state).items():
        assert np.array_equal((again.weights() | again.training_state())[name], value)


# --- gaps ------------------------------------------------------------------------

LACKING = {
    "dice": "torch.nn has no Dice loss",
    "focal": "torch.nn has no focal loss",
    "hinge": "torch.nn has no hinge of signs; HingeEmbeddingLoss is of distances",
    "squared_hinge": "torch.nn has no squared hinge",
    pf.BinaryCrossEntropy(label_smoothing=0.1): (
        "nn.BCEWithLogitsLoss has no label smoothing"
    ),
    pf.NLL(label_smoothing=0.1): "nn.NLLLoss takes labels, without smoothing",
}


@pytest.mark.parametrize("loss", LACKING, ids=str)
def test_a_loss_that_pytorch_lacks_is_a_gap_of_native(loss):
    word = loss if isinstance(loss, str) else loss.type
    spec = (
        net(pf.Conv2D(4, 1, name="head"), shape=(5, 2, 2))
        if word == "dice"
        else dense()
    )
    text = f"the torch backend has no loss {word!r}: {LACKING[loss]}"
    fails(pf.UnsupportedError, lambda: pf.compile(spec, loss=loss, **NATIVE), text)
    pf.compile(spec, loss=loss, **NATIVE | {"semantics": {"optimizer": "native"}})


@pytest.mark.parametrize("rule", ["LAMB", "LARS", "Lion"])
def test_an_optimizer_that_pytorch_lacks_is_a_gap_of_native(rule):
    import torch

    assert not hasattr(torch.optim, rule)
    fails(
        pf.UnsupportedError,
        lambda: pf.compile(dense(), loss="mse", optimizer=rule, **NATIVE),
        f"the torch backend has no optimizer {rule!r}: torch.optim has no {rule}",
    )
    assert TABLE[rule].own == ()


PADDED = [
    (pf.Conv1D(2, 3, stride=2, padding="same"), (3, 8), "nn.Conv1d refuses"),
    (pf.Conv2D(2, 1, stride=2, padding="same"), IMAGE, "nn.Conv2d refuses"),
    (pf.DepthwiseConv2D(3, stride=2, padding="same"), IMAGE, "nn.Conv2d refuses"),
    (pf.SeparableConv2D(2, 3, stride=2, padding="same"), IMAGE, "nn.Conv2d refuses"),
    (pf.MaxPool2D(2, padding="same"), IMAGE, "nn.MaxPool2d has no"),
    (pf.AvgPool1D(3, padding="same"), (3, 8), "nn.AvgPool1d has no"),
]


@pytest.mark.parametrize("layer, shape, reason", PADDED, ids=str)
def test_same_with_strides_is_a_gap_of_native(layer, shape, reason):
    def compiled(semantics):
        options = NATIVE | {"semantics": semantics}
        return pf.compile(net(layer, shape=shape), **options)

    for semantics in ("native", {"padding": "native"}):
        with pytest.raises(pf.UnsupportedError, match=reason) as caught:
            compiled(semantics)
        assert "give numbers for each side" in str(caught.value)
    compiled({"loss": "native"})


def test_same_without_strides_is_pytorchs_own():
    """An odd zero, for which PyTorch's own word warns of a copy, is written out."""
    layers = [
        pf.Conv2D(4, (1, 3), padding="same", name="conv"),
        pf.SeparableConv2D(2, 3, padding="same", name="separable"),
        pf.Conv2D(2, 2, padding="same", name="even"),
        pf.MaxPool2D(3, stride=1, padding="same", name="pool"),
    ]
    x = np.random.default_rng(1).normal(size=(2, *IMAGE)).astype("f4")
    native, aligned = (
        pf.compile(net(*layers, shape=IMAGE), **NATIVE | {"semantics": s})
        for s in ("native", "aligned")
    )
    assert native.source.count('padding="same"') == 2
    assert native.source.count("F.pad") == 1
    aligned.load_weights(native.weights())
    np.testing.assert_allclose(
        native.predict(x), aligned.predict(x), rtol=1e-4, atol=1e-6
    )
