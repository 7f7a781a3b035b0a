"""The suite can fail: a wrong entry is caught, and a backend that does not load is no
skip."""

import dataclasses

import pytest
from polyframe_jax.backend import Jax

from polyframe import conformance
from polyframe.contract.backend import Probe
from polyframe.errors import BackendError, ConformanceError


def changed(old, new):
    """The backend with another text in its programs."""

    class Changed(Jax):
        def write(self, *args):
            program = super().write(*args)
            files = {k: v.replace(old, new) for k, v in program.files.items()}
            return dataclasses.replace(program, files=files)

    return Changed()


@pytest.mark.parametrize(
    ("family", "entry", "old", "new", "message"),
    [
        ("layers", "ReLU", "jax.nn.relu(", "jax.nn.relu6(", "forward, float64"),
        (
            "layers",
            "Softmax",
            "jax.nn.softmax(",
            "jax.nn.log_softmax(",
            "forward, float64",
        ),
        ("layers", "BatchNorm", "(count - 1)", "count", "running statistics"),
        ("layers", "AvgPool2D", "total / divisor", "total / 4", "forward, float64"),
        ("losses", "cross_entropy", "smoothing / ", "smoothing * ", "loss of a step"),
        ("losses", "mse", "** 2", "** 4", "gradients"),
        ("optimizers", "SGD", "0.8 * kept", "0.8001 * kept", "weights after 50 steps"),
        ("optimizers", "Adam", "beta2**step", "beta2", "weights after 50 steps"),
        ("features", "fit", "norm + 1e-6", "norm + 1e-3", "clip_norm on jax: state"),
        ("features", "fit", "ema * a + (1 - ema)", "ema * a + ema", "EMA"),
        ("features", "Dropout", "* random[0]", "* 1", "FAILED"),
    ],
)
def test_a_wrong_text_is_caught(family, entry, old, new, message):
    wrong = changed(old, new)
    checks = [c for c in conformance.checks(wrong, [family]) if c.entry == entry]
    assert checks
    messages = []
    for check in checks:
        try:
            check.run()
        except Exception as error:
            messages.append(str(error))
            if message in messages[-1]:
                return
    pytest.fail(f"not caught: {messages}")


def test_an_entry_that_is_not_declared_is_missed():
    poor = Jax()
    poor.table = {k: v for k, v in Jax.table.items() if k != "ReLU"}
    (check,) = (c for c in conformance.checks(poor, ["gaps"]) if c.entry == "ReLU")
    with pytest.raises(ConformanceError, match="neither written nor in gaps.yaml"):
        check.run()


def test_a_backend_that_does_not_load_is_an_error_and_no_skip():
    class Broken(Jax):
        def probe(self):
            return Probe(False, None, problem="jaxlib is too old")

    with pytest.raises(BackendError, match="is not usable: jaxlib is too old"):
        conformance.checks(Broken())
