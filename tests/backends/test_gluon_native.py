"""What MXNet's programs do beneath Gluon: statistics in one array, threads of copies."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

import polyframe as pf

SPEC = pf.Sequential(
    [
        pf.Conv2D(3, 3, padding=1, name="conv"),
        pf.BatchNorm(name="first"),
        pf.ReLU(name="relu"),
        pf.Conv2D(2, 3, name="conv2"),
        pf.BatchNorm(momentum=0.25, unbiased=False, name="second"),
        pf.Flatten(name="flatten"),
        pf.Dense(2, name="fc"),
    ],
    (1, 4, 4),
    name="normed",
)


def made():
    return pf.compile(SPEC, "mxnet", loss="cross_entropy", device="cpu")


def batch(size=6):
    random = np.random.default_rng(2)
    x = random.normal(size=(size, 1, 4, 4)).astype("float32")
    return x, random.integers(0, 2, size)


def statistics(model):
    return {n: v for n, v in model.weights().items() if "running" in n}


def reinitialized(net):
    import mxnet

    net.initialize(mxnet.init.One(), force_reinit=True)


@pytest.mark.parametrize(
    "change",
    [reinitialized, lambda net: (net.cast("float64"), net.cast("float32"))],
    ids=["initialize", "cast"],
)
def test_statistics_follow_parameters_that_were_made_anew(change):
    """They are views of one array; `initialize` and `cast` give parameters others."""
    model, fresh = made(), made()
    weights = model.weights()
    model.train_step(*batch())
    change(model.native)
    model.load_weights(weights)
    model.train_step(*batch())
    fresh.train_step(*batch())
    for name, value in statistics(fresh).items():
        assert not np.array_equal(value, weights[name])
        np.testing.assert_array_equal(statistics(model)[name], value, err_msg=name)


def test_statistics_of_batches_of_several_sizes_are_the_definition():
    """The unbiased variance's correction is one of the batch's size."""
    model = made()
    expected = {n: v.astype("float64") for n, v in statistics(model).items()}
    for size in (6, 6, 3, 6):
        x, y = batch(size)
        weights = model.weights()
        images = np.lib.stride_tricks.sliding_window_view(
            np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1))), (3, 3), axis=(2, 3)
        )
        values = np.einsum("ncijuv,ocuv->noij", images, weights["conv.weight"])
        values += weights["conv.bias"][:, None, None]
        flat = values.transpose(1, 0, 2, 3).reshape(3, -1)
        for name, batchs in (("mean", flat.mean(1)), ("var", flat.var(1, ddof=1))):
            key = f"first.running_{name}"
            expected[key] = 0.9 * expected[key] + 0.1 * batchs
        model.train_step(x, y)
    for key in ("first.running_mean", "first.running_var"):
        np.testing.assert_allclose(model.weights()[key], expected[key], rtol=2e-6)


COPY = """
import os
import polyframe.backends.gluon.runtime as runtime
nd = runtime.mx.nd
(nd.ones((64, 64)) + 1).asnumpy()  # MXNet's own threads are there
def threads():
    return len(os.listdir("/proc/self/task"))
before = threads()
nd.array(runtime.np.ones(300_000, "float32")).asnumpy()
print(os.environ["MXNET_CPU_PARALLEL_SIZE"], threads() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc")
@pytest.mark.parametrize(
    ("own", "said"), [(None, f"{2**31 - 1} 0"), ("200000", "200000 1")]
)
def test_copies_make_no_threads_unless_the_user_asks(own, said):
    """A team of OpenMP's for Python's thread would put MXNet's to sleep."""
    env = {k: v for k, v in os.environ.items() if k != "MXNET_CPU_PARALLEL_SIZE"}
    env |= {"OMP_NUM_THREADS": "2"} | ({"MXNET_CPU_PARALLEL_SIZE": own} if own else {})
    command = [sys.executable, "-c", COPY]
    process = subprocess.run(
        command, env=env, capture_output=True, text=True, check=True
    )
    assert process.stdout.split("\n")[-2] == said
