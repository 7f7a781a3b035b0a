"""What the tests of losses share: every loss with every option, targets for it, and the
functions that programs of the three backends have for it."""

from __future__ import annotations

import functools

import numpy as np
from programs import step_of, write

import polyframe as pf
from polyframe import registry
from polyframe.compiler.modules import load
from polyframe.compiler.steps import function_of
from polyframe.spec.losses import Loss

SHAPES = ((4,), (4, 3), (4, 3, 2), (4, 2, 3, 2))
COUNT = 5
KINKS = {"triplet"}
"""Losses that have no slope where all outputs are 0."""


@functools.cache
def cases(ranks=(1, 2, 3, 4)):
    """Every loss in every example, with the shape of an output for it."""
    found = []
    for word in sorted(Loss.registry):
        for options in Loss.find(word).examples:
            loss = Loss.find(word)(**options)
            shapes = [(12,)] if word == "triplet" else SHAPES
            for shape in shapes:
                try:
                    loss.check(shape)
                except pf.SpecError:
                    continue
                if len(shape) in ranks:
                    found.append((loss, shape))
    return found


def targets(loss, shape, count=COUNT, seed=1):
    """Targets that a loss is defined on, edges among them."""
    rng = np.random.default_rng(seed)
    full = (count, *shape)
    if loss.type == "triplet":
        return np.zeros(count)
    if loss.labels and not getattr(loss, "soft", False):
        y = rng.integers(0, shape[0], (count, *shape[1:]))
        ignored = getattr(loss, "ignore_index", None)
        if ignored is not None:
            y = np.where(rng.random(y.shape) < 0.3, ignored, y)
        return y
    if loss.type in ("cross_entropy", "nll", "dice", "kl_div"):
        shares = rng.exponential(size=full)
        shares /= shares.sum(axis=1, keepdims=True)
        if loss.type == "kl_div" and loss.log_target:
            return np.log(shares)
        shares[0] = 0.0
        shares[0, 1] = 1.0
        if loss.type != "dice":
            shares[1] *= 1.5  # no probabilities, and yet allowed
        return shares
    if loss.type in ("binary_cross_entropy", "focal", "dice"):
        shares = rng.random(full)
        return np.where(shares < 0.3, 0.0, np.where(shares > 0.7, 1.0, shares))
    if loss.type.endswith("hinge"):
        return rng.choice([-1.0, 1.0], full)
    return rng.normal(size=full)


def outputs(shape, scale, count=COUNT, seed=0):
    """Random outputs; of "zeros", those of the first samples."""
    x = np.random.default_rng(seed).normal(size=(count, *shape))
    if scale == "zeros":
        x[:2] = 0
        return x
    return {"usual": 1.0, "extreme": 1e3}[scale] * x


def slopes(loss, x, y):
    """The slope of each sample's loss in each of its numbers, by central differences of
    the definition in long doubles: the five-point formula."""
    tiny = loss.type == "cosine" and not x[0].any()  # there it is as steep as 1e8
    step = np.longdouble(2) ** (-40 if tiny else -16)
    wide = x.astype(np.longdouble)
    y = y.astype(np.longdouble) if y.dtype.kind == "f" else y
    found = np.zeros(x.shape)
    for index in np.ndindex(x.shape[1:]):
        total = np.zeros(len(x), np.longdouble)
        for steps, factor in ((1, 8), (-1, -8), (2, -1), (-2, 1)):
            moved = wide.copy()
            moved[(slice(None), *index)] += steps * step
            total += factor * loss.define(moved, y)
        found[(slice(None), *index)] = total / (12 * step)
    return found


def apart(a, b, least=1e-3):
    """max|a-b| / max|b|, or over ``least``: of a saturated loss, slopes are rounding."""
    assert a.shape == b.shape, (a.shape, b.shape)
    assert np.isfinite(a).all() and np.isfinite(b).all()
    return float(np.abs(a - b).max() / max(np.abs(b).max(), least))


# --- the functions of the programs ---------------------------------------------------


def head(shape, name, source):
    """Logits of that shape, each of which is a weight of its own (see ``logits``)."""
    if len(shape) == 1:
        return pf.Dense(shape[0], bias=False, name=name)(source[1])
    return pf.Conv2D(shape[0], 1, bias=False, name=name)(source[3])


