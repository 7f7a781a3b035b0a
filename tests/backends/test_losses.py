"""Losses and their gradients on every backend, against the definitions; the definitions
against PyTorch's own losses; weights, reductions, targets."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from helpers.failing import fails
from helpers.loss_cases import run
from helpers.support import BACKENDS, within
from torch import nn

import polyframe as pf
from polyframe.conformance.losses import (
    COUNT,
    WEIGHTS,
    Case,
    as_weight,
    cases,
    expected_loss,
    model_of,
    numerical_gradients,
    outputs,
    relative_distance,
    targets,
)
from polyframe.errors import SpecError
from polyframe.spec.losses import Loss

WORDS = sorted(Loss.registry)
NUMBERS = ("mse", "l1", "huber", "smooth_l1", "cosine", "hinge", "focal", "kl_div")
on_each = pytest.mark.parametrize("backend", BACKENDS)
each_loss = pytest.mark.parametrize("word", WORDS)


def of(word):
    return [case for case in cases() if case.loss.type == word]


def test_every_loss_and_option_is_tested_here():
    known = [*NUMBERS, *NOT_THEIRS, "binary_cross_entropy", "cross_entropy", "nll"]
    assert set(WORDS) == {*known, "multi_margin", "triplet"}
    for word in WORDS:
        kind = Loss.find(word)
        tried = [case.loss for case in of(word)]
        for f in dataclasses.fields(kind):
            if f.name in ("loss_weight", "reduction"):
                continue
            values = {getattr(loss, f.name) for loss in tried}
            assert len(values) > 1, (word, f.name)
            options = getattr(f.metadata["kind"], "options", (True, False))
            if type(f.default) in (bool, str):
                assert values == set(options), (word, f.name)


# --- each program's functions --------------------------------------------------------


@on_each
@each_loss
def test_a_loss_and_its_gradients_are_the_definitions(word, backend):
    for case in of(word):
        loss, shape, _ = case
        y = targets(case)
        for scale in ("usual", "extreme", "zeros"):
            x = outputs(shape, scale)
            losses, gradients = run(backend, case, x, y, WEIGHTS)
            detail = (word, backend, *case, scale)
            family = "losses: values, float64"
            within(family, relative_distance(losses, loss.define(x, y)), 1e-12, detail)
            if scale == "zeros" and loss.kink_at_zero:
                continue
            wanted = numerical_gradients(loss, x, y) * WEIGHTS.reshape(
                -1, *[1] * len(shape)
            )
            family = "losses: gradients against central differences, float64"
            within(family, relative_distance(gradients, wanted), 1e-8, detail)


@each_loss
def test_gradients_agree_between_backends(word):
    for case in of(word):
        loss, shape, _ = case
        y = targets(case)
        for scale in ("usual", "extreme", "zeros"):
            if scale == "zeros" and loss.kink_at_zero:
                continue
            x = outputs(shape, scale)
            exact = run("torch", case, x, y, WEIGHTS)[1]
            for backend in BACKENDS:
                gradients = run(backend, case, x, y, WEIGHTS)[1]
                family = "losses: gradients between backends, float64"
                detail = (word, backend, *case, scale)
                within(family, relative_distance(gradients, exact), 1e-11, detail)


@on_each
@each_loss
def test_a_float32_loss_errs_no_more_than_rounding(word, backend):
    """By 8 times what NumPy errs by in float32, or half a unit in the last place."""
    for case in of(word):
        loss, shape, _ = case
        for scale in ("usual", "extreme"):
            x = outputs(shape, scale).astype("float32")
            y = targets(case)
            y = y.astype("float32") if y.dtype.kind == "f" else y
            wide = y.astype("float64") if y.dtype.kind == "f" else y
            exact = loss.define(x.astype("float64"), wide)
            own = loss.define(x, y)
            assert own.dtype == "float32"
            least = np.abs(exact).max() * 2**-24
            error = max(np.abs(own - exact).max(), least)
            weights = WEIGHTS.astype("float32")
            losses, gradients = run(backend, case, x, y, weights)
            assert losses.dtype == gradients.dtype == np.float32
            assert np.isfinite(gradients).all()
            family = "losses: float32 error / NumPy's float32 error"
            off = np.abs(losses - exact).max() / error if error else 0.0
            within(family, off, 8, (word, backend, *case, scale))


# --- the definitions -----------------------------------------------------------------


def tensor(value):
    return None if value is None else torch.tensor(value, dtype=torch.float64)


def torchs(loss, axes, kind):
    """PyTorch's loss of that name, or None; its mean is over all that is there."""
    if loss.type in ("cross_entropy", "nll"):
        options = {"weight": tensor(loss.class_weights)}
        if loss.ignore_index is not None:
            options["ignore_index"] = loss.ignore_index
        if loss.type == "cross_entropy":
            smoothing = loss.label_smoothing
            return nn.CrossEntropyLoss(label_smoothing=smoothing, **options)
        smoothed = loss.label_smoothing or kind == "probabilities"
        return None if smoothed else nn.NLLLoss(**options)
    if loss.type == "binary_cross_entropy":
        weight = tensor(loss.pos_weight)
        if weight is not None:
            weight = weight.reshape(-1, *[1] * axes)
        rule, moved = nn.BCEWithLogitsLoss(pos_weight=weight), loss.label_smoothing
        return lambda x, y: rule(x, y + moved * (0.5 - y))
    if loss.type == "kl_div":
        reduction = "batchmean" if loss.batchmean else "mean"
        return nn.KLDivLoss(reduction=reduction, log_target=loss.log_target)
    if loss.type == "multi_margin":
        weight = tensor(loss.class_weights)
        return nn.MultiMarginLoss(loss.p, loss.margin, weight=weight)
    if loss.type == "triplet":
        rule = nn.TripletMarginLoss(loss.margin, loss.p, loss.eps, swap=loss.swap)
        return lambda x, y: rule(*x.chunk(3, dim=1))
    if loss.type == "focal":
        moved, rest = loss.label_smoothing, (loss.alpha, loss.gamma)
        return lambda x, y: sigmoid_focal_loss(x, y + moved * (0.5 - y), *rest)
    if loss.type == "cosine":
        return lambda x, y: (1 - torch.cosine_similarity(x, y)).mean()
    simple = {
        "mse": nn.MSELoss,
        "l1": nn.L1Loss,
        "huber": lambda: nn.HuberLoss(delta=loss.delta),
        "smooth_l1": lambda: nn.SmoothL1Loss(beta=loss.beta),
    }
    return simple[loss.type]() if loss.type in simple else None


