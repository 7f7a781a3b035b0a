"""The suite's families features and files: they pass, and each check can fail."""

from __future__ import annotations

import dataclasses
from functools import partial

import numpy as np
import pytest
from helpers.opening import Opening, wrap
from helpers.support import BACKENDS, TORCH_FIRST, within

import polyframe as pf
from polyframe.conformance import feature_cases, features, files
from polyframe.conformance.rules import rules
from polyframe.contract import registry
from polyframe.contract.backend import Backend
from polyframe.contract.session import TrainingSession
from polyframe.errors import ConformanceError, PolyframeError, UnsupportedError
from polyframe.spec.layers.base import Layer

FAMILIES = {"features": features, "files": files}


def checks_of(backend, family):
    return list(FAMILIES[family].checks(registry.get(backend), "cpu"))


def marked(check):
    """What runs in other dtypes, too, is a sample: the rest is for test-full."""
    fit = check.entry == "fit" and check.what != "all together"
    again = check.dtype != "float64" and (fit or check.entry == "eject")
    return pytest.param(check, marks=[pytest.mark.full] * again, id=str(check))


ALL = [marked(c) for b in BACKENDS for family in FAMILIES for c in checks_of(b, family)]


@pytest.mark.parametrize("check", ALL)
def test_conformance(check):
    for m in check.run():
        family = f"{check.family}: {m.what}"
        within(family, m.value, m.bound.value, (m.entry, m.backend, m.detail))


def test_nothing_is_left_out():
    assert set(feature_cases.RANDOM) == {
        w for w, la in Layer.registry.items() if la.random
    }
    kinds = {case.optimizer.type for case in feature_cases.CASES.values()}
    assert kinds == {rule.type for rule in rules().values()}
    weighted = {
        word
        for word, layer in Layer.registry.items()
        if word != "Block"
        and any(
            layer(**o).resolve({}).parameters(*shapes) for o, shapes in layer.examples
        )
    }
    cases = files.cases_with_weights([registry.get(b) for b in BACKENDS], "float64")
    assert {word for _, word, _, _ in cases} == weighted


# --- planted bugs ------------------------------------------------------------------


class Bug:
    """A mutation of any backend: of its sessions, or of what its writer is told."""

    session = staticmethod(lambda session: None)
    step = staticmethod(lambda step: step)
    layer = staticmethod(lambda layer: layer)


def planted(name, bug):
    """A backend with a bug."""
    real = type(registry.get(name))

    class Wrong(Opening, real):
        def write(self, graph, target, step):
            nodes = tuple(
                dataclasses.replace(n, layer=bug.layer(n.layer)) for n in graph.nodes
            )
            graph = dataclasses.replace(graph, nodes=nodes)
            return super().write(graph, target, step and bug.step(step))

        def opened(self, session):
            bug.session(session)
            return session

    return Wrong()


def training_without(**fields):
    """A writer that does not hear of a setting."""

    def step(step):
        training = dataclasses.replace(step.training, **fields)
        return dataclasses.replace(step, training=training)

    return type("Bug", (Bug,), {"step": staticmethod(step)})


def optimizer_with(**fields):
    def step(step):
        own = {f.name for f in dataclasses.fields(step.optimizer)} & set(fields)
        wrong = {name: fields[name] for name in own}
        return dataclasses.replace(
            step, optimizer=dataclasses.replace(step.optimizer, **wrong)
        )

    return type("Bug", (Bug,), {"step": staticmethod(step)})


def losses_without_weights(step):
    losses = tuple(dataclasses.replace(one, loss_weight=1.0) for one in step.losses)
    return dataclasses.replace(step, losses=losses)


class LossWeightIgnored(Bug):
    step = staticmethod(losses_without_weights)


class BiasedStatistics(Bug):
    @staticmethod
    def layer(layer):
        if layer.type != "BatchNorm":
            return layer
        return dataclasses.replace(layer, unbiased=not layer.unbiased)


class MomentumInverted(Bug):
    @staticmethod
    def layer(layer):
        if layer.type != "BatchNorm":
            return layer
        return dataclasses.replace(layer, momentum=1 - layer.momentum)


