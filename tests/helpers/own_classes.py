"""What is trained with a framework's own classes, by polyframe and by hand
(tests/native/rivals): a tiny net and its batches, settings, and targets of losses."""

from __future__ import annotations

import importlib

import numpy as np

import polyframe as pf

NET = pf.Sequential(
    [pf.Dense(7, name="fc1"), pf.Tanh(), pf.Dense(4, name="fc2")], (5,), name="net"
)
SETTINGS = {
    "clip_norm": {"clip_norm": 0.1},
    "clip_value": {"clip_value": 0.02},
    "factors": {
        "learning_rate_multipliers": {"fc1": 0.1},
        "weight_decay_multipliers": {"fc1.bias": 0.0, "fc2.weight": 3.0},
    },
    "decay_on": {},
}
COUNT = 6  # samples
FACTORS = {
    "fc1.weight": (0.1, 1.0),
    "fc1.bias": (0.1, 0.0),
    "fc2.weight": (1.0, 3.0),
    "fc2.bias": (1.0, 1.0),
}


def rival(backend):
    """The programs that are written by hand; test_own_classes.py says what is in them."""
    return importlib.import_module(f"native.rivals.{backend}")


def batches(dtype, steps):
    rng = np.random.default_rng(7)
    return [
        (rng.normal(size=(8, 5)).astype(dtype), rng.normal(size=(8, 4)).astype(dtype))
        for _ in range(steps)
    ]


def optimizers_of_setting(setting):
    """The optimizers that a setting is tried with."""
    on = "kernels" if setting == "decay_on" else "all"
    return (
        pf.SGD(0.1, momentum=0.9, weight_decay=0.1, decay_on=on),
        pf.Adam(0.01, weight_decay=0.1, decay_on=on),
    )


def rival_arguments(setting):
    """What a rival's ``train`` is told of a setting: how it clips, and factors."""
    clip = next(((k, v) for k, v in SETTINGS[setting].items() if "clip" in k), None)
    return clip, FACTORS if setting == "factors" else None


def rate_as_made(backend, model):
    """The learning rate of the optimizer as a program makes it, before any schedule."""
    session = model.engine.session
    made = session.module.make_optimizer(session.native)
    return rival(backend).rate_of(made)


def softmax(x):
    powers = np.exp(x)
    return powers / powers.sum(axis=1, keepdims=True)


def targets_of(case, rng):
    """Targets of a case's kind and domain."""
    loss, shape, kind = case
    size = (COUNT, *shape)
    if kind == "labels":
        return rng.integers(0, shape[0], (COUNT, *shape[1:]))
    if kind == "probabilities":
        return softmax(rng.normal(size=size))
    return {
        "any": lambda: rng.normal(size=size),
        "from 0 to 1": lambda: rng.uniform(size=size),
        "signs": lambda: rng.choice([-1.0, 1.0], size),
        "probabilities": lambda: softmax(rng.normal(size=size)),
        "log-probabilities": lambda: np.log(softmax(rng.normal(size=size))),
        "unused": lambda: np.zeros(COUNT),
    }[loss.domain]()


def head_of(case):
    """A model of one layer without a bias, which gives a case's outputs."""
    image = len(case.shape) > 1
    head = pf.Conv2D if image else pf.Dense
    sizes = (1,) if image else ()
    layer = head(case.shape[0], *sizes, bias=False, name="head")
    return pf.Sequential([layer], (5, *case.shape[1:]), name="net")


def batch_of(case, dtype):
    """Inputs of that model, and targets; each class and an ignored one among labels."""
    rng = np.random.default_rng(8)
    x = rng.normal(size=(COUNT, 5, *case.shape[1:])).astype(dtype)
    y = targets_of(case, rng)
    if case.targets == "labels":
        y.flat[: case.shape[0]] = range(case.shape[0])
        ignored = getattr(case.loss, "ignore_index", None)
        if ignored is not None:
            y.flat[-1] = ignored
    return x, y.astype(dtype) if y.dtype.kind == "f" else y