@functools.cache
def functions(backend, dtype):
    """(loss, shape) → the native function for it: all of one program, so that names,
    helpers and forms are those which users run."""
    source = {
        1: pf.Input((COUNT,), name="vector"),
        2: pf.Input((COUNT, 3), name="line"),
        3: pf.Input((COUNT, 3, 2), name="image"),
        4: pf.Input((COUNT, 2, 3, 2), name="volume"),
    }
    make = {1: pf.Dense, 2: pf.Conv1D, 3: pf.Conv2D, 4: pf.Conv3D}
    ends = []
    for number, (_, shape) in enumerate(cases()):
        sizes = () if len(shape) == 1 else (1,)
        layer = make[len(shape)](shape[0], *sizes, name=f"head{number}")
        ends.append(layer(source[len(shape)]))
    spec = pf.ModelSpec(list(source.values()), ends, name="heads")
    registry.get(backend).probe()  # imports the framework as polyframe does
    step = step_of(spec, backend, [loss for loss, _ in cases()])
    module = load(write(spec, backend, step=step, dtype=dtype))
    names = step.functions(spec.infer())
    return {case: getattr(module, names[function_of(*case)]) for case in cases()}


def run(backend, case, x, y, weights):
    """(losses, slopes of Σ weights · losses) of a program's function."""
    return RUNS[backend](functions(backend, str(x.dtype))[case], x, y, weights)


def run_torch(function, x, y, weights):
    import torch

    output = torch.tensor(x, requires_grad=True)
    losses = function(output, torch.tensor(y))
    (losses * torch.tensor(weights)).sum().backward()
    return losses.detach().numpy(), output.grad.numpy()


def run_tensorflow(function, x, y, weights):
    import tensorflow as tf

    last = [np.moveaxis(a, 1, -1) if a.ndim > 2 else a for a in (x, y)]
    output = tf.constant(last[0])
    with tf.GradientTape() as tape:
        tape.watch(output)
        losses = function(output, tf.constant(y if y.dtype.kind == "i" else last[1]))
        total = tf.reduce_sum(losses * tf.constant(weights))
    found = tape.gradient(total, output).numpy()
    return losses.numpy(), np.moveaxis(found, -1, 1) if x.ndim > 2 else found


def run_mxnet(function, x, y, weights):
    from polyframe.backends.gluon.runtime import mx

    output, target, factors = (mx.nd.array(a, dtype=a.dtype) for a in (x, y, weights))
    output.attach_grad()
    with mx.autograd.record():
        losses = function(output, target)
        total = (losses * factors).sum()
    total.backward()
    return losses.asnumpy(), output.grad.asnumpy()


RUNS = {"torch": run_torch, "tensorflow": run_tensorflow, "mxnet": run_mxnet}


# --- whole models ---------------------------------------------------------------------


def model_of(backend, losses, shapes, **options):
    """A model of one head for each loss, with an input that makes each weight a logit;
    (model, its inputs, the logits of each head)."""
    pixels = COUNT * 6
    source = {1: pf.Input((COUNT,), name="x"), 3: pf.Input((pixels, 3, 2), name="z")}
    ends = [head(shape, f"head{i}", source) for i, shape in enumerate(shapes)]
    used = [r for r in source if any(len(shape) == r for shape in shapes)]
    spec = pf.ModelSpec([source[r] for r in used], ends, name="heads")
    options = {"dtype": "float64", "device": "cpu", "optimizer": pf.SGD(0.0)} | options
    model = pf.compile(spec, backend, losses, **options)
    image = np.zeros((COUNT, pixels, 3, 2))
    for number, (n, h, w) in enumerate(np.ndindex(COUNT, 3, 2)):
        image[n, number, h, w] = 1
    inputs = {1: np.eye(COUNT), 3: image}
    logits = [outputs(shape, "usual", seed=i) for i, shape in enumerate(shapes)]
    weights = {f"head{i}.weight": as_weight(value) for i, value in enumerate(logits)}
    model.load_weights(weights)
    x = [inputs[r] for r in used]
    return model, x if len(x) > 1 else x[0], logits


def as_weight(logits):
    """Numbers by sample as the weight of a head, (C, N) or (C, N·H·W, 1, 1)."""
    last = np.moveaxis(logits, 1, 0)
    found = last.reshape(len(last), -1)
    return found if logits.ndim == 2 else found[:, :, None, None]
