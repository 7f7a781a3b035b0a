"""A program is written anew for other targets; where that fails, nothing is lost."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.opening import Opening, wrap
from helpers.support import TORCH_FIRST

import polyframe as pf
from polyframe.contract import registry

NET = pf.Sequential([pf.Dense(3, name="fc")], (4,), name="small")
X, LABELS = np.random.default_rng(0).normal(size=(6, 4)), np.arange(6) % 3
SOFT = np.eye(3)[LABELS]


class BrokenError(RuntimeError):
    """What a backend may throw."""


def failing(name, at):
    """A backend that fails from some moment on: when it writes a program, opens a session
    or is given weights or the optimizer's state."""

    def broken(*args, **kwargs):
        raise BrokenError(at)

    class Failing(Opening, type(registry.get(name))):
        fails = False

        def write(self, *args):
            return broken() if self.fails and at == "write" else super().write(*args)

        def opened(self, session):
            if self.fails and at == "open":
                broken()
            if self.fails:
                wrap(session, **{at: lambda real: broken})
            return session

    return Failing()


@pytest.mark.parametrize("backend", TORCH_FIRST)
def test_a_failure_leaves_the_model_as_it_was(backend):
    """It goes on as one that was never asked."""
    optimizer = pf.SGD(0.1, momentum=0.9)
    undisturbed = pf.compile(NET, backend, "cross_entropy", optimizer, device="cpu")
    for _ in range(2):
        undisturbed.train_step(X, LABELS)
    for at in ("write", "open", "set_weights", "set_training_state"):
        wrong = failing(backend, at)
        model = pf.compile(NET, wrong, "cross_entropy", optimizer, device="cpu")
        model.train_step(X, LABELS)
        before, source = model.weights(), model.source
        type(wrong).fails = True
        for change in (
            lambda: model.train_step(X, SOFT),  # noqa: B023
            lambda: model.fit(X, LABELS, sample_weight=np.ones(6)),  # noqa: B023
        ):
            with pytest.raises(BrokenError, match=at):
                change()
        type(wrong).fails = False
        assert model.source == source and not model.engine.weighted
        for name, value in model.weights().items():
            np.testing.assert_array_equal(value, before[name])
        model.train_step(X, LABELS)
        for name, value in model.weights().items():
            np.testing.assert_array_equal(value, undisturbed.weights()[name], at)
        model.train_step(X, SOFT)