def wrapping(**methods):
    """A bug of sessions: method → (the real one, the session) → another."""

    def session(opened):
        wrap(opened, **{n: partial(make, s=opened) for n, make in methods.items()})

    return type("Bug", (Bug,), {"session": staticmethod(session)})


def last_batch_dropped(opened):
    """A batch of fewer samples than the first one is not learnt from."""
    if not isinstance(opened, TrainingSession):
        return
    stage, train, sizes = opened.stage, opened.train, []

    def staging(inputs, *rest):
        sizes.append(len(inputs[0]))
        return len(inputs[0]) < sizes[0], stage(inputs, *rest)

    def training(batch, rate, last=True):
        short, batch = batch
        before = opened.weights()
        handles = train(batch, rate, last)
        if short:
            opened.set_weights(before)
        return handles

    opened.stage, opened.train = staging, training
    opened.stages_ahead = False


class LastBatchDropped(Bug):
    session = staticmethod(last_batch_dropped)


def draws_changed(change):
    """Random layers get other factors than those that were drawn."""
    return wrapping(
        stage=lambda real, s: (
            lambda x, y, w, draws, count: real(
                x, y, w, [change(d) for d in draws], count
            )
        ),
        forward=lambda real, s: (
            lambda x, draws=(), training=False: real(
                x, [change(d) for d in draws], training
            )
        ),
    )


def unscaled(draw):
    """Kept or not, and no more."""
    return (draw != 0).astype(draw.dtype)


def own_draws(draw):
    return np.random.default_rng(7).permutation(draw.ravel()).reshape(draw.shape)


RATE = wrapping(
    train=lambda real, s: (
        lambda batch, rate, last=True: real(
            batch, s.__dict__.setdefault("first_rate", rate), last
        )
    )
)
EVERY = wrapping(
    train=lambda real, s: lambda batch, rate, last=True: real(batch, rate, True)
)
STALE = wrapping(set_training_state=lambda real, s: lambda state, step: None)
COUNTER = wrapping(
    set_training_state=lambda real, s: lambda state, step: real(state, 0)
)
TRAINING_MODE = wrapping(
    forward=lambda real, s: lambda x, draws=(), training=False: real(x, draws, True)
)
ORDER = wrapping(
    weights=lambda real, s: lambda: {k: v[::-1].copy() for k, v in real().items()}
)
NO_STATISTICS = wrapping(
    set_weights=lambda real, s: (
        lambda weights: real({k: v for k, v in weights.items() if "running" not in k})
    )
)
ROUNDED = wrapping(
    set_weights=lambda real, s: (
        lambda weights: real(
            {k: v.astype("float16").astype(v.dtype) for k, v in weights.items()}
        )
    )
)
AVERAGES = wrapping(
    training_state=lambda real, s: (
        lambda: {
            k: np.zeros_like(v) if k.endswith("/average") else v
            for k, v in real().items()
        }
    )
)

BUGS = {
    "last batch dropped": (LastBatchDropped, "features", "plain", "weights"),
    "a change of the rate ignored": (
        RATE, "features", "learning rate that changes", "weights",
    ),
    "an update with each batch": (EVERY, "features", "accumulate", "weights"),
    "no clip_norm": (
        training_without(clip_norm=None), "features", "clip_norm", "weights",
    ),
    "no clip_value": (
        training_without(clip_value=None), "features", "clip_value", "weights",
    ),
    "nothing frozen": (training_without(freeze=()), "features", "freeze", "weights"),
    "another average": (training_without(ema=0.75), "features", "ema", "EMA"),
    "averages not kept": (AVERAGES, "features", "ema", "state"),
    "momentum": (optimizer_with(momentum=0.81), "features", "plain", "state"),
    "decay of everything": (
        optimizer_with(decay_on="all"), "features", "accumulate, Adamax", "weights",
    ),
    "loss_weight ignored": (
        LossWeightIgnored, "features", "several inputs and outputs", "losses of steps",
    ),
    "biased statistics": (
        BiasedStatistics, "features", "statistics, images, defaults", "statistics of",
    ),
    "unbiased statistics": (
        BiasedStatistics, "features", "statistics, vectors, biased", "statistics of",
    ),
    "momentum of statistics inverted": (
        MomentumInverted, "features", "statistics, vectors, momentum 0.3", "predict",
    ),
    "training mode in predict": (
        TRAINING_MODE, "features", "training and inference", "predict",
    ),
    "statistics not loaded": (
        NO_STATISTICS, "features", "training and inference", "predict",
    ),
    "dropout not scaled": (
        draws_changed(unscaled), "features", "random numbers", "training",
    ),
    "draws of its own": (
        draws_changed(own_draws), "features", "random numbers", "training",
    ),
    "state not restored": (STALE, "files", "resume", "state"),
    "step counter not restored": (COUNTER, "files", "resume", "weights"),
    "weights in another order": (ORDER, "files", "round trip", "weights, loaded"),
    "weights rounded": (ROUNDED, "files", "round trip", "weights, loaded"),
}  # fmt: skip