def sigmoid_focal_loss(x, y, alpha, gamma):
    """As torchvision has it."""
    p = torch.sigmoid(x)
    losses = nn.functional.binary_cross_entropy_with_logits(x, y, reduction="none")
    p_t = p * y + (1 - p) * (1 - y)
    losses = losses * (1 - p_t) ** gamma
    if alpha is not None:
        losses = (alpha * y + (1 - alpha) * (1 - y)) * losses
    return losses.mean()


NOT_THEIRS = {"hinge", "squared_hinge", "dice"}


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")  # of KLDivLoss
@each_loss
def test_the_mean_is_pytorchs(word):
    compared = 0
    for case in of(word):
        loss, shape, kind = case
        rule = torchs(loss, len(shape) - 1, kind)
        if rule is None:
            continue
        compared += 1
        for seed in range(5):
            x, y = outputs(shape, "usual", seed=seed), targets(case, seed=seed)
            shares = loss.denominator_weights(y)
            count = COUNT if shares is None else shares.sum()
            mean = loss.define(x, y).sum() / count
            wanted = rule(torch.tensor(x), torch.tensor(y)).item()
            assert mean == pytest.approx(wanted, rel=1e-12), (loss, shape)
    assert bool(compared) == (word not in NOT_THEIRS)


@pytest.mark.parametrize("margin", [1.0, 0.3])
def test_hinges_are_what_keras_and_gluon_have(margin):
    import tensorflow as tf

    from polyframe.backends.gluon.runtime import mx

    x, y = outputs((4,), "usual"), targets(Case(pf.Hinge(), (4,), "values"))
    for mine, keras, gluon in (
        (pf.Hinge(margin), tf.keras.losses.hinge, mx.gluon.loss.HingeLoss),
        (
            pf.SquaredHinge(margin),
            tf.keras.losses.squared_hinge,
            mx.gluon.loss.SquaredHingeLoss,
        ),
    ):
        losses = mine.define(x, y)
        native = gluon(margin=margin)(
            *(mx.nd.array(a, dtype="float64") for a in (x, y))
        )
        assert relative_distance(losses, native.asnumpy()) <= 1e-12
        if margin == 1:
            assert relative_distance(losses, keras(y, x).numpy()) <= 1e-12


