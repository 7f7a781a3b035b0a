"""The suite's families losses, optimizers and training: they pass, and they can fail."""

from __future__ import annotations

import re

import pytest
from helpers.changed import changed, planted
from helpers.opening import Opening, wrap
from helpers.support import BACKENDS, within

from polyframe import conformance
from polyframe.contract import registry
from polyframe.contract.backend import Backend
from polyframe.errors import ConformanceError, PolyframeError
from polyframe.spec.losses import Loss
from polyframe.spec.optimizers import Optimizer

FULL_ONLY = {
    "nadam",
    "radam",
    "adamax",
    "rmsprop",
    "adagrad",
    "adadelta",
    "lamb",
    "lars",
}
"""Rules of plain defaults: their options are tested anyway."""
IN_FLOAT32 = {"cross_entropy", "triplet", "plain"}
"""Losses and nets whose steps in float32 are the sample; the rest is for test-full."""


def suite(families):
    for backend in BACKENDS:
        for check in conformance.checks(backend, families):
            _, _, name = check.what.partition(", ")
            plain = check.family == "optimizers" and name in FULL_ONLY
            single = check.dtype == "float32" and check.entry not in IN_FLOAT32
            again = single and ("steps" in check.what or check.family == "training")
            marks = [pytest.mark.full] if plain or again else []
            yield pytest.param(check, marks=marks, id=str(check))


@pytest.mark.parametrize("check", list(suite(["losses", "optimizers", "training"])))
def test_conformance(check):
    for m in check.run():
        family = f"{check.family}: {m.what}"
        within(family, m.value, m.bound.value, (m.entry, m.backend, m.detail))


def misses(backend, family, entry, *what):
    """Texts of the checks that fail, of those that have these words in their name."""
    texts = []
    for check in conformance.checks(backend, [family]):
        if check.entry == entry and all(word in check.what for word in what):
            try:
                check.run()
            except PolyframeError as error:
                texts.append(str(error))
    return texts


@pytest.mark.parametrize(
    ("family", "entry", "what", "text", "new", "message"),
    [
        ("losses", "mse", "steps, sum", "F.mse_loss", "F.l1_loss", "loss of a step"),
        (
            "losses", "cross_entropy", "steps, mean",
            "label_smoothing=0.1", "label_smoothing=0.11", "loss of a step",
        ),
        ("optimizers", "SGD", "momentum=0.8, weight_decay=0.1", "momentum=0.8",
            "momentum=0.81", "weights"),
        ("optimizers", "SGD", "nesterov=True", "nesterov=True",
            "nesterov=False", "weig"),
        (
            "training", "plain", "100 steps", "x * random[0]", "x * 1.1 * random[0]",
            "momentum_buffer, step 100",
        ),
    ],
)  # fmt: skip
def test_a_planted_bug_is_caught(family, entry, what, text, new, message):
    wrong = planted("torch", text, new)
    texts = misses(wrong, family, entry, what)
    assert type(wrong).hits, "the bug was not planted"
    assert message in " ".join(texts)


def session(name, **methods):
    """A backend whose sessions do something else."""
    real = registry.get(name)

    class Wrong(Opening, type(real)):
        def opened(self, session):
            return wrap(session, **methods)

    return Wrong()


@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize(
    ("family", "entry", "what", "method", "make", "message"),
    [
        (  # stale state after loading
            "optimizers", "SGD", "momentum=0.8, weight_decay=0.1", "set_training_state",
            lambda real: lambda state, step: None, "state loaded, and read again",
        ),
        (  # the step counter is not restored
            "optimizers", "Adam", "adam, lr=0.02", "set_training_state",
            lambda real: lambda state, step: real(state, 0), "read again|from step 20",
        ),
        (  # a change of the rate is not heard
            "optimizers", "SGD", "momentum=0.8, weight_decay=0.1", "train",
            lambda real: lambda batch, rate, last=True: real(batch, 0.05, last),
            "weights after 50 steps",
        ),
    ],
)  # fmt: skip
def test_a_session_that_forgets_is_caught(
    name, family, entry, what, method, make, message
):
    wrong = session(name, **{method: make})
    assert isinstance(wrong, Backend)
    assert not misses(registry.get(name), family, entry, what)
    assert re.search(message, " ".join(misses(wrong, family, entry, what)))


def test_what_a_backend_lacks_is_in_no_family_but_gaps():
    known = {*Loss.registry, *Optimizer.registry}
    table = registry.get("torch").table.items()
    poor = changed("torch", table={k: v for k, v in table if k not in known})
    assert not list(conformance.checks(poor, ["losses", "optimizers", "training"]))
    missing = [c for c in conformance.checks(poor, ["gaps"]) if c.entry == "mse"]
    with pytest.raises(ConformanceError, match="neither written nor in gaps"):
        missing[0].run()
