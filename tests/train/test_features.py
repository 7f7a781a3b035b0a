"""What a step does besides loss and optimizer, on every backend: clipping, accumulation,
decay, averages, freezing; what an optimizer keeps. Each against NumPy, in float64."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.failing import fails
from helpers.feature_oracle import (
    EXACT,
    Case,
    Trainer,
    agree,
    compiled,
    dropped,
    normed,
    plain,
    samples,
)
from helpers.support import BACKENDS, distance, mean_loss, worst

import polyframe as pf
from polyframe.errors import PolyframeError, SpecError
from polyframe.spec.settings import Training

MOMENTUM = pf.SGD(0.1, momentum=0.9)
RULES = (  # tests/backends/test_optimizers.py has all of them
    MOMENTUM,
    pf.SGD(0.1, momentum=0.9, nesterov=True),
    pf.Adam(0.01),
    pf.AdamW(0.01),
)
on_each = pytest.mark.parametrize("backend", BACKENDS)


@pytest.mark.parametrize("net", [plain, dropped, normed], ids=lambda net: net.name)
def test_the_oracles_gradients_are_slopes_of_the_mean_loss(net):
    x, y = samples(net)
    trainer = Trainer(net, "cross_entropy", pf.SGD(0.1))
    start, draws = dict(trainer.weights), trainer.draws(len(x), 0)
    loss, gradients = trainer.gradients([(x, y)])

    def at(weights):
        rule = pf.CrossEntropy().resolve({})
        return mean_loss(trainer.graph, rule, weights, x, y, draws)

    assert loss == pytest.approx(at(start), rel=1e-13)
    for name, gradient in gradients.items():
        wanted = np.zeros_like(gradient)
        for index in np.ndindex(gradient.shape):
            sides = []
            for sign in (1, -1):
                moved = start[name].copy()
                moved[index] += sign * 1e-5
                sides.append(at(start | {name: moved}))
            wanted[index] = (sides[0] - sides[1]) / 2e-5
        assert np.abs(gradient - wanted).max() <= 1e-8, name


# --- clipping ----------------------------------------------------------------------

CLIPPED = {
    "norm, bites": Case(optimizer=MOMENTUM, options={"clip_norm": 0.05}),
    "norm, does not": Case(optimizer=MOMENTUM, options={"clip_norm": 1e3}),
    "value, bites": Case(optimizer=MOMENTUM, options={"clip_value": 0.01}),
    "value, does not": Case(optimizer=MOMENTUM, options={"clip_value": 1e3}),
    "norm, of the whole step": Case(
        optimizer=MOMENTUM, options={"clip_norm": 0.05, "accumulate": 2}
    ),
    "value, of the whole step": Case(
        optimizer=MOMENTUM, options={"clip_value": 0.01, "accumulate": 2}
    ),
    "norm, of what is trained": Case(
        optimizer=MOMENTUM, options={"clip_norm": 0.05, "freeze": ("fc2",)},
        frozen=("fc2",),
    ),
}  # fmt: skip
UNCLIPPED = Case(optimizer=MOMENTUM)


@on_each
@pytest.mark.parametrize("case", CLIPPED)
def test_gradients_are_clipped(case, backend):
    CLIPPED[case].check(backend)


def test_the_clipping_cases_bite_and_do_not():
    free = UNCLIPPED.expected()[0].weights
    for name, case in CLIPPED.items():
        apart = worst(case.expected()[0].weights, free)[0]
        assert (apart == 0) == name.endswith("does not"), name


def test_only_one_of_both_clips():
    fails(
        PolyframeError,
        lambda: compiled("torch", clip_norm=1.0, clip_value=1.0),
        "compile: clip_norm: clip_norm and clip_value are both given; only one can clip",
    )


@pytest.mark.parametrize("key", ["clip_norm", "clip_value"])
def test_a_bound_is_above_0(key):
    text = f"compile: {key}: got 0.0; "
    fails(PolyframeError, lambda: compiled("torch", **{key: 0.0}), text)


# --- accumulation ------------------------------------------------------------------

GROUPED = {
    "two": Case(options={"accumulate": 2}, optimizer=MOMENTUM),
    "three": Case(options={"accumulate": 3}, optimizer=pf.Adam(0.01)),
    "more than there are": Case(options={"accumulate": 9}),
    "dropout": Case(dropped, options={"accumulate": 2}),
    "batch norm": Case(normed, options={"accumulate": 2}, optimizer=pf.Adam(0.01)),
    "weights": Case(
        options={"accumulate": 2}, weights=np.linspace(0, 2, 14), optimizer=MOMENTUM
    ),
}


@on_each
@pytest.mark.parametrize("case", GROUPED)
def test_accumulated_batches_are_one_step(case, backend):
    # 14 samples in batches of 3: five batches, the last of 2, in groups of 2, 2 and 1.
    GROUPED[case].check(backend)


@on_each
@pytest.mark.parametrize("net", [plain, dropped], ids=lambda net: net.name)
def test_batches_of_n_are_one_of_k_times_n(net, backend):
    x, y = samples(net)
    runs = []
    for group, size in ((1, 6), (2, 3), (3, 2)):
        model = compiled(backend, net, optimizer=MOMENTUM, accumulate=group)
        history = model.fit(x, y, epochs=2, batch_size=size)
        assert model.steps_done == 6  # 6, 6 and 2 samples an epoch
        runs.append((model, history["loss"]))
    (model, losses), *others = runs
    for other, other_losses in others:
        agree(other.weights(), model.weights(), backend)
        agree(other.training_state(), model.training_state(), backend)
        assert distance(other_losses, losses) <= EXACT


@on_each
def test_a_step_after_a_half_done_group_begins_anew(backend):
    """fit, an epoch with a group that is not full, and then train_step: nothing of the
    epoch's gradients is left."""
    x, y = samples()
    trainer = Trainer(plain, "cross_entropy", MOMENTUM, Training(accumulate=2))
    trainer.fit(x, y, 1, 3)
    trainer.take((x, y))
    model = compiled(backend, optimizer=MOMENTUM, accumulate=2)
    model.fit(x, y, batch_size=3)
    model.gradients(x, y)
    model.train_step(x, y)
    agree(model.weights(), trainer.weights, backend)