def test_dice_by_hand():
    """A region of which half is found, one found rightly, and an empty one."""
    y = np.zeros((1, 3, 2, 2))
    y[0, 0, 0], y[0, 1] = 1, 1
    x = np.full(y.shape, -1e3)
    x[0, 0, :, 0], x[0, 1] = 1e3, 1e3
    wanted = np.mean([1 - (2 + 1) / (4 + 1), 0, 0])
    for squared in (False, True):
        assert pf.Dice(squared=squared).define(x, y) == pytest.approx(wanted)
    labels = np.array([[[0, 0], [1, 2]]])
    x = np.where(np.arange(3)[:, None, None] == labels[:, None], 1e3, -1e3)
    assert pf.Dice("softmax").define(x, labels) == pytest.approx(0, abs=1e-15)
    wrong = np.where(
        np.arange(3)[:, None, None] == (labels[:, None] + 1) % 3, 1e3, -1e3
    )
    parts = [1 - 1 / (2 + 1 + 1), 1 - 1 / (1 + 2 + 1), 1 - 1 / (1 + 1 + 1)]
    loss = pf.Dice("softmax").define(wrong, labels)
    assert loss == pytest.approx(np.mean(parts))


# --- whole steps ---------------------------------------------------------------------

HEADS = cases((1, 3))
ONE_OF_EACH = list({(c.loss.type, len(c.shape), c.targets): c for c in HEADS}.values())


@on_each
@pytest.mark.parametrize(
    "reduction",
    ["both", *(pytest.param(r, marks=pytest.mark.full) for r in ("mean", "sum"))],
)
def test_a_step_with_all_losses_side_by_side(reduction, backend):
    """Values and gradients of one program with losses of both reductions; those of each
    loss alone, with every option, are the suite's (conformance/losses.py). ``mean`` has
    every option of all losses at once, which TensorFlow takes a minute to trace."""
    heads = HEADS if reduction == "mean" else ONE_OF_EACH
    losses = []
    for number, (loss, *_) in enumerate(heads):
        how = ("mean", "sum")[number % 2] if reduction == "both" else reduction
        factor = 0.5 if number % 3 else 1.0
        losses.append(dataclasses.replace(loss, reduction=how, loss_weight=factor))
    shapes = [case.shape for case in heads]
    model, x, logits = model_of(backend, losses, shapes)
    y = [targets(case) for case in heads]
    for weights in (WEIGHTS,) if heads is HEADS else (None, WEIGHTS):
        both = [expected_loss(*case, weights) for case in zip(losses, logits, y)]
        total = sum(value for value, _ in both)
        gradients = model.gradients(x, y, sample_weight=weights)
        for number, (_, wanted) in enumerate(both):
            off = relative_distance(
                gradients[f"head{number}.weight"], as_weight(wanted)
            )
            family = "losses: gradients of steps, float64"
            within(family, off, 1e-8, (losses[number].type, backend, losses[number]))
        value = model.train_step(x, y, sample_weight=weights)
        assert value == pytest.approx(total, rel=1e-12)
        assert model.loss(x, y, weights) == pytest.approx(total, rel=1e-12)
        measured = model.evaluate(x, y, batch_size=2, sample_weight=weights)
        assert measured["loss"] == pytest.approx(total, rel=1e-12)