@pytest.mark.parametrize("backend", TORCH_FIRST)
@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_is_caught(name, backend):
    bug, family, what, message = BUGS[name]
    checks = [
        c
        for c in FAMILIES[family].checks(planted(backend, bug), "cpu")
        if c.what == what and c.entry != "GaussianNoise" and c.dtype == "float64"
    ]
    assert checks
    for check in checks:
        missed = {m.what for m in check.measure() if not m.passed}
        assert any(message in what for what in missed), missed


def test_a_mutation_of_nothing_passes():
    """So what the planted ones are caught for is the bug, not the planting."""
    wanted = {"plain", "statistics, vectors, defaults", "random numbers", "resume"}
    right, passed = planted("torch", Bug), set()
    for module in FAMILIES.values():
        for check in module.checks(right, "cpu"):
            if check.what in wanted:
                check.run()
                passed.add(check.what)
    assert passed == wanted


def test_files_that_should_be_refused_and_are_not_are_caught(monkeypatch):
    (check,) = [c for c in checks_of("torch", "files") if c.what == "refusals"]
    check.run()
    taken = "polyframe.model.engine.fit_arrays"
    monkeypatch.setattr(taken, lambda w, *rest: (dict(w), None))
    with pytest.raises((ConformanceError, RuntimeError, KeyError)) as caught:
        check.run()
    if caught.type is ConformanceError:  # PyTorch itself refuses some
        assert "it was accepted" in str(caught.value)


# --- ejecting ----------------------------------------------------------------------


def ejecting(**fields):
    """A backend of which something about ejecting is different."""
    return type("Other", (type(registry.get("torch")),), fields)()


def ejects(backend):
    return [c for c in files.checks(backend, "cpu") if c.entry == "eject"]


def test_a_backend_that_ejects_nothing_says_so(tmp_path):
    silent = ejecting(abilities=registry.get("torch").abilities - {"eject"})
    recipe = pf.load_recipe("digits_cnn")
    assert not ejects(silent)
    with pytest.raises(
        UnsupportedError, match="the torch backend cannot eject scripts"
    ):
        files.eject(recipe, silent, tmp_path / "out", pf.data.load("digits"))


def test_one_that_says_it_does_and_has_no_pieces_is_caught(monkeypatch):
    torch = ejecting()
    monkeypatch.setattr(Backend, "file", lambda backend, name: None)
    with pytest.raises(PolyframeError, match=r"snippets/eject.py is missing"):
        ejects(torch)[0].run()


def test_a_script_that_does_not_run_is_caught():
    with pytest.raises(ConformanceError, match="the script runs.*nowhere"):
        ejects(ejecting(eject_head="import nowhere"))[0].run()


def test_a_script_that_trains_something_else_is_caught():
    """Its convolution is padded on the other side."""
    real, written = type(registry.get("torch")), []

    def write(self, *args):
        program = real.write(self, *args)
        written.append(program)
        if len(written) > 1:
            return program
        texts = {
            name: text.replace("F.pad(x, (1, 1, 0, 1)", "F.pad(x, (1, 1, 1, 0)")
            for name, text in program.files.items()
        }
        assert texts != program.files
        return dataclasses.replace(program, files=texts)

    with pytest.raises(ConformanceError, match="losses printed"):
        ejects(ejecting(write=write))[0].run()
