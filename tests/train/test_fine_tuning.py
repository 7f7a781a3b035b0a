"""Fine-tuning: frozen statistics, multipliers by pattern, layers that are unfrozen later.

What is right comes from a loop in plain PyTorch in float64, with its own parameter groups,
and from NumPy. The conformance suite (family features) has every optimizer."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from helpers.failing import fails
from helpers.feature_oracle import EXACT, Case, agree, compiled, samples
from helpers.support import BACKENDS, distance, worst
from torch import nn

import polyframe as pf
from polyframe.compiler.python.code import Code, entry
from polyframe.compiler.python.source import Name, call
from polyframe.contract import registry
from polyframe.errors import PolyframeError, SpecError, WeightsError
from polyframe.spec.settings import Training

on_each = pytest.mark.parametrize("backend", BACKENDS)
NET = pf.Sequential(
    [
        pf.Sequential(
            [
                pf.BatchNorm(affine=False, name="plain"),
                pf.Conv2D(2, 2, bias=False, name="conv"), pf.BatchNorm(name="norm"),
                pf.ReLU(),
            ],
            name="body",
        ),
        pf.Flatten(), pf.Dense(3, name="head"),
    ],
    (1, 3, 3), name="tuned",
)  # fmt: skip
FROZEN = ("body.plain", "body.conv", "body.norm")
OPTIONS = {
    "freeze": "body",
    "unfreeze": {"body": 1},
    "learning_rate_multipliers": {"*": 0.5, "body": 0.1, "head.weight": 2},
    "weight_decay_multipliers": {"*.bias": 0, "*norm*": 0, "head.weight": 3},
}
FACTORS = {
    "body.conv.weight": (0.1, 1), "body.norm.weight": (0.1, 0),
    "body.norm.bias": (0.1, 0), "head.weight": (2, 3), "head.bias": (0.5, 0),
}  # fmt: skip
RATE, DECAY = 1e-2, 0.3


def module(weights):
    """``NET`` as PyTorch's users write it."""
    body = nn.Sequential()
    body.plain, body.conv = (
        nn.BatchNorm2d(1, affine=False),
        nn.Conv2d(1, 2, 2, bias=False),
    )
    body.norm, body.relu = nn.BatchNorm2d(2), nn.ReLU()
    net = nn.Sequential()
    net.body, net.flatten, net.head = body, nn.Flatten(), nn.Linear(8, 3)
    net.double().load_state_dict(
        {n: torch.from_numpy(w) for n, w in weights.items()}, strict=False
    )
    return net


def by_hand(weights, x, y, epochs, thawed_after, clip, statistics=True):
    """The weights after training in plain PyTorch, in batches of 5, in order."""
    net = module(weights)
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    for epoch in range(epochs):
        frozen = epoch < thawed_after
        net.train()
        net.body.requires_grad_(not frozen)
        if frozen and statistics:
            net.body.eval()
        if epoch in (0, thawed_after):
            groups = [
                {"params": [p], "lr": FACTORS[n][0] * RATE,
                 "weight_decay": FACTORS[n][1] * DECAY}
                for n, p in net.named_parameters() if p.requires_grad
            ]  # fmt: skip
            optimizer = torch.optim.AdamW(groups)
        for i in range(0, len(x), 5):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x[i : i + 5]), y[i : i + 5]).backward()
            nn.utils.clip_grad_norm_(net.parameters(), clip)
            optimizer.step()
    state = {n: p.numpy() for n, p in net.state_dict().items()}
    return {n: p for n, p in state.items() if "tracked" not in n}


@on_each
def test_it_is_what_a_loop_in_pytorch_does(backend):
    x, y = samples(NET)
    options = {"optimizer": pf.AdamW(RATE, weight_decay=DECAY), "clip_norm": 0.05}
    model = compiled(backend, NET, **options, **OPTIONS)
    start = model.weights()
    model.fit(x, y, epochs=2, batch_size=5, shuffle=False)
    agree(model.weights(), by_hand(start, x, y, 2, 1, 0.05), backend)
    # As PyTorch's batch norms do by themselves.
    options |= OPTIONS | {"unfreeze": {}, "freeze_statistics": False}
    model = compiled(backend, NET, **options)
    model.fit(x, y, epochs=1, batch_size=5, shuffle=False)
    agree(model.weights(), by_hand(start, x, y, 1, 9, 0.05, False), backend)