@on_each
def test_without_reduction_there_is_a_loss_for_each_sample_and_no_training(backend):
    losses = [
        dataclasses.replace(case.loss, reduction="none", loss_weight=0.5)
        for case in ONE_OF_EACH
    ]
    model, x, logits = model_of(backend, losses, [case.shape for case in ONE_OF_EACH])
    y = [targets(case) for case in ONE_OF_EACH]
    values = sum(loss.define(*case) for loss, *case in zip(losses, logits, y)) * 0.5
    assert relative_distance(model.loss(x, y), values) <= 1e-12
    assert relative_distance(model.loss(x, y, WEIGHTS), WEIGHTS * values) <= 1e-12
    before = model.weights()
    for call in (model.train_step, model.fit, model.gradients, model.evaluate):
        text = "loss: reduction='none' leaves one loss for each sample, and training"
        fails(SpecError, lambda call=call: call(x, y), text)
    assert all((before[name] == value).all() for name, value in model.weights().items())


def test_some_without_reduction_and_others_with():
    losses = [pf.MSE(reduction="none"), "l1"]
    model, x, _ = model_of("torch", losses, [(4,), (4,)])
    y = [np.zeros((COUNT, 4))] * 2
    text = "loss: reduction='none' is for all outputs, or for none of them"
    fails(SpecError, lambda: model.loss(x, y), text)


PIXELS = pf.CrossEntropy(
    class_weights=(0.5, 2.0, 1.0, 1.5), ignore_index=255, label_smoothing=0.1
)


@on_each
def test_denominators_are_those_of_the_whole_step_and_set(backend):
    """Accumulated or not, in batches of any size, per pixel: PyTorch's mean."""
    y = targets(Case(PIXELS, (4, 3, 2), "labels"))
    y[:2] = 255  # the first batch counts nothing
    rule = torchs(PIXELS, 2, "labels")
    weights = []
    for options in ({}, {"accumulate": 3}):
        model, x, logits = model_of(
            backend, PIXELS, [(4, 3, 2)], optimizer=pf.SGD(1.0), **options
        )
        wanted = rule(torch.tensor(logits[0]), torch.tensor(y)).item()
        for size in (2, 5):
            value = model.evaluate(x, y, batch_size=size)["loss"]
            assert value == pytest.approx(wanted, rel=1e-12)
        size = 2 if options else 5
        history = model.fit(x, y, batch_size=size, shuffle=False)
        assert history["loss"] == [pytest.approx(wanted, rel=1e-12)]
        weights.append(model.weights()["head0.weight"])
    assert relative_distance(*weights) <= 1e-12
    moved = torch.tensor(logits[0], requires_grad=True)
    rule(moved, torch.tensor(y)).backward()
    wanted = as_weight(logits[0] - moved.grad.numpy())
    assert relative_distance(weights[0], wanted) <= 1e-12


@on_each
def test_a_batch_of_ignored_labels_moves_nothing(backend):
    loss = pf.CrossEntropy(ignore_index=-1)
    model, x, _ = model_of(backend, loss, [(4,)], optimizer=pf.SGD(1.0))
    before = model.weights()["head0.weight"]
    assert model.train_step(x, np.full(COUNT, -1)) == 0
    assert (model.weights()["head0.weight"] == before).all()


@on_each
def test_labels_of_pixels_may_become_probabilities(backend):
    model, x, logits = model_of(backend, "cross_entropy", [(4, 3, 2)])
    for kind in ("labels", "probabilities", "labels"):
        y = targets(Case(pf.CrossEntropy(), (4, 3, 2), kind))
        wanted = pf.CrossEntropy().define(logits[0], y).mean()
        assert model.train_step(x, y) == pytest.approx(wanted, rel=1e-12)


def test_the_loss_of_images_with_channels_last():
    spec = pf.Sequential([pf.Conv2D(2, 1)], (3, 4, 5))
    model = pf.compile(spec, "torch", "mse", dtype="float64")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(6, 3, 4, 5)), rng.normal(size=(6, 2, 4, 5))
    plain = model.loss(x, y)
    last = [each.transpose(0, 2, 3, 1) for each in (x, y)]
    assert model.loss(*last, layout="NHWC") == plain
    assert plain == model.evaluate(x, y)["loss"]
