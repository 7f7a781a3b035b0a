"""The functions that programs of the three backends have for losses, called alone."""

from __future__ import annotations

import functools

import numpy as np
from helpers.programs import step_of, write

import polyframe as pf
from polyframe.conformance.losses import COUNT, cases
from polyframe.contract import registry
from polyframe.contract.modules import load

# --- the functions of the programs ---------------------------------------------------


@functools.cache
def functions(backend, dtype):
    """Case → the native function for it: all of one program, so that names,
    helpers and forms are those which users run."""
    source = {
        1: pf.Input((COUNT,), name="vector"),
        2: pf.Input((COUNT, 3), name="line"),
        3: pf.Input((COUNT, 3, 2), name="image"),
        4: pf.Input((COUNT, 2, 3, 2), name="volume"),
    }
    make = {1: pf.Dense, 2: pf.Conv1D, 3: pf.Conv2D, 4: pf.Conv3D}
    ends = []
    for number, (_, shape, _) in enumerate(cases()):
        sizes = () if len(shape) == 1 else (1,)
        layer = make[len(shape)](shape[0], *sizes, name=f"head{number}")
        ends.append(layer(source[len(shape)]))
    spec = pf.ModelSpec(list(source.values()), ends, name="heads")
    registry.get(backend).probe()  # imports the framework as polyframe does
    kinds = tuple(case.targets for case in cases())
    step = step_of(spec, backend, [case.loss for case in cases()], targets=kinds)
    module = load(write(spec, backend, step=step, dtype=dtype))
    names = step.functions(spec.infer())
    return {case: getattr(module, names[case.function]) for case in cases()}


def run(backend, case, x, y, weights):
    """(losses, gradients of Σ weights · losses) of a program's function."""
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
    gradient = tape.gradient(total, output).numpy()
    return losses.numpy(), np.moveaxis(gradient, -1, 1) if x.ndim > 2 else gradient


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