@on_each
@pytest.mark.parametrize("precision", [None, "bfloat16"])
def test_a_frozen_body_computes_the_same_in_training_and_after_it(backend, precision):
    x, y = samples(NET, 24)
    model = compiled(
        backend, NET, optimizer=pf.SGD(0.5), dtype="float32", freeze="body",
        precision=precision, ema=0.5, accumulate=2,
    )  # fmt: skip
    before, weights = model.activations(x), model.weights()
    trained = model.activations(x, training=True)
    model.fit(3 * x + 1, y, epochs=2, batch_size=6)
    after = model.activations(x)
    for name in ("body.conv", "body.norm", "body.plain"):
        assert np.array_equal(before[name], after[name]), name
        assert distance(trained[name], before[name]) <= 1e-6, name
    for name, value in model.weights().items():
        assert np.array_equal(value, weights[name]) == name.startswith("body"), name


@pytest.mark.parametrize(
    "backend", ["torch", "tensorflow"]
)  # MXNet has none that keeps
def test_instance_norms_keep_theirs_too(backend):
    net = pf.Sequential(
        [
            pf.Conv2D(2, 1, bias=False, name="conv"),
            pf.InstanceNorm(affine=True, track_running_stats=True, name="norm"),
            pf.Flatten(), pf.Dense(3, name="head"),
        ],
        (2, 2, 2),
    )  # fmt: skip
    Case(net, options={"freeze": ("norm",)}, frozen=("norm",), epochs=1).check(backend)


@on_each
def test_one_sample_is_enough_where_batch_norms_keep_their_statistics(backend):
    net = pf.Sequential(
        [pf.Dense(3), pf.BatchNorm(name="norm"), pf.Dense(3, name="head")], (4,)
    )
    x, y = np.random.default_rng(0).random((5, 4)), np.arange(5) % 3
    model = compiled(
        backend, net, optimizer=pf.SGD(0.0), freeze="norm", unfreeze={"norm": 1}
    )
    assert model.gradients(x[:1], y[:1]).keys() >= {"head.weight", "head.bias"}
    history = model.fit(x, y, batch_size=4)
    assert history["loss"][0] == pytest.approx(model.evaluate(x, y)["loss"], rel=1e-12)
    text = "norm: batch norm needs more than one value per channel to train on"
    fails(PolyframeError, lambda: model.fit(x, y, batch_size=4), text)


# --- going on ----------------------------------------------------------------------


class Stop(pf.train.Callback):
    """Ends a training after a step."""

    def __init__(self, step):
        self.step = step

    def on_step_end(self, model, step):
        if step.step == self.step:
            raise pf.train.StopTraining("enough")


@on_each
def test_it_is_resumed_to_the_bit_wherever_it_stops(backend, tmp_path):
    """5 steps an epoch; the body is unfrozen after step 10."""
    x, y = samples(NET)
    options = OPTIONS | {"optimizer": pf.Adam(RATE), "ema": 0.8, "dtype": "float32"}
    options |= {"unfreeze": {"body": 2}}
    whole = compiled(backend, NET, **options)
    whole.fit(x, y, epochs=3, batch_size=3)
    assert whole.training_state()["optimizer/began"].tolist() == [0, 10]
    for step in (7, 10, 12):
        folder = tmp_path / str(step)
        saver = pf.ModelCheckpoint(every_steps=1)
        first = compiled(backend, NET, **options)
        first.fit(
            x, y, epochs=3, batch_size=3, callbacks=[saver, Stop(step)], folder=folder
        )
        assert first.steps_done == step
        again = compiled(backend, NET, **options)
        again.fit(x, y, epochs=3, batch_size=3, resume=folder / "checkpoint")
        assert worst(again.weights(), whole.weights())[0] == 0, step
        assert worst(again.training_state(), whole.training_state())[0] == 0, step
    # A copy, too, goes on in the program of its epoch.
    first = copy.deepcopy(whole)
    for model in (first, whole):
        model.train_step(x, y)
    assert worst(first.weights(), whole.weights())[0] == 0
    other = options | {"learning_rate_multipliers": {"body": 0.2}}
    text = "was made with learning_rate_multipliers [['*', 0.5], ['body', 0.1], ['head"
    fails(
        PolyframeError,
        lambda: compiled(backend, NET, **other).fit(
            x, y, epochs=3, batch_size=3, resume=folder / "checkpoint"
        ),
        text,
    )


def test_another_backend_goes_on_after_unfreezing():
    x, y = samples(NET)
    options = OPTIONS | {"optimizer": pf.Adam(RATE)}
    models = [compiled(backend, NET, **options) for backend in BACKENDS]
    models[0].fit(x, y, epochs=1, batch_size=5)
    models[0].train_step(x, y)
    for model in models[1:]:
        model.load_weights(models[0].weights())
        state = models[0].training_state()
        wrong = {k: v for k, v in state.items() if k != "body.conv.weight/exp_avg"}
        with pytest.raises(WeightsError, match="exp_avg"):
            model.load_training_state(wrong, 4, 1)
        assert (model.epoch, model.steps_done) == (0, 0)
        assert "body.conv.weight/exp_avg" not in model.training_state()
        model.load_training_state(state, models[0].steps_done, models[0].epoch)
    for model in models:
        model.train_step(x, y)
        agree(model.weights(), models[0].weights(), model.backend.name)
        agree(model.training_state(), models[0].training_state(), model.backend.name)