# --- weight decay ------------------------------------------------------------------

DECAYED = [
    Case(net, optimizer=rule)
    for net in (plain, normed)
    for rule in (
        pf.SGD(0.1, momentum=0.9, weight_decay=0.1, decay_on="kernels"),
        pf.SGD(0.1, weight_decay=0.1),
        pf.Adam(0.01, weight_decay=0.1, decay_on="kernels"),
        pf.AdamW(0.01, weight_decay=0.5, decay_on="kernels"),
        pf.AdamW(0.01, weight_decay=0.5),
    )
]


@on_each
@pytest.mark.parametrize(
    "case", DECAYED, ids=lambda c: f"{c.net.name}-{c.optimizer.type}"
)
def test_decay_shrinks_what_decay_on_says(case, backend):
    case.check(backend)


@on_each
@pytest.mark.parametrize("rule", [pf.SGD, pf.Adam, pf.AdamW])
def test_decay_on_kernels_leaves_vectors_out(rule, backend):
    x, y = samples(normed)
    ends = {}
    for decay in (0.0, 0.5):
        optimizer = rule(0.01, weight_decay=decay, decay_on="kernels")
        model = compiled(backend, normed, optimizer=optimizer)
        model.train_step(x, y)
        ends[decay] = model.weights()
    for name in ("bn.weight", "bn.bias", "fc.bias"):
        assert np.array_equal(ends[0.0][name], ends[0.5][name]), name
    for name in ("conv.weight", "fc.weight"):
        assert distance(ends[0.5][name], ends[0.0][name]) > 1e-4, name


# --- averages ----------------------------------------------------------------------

AVERAGED = {
    "plain": Case(optimizer=MOMENTUM, options={"ema": 0.7}),
    "none kept": Case(options={"ema": 0.0}),
    "batch norm": Case(normed, optimizer=pf.Adam(0.01), options={"ema": 0.7}),
    "once a group": Case(options={"ema": 0.7, "accumulate": 2}),
    "frozen": Case(options={"ema": 0.7, "freeze": ("fc1",)}, frozen=("fc1",)),
    "clipped": Case(options={"ema": 0.7, "clip_norm": 0.05}),
}


@on_each
@pytest.mark.parametrize("case", AVERAGED)
def test_averages_follow_the_formula_and_predict(case, backend):
    model, trainer = AVERAGED[case].check(backend)
    x, y = AVERAGED[case].xy
    rule = pf.CrossEntropy().resolve({})
    wanted = rule.define(trainer.predict(x), y).mean()
    assert model.evaluate(x, y)["loss"] == pytest.approx(wanted, rel=EXACT)
    raw = trainer.weights["conv.weight"]
    assert distance(model.weights()["conv.weight"], raw) <= EXACT
    if case != "none kept":
        assert distance(model.inference_weights()["conv.weight"], raw) > 1e-4
    for name in ("bn.running_mean", "bn.running_var"):
        if name in trainer.weights:
            held = model.inference_weights()[name]
            assert np.array_equal(held, model.weights()[name])


@on_each
def test_loading_weights_begins_the_averages_anew(backend):
    x, y = samples()
    model = compiled(backend, optimizer=MOMENTUM, ema=0.9)
    start = model.weights()
    assert worst(model.inference_weights(), start)[0] == 0
    model.fit(x, y, batch_size=3)
    model.load_weights(start)
    assert worst(model.inference_weights(), start)[0] == 0
    state = model.training_state()
    model.train_step(x, y)
    wanted = 0.9 * start["fc1.weight"] + 0.1 * model.weights()["fc1.weight"]
    assert distance(model.inference_weights()["fc1.weight"], wanted) <= EXACT
    # What the optimizer keeps is not the weights' business.
    assert np.abs(state["fc1.weight/momentum_buffer"]).max() > 0


# --- freezing ----------------------------------------------------------------------

blocks = pf.Sequential(
    [
        pf.Sequential(
            [
                pf.Conv2D(2, 2, bias=False, name="conv"), pf.BatchNorm(name="bn"),
                pf.ReLU(),
            ],
            name="stem",
        ),
        pf.Conv2D(2, 1, bias=False, name="mid"), pf.BatchNorm(name="norm"),
        pf.Flatten(), pf.Dense(3, name="fc"),
    ],
    (1, 3, 3), name="blocks",
)  # fmt: skip
FROZEN = {
    "a layer": Case(options={"freeze": ("fc1",)}, frozen=("fc1",), optimizer=MOMENTUM),
    "a block": Case(
        blocks, options={"freeze": ("stem",)}, frozen=("stem.conv", "stem.bn"),
        optimizer=pf.Adam(0.01),
    ),
    "a pattern": Case(
        options={"freeze": ("fc?", "fc1")}, frozen=("fc1", "fc2"), optimizer=MOMENTUM
    ),
    "all but the last": Case(
        blocks, options={"freeze": ("stem.*", "mid", "norm")},
        frozen=("stem.conv", "stem.bn", "mid", "norm"), optimizer=pf.AdamW(0.01),
    ),
    "first layers, a free norm after": Case(
        blocks, options={"freeze": ("stem", "mid")},
        frozen=("stem.conv", "stem.bn", "mid"), optimizer=MOMENTUM,
    ),
    "accumulated": Case(
        blocks, options={"freeze": ("stem", "mid"), "accumulate": 2},
        frozen=("stem.conv", "stem.bn", "mid"), optimizer=MOMENTUM,
    ),
}  # fmt: skip


@on_each
@pytest.mark.parametrize("case", FROZEN)
def test_frozen_layers_stay_to_the_bit_and_others_move(case, backend):
    case = FROZEN[case]
    start = Trainer(case.net, case.loss, case.optimizer).weights
    model, trainer = case.check(backend)
    for name, value in model.weights().items():
        frozen = name not in trainer.trained and name in trainer.trainable
        # A frozen batch norm keeps its running statistics, too.
        frozen |= name.rpartition(".")[0] in case.frozen
        assert np.array_equal(value, start[name]) == frozen, name
    gradients = model.gradients(*case.xy)
    wanted = Trainer(
        case.net,
        case.loss,
        case.optimizer,
        Training(**case.options),
        frozen=case.frozen,
    )
    wanted.weights = dict(trainer.weights)
    agree(gradients, wanted.gradients([case.xy])[1], backend)


@pytest.mark.parametrize(
    ("freeze", "text"),
    [
        (
            "fc",
            "freeze: 'fc' names no layer with weights. Did you mean 'fc2'? (known: "
            "conv, fc1, fc2)",
        ),
        ("relu*", "freeze: 'relu*' names no layer with weights."),
        (["conv", "fc*"], "freeze: nothing is left to train"),
        ("*", "freeze: nothing is left to train"),
    ],
)
def test_freezing_nothing_or_everything_is_an_error(freeze, text):
    fails(SpecError, lambda: compiled("torch", freeze=freeze), text)


# --- what the optimizer keeps ------------------------------------------------------


@on_each
@pytest.mark.parametrize("ema", [None, 0.8])
@pytest.mark.parametrize("rule", RULES, ids=str)
def test_another_backend_goes_on_from_the_state(rule, ema, backend):
    """Two steps there, three here, and five in NumPy, with a loaded state in between."""
    x, y = samples()
    trainer = Trainer(plain, "cross_entropy", rule, Training(ema=ema))
    there = BACKENDS[BACKENDS.index(backend) - 1]
    first = compiled(there, optimizer=rule, ema=ema)
    for _ in range(2):
        first.train_step(x, y)
    second = compiled(backend, optimizer=rule, ema=ema, seed=1)
    second.load_weights(first.weights())
    second.load_training_state(first.training_state(), first.steps_done, first.epoch)
    assert worst(second.training_state(), first.training_state())[0] == 0
    for _ in range(3):
        second.train_step(x, y)
    for _ in range(5):
        trainer.take((x, y))
    assert second.steps_done == 5
    agree(second.weights(), trainer.weights, (rule, backend))
    agree(second.training_state(), trainer.training_state(), (rule, backend))


@on_each
def test_one_seed_gives_the_same_bits_twice(backend):
    x, y = samples(dropped, 40)
    runs = []
    for seed in (3, 3, 4):
        model = compiled(
            backend, dropped, optimizer=pf.Adam(0.01), dtype="float32", seed=seed,
            clip_norm=0.5, accumulate=2, ema=0.9,
        )  # fmt: skip
        history = model.fit(x, y, epochs=2, batch_size=7)
        runs.append((history["loss"], model.weights() | model.training_state()))
    (losses, end), (again, same), (other, _) = runs
    assert losses == again != other
    assert all(np.array_equal(end[name], same[name]) for name in end)