def test_a_loss_that_diverges_after_unfreezing_is_looked_into():
    x, y = samples(NET)
    model = compiled(
        "torch", NET, optimizer=pf.SGD(0.1), freeze="body", unfreeze={"body": 1},
        learning_rate_multipliers={"body.norm": 1e308},
    )  # fmt: skip
    guard = pf.TerminateOnNaN()
    with pytest.raises(pf.DivergedError, match=r"step 8 \(epoch 2.* output of head"):
        model.fit(x, y, epochs=3, batch_size=3, callbacks=[guard])


# --- patterns ----------------------------------------------------------------------


def test_the_last_pattern_that_fits_counts():
    parameters = NET.infer().parameters
    training = Training(**{**OPTIONS, "freeze": ("body",)})
    assert training.factors(parameters) == FACTORS
    assert Training(freeze=("body",)).frozen(parameters) == FROZEN
    later = Training(freeze=("body",), unfreeze={"body": 2, "body.norm": 1})
    assert [later.frozen(parameters, epoch) for epoch in (0, 1, 2)] == [
        FROZEN, FROZEN[:2], (),
    ]  # fmt: skip
    assert later.at_epoch(parameters, 1) == Training(freeze=FROZEN[:2])
    assert later.fixed(parameters) == ("body.plain", "body.norm")
    bare = Training(freeze=("body",), freeze_statistics=False)
    assert bare.frozen(parameters) == ("body.conv", "body.norm")
    assert bare.fixed(parameters) == ()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"learning_rate_multipliers": {"heads": 2}},
            "learning_rate_multipliers: 'heads' names no parameter. Did you mean 'head",
        ),
        (
            {"weight_decay_multipliers": {"*.bais": 0}},
            "weight_decay_multipliers: '*.bais' names no parameter.",
        ),
        (
            {"freeze": "body.conv", "unfreeze": {"body.norm": 1}},
            "unfreeze: 'body.norm' names no layer that is frozen. Did you mean "
            "'body.conv'? (known: body.conv)",
        ),
        (
            {"unfreeze": {"head": 1}},
            "unfreeze: freeze names no layers (freeze says which layers are frozen, ",
        ),
    ],
)
def test_a_pattern_that_fits_nothing_is_told(options, text):
    fails(SpecError, lambda: compiled("torch", NET, **options), text)
    fails(pf.RecipeError, lambda: pf.Recipe(NET, **options), text)


@pytest.mark.parametrize(
    "value", [{"head": -1}, {"head": "much"}, {3: 1}, "head", ["head"], [("a", 1)] * 2]
)
def test_other_values_are_told(value):
    text = (
        "learning_rate_multipliers: got .*; a mapping of patterns, each to a finite "
        "number at least 0 is needed"
    )
    with pytest.raises(pf.RecipeError, match=text):
        pf.Recipe(NET, learning_rate_multipliers=value)


def test_a_plug_ins_optimizer_without_groups_is_refused(monkeypatch):
    make = call("torch.optim.Rprop", {"params": Name("list(model.parameters())")})
    table = type(registry.get("torch")).table
    monkeypatch.setitem(table, "SGD", entry(lambda view: Code(make=make)))
    text = (
        "learning_rate_multipliers: SGD takes no groups of parameters in this program"
    )
    options = {"learning_rate_multipliers": {"head": 2}}
    fails(pf.UnsupportedError, lambda: compiled("torch", NET, **options), text)


def test_factors_of_1_change_no_program():
    plain = compiled("torch", NET, optimizer=pf.SGD(RATE)).source
    options = {"learning_rate_multipliers": {"*": 1}, "weight_decay_multipliers": {}}
    assert compiled("torch", NET, optimizer=pf.SGD(RATE), **options).source == plain


@on_each
def test_float32_and_fused_kernels_take_factors_too(backend):
    """The same steps in float64 are right, as the suite has shown."""
    x, y = samples(NET)
    for rule in (pf.SGD(0.1, momentum=0.8, weight_decay=0.1), pf.AdamW(RATE)):
        ends = []
        for dtype in ("float32", "float64"):
            options = OPTIONS | {"unfreeze": {}, "freeze": (), "dtype": dtype}
            model = compiled(backend, NET, optimizer=rule, **options)
            model.fit(x, y, batch_size=5)
            ends.append(model.weights())
        assert worst(*ends)[0] <= 1e-4, rule
    assert EXACT < 1e-4
